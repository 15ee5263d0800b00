"""CamHub: cameras of several vendors behind one integration."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.event import async_track_time_change
from homeassistant.helpers.typing import ConfigType

from .archive_setup import async_setup_archive
from .archiving import forget_clips
from .const import CONF_PROVIDER, DOMAIN, LOGGER, PLATFORMS
from .coordinator import CamHubConfigEntry, CamHubCoordinator
from .credential_alerts import async_forget_alert, async_load_refusals
from .credential_store import CredentialStore
from .engines import Capture, async_capture_choice
from .entity import configuration_url
from .issues import async_clear, async_clear_key_problems, async_raise_unreadable
from .kernel.counters import Counters
from .kernel.errors import Unreachable, WrongKey
from .kernel.spec import ProviderSpec
from .limits import METER
from .picture_keys import account_prefix
from .previews import async_keep_previews, forget_previews
from .recordings import RECORDINGS, async_record, entry_recordings
from .removal import async_give_back
from .runtime import (
    SHARED,
    Sessions,
    async_load_spec,
    async_shared,
    close_at_stop,
    make_context,
    provider_options,
)
from .sealed_settings import async_unreadable
from .services import async_setup_services
from .stream_entry import STREAMS, EntryStreams
from .streams import async_setup_streams
from .upgrade import async_move_to_account, async_tell_newer
from .visitors import async_visitors, spending
from .watching import Watching

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up what all entries share."""
    shared = await async_shared(hass)
    async_tell_newer(hass)
    await async_load_refusals(hass)
    await _async_unlock(hass, shared.store)
    async_setup_services(hass)
    await async_setup_streams(hass)
    return True


async def _async_unlock(hass: HomeAssistant, store: CredentialStore) -> None:
    """Resume an interrupted key rotation, including for disabled accounts."""
    if hass.config_entries.async_entries(DOMAIN):
        try:
            await store.async_unlock()
        except WrongKey as error:
            # Each account reports this itself when it is set up.
            LOGGER.warning("The stored logins cannot be opened: %s", error)


async def async_setup_entry(hass: HomeAssistant, entry: CamHubConfigEntry) -> bool:
    """Set up an account and its cameras."""
    try:
        credentials, tokens = await hass.data[SHARED].store.async_open(entry)
    except WrongKey as error:
        async_raise_unreadable(hass, entry, error.reason)
        raise ConfigEntryError(translation_domain=DOMAIN, translation_key=error.reason) from error
    except Unreachable as error:
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key=error.reason) from error
    async_clear_key_problems(hass)
    spec = await async_load_spec(hass, entry.data[CONF_PROVIDER])
    sessions = Sessions(hass)
    entry.async_on_unload(sessions.detach)
    shared = hass.data[SHARED]
    choice = await async_capture_choice(shared.store, entry)
    capture = Capture(shared.engines, choice, Counters(shared.clock))
    context = make_context(
        hass, sessions, credentials, tokens=tokens, options=provider_options(spec, entry), capture=capture, entry=entry
    )
    coordinator = CamHubCoordinator(
        hass,
        entry,
        provider=spec.open(context),
        album=hass.data[SHARED].album,
        clock=context.clock,
        counters=context.counters,
        capture=capture,
    )
    unreadable = await async_unreadable(shared.store, entry)
    coordinator.issues.sources.append(lambda: unreadable)
    watching = Watching(hass, entry, coordinator)
    recordings = async_record(hass, entry, coordinator, watching.decorate)
    coordinator.hears = watching.hears
    previews = async_keep_previews(hass, entry, coordinator)
    visitors = async_visitors(hass, entry, coordinator, shared.store)
    entry.async_on_unload(coordinator.async_close)
    # Open streams would keep Home Assistant's server from stopping at once.
    entry.async_on_unload(close_at_stop(hass, coordinator.async_close))
    await coordinator.async_config_entry_first_refresh()
    _register_hub(hass, entry, coordinator, spec)
    # The firmware version may change while we run.
    entry.async_on_unload(coordinator.async_on_account(partial(_register_hub, hass, entry, coordinator, spec)))
    entry.runtime_data = coordinator
    await async_setup_archive(hass, entry, coordinator, sessions, recordings, previews)
    streams = hass.data[STREAMS][entry.entry_id] = EntryStreams(context.clock)
    entry.async_on_unload(streams.async_close)
    entry.async_on_unload(close_at_stop(hass, streams.async_close))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(watching.async_close)
    entry.async_on_unload(close_at_stop(hass, watching.async_close))
    entry.async_on_unload(coordinator.async_add_listener(watching.async_follow))
    watching.async_follow()
    recordings.async_begin()
    previews.async_begin()
    await visitors.async_begin()
    entry.async_on_unload(visitors.async_close)
    entry.async_on_unload(_check_nightly(hass, coordinator))
    coordinator.pump.start()
    _look_behind(hass, entry, coordinator)
    return True


