"""One request and its answer, with no cookie but those it is given."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
from yarl import URL

from ...kernel.body import is_no_http, read_all
from ...kernel.errors import HubError, Malformed, Throttled, Unreachable
from ...kernel.model import JsonValue
from ...kernel.policy import retry_after, within
from ...kernel.provider import Context

ANSWER_S: Final = 10.0
# An answer of Google's that comes late may hold the only cookies that will do next time.
PATIENT_S: Final = 30.0
LIMIT: Final = 16 * 2**20
# Seconds to stay silent where a host does not say.
THROTTLE_S: Final = 300.0
# A difference of clocks below this is none: the header has whole seconds, and an answer is under way for some.
SKEW_FLOOR: Final = timedelta(seconds=10)
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)

type TakeCookies = Callable[[Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request; `form` and `said` are its body."""

    url: URL
    method: str = "GET"
    form: Mapping[str, str] | None = None
    said: JsonValue = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One answer, whatever its status; `retry_after` is seconds, `location` where it leads on to."""

    status: int
    body: bytes
    retry_after: float | None = None
    location: str = ""

    @property
    def ok(self) -> bool:
        """Return whether it claims success."""
        return self.status == HTTPStatus.OK

    @property
    def refused(self) -> bool:
        """Return whether it says that who asks may not."""
        return self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

    def trouble(self) -> HubError:
        """Return the error for an answer that is no success (protocols.md 3.7); none of its text goes on."""
        said = f"HTTP {self.status}"
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(said, retry_after=THROTTLE_S if self.retry_after is None else self.retry_after)
        if self.status == HTTPStatus.REQUEST_TIMEOUT or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unreachable(said, reason="service_unavailable")
        return Malformed(said)


class Wire:
    """Sends requests of one account; redirects are answers, so that nothing is sent on to elsewhere."""

    def __init__(self, context: Context) -> None:
        """Reach nothing yet."""
        self._context = context
        self._session: aiohttp.ClientSession | None = None
        self._skew = timedelta(0)

    def now(self) -> datetime:
        """Return what time it is by the services' clock, as their last answer tells it (`Date`); ours before that."""
        return self._context.clock.now() + self._skew

    def _compare(self, date: str | None) -> None:
        now = self._context.clock.now()
        try:
            theirs = parsedate_to_datetime(date or "")
        except ValueError, OverflowError:
            return
        # The obsolete form of the header names no zone; its times are in UTC.
        skew = (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)) - now
        self._skew = skew if abs(skew) >= SKEW_FLOOR else timedelta(0)

    async def send(
        self,
        call: Call,
        headers: Mapping[str, str],
        *,
        seconds: float = ANSWER_S,
        take_cookies: TakeCookies | None = None,
    ) -> Answer:
        """Return the answer; `take_cookies` gets its Set-Cookie headers before its body is read; raises HubError."""
        with self._context.counters.timed("ask"):
            return await within(self._context.clock, seconds, self._exchange(call, headers, take_cookies))

    async def _exchange(self, call: Call, headers: Mapping[str, str], take_cookies: TakeCookies | None) -> Answer:
        if self._session is None:
            self._session = self._context.session(cookies=False)
        try:
            response = await self._session.request(
                call.method,
                call.url,
                data=call.form,
                json=call.said,
                headers=headers,
                allow_redirects=False,
                timeout=_NO_LIMIT,
            )
            async with response:
                self._compare(response.headers.get("Date"))
                if take_cookies is not None:
                    await take_cookies(response.headers.getall("Set-Cookie", []))
                return Answer(
                    status=response.status,
                    body=await read_all(response, LIMIT),
                    retry_after=retry_after(response.headers.get("Retry-After"), self.now()),
                    location=response.headers.get("Location", ""),
                )
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from None


def _translated(error: aiohttp.ClientError | OSError) -> HubError:
    """Return our error without the text of theirs, which holds the address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Unreachable("the certificate is not trusted", reason="service_untrusted")
    if is_no_http(error):
        return Malformed("no HTTP")
    return Unreachable(type(error).__name__, reason="service_unreachable")
