"""HTTP towards cameras that know little of it: GET only, nothing added to an address, one redirect at most."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
import json
from typing import Final

import aiohttp
from yarl import URL

from ...kernel.body import read_all, read_chunk
from ...kernel.clock import Clock
from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from ...kernel.http_auth import HttpAuth
from ...kernel.jpeg import JPEG_END, jpeg_in, with_tables
from ...kernel.mjpeg import JpegReader
from ...kernel.model import JsonValue
from ...kernel.odd_head import HeadMender
from ...kernel.policy import retry_after, within
from ...kernel.provider import Context
from ...kernel.redirects import onward
from ...kernel.resolving import places_of
from ...kernel.secret import Secret
from .address import port_of

# A stream has no end, so only connecting and silence are limited (seconds).
ENDLESS: Final = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=10)
PICTURE_LIMIT: Final = 16 * 2**20
_JSON_LIMIT: Final = 2**16
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_PICTURES: Final = ("multipart/", "image/")
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
# A picture that has come whole is not kept waiting for longer: some cameras neither say its length nor hang up.
LAST_WORD: Final = 1.0
_PADDING: Final = 4096


class Client:
    """Asks one camera's host; the login goes to that host only, by Digest or Basic as each port of it wants."""

    def __init__(
        self,
        context: Context,
        host: str,
        username: str,
        password: Secret,
        *,
        verify_tls: bool,
        timeout: aiohttp.ClientTimeout = ENDLESS,
    ) -> None:
        """Prepare; nothing is asked yet."""
        self._timeout = timeout
        self._context = context
        self._host = host
        self._username = username
        self._password = password
        self._verify_tls = verify_tls
        self._sessions: dict[URL, aiohttp.ClientSession] = {}

    @asynccontextmanager
    async def open(self, url: URL) -> AsyncGenerator[aiohttp.ClientResponse]:
        """GET a resource that may never end and give its answer if that is a success; raises HubError."""
        response = await self._get(url)
        try:
            if response.status in _REDIRECTS:
                target = _redirected(response)
                response.close()
                response = await self._get(target)
            self._check(response)
            yield response
        finally:
            response.close()

    async def picture(self, url: URL) -> bytes:
        """GET one JPEG; raises HubError."""
        async with self.open(url) as response:
            if response.headers.get("X-UStreamer-Online", "").lower() == "false":
                raise Unreachable("the server shows a placeholder for its camera", reason="no_signal")
            return await picture_of(response, self._context.clock)

    async def json(self, url: URL) -> tuple[int, JsonValue]:
        """GET a status page (200, or 503 of one that reports a fault) and return code and content; raises HubError."""
        response = await self._get(url)
        try:
            if response.status != HTTPStatus.SERVICE_UNAVAILABLE:
                self._check(response)
            if response.content_type.startswith(_PICTURES):
                # Some servers give their stream, which has no end, for whatever is asked.
                raise Malformed("pictures and no status page", reason="not_a_camera")
            text = await body(response, _JSON_LIMIT)
        finally:
            response.close()
        try:
            return response.status, json.loads(text)
        except ValueError, RecursionError:
            # A proxy before the camera says that it is away, and not what it is like.
            self._check(response)
        raise Malformed("no status page", reason="not_a_camera")

    async def reach(self, url: URL) -> None:
        """Open a connection to an address of any kind and close it again; raises Unreachable."""
        host = url.host or ""
        with suppress(OSError):
            for place in await places_of(self._session(url.origin()), host) or (host,):
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(place, port_of(url))
                    writer.close()
                    return
        raise Unreachable("no connection")

    async def _get(self, url: URL) -> aiohttp.ClientResponse:
        session = self._session(url.origin())
        with translated():
            return await session.get(url, allow_redirects=False, timeout=self._timeout)

    def _session(self, origin: URL) -> aiohttp.ClientSession:
        """Return the session for an origin, asked for once: a Digest nonce is worth keeping."""
        if origin not in self._sessions:
            known = bool(self._username) and origin.host == self._host
            auth = (HttpAuth(self._username, self._password),) if known else ()
            middlewares = (*auth, HeadMender())
            self._sessions[origin] = self._context.session(verify_tls=self._verify_tls, middlewares=middlewares)
        return self._sessions[origin]

    def _check(self, response: aiohttp.ClientResponse) -> None:
        """Raise what an answer means that is no success (reference: protocols, Raspberry Pi, errors)."""
        status = response.status
        pause = retry_after(response.headers.get("Retry-After"), self._context.clock.now())
        if status in _REFUSED and self._username:
            raise AuthError(f"HTTP {status}")
        if status in _REFUSED:
            raise AuthError(f"HTTP {status}", reason="login_required")
        if status in _GONE:
            raise Malformed(f"HTTP {status}", reason="not_found")
        if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and pause is not None):
            raise Throttled(f"HTTP {status}", retry_after=pause)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"HTTP {status}")
        if status != HTTPStatus.OK:
            raise Malformed(f"HTTP {status}", reason="not_a_camera")


def _redirected(response: aiohttp.ClientResponse) -> URL:
    """Return where an answer points to, if that may be followed; raises Malformed."""
    target = onward(response.url, response.headers.get("Location", ""))
    if target is None or target == response.url:
        raise Malformed("a redirect that is not followed", reason="not_a_camera")
    return target


async def body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read an answer of at most `limit` bytes; raises HubError."""
    with translated():
        return await read_all(response, limit, reason="not_a_camera")


async def picture_of(response: aiohttp.ClientResponse, clock: Clock) -> bytes:
    """Read the picture that an answer is, or begins with where it is a stream; raises HubError."""
    if response.content_type.startswith("multipart/"):
        return await _first_of(response)
    content = bytearray()
    while len(content) <= PICTURE_LIMIT:
        whole = content[-_PADDING:].rstrip(b"\r\n\0").endswith(JPEG_END) and jpeg_in(bytes(content)) is not None
        try:
            with translated():
                chunk = await (within(clock, LAST_WORD, read_chunk(response)) if whole else read_chunk(response))
        except Unreachable:
            # More was promised than a picture is; that is all there is.
            if not whole:
                raise
            chunk = b""
        if not chunk:
            return picture_in(bytes(content))
        content += chunk
    raise Malformed("no picture is so large", reason="not_a_camera")


async def _first_of(response: aiohttp.ClientResponse) -> bytes:
    reader = JpegReader(response.headers.get("Content-Type", ""))
    with translated():
        while chunk := await read_chunk(response):
            for picture in reader.feed(chunk):
                return with_tables(picture)
    raise Malformed("a stream without a picture", reason="not_a_picture")


def picture_in(content: bytes) -> bytes:
    """Return the JPEG without what some cameras send after it; raises Malformed if it is none."""
    picture = jpeg_in(content)
    if picture is None:
        raise Malformed("no whole JPEG", reason="not_a_picture")
    return with_tables(picture)


@contextmanager
def translated() -> Generator[None]:
    """Turn aiohttp's errors into ours, without their texts: those hold addresses."""
    failure: HubError
    try:
        yield
    except aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError:
        failure = Unreachable("the certificate is not trusted, or no TLS", reason="tls_untrusted")
    except TimeoutError:
        failure = Unreachable("no answer in time", reason="timeout")
    except aiohttp.ClientConnectionError, OSError:
        failure = Unreachable("no connection")
    except aiohttp.ClientPayloadError:
        failure = Unreachable("the connection broke off")
    except aiohttp.ClientError:
        failure = Malformed("not HTTP", reason="not_a_camera")
    else:
        return
    raise failure
