"""Which of our errors an answer is (protocols.md 4.2, 4.8). The status counts first: an outage is no refused login."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar, Final

from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from ...kernel.model import JsonValue
from ...kernel.reading import Object, child, from_json, number, text

# Seconds to stay silent where the service does not say.
THROTTLED_S: Final = 200.0
BLOCKED_S: Final = 3600.0
CODES_S: Final = 600.0
_OFFLINE: Final = frozenset({7019, 7050, 7061, 7062, 7063})
_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})


class NotThere(Unsupported):
    """The service does not know this device, event or picture (any more, or not yet)."""

    default_reason: ClassVar[str] = "not_on_server"


class CodeNeeded(AuthError):
    """The service wants a code: `way` is how it was sent (`sms`, `email`, `totp`), `to` where, `wait` for how long."""

    default_reason: ClassVar[str] = "code_needed"

    def __init__(self, message: str = "", *, way: str = "", to: str = "", wait: int = 0) -> None:
        """Remember where the code went; `wait` is seconds until another can be sent."""
        self.way, self.to, self.wait = way, to, wait
        super().__init__(message)


def token_refusal(status: int, body: bytes, retry_after: float | None) -> HubError:
    """Return the error for an answer of the token endpoint that holds no token."""
    said = _object(body)
    to = text(said.get("phone")) or ""
    # Before there were other ways only the number was told.
    way = text(said.get("tsv_state")) or ("sms" if to else None)
    if status == HTTPStatus.PRECONDITION_FAILED and way is not None:
        return CodeNeeded(way=way, to=to, wait=int(number(said.get("next_time_in_secs")) or 0))
    if status in _REFUSED:
        return _refused(status, said)
    return _general(status, retry_after) or Unreachable(f"HTTP {status}, no token", reason="service_unavailable")


def _refused(status: int, said: Object) -> HubError:
    error, more = text(said.get("error")) or "", text(said.get("error_description")) or ""
    if "Verification Code" in error:
        return AuthError("wrong code", reason="code_wrong")
    if "too many requests" in more:
        return Throttled("too many codes", retry_after=CODES_S, reason="too_many_codes")
    if error == "access_denied":
        return AuthError("access denied")
    if error == "invalid_grant" or status == HTTPStatus.UNAUTHORIZED:
        return AuthError("the token is not accepted", reason="login_ended")
    return Malformed(f"HTTP {status}")


def refusal(status: int, body: bytes, retry_after: float | None) -> HubError:
    """Return the error for an answer of the API that is no success; none of its text goes on."""
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthError(f"HTTP {status}", reason="login_ended")
    if status == HTTPStatus.FORBIDDEN:
        return Unsupported(f"HTTP {status}", reason="insufficient_permission")
    if status == HTTPStatus.NOT_FOUND:
        codes = _object(body).get("errors")
        if isinstance(codes, list) and any(code in _OFFLINE for code in codes):
            return Unreachable("the camera is offline", reason="camera_not_connected")
        return NotThere(f"HTTP {status}")
    return _general(status, retry_after) or Malformed(f"HTTP {status}")


def session_is_gone(status: int, body: bytes) -> bool:
    """Return whether a call failed only for want of a session."""
    return status == HTTPStatus.NOT_FOUND and (text(_object(body).get("error")) or "").startswith("Session not found")


def _general(status: int, retry_after: float | None) -> HubError | None:
    if status == HTTPStatus.NOT_ACCEPTABLE:
        return Throttled(f"HTTP {status}", retry_after=retry_after or BLOCKED_S, reason="account_blocked")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(f"HTTP {status}", retry_after=THROTTLED_S if retry_after is None else retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(f"HTTP {status}", reason="service_unavailable")
    return None


def _object(body: bytes) -> Mapping[str, JsonValue]:
    try:
        return child(from_json(body))
    except Malformed:
        return {}
