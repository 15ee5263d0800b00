"""Which of our errors an answer is (protocols.md 1.9)."""

from collections.abc import Callable
import math
from typing import ClassVar, Final

from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from .tree import Node, flag, name_of, number, read_xml, text

UNAUTHORIZED: Final = 401
_FAULT: Final = 500
_WAITING: Final = frozenset({429, 503})
# Seconds a lock lasts where the device does not say (protocols.md 7.4: the number differs by firmware).
LOCK_S: Final = 1800.0
LOCKED: Final = "account_locked"
_NOT_ACTIVATED: Final = "notactivated"


class DeviceBusy(Unreachable):
    """Too much asked at once (`statusCode` 2 and 3); worth asking again soon."""

    default_reason: ClassVar[str] = "device_busy"


class DeviceTrouble(DeviceBusy):
    """A device error (`statusCode` 3); mostly gone when asked again, but some firmware has it for good at one path."""


class Forbidden(Unsupported):
    """HTTP 403, or a right that is missing: mostly a function that is not there (protocols.md 7.3)."""


class NotActivated(Unsupported):
    """What was asked has no password yet: the device itself, or the camera behind a recorder."""

    default_reason: ClassVar[str] = "device_not_activated"


class DeviceFault(Unreachable):
    """The device failed at this request (HTTP 5xx); other requests may still work."""

    default_reason: ClassVar[str] = "device_fault"


def refusal(status: int, body: bytes, retry_after: float | None = None) -> HubError:
    """Return the error for an HTTP status other than 200; `retry_after` is for how many seconds it asks to wait."""
    try:
        root: Node | None = read_xml(body)
    except Malformed:
        root = None
    if status == UNAUTHORIZED:
        return _login(root)
    if status in _WAITING and retry_after is not None:
        return Throttled(f"HTTP {status}", retry_after=retry_after)
    said = None if root is None else trouble(root)
    by_status = _by_status(status)
    # A fault at one request may come with a code that means "ask again" elsewhere.
    return by_status if said is None or isinstance(by_status, DeviceFault) else said


def trouble(root: Node) -> HubError | None:
    """Return the error a document stands for, whatever HTTP status it came with; None for a good one."""
    name = name_of(root)
    if name == "userCheck":
        return None if number(root, "statusValue") in {None, 200} else _login(root)
    if name != "ResponseStatus":
        return None
    code = number(root, "statusCode")
    detail = text(root, "subStatusCode") or text(root, "statusString") or ""
    if detail.lower() in {"lowprivilege", "nopermission"}:
        return Forbidden("the account lacks the right", reason="insufficient_permission")
    if detail.lower() == _NOT_ACTIVATED:
        return NotActivated("no password yet")
    make = _BY_CODE.get(-1 if code is None else code)
    if make is not None:
        return make(f"statusCode {code} {detail[:40]}".rstrip())
    return None if code in {0, 1} else Malformed(f"statusCode {code}")


def _login(root: Node | None) -> HubError:
    if (text(root, "lockStatus") or "").lower() == "lock":
        seconds = number(root, "unlockTime")
        return locked(LOCK_S if seconds is None else float(seconds))
    # Firmware of about V5.4 answers with a `ResponseStatus` here.
    if flag(root, "isActivated") is False or (text(root, "subStatusCode") or "").lower() == _NOT_ACTIVATED:
        return AuthError("the device has no password yet", reason="device_not_activated")
    left = number(root, "retryLoginTime")
    if left:
        return AuthError("refused", reason="login_attempts_left", placeholders={"attempts": str(left)})
    return AuthError("refused")


def locked(seconds: float) -> Throttled:
    """Return the error of an account that is locked for so many seconds more."""
    minutes = str(max(1, math.ceil(seconds / 60)))
    return Throttled("the account is locked", reason=LOCKED, retry_after=seconds, placeholders={"minutes": minutes})


def _by_status(status: int) -> HubError:
    match status:
        case 403:
            return Forbidden(f"HTTP {status}")
        case 400 | 404 | 405 | 501:
            return Unsupported(f"HTTP {status}")
        case 429 | 503:
            return DeviceBusy(f"HTTP {status}")
        case _ if status >= _FAULT:
            return DeviceFault(f"HTTP {status}")
        case _:
            return Malformed(f"HTTP {status}")


_BY_CODE: Final[dict[int, Callable[[str], HubError]]] = {
    2: DeviceBusy,
    3: DeviceTrouble,
    4: Unsupported,
    5: Unsupported,
    6: Unsupported,
    7: Unreachable,
}
