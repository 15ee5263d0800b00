"""The contract: what a provider brings and what it is given.

A provider raises only `HubError`s and `CancelledError`. It never sleeps or retries on its own (`policy` with the
injected clock does). Objects for the same camera are stable across `cameras()`. `close()` leaves no task behind.
Nothing happens at import. A capability is an object on the camera, or None, never a flag.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

import aiohttp

from .clock import Clock
from .counters import Counters
from .endpoints import Endpoint
from .errors import HubError
from .lease import Lease
from .model import CameraEvent, Clip, DeviceIdentity, EventKind, Image, JsonValue, Recognised, TokenStatus
from .secret import Credentials


class Stills(Protocol):
    """Takes pictures."""

    async def take(self, width: int | None = None) -> Image:
        """Take a picture now, near `width` pixels wide if the camera can; raises HubError."""
        ...


class Rtsp(Protocol):
    """Gives addresses that players open; they may hold credentials, so they are never logged or shown."""

    def peek(self) -> str | None:
        """Return the address if it is known without asking anyone, else None."""
        ...

    async def open(self) -> Lease[str]:
        """Return an address for as long as the lease runs; raises HubError."""
        ...


class WebRtcSession(Protocol):
    """One live conversation with a viewer."""

    answer: str

    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        """Hand on a viewer's ICE candidate."""
        ...


@runtime_checkable
class EndingSession(WebRtcSession, Protocol):
    """A conversation of which the vendor tells that it has ended it."""

    async def until_over(self) -> HubError:
        """Return why it has ended, once it has."""
        ...


class WebRtc(Protocol):
    """Answers offers itself; each offers audio, video and, where `data_channel` names one, data, in this order."""

    @property
    def data_channel(self) -> str | None:
        """Return the label of the data channel that a viewer has to offer, None where none is wanted."""
        return None

    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        """Answer an SDP offer; `send` takes later ICE candidates; raises HubError."""
        ...


class Mjpeg(Protocol):
    """An endless run of JPEG frames."""

    def frames(self) -> AsyncGenerator[bytes]:
        """Open the stream and yield whole frames; raises HubError; the reader closes the generator."""
        ...


@runtime_checkable
class PushedMjpeg(Mjpeg, Protocol):
    """Frames that can also be handed over as they arrive, without a task to wake for each."""

    async def push(self, deliver: Callable[[bytes], None]) -> None:
        """Open the stream and hand over whole frames until it ends; raises HubError; silence is the caller's to see."""
        ...


class Hls(Protocol):
    """A playlist and its segments, by path."""

    async def open(self, path: str) -> AsyncGenerator[bytes]:
        """Open a file: the first playlist for an empty path, else what that names; raises HubError.

        The reader closes the generator.
        """
        ...


class Clips(Protocol):
    """Recordings kept by the vendor."""

    async def between(self, start: datetime, end: datetime) -> Sequence[Clip]:
        """List what was recorded, oldest first; raises HubError."""
        ...

    def read(self, clip: Clip) -> AsyncGenerator[bytes]:
        """Yield the bytes of one clip; raises HubError."""
        ...


class Previews(Protocol):
    """Short films of events that the vendor gives out for moments only: they are fetched at once, and kept here."""

    async def fetch(self, clip: Clip) -> bytes:
        """Return the film that an event told of, once it has come; raises HubError."""
        ...


@runtime_checkable
class PicturedClips(Clips, Protocol):
    """Recordings that have a small picture each, to choose by."""

    async def thumbnail(self, clip: Clip) -> Image:
        """Return the picture of one clip; raises HubError."""
        ...


@runtime_checkable
class LabelledClips(Clips, Protocol):
    """Recordings that can be asked for by what was seen."""

    def labels(self) -> Sequence[str]:
        """Return the words for what may have been seen, without asking anyone."""
        ...

    async def labelled(self, label: str, start: datetime, end: datetime) -> Sequence[Clip]:
        """List what was recorded of one thing, oldest first; raises HubError."""
        ...


@runtime_checkable
class ExportedClips(Clips, Protocol):
    """Recordings of which the vendor can put a part aside, where it stays."""

    async def export(self, start: datetime, end: datetime, name: str | None = None) -> str | None:
        """Put a time aside under a name; return what the vendor calls it, if it says; raises HubError."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """What is on or off; `key` is the slug of its name, or `kind` is where that holds the device's own `name`."""

    key: str
    is_on: bool
    turn: Callable[[bool], Awaitable[None]] = field(compare=False, repr=False)
    kind: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A value within bounds; `key` is the slug of its name, or `kind` is where that holds the device's own `name`."""

    key: str
    value: float
    minimum: float
    maximum: float
    step: float
    put: Callable[[float], Awaitable[None]] = field(compare=False, repr=False)
    kind: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """What happens once; `key` is the slug of its name, or `kind` is where that holds the device's own `name`."""

    key: str
    press: Callable[[], Awaitable[None]] = field(compare=False, repr=False)
    kind: str | None = None
    name: str | None = None


