"""Pictures (protocols.md 4.5): taken on demand, else the last one kept, else that of the last event; never a stream."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, override

from ring_doorbell.const import API_URI, SNAPSHOT_ENDPOINT, SNAPSHOT_TIMESTAMP_ENDPOINT

from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from ...kernel.jpeg import is_whole_jpeg
from ...kernel.model import Image
from ...kernel.provider import Stills
from ...kernel.reading import child, moment, number, objects
from .answers import NotThere
from .client import Client, Reply
from .parse import Unit

NEXT_URL: Final = "https://app-snaps.ring.com/snapshots/next/{}"
BY_NAME: Final = "/clients_api/snapshots/uuid"
# How long the service may wait for the camera, and we for the service.
CAMERA_MS: Final = 15000
PATIENCE_S: Final = 20.0
# What no answer at all comes to.
_SILENT: Final = frozenset({"timeout", "service_unreachable"})
# An event's own picture is as good as a new one for so long.
FRESH: Final = timedelta(seconds=30)


@dataclass(slots=True)
class CameraHandle:
    """One camera as it was listed last; `seen` is the picture of its last event, by name and time."""

    client: Client
    unit: Unit
    seen: tuple[str, datetime] | None = None

    def check(self) -> None:
        """Raise Unreachable while the camera is off."""
        if not self.unit.online:
            raise Unreachable("offline", reason="camera_not_connected")

    async def event_picture(self, name: str, at: datetime) -> Image:
        """Return the picture that an event named; raises HubError."""
        await self.client.meet()
        reply = await self.client.request("GET", API_URI + BY_NAME, query={"uuid": name})
        return _image(reply, at, "event")


class RingStills(Stills):
    """One camera's pictures, each with the time it was taken by the service's own clock."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture; raises HubError. A camera that is off, or has its motion detection off, is not asked."""
        handle = self._handle
        handle.check()
        now = handle.client.clock.now()
        if handle.seen is not None and now - handle.seen[1] <= FRESH and (image := await self._of_event()) is not None:
            return image
        try:
            return await self._asked()
        except AuthError, Throttled:
            raise
        except HubError as error:
            if (image := await self._of_event()) is None:
                raise _unavailable(error) from error
            return image

    async def _of_event(self) -> Image | None:
        """Return the picture of the last event, None where there is none to be had; raises AuthError, Throttled."""
        if self._handle.seen is None:
            return None
        try:
            return await self._handle.event_picture(*self._handle.seen)
        except AuthError, Throttled:
            raise
        except HubError:
            return None

    async def _asked(self) -> Image:
        if self._handle.unit.detects_motion is False:
            raise Unreachable("no pictures without motion detection", reason="stills_off")
        try:
            return await self._next()
        except NotThere:
            return await self._kept()
        except Unreachable as error:
            if error.reason not in _SILENT:
                raise
            # A camera that records or sleeps tells nothing; what hinders it is said where nothing is kept.
            try:
                return await self._kept()
            except NotThere:
                raise error from None

    async def _next(self) -> Image:
        """Return the picture that the camera takes next."""
        client = self._handle.client
        query = {"max-wait-ms": str(CAMERA_MS), "extras": "force"}
        url = NEXT_URL.format(self._handle.unit.number)
        await client.meet()
        reply = await client.request("GET", url, query=query, patience=PATIENCE_S)
        taken = number(reply.headers.get("x-time-millis"))
        return _image(reply, self._local(reply, taken), "live")

    async def _kept(self) -> Image:
        """Return the last picture that the service keeps."""
        client, unit = self._handle.client, self._handle.unit
        url = API_URI + SNAPSHOT_TIMESTAMP_ENDPOINT
        told = await client.request("POST", url, said={"doorbot_ids": [unit.number]})
        found = (each for each in objects(child(told.said).get("timestamps")) if each.get("doorbot_id") == unit.number)
        taken = next((number(each.get("timestamp")) for each in found), None)
        reply = await client.request("GET", API_URI + SNAPSHOT_ENDPOINT.format(unit.number))
        return _image(reply, self._local(reply, taken), "live")

    def _local(self, reply: Reply, taken_ms: float | None) -> datetime:
        """Return when a picture was taken by our clock: its age is by the service's own, whatever ours says."""
        now = self._handle.client.clock.now()
        taken = None if taken_ms is None else moment(taken_ms)
        if taken is None:
            return now
        try:
            said = parsedate_to_datetime(reply.headers.get("Date", "")).replace(tzinfo=UTC)
        except ValueError:
            said = now
        return now - max(said - taken, timedelta())


def _image(reply: Reply, at: datetime, source: str) -> Image:
    if not is_whole_jpeg(reply.body):
        raise Malformed("no JPEG", reason="not_a_picture")
    return Image(content=reply.body, taken_at=at, source=source)


def _unavailable(error: HubError) -> HubError:
    """Return why there is no picture now; none being kept is no lasting lack."""
    return Unreachable("none is kept", reason="no_picture_yet") if isinstance(error, NotThere) else error
