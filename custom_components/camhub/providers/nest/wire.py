"""Requests to Google with a time limit, and with errors of ours; nothing of them is logged, for they hold tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from ...kernel.body import is_no_http, read_all
from ...kernel.errors import HubError, Malformed, Unreachable
from ...kernel.policy import retry_after, within
from ...kernel.provider import Context
from ...kernel.reading import Object
from .answers import login_refusal
from .reading import read
from .settings import TOKENS, Settings

ANSWER_S: Final = 20.0
LIMIT: Final = 16 * 2**20

# Limits are kept with the injected clock instead.
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole; its methods are there for the library, which expects a response."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None

    async def read(self) -> bytes:
        """Return the body."""
        return self.body

    def raise_for_status(self) -> None:
        """Do nothing: the library gets successes only."""


class Wire:
    """One session for all of Google."""

    def __init__(self, context: Context) -> None:
        """Open nothing yet."""
        self.context = context
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the session, made when it is first needed."""
        if self._session is None:
            self._session = self.context.session()
        return self._session

    async def ask(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Answer:
        """Send a request and return its answer whole, whatever its status; raises Unreachable, Malformed."""
        with self.context.counters.timed("ask"):
            return await within(self.context.clock, ANSWER_S, self._exchange(method, url, headers, **more))

    async def token(self, settings: Settings, **form: str) -> Object:
        """Return what the token endpoint gives for a form; raises HubError."""
        sent = {"client_id": settings.client_id, "client_secret": settings.secret.reveal(), **form}
        answer = await self.ask("post", TOKENS, {}, data=sent)
        if answer.status != HTTPStatus.OK:
            raise login_refusal(answer.status, answer.body, answer.retry_after)
        return read(answer.body)

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Answer:
        failure: HubError
        try:
            # A token or a secret goes with all of them, so nobody is sent on to elsewhere.
            async with self.session.request(
                method, url, headers=headers, allow_redirects=False, timeout=_NO_LIMIT, **more
            ) as response:
                pause = retry_after(response.headers.get("Retry-After"), self.context.clock.now())
                return Answer(response.status, await read_all(response, LIMIT), pause)
        except aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError:
            failure = Unreachable("the certificate is not trusted", reason="service_untrusted")
        except (aiohttp.ClientError, OSError) as error:
            # Without its text, which holds the address.
            lost = Unreachable(type(error).__name__, reason="service_unreachable")
            failure = Malformed("no HTTP") if is_no_http(error) else lost
        raise failure
