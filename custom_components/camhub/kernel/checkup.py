"""Why a camera shows no picture: checks in the order in which a picture is obtained; failures block later checks.

Sentences are paths in the translations. Requests that cost quota are made only while the vendor allows them, and none
at all if the check-up is limited to known facts.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final

from .clock import Clock
from .endpoints import Contexts, Endpoint, connect, handshake, resolve
from .errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from .events import LineState, LineStatus
from .model import CredentialState
from .policy import within
from .provider import Camera, Stills
from .stills import PictureState

ENDPOINT_S: Final = 5.0
LISTING_S: Final = 30.0
PICTURE_S: Final = 40.0
# A camera with a longer pause between pictures (seconds) sleeps meanwhile, and is not woken.
AWAKE_FLOOR: Final = 60.0


class Check(StrEnum):
    """The checks, in order."""

    NAME = "name"
    ADDRESS = "address"
    TLS = "tls"
    LOGIN = "login"
    QUOTA = "quota"
    LISTING = "listing"
    ONLINE = "online"
    RIGHT = "right"
    STILL = "still"
    STREAM = "stream"
    EVENTS = "events"
    ANSWERS = "answers"


class Outcome(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    FAILED = "failed"
    NOT_RUN = "not_run"


# The checks that have to pass before another one means anything.
NEEDS: Final[Mapping[Check, tuple[Check, ...]]] = MappingProxyType(
    {
        Check.ADDRESS: (Check.NAME,),
        Check.TLS: (Check.ADDRESS,),
        Check.LISTING: (Check.ADDRESS, Check.TLS, Check.LOGIN),
        Check.ONLINE: (Check.LISTING,),
        Check.RIGHT: (Check.LISTING,),
        Check.STILL: (Check.ONLINE,),
        Check.STREAM: (Check.ONLINE,),
        Check.EVENTS: (Check.LOGIN,),
    }
)
# A missing ability or an exhausted quota may not be the cause: they decide only if nothing else failed.
_LAST: Final[Mapping[Check, int]] = MappingProxyType({Check.RIGHT: 1, Check.QUOTA: 2})


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The result of one check; `sentence` and `step` are paths in the translations, `words` their placeholders."""

    check: Check
    outcome: Outcome
    sentence: str
    step: str | None = None
    words: Mapping[str, str | datetime] = field(default_factory=dict)
    # The slug of an error, for a bug report.
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All results in order."""

    at: datetime
    results: Sequence[Result]

    @property
    def verdict(self) -> Result | None:
        """Return the failure that explains it: the first, uncertain ones only if there is no other."""
        failed = [result for result in self.results if result.outcome is Outcome.FAILED]
        return min(failed, key=lambda result: _LAST.get(result.check, 0), default=None)

    @property
    def summary(self) -> str:
        """Return the path of the summary sentence if nothing failed."""
        fresh = any(result.check is Check.STILL and result.outcome is Outcome.OK for result in self.results)
        return "common.why_fresh" if fresh else "common.why_nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What a check-up examines; its callables raise HubError.

    `camera` is the last listed state, None if it never was listed; `listing` lists again and returns it, None if it is
    gone. `problems` are slugs of `issues.<slug>`, `stream` takes a picture from the live view.
    """

    clock: Clock
    contexts: Contexts
    endpoints: Sequence[Endpoint]
    login: CredentialState
    refusal: str | None
    busy_until: Callable[[], datetime | None]
    camera: Camera | None
    list_error: HubError | None
    listing: Callable[[], Awaitable[Camera | None]]
    problems: Callable[[Camera], Sequence[str]]
    still: Callable[[Camera], Awaitable[object]]
    still_state: PictureState
    stream: Callable[[Camera], Stills | None]
    line: LineState | None


def _next_step(error: HubError, otherwise: str) -> str:
    """Return what to do about an error."""
    match error:
        case AuthError():
            return "common.step_sign_in"
        case Throttled():
            return "common.step_wait"
        case Unsupported():
            return "common.step_right"
        case Malformed():
            return "common.step_report"
        case _:
            return otherwise


