"""The state of a login, from its expiry and from refusals."""

from datetime import datetime, timedelta

from .model import CredentialState, TokenStatus


def credential_state(
    status: TokenStatus | None, *, refused: bool, now: datetime, warning: timedelta
) -> CredentialState:
    """Return the state of a login; it is EXPIRING from `warning` before its expiry on."""
    if refused or (status is not None and status.state is CredentialState.REFUSED):
        return CredentialState.REFUSED
    if status is None:
        return CredentialState.OK
    left = None if status.expires_at is None else status.expires_at - now
    if status.state is CredentialState.EXPIRED or (left is not None and left <= timedelta(0)):
        return CredentialState.EXPIRED
    if status.state is CredentialState.EXPIRING or (left is not None and left <= warning):
        return CredentialState.EXPIRING
    return CredentialState.OK
