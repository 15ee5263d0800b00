"""The action that generates a dashboard of the cameras a user may see, with Home Assistant's own cards."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv, device_registry as dr, entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import slugify
from homeassistant.util.json import JsonObjectType, JsonValueType
import probatio

from .access import camera_entity_id, may_view
from .checking import async_language
from .const import DOMAIN
from .coordinator import CamHubConfigEntry
from .kernel.checkup import AWAKE_FLOOR
from .kernel.model import CredentialState
from .kernel.provider import Camera

SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional("live", default=False): cv.boolean,
        probatio.Optional("hours", default=24): probatio.All(probatio.Coerce(int), probatio.Range(min=1, max=168)),
    }
)
FULL: Final[JsonObjectType] = {"columns": "full"}
HALF: Final[JsonObjectType] = {"columns": 6}
# Twelve rows of the list on a page of its own; the default is five.
LONG: Final[JsonObjectType] = FULL | {"rows": 12}
LOGIN: Final = ("credential_status", "credential_expiry")
# Controls on a camera's own page, below its states.
CONTROLS: Final = (Platform.SWITCH, Platform.NUMBER, Platform.BUTTON)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One camera with the entities of its device by their kind."""

    entity_id: str
    name: str
    path: str
    live: bool
    entities: Mapping[str, Sequence[er.RegistryEntry]]

    def of(self, *platforms: Platform, diagnostic: bool = False) -> list[JsonValueType]:
        """Return the entities of these kinds, those for a diagnosis or the others."""
        return [
            each.entity_id
            for platform in platforms
            for each in self.entities.get(platform, ())
            if (each.entity_category == "diagnostic") is diagnostic
        ]


@dataclass(frozen=True, kw_only=True)
class AccountShown:
    """One account: its cameras and the entities of its login."""

    title: str
    cameras: Sequence[Shown]
    login: Sequence[str]
    """The status entity, then that of its expiry, if there is one."""


@callback
def async_setup_dashboard(hass: HomeAssistant) -> None:
    """Register the action."""
    hass.services.async_register(DOMAIN, "dashboard", _async_dashboard, SCHEMA, supports_response=SupportsResponse.ONLY)