type Control = Switch | Number | Press


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Plain values that a camera, or the device before the cameras, reports; None is unknown.

    `cpu_percent` and `inference_ms` of a camera are what it costs its server; `_gib` is 2**30 bytes. `battery_2` is the
    charge of a second battery beside the first.
    """

    battery: int | None = None
    battery_2: int | None = None
    wifi_dbm: int | None = None
    fps: float | None = None
    disk_free_percent: float | None = None
    last_motion: datetime | None = None
    cpu_percent: float | None = None
    inference_ms: float | None = None
    disk_used_gib: float | None = None
    disk_free_gib: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """One camera as it is now. Equal when nothing a user sees has changed.

    `id` is unique within the account and stable for the life of the camera. `offline_reason` and `problems` are
    slugs of sentences (`exceptions.<slug>`, `issues.<slug>`). `event_kinds` lists what it may report, `lasting` those
    told from beginning to end, so that it can be said what is there now, `recognised` what may be known of whom or what
    it sees. `still_floor` is the shortest time in seconds between two pictures (battery cameras).
    """

    id: str
    identity: DeviceIdentity
    online: bool | None = None
    offline_reason: str | None = None
    problems: tuple[str, ...] = ()
    event_kinds: frozenset[EventKind] = frozenset()
    lasting: frozenset[EventKind] = frozenset()
    recognised: frozenset[Recognised] = frozenset()
    still_floor: float = 0.0
    health: Health | None = None
    controls: tuple[Control, ...] = ()
    stills: Stills | None = field(default=None, compare=False, repr=False)
    rtsp: Rtsp | None = field(default=None, compare=False, repr=False)
    webrtc: WebRtc | None = field(default=None, compare=False, repr=False)
    mjpeg: Mjpeg | None = field(default=None, compare=False, repr=False)
    hls: Hls | None = field(default=None, compare=False, repr=False)
    clips: Clips | None = field(default=None, compare=False, repr=False)
    previews: Previews | None = field(default=None, compare=False, repr=False)


class Provider(ABC):
    """One signed-in account or one device."""

    @abstractmethod
    async def connect(self) -> None:
        """Reach the account once; raises AuthError, Unreachable, Malformed."""

    @abstractmethod
    async def cameras(self) -> Sequence[Camera]:
        """List the cameras as they are now; raises HubError."""

    @abstractmethod
    async def close(self) -> None:
        """Give back everything; may be called twice."""

    async def remove(self) -> None:
        """Give back what was made at the vendor for this account, which its user has removed; raises HubError."""
        # Nothing is left there unless a provider says so.
        return

    async def events(self) -> AsyncGenerator[CameraEvent]:
        """Yield events until the line drops (raises Unreachable); returning means there will be none."""
        return
        # Never reached; it makes this an iterator rather than a coroutine.
        yield

    def device(self) -> DeviceIdentity | None:
        """Return the device that stands between CamHub and the cameras (a recorder), if there is one."""
        return None

    def health(self) -> Health | None:
        """Return what `device` reports of itself, as last heard; asks nobody."""
        return None

    def follow(self, listener: Callable[[Sequence[Camera]], None]) -> None:
        """Have `listener` called with the cameras whenever the line of `events` tells of a change in them."""
        # Nothing is told between two listings unless a provider says so.
        return

    def token_status(self) -> TokenStatus | None:
        """Return how the credentials stand, None if they never expire."""
        return None

    def problems(self) -> Sequence[str]:
        """Return what is wrong with the account as a whole, as slugs of sentences (`issues.<slug>`)."""
        return ()

    def next_call_at(self) -> datetime | None:
        """Return until when the vendor wants nothing more of the account (aware), None if it may be asked now."""
        return None

    def endpoints(self) -> Sequence[Endpoint]:
        """Return where the device or service is reached, without asking anyone; shown to administrators only."""
        return ()

    def diagnostics(self) -> Mapping[str, JsonValue]:
        """Return facts for a bug report, free of secrets and addresses."""
        return {}


class SessionFactory(Protocol):
    """Makes HTTP sessions that the host owns; a provider never closes one."""

    def __call__(
        self,
        *,
        verify_tls: bool = True,
        middlewares: Sequence[aiohttp.ClientMiddlewareType] = (),
        cookies: bool = True,
    ) -> aiohttp.ClientSession:
        """Return a session; ask once and keep it. Without `cookies` it keeps none and sends those of a header only."""
        ...


class TokenStore(Protocol):
    """Where changed credentials go before they are used."""

    async def save(self, credentials: Mapping[str, JsonValue]) -> None:
        """Store the whole set durably; when this returns they survive a crash."""
        ...


class FrameGrabber(Protocol):
    """Takes one JPEG from a live stream."""

    async def grab(self, address: str, timeout: float) -> bytes:
        """Return one JPEG from an RTSP address within `timeout` seconds; raises AuthError, Unreachable, Malformed."""
        ...

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        """Open a session of its own, return its first real picture as JPEG, give the session back; raises HubError."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """All that a provider may reach. Its sign-in gets one too, with the earlier answers as credentials.

    `options` holds a value for each of the provider's own settings. `kept` is what a provider keeps in memory while the
    account is opened anew, as what a vendor counts goes on meanwhile. `tokens` of a sign-in keeps nothing; where an
    account is signed in to again, changes of the credentials it has go to `earlier`.
    """

    session: SessionFactory
    credentials: Credentials
    tokens: TokenStore
    clock: Clock
    grabber: FrameGrabber
    counters: Counters
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    kept: MutableMapping[str, object] = field(default_factory=dict, repr=False)
    earlier: TokenStore | None = None
