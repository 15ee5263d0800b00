"""Events over the websocket, with the lists read now and then and after a drop (protocols.md 5.8)."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import aiohttp

from ...kernel.errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from ...kernel.jpeg import JPEG_START
from ...kernel.model import CameraEvent, EventPhase, Image, JsonValue
from ...kernel.policy import within
from ...kernel.provider import Context
from ...kernel.reading import child, number, text
from . import parse
from .client import Client
from .reading import objects
from .server_state import ServerState
from .topics import Message, message, say
from .tracked_object import TrackedObject, present_object, tracked_object
from .tracker import Heard, Tracker, in_order

POLL_S: Final = 60.0
# The server tells its figures every minute, or as `mqtt.stats_interval` says: twice as long a silence is a broken line.
SILENCE_S: Final = 300.0
PAGE: Final = 100
# What is only announced is written down a moment later.
SOON_S: Final = 2.0
# An event is told without its picture where that takes longer: whoever listens wants to know it now.
PICTURE_S: Final = 3.0
# What began so long before the newest known may have been written down after it.
LATE: Final = timedelta(minutes=10)
_MOMENT: Final = timedelta(milliseconds=1)
# The functions that the websocket tells of, and what `camera_activity` calls them.
_SWITCHED: Final = {"recordings": "record"} | {
    name: name for name in ("enabled", "detect", "snapshots", "motion", "audio")
}
# What comes under `<camera>/audio/` besides sounds.
_LEVELS: Final = frozenset({"all", "dBFS", "rms", "state", "transcription"})
_CLOSED: Final = frozenset({aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED})


class EventLine:
    """Follows one server; what it learned stays from dial to dial, what it tells of cameras goes to the state."""

    def __init__(self, context: Context, client: Client, state: ServerState) -> None:
        """Dial nothing yet."""
        self._clock = context.clock
        self._counters = context.counters
        self._client = client
        self._state = state
        self._tracker = Tracker(context.clock)
        self._begun = False
        self._look_at = 0.0

    async def events(self) -> AsyncGenerator[CameraEvent]:
        """Yield events until the line drops; raises HubError."""
        try:
            async with self._client.socket() as socket:
                self._tracker.dialled()
                await say(socket, "onConnect", "")
                for event in await self._reconciled():
                    yield await self._with_picture(event)
                async with aclosing(self._heard(socket)) as heard:
                    async for said in heard:
                        for event in await self._told(said):
                            yield await self._with_picture(event)
        except HubError:
            for event in self._tracker.still():
                yield event
            raise

    async def _heard(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[Message | None]:
        """Yield messages as they come, and None whenever it is time to look at the lists."""
        spoke = self._clock.monotonic()
        self._look_at = spoke + POLL_S
        reading = asyncio.create_task(socket.receive())
        try:
            while True:
                now = self._clock.monotonic()
                if now - spoke >= max(SILENCE_S, 2 * self._state.figures_s):
                    raise Unreachable("the websocket fell silent", reason="timeout")
                if now >= self._look_at:
                    self._look_at = now + POLL_S
                    yield None
                elif await self._done(reading, self._look_at - now):
                    spoke = self._clock.monotonic()
                    said = self._read(reading.result())
                    reading = asyncio.create_task(socket.receive())
                    if said is not None:
                        yield said
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _done(self, reading: asyncio.Task[aiohttp.WSMessage], seconds: float) -> bool:
        limit = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait({reading, limit}, return_when=asyncio.FIRST_COMPLETED)
            return reading.done()
        finally:
            limit.cancel()
            await asyncio.gather(limit, return_exceptions=True)

    def _read(self, frame: aiohttp.WSMessage) -> Message | None:
        if frame.type in _CLOSED or frame.type is aiohttp.WSMsgType.ERROR:
            raise Unreachable("the websocket was closed", reason="event_line_closed")
        if frame.type is not aiohttp.WSMsgType.TEXT:
            return None
        try:
            return message(frame.data)
        except Malformed:
            self._counters.count("events.malformed")
            return None

    async def _told(self, said: Message | None) -> Iterable[CameraEvent]:
        """Return what a message means, or the lists where there is none."""
        if said is None:
            return await self._reconciled()
        try:
            match said.topic.split("/"):
                case ["events"]:
                    return self._changed(said.payload)
                case ["reviews"]:
                    return await self._reviewed(said.payload)
                case ["tracked_object_update"]:
                    return self._recognised(said.payload)
                case ["camera_activity"]:
                    return self._active(said.payload)
                case ["stats"]:
                    self._state.figures(parse.stats(said.payload))
                case [camera, *rest] if self._state.lists(camera):
                    return self._of_camera(camera, rest, said.payload)
                case _:
                    pass
        except Malformed:
            self._counters.count("events.malformed")
        return ()

    def _of_camera(self, camera: str, topic: list[str], payload: JsonValue) -> Iterable[CameraEvent]:
        """Take what is told of one camera."""
        match topic:
            case ["motion"]:
                return self._tracker.motion(camera, on=payload == "ON")
            case [key, "state"] if key in _SWITCHED:
                self._state.switched(camera, key, on=payload == "ON")
            case ["status", "detect"] if payload == "offline":
                self._state.lost(camera)
            case ["audio", label] if label not in _LEVELS:
                # It has no id here, but an event in the list.
                self._look_at = min(self._look_at, self._clock.monotonic() + SOON_S)
            case _:
                pass
        return ()

    def _active(self, payload: JsonValue) -> Iterable[CameraEvent]:
        """Take how each camera stands: it is told to whoever connects, and to all others then."""
        told: list[CameraEvent] = []
        for camera in filter(self._state.lists, child(payload)):
            now = child(payload, camera)
            config = child(now, "config")
            for key, name in _SWITCHED.items():
                if isinstance(on := config.get(name), bool):
                    self._state.switched(camera, key, on=on)
            if now.get("motion") is True:
                told += self._tracker.motion(camera, on=True)
            there = objects(now.get("objects") or [])
            told += self._tracker.there([present_object(camera, each, self._clock.now()) for each in there])
        return told

    def _changed(self, payload: JsonValue) -> Iterable[CameraEvent]:
        after = tracked_object(child(payload, "after"))
        if child(payload).get("type") == "end" and after.end is None:
            after = replace(after, end=self._clock.now())
        return self._tracker.take(after, Heard.LIVE) if self._state.lists(after.camera) else ()

    async def _reviewed(self, payload: JsonValue) -> Iterable[CameraEvent]:
        """Take the severity of the events in a review; sounds are told in no other way than here."""
        severities = parse.review(child(payload, "after"))
        camera = text(child(payload, "after").get("camera"))
        if camera is None or not self._state.lists(camera):
            return ()
        told: list[CameraEvent] = []
        unknown = [each for each in severities if not self._tracker.knows(each)]
        ended = child(payload).get("type") == "end" and any(each in self._tracker.going_on for each in severities)
        if unknown or ended:
            told += await self._reconciled()
        return [*told, *self._tracker.rate(severities)]

    def _recognised(self, payload: JsonValue) -> Iterable[CameraEvent]:
        told = child(payload)
        name = text(told.get("name")) or text(told.get("sub_label"))
        score = number(told.get("score"))
        if told.get("type") == "face" and score is not None and score < self._state.sure:
            # Each try is told, also one that the server itself does not believe.
            name = None
        return self._tracker.name(text(told.get("id")) or "", sub_label=name, plate=text(told.get("plate")))

    async def _reconciled(self) -> list[CameraEvent]:
        """Compare with the lists: what was missed is told now; raises HubError."""
        heard = Heard.LISTED if self._begun else Heard.BEFORE
        ongoing, _ = await self._page({"in_progress": "1"})
        found = in_order(each for each in (*await self._recent(), *ongoing) if self._state.lists(each.camera))
        self._begun = True
        told = [event for each in found for event in self._tracker.take(each, heard)]
        listed = {each.id for each in found}
        for identifier in [each for each in self._tracker.going_on if each not in listed]:
            told += await self._asked(identifier)
        newest = self._tracker.newest
        after = {"after": _seconds(newest - LATE)} if newest else {}
        # Those that somebody has looked at already are left out otherwise.
        asked = {**after, "limit": str(PAGE), "reviewed": "1"}
        severities = parse.reviews(await self._client.json("api/review", asked))
        return [*told, *self._tracker.rate(severities)]

    async def _recent(self) -> list[TrackedObject]:
        """Return what began since shortly before the newest that is known; the newest page where nothing is."""
        newest = self._tracker.newest
        if newest is None:
            return (await self._page({}))[0]
        query, found = {"after": _seconds(newest - LATE)}, list[TrackedObject]()
        oldest: datetime | None = None
        while True:
            page, full = await self._page(query)
            found += page
            begun = min((each.start for each in page), default=None)
            if not full or begun is None or begun == oldest:
                return found
            # Those that began at the same moment may be split between two pages.
            oldest, query["before"] = begun, _seconds(begun + _MOMENT)

    async def _page(self, query: Mapping[str, str]) -> tuple[list[TrackedObject], bool]:
        """Return one page of events, newest first, and whether there may be more."""
        asked = {"limit": str(PAGE), "include_thumbnails": "0", **query}
        listed = objects(await self._client.json("api/events", asked))
        found: list[TrackedObject] = []
        for each in listed:
            try:
                found.append(tracked_object(each))
            except Malformed:
                self._counters.count("events.malformed")
        return found, len(listed) >= PAGE

    async def _asked(self, identifier: str) -> list[CameraEvent]:
        try:
            said = await self._client.json(f"api/events/{quote(identifier, safe='')}")
            return self._tracker.take(tracked_object(child(said)), Heard.LISTED)
        except Unsupported, Malformed:
            # It is gone, or its camera is out of the role by now.
            return self._tracker.lost(identifier)

    async def _with_picture(self, event: CameraEvent) -> CameraEvent:
        """Return an event that begins with its picture, if there is one by now; it does not wait for it for long."""
        identifier = event.metadata.get("event_id")
        if event.phase is not EventPhase.START or not isinstance(identifier, str):
            return event
        try:
            content = await within(self._clock, PICTURE_S, self._picture(quote(identifier, safe="")))
        except Unreachable:
            self._counters.count("events.picture_late")
            return event
        if content is None:
            return event
        return replace(event, image=Image(content=content, taken_at=event.at, source="event"))

    async def _picture(self, identifier: str) -> bytes | None:
        for name in ("snapshot.jpg", "thumbnail.jpg"):
            try:
                answer = await self._client.get(f"api/events/{identifier}/{name}")
            except AuthError:
                raise
            except HubError:
                continue
            if answer.body.startswith(JPEG_START):
                return answer.body
        return None


def _seconds(at: datetime) -> str:
    return f"{at.timestamp():.6f}"
