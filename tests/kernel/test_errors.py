import pytest

from custom_components.camhub.kernel.errors import (
    AuthError,
    HubError,
    Malformed,
    Throttled,
    Unreachable,
    Unsupported,
    WrongKey,
)

KINDS = [HubError, AuthError, Unreachable, Throttled, Malformed, Unsupported, WrongKey]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_hub_error_with_a_slug_of_its_own(kind: type[HubError]) -> None:
    error = kind()
    assert isinstance(error, HubError)
    assert str(error) == error.reason == kind.default_reason
    assert error.placeholders == {}
    assert len({each.default_reason for each in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_words_for_the_log_and_for_the_user_are_kept_apart(kind: type[HubError]) -> None:
    error = kind("connection reset", reason="camera_asleep", placeholders={"name": "Porch"})
    assert str(error) == "connection reset"
    assert error.reason == "camera_asleep"
    assert error.placeholders == {"name": "Porch"}


def test_placeholders_are_a_copy() -> None:
    given = {"name": "Porch"}
    error = HubError(placeholders=given)
    given["name"] = "Garden"
    assert error.placeholders == {"name": "Porch"}


def test_throttled_is_a_way_of_being_unreachable() -> None:
    assert issubclass(Throttled, Unreachable)
    assert Throttled().retry_after is None
    assert Throttled(retry_after=30).retry_after == 30
