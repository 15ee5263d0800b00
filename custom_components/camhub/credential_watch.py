"""The state of one account's login (expiring, expired, refused) and what the user is told about it."""

from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import DEFAULT_WARN_DAYS, OPTION_WARN_DAYS
from .credential_alerts import async_alert
from .failures import sentence
from .issues import async_raise
from .kernel.clock import Clock
from .kernel.credential_state import credential_state
from .kernel.errors import AuthError
from .kernel.model import CredentialState, TokenStatus
from .kernel.provider import Provider

_ISSUES: Final = {
    CredentialState.EXPIRING: "credential_expiring",
    CredentialState.EXPIRED: "credential_expired",
    CredentialState.REFUSED: "credential_refused",
}


class CredentialWatch:
    """Evaluates a login after each poll of its account, once a night, and whenever a request is refused."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], provider: Provider, clock: Clock) -> None:
        """Watch an account from before its first connection."""
        self._hass = hass
        self._entry = entry
        self._provider = provider
        self._clock = clock
        self._warning = timedelta(days=entry.options.get(OPTION_WARN_DAYS, DEFAULT_WARN_DAYS))
        self._refusal: AuthError | None = None
        # Whether somebody may have been asked to sign in since.
        self._asking = False

    @property
    def status(self) -> TokenStatus | None:
        """Return the provider's token status, None if the login never expires."""
        return self._provider.token_status()

    @property
    def state(self) -> CredentialState:
        """Return the state of the login."""
        return credential_state(
            self.status, refused=self._refusal is not None, now=self._clock.now(), warning=self._warning
        )

    @property
    def expires_at(self) -> datetime | None:
        """Return when the login expires."""
        return self.status.expires_at if self.status else None

    @property
    def reason(self) -> str | None:
        """Return why the login was refused."""
        return self._refusal.reason if self._refusal else None

    @callback
    def async_raise_issue(self) -> set[str]:
        """Create the issue for the login's state, if there is one; returns its id."""
        if (key := _ISSUES.get(self.state)) is None:
            return set()
        issue_id = f"{key}_{self._entry.entry_id}"
        ends = dt_util.as_local(self.expires_at).strftime("%Y-%m-%d %H:%M") if self.expires_at else "?"
        async_raise(
            self._hass,
            self._entry,
            issue_id,
            key,
            fixable=True,
            error=key != "credential_expiring",
            expires=ends,
            reason=self._sentence(),
        )
        return {issue_id}

    def _sentence(self) -> str:
        """Return in words why the login was refused."""
        return f"{sentence(self._refusal or AuthError())}."

    @callback
    def async_refused(self, error: AuthError) -> None:
        """Note that the login was refused, and notify."""
        self._refusal = error
        self._asking = True
        self.async_raise_issue()
        async_alert(self._hass, self._entry, self._clock, error.reason, self._sentence())

    @callback
    def async_recovered(self) -> None:
        """Note that the login works: open reauthentication flows are ended."""
        if not self._asking:
            return
        self._refusal = None
        flows = list(self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH}))
        shown = [flow for flow in flows if "step_id" in flow]
        for flow in shown:
            self._hass.config_entries.flow.async_abort(flow["flow_id"])
        # A flow that is still being created cannot be ended yet; the next poll does that.
        self._asking = len(shown) < len(flows)
