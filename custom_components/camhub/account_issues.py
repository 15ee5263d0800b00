"""The repair issues of one account: its login, problems that it or its cameras report, cameras long offline."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .credential_watch import CredentialWatch
from .darkness import Darkness
from .issues import async_clear, async_raise
from .kernel.clock import Clock
from .kernel.model import CredentialState
from .kernel.provider import Camera

# An expired or refused login has an issue of its own, which already explains why the account is unreachable.
LOGIN_OVER = frozenset({CredentialState.EXPIRED, CredentialState.REFUSED})


class AccountIssues:
    """Creates issues and deletes those that no longer apply; `sources` return translation keys (`issues.<slug>`)."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], login: CredentialWatch, clock: Clock) -> None:
        """Raise nothing yet."""
        self._hass = hass
        self._entry = entry
        self._login = login
        self.darkness = Darkness(entry, clock)
        self.sources: list[Callable[[], Iterable[str]]] = []

    @callback
    def async_update(self, cameras: Collection[Camera], *, reached: bool) -> None:
        """Bring the issues up to date; `reached` is whether the account answered."""
        raised = self._login.async_raise_issue() | self._raise_problems(cameras)
        reached = reached or self._login.state in LOGIN_OVER
        raised |= self.darkness.async_raise(self._hass, cameras, reached=reached)
        async_clear(self._hass, self._entry.entry_id, keep=raised)

    def _raise_problems(self, cameras: Collection[Camera]) -> set[str]:
        """Create an issue for each problem that the account or a camera reports; return their ids."""
        entry, raised = self._entry, set()
        for problem in sorted({problem for source in self.sources for problem in source()}):
            raised.add(issue_id := f"{problem}_{entry.entry_id}")
            async_raise(self._hass, entry, issue_id, problem)
        for camera in cameras:
            for problem in camera.problems:
                raised.add(issue_id := f"{problem}_{entry.entry_id}_{camera.id}")
                async_raise(self._hass, entry, issue_id, problem, camera=camera.identity.name)
        return raised