def _look_behind(hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator) -> None:
    """Find out in the background what is missing and which cameras are online."""
    if any(camera.webrtc and not camera.rtsp and not camera.mjpeg for camera in coordinator.data.values()):
        entry.async_create_background_task(hass, _check_parts(coordinator), f"{DOMAIN} parts for {entry.title}")
    if any(camera.online is None for camera in coordinator.data.values()):
        # No camera was asked during setup: refresh in the background, so that their state is known soon.
        look = coordinator.async_refresh()
        entry.async_create_background_task(hass, look, f"{DOMAIN} first look at {entry.title}", eager_start=False)


async def _check_parts(coordinator: CamHubCoordinator) -> None:
    """Report what captures of live sessions lack before the first one is requested."""
    await coordinator.capture.async_check()
    coordinator.async_check()


def _check_nightly(hass: HomeAssistant, coordinator: CamHubCoordinator) -> Callable[[], None]:
    """Check the login daily at 03:00 local time, even if polling is off; return the unsubscribe function."""

    @callback
    def check(_now: datetime) -> None:
        coordinator.async_check()

    return async_track_time_change(hass, check, hour=3, minute=0, second=0)


def _register_hub(
    hass: HomeAssistant, entry: CamHubConfigEntry, coordinator: CamHubCoordinator, spec: ProviderSpec
) -> None:
    """Register the account's own device, a recorder or server, before its cameras refer to it.

    An account of a cloud service, or one whose login expires, gets a service device, so that the state of its login is
    shown once and not at each camera.
    """
    if (hub := coordinator.provider.device()) is None:
        if spec.cloud is not None or coordinator.token_status is not None:
            account = dr.async_get(hass).async_get_or_create(
                config_entry_id=entry.entry_id,
                identifiers={coordinator.account_identifier},
                name=entry.title,
                manufacturer=spec.name,
                entry_type=dr.DeviceEntryType.SERVICE,
            )
            coordinator.hub_id = account.id
            async_move_to_account(hass, entry, account.id)
        return
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={coordinator.account_identifier},
        connections={(dr.CONNECTION_NETWORK_MAC, hub.mac)} if hub.mac else set(),
        name=hub.name,
        manufacturer=hub.manufacturer,
        model=hub.model,
        sw_version=hub.firmware,
        serial_number=hub.serial,
        configuration_url=configuration_url(hub),
    )
    coordinator.hub_id = device.id


async def async_unload_entry(hass: HomeAssistant, entry: CamHubConfigEntry) -> bool:
    """Unload the platforms; everything else is closed by the `async_on_unload` callbacks."""
    if entry.disabled_by is not None:
        # Not on a reload: an issue that the user has ignored would come back when it is created again.
        async_clear(hass, entry.entry_id)
    # First, while everything that a running recording depends on is still open.
    await entry_recordings(hass, entry.runtime_data).async_close()
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: CamHubConfigEntry) -> None:
    """Delete the credentials, the pictures and the issues of a removed account."""
    # Not set up where every account has been disabled since the start.
    shared = await async_shared(hass)
    async_clear(hass, entry.entry_id)
    async_forget_alert(hass, entry.entry_id)
    await async_give_back(hass, entry)
    await shared.store.async_forget(entry.entry_id)
    await spending(hass, entry.entry_id).async_remove()
    await hass.async_add_executor_job(forget_clips, hass, entry.entry_id)
    await hass.async_add_executor_job(forget_previews, hass, entry.entry_id)
    if (meter := hass.data.get(METER)) is not None:
        meter.forget(entry.entry_id)
    hass.data.get(RECORDINGS, {}).pop(entry.entry_id, None)
    hass.data.get(STREAMS, {}).pop(entry.entry_id, None)
    await shared.films.forget(f"{entry.entry_id}/")
    prefix, kept = account_prefix(entry.entry_id), shared.album.keys()
    await shared.album.forget([key for key in kept if key.startswith(prefix)])


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: CamHubConfigEntry, device_entry: dr.AnyDeviceEntry
) -> bool:
    """Allow deleting the device of a camera that the account no longer lists."""
    coordinator = entry.runtime_data
    current = {coordinator.device_identifier(camera_id) for camera_id in coordinator.data}
    return not device_entry.identifiers & {coordinator.account_identifier, *current}
