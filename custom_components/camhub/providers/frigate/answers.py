"""Which of our errors an answer is (protocols.md 5.2, 5.4, 5.7, 5.9)."""

from http import HTTPStatus
from typing import ClassVar, Final

from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from ...kernel.reading import child, from_json, text

# Seconds to stay silent where the server does not say (`failed_login_rate_limit` may be set to anything).
THROTTLE_S: Final = 60.0
_RESTARTING: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
_LOGIN_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NO_SUCH: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class NotThere(Unsupported):
    """The server does not know this camera, event or recording, or not this path."""

    default_reason: ClassVar[str] = "not_on_server"


def refusal(status: int, body: bytes, retry_after: float | None = None) -> HubError:
    """Return the error for an answer that is no success; none of its text goes on, since it may hold an address."""
    words = _words(body)
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthError(f"HTTP {status}", reason="login_required")
    if status == HTTPStatus.FORBIDDEN:
        return _forbidden(words)
    if status in _NO_SUCH or (status == HTTPStatus.BAD_REQUEST and words.startswith("No recordings")):
        return NotThere(f"HTTP {status}")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(f"HTTP {status}", retry_after=THROTTLE_S if retry_after is None else retry_after)
    if status == HTTPStatus.SERVICE_UNAVAILABLE and words.startswith("Export queue"):
        return Throttled(f"HTTP {status}", retry_after=THROTTLE_S if retry_after is None else retry_after)
    if status in _RESTARTING:
        return Unreachable(f"HTTP {status}", reason="server_starting")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _fault(status, words)
    return Malformed(f"HTTP {status}")


def login_refusal(status: int, body: bytes, retry_after: float | None = None) -> HubError:
    """Return the error for a login that gave no token; 0.14 says 400 where later ones say 401."""
    if status in _LOGIN_REFUSED:
        return AuthError(f"HTTP {status}")
    return refusal(status, body, retry_after)


def _forbidden(words: str) -> HubError:
    if words.startswith("Access denied to camera"):
        return Unsupported("not a camera of this role", reason="camera_not_in_role")
    if "admin" in words:
        return Unsupported("the role is not admin", reason="admin_role_missing")
    return Unsupported("HTTP 403", reason="insufficient_permission")


def _fault(status: int, words: str) -> HubError:
    if words.startswith("Unable to get valid frame"):
        return Unreachable("no frame", reason="no_frame")
    if "codecs not matched" in words:
        return Unsupported("codecs not matched", reason="codecs_not_matched")
    if words.startswith(("streams:", "webrtc")):
        return Unreachable("the stream's source does not open", reason="camera_offline")
    return Unreachable(f"HTTP {status}", reason="device_fault")


def _words(body: bytes) -> str:
    """Return what an answer says of itself: a field of its JSON, else its beginning."""
    try:
        said = from_json(body)
    except Malformed:
        return body[:200].decode(errors="replace")
    return text(child(said).get("message")) or text(child(said).get("detail")) or text(said) or ""
