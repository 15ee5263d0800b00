"""What a device is and which channels it has, asked with few requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ...kernel.clock import Clock
from ...kernel.counters import Counters
from ...kernel.errors import AuthError, Malformed, Unsupported
from ...kernel.model import EventKind
from . import parse
from .answers import DeviceFault, DeviceTrouble, Forbidden, NotActivated
from .client import IsapiClient
from .parse import Capabilities, Channel, Device, Source, State, Stream, Trigger
from .tree import Node

SLOW_S: Final = 3600.0
MAIN: Final = 1
SUB: Final = 2
# What nearly every device detects; told where its triggers cannot be read.
USUAL_KINDS: Final = frozenset(
    {
        EventKind.MOTION,
        EventKind.LINE_CROSSING,
        EventKind.INTRUSION,
        EventKind.FACE,
        EventKind.TAMPER,
        EventKind.VIDEO_LOSS,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What changes so rarely that it is asked once an hour; `triggers` None if the account may not read them.

    `records` tells whether there may be recordings: a disk was found, or a recorder does not say.
    """

    device: Device
    capabilities: Capabilities = field(default_factory=Capabilities)
    recorder: bool = False
    streams: Sequence[Stream] = ()
    rtsp_port: int = parse.DEFAULT_RTSP_PORT
    triggers: frozenset[Trigger] | None = None
    records: bool | None = None

    def main(self, channel: Channel) -> Stream:
        """Return a channel's main stream, as listed or else by rule."""
        number = _stream_number(channel)
        listed = (each for each in self.streams if each.channel == number and each.rank == MAIN)
        return next(listed, Stream(id=parse.stream_id(number, MAIN), channel=number, rank=MAIN))

    def sub(self, channel: Channel) -> Stream | None:
        """Return a channel's sub stream; by rule where none of its streams are listed, None where others are."""
        number = _stream_number(channel)
        listed = [each for each in self.streams if each.channel == number]
        if not listed:
            return Stream(id=parse.stream_id(number, SUB), channel=number, rank=SUB)
        return next((each for each in listed if each.rank == SUB), None)

    def kinds(self, channel: Channel) -> frozenset[EventKind]:
        """Return what a channel may report."""
        if channel.source is Source.ZERO:
            return frozenset()
        if self.triggers is None:
            return USUAL_KINDS
        proxied = channel.source is Source.PROXY
        return frozenset(
            each.kind
            for each in self.triggers
            if (each.channel == channel.number and (self._is_of(each, proxied=proxied) or not self.recorder))
            or (each.channel is None and not self.recorder)
        )

    def _is_of(self, trigger: Trigger, *, proxied: bool) -> bool:
        """Return whether it is of an IP channel or not; some recorders name those like inputs, having none."""
        return trigger.proxied == proxied or (proxied and (trigger.channel or 0) > self.capabilities.inputs)


