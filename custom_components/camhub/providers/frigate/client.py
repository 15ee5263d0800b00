"""Asks one server, with its cookie where it wants one, over one session."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp
from yarl import URL

from ...kernel.body import is_no_http, read_all, read_chunk
from ...kernel.errors import HubError, Malformed, Unreachable
from ...kernel.model import JsonValue
from ...kernel.policy import retry_after, within
from ...kernel.provider import Context
from ...kernel.reading import from_json
from .answers import refusal
from .auth import Authenticator, Reply, Token
from .settings import Settings

ANSWER_S: Final = 10.0
# A stream that sends nothing for so long is broken.
SILENCE_S: Final = 20.0
JSON_LIMIT: Final = 16 * 2**20
MESSAGE_LIMIT: Final = 8 * 2**20

# Limits are kept with the injected clock instead.
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)
# Whoever does not answer the farewell is not waited for.
_FAREWELL: Final = aiohttp.ClientWSTimeout(ws_close=1.0)
_CACHE_BYPASS: Final = {"X-Cache-Bypass": "1"}
# 0.18 accepts an export and makes it later.
_SUCCESS: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED})


@dataclass(frozen=True, slots=True)
class Answer:
    """A success; headers by lower-case name."""

    headers: Mapping[str, str]
    body: bytes


class Client:
    """One server with one set of credentials; a 401 leads to one login and one more try."""

    def __init__(self, context: Context, settings: Settings) -> None:
        """Prepare; nothing is asked yet."""
        self._context = context
        self.clock = context.clock
        self.settings = settings
        self.auth = Authenticator(context.clock, settings.username, settings.password, self._log_in)
        self._own = {"X-Proxy-Secret": settings.proxy_secret.reveal()} if settings.proxy_secret else {}
        self._session: aiohttp.ClientSession | None = None

    async def json(self, path: str, query: Mapping[str, str] | None = None) -> JsonValue:
        """Return the JSON at a path, past the server's own cache; raises HubError."""
        return from_json((await self._whole("GET", path, query, headers=_CACHE_BYPASS)).body)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Return the answer at a path; raises HubError."""
        return await self._whole("GET", path, query)

    async def post(self, path: str, query: Mapping[str, str], said: JsonValue) -> JsonValue:
        """Send JSON and return the JSON that comes back; raises HubError."""
        return from_json((await self._whole("POST", path, query, said=said)).body)

    @asynccontextmanager
    async def stream(self, path: str, query: Mapping[str, str] | None = None) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Open an answer that may never end; raises HubError."""
        response = await within(self.clock, ANSWER_S, self._open("GET", path, query))
        try:
            if response.status != HTTPStatus.OK:
                raise await within(self.clock, ANSWER_S, self._refusal(response))
            yield response
        finally:
            response.close()

    async def read_chunk(self, response: aiohttp.ClientResponse) -> bytes:
        """Return what arrived next of a stream, nothing at its end; raises Unreachable."""
        return await within(self.clock, SILENCE_S, _chunk(response))

    @asynccontextmanager
    async def socket(self) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
        """Open the websocket; raises HubError."""
        socket = await within(self.clock, ANSWER_S, self._connect())
        try:
            yield socket
        finally:
            await socket.close()

    async def _whole(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        *,
        said: JsonValue = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        async def exchange() -> Answer:
            response = await self._open(method, path, query, said=said, headers=headers)
            async with response:
                if response.status not in _SUCCESS:
                    raise await self._refusal(response)
                body = await _read(response, JSON_LIMIT)
                return Answer({name.lower(): value for name, value in response.headers.items()}, body)

        with self._context.counters.timed("ask"):
            return await within(self.clock, ANSWER_S, exchange())

    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        *,
        said: JsonValue = None,
        headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        while True:
            token = await self.auth.token()
            response = await self._send(method, path, query, said=said, headers=headers, token=token)
            if response.status != HTTPStatus.UNAUTHORIZED:
                self.auth.learn(response.cookies)
                return response
            response.close()
            # It raises where another token would be refused as well, so this ends.
            await self.auth.renew(token)

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        while True:
            token = await self.auth.token()
            headers = {**self._own, **(token.header if token else {})}
            failure: HubError
            try:
                return await self._open_session().ws_connect(
                    self._at("ws", None), headers=headers, max_msg_size=MESSAGE_LIMIT, timeout=_FAREWELL
                )
            except aiohttp.WSServerHandshakeError as error:
                if error.status == HTTPStatus.UNAUTHORIZED:
                    await self.auth.renew(token)
                    continue
                failure = refusal(error.status, b"") if error.status >= HTTPStatus.BAD_REQUEST else _not_it()
            except (aiohttp.ClientError, OSError) as error:
                failure = _translated(error)
            raise failure

    async def _log_in(self, said: JsonValue) -> Reply:
        response = await self._send("POST", "api/login", None, said=said, headers=None, token=None)
        async with response:
            pause = retry_after(response.headers.get("Retry-After"), self.clock.now())
            return Reply(response.status, response.cookies, await _read(response, JSON_LIMIT), pause)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        *,
        said: JsonValue,
        headers: Mapping[str, str] | None,
        token: Token | None,
    ) -> aiohttp.ClientResponse:
        sent = {**self._own, **(headers or {}), **(token.header if token else {})}
        try:
            return await self._open_session().request(
                method, self._at(path, query), json=said, headers=sent, allow_redirects=False, timeout=_NO_LIMIT
            )
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from None

    async def _refusal(self, response: aiohttp.ClientResponse) -> HubError:
        pause = retry_after(response.headers.get("Retry-After"), self.clock.now())
        if response.status < HTTPStatus.BAD_REQUEST:
            return _not_it()
        return refusal(response.status, await _read(response, JSON_LIMIT), pause)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._context.session(verify_tls=self.settings.verify_tls)
        return self._session

    def _at(self, path: str, query: Mapping[str, str] | None) -> URL:
        """Return the address of a path whose parts are quoted already."""
        url = self.settings.base.joinpath(path, encoded=True)
        return url.with_query(query) if query else url


def _not_it() -> HubError:
    return Malformed("an answer of something else", reason="not_this_device")


def _translated(error: aiohttp.ClientError | OSError) -> HubError:
    """Return our error without the text of theirs, which holds the address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Unreachable("the certificate is not trusted", reason="tls_untrusted")
    if isinstance(error, aiohttp.ClientSSLError):
        return Unreachable("no TLS", reason="tls_failed")
    if is_no_http(error):
        return Malformed("no HTTP")
    return Unreachable(type(error).__name__)


async def _chunk(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await read_chunk(response)
    except (aiohttp.ClientError, OSError) as error:
        raise _translated(error) from None


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    try:
        return await read_all(response, limit)
    except (aiohttp.ClientError, OSError) as error:
        raise _translated(error) from None
