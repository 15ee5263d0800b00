from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from custom_components.camhub.kernel.model import (
    Account,
    CameraEvent,
    Clip,
    CredentialState,
    DeviceIdentity,
    EventKind,
    EventPhase,
    Image,
    TokenStatus,
)

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_picture_prints_no_bytes() -> None:
    assert "secret" not in repr(Image(content=b"secret", taken_at=AT))


def test_an_account_prints_no_credentials() -> None:
    account = Account(title="Home", unique_id=None, match="192.0.2.1", credentials={"password": "s3cret"})
    assert "s3cret" not in repr(account)


def test_events_are_equal_whatever_picture_came_with_them() -> None:
    bare = CameraEvent(id="1", camera="a", kind=EventKind.MOTION, at=AT)
    pictured = CameraEvent(id="1", camera="a", kind=EventKind.MOTION, at=AT, image=Image(content=b"", taken_at=AT))
    assert bare == pictured
    assert bare != CameraEvent(id="1", camera="a", kind=EventKind.MOTION, at=AT, phase=EventPhase.END)


def test_values_are_frozen() -> None:
    clip, name = Clip(id="1", camera="a", start=AT), "id"
    with pytest.raises(FrozenInstanceError):
        setattr(clip, name, "2")
    assert clip.id == "1"


def test_slugs_print_as_themselves() -> None:
    assert f"{EventKind.LINE_CROSSING} {EventPhase.PULSE} {CredentialState.EXPIRING}" == "line_crossing pulse expiring"


def test_values_with_equal_parts_are_equal() -> None:
    assert DeviceIdentity(name="Porch", manufacturer="Example") == DeviceIdentity(name="Porch", manufacturer="Example")
    assert TokenStatus(state=CredentialState.OK) == TokenStatus(state=CredentialState.OK, expires_at=None)
