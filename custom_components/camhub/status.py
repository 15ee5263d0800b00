"""The rows of the status: one for each account, one for each camera."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util.json import JsonObjectType, JsonValueType

from .access import camera_entity_id
from .const import CONF_PROVIDER
from .coordinator import CamHubConfigEntry, CamHubCoordinator, stream_kind
from .kernel.errors import Unreachable
from .kernel.provider import Camera
from .stream_entry import count_viewers


def account_row(entry: CamHubConfigEntry) -> JsonObjectType:
    """Return the state of an account, loaded or not."""
    row: JsonObjectType = {
        "account": entry.title,
        "provider": entry.data.get(CONF_PROVIDER),
        "config_entry_id": entry.entry_id,
        "state": str(entry.state.value),
        "reason": entry.error_reason_translation_key,
    }
    if entry.state is not ConfigEntryState.LOADED:
        return row
    coordinator = entry.runtime_data
    reached, error, line = coordinator.last_update_success, coordinator.list_error, coordinator.pump.state
    dark = sum(not reached or camera.online is False for camera in coordinator.data.values())
    return {
        **row,
        "reached": reached,
        "reason": error.reason if error else None,
        "cameras": len(coordinator.data),
        "cameras_offline": dark,
        "event_line": str(line.status),
        "event_line_since": line.since.isoformat(),
        "event_line_reason": line.reason,
        "event_line_reconnects": line.reconnects,
        **_clips(coordinator),
        **_token(coordinator),
        **_quota(coordinator),
        **_calls(coordinator),
    }


async def clip_rows(entry: CamHubConfigEntry) -> list[JsonValueType]:
    """Return the queued clips of an account's archive, those that were given up first."""
    archiving = entry.runtime_data.archiving
    try:
        return await archiving.async_rows() if archiving else []
    except Unreachable:
        # The account's row already says so.
        return []


def camera_row(hass: HomeAssistant, entry: CamHubConfigEntry, camera: Camera) -> JsonObjectType:
    """Return the state of one camera."""
    coordinator = entry.runtime_data
    since = coordinator.issues.darkness.since(camera.id)
    return {
        "account": entry.title,
        "provider": entry.data.get(CONF_PROVIDER),
        "camera": camera.identity.name,
        "entity_id": camera_entity_id(hass, entry, camera.id),
        "model": camera.identity.model,
        "firmware": camera.identity.firmware,
        "online": camera.online if coordinator.last_update_success else False,
        "reason": camera.offline_reason,
        "offline_since": since.isoformat() if since else None,
        "problems": list(camera.problems),
        "battery": camera.health.battery if camera.health else None,
        "watched_by": stream_kind(camera),
        **_picture(coordinator, camera),
        **_token(coordinator),
        **_quota(coordinator),
        "viewers": count_viewers(hass, coordinator, camera.id),
    }


def _picture(coordinator: CamHubCoordinator, camera: Camera) -> JsonObjectType:
    """Return the age of the newest picture and any failure since."""
    key = coordinator.picture_key(camera.id)
    image, state = coordinator.album.last(key), coordinator.album.state(key)
    age = (coordinator.clock.now() - image.taken_at).total_seconds() if image else None
    return {
        "last_snapshot": image.taken_at.isoformat() if image else None,
        "snapshot_age_seconds": round(age) if age is not None else None,
        "last_error": state.error.reason if state.error else None,
        "failures": state.failures,
    }


def _clips(coordinator: CamHubCoordinator) -> JsonObjectType:
    """Return the state of the archive; values are None if there is none."""
    if (archiving := coordinator.archiving) is None:
        return {"clips_pending": None, "clips_failed": None, "clips_reason": None}
    tally = archiving.tally
    return {"clips_pending": tally.pending, "clips_failed": tally.dead, "clips_reason": archiving.reason}


def _token(coordinator: CamHubCoordinator) -> JsonObjectType:
    """Return the state of the account's login."""
    login = coordinator.login
    return {
        "token_status": login.state,
        "token_expires": login.expires_at.isoformat() if login.expires_at else None,
    }


def _quota(coordinator: CamHubCoordinator) -> JsonObjectType:
    """Return when the service may be called again, None if now."""
    at = coordinator.provider.next_call_at()
    return {"next_call_at": at.isoformat() if at else None}


def _calls(coordinator: CamHubCoordinator) -> JsonObjectType:
    """Return the provider's counters since the account was loaded."""
    return {"counters": dict(coordinator.counters.counts())}
