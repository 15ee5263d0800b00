"""Face recognition: event pictures of chosen cameras are sent to a face service, within a daily budget.

Without chosen cameras it is off, and no picture leaves Home Assistant.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
import json
from typing import Any, Final, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .const import DOMAIN, LOGGER, OPTION_RECOGNITION, OPTION_RECOGNITION_KEYS
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .credential_store import CredentialStore
from .kernel.errors import HubError, WrongKey
from .kernel.model import CameraEvent, EventKind, EventPhase, Recognised
from .kernel.provider import Camera
from .on_demand import AIOBOTOCORE, async_on_demand
from .upgrade import async_load_or_leave

DEFAULT_SIMILARITY: Final = 95
DEFAULT_BUDGET: Final = 100
# Events whose picture may show a face.
FACED: Final = frozenset({EventKind.MOTION, EventKind.PERSON, EventKind.FACE, EventKind.DOORBELL})
# The repair issue of errors that do not go away by themselves, by their reason.
PROBLEMS: Final = {
    "invalid_auth": ("recognition_refused",),
    "recognition_no_collection": ("recognition_no_collection",),
}
_BEGINNINGS: Final = frozenset({EventPhase.START, EventPhase.PULSE})


class Known(Protocol):
    """A recognised person."""

    name: str
    similarity: float


class Search(Protocol):
    """Recognises a face in a picture."""

    async def who(self, picture: bytes) -> Known | None:
        """Return who it is, None for nobody known; raises HubError."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The options: which cameras, and how many pictures per day."""

    cameras: frozenset[str] = frozenset()
    budget: int = DEFAULT_BUDGET

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Plan:
        """Read an entry's options."""
        stored = options.get(OPTION_RECOGNITION, {})
        if not options.get(OPTION_RECOGNITION_KEYS):
            return cls()
        return cls(cameras=frozenset(stored.get("cameras", ())), budget=stored.get("budget", DEFAULT_BUDGET))


