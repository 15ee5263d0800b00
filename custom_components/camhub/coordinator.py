"""One coordinator per account: lists the cameras, sweeps their pictures, pumps their events, says what is wrong."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .archiving import Archiving
from .const import (
    CAMERA_FLOOR,
    DEFAULT_INTERVAL,
    DEFAULT_PICTURE_AGE,
    DOMAIN,
    EVENT_FLOOR,
    LOGGER,
    OPTION_CAMERAS,
    OPTION_INTERVAL,
    OPTION_PICTURE_AGE,
)
from .credential_watch import CredentialWatch
from .darkness import Darkness
from .engines import Capture
from .failures import update_failure
from .issues import async_clear, async_raise
from .kernel.checkup import Report
from .kernel.clock import Clock
from .kernel.counters import Counters
from .kernel.errors import AuthError, HubError, Unsupported
from .kernel.events import Dedup, EventPump
from .kernel.flight import SingleFlight
from .kernel.model import CameraEvent, CredentialState, DeviceIdentity, EventPhase, JsonValue, TokenStatus
from .kernel.observers import Observers
from .kernel.policy import Backoff
from .kernel.provider import Camera, Clips, Health, Provider
from .kernel.stills import Album
from .relays import Relays
from .sweep import Sweep

type CamHubConfigEntry = ConfigEntry[CamHubCoordinator]

# How long to wait before an event line is dialled again, in seconds.
EVENT_BACKOFF = Backoff(first=5, factor=2, maximum=300, jitter=0.2)
# A login that is over has an issue of its own.
LOGIN_OVER = frozenset({CredentialState.EXPIRED, CredentialState.REFUSED})


def way_of(camera: Camera) -> str:
    """Return how a camera is watched: the first of what it can."""
    ways = {"rtsp": camera.rtsp, "webrtc": camera.webrtc, "mjpeg": camera.mjpeg}
    return next((way for way, capability in ways.items() if capability is not None), "stills")


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
        """Prepare; nothing is asked yet."""
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
        self.pump = EventPump(
            provider.events, self.deliver, clock=clock, backoff=EVENT_BACKOFF, on_state=self._event_line_changed
        )
        # What Home Assistant adds to a camera, and whether it would hear of motion that the camera does not tell.
        self.adorn: Callable[[Camera], Camera] = lambda camera: camera
        self.hears: Callable[[str], bool] = lambda _: False
        # Who knows what else is wrong with the account, as slugs of sentences (`issues.<slug>`).
        self.own_problems: list[Callable[[], Iterable[str]]] = []
        # What telling who is before a camera costs today, empty where nobody is asked.
        self.visitor_facts: Callable[[], Mapping[str, JsonValue]] = dict
        # Where clips are besides the vendor: by the name of the place, what returns those of a camera.
        # Keeps clips elsewhere, where the user wants that.
        self.archiving: Archiving | None = None
        self.clip_places: dict[str, Callable[[str], Clips | None]] = {}
        self._dedup = Dedup()
        self.relays = Relays(clock)
        self._listeners_by_camera: defaultdict[str, list[Callable[[CameraEvent], None]]] = defaultdict(list)
        self._sweep = Sweep(album, self.picture_key, clock, counters)
        self.sweep: asyncio.Task[None] | None = None
        self._picture_listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._account: tuple[DeviceIdentity | None, Health | None] = (None, None)
        self._account_listeners: Observers[()] = Observers("an account")
        # Who is dark for how long, the checks of cameras that are under way, and what the last ones found.
        self.darkness = Darkness(entry, clock)
        self.checks: SingleFlight[Report] = SingleFlight()
        self.reports: dict[str, Report] = {}
        provider.follow(self._told)
        entry.async_on_unload(album.on_auth_error(self._picture_refused))
        entry.async_on_unload(album.on_new(self._picture_taken))

    @property
    def token_status(self) -> TokenStatus | None:
        """Return how the credentials stand."""
        return self.login.status

    def picture_key(self, camera_id: str) -> str:
        """Return the name of a camera's picture in the album."""
        return f"{self.config_entry.entry_id}/{camera_id}"

    def event_picture_key(self, camera_id: str) -> str:
        """Return the name in the album of what a camera saw last."""
        return f"{self.picture_key(camera_id)}/event"

    @override
    async def _async_setup(self) -> None:
        """Connect once, before the first look."""
        try:
            await self.provider.connect()
        except HubError as error:
            raise self._failed(error) from error

    def _failed(self, error: HubError) -> HomeAssistantError:
        """Take note of a refusal; return what Home Assistant makes of an error."""
        if isinstance(error, AuthError):
            self.login.async_refused(error)
        return update_failure(error)

    @override
    async def _async_update_data(self) -> Mapping[str, Camera]:
        """List the cameras; their pictures follow behind, so that a slow camera holds nobody up."""
        try:
            with self.counters.timed("cameras"):
                listed = await self.provider.cameras()
        except HubError as error:
            raise self._failed(error) from error
        cameras = self._adorned(listed)
        self._forget_missing(cameras)
        self._watch_ways(cameras)
        self._look_at_account()
        if self.sweep is None or self.sweep.done():
            name = f"{DOMAIN} pictures of {self.config_entry.title}"
            self.sweep = self.config_entry.async_create_background_task(
                self.hass, self._sweep.async_run(cameras.values()), name, eager_start=False
            )
        return cameras

    @override
    def _async_refresh_finished(self) -> None:
        if self.last_update_success and not self._shut_out():
            self.login.async_recovered()
        if self.data is not None:
            self.async_check()

    def _shut_out(self) -> bool:
        """Return whether a camera or the event line refused the login and has not been asked again since."""
        return isinstance(self.pump.error, AuthError) or any(self._refuses(camera_id) for camera_id in self.data)

    def _refuses(self, camera_id: str) -> bool:
        return isinstance(self.album.state(self.picture_key(camera_id)).error, AuthError)

    @callback
    def async_check(self) -> None:
        """Bring the account's issues up to date, and what its entities say of the login.

        Called after each look, whether anything has changed or not, and once a night.
        """
        raised = self.login.async_raise_issue() | self._raise_problems()
        reached = self.last_update_success or self.login.state in LOGIN_OVER
        raised |= self.darkness.async_raise(self.hass, self.data.values(), reached=reached)
        async_clear(self.hass, self.config_entry.entry_id, keep=raised)
        if (state := self.login.state) is not self._shown_login:
            self._shown_login = state
            self.async_update_listeners()

    def _raise_problems(self) -> set[str]:
        """Raise an issue for each thing that the account or a camera says is wrong with it; returns their ids."""
        entry, raised = self.config_entry, set()
        own = {problem for problems in self.own_problems for problem in problems()}
        for problem in (*self.provider.problems(), *self.capture.problems, *sorted(own)):
            raised.add(issue_id := f"{problem}_{entry.entry_id}")
            async_raise(self.hass, entry, issue_id, problem)
        for camera in self.data.values():
            for problem in camera.problems:
                raised.add(issue_id := f"{problem}_{entry.entry_id}_{camera.id}")
                async_raise(self.hass, entry, issue_id, problem, camera=camera.identity.name)
        return raised

    @property
    def list_error(self) -> HubError | None:
        """Return why the last look at the account failed, None if it did not."""
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
        """Use the login as it is used at any other time, for the list and one picture; raises HubError.

        A picture that fails for another reason than the login says nothing against it. A battery camera is left asleep.
        """
        await self.async_look()
        awake = [
            camera
            for camera in self.data.values()
            if camera.stills and camera.online is not False and not camera.still_floor
        ]
        # One that was refused before tells most.
        for camera in sorted(awake, key=lambda camera: not self._refuses(camera.id))[:1]:
            try:
                await self.async_take(camera.id)
            except AuthError:
                raise
            except HubError as error:
                self.counters.count(f"verify.{type(error).__name__}")

    def _watch_ways(self, cameras: Mapping[str, Camera]) -> None:
        """Set the account up anew when a camera is watched in another way now: its entity is of another kind then."""
        before = self.data or {}
        if any(way_of(before[key]) != way_of(camera) for key, camera in cameras.items() if key in before):
            self.hass.config_entries.async_schedule_reload(self.config_entry.entry_id)

    def _adorned(self, listed: Sequence[Camera]) -> Mapping[str, Camera]:
        """Return cameras by id, with what is added to each."""
        return {camera.id: self._spared(self.adorn(camera)) for camera in listed}

    def _spared(self, camera: Camera) -> Camera:
        """Return a camera whose pictures lie as far apart as the user wants, or farther."""
        chosen = self.config_entry.options.get(OPTION_CAMERAS, {}).get(camera.id, {}).get(CAMERA_FLOOR, 0)
        return replace(camera, still_floor=float(chosen)) if chosen > camera.still_floor else camera

    def told_motion(self, camera_id: str) -> bool:
        """Return whether motion before a camera would be heard of now."""
        return self.pump.connected or self.hears(camera_id)

    @callback
    def _told(self, listed: Sequence[Camera]) -> None:
        """Show what the provider heard of its cameras since it was asked; the next look comes when it is due."""
        cameras = self._adorned(listed)
        if cameras != self.data:
            self.data = cameras
            self.async_update_listeners()
        self._look_at_account()

    def _look_at_account(self) -> None:
        """Tell those who show the account's own device when something of it has changed."""
        account = (self.provider.device(), self.provider.health())
        if account != self._account:
            self._account = account
            self._account_listeners.tell()

    @callback
    def async_on_account(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the account's own device or its health changed; returns the undo."""
        return self._account_listeners.add(listener)

    async def async_take(self, camera_id: str) -> None:
        """Take a picture now, whatever the last one's age; raises HubError."""
        camera = self.data.get(camera_id)
        if camera is None or camera.stills is None:
            raise Unsupported("no such camera, or it takes no pictures")
        await self.album.refresh(self.picture_key(camera_id), camera.stills, floor=camera.still_floor, force=True)

    async def _keep_event_picture(self, event: CameraEvent) -> None:
        """Keep what the camera saw: the event's own picture, else one taken now."""
        key = self.event_picture_key(event.camera)
        camera = self.data.get(event.camera)
        try:
            if event.image is not None:
                self.album.put(key, event.image)
            elif camera is not None and camera.stills is not None:
                taken = await self.album.refresh(
                    self.picture_key(event.camera), camera.stills, floor=min(camera.still_floor, EVENT_FLOOR)
                )
                self.album.put(key, taken)
        except HubError as error:
            self.counters.count(f"event_picture.{type(error).__name__}")

    def _picture_refused(self, key: str, error: AuthError) -> None:
        """Ask for a new login when a picture of this account is refused."""
        if key.startswith(f"{self.config_entry.entry_id}/"):
            self.async_refused(error)

    @callback
    def async_refused(self, error: AuthError) -> None:
        """Ask the user to sign in again, once however many requests were refused."""
        self.login.async_refused(error)
        self.async_update_listeners()
        self.config_entry.async_start_reauth_if_available(self.hass)

    @callback
    def async_subscribe(self, camera_id: str, listener: Callable[[CameraEvent], None]) -> Callable[[], None]:
        """Call `listener` with each event of a camera; returns the undo."""
        listeners = self._listeners_by_camera[camera_id]
        listeners.append(listener)

        def unsubscribe() -> None:
            listeners.remove(listener)

        return unsubscribe

    @callback
    def async_on_picture(self, key: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` with each new picture kept under `key`; returns the undo."""
        listeners = self._picture_listeners[key]
        listeners.append(listener)

        def unsubscribe() -> None:
            listeners.remove(listener)

        return unsubscribe

    def _picture_taken(self, key: str) -> None:
        """Tell those who show the picture."""
        for listener in tuple(self._picture_listeners.get(key, ())):
            listener()

    def deliver(self, event: CameraEvent) -> None:
        """Hand an event to those who listen for its camera, once however often it comes."""
        if not self._dedup.is_new(event):
            self.counters.count("events.repeated")
            return
        self.counters.count(f"events.{event.kind}")
        if self.archiving is not None:
            self.archiving.async_heard(event, self.data.get(event.camera))
        for listener in tuple(self._listeners_by_camera[event.camera]):
            listener(event)
        # A picture of the event may come after the event itself.
        if event.phase in {EventPhase.START, EventPhase.PULSE} or event.image is not None:
            self.config_entry.async_create_background_task(
                self.hass, self._keep_event_picture(event), f"{DOMAIN} event picture"
            )

    def _event_line_changed(self) -> None:
        """Tell entities that the event line came or went; a refused login leads to a new one."""
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
        """Return what Home Assistant knows the account's own device by."""
        return (DOMAIN, self.config_entry.unique_id or self.config_entry.entry_id)

    def device_identifier(self, camera_id: str) -> tuple[str, str]:
        """Return what Home Assistant knows a camera's device by."""
        domain, account = self.account_identifier
        return (domain, f"{account}_{camera_id}")

    async def async_close(self) -> None:
        """Give back everything the account holds open."""
        await self.checks.cancel()
        await self.pump.close()
        if self.sweep is not None:
            self.sweep.cancel()
        await self.album.abandon(self.picture_key(camera_id) for camera_id in self.data or ())
        await self.relays.async_keep(())
        await self.provider.close()
