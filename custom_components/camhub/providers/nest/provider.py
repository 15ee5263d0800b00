"""One project's cameras and doorbells."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Final, override

from yarl import URL

from ...kernel.endpoints import Endpoint
from ...kernel.errors import Malformed, Throttled
from ...kernel.model import CameraEvent, JsonValue, TokenStatus
from ...kernel.provider import Camera, Context, Provider
from ...kernel.waiting import first_of
from .abilities import Abilities
from .client import Client
from .event_media import EventFilms, EventPictures
from .line import PushLine
from .listed import Listed
from .media import CameraHandle, CameraStills, SessionRtsp, SessionWebRtc
from .messages import message
from .parse import Unit, unit
from .settings import API, FLOOR_KEY, FLOOR_MIN, Settings
from .topics import Topics
from .tracker import Tracker

# Seconds between two pictures of a camera on mains; each costs two of ten calls a minute.
RTSP_FLOOR_S: Final = 60.0


class _Media:
    """The objects of one camera that stay the same from listing to listing."""

    def __init__(self, handle: CameraHandle, pictures: EventPictures) -> None:
        self.handle = handle
        self.stills = CameraStills(handle, pictures)
        self.rtsp = SessionRtsp(handle)
        self.webrtc = SessionWebRtc(handle)
        self.previews = EventFilms(pictures, handle.unit.id)


class NestProvider(Provider):
    """Lists a project's cameras and follows their events; the credentials are those that `sign_in` returns."""

    def __init__(self, context: Context) -> None:
        """Reach nothing yet."""
        self._context = context
        self._client = Client(context, Settings.load(context.credentials))
        self._abilities = Abilities(self._client.keeper)
        self._pictures = EventPictures(self._client)
        self._tracker = Tracker(self._pictures, context.clock, context.counters)
        self._line = PushLine(self._client, self._client.settings.subscription)
        self._units: Mapping[str, Unit] = {}
        self._fresh: Sequence[Unit] | None = None
        self._media: dict[str, _Media] = {}

    @override
    async def connect(self) -> None:
        """List the devices once; raises AuthError, Unreachable, Malformed."""
        self._fresh = await self._list()

    @override
    async def cameras(self) -> Sequence[Camera]:
        """List the cameras with what they can do now; raises HubError."""
        # A listing that was just made is used once: few are allowed in a minute.
        units, self._fresh = self._fresh, None
        return [self._camera(each) for each in (await self._list_again() if units is None else units)]

    @override
    async def events(self) -> AsyncGenerator[CameraEvent]:
        """Yield events until the line drops (raises Unreachable); none without a subscription."""
        if not self._client.settings.subscription:
            return
        if not self._units:
            await self._list()
        async with self._pictures.working(), aclosing(self._heard()) as heard:
            async for data in heard:
                for event in self._tracker.lost() if data is None else self._told(data):
                    yield event

    @override
    async def close(self) -> None:
        """Do nothing: sessions, lines and workers belong to whoever opened them."""

    @override
    async def remove(self) -> None:
        """Delete the subscription if it was made for this account: others may use one that was there before."""
        settings = self._client.settings
        if settings.subscription and settings.made:
            await Topics(self._client).unsubscribe(settings.subscription)

    @override
    def token_status(self) -> TokenStatus:
        """Return how the login stands."""
        return self._client.keeper.status

    @override
    def problems(self) -> Sequence[str]:
        """Return what the user has to mend at Google."""
        found = ["consent_testing"] if self._client.keeper.testing else []
        return [*found, problem] if (problem := self._line.problem) else found

    @override
    def next_call_at(self) -> datetime | None:
        """Return when the next live view can be opened, None for now."""
        return self._client.quota.free_at()

    @override
    def endpoints(self) -> Sequence[Endpoint]:
        """Return where the service is reached."""
        return (Endpoint.at(URL(API), cloud=True),)

    @override
    def diagnostics(self) -> Mapping[str, JsonValue]:
        """Return the quota, how push stands, and what the cameras can."""
        return {
            "quota": self._client.quota.facts(),
            "token_refreshes": self._client.keeper.refreshes,
            "push": {"subscribed": bool(self._client.settings.subscription), "dials": self._line.dials},
            "cameras": [
                {
                    "model": each.identity.model,
                    "abilities": sorted(each.abilities),
                    "extends": media.handle.extends if (media := self._media.get(each.id)) else None,
                }
                for each in self._units.values()
            ],
        }

    async def _list_again(self) -> Sequence[Unit]:
        """Return the devices listed anew; while Google wants no more listings, those that are known."""
        try:
            return await self._list()
        except Throttled:
            if not self._units:
                raise
            # The account is there: it must not go dark for a minute because it was looked at too often.
            return tuple(self._units.values())

    async def _list(self) -> Sequence[Unit]:
        units = [found for each in await self._client.devices() if (found := self._unit(each)) is not None]
        await self._abilities.learn(units)
        self._units = {each.name: each for each in units}
        for each in units:
            if each.id in self._media:
                self._media[each.id].handle.unit = each
            else:
                handle = CameraHandle(client=self._client, unit=each)
                self._media[each.id] = _Media(handle, self._pictures)
        return units

    def _unit(self, listed: Listed) -> Unit | None:
        """Return a device that streams, also while it does not: a trait that is missing is only missing now."""
        known = self._units.get(listed.device.name)
        return unit(listed) or (replace(known, online=False) if known else None)

    def _camera(self, found: Unit) -> Camera:
        media = self._media[found.id]
        return Camera(
            id=found.id,
            identity=found.identity,
            online=found.online,
            offline_reason="camera_off_network" if found.online is False else None,
            problems=self._abilities.lost(found),
            event_kinds=found.kinds if self._client.settings.subscription else frozenset(),
            still_floor=RTSP_FLOOR_S if found.can("rtsp") else self._floor,
            stills=media.stills,
            rtsp=media.rtsp if found.can("rtsp") else None,
            webrtc=media.webrtc if found.can("webrtc") else None,
            previews=media.previews if found.can("clip_preview") else None,
        )

    @property
    def _floor(self) -> float:
        chosen = self._context.options.get(FLOOR_KEY)
        return 60.0 * (chosen if isinstance(chosen, int | float) else FLOOR_MIN)

    async def _heard(self) -> AsyncGenerator[bytes | None]:
        """Yield what is pushed, and None whenever the end of something was lost; raises HubError."""
        async with aclosing(self._line.messages()) as messages:
            while True:
                reading = asyncio.ensure_future(anext(messages))
                try:
                    while not reading.done():
                        wait = self._tracker.next_lost()
                        await first_of(reading, *(() if wait is None else (self._context.clock.sleep(wait),)))
                        if not reading.done():
                            yield None
                    yield reading.result()
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)

    def _told(self, data: bytes) -> Sequence[CameraEvent]:
        try:
            told = message(data)
        except Malformed:
            # It is acknowledged like any other: it would only come again.
            self._context.counters.count("events.malformed")
            return ()
        found = self._units.get(told.device) if told else None
        return () if told is None or found is None else self._tracker.take(told, found)


def open_provider(context: Context) -> NestProvider:
    """Return the provider of one project; nothing is asked yet."""
    return NestProvider(context)
