import pytest

from custom_components.camhub.kernel.errors import (
    AuthError,
    HubError,
    Malformed,
    Throttled,
    Unreachable,
    Unsupported,
)
from custom_components.camhub.providers.hikvision.answers import (
    DeviceBusy,
    DeviceFault,
    DeviceTrouble,
    Forbidden,
    NotActivated,
    refusal,
    trouble,
)
from custom_components.camhub.providers.hikvision.tree import read_xml


def status(code: int | str, detail: str = "") -> bytes:
    return (
        f"<ResponseStatus><statusCode>{code}</statusCode><subStatusCode>{detail}</subStatusCode></ResponseStatus>"
    ).encode()


def check(**fields: object) -> bytes:
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<userCheck><statusValue>401</statusValue>{inside}</userCheck>".encode()


@pytest.mark.parametrize(
    ("http", "body", "kind", "reason"),
    [
        (401, b"", AuthError, "invalid_auth"),
        (401, b"<html>Document Error: Unauthorized</html>", AuthError, "invalid_auth"),
        (401, check(), AuthError, "invalid_auth"),
        (401, check(lockStatus="unlock", retryLoginTime=3), AuthError, "login_attempts_left"),
        (401, check(lockStatus="unlock", retryLoginTime=0), AuthError, "invalid_auth"),
        (401, check(lockStatus="lock", unlockTime=1800), Throttled, "account_locked"),
        (401, check(isActivated="false"), AuthError, "device_not_activated"),
        (401, status(4, "notActivated"), AuthError, "device_not_activated"),
        (403, status(4, "notActivated"), NotActivated, "device_not_activated"),
        (403, b"", Forbidden, "unsupported"),
        (403, status(4, "notSupport"), Unsupported, "unsupported"),
        (403, status(4, "lowPrivilege"), Forbidden, "insufficient_permission"),
        (400, b"", Unsupported, "unsupported"),
        (400, status(6, "badXmlContent"), Unsupported, "unsupported"),
        (404, b"<html/>", Unsupported, "unsupported"),
        (503, b"", DeviceBusy, "device_busy"),
        (503, status(2, "deviceBusy"), DeviceBusy, "device_busy"),
        (500, b"", DeviceFault, "device_fault"),
        (500, status(3, "deviceError"), DeviceFault, "device_fault"),
        (502, b"bad gateway", DeviceFault, "device_fault"),
        (418, b"", Malformed, "malformed"),
        (302, b"", Malformed, "malformed"),
    ],
)
def test_refusals(http: int, body: bytes, kind: type[HubError], reason: str) -> None:
    error = refusal(http, body)
    assert type(error) is kind
    assert error.reason == reason


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (status(0), None),
        (status(1, "ok"), None),
        (status(2), DeviceBusy),
        (status(3), DeviceTrouble),
        (status(4, "notSupport"), Unsupported),
        (status(5), Unsupported),
        (status(6), Unsupported),
        (status(7, "rebootRequired"), Unreachable),
        (status(9), Malformed),
        (status("x"), Malformed),
        (check(), AuthError),
        (b"<userCheck><statusValue>200</statusValue></userCheck>", None),
        (b"<DeviceInfo/>", None),
    ],
)
def test_trouble_in_an_answer_that_came_with_200(body: bytes, kind: type[HubError] | None) -> None:
    error = trouble(read_xml(body))
    assert (None if error is None else type(error)) is kind


@pytest.mark.parametrize(("said", "seconds", "minutes"), [(90, 90.0, "2"), (0, 0.0, "1"), (None, 1800.0, "30")])
def test_a_lock_tells_how_long(said: int | None, seconds: float, minutes: str) -> None:
    fields = {"lockStatus": "lock"} | ({} if said is None else {"unlockTime": str(said)})
    error = refusal(401, check(**fields))
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds
    assert error.placeholders == {"minutes": minutes}


def test_attempts_left_are_told() -> None:
    assert refusal(401, check(lockStatus="unlock", retryLoginTime=4)).placeholders == {"attempts": "4"}
