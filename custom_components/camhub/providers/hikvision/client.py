"""Asks one device, over one signed session, never more than two things at once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
import math
from typing import Final

import aiohttp
from yarl import URL

from ...kernel.body import is_no_http, read_all, read_chunk
from ...kernel.errors import AuthError, Malformed, Throttled, Unreachable, Unsupported
from ...kernel.http_auth import HttpAuth
from ...kernel.jpeg import JPEG_START
from ...kernel.policy import Backoff, retry, retry_after, within
from ...kernel.provider import Context
from ...kernel.redirects import onward
from ...kernel.secret import Credentials
from .address import normalise
from .answers import LOCKED, UNAUTHORIZED, DeviceBusy, locked, refusal, trouble
from .tree import Node, read_xml

ANSWER_S: Final = 10.0
XML_LIMIT: Final = 4 * 2**20
PICTURE_LIMIT: Final = 16 * 2**20
AT_ONCE: Final = 2
BUSY_ATTEMPTS: Final = 3

_BUSY_WAITS: Final = Backoff(first=0.5, factor=2.0, maximum=2.0, jitter=0.25)
# Limits are kept with the injected clock instead.
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)
_OK: Final = 200
_NOT_FOUND: Final = 404
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes
    location: str = ""
    retry_after: float | None = None


class IsapiClient:
    """One device with one set of credentials.

    After a refused login every further call is refused here, without a request, until another client is made: a
    poller with a wrong password keeps the account locked for everyone (protocols.md 1.2). While the device says that
    the account is locked, calls raise Throttled here until that time is over.
    """

    def __init__(self, context: Context, credentials: Credentials) -> None:
        """Take `address`, `username`, `password` and `verify_tls`; raises Unreachable for an unusable address."""
        self._context = context
        self._clock = context.clock
        self._credentials = credentials
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._refused: AuthError | None = None
        self._asked: Throttled | None = None
        self._silent_until = -math.inf
        self._prefix = "/ISAPI"
        self._film_methods: tuple[str, ...] = ("GET", "POST")
        self._base = normalise(credentials.text("address"))
        self._auth, self._session = self._sign()

    @property
    def base(self) -> URL:
        """Return the device's origin; `first` may change its scheme and port."""
        return self._base

    @property
    def scheme(self) -> str | None:
        """Return how the login was last accepted: `digest`, `basic` or None."""
        return self._auth.scheme

    def gate(self) -> None:
        """Raise AuthError after a refused login, Throttled while the account is locked or the device wants quiet."""
        if self._refused is not None:
            raise AuthError("refused before", reason=self._refused.reason, placeholders=self._refused.placeholders)
        left = self._silent_until - self._clock.monotonic()
        if self._asked is not None and left > 0:
            reason = self._asked.reason
            raise locked(left) if reason == LOCKED else Throttled("asked to wait", retry_after=left, reason=reason)

    async def first(self, path: str) -> Node:
        """Return the first document asked of a device, and find out its scheme and prefix; raises HubError.

        A device that sends from http to https on the same host is followed, once and for good. Firmware of about
        V4.0 to V5.3 serves the paths without `/ISAPI` (protocols.md 1.1).
        """
        reply = await self._ask(path, XML_LIMIT)
        if reply.status in _REDIRECTS and self._follow(reply.location):
            reply = await self._ask(path, XML_LIMIT)
        if reply.status == _NOT_FOUND and self._prefix:
            self._prefix = ""
            bare = await self._ask(path, XML_LIMIT)
            if bare.status == _OK:
                return self._document(bare)
            self._prefix = "/ISAPI"
        return self._document(reply)

    async def get(self, path: str) -> Node:
        """Return the XML document at a path below `/ISAPI/`; raises HubError."""

        async def once() -> Node:
            return self._document(await self._ask(path, XML_LIMIT))

        return await self._patiently(once)

    async def picture(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return the JPEG at a path; raises HubError, also where XML comes with status 200."""

        async def once() -> bytes:
            reply = await self._ask(path, PICTURE_LIMIT, query)
            if reply.status == _OK and reply.body.startswith(JPEG_START):
                return reply.body
            self._document(reply)
            raise Malformed("XML in place of a picture")

        return await self._patiently(once)

    async def post(self, path: str, body: bytes) -> Node:
        """Return the XML document that answers another one, which changes nothing at the device; raises HubError."""

        async def once() -> Node:
            return self._document(await self._ask(path, XML_LIMIT, method="POST", body=body))

        return await self._patiently(once)

    async def film(self, path: str, body: bytes) -> AsyncGenerator[bytes]:
        """Yield a film that a document asks for, as it comes, beside the two; raises HubError, also in the middle.

        Some devices want the document with GET, others with POST (protocols.md 1.7).
        """
        methods = list(self._film_methods)
        while methods:
            method = methods.pop(0)
            try:
                async with aclosing(self._film(method, path, body)) as chunks:
                    async for chunk in chunks:
                        self._film_methods = (method,)
                        yield chunk
            except Unsupported:
                if not methods:
                    raise
            else:
                methods.clear()

    async def _film(self, method: str, path: str, body: bytes) -> AsyncGenerator[bytes]:
        self.gate()
        response = await within(self._clock, ANSWER_S, self._open(path, {}, method, body))
        try:
            first = await within(self._clock, ANSWER_S, _chunk(response))
            # An error may come with 200 and as whatever type.
            if response.status != _OK or first.lstrip().startswith(b"<"):
                rest = await within(self._clock, ANSWER_S, _read(response, XML_LIMIT))
                self._document(_Reply(response.status, first + rest))
                raise Malformed("a document in place of a film")
            while first:
                yield first
                first = await within(self._clock, ANSWER_S, _chunk(response))
        finally:
            response.close()

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Open an answer that never ends, beside the two; raises HubError."""
        self.gate()
        response = await within(self._clock, ANSWER_S, self._open(path, {}))
        try:
            if response.status != _OK or not response.content_type.startswith("multipart/"):
                body = await within(self._clock, ANSWER_S, _read(response, XML_LIMIT))
                if self._doubtful(response.status, body):
                    # Some door stations refuse their events to everyone: whether it is the login another path tells.
                    await self.get("System/deviceInfo")
                    raise Unsupported("the stream is refused, the login is not")
                self._document(_Reply(response.status, body, retry_after=self._pause(response)))
                raise Malformed("a document in place of a stream")
            yield response
        finally:
            response.close()

    def _doubtful(self, status: int, body: bytes) -> bool:
        """Return whether a refusal may not be meant for the login, which was accepted before and is not locked."""
        return status == UNAUTHORIZED and self.scheme is not None and isinstance(refusal(status, body), AuthError)

    async def _patiently[T](self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask a busy device up to twice more; every other failure is the caller's."""

        async def attempt() -> T | Unreachable:
            try:
                return await call()
            except DeviceBusy:
                self._context.counters.count("device_busy")
                raise
            except Unreachable as error:
                return error

        answer = await retry(attempt, clock=self._clock, attempts=BUSY_ATTEMPTS, backoff=_BUSY_WAITS)
        if isinstance(answer, Unreachable):
            raise answer
        return answer

    async def _ask(
        self,
        path: str,
        limit: int,
        query: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes | None = None,
    ) -> _Reply:
        async with self._slots:
            # Only now: a request may have been refused while this one waited for its turn.
            self.gate()
            with self._context.counters.timed("isapi"):
                return await within(self._clock, ANSWER_S, self._exchange(path, limit, query or {}, method, body))

    async def _exchange(
        self, path: str, limit: int, query: Mapping[str, str], method: str, body: bytes | None
    ) -> _Reply:
        response = await self._open(path, query, method, body)
        async with response:
            return _Reply(
                response.status,
                await _read(response, limit),
                response.headers.get("Location", ""),
                self._pause(response),
            )

    async def _open(
        self, path: str, query: Mapping[str, str], method: str = "GET", body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        headers = {} if body is None else {"Content-Type": "application/xml; charset=utf-8"}
        url = self._base.with_path(f"{self._prefix}/{path}").with_query(query)
        try:
            return await self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False, timeout=_NO_LIMIT
            )
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unreachable("the certificate is not trusted", reason="tls_untrusted") from error
        except (aiohttp.ClientError, OSError) as error:
            if is_no_http(error):
                raise Malformed("no HTTP") from error
            raise Unreachable(type(error).__name__) from error

    def _document(self, reply: _Reply) -> Node:
        """Return the document of a good answer; a refused login and a lock are kept for those who ask next."""
        try:
            return _document(reply)
        except AuthError as error:
            self._refused = error
            raise
        except Throttled as error:
            self._asked, self._silent_until = error, self._clock.monotonic() + (error.retry_after or 0.0)
            raise

    def _pause(self, response: aiohttp.ClientResponse) -> float | None:
        return retry_after(response.headers.get("Retry-After"), self._clock.now())

    def _follow(self, location: str) -> bool:
        """Take another scheme or port of the same host as the device's own; return whether it was one."""
        target = onward(self._base, location)
        if target is None or target.origin() == self._base:
            return False
        self._base = target.origin()
        self._auth, self._session = self._sign()
        return True

    def _sign(self) -> tuple[HttpAuth, aiohttp.ClientSession]:
        auth = HttpAuth(self._credentials.text("username"), self._credentials.secret("password"))
        verify = self._credentials.flag("verify_tls", default=True)
        return auth, self._context.session(verify_tls=verify, middlewares=(auth,))


def _document(reply: _Reply) -> Node:
    if reply.status != _OK:
        raise refusal(reply.status, reply.body, reply.retry_after)
    root = read_xml(reply.body)
    if (said := trouble(root)) is not None:
        raise said
    return root


async def _chunk(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await read_chunk(response)
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(type(error).__name__) from error


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    try:
        return await read_all(response, limit)
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(type(error).__name__) from error
