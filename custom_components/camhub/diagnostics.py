"""Facts for a bug report: no secret, no address, no name; cameras are numbered."""

from typing import Any

from homeassistant.core import HomeAssistant

from .const import CONF_PROVIDER, OPTION_BROWSERS
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .kernel.provider import Camera


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: CamHubConfigEntry) -> dict[str, Any]:
    """Describe an account and its cameras; works after a failed setup as well."""
    facts: dict[str, Any] = {
        "provider": entry.data.get(CONF_PROVIDER),
        "version": f"{entry.version}.{entry.minor_version}",
        "state": entry.state.value,
        "reason": entry.error_reason_translation_key,
        "options": {key: value for key, value in entry.options.items() if key != OPTION_BROWSERS},
    }
    if not hasattr(entry, "runtime_data"):
        return facts
    coordinator = entry.runtime_data
    status = coordinator.token_status
    return {
        **facts,
        "last_update_success": coordinator.last_update_success,
        "event_line": {"connected": coordinator.pump.connected, "reconnects": coordinator.pump.state.reconnects},
        "token": {"state": status.state, "expires_at": status.expires_at} if status else None,
        "counters": coordinator.counters.as_dict(),
        "details": coordinator.provider.diagnostics(),
        "cameras": [_camera(coordinator, camera, number) for number, camera in enumerate(coordinator.data.values(), 1)],
    }


def _camera(coordinator: CamHubCoordinator, camera: Camera, number: int) -> dict[str, Any]:
    """Describe one camera by what it can and how it does."""
    key = coordinator.picture_key(camera.id)
    picture, state = coordinator.album.last(key), coordinator.album.state(key)
    relay = coordinator.relays.get(camera.id)
    return {
        "number": number,
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
        "picture_taken_at": picture.taken_at if picture else None,
        "picture_error": state.error.reason if state.error else None,
        "picture_failures": state.failures,
        "relay": relay.describe() if relay else None,
    }
