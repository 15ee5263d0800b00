"""Tries an address, or a host's known addresses, and says what is there."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Final

from yarl import URL

from ...kernel.clock import Clock
from ...kernel.errors import AuthError, HubError, Malformed, Unreachable
from ...kernel.jpeg import jpeg_size
from ...kernel.policy import within
from ...kernel.provider import Context
from ...kernel.secret import Secret
from .address import shown, with_login
from .candidates import Candidate, known_still, rtsp_streams, streams
from .client import Client
from .health import NO_PAGE, find_page
from .media import HttpMjpeg
from .settings import Kind

# Seconds: for a first picture, for counting pictures, for a picture among many addresses tried, for all of those.
PATIENCE: Final = 10.0
MEASURE: Final = 2.0
QUICK: Final = 4.0
SEARCH: Final = 20.0
PICTURES_COUNTED: Final = 30
PORTS_AT_ONCE: Final = 5
# What tells that the camera itself, and not only one of its addresses, gives no answer.
_NOBODY: Final = frozenset({"cannot_connect", "timeout"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What an address gives: `size` in pixels, `fps` pictures a second, None if it could not be told."""

    url: URL
    kind: Kind
    picture: bytes = field(repr=False)
    still: URL | None = None
    fps: float | None = None
    page: str | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Return width and height in pixels."""
        return jpeg_size(self.picture)


class Probe:
    """Tries addresses of one host with one login."""

    def __init__(self, context: Context, host: str, username: str, password: Secret, *, verify_tls: bool) -> None:
        """Prepare; nothing is asked yet."""
        self._context = context
        self._clock: Clock = context.clock
        self._login = (username, password)
        self._client = Client(context, host, username, password, verify_tls=verify_tls)

    async def stream(self, url: URL) -> Finding:
        """Watch an address for a moment; raises HubError."""
        return await self._completed(await self._watch(Candidate(url=url, still=known_still(url)), PATIENCE))

    async def still(self, url: URL) -> None:
        """Take the single picture of an address; raises HubError."""
        try:
            await within(self._clock, PATIENCE, self._client.picture(url))
        except Unreachable as error:
            # A placeholder proves the address.
            if error.reason != "no_signal":
                raise

    async def search(self, host: URL, *, port_given: bool) -> Finding:
        """Try what is known of cameras on a host, several ports at once; raises AuthError, Unreachable."""
        candidates = streams(host, port_given=port_given)
        by_origin: dict[URL, list[Candidate]] = {}
        for candidate in candidates:
            by_origin.setdefault(candidate.url.origin(), []).append(candidate)
        slots = asyncio.Semaphore(PORTS_AT_ONCE)
        found: list[Finding] = []
        refused: list[AuthError] = []

        async def try_origin(group: list[Candidate]) -> None:
            async with slots:
                await self._try(group, found, refused)

        async def try_all() -> None:
            async with asyncio.TaskGroup() as tasks:
                for group in by_origin.values():
                    tasks.create_task(try_origin(group))

        # When time is up, what was found until then counts.
        with suppress(Unreachable):
            await within(self._clock, SEARCH, try_all())
        order = [candidate.url for candidate in candidates]
        if found:
            best = min(found, key=lambda each: (each.kind is not Kind.STREAM, order.index(each.url)))
            return await self._completed(best)
        if refused:
            raise refused[0]
        tried = ", ".join(shown(url) for url in order)
        raise Unreachable("no known stream", reason="nothing_found", placeholders={"tried": tried})

    async def _try(self, group: list[Candidate], found: list[Finding], refused: list[AuthError]) -> None:
        """Try one port's addresses one after the other: small cameras serve few at a time, and others count logins."""
        for candidate in group:
            try:
                found.append(await self._watch(candidate, QUICK))
            except AuthError as error:
                refused.append(error)
            except HubError as error:
                if error.reason not in _NOBODY:
                    continue
            return

    async def rtsp(self, url: URL) -> Finding:
        """Take one picture from an RTSP address; raises HubError."""
        picture = await self._context.grabber.grab(with_login(url, *self._login), PATIENCE)
        return Finding(url=url, kind=Kind.RTSP, picture=picture, page=NO_PAGE)

    async def search_rtsp(self, host: URL) -> Finding:
        """Try the known RTSP addresses of a host one after the other; raises HubError."""
        tried = rtsp_streams(host)
        for url in tried:
            try:
                return await self.rtsp(url)
            except Malformed:
                continue
        named = ", ".join(shown(url) for url in tried)
        raise Unreachable("no known stream", reason="nothing_found", placeholders={"tried": named})

    async def _watch(self, candidate: Candidate, patience: float) -> Finding:
        mjpeg = HttpMjpeg(self._client, candidate.url, self._clock)
        async with aclosing(mjpeg.frames()) as frames:
            try:
                picture = await within(self._clock, patience, anext(frames))
            except Unreachable as error:
                if error.reason != "timeout" or not mjpeg.opened:
                    raise
                raise Unreachable("connected, but no pictures come", reason="no_frames") from None
            fps = None if mjpeg.single else await self._measured(frames)
        return Finding(
            url=candidate.url,
            still=candidate.still,
            kind=Kind.STILL if mjpeg.single else Kind.STREAM,
            picture=picture,
            fps=fps,
        )

    async def _measured(self, frames: AsyncGenerator[bytes]) -> float | None:
        """Return pictures a second over a moment, None if too few come to tell."""
        begun = last = self._clock.monotonic()
        counted = 0
        while counted < PICTURES_COUNTED and (left := begun + MEASURE - last) > 0:
            try:
                await within(self._clock, left, anext(frames))
            except HubError:
                break
            counted += 1
            last = self._clock.monotonic()
        return counted / (last - begun) if last > begun else None

    async def _completed(self, found: Finding) -> Finding:
        """Add the status page, and the single picture's address where the known one works."""
        still: URL | None = None
        if found.kind is Kind.STREAM and found.still is not None:
            # Only a guess: the first picture of the stream does as well.
            with suppress(HubError):
                await self.still(found.still)
                still = found.still
        page: str | None = None
        # Not knowing is no failure: it is looked for again when the camera is in use.
        with suppress(HubError):
            page = await find_page(self._client, found.url, self._clock)
        return replace(found, still=still, page=page)