class Listing:
    """Reads one device and remembers what it does not offer."""

    def __init__(self, client: IsapiClient, clock: Clock, counters: Counters) -> None:
        """Ask nothing yet."""
        self._client = client
        self._clock = clock
        self._counters = counters
        self._missing: set[str] = set()
        self._listed: set[str] = set()
        self._device: Device | None = None
        self._facts: Facts | None = None
        self._read_at = 0.0

    async def device(self) -> Device:
        """Return `System/deviceInfo`, asked anew; raises HubError, AuthError also where rights are missing."""
        try:
            self._device = parse.device(await self._client.first("System/deviceInfo"))
        except Forbidden as error:
            raise AuthError(str(error), reason="insufficient_permission") from error
        except NotActivated as error:
            raise AuthError(str(error), reason=error.reason) from error
        except (Unsupported, Malformed) as error:
            raise Malformed(str(error), reason="not_this_device") from error
        return self._device

    async def facts(self) -> Facts:
        """Return what changes rarely, at most an hour old; raises HubError."""
        now = self._clock.monotonic()
        if self._facts is None or now - self._read_at >= SLOW_S:
            self._missing.clear()
            about = self._device if self._facts is None and self._device else await self.device()
            self._facts, self._read_at = await self._read(about), now
        return self._facts

    async def channels(self, facts: Facts) -> Sequence[Channel]:
        """Return the channels as they are now; raises HubError, Unsupported where none may be listed."""
        inputs = await self._list("System/Video/inputs/channels", parse.inputs)
        if not facts.recorder:
            return inputs or _lenses(facts)
        proxies = await self._list("ContentMgmt/InputProxy/channels", parse.proxies)
        if inputs is None and proxies is None:
            return _by_streams(facts)
        zeros = await self._list("ContentMgmt/ZeroVideo/channels", parse.zeros) if facts.capabilities.zero else None
        # More than one is not known; streams are known for the first: 001 and 002.
        return [*(inputs or ()), *await self._with_states(proxies or ()), *(zeros or ())[:1]]

    async def encrypted(self) -> bool:
        """Return whether streams leave the device encrypted; raises HubError."""
        for path in ("Security/videoEncryption", "System/Network/EZVIZ"):
            switched = await self._optional(path, parse.encrypted)
            if switched is not None:
                return switched
        return False

    async def _read(self, about: Device) -> Facts:
        before = self._facts or Facts(device=about)
        able = await self._optional("System/capabilities", parse.capabilities, before.capabilities) or Capabilities()
        streams = await self._optional("Streaming/channels", parse.streams, before.streams)
        recorder = parse.is_recorder(about, able)
        if recorder:
            proxied = await self._optional("ContentMgmt/StreamingProxy/channels", parse.streams)
            streams = list({each.id: each for each in (*(proxied or ()), *(streams or ()))}.values())
        disk = await self._optional("ContentMgmt/Storage", parse.has_disk, before.records)
        port = await self._optional("Security/adminAccesses", parse.rtsp_port, before.rtsp_port)
        return Facts(
            device=about,
            capabilities=able,
            recorder=recorder,
            streams=streams or (),
            rtsp_port=port or parse.DEFAULT_RTSP_PORT,
            triggers=await self._optional("Event/triggers", parse.triggers, before.triggers),
            records=recorder if disk is None else disk,
        )

    async def _list(self, path: str, read: Callable[[Node], Sequence[Channel]]) -> Sequence[Channel] | None:
        """Return a list of channels, None where this device has no such list; one that was there must stay."""
        if path in self._missing:
            return None
        try:
            listed = read(await self._client.get(path))
        except Unsupported:
            if path in self._listed:
                raise
            self._missing.add(path)
            return None
        self._listed.add(path)
        return listed

    async def _optional[T](self, path: str, read: Callable[[Node], T], known: T | None = None) -> T | None:
        """Return what a document says, None where this device has none or none to be read, `known` where it fails."""
        if path in self._missing:
            return None
        try:
            return read(await self._client.get(path))
        except Unsupported:
            self._missing.add(path)
        except Malformed:
            self._counters.count("malformed")
        except DeviceFault, DeviceTrouble:
            # Some firmware fails for good at one path (Event/triggers for one) and does all else.
            self._counters.count("device_fault")
            return known
        return None

    async def _with_states(self, channels: Sequence[Channel]) -> Sequence[Channel]:
        if not channels:
            return channels
        states = await self._optional("ContentMgmt/InputProxy/channels/status", parse.states)
        if states is None:
            states = await self._single_states(channels)
        return [
            replace(channel, online=state.online, offline_reason=state.offline_reason)
            for channel in channels
            for state in (states.get(channel.number, State()),)
        ]

    async def _single_states(self, channels: Sequence[Channel]) -> Mapping[int, State]:
        """Ask each channel: the list form is missing on some DS-76 and DS-77 (protocols.md 1.3)."""
        states: dict[int, State] = {}
        for channel in channels:
            path = f"ContentMgmt/InputProxy/channels/{channel.number}/status"
            states |= await self._optional(path, parse.states) or {}
        return states


def _stream_number(channel: Channel) -> int:
    return 0 if channel.source is Source.ZERO else channel.number


def _lenses(facts: Facts) -> Sequence[Channel]:
    """Return the channels of a camera that does not list them: one for each that has streams, or the first."""
    numbers = sorted({each.channel for each in facts.streams if each.channel}) or [1]
    return [Channel(source=Source.INPUT, number=number, online=True) for number in numbers]


def _by_streams(facts: Facts) -> Sequence[Channel]:
    """Return the channels that the streams belong to: all that an account with few rights can see."""
    numbers = sorted({each.channel for each in facts.streams if each.channel})
    if not numbers:
        raise Unsupported("no channels", reason="insufficient_permission")
    return [Channel(source=Source.PROXY, number=number) for number in numbers]
