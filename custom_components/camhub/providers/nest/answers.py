"""What Google's refusals mean (protocols.md 2.7)."""

from http import HTTPStatus
from typing import Final

from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from ...kernel.reading import Object, child
from .reading import read, text

# Queries are counted in minutes, so nobody is asked again any sooner.
WINDOW_S: Final = 60.0
_CLIENT_REFUSED: Final = frozenset({"invalid_client", "unauthorized_client", "deleted_client", "disabled_client"})
# What Google's own library tries again, whatever the status.
_FAULTS: Final = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})


def document(body: bytes) -> Object:
    """Return an answer's JSON object, an empty one where it holds none: a proxy in between answers in HTML."""
    try:
        return read(body)
    except Malformed:
        return {}


def refusal(status: int, body: bytes, retry_after: float | None = None) -> HubError:
    """Return the error for an answer of the devices' service that is none."""
    error = child(document(body), "error")
    word, told = text(error.get("status")), text(error.get("message"))
    if status == HTTPStatus.UNAUTHORIZED:
        # Not of our login, which is judged elsewhere: of the token that came with a picture's address.
        return Unreachable("the picture's token was refused", reason="event_picture_gone")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled("the quota is used up", reason="quota_used_up", retry_after=_pause(retry_after))
    if status == HTTPStatus.FORBIDDEN:
        return _forbidden(told)
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(told)
    if word == "FAILED_PRECONDITION":
        return _not_now(told)
    if status == HTTPStatus.BAD_REQUEST:
        return _wrong(told)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and "no longer available" in told:
        return Unreachable("the event is too old", reason="event_picture_gone")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.CONFLICT:
        return Unreachable(f"{status} {word}", reason="service_unavailable")
    return Malformed(f"{status} {word}")


def pubsub_refusal(status: int, body: bytes, retry_after: float | None = None) -> HubError:
    """Return the error for an answer about topics and subscriptions that is none."""
    told = text(child(document(body), "error").get("message"))
    if status == HTTPStatus.FORBIDDEN:
        if _is_off(told):
            return Unreachable("the API is off", reason="pubsub_disabled")
        return Unsupported("the right is missing", reason="pubsub_forbidden")
    if status == HTTPStatus.NOT_FOUND:
        return Unsupported("no such project", reason="cloud_project_not_found")
    return refusal(status, body, retry_after)


def _pause(asked: float | None) -> float:
    """Return for how long to stay silent: a window at least, whatever is asked for."""
    return max(WINDOW_S, asked or 0.0)


def _is_off(told: str) -> bool:
    return "has not been used" in told or "is disabled" in told


def _forbidden(told: str) -> HubError:
    if _is_off(told):
        return Unreachable("the API is off", reason="api_disabled")
    return Unsupported("the right is missing", reason="not_shared")


def _not_found(told: str) -> HubError:
    if told.startswith("Enterprise"):
        return AuthError("no such project for this client", reason="enterprise_not_found")
    return Unsupported("not there any more", reason="camera_gone")


def _not_now(told: str) -> HubError:
    """Return what a command that fits the camera fails with."""
    if "not supported" in told:
        return Unsupported("the camera cannot do this", reason="not_extendable")
    if "invalid session" in told:
        return Malformed("the session is over", reason="session_over")
    if "does not belong" in told:
        return Unreachable("no such event", reason="event_picture_gone")
    if "Precondition check failed" in told:
        # No word on any camera: listings are refused so, too.
        return Unreachable("a precondition of its own", reason="service_unavailable")
    return Unreachable("the camera cannot now", reason="camera_not_ready")


def _wrong(told: str) -> HubError:
    if told.startswith("Command not supported"):
        return Unsupported("another way of watching is due", reason="protocol_changed")
    if "SDP" in told:
        return Unsupported("the offer was refused", reason="offer_refused")
    if "offerS" in told:
        # Now and then, of an offer like any other: the next one is taken.
        return Unreachable("an offer was refused", reason="offer_refused")
    return Malformed("a request was refused")


def login_refusal(status: int, body: bytes, retry_after: float | None = None) -> HubError:
    """Return the error for an answer of the token endpoint that is none."""
    word = text(document(body).get("error"))
    if word in _CLIENT_REFUSED:
        return AuthError("the client was refused", reason="client_refused")
    if word == "invalid_grant":
        return AuthError("the login has ended", reason="login_revoked")
    if word == "redirect_uri_mismatch":
        return AuthError("another redirect address is due", reason="redirect_refused")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled("too many logins", reason="login_throttled", retry_after=_pause(retry_after))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or word in _FAULTS:
        return Unreachable(f"{status}", reason="service_unavailable")
    return Malformed(f"{status} {word[:40]}")
