"""CamHub's own service on a Raspberry Pi: `POST /upload?name=`, raw body, checked there against its SHA-256."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
import json
from typing import IO, Any, Final, override

import aiohttp
from yarl import URL

from ...kernel.body import read_all
from ...kernel.clock import Clock
from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from ...kernel.policy import retry_after
from ...kernel.secret import Secret
from . import Archive, Film, NameTaken, Stored

_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=15, sock_connect=15, sock_read=120)
_ANSWER: Final = 2**16
_PROBE: Final = "camhub-check.txt"


class PiArchive(Archive):
    """Films on a Pi; a reference is what the service calls the file."""

    def __init__(self, session: aiohttp.ClientSession, address: str, token: Secret, clock: Clock) -> None:
        """Take the service's address (`http://pi:3002`); nothing is asked yet."""
        self._session = session
        self._address = URL(address)
        self._token = token
        self._clock = clock

    @override
    async def put(self, film: Film, name: str) -> Stored:
        """Send a film; the service takes the same one twice as one."""
        facts = {"X-Camera": film.facts.get("camera"), "X-Started-At": film.facts.get("started-at")}
        headers = {
            "Content-Type": film.content_type,
            "Content-Length": str(film.size),
            "X-Content-SHA256": film.sha256,
            # A header takes no other letters.
            **{key: value for key, value in facts.items() if value and value.isascii() and value.isprintable()},
        }
        try:
            body = await asyncio.to_thread(film.path.open, "rb")
        except OSError as error:
            raise Unreachable(f"{error.strerror}", reason="spool_unusable") from error
        with body:
            # It knows files, no folders.
            said = await self._ask("POST", "upload", name=name.replace("/", "_"), headers=headers, body=body)
        reference = said.get("name")
        if not isinstance(reference, str) or (said.get("size"), said.get("sha256")) != (film.size, film.sha256):
            raise Malformed("another file is there", reason="archive_differs")
        return Stored(reference=reference, digest=film.sha256)

    @override
    async def verify(self, stored: Stored, film: Film) -> None:
        """Compare what the service measured of the file on its disk."""
        if stored.digest != film.sha256:
            raise Malformed("another file is there", reason="archive_differs")

    @override
    async def check(self) -> None:
        """Ask whether it takes the token, then how it does, which it tells in full only to who may send."""
        # What is no film it refuses.
        with suppress(Unsupported):
            await self._ask("POST", "upload", name=_PROBE, headers={"Content-Type": "text/plain"})
        said = await self._ask("GET", "health")
        if not isinstance(said.get("videosPath"), str):
            raise Malformed("another service", reason="archive_not_pi")

    @override
    def address(self, reference: str) -> str:
        """Return the file's address at the service, which asks for the token."""
        return str(self._address.with_user(None) / "videos" / reference)

    @override
    async def link(self, reference: str, seconds: int) -> str | None:
        """Return None: the service hands nothing out."""
        return None

    @override
    async def delete(self, reference: str) -> None:
        """Delete a film; the service says by 404 that it is gone already."""
        url = self._address / "videos" / reference
        try:
            async with self._session.delete(
                url, headers=self._shown, timeout=_TIMEOUT, allow_redirects=False
            ) as response:
                if response.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}:
                    raise self._refusal(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(type(error).__name__, reason="archive_unreachable") from error

    @override
    async def close(self) -> None:
        """Leave the session to who owns it."""

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: IO[bytes] | None = None,
    ) -> Mapping[str, Any]:
        """Return an answer's JSON; raises HubError."""
        url = (self._address / path).with_query({} if name is None else {"name": name})
        try:
            async with self._session.request(
                method,
                url,
                headers={**self._shown, **(headers or {})},
                data=body,
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as response:
                if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
                    raise self._refusal(response)
                said = json.loads(await read_all(response, _ANSWER, reason="archive_not_pi"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(type(error).__name__, reason="archive_unreachable") from error
        except (ValueError, RecursionError) as error:
            raise Malformed("no JSON", reason="archive_not_pi") from error
        if not isinstance(said, dict):
            raise Malformed("no object", reason="archive_not_pi")
        return said

    @property
    def _shown(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    def _refusal(self, response: aiohttp.ClientResponse) -> HubError:
        """Return what an answer that is no success says."""
        text = f"HTTP {response.status}"
        match response.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return AuthError(text, reason="archive_refused")
            case HTTPStatus.CONFLICT:
                return NameTaken(text)
            case HTTPStatus.INSUFFICIENT_STORAGE:
                return Unreachable(text, reason="archive_full")
            case HTTPStatus.UNPROCESSABLE_ENTITY:
                return Malformed(text, reason="archive_differs")
            case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                return Unsupported(text, reason="archive_too_large")
            case HTTPStatus.UNSUPPORTED_MEDIA_TYPE | HTTPStatus.BAD_REQUEST:
                return Unsupported(text, reason="archive_unwanted")
            case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
                return Malformed(text, reason="archive_not_pi")
            case HTTPStatus.TOO_MANY_REQUESTS:
                pause = retry_after(response.headers.get("Retry-After"), self._clock.now())
                return Throttled(text, retry_after=pause)
            case _:
                return Unreachable(text, reason="archive_unreachable")
