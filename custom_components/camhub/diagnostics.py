"""Diagnostics without secrets, addresses or names; cameras have stable pseudonyms."""

from collections.abc import Mapping
import secrets
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from .checking import async_examine
from .const import CONF_MATCH, CONF_PROVIDER, DOMAIN, OPTION_VIEWERS, SEALED_OPTIONS
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .issues import ENTRY
from .kernel.checkup import Report
from .kernel.provider import Camera
from .kernel.pseudonyms import Pseudonyms
from .upgrade import async_load_or_leave

# A key of its own, so that rotating the encryption key does not change the pseudonyms.
PSEUDONYMS: Final[HassKey[Pseudonyms]] = HassKey(f"{DOMAIN}_pseudonyms")


@singleton(PSEUDONYMS, async_=True)
async def async_pseudonyms(hass: HomeAssistant) -> Pseudonyms:
    """Return the pseudonyms of this Home Assistant; their key is created once."""
    store: Store[dict[str, str]] = Store(hass, 1, f"{DOMAIN}.pseudonyms", private=True)
    if (kept := await async_load_or_leave(store)) is None:
        kept = {"key": secrets.token_hex(32)}
        await store.async_save(kept)
    return Pseudonyms(bytes.fromhex(kept["key"]))


# Encrypted settings and viewer lists; neither helps to find a fault.
HIDDEN_OPTIONS: Final = frozenset({*SEALED_OPTIONS, OPTION_VIEWERS})


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: CamHubConfigEntry) -> dict[str, Any]:
    """Return diagnostics of an account and its cameras, also after a failed setup."""
    names = await async_pseudonyms(hass)
    facts: dict[str, Any] = {
        "account": names.of("account", _account(entry)),
        "provider": entry.data.get(CONF_PROVIDER),
        "version": f"{entry.version}.{entry.minor_version}",
        "state": entry.state.value,
        "reason": entry.error_reason_translation_key,
        "options": {key: value for key, value in entry.options.items() if key not in HIDDEN_OPTIONS},
        "cameras_with_viewers": len(entry.options.get(OPTION_VIEWERS, {})),
        "repairs": _repairs(hass, entry),
    }
    if not hasattr(entry, "runtime_data"):
        return {**facts, "checks": _report(await async_examine(hass, entry, "", ask=False))}
    coordinator = entry.runtime_data
    status, line, until = coordinator.token_status, coordinator.pump.state, coordinator.provider.next_call_at()
    archiving = coordinator.archiving
    facts |= {
        "clips": {"pending": archiving.tally.pending, "dead": archiving.tally.dead, "reason": archiving.reason}
        if archiving
        else None,
        "last_update_success": coordinator.last_update_success,
        "last_update_error": error.reason if (error := coordinator.list_error) else None,
        "event_line": {
            "connected": coordinator.pump.connected,
            "status": line.status,
            "since": line.since.isoformat(),
            "reason": line.reason,
            "reconnects": line.reconnects,
        },
        "token": {"state": status.state, "expires_at": status.expires_at} if status else None,
        "login": {"state": coordinator.login.state, "reason": coordinator.login.reason},
        "next_call_at": until.isoformat() if until else None,
        "endpoints": [
            {"port": endpoint.port, "tls": endpoint.tls, "verify": endpoint.verify, "cloud": endpoint.cloud}
            for endpoint in coordinator.provider.endpoints()
        ],
        "counters": coordinator.counters.as_dict(),
        "details": coordinator.provider.diagnostics(),
        "cameras": [await _camera(hass, coordinator, camera, names) for camera in coordinator.data.values()],
    }
    known = _known(entry, names)
    return facts | {part: names.hide(facts[part], known) for part in ("options", "counters", "details")}


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: CamHubConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return diagnostics of the account and of one camera."""
    facts = await async_get_config_entry_diagnostics(hass, entry)
    if not hasattr(entry, "runtime_data"):
        return facts
    coordinator, names = entry.runtime_data, await async_pseudonyms(hass)
    wanted = {
        names.of("camera", _identity(entry, camera_id))
        for camera_id in coordinator.data
        if coordinator.device_identifier(camera_id) in device.identifiers
    }
    chosen = [camera for camera in facts["cameras"] if camera["camera"] in wanted]
    return {**facts, "cameras": chosen or facts["cameras"]}


def _account(entry: CamHubConfigEntry) -> str:
    """Return what stays the same when an account is removed and added again."""
    return str(entry.unique_id or entry.data.get(CONF_MATCH) or entry.entry_id)


def _identity(entry: CamHubConfigEntry, camera_id: str) -> str:
    return f"{_account(entry)}/{camera_id}"


def _known(entry: CamHubConfigEntry, names: Pseudonyms) -> Mapping[str, str]:
    """Return the pseudonym of every text that would identify the account or a camera."""
    coordinator = entry.runtime_data
    known: dict[str, str] = {}
    for camera in coordinator.data.values():
        identity = camera.identity
        for text in (camera.id, identity.name, identity.serial, identity.mac, identity.address):
            if text:
                known[text] = names.of("camera", _identity(entry, camera.id))
    hub = coordinator.provider.device()
    private = [entry.title, *(endpoint.host for endpoint in coordinator.provider.endpoints() if not endpoint.cloud)]
    private += [text for text in (hub.name, hub.serial, hub.mac, hub.address) if text] if hub else []
    return {**dict.fromkeys(private, names.of("account", _account(entry))), **known}


def _repairs(hass: HomeAssistant, entry: CamHubConfigEntry) -> list[str]:
    """Return the translation keys of the account's repair issues."""
    return sorted(
        str(issue.translation_key)
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.data is not None and issue.data.get(ENTRY) == entry.entry_id
    )


def _report(report: Report) -> dict[str, Any]:
    """Return the results of checks, without texts."""
    return {
        "at": report.at.isoformat(),
        "verdict": report.verdict.check if report.verdict else None,
        "checks": {result.check: result.reason or result.outcome for result in report.results},
    }


async def _camera(
    hass: HomeAssistant, coordinator: CamHubCoordinator, camera: Camera, names: Pseudonyms
) -> dict[str, Any]:
    """Return the abilities and the state of one camera."""
    entry = coordinator.config_entry
    key = coordinator.picture_key(camera.id)
    picture, state = coordinator.album.last(key), coordinator.album.state(key)
    relay, asked = coordinator.relays.get(camera.id), coordinator.reports.get(camera.id)
    return {
        "camera": names.of("camera", _identity(entry, camera.id)),
        "model": camera.identity.model,
        "firmware": camera.identity.firmware,
        "online": camera.online,
        "reason": camera.offline_reason,
        "problems": list(camera.problems),
        "abilities": [
            ability
            for ability in ("stills", "rtsp", "webrtc", "mjpeg", "hls", "clips")
            if getattr(camera, ability) is not None
        ],
        "events": sorted(camera.event_kinds),
        "picture_taken_at": picture.taken_at.isoformat() if picture else None,
        "picture_error": state.error.reason if state.error else None,
        "picture_failures": state.failures,
        "relay": relay.describe() if relay else None,
        "checks_by_what_is_known": _report(await async_examine(hass, entry, camera.id, ask=False)),
        "checks_asked_for": _report(asked) if asked else None,
    }
