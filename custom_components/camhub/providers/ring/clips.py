"""Recordings (protocols.md 4.6): listed from the history, read piece by piece from addresses that soon end."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
import random
import re
from typing import ClassVar, Final, override

import aiohttp
from ring_doorbell.const import API_URI, URL_RECORDING

from ...kernel.body import read_chunk
from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from ...kernel.model import Clip
from ...kernel.policy import Backoff, retry, within
from ...kernel.provider import Clips
from ...kernel.reading import child, text
from .answers import NotThere, refusal
from .history import PAGES, page
from .parse import Sighting
from .stills import CameraHandle
from .wire import pause_of, translated

LISTED: Final = 50
# A recording is ready some minutes after its event at the latest; an older one that is not there is gone.
READY_ATTEMPTS: Final = 7
READY_WAITS: Final = Backoff(first=3, factor=2, maximum=60, jitter=1)
READY_BY: Final = timedelta(minutes=15)
SILENCE_S: Final = 30.0
# So many bytes of a recording hold what tells its format.
HEAD: Final = 32768
# Times in a row that a download may break off, or its address end, without a byte between.
FRUITLESS: Final = 4
BREAK_WAITS: Final = Backoff(first=1, factor=2, maximum=30, jitter=0.5)
_PART: Final = re.compile(r"bytes (\d+)-\d+/(\d+)")
_NOTHING: Final = timedelta()


class _AddressEnded(Unreachable):
    """The signed address is no longer accepted."""

    default_reason: ClassVar[str] = "clip_not_ready"


@dataclass(slots=True)
class _Progress:
    """How far a download has come; `size` is known from its first answer on."""

    offset: int = 0
    size: int | None = None

    @property
    def done(self) -> bool:
        return self.size is not None and self.offset >= self.size


class RingClips(Clips):
    """The recordings of one camera, as far as its subscription keeps them."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        """List what was recorded and is ready, oldest first; raises HubError, Unsupported without a subscription."""
        self._require_subscription()
        found: list[Sighting] = []
        following: int | None = None
        for _ in range(PAGES):
            part = await page(self._handle.client, self._handle.unit, older_than=following, limit=LISTED)
            seen, following = part.events, part.following
            found += [each for each in seen if each.at < end and each.at + (each.length or _NOTHING) >= start]
            if following is None or (seen and seen[-1].at < start):
                break
        return [clip_of(each) for each in reversed(found) if each.ready]

    @override
    async def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        """Yield the bytes of one recording, each once however often the download breaks off; raises HubError.

        One in H.265, which hardly any browser plays, comes as the service converts it, where it does.
        """
        self._require_subscription()
        head = bytearray()
        async with aclosing(self._download(clip, self._address)) as film:
            async for chunk in film:
                head += chunk
                if len(head) >= HEAD:
                    break
            if not is_hevc(bytes(head)) or not await self._is_converted(clip):
                yield bytes(head)
                async for chunk in film:
                    yield chunk
                return
        async with aclosing(self._download(clip, self._converted)) as film:
            async for chunk in film:
                yield chunk

    async def _download(self, clip: Clip, find: Callable[[Clip], Awaitable[str]]) -> AsyncGenerator[bytes]:
        """Yield what is at the address that `find` returns, another one whenever that has ended; raises HubError."""
        clock = self._handle.client.clock
        progress, waits, fruitless = _Progress(), BREAK_WAITS.delays(random.random), 0
        address = await find(clip)
        while not progress.done:
            before, why = progress.offset, "clip_broken_off"
            try:
                async with aclosing(self._rest(address, progress)) as rest:
                    async for chunk in rest:
                        yield chunk
            except _AddressEnded:
                address = await find(clip)
            except Throttled:
                raise
            except Unreachable as error:
                if error.reason == "clip_not_ready":
                    why = error.reason
                await clock.sleep(next(waits))
            fruitless = 0 if progress.offset > before else fruitless + 1
            if fruitless >= FRUITLESS:
                raise Unreachable("broken off too often", reason=why)

    async def _rest(self, address: str, progress: _Progress) -> AsyncGenerator[bytes]:
        """Yield what is left of a recording; raises Unreachable where it breaks off, Malformed for another's bytes."""
        client = self._handle.client
        async with client.film(address, progress.offset) as response:
            surplus = self._begin(response, progress)
            while chunk := await within(client.clock, SILENCE_S, _chunk(response)):
                fresh = chunk[surplus:]
                surplus = max(0, surplus - len(chunk))
                progress.offset += len(fresh)
                if fresh:
                    yield fresh
        if progress.size is None:
            # Nobody told: it ends where the answer does.
            progress.size = progress.offset
        if not progress.done:
            raise Unreachable("it ended too early", reason="clip_broken_off")

    def _begin(self, response: aiohttp.ClientResponse, progress: _Progress) -> int:
        """Take an answer's head; return how many of its bytes are known already."""
        part = _PART.fullmatch(response.headers.get("Content-Range", ""))
        if response.status == HTTPStatus.PARTIAL_CONTENT and part is not None and int(part[1]) == progress.offset:
            size: int | None = int(part[2])
            surplus = 0
        elif response.status == HTTPStatus.OK:
            size, surplus = response.content_length, progress.offset
        elif response.status == HTTPStatus.FORBIDDEN:
            raise _AddressEnded("HTTP 403")
        elif response.status == HTTPStatus.NOT_FOUND:
            # Handed out before what it leads to is written; what is gone gets no address.
            raise Unreachable("HTTP 404", reason="clip_not_ready")
        else:
            raise refusal(response.status, b"", pause_of(response, self._handle.client.clock.now()))
        if progress.size is not None and size != progress.size:
            raise Malformed("its size has changed", reason="clip_changed")
        progress.size = size
        return surplus

    async def _address(self, clip: Clip) -> str:
        """Return where a recording can be had now, once it is ready; raises HubError."""
        client, unit = self._handle.client, self._handle.unit
        if not clip.id.isdigit():
            raise Unsupported("no such clip", reason="not_on_server")
        fresh = client.clock.now() - clip.start <= READY_BY

        async def once() -> str:
            try:
                address = await client.ask(lambda: client.device(unit).async_recording_url(int(clip.id)))
            except NotThere:
                if not fresh:
                    raise
                address = None
            if not isinstance(address, str):
                raise Unreachable("not ready", reason="clip_not_ready")
            if not address.startswith("https://"):
                raise Malformed("no address of ours")
            return address

        attempts = READY_ATTEMPTS if fresh else 1
        return await retry(once, clock=client.clock, attempts=attempts, backoff=READY_WAITS)

    async def _is_converted(self, clip: Clip) -> bool:
        """Return whether the service has a recording in a format that every browser plays; raises AuthError."""
        try:
            await self._converted(clip)
        except AuthError:
            raise
        except HubError as error:
            self._handle.client.context.counters.count(f"clip.not_converted.{error.reason}")
            return False
        return True

    async def _converted(self, clip: Clip) -> str:
        """Return where a recording can be had as the service converts it; raises HubError."""
        client = self._handle.client
        await client.meet()
        path = API_URI + URL_RECORDING.format(clip.id)
        reply = await client.request("GET", path, query={"disable_redirect": "true"})
        # It leads there all the same now and then (protocols.md 4.6).
        address = reply.headers.get("Location") or text(child(reply.said).get("url"))
        if address is None or not address.startswith("https://"):
            raise Unreachable("not converted", reason="clip_not_ready")
        return address

    def _require_subscription(self) -> None:
        if not self._handle.unit.records:
            raise Unsupported("no subscription", reason="subscription_missing")


def is_hevc(head: bytes) -> bool:
    """Return whether the beginning of an MP4 tells of H.265 video (ISO 14496-15 section 8.4.1)."""
    return b"hvc1" in head or b"hev1" in head


def clip_of(sighting: Sighting) -> Clip:
    """Return the recording of an event."""
    end = None if sighting.length is None else sighting.at + sighting.length
    return Clip(id=sighting.id, camera=sighting.camera, start=sighting.at, end=end, kind=sighting.kind)


async def _chunk(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await read_chunk(response)
    except (aiohttp.ClientError, OSError) as error:
        raise translated(error) from None
