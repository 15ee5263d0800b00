"""One coordinator per account: lists the cameras, refreshes their pictures and tracks the account's state."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from random import random
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .account_events import AccountEvents
from .account_issues import AccountIssues
from .archiving import Archiving
from .const import (
    CAMERA_FLOOR,
    DEFAULT_INTERVAL,
    DEFAULT_PICTURE_AGE,
    DOMAIN,
    LOGGER,
    OPTION_CAMERAS,
    OPTION_INTERVAL,
    OPTION_PICTURE_AGE,
)
from .credential_watch import CredentialWatch
from .engines import Capture
from .failures import update_failure
from .kernel.checkup import Report
from .kernel.clock import Clock
from .kernel.counters import Counters
from .kernel.errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from .kernel.events import EventPump
from .kernel.model import CredentialState, DeviceIdentity, JsonValue, TokenStatus
from .kernel.observers import Observers
from .kernel.policy import Backoff
from .kernel.provider import Camera, Clips, Health, Provider
from .kernel.single_flight import SingleFlight
from .kernel.stills import Album
from .picture_keys import account_prefix, event_picture_key, picture_key
from .relays import Relays
from .sweep import Sweep

type CamHubConfigEntry = ConfigEntry[CamHubCoordinator]

# Waits before an event line reconnects, in seconds.
EVENT_BACKOFF = Backoff(first=5, factor=2, maximum=60, jitter=0.2)
# Waits before an account that did not answer is polled again, in seconds, capped at the usual interval.
LOOK_BACKOFF = Backoff(first=15, factor=2, maximum=3600, jitter=5)


def stream_kind(camera: Camera) -> str:
    """Return how a camera is watched: its best kind of live view."""
    kinds = {"rtsp": camera.rtsp, "webrtc": camera.webrtc, "mjpeg": camera.mjpeg}
    return next((kind for kind, capability in kinds.items() if capability is not None), "stills")


class CamHubCoordinator(DataUpdateCoordinator[Mapping[str, Camera]]):
    """The state of one account: its cameras by id."""

    config_entry: CamHubConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: CamHubConfigEntry,
        *,
        provider: Provider,
        album: Album,
        clock: Clock,
        counters: Counters,
        capture: Capture,
    ) -> None:
        """Prepare; nothing is requested yet."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=timedelta(minutes=entry.options.get(OPTION_INTERVAL, DEFAULT_INTERVAL)),
            always_update=False,
        )
        self.provider = provider
        self.album = album
        self.clock = clock
        self.counters = counters
        self.capture = capture
        self.login = CredentialWatch(hass, entry, provider, clock)
        self._shown_login: CredentialState | None = None
        self.picture_age: float = entry.options.get(OPTION_PICTURE_AGE, DEFAULT_PICTURE_AGE)
        self.hub_id: str | None = None
        self.events = AccountEvents(hass, entry, album=album, counters=counters, cameras=lambda: self.data)
        self.pump = EventPump(
            provider.events, self.events.deliver, clock=clock, backoff=EVENT_BACKOFF, on_state=self._event_line_changed
        )
        # What the hub adds to a camera, and whether it would detect motion that the camera does not report.
        self.decorate: Callable[[Camera], Camera] = lambda camera: camera
        self.hears: Callable[[str], bool] = lambda _: False
        # Today's cost of face recognition, empty if it is off.
        self.visitor_facts: Callable[[], Mapping[str, JsonValue]] = dict
        # Archives clips, if the user has set that up.
        self.archiving: Archiving | None = None
        # Sources of clips besides the vendor: by name, a function that returns those of a camera.
        self.clip_places: dict[str, Callable[[str], Clips | None]] = {}
        self.relays = Relays(clock)
        self._delays = LOOK_BACKOFF.delays(random)
        self._sweep = Sweep(album, self.picture_key, clock, counters)
        self.sweep: asyncio.Task[None] | None = None
        self._picture_listeners: defaultdict[str, Observers[()]] = defaultdict(lambda: Observers("a picture"))
        self._account: tuple[DeviceIdentity | None, Health | None] = (None, None)
        self._account_listeners: Observers[()] = Observers("an account")
        self.issues = AccountIssues(hass, entry, self.login, clock)
        self.issues.sources += [provider.problems, lambda: capture.problems]
        # Running checks by camera, and the last report of each.
        self.checks: SingleFlight[Report] = SingleFlight()
        self.reports: dict[str, Report] = {}
        provider.follow(self._cameras_changed)
        entry.async_on_unload(album.on_auth_error(self._picture_refused))
        entry.async_on_unload(album.on_new(self._picture_taken))

    @property
    def token_status(self) -> TokenStatus | None:
        """Return the state of the credentials."""
        return self.login.status

    def picture_key(self, camera_id: str) -> str:
        """Return the name of a camera's picture in the album."""
        return picture_key(self.config_entry.entry_id, camera_id)

    def event_picture_key(self, camera_id: str) -> str:
        """Return the name in the album of the picture of a camera's last event."""
        return event_picture_key(self.config_entry.entry_id, camera_id)

    @override
    async def _async_setup(self) -> None:
        """Connect once, before the first look."""
        try:
            await self.provider.connect()
        except HubError as error:
            raise self._failed(error) from error

    def _again_in(self, error: HubError) -> float | None:
        """Return in how many seconds to poll again after a failure: sooner than usual, as most faults are brief."""
        if not isinstance(error, Unreachable | Malformed) or self.update_interval is None:
            return None
        return min(next(self._delays), self.update_interval.total_seconds())

    def _failed(self, error: HubError, again_in: float | None = None) -> HomeAssistantError:
        """Note a refused login; return the exception for Home Assistant."""
        if isinstance(error, AuthError):
            self.login.async_refused(error)
        return update_failure(error, again_in)

    @override
    async def _async_update_data(self) -> Mapping[str, Camera]:
        """List the cameras; pictures are refreshed in the background, so that a slow camera delays nothing."""
        try:
            with self.counters.timed("cameras"):
                listed = await self.provider.cameras()
        except HubError as error:
            raise self._failed(error, self._again_in(error)) from error
        self._delays = LOOK_BACKOFF.delays(random)
        cameras = self._decorated(listed)
        self._forget_missing(cameras)
        self._reload_on_other_kind(cameras)
        self._tell_account()
        if self.sweep is None or self.sweep.done():
            name = f"{DOMAIN} pictures of {self.config_entry.title}"
            self.sweep = self.config_entry.async_create_background_task(
                self.hass, self._sweep.async_run(cameras.values()), name, eager_start=False
            )
        return cameras

    @override
    def _async_refresh_finished(self) -> None:
        if self.last_update_success and not self._is_refused():
            self.login.async_recovered()
        if self.data is not None:
            self.async_check()

    def _is_refused(self) -> bool:
        """Return whether a camera or the event line refused the login and has not been tried again since."""
        return isinstance(self.pump.error, AuthError) or any(
            self._picture_is_refused(camera_id) for camera_id in self.data
        )

    def _picture_is_refused(self, camera_id: str) -> bool:
        return isinstance(self.album.state(self.picture_key(camera_id)).error, AuthError)

    @callback
    def async_check(self) -> None:
        """Update the account's issues and the login state of its entities.

        Called after each poll, whether anything has changed or not, and once a night.
        """
        self.issues.async_update(self.data.values(), reached=self.last_update_success)
        if (state := self.login.state) is not self._shown_login:
            self._shown_login = state
            self.async_update_listeners()

    @property
    def list_error(self) -> HubError | None:
        """Return why the last poll of the account failed, None if it did not."""
        if self.last_update_success:
            return None
        cause = self.last_exception.__cause__ if self.last_exception else None
        return cause if isinstance(cause, HubError) else HubError()

    async def async_look(self) -> None:
        """List the cameras now; raises HubError."""
        await self.async_refresh()
        if (error := self.list_error) is not None:
            raise error

    async def async_verify(self) -> None:
        """Test the login with a listing and one picture; raises HubError.

        A picture that fails for another reason does not count against the login. Battery cameras are not woken.
        """
        await self.async_look()
        awake = [
            camera
            for camera in self.data.values()
            if camera.stills and camera.online is not False and not camera.still_floor
        ]
        # A camera that refused the login before is the best test.
        for camera in sorted(awake, key=lambda camera: not self._picture_is_refused(camera.id))[:1]:
            try:
                await self.async_take(camera.id)
            except AuthError:
                raise
            except HubError as error:
                self.counters.count(f"verify.{type(error).__name__}")

    def _reload_on_other_kind(self, cameras: Mapping[str, Camera]) -> None:
        """Reload the account when a camera is watched in another way now, which needs another class of entity."""
        before = self.data or {}
        if any(stream_kind(before[key]) != stream_kind(camera) for key, camera in cameras.items() if key in before):
            self.hass.config_entries.async_schedule_reload(self.config_entry.entry_id)

    def _decorated(self, listed: Sequence[Camera]) -> Mapping[str, Camera]:
        """Return the cameras by id, each with what the hub adds."""
        return {camera.id: self._with_still_floor(self.decorate(camera)) for camera in listed}

    def _with_still_floor(self, camera: Camera) -> Camera:
        """Return a camera with at least the pause between pictures that the user has chosen."""
        chosen = self.config_entry.options.get(OPTION_CAMERAS, {}).get(camera.id, {}).get(CAMERA_FLOOR, 0)
        return replace(camera, still_floor=float(chosen)) if chosen > camera.still_floor else camera

    def reports_motion(self, camera_id: str) -> bool:
        """Return whether motion at a camera would be reported now."""
        return self.pump.connected or self.hears(camera_id)

    @callback
    def _cameras_changed(self, listed: Sequence[Camera]) -> None:
        """Take over a change that the provider pushed; the next poll stays when it is due."""
        cameras = self._decorated(listed)
        self._reload_on_other_kind(cameras)
        if cameras != self.data:
            self.data = cameras
            self.async_update_listeners()
        self._tell_account()

    def _tell_account(self) -> None:
        """Notify listeners when the account's own device or its health has changed."""
        account = (self.provider.device(), self.provider.health())
        if account != self._account:
            self._account = account
            self._account_listeners.tell()

    @callback
    def async_on_account(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the account's own device or its health changes; returns the unsubscribe function."""
        return self._account_listeners.add(listener)

    async def async_take(self, camera_id: str) -> None:
        """Take a picture now, whatever the age of the last one; raises HubError."""
        camera = self.data.get(camera_id)
        if camera is None or camera.stills is None:
            raise Unsupported("no such camera, or it takes no pictures")
        await self.album.refresh(self.picture_key(camera_id), camera.stills, floor=camera.still_floor, force=True)

    def _picture_refused(self, key: str, error: AuthError) -> None:
        """Start reauthentication when a picture of this account is refused."""
        if key.startswith(account_prefix(self.config_entry.entry_id)):
            self.async_refused(error)

    @callback
    def async_refused(self, error: AuthError) -> None:
        """Start reauthentication, once however many requests were refused."""
        self.login.async_refused(error)
        self.async_update_listeners()
        self.config_entry.async_start_reauth_if_available(self.hass)

    @callback
    def async_on_picture(self, key: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` for each new picture under `key`; returns the unsubscribe function."""
        return self._picture_listeners[key].add(listener)

    def _picture_taken(self, key: str) -> None:
        """Notify the listeners of a picture."""
        if (listeners := self._picture_listeners.get(key)) is not None:
            listeners.tell()

    def _event_line_changed(self) -> None:
        """Update the entities when the event line connects or drops; a refused login starts reauthentication."""
        if isinstance(self.pump.error, AuthError):
            self.async_refused(self.pump.error)
        self.async_update_listeners()

    def _forget_missing(self, cameras: Mapping[str, Camera]) -> None:
        """Remove the devices of cameras that the account no longer lists."""
        registry = dr.async_get(self.hass)
        wanted = {self.account_identifier, *(self.device_identifier(camera_id) for camera_id in cameras)}
        for device in dr.async_entries_for_config_entry(registry, self.config_entry.entry_id):
            if not device.identifiers & wanted:
                registry.async_remove_device(device.id)
        self.config_entry.async_create_background_task(
            self.hass, self.relays.async_keep(cameras), f"{DOMAIN} close relays"
        )

    @property
    def account_identifier(self) -> tuple[str, str]:
        """Return the identifier of the account's own device."""
        return (DOMAIN, self.config_entry.unique_id or self.config_entry.entry_id)

    def device_identifier(self, camera_id: str) -> tuple[str, str]:
        """Return the identifier of a camera's device."""
        domain, account = self.account_identifier
        return (domain, f"{account}_{camera_id}")

    async def async_close(self) -> None:
        """Close everything that the account holds open."""
        await self.checks.cancel()
        await self.pump.close()
        if self.sweep is not None:
            self.sweep.cancel()
        await self.album.abandon(self.picture_key(camera_id) for camera_id in self.data or ())
        await self.relays.async_keep(())
        await self.provider.close()
