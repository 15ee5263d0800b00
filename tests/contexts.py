"""Contexts of providers with plain sessions, for tests that run on a loop of their own as well."""

from collections.abc import Mapping, Sequence

import aiohttp

from custom_components.camhub.kernel.clock import Clock
from custom_components.camhub.kernel.counters import Counters
from custom_components.camhub.kernel.errors import Unreachable
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Context, FrameGrabber, TokenStore, WebRtc
from custom_components.camhub.kernel.redirects import guard
from custom_components.camhub.kernel.secret import Credentials
from simulators.authority import Authority
from simulators.names import Address, Names


class SavedTokens:
    """Remembers what was saved."""

    def __init__(self) -> None:
        self.saved: list[Mapping[str, JsonValue]] = []

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        self.saved.append(dict(credentials))


class NoGrabber:
    """Stands where no stream is to be photographed."""

    async def grab(self, address: str, timeout: float) -> bytes:
        raise Unreachable

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        raise Unreachable


class Contexts:
    """Makes contexts whose sessions find `names` and trust their certificates, as the hub's do the world's."""

    def __init__(self, clock: Clock, authority: Authority, names: Mapping[str, Address]) -> None:
        self._clock = clock
        self._authority = authority
        self._names = names
        self._sessions: list[aiohttp.ClientSession] = []

    def make(
        self,
        credentials: Mapping[str, JsonValue] | None = None,
        *,
        clock: Clock | None = None,
        grabber: FrameGrabber | None = None,
        tokens: TokenStore | None = None,
        options: Mapping[str, JsonValue] | None = None,
        kept: dict[str, object] | None = None,
        earlier: TokenStore | None = None,
    ) -> Context:
        clock = clock or self._clock
        return Context(
            session=self._session,
            credentials=Credentials(credentials),
            tokens=tokens or SavedTokens(),
            clock=clock,
            grabber=grabber or NoGrabber(),
            counters=Counters(clock),
            options=options or {},
            kept={} if kept is None else kept,
            earlier=earlier,
        )

    async def close(self) -> None:
        for opened in self._sessions:
            await opened.close()

    def _session(
        self,
        *,
        verify_tls: bool = True,
        middlewares: Sequence[aiohttp.ClientMiddlewareType] = (),
        cookies: bool = True,
    ) -> aiohttp.ClientSession:
        trusted = self._authority.client() if self._names and verify_tls else verify_tls
        resolver = Names(self._names) if self._names else None
        connector = aiohttp.TCPConnector(ssl=trusted, resolver=resolver, use_dns_cache=False)
        jar = aiohttp.CookieJar() if cookies else aiohttp.DummyCookieJar()
        session = aiohttp.ClientSession(
            connector=connector, middlewares=tuple(middlewares), trace_configs=[guard()], cookie_jar=jar
        )
        self._sessions.append(session)
        return session
