"""What the user has to mend: a login about to end, a camera set up so that it cannot be watched."""

from typing import Any

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN, EXPIRY_WARNING
from .coordinator import CamHubCoordinator
from .kernel.model import CredentialState, TokenStatus

type IssueData = dict[str, str | int | float | None]


class CredentialWatch:
    """Raises and clears the issues of one account after each look at it."""

    def __init__(self, coordinator: CamHubCoordinator) -> None:
        """Watch a coordinator."""
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry

    @callback
    def async_check(self) -> None:
        """Bring the account's issues up to date."""
        wanted = self._credential_issue() | self._account_issues() | self._camera_issues()
        for issue_id in _issues_of(self._hass, self._entry.entry_id) - wanted:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    def _credential_issue(self) -> set[str]:
        """Raise what the login's end asks for; returns the issue's id."""
        status = self._coordinator.token_status
        if status is None or (key := self._credential_key(status)) is None:
            return set()
        issue_id = f"{key}_{self._entry.entry_id}"
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            data={"entry_id": self._entry.entry_id},
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING if key == "credential_expiring" else ir.IssueSeverity.ERROR,
            translation_key=key,
            translation_placeholders={
                "account": self._entry.title,
                "expires": status.expires_at.strftime("%Y-%m-%d %H:%M UTC") if status.expires_at else "?",
            },
        )
        return {issue_id}

    def _credential_key(self, status: TokenStatus) -> str | None:
        """Return which sentence the login's state deserves."""
        if status.state is CredentialState.EXPIRED:
            return "credential_expired"
        left = status.expires_at - self._coordinator.clock.now() if status.expires_at else None
        if status.state is CredentialState.EXPIRING or (left is not None and left <= EXPIRY_WARNING):
            return "credential_expiring"
        return None

    def _account_issues(self) -> set[str]:
        """Raise an issue for each thing that is wrong with the account as a whole; returns their ids."""
        raised = set()
        for problem in self._coordinator.provider.problems():
            issue_id = f"{problem}_{self._entry.entry_id}"
            raised.add(issue_id)
            self._raise(issue_id, problem, {"account": self._entry.title})
        return raised

    def _raise(self, issue_id: str, key: str, placeholders: dict[str, str]) -> None:
        """Raise what the user can only mend elsewhere."""
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            data={"entry_id": self._entry.entry_id},
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=key,
            translation_placeholders=placeholders,
        )

    def _camera_issues(self) -> set[str]:
        """Raise an issue for each thing a camera says is wrong with it; returns their ids."""
        raised = set()
        for camera in self._coordinator.data.values():
            for problem in camera.problems:
                issue_id = f"{problem}_{self._entry.entry_id}_{camera.id}"
                raised.add(issue_id)
                self._raise(issue_id, problem, {"camera": camera.identity.name, "account": self._entry.title})
        return raised


def _issues_of(hass: HomeAssistant, entry_id: str) -> set[str]:
    """Return the ids of an account's issues."""
    return {
        issue_id
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.data is not None and issue.data.get("entry_id") == entry_id
    }


@callback
def async_clear_issues(hass: HomeAssistant, entry_id: str) -> None:
    """Delete all issues of an account."""
    for issue_id in _issues_of(hass, entry_id):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


class SignInAgainFlow(RepairsFlow):
    """Leads straight into the sign-in of the account concerned."""

    def __init__(self, entry_id: str) -> None:
        """Remember the account."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Begin with the explanation."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Explain, then hand over; the issue goes away once the new login holds."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None:
            return self.async_create_entry(data={})
        if user_input is None:
            return self.async_show_form(step_id="confirm", description_placeholders={"account": entry.title})
        flow = await self.hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_REAUTH, "entry_id": entry.entry_id}, data=dict(entry.data)
        )
        return self.async_abort(reason="sign_in_again", next_flow=(FlowType.CONFIG_FLOW, flow["flow_id"]))


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: IssueData | None) -> RepairsFlow:
    """Return the dialog that mends an issue."""
    return SignInAgainFlow(str((data or {}).get("entry_id")))