async def _async_dashboard(call: ServiceCall) -> ServiceResponse:
    """Return the configuration of a dashboard, ready to be pasted."""
    hass = call.hass
    user = await hass.auth.async_get_user(call.context.user_id) if call.context.user_id else None
    if call.context.user_id and user is None:
        raise Unauthorized(context=call.context)
    entries: list[CamHubConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    accounts = [found for entry in entries if (found := _account(hass, entry, user)).cameras]
    if not accounts:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_camera_to_show")
    words = await async_get_translations(hass, await async_language(hass, user), "common", [DOMAIN])
    return Pages(accounts, words, live=call.data["live"], hours=call.data["hours"]).dashboard()


def _account(hass: HomeAssistant, entry: CamHubConfigEntry, user: User | None) -> AccountShown:
    """Return what a user may see of an account; None is an automation, which may see everything."""
    coordinator = entry.runtime_data
    cameras = [
        _camera(hass, entry, camera, user)
        for camera in coordinator.data.values()
        if camera_entity_id(hass, entry, camera.id) and (user is None or may_view(hass, user, entry, camera.id))
    ]
    own = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    told = {each.translation_key: each.entity_id for each in own if _is_shown(each, user)}
    # The expiry alone, without the status, would mean little.
    login = [told[key] for key in LOGIN if key in told and LOGIN[0] in told]
    return AccountShown(title=entry.title, cameras=sorted(cameras, key=lambda camera: camera.name), login=login)


def _is_shown(entity: er.RegistryEntry, user: User | None) -> bool:
    hidden = entity.disabled_by or entity.hidden_by
    return not hidden and (user is None or user.permissions.check_entity(entity.entity_id, POLICY_READ))


def _camera(hass: HomeAssistant, entry: CamHubConfigEntry, camera: Camera, user: User | None) -> Shown:
    """Gather the entities of a camera's device, by kind and in the order of their ids."""
    identifier = entry.runtime_data.device_identifier(camera.id)
    device = dr.async_get(hass).async_get_device_by_identifier(identifier, entry.entry_id)
    entities: dict[str, list[er.RegistryEntry]] = {}
    for each in er.async_entries_for_device(er.async_get(hass), device.id) if device else ():
        if each.platform == DOMAIN and _is_shown(each, user):
            entities.setdefault(each.domain, []).append(each)
    entity_id = camera_entity_id(hass, entry, camera.id) or ""
    return Shown(
        entity_id=entity_id,
        name=(device and (device.name_by_user or device.name)) or camera.identity.name,
        path=slugify(entity_id.partition(".")[2]).replace("_", "-"),
        live=camera.still_floor <= AWAKE_FLOOR,
        entities={domain: sorted(found, key=lambda each: each.entity_id) for domain, found in entities.items()},
    )


class Pages:
    """The pages of a dashboard: all cameras, what they saw, the logins, and one for each camera."""

    def __init__(self, accounts: Sequence[AccountShown], words: Mapping[str, str], *, live: bool, hours: int) -> None:
        """Take the accounts, the texts, whether the first page is live, and how many hours of events to show."""
        self._accounts = accounts
        self._words = words
        self._live = live
        self._hours = hours

    def dashboard(self) -> JsonObjectType:
        """Return the configuration."""
        cameras = [camera for account in self._accounts for camera in account.cameras]
        pages = [self._all_cameras(), self._events(cameras), self._logins(), *map(self._one, cameras)]
        return {"title": self._say("cameras"), "views": [page for page in pages if page]}

    def _say(self, key: str) -> str:
        return self._words[f"component.{DOMAIN}.common.dashboard_{key}"]

    def _timeline(self, kind: str, entities: Sequence[JsonValueType]) -> JsonObjectType | None:
        """Return a history card, None without entities."""
        if not entities:
            return None
        card: JsonObjectType = {"type": kind, "hours_to_show": self._hours, "grid_options": dict(FULL)}
        return card | ({"target": {"entity_id": list(entities)}} if kind == "logbook" else {"entities": list(entities)})

    def _all_cameras(self) -> JsonObjectType:
        """Make a section per account; a badge leads to a camera's own page, its picture to the live dialog."""
        names = Counter(camera.name for account in self._accounts for camera in account.cameras)
        chips: list[JsonValueType] = [
            {
                "type": "entity",
                "entity": camera.entity_id,
                "name": camera.name if names[camera.name] == 1 else f"{camera.name}, {account.title}",
                "show_name": True,
                "show_state": False,
                "show_icon": False,
                "show_entity_picture": True,
                "tap_action": {"action": "navigate", "navigation_path": camera.path},
            }
            for account in self._accounts
            for camera in account.cameras
        ]
        sections = [
            _section(_heading(account.title, "mdi:cctv", account.login[:1]), *self._pictures(account.cameras))
            for account in self._accounts
        ]
        return _view(self._say("cameras"), "cameras", sections, badges=chips)

    def _pictures(self, cameras: Sequence[Shown]) -> list[JsonObjectType]:
        """Show two per row, a single one full width."""
        wide = HALF if len(cameras) > 1 else FULL
        return [self._picture(camera) | {"grid_options": dict(wide)} for camera in cameras]

    def _picture(self, camera: Shown) -> JsonObjectType:
        """Show a camera; one with a battery must not be kept awake by an open page."""
        live = self._live and camera.live
        return {
            "type": "picture-entity",
            "entity": camera.entity_id,
            "name": camera.name,
            "camera_view": "live" if live else "auto",
            "show_state": False,
            "fit_mode": "contain",
            "grid_options": dict(FULL),
        }

    def _events(self, cameras: Sequence[Shown]) -> JsonObjectType | None:
        """Show the presence history of each camera, and the event log."""
        lasting = [entity for camera in cameras for entity in camera.of(Platform.BINARY_SENSOR)]
        events = [entity for camera in cameras for entity in camera.of(Platform.EVENT)]
        when, seen = self._timeline("history-graph", lasting), self._timeline("logbook", events)
        sections = [
            _section(_heading(self._say("seen"), "mdi:format-list-bulleted"), seen | {"grid_options": dict(LONG)})
            if seen
            else None,
            _section(_heading(self._say("when"), "mdi:chart-timeline"), when) if when else None,
        ]
        filled = [section for section in sections if section]
        return _view(self._say("events"), "events", filled) if filled else None

    def _logins(self) -> JsonObjectType | None:
        """Show the state of the logins, and what to do if one has a problem."""
        states = [account.login[0] for account in self._accounts if account.login]
        if not states:
            return None
        wrong: list[JsonValueType] = [
            {"condition": "state", "entity": state, "state_not": str(CredentialState.OK)} for state in states
        ]
        note: JsonObjectType = {
            "type": "markdown",
            "content": f"{self._say('mend')} [{self._say('repairs')}](/config/repairs)",
            "visibility": [{"condition": "or", "conditions": wrong}],
            "grid_options": dict(FULL),
        }
        cards = [_entities(_login_rows(account.login), account.title) for account in self._accounts if account.login]
        section = _section(_heading(self._say("logins"), "mdi:key"), note, *cards)
        return _view(self._say("logins"), "logins", [section])

    def _one(self, camera: Shown) -> JsonObjectType:
        """Show one camera: live view, last events, states and controls."""
        last: list[JsonObjectType] = [
            {"type": "picture-entity", "entity": entity, "name": {"type": "entity"}, "grid_options": dict(FULL)}
            for entity in camera.of(Platform.IMAGE)
        ]
        seen = self._timeline("logbook", camera.of(Platform.EVENT))
        facts = camera.of(Platform.BINARY_SENSOR) + camera.of(*CONTROLS)
        told = camera.of(Platform.BINARY_SENSOR, Platform.SENSOR, diagnostic=True)
        live = self._picture(camera) | {"camera_view": "live" if camera.live else "auto"}
        seen_last = _section(_heading(self._say("seen"), "mdi:motion-sensor"), *last, seen)
        sections = [
            _section(_heading(camera.name, "mdi:cctv"), live, _entities([_row(each) for each in (*facts, *told)])),
            *([seen_last] if last or seen else []),
        ]
        page = _view(camera.name, camera.path, sections)
        return page | {"subview": True, "back_path": "cameras"}


def _view(
    title: str,
    path: str,
    sections: Sequence[JsonObjectType],
    badges: Sequence[JsonValueType] = (),
) -> JsonObjectType:
    view: JsonObjectType = {"type": "sections", "title": title, "path": path, "max_columns": 3}
    if badges:
        view["header"] = {"badges_position": "top", "badges_wrap": "scroll"}
        view["badges"] = list(badges)
    return view | {"sections": list(sections)}


def _section(*cards: JsonObjectType | None) -> JsonObjectType:
    return {"type": "grid", "cards": [card for card in cards if card]}


def _heading(text: str, icon: str, badges: Iterable[str] = ()) -> JsonObjectType:
    heading: JsonObjectType = {"type": "heading", "heading": text, "icon": icon}
    chips: list[JsonValueType] = [{"type": "entity", "entity": entity} for entity in badges]
    return heading | {"badges": chips} if chips else heading


def _row(entity: JsonValueType) -> JsonObjectType:
    # The heading already names the camera.
    return {"entity": entity, "name": {"type": "entity"}}


def _login_rows(login: Sequence[str]) -> list[JsonObjectType]:
    """Return the rows of a login: its status, and its expiry while that is known."""
    status, *expiry = login
    known: list[JsonValueType] = [{"condition": "state", "entity": each, "state_not": "unknown"} for each in expiry]
    ends: list[JsonObjectType] = [{"type": "conditional", "conditions": known, "row": _row(each)} for each in expiry]
    return [_row(status), *ends]


def _entities(rows: Sequence[JsonObjectType], title: str | None = None) -> JsonObjectType:
    card: JsonObjectType = {"type": "entities", "entities": list(rows), "grid_options": dict(FULL)}
    return card | {"title": title} if title else card
