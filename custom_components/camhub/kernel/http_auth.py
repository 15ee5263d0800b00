"""Signs HTTP requests with Digest, or Basic where a server offers nothing else.

aiohttp's own `DigestAuthMiddleware` is not used: it reads only the first `WWW-Authenticate` header, so a server that
names Basic first refuses it, and a `domain` that is no address (`"::"`) keeps it from signing ahead. The meaning here
is that of `httpx.DigestAuth`, and a nonce is kept for all requests.
"""

import asyncio
import base64
from typing import Final, Literal

import aiohttp
from aiohttp import hdrs
from yarl import URL

from .digest import Challenge, DigestSigner, parameters, read_challenges, strongest
from .errors import AuthError
from .secret import Secret

type Scheme = Literal["digest", "basic"]

REFUSED: Final = 401
REFUSAL_LIMIT: Final = 64 * 1024
RETRIES: Final = 2


class _Basic:
    """Signs by name and password in the clear."""

    def __init__(self, username: str, password: str) -> None:
        self._header = "Basic " + base64.b64encode(f"{username}:{password}".encode(errors="replace")).decode()

    def authorization(self, method: str, target: str) -> str:
        return self._header


type _Signer = DigestSigner | _Basic | None


class HttpAuth:
    """An aiohttp client middleware for one account at one origin, that of its first request.

    Nothing is sent before a server asks, and nothing ever to another origin. The first request to be challenged, and
    the first on a new nonce, is answered alone: those beside it wait and share what it learned, so a wrong password
    costs one attempt however many ask at once. A 401 on a fresh nonce is handed back with its body unread.
    """

    def __init__(self, username: str, password: Secret, *, allow_basic: bool = True) -> None:
        """Keep the credentials; raises AuthError for a user name that no header can hold."""
        if not username.isprintable():
            raise AuthError("the user name holds control characters", reason="username_unusable")
        self._username = username
        self._password = password
        self._allow_basic = allow_basic
        self._origin: URL | None = None
        self._asked = False
        self._signer: _Signer = None
        self._refusals = 0
        self._turn = asyncio.Lock()
        self._scheme: Scheme | None = None

    @property
    def scheme(self) -> Scheme | None:
        """Return what was last accepted, None before that."""
        return self._scheme

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request, signed once it is known how; raises AuthError for a colon in a name that goes by Basic."""
        origin = request.url.origin()
        if self._origin is None:
            self._origin = origin
        if origin != self._origin:
            return await handler(request)
        if not self._asked:
            refusals = self._refusals
            async with self._turn:
                if not self._asked:
                    return await self._first(request, handler)
            if self._refusals != refusals:
                return await _send(request, handler, None)
        return await self._later(request, handler, RETRIES)

    async def _first(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        response = await _send(request, handler, None)
        self._asked = True
        if response.status != REFUSED:
            return response
        challenge = self._choose(response)
        if challenge is None:
            return response
        await _discard(response)
        return await self._prove(request, handler, challenge)

    async def _later(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, retries: int
    ) -> aiohttp.ClientResponse:
        signer, refusals = self._signer, self._refusals
        response = await _send(request, handler, signer)
        if response.status != REFUSED:
            self._follow(response, signer)
            return response
        challenge = self._choose(response)
        if challenge is None or not retries or _repeats(challenge, signer):
            return response
        # Before the wait for the turn, whose holder may need this very connection.
        await _discard(response)
        async with self._turn:
            if self._signer is signer and self._refusals == refusals:
                return await self._prove(request, handler, challenge)
        if self._refusals != refusals:
            return await _send(request, handler, None)
        return await self._later(request, handler, retries - 1)

    async def _prove(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, challenge: Challenge
    ) -> aiohttp.ClientResponse:
        """Answer a challenge and keep the answer if it is accepted; the caller holds the turn."""
        signer = self._answer(challenge)
        response = await _send(request, handler, signer)
        if response.status == REFUSED and (again := self._choose(response)) is not None and again.stale:
            await _discard(response)
            signer = self._answer(again)
            response = await _send(request, handler, signer)
        if response.status == REFUSED:
            self._signer = None
            self._refusals += 1
        else:
            self._signer = signer
            self._scheme = "basic" if isinstance(signer, _Basic) else "digest"
            self._follow(response, signer)
        return response

    def _follow(self, response: aiohttp.ClientResponse, signer: _Signer) -> None:
        """Take over the nonce that a server announces for the next request."""
        if not isinstance(signer, DigestSigner) or self._signer is not signer:
            return
        announced = parameters(response.headers.get("Authentication-Info", "")).get("nextnonce")
        # What came as bytes outside UTF-8 cannot be sent back as it was.
        if announced and announced.isprintable() and announced != signer.challenge.nonce:
            self._signer = signer.renewed(announced)

    def _choose(self, response: aiohttp.ClientResponse) -> Challenge | None:
        """Return the challenge to answer; Basic only while nobody has ever offered more."""
        offered = read_challenges(response.headers.getall(hdrs.WWW_AUTHENTICATE, []))
        if (digest := strongest(offered)) is not None:
            return digest
        if not self._allow_basic or self._scheme == "digest" or any(each.scheme == "digest" for each in offered):
            return None
        return next((each for each in offered if each.scheme == "basic"), None)

    def _answer(self, challenge: Challenge) -> DigestSigner | _Basic:
        if challenge.scheme == "digest":
            return DigestSigner(challenge, self._username, self._password.reveal())
        if ":" in self._username:
            raise AuthError("Basic cannot carry a user name with a colon", reason="username_unusable")
        return _Basic(self._username, self._password.reveal())


def _repeats(challenge: Challenge, signer: _Signer) -> bool:
    """Return whether a refusal offers nothing that was not just tried."""
    if isinstance(signer, DigestSigner):
        return challenge.nonce == signer.challenge.nonce and not challenge.stale
    return isinstance(signer, _Basic) and challenge.scheme == "basic"


async def _send(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, signer: _Signer
) -> aiohttp.ClientResponse:
    if signer is None:
        request.headers.pop(hdrs.AUTHORIZATION, None)
    else:
        request.headers[hdrs.AUTHORIZATION] = signer.authorization(request.method, request.url.raw_path_qs)
    return await handler(request)


async def _discard(response: aiohttp.ClientResponse) -> None:
    """Read a refusal to its end, so that the connection serves again; close on one that is too long or broken off.

    One without a length has no end but that of its connection, which some devices leave open.
    """
    if not any(name in response.headers for name in (hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING)):
        response.close()
        return
    left, ended = REFUSAL_LIMIT, False
    try:
        while left > 0 and not ended:
            chunk = await response.content.read(left)
            left, ended = left - len(chunk), not chunk
    finally:
        if ended:
            response.release()
        else:
            response.close()
