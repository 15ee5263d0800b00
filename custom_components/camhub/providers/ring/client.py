"""Asks the API: with a token that lives, in a session that is known, once more where either had just ended."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, override

import aiohttp
from ring_doorbell import Auth, Ring, RingChime, RingDoorBell, RingStickUpCam
from ring_doorbell.const import API_URI, NEW_SESSION_ENDPOINT
from ring_doorbell.exceptions import RingError

from ...kernel.about import AGENT
from ...kernel.errors import HubError, Malformed
from ...kernel.model import JsonValue
from ...kernel.policy import within
from ...kernel.provider import Context
from ...kernel.reading import Object, child, from_json
from .answers import refusal, session_is_gone
from .credentials import StoredCredentials
from .parse import Family, Unit
from .token_endpoint import TokenEndpoint
from .tokens import TokenKeeper
from .wire import ANSWER_S, NO_LIMIT, body_of, pause_of, translated

SESSION_URL: Final = API_URI + NEW_SESSION_ENDPOINT


@dataclass(frozen=True, slots=True)
class Reply:
    """A success."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def said(self) -> JsonValue:
        """Return its JSON; raises Malformed."""
        return from_json(self.body)


class _KeptAuth(Auth):
    """The library's way to ask, led through ours: its own cannot tell an outage from a refused login."""

    def __init__(self, client: Client, hardware_id: str, session: aiohttp.ClientSession) -> None:
        super().__init__(AGENT, hardware_id=hardware_id, http_client_session=session)
        self._client = client

    @override
    async def async_query(
        self,
        url: str,
        method: str = "GET",
        extra_params: dict[str, Any] | None = None,
        data: bytes | None = None,
        json: dict[Any, Any] | None = None,
        timeout: float | None = None,
        *,
        raise_for_status: bool = True,
    ) -> Auth.Response:
        """Ask as the library wants; raises HubError, whatever is said of statuses."""
        query = {name: str(value) for name, value in (extra_params or {}).items()}
        reply = await self._client.request(method, url, query=query, said=json)
        return Auth.Response(reply.body, reply.status)


class Client:
    """One account; nothing is asked before it is used."""

    def __init__(self, context: Context) -> None:
        """Prepare the library for this account."""
        self.context = context
        self.clock = context.clock
        self.stored = StoredCredentials(context)
        self.session = context.session(cookies=False)
        self.hardware_id = self.stored.current.text("hardware_id")
        self.token_endpoint = TokenEndpoint(context, self.session, self.hardware_id)
        self.keeper = TokenKeeper(context, self.stored, self.token_endpoint)
        self.ring = Ring(_KeptAuth(self, self.hardware_id, self.session))
        self._meeting = asyncio.Lock()

    async def close(self) -> None:
        """Give back what is held; the session belongs to the host."""
        await self.keeper.close()

    async def meet(self, *, anew: bool = False) -> Object:
        """Make the session that calls need, unless there is one; return the account's profile; raises HubError."""
        async with self._meeting:
            if self.ring.session is None or anew:
                await self._library(self.ring.async_create_session)
            return child(self.ring.session, "profile")

    async def ask[T](self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what a function of the library returns; raises HubError."""
        await self.meet()
        return await self._library(call)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonValue:
        """Return the JSON at a path of the API; raises HubError."""
        await self.meet()
        return (await self.request("GET", API_URI + path, query=query)).said

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        said: Mapping[str, JsonValue] | None = None,
        patience: float = ANSWER_S,
    ) -> Reply:
        """Return a success; an ended token and an ended session are renewed once each; raises HubError."""
        with self.context.counters.timed("api"):
            token, renewed, met = await self.keeper.access(), False, url == SESSION_URL
            while True:
                work = self._send(method, url, query, said, token)
                reply, pause = await within(self.clock, patience, work)
                if reply.status < HTTPStatus.BAD_REQUEST:
                    return reply
                if reply.status == HTTPStatus.UNAUTHORIZED and not renewed:
                    token, renewed = await self.keeper.access(refused=token), True
                elif session_is_gone(reply.status, reply.body) and not met:
                    await self.meet(anew=True)
                    met = True
                else:
                    raise refusal(reply.status, reply.body, pause)

    @asynccontextmanager
    async def film(self, address: str, offset: int) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Open a signed address from a byte on, whatever its answer; it gets no token of ours; raises Unreachable."""
        headers = {"User-Agent": AGENT, **({"Range": f"bytes={offset}-"} if offset else {})}
        opening = self.session.get(address, headers=headers, allow_redirects=False, timeout=NO_LIMIT)
        try:
            response = await within(self.clock, ANSWER_S, opening)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise translated(aiohttp.ClientError() if isinstance(error, ValueError) else error) from None
        try:
            yield response
        finally:
            response.close()

    def device(self, unit: Unit) -> RingDoorBell:
        """Return the library's object of a camera that was listed."""
        if unit.family is Family.CAMERA:
            return RingStickUpCam(self.ring, unit.number)
        return RingDoorBell(self.ring, unit.number, shared=unit.family is Family.SHARED_DOORBELL)

    def chime(self, number: int) -> RingChime:
        """Return the library's object of a chime that was listed."""
        return RingChime(self.ring, number)

    async def _library[T](self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except HubError:
            raise
        except (RingError, AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            # What its parsers run into.
            raise Malformed(type(error).__name__) from None

    async def _send(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None,
        said: Mapping[str, JsonValue] | None,
        token: str,
    ) -> tuple[Reply, float | None]:
        headers = {"User-Agent": AGENT, "hardware_id": self.hardware_id, "Authorization": f"Bearer {token}"}
        content: dict[str, Any] = {}
        if said is not None or method == "PUT":
            # Also where there is nothing to say: since 2024-10 a PUT needs a body (protocols.md 4.3).
            content["json"] = said
            headers["Content-Type"] = "application/json"
        try:
            async with self.session.request(
                method, url, params=query, headers=headers, allow_redirects=False, timeout=NO_LIMIT, **content
            ) as response:
                reply = Reply(response.status, response.headers, await body_of(response))
                return reply, pause_of(response, self.clock.now())
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from None
