from datetime import UTC, datetime, timedelta

import pytest

from custom_components.camhub.kernel.credential_state import credential_state
from custom_components.camhub.kernel.model import CredentialState, TokenStatus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
OK, EXPIRING, EXPIRED, REFUSED = CredentialState


@pytest.mark.parametrize(
    ("said", "left", "expected"),
    [
        (OK, None, OK),
        (OK, WEEK + timedelta(seconds=1), OK),
        (OK, WEEK, EXPIRING),
        (OK, timedelta(seconds=1), EXPIRING),
        (OK, timedelta(0), EXPIRED),
        (EXPIRING, None, EXPIRING),
        (EXPIRING, timedelta(days=20), EXPIRING),
        (EXPIRING, timedelta(days=-1), EXPIRED),
        (EXPIRED, None, EXPIRED),
        (EXPIRED, timedelta(days=20), EXPIRED),
        (REFUSED, timedelta(days=20), REFUSED),
    ],
)
def test_what_is_left_decides(said: CredentialState, left: timedelta | None, expected: CredentialState) -> None:
    status = TokenStatus(state=said, expires_at=None if left is None else NOW + left)
    assert credential_state(status, refused=False, now=NOW, warning=WEEK) is expected
    assert credential_state(status, refused=True, now=NOW, warning=WEEK) is REFUSED


def test_a_login_without_an_end_is_good_until_it_is_refused() -> None:
    assert credential_state(None, refused=False, now=NOW, warning=WEEK) is OK
    assert credential_state(None, refused=True, now=NOW, warning=WEEK) is REFUSED