class Checkup:
    """One check-up of one camera; with `ask` false no request is made."""

    def __init__(self, subject: Subject, *, ask: bool = True) -> None:
        """Check nothing yet."""
        self._about = subject
        self._ask = ask
        self._camera = subject.camera
        self._results: list[Result] = []
        # Checks that failed, and those skipped because of them.
        self._down: set[Check] = set()

    async def run(self) -> Report:
        """Run all checks; raises only CancelledError."""
        ways: Mapping[Check, Callable[[], Awaitable[Result]]] = {
            Check.NAME: partial(self._endpoints, Check.NAME, resolve, "common.step_name"),
            Check.ADDRESS: partial(self._endpoints, Check.ADDRESS, connect, "common.step_device"),
            Check.TLS: self._tls,
            Check.LOGIN: self._login,
            Check.QUOTA: self._quota,
            Check.LISTING: self._listing,
            Check.ONLINE: self._online,
            Check.RIGHT: self._right,
            Check.STILL: self._still,
            Check.STREAM: self._stream,
            Check.EVENTS: self._events,
            Check.ANSWERS: self._answers,
        }
        for check in Check:
            blocked = any(earlier in self._down for earlier in NEEDS.get(check, ()))
            result = self._not_run(check, "common.not_run_blocked") if blocked else await ways[check]()
            if blocked or result.outcome is Outcome.FAILED:
                self._down.add(check)
            self._results.append(result)
        return Report(at=self._about.clock.now(), results=tuple(self._results))

    def _ok(self, check: Check, sentence: str | None = None, **words: str | datetime) -> Result:
        return Result(check=check, outcome=Outcome.OK, sentence=sentence or f"common.ok_{check}", words=words)

    def _not_run(self, check: Check, sentence: str, **words: str | datetime) -> Result:
        return Result(check=check, outcome=Outcome.NOT_RUN, sentence=sentence, words=words)

    def _failed(self, check: Check, error: HubError, step: str) -> Result:
        return Result(
            check=check,
            outcome=Outcome.FAILED,
            sentence=f"exceptions.{error.reason}.message",
            step=_next_step(error, step),
            words=error.placeholders,
            reason=error.reason,
        )

    def _may_not(self, check: Check) -> Result | None:
        """Return why no request that costs quota may be made now, None if it may."""
        if not self._ask:
            return self._not_run(check, "common.not_run_known")
        if (until := self._waits()) is not None:
            return self._not_run(check, "common.not_run_quota", until=until)
        return None

    def _waits(self) -> datetime | None:
        until = self._about.busy_until()
        return until if until is not None and until > self._about.clock.now() else None

    async def _endpoints(
        self,
        check: Check,
        probe: Callable[[Endpoint], Awaitable[None]],
        step: str,
        endpoints: Sequence[Endpoint] | None = None,
    ) -> Result:
        """Probe each endpoint; the first failure decides."""
        endpoints = self._about.endpoints if endpoints is None else endpoints
        if not endpoints:
            return self._not_run(check, f"common.none_{check}")
        if not self._ask:
            return self._not_run(check, "common.not_run_known")
        for endpoint in endpoints:
            try:
                await within(self._about.clock, ENDPOINT_S, probe(endpoint))
            except HubError as error:
                return self._failed(check, error, "common.step_internet" if endpoint.cloud else step)
        return self._ok(check)

    async def _tls(self) -> Result:
        secured = [endpoint for endpoint in self._about.endpoints if endpoint.tls]
        shake = partial(handshake, contexts=self._about.contexts)
        return await self._endpoints(Check.TLS, shake, "common.step_tls", secured)

    async def _login(self) -> Result:
        about = self._about
        if about.login in {CredentialState.REFUSED, CredentialState.EXPIRED}:
            return self._failed(Check.LOGIN, AuthError(reason=about.refusal), "common.step_sign_in")
        return self._ok(Check.LOGIN, "common.ok_login_ending" if about.login is CredentialState.EXPIRING else None)

    async def _quota(self) -> Result:
        if (until := self._waits()) is None:
            return self._ok(Check.QUOTA)
        return Result(
            check=Check.QUOTA,
            outcome=Outcome.FAILED,
            sentence="common.failed_quota",
            step="common.step_wait",
            words={"until": until},
            reason="throttled",
        )

    async def _listing(self) -> Result:
        check, known = Check.LISTING, self._about.list_error
        if (held := self._may_not(check)) is not None:
            return held if known is None else self._failed(check, known, "common.step_device")
        try:
            self._camera = await within(self._about.clock, LISTING_S, self._about.listing())
        except HubError as error:
            return self._failed(check, error, "common.step_device")
        if self._camera is not None:
            return self._ok(check)
        return Result(check=check, outcome=Outcome.FAILED, sentence="common.failed_listing", step="common.step_listing")

    async def _online(self) -> Result:
        check, camera = Check.ONLINE, self._camera
        if camera is None or camera.online is None:
            return self._not_run(check, "common.none_online")
        if camera.online:
            return self._ok(check)
        if camera.offline_reason is None:
            return Result(
                check=check, outcome=Outcome.FAILED, sentence="common.failed_online", step="common.step_power"
            )
        return self._failed(check, Unreachable(reason=camera.offline_reason), "common.step_power")

    async def _right(self) -> Result:
        check = Check.RIGHT
        error = self._about.still_state.error
        if isinstance(error, Unsupported):
            return self._failed(check, error, "common.step_right")
        problems = self._about.problems(self._camera) if self._camera else ()
        if not problems:
            return self._ok(check)
        return Result(
            check=check,
            outcome=Outcome.FAILED,
            sentence=f"issues.{problems[0]}.title",
            step="common.step_repairs",
            reason=problems[0],
        )

    async def _still(self) -> Result:
        check, camera = Check.STILL, self._camera
        if camera is None or camera.stills is None:
            return self._not_run(check, "common.none_still")
        if camera.still_floor > AWAKE_FLOOR:
            return self._not_run(check, "common.not_woken")
        if (held := self._may_not(check)) is not None:
            return held
        if isinstance(self._about.still_state.error, AuthError | Unsupported):
            # Not requested again: a refusal may lock the account, and what is not allowed stays so.
            return self._failed(check, self._about.still_state.error, "common.step_camera")
        try:
            await within(self._about.clock, PICTURE_S, self._about.still(camera))
        except HubError as error:
            return self._failed(check, error, "common.step_camera")
        return self._ok(check)

    async def _stream(self) -> Result:
        check, camera = Check.STREAM, self._camera
        live = self._about.stream(camera) if camera else None
        if camera is None or live is None:
            return self._not_run(check, "common.none_stream")
        if camera.still_floor:
            return self._not_run(check, "common.not_streamed")
        if (held := self._may_not(check)) is not None:
            return held
        try:
            await within(self._about.clock, PICTURE_S, live.take())
        except HubError as error:
            return self._failed(check, error, "common.step_stream")
        return self._ok(check)

    async def _events(self) -> Result:
        check, line = Check.EVENTS, self._about.line
        if line is None or line.status is LineStatus.NONE or not (self._camera and self._camera.event_kinds):
            return self._not_run(check, "common.none_events")
        if line.status is LineStatus.CONNECTED:
            return self._ok(check)
        error = AuthError if line.status is LineStatus.REFUSED else Unreachable
        return self._failed(check, error(reason=line.reason), "common.step_events")

    async def _answers(self) -> Result:
        """Judge by earlier requests, unless one has just been tried."""
        check, state = Check.ANSWERS, self._about.still_state
        since: str | datetime = state.taken_at or "?"
        tried = any(result.check is Check.STILL and result.outcome is not Outcome.NOT_RUN for result in self._results)
        if state.error is not None and not tried and Check.LISTING not in self._down:
            return self._failed(check, state.error, "common.step_camera")
        if state.taken_at is None and state.error is None:
            return self._not_run(check, "common.none_answers")
        return self._ok(check, since=since, failures=str(state.failures))
