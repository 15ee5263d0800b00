"""One camera or recorder."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
import re
from typing import Final, override

from ...kernel.endpoints import Endpoint
from ...kernel.errors import HubError
from ...kernel.model import CameraEvent, DeviceIdentity, JsonValue
from ...kernel.provider import Camera, Context, Provider
from .alerts import Alert
from .client import IsapiClient
from .clips import ChannelClips
from .events import Patience, Tracker, listen, locate
from .listing import Facts, Listing
from .media import CameraHandle, ChannelRtsp, ChannelStills
from .parse import Channel, Device, Source
from .zone import DeviceZone

# What the factory calls every input; the device's own name says more.
_FACTORY_NAME: Final = re.compile(r"(ip ?)?(camera|dome|channel) ?0*\d*", re.IGNORECASE)


class _Media:
    """The objects of one channel that stay the same from listing to listing."""

    def __init__(
        self, context: Context, client: IsapiClient, camera: str, handle: CameraHandle, zone: DeviceZone
    ) -> None:
        self.handle = handle
        self.clips = ChannelClips(context, client, camera, handle, zone)
        prefer_sub = context.credentials.text("stream") == "sub"
        self.rtsp = ChannelRtsp(client, context.credentials, handle, prefer_sub=prefer_sub)
        self.stills = ChannelStills(context, client, handle, self.rtsp)


class HikvisionProvider(Provider):
    """Lists a device's channels and follows its alerts; the credentials are those that `sign_in` returns."""

    def __init__(self, context: Context) -> None:
        """Reach nothing yet."""
        self._context = context
        self._client: IsapiClient | None = None
        self._listing: Listing | None = None
        self._zone: DeviceZone | None = None
        self._facts: Facts | None = None
        self._channels: Sequence[Channel] = ()
        self._media: dict[str, _Media] = {}
        self._tracker = Tracker(context.clock, context.counters)
        self._patience = Patience()

    @override
    async def connect(self) -> None:
        """Read what the device is; raises AuthError, Throttled while the account is locked, Unreachable, Malformed."""
        _, listing = self._reach()
        await listing.device()

    @override
    async def cameras(self) -> Sequence[Camera]:
        """List the channels with their names and state as they are now; raises HubError."""
        client, listing = self._reach()
        facts = await listing.facts()
        channels = await listing.channels(facts)
        problems = ("video_encrypted",) if await listing.encrypted() else ()
        self._facts, self._channels = facts, channels
        return [self._camera(client, facts, channel, problems) for channel in channels]

    @override
    async def events(self) -> AsyncGenerator[CameraEvent]:
        """Yield starts and ends until the line drops (raises Unreachable); raises Unsupported if there is no stream."""
        client, _ = self._reach()
        if self._facts is None:
            await self.cameras()
        clock, counters, tracker = self._context.clock, self._context.counters, self._tracker
        try:
            async with aclosing(listen(client, clock, counters, tracker.next_end, self._patience)) as alerts:
                async for alert in alerts:
                    for event in self._judge(alert):
                        yield event
        except HubError:
            for event in tracker.end_all():
                yield event
            raise

    @override
    async def close(self) -> None:
        """Do nothing: no task or connection is kept between calls, and the session belongs to the host."""

    @override
    def device(self) -> DeviceIdentity | None:
        """Return the recorder, None for a camera or before the first listing."""
        if self._facts is None or not self._facts.recorder:
            return None
        return self._identity_of_device(self._facts.device, self._facts.device.name)

    @override
    def endpoints(self) -> Sequence[Endpoint]:
        """Return where the device is reached."""
        client, _ = self._reach()
        return (Endpoint.at(client.base, verify=self._context.credentials.flag("verify_tls", default=True)),)

    @override
    def diagnostics(self) -> Mapping[str, JsonValue]:
        """Return the model, what the channels are and how their pictures are taken; nothing before a listing."""
        facts = self._facts
        if facts is None:
            return {}
        return {
            "type": facts.device.type,
            "model": facts.device.model,
            "firmware": facts.device.firmware,
            "recorder": facts.recorder,
            "streams_listed": len(facts.streams),
            "triggers_readable": facts.triggers is not None,
            "login": self._client.scheme if self._client else None,
            "channels": {
                channel.id: {"online": channel.online, "picture_paths": self._media[channel.id].stills.paths}
                for channel in self._channels
            },
        }

    def _reach(self) -> tuple[IsapiClient, Listing]:
        """Return the client and listing, made once: what the client learned of a refused login must not be lost."""
        if self._client is None or self._listing is None:
            self._client = IsapiClient(self._context, self._context.credentials)
            self._listing = Listing(self._client, self._context.clock, self._context.counters)
        return self._client, self._listing

    def _judge(self, alert: Alert | None) -> Sequence[CameraEvent]:
        """Return what begins or ends with an alert, or with the passing of time where it is None."""
        event = None if alert is None else self._told(alert)
        return [*(() if event is None else (event,)), *self._tracker.expire()]

    def _told(self, alert: Alert) -> CameraEvent | None:
        if alert.heartbeat:
            self._tracker.heartbeat(alert.at)
            return None
        camera = locate(alert, self._channels, self._facts.capabilities.inputs if self._facts else 0)
        if alert.kind is None or camera is None:
            self._context.counters.count("events.elsewhere")
            return None
        return self._tracker.take(alert, camera, alert.kind)

    def _camera(self, client: IsapiClient, facts: Facts, channel: Channel, problems: tuple[str, ...]) -> Camera:
        main, sub = facts.main(channel), facts.sub(channel)
        media = self._media.get(channel.id)
        if media is None:
            zone = self._zone = self._zone or DeviceZone(client, self._context.clock)
            media = self._media[channel.id] = _Media(self._context, client, channel.id, CameraHandle(main=main), zone)
        media.handle.main, media.handle.sub = main, sub
        media.handle.rtsp_port, media.handle.online = facts.rtsp_port, channel.online
        media.handle.kinds = kinds = facts.kinds(channel)
        return Camera(
            id=channel.id,
            identity=self._identity(facts, channel),
            online=channel.online,
            offline_reason=channel.offline_reason,
            problems=problems,
            event_kinds=kinds,
            # Each is told from its start to its end, or taken to be over when it is no longer repeated.
            lasting=kinds,
            stills=media.stills,
            rtsp=media.rtsp,
            # The mosaic of all channels is not recorded.
            clips=media.clips if facts.records and channel.source is not Source.ZERO else None,
        )

    def _identity(self, facts: Facts, channel: Channel) -> DeviceIdentity:
        name = channel.name or _fallback_name(channel)
        if channel.source is Source.INPUT and not facts.recorder:
            alone = len(self._channels) == 1
            if alone and (channel.name is None or _FACTORY_NAME.fullmatch(channel.name)):
                name = facts.device.name
            identity = self._identity_of_device(facts.device, name)
            # The lenses of one device must not go by the same serial number.
            return identity if channel == self._channels[0] else replace(identity, serial=None, mac=None)
        return DeviceIdentity(
            name=name,
            manufacturer=channel.manufacturer,
            model=channel.model,
            firmware=channel.firmware,
            serial=channel.serial,
            address=channel.address,
        )

    def _identity_of_device(self, device: Device, name: str) -> DeviceIdentity:
        return DeviceIdentity(
            name=name,
            manufacturer=device.manufacturer,
            model=device.model,
            firmware=device.firmware,
            serial=device.serial,
            mac=device.mac,
            address=self._client.base.host if self._client else None,
        )


def open_provider(context: Context) -> HikvisionProvider:
    """Return the provider of one device; nothing is asked yet."""
    return HikvisionProvider(context)


def _fallback_name(channel: Channel) -> str:
    return "Channel zero" if channel.source is Source.ZERO else f"Camera {channel.number}"