def spending(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Return the store of how many pictures of an account were sent today."""
    return Store(hass, 1, f"{DOMAIN}.recognition.{entry_id}")


async def async_keys(store: CredentialStore, entry: ConfigEntry[Any]) -> dict[str, str]:
    """Return the keys of the face service; empty if they cannot be decrypted."""
    if not (sealed := entry.options.get(OPTION_RECOGNITION_KEYS)):
        return {}
    try:
        keys: dict[str, str] = json.loads(await store.async_unseal(sealed))
    except WrongKey:
        LOGGER.warning("The keys of the face service of %s do not open; enter them again", entry.title)
        return {}
    return keys


class Visitors:
    """Recognises people in the event pictures of one account."""

    def __init__(
        self, hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator, store: CredentialStore
    ) -> None:
        """Ask nobody yet."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._secrets = store
        self._plan = Plan.of(entry.options)
        self._spending = spending(hass, entry.entry_id)
        self._spent: tuple[str, int] = ("", 0)
        self._search: Search | None = None
        self._error: str | None = None
        # Events that wait for their picture, by camera.
        self._pending: dict[str, CameraEvent] = {}
        self._undo: list[Callable[[], None]] = []

    def decorate(self, camera: Camera) -> Camera:
        """Return a camera that recognises people, if it was chosen."""
        if camera.id not in self._plan.cameras:
            return camera
        return replace(camera, recognised=camera.recognised | {Recognised.WHO})

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what the user has to fix at the face service (`issues.<slug>`); an exhausted budget is no problem."""
        return PROBLEMS.get(self._error or "", ())

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return today's count, the budget and the last error; empty while it is off."""
        if not self._plan.cameras:
            return {}
        return {"pictures_today": self._today, "pictures_a_day": self._plan.budget, "last_error": self._error}

    @property
    def _today(self) -> int:
        day, count = self._spent
        return count if day == self._day else 0

    @property
    def _day(self) -> str:
        return dt_util.as_local(self._coordinator.clock.now()).date().isoformat()

    async def async_begin(self) -> None:
        """Subscribe to the chosen cameras."""
        if not self._plan.cameras:
            return
        kept = await async_load_or_leave(self._spending) or {}
        self._spent = (str(kept.get("day", "")), int(kept.get("pictures", 0)))
        if not await async_keys(self._secrets, self._entry):
            # A repair issue asks for them; until then no picture is sent and the budget is untouched.
            self._error = "recognition_keys_unreadable"
            return
        coordinator = self._coordinator
        for camera_id in self._plan.cameras:
            key = coordinator.event_picture_key(camera_id)
            self._undo += [
                coordinator.events.async_subscribe(camera_id, self._seen),
                coordinator.async_on_picture(key, partial(self._pictured, camera_id)),
            ]

    @callback
    def async_close(self) -> None:
        """Unsubscribe; running requests end with the account."""
        while self._undo:
            self._undo.pop()()
        self._pending.clear()

    @callback
    def _seen(self, event: CameraEvent) -> None:
        """Wait for the picture of an event that may show an unknown face."""
        if event.phase in _BEGINNINGS and event.kind in FACED and not event.metadata.get(Recognised.WHO):
            self._pending[event.camera] = event

    @callback
    def _pictured(self, camera_id: str) -> None:
        if (event := self._pending.pop(camera_id, None)) is not None:
            self._entry.async_create_background_task(self._hass, self._ask(event), f"{DOMAIN} who it is")

    async def _ask(self, event: CameraEvent) -> None:
        """Send the picture of an event if the budget allows, and report who was recognised."""
        image = await self._coordinator.album.read(self._coordinator.event_picture_key(event.camera))
        if image is None or self._today >= self._plan.budget:
            self._coordinator.counters.count("recognition.left_out")
            return
        self._spent = (self._day, self._today + 1)
        # Saved before the request, so that neither a reload nor a power cut restores the budget.
        await self._spending.async_save(self._kept())
        try:
            if self._search is None:
                self._search = await self._made()
            known = await self._search.who(image.content)
        except HubError as error:
            if error.reason != self._error:
                LOGGER.warning("Faces of %s are not told: %s", self._entry.title, error.reason)
            self._told(error.reason)
            return
        self._told(None)
        if known is not None:
            told = {**event.metadata, Recognised.WHO: known.name, "similarity": known.similarity}
            self._coordinator.events.deliver(replace(event, phase=EventPhase.UPDATE, image=None, metadata=told))

    def _told(self, reason: str | None) -> None:
        """Remember the last error and update its repair issue."""
        before, self._error = self.problems, reason
        if self.problems != before:
            self._coordinator.async_check()

    def _kept(self) -> dict[str, Any]:
        day, pictures = self._spent
        return {"day": day, "pictures": pictures}

    async def _made(self) -> Search:
        """Return the face search; raises Unsupported if its library cannot be installed."""
        module = await async_on_demand(self._hass, "recording.recognition", AIOBOTOCORE, "recognition_no_library")
        stored = self._entry.options[OPTION_RECOGNITION]
        keys = await async_keys(self._secrets, self._entry)
        search: Search = module.FaceSearch(
            module.FaceSettings(
                region=stored["region"],
                collection=stored["collection"],
                similarity=stored.get("similarity", DEFAULT_SIMILARITY),
                key_id=keys.get("key_id", ""),
                secret=keys.get("secret", ""),
                endpoint=stored.get("endpoint", ""),
            )
        )
        return search


@callback
def async_visitors(
    hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator, store: CredentialStore
) -> Visitors:
    """Create the face recognition of an account and register it."""
    visitors = Visitors(hass, entry, coordinator, store)
    before = coordinator.decorate
    coordinator.decorate = lambda camera: visitors.decorate(before(camera))
    coordinator.issues.sources.append(lambda: visitors.problems)
    coordinator.visitor_facts = lambda: visitors.facts
    return visitors
