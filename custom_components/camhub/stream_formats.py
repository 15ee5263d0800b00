"""The snapshot and MJPEG formats, derived from other capabilities if a camera lacks them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from copy import copy
from http import HTTPStatus
from typing import Final

from aiohttp import web

from .coordinator import CamHubCoordinator
from .kernel.errors import HubError, Unreachable, Unsupported
from .kernel.model import Image
from .kernel.provider import Rtsp, Stills
from .kernel.relay import Frame, Relay, RelayState
from .kernel.stills import checked
from .limits import Limits, Usage
from .runtime import SHARED
from .stream_answers import NO_STORE, Refusal, refusal_of
from .stream_entry import entry_streams
from .stream_request import Watch
from .viewers import HttpViewer, serve_mjpeg

MJPEG_TYPE: Final = "multipart/x-mixed-replace"
# Seconds between two checks of a stream that is being opened.
_LOOK: Final = 0.1


async def async_snapshot(watch: Watch) -> web.Response:
    """Answer with a picture that is no older than the account's setting, if the camera answers."""
    watch.usage.admit(watch.limits)
    image = await _picture(watch)
    watch.usage.count(len(image.content), watch.limits)
    age = (watch.coordinator.clock.now() - image.taken_at).total_seconds()
    headers = {**NO_STORE, "Age": str(max(0, round(age)))}
    response = web.Response(body=image.content, content_type=image.content_type, headers=headers)
    response.last_modified = image.taken_at
    return response


def alert_picture(watch: Watch, name: str) -> web.Response:
    """Answer with a picture that an alert links to; raises Refusal once it has expired."""
    watch.usage.admit(watch.limits)
    image = entry_streams(watch.hass, watch.coordinator).pictures.get(watch.camera.id, name)
    if image is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "picture_over")
    watch.usage.count(len(image.content), watch.limits)
    return web.Response(body=image.content, content_type=image.content_type, headers=NO_STORE)


async def _picture(watch: Watch) -> Image:
    """Return a picture from the camera's stills or streams; for one with live views only, the last in the album."""
    camera, coordinator = watch.camera, watch.coordinator
    key = coordinator.picture_key(camera.id)
    if camera.stills is not None:
        return await _taken(watch, key, camera.stills)
    if (relay := coordinator.relays.of(camera)) is not None:
        watch.require_online()
        frame = await watch.in_time(_first_frame(relay))
        return Image(content=frame.jpeg, taken_at=frame.taken_at)
    if camera.rtsp is not None:
        return await watch.in_time(_grabbed(watch, camera.rtsp))
    if (kept := await coordinator.album.read(key)) is None:
        raise no_such_format("snapshot")
    return kept


async def _taken(watch: Watch, key: str, stills: Stills) -> Image:
    """Return the album's picture; raises the camera's error rather than return an outdated one."""
    watch.require_online()
    album, max_age, floor = watch.coordinator.album, watch.coordinator.picture_age, watch.camera.still_floor
    image = album.at_hand(key, stills, max_age=max_age, floor=floor)
    try:
        if image is None:
            patience = 2 * watch.first_byte
            image = await watch.in_time(album.get(key, stills, max_age=max_age, floor=floor, patience=patience))
        if image.stale and (error := album.state(key).error) is not None:
            raise copy(error)
    except HubError as error:
        raise refusal_of(error, album.state(key).again_in) from error
    return image


async def _grabbed(watch: Watch, rtsp: Rtsp) -> Image:
    """Grab a frame from the RTSP stream."""
    watch.require_online()
    lease = await rtsp.open()
    try:
        content = await watch.hass.data[SHARED].grabber.grab(lease.value, watch.first_byte)
    finally:
        await lease.release()
    return checked(Image(content=content, taken_at=watch.coordinator.clock.now(), source="stream"))


def no_such_format(name: str) -> Refusal:
    """Return the refusal for a format that the camera lacks and that cannot be derived."""
    return Refusal(HTTPStatus.NOT_FOUND, "format_unavailable", {"format": name})


async def async_mjpeg(watch: Watch) -> web.StreamResponse:
    """Answer with frames until the client disconnects; made of stills if the camera has no MJPEG."""
    watch.require_online()
    relay = watch.coordinator.relays.of(watch.camera)
    if relay is None and watch.camera.stills is not None:
        streams = entry_streams(watch.hass, watch.coordinator)
        relay = streams.relay(watch.camera.id, lambda: StillFrames(watch.coordinator, watch.camera.id))
    if relay is None:
        raise no_such_format("mjpeg")
    stream = object()
    watch.usage.admit(watch.limits, stream)
    watch.usage.hold(stream)
    try:
        await watch.in_time(_first_frame(relay))
        return await serve_mjpeg(watch.request, Metered(relay, watch.usage, watch.limits))
    finally:
        watch.usage.release(stream)


async def _first_frame(relay: Relay) -> Frame:
    """Return the first frame; raises HubError as soon as the camera is unreachable."""

    async def one() -> Frame:
        async with aclosing(relay.frames()) as frames:
            async for frame in frames:
                return frame
        raise Unreachable(reason="shutting_down")

    first = asyncio.create_task(one())
    try:
        while not (await asyncio.wait((first,), timeout=_LOOK))[0]:
            if relay.state is RelayState.WAITING:
                reason = relay.describe()["last_error"]
                raise Unreachable(reason=str(reason) if reason else None)
        return first.result()
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


class StillFrames:
    """Stills of a camera as a stream of frames."""

    INTERVAL: Final = 1.0
    """Seconds between two pictures."""
    REPEAT: Final = 5.0
    """Seconds after which an unchanged picture is sent again to keep the viewer's connection alive."""

    def __init__(self, coordinator: CamHubCoordinator, camera_id: str) -> None:
        """Request nothing yet."""
        self._coordinator = coordinator
        self._camera_id = camera_id

    async def frames(self) -> AsyncGenerator[bytes]:
        """Yield pictures as they arrive; raises HubError."""
        clock, album = self._coordinator.clock, self._coordinator.album
        key = self._coordinator.picture_key(self._camera_id)
        shown, shown_at = b"", 0.0
        while True:
            camera = self._coordinator.data.get(self._camera_id)
            if camera is None or camera.stills is None:
                raise Unsupported
            image = await album.refresh(key, camera.stills, floor=camera.still_floor)
            if image.content is not shown or clock.monotonic() - shown_at >= self.REPEAT:
                shown, shown_at = image.content, clock.monotonic()
                yield image.content
            await clock.sleep(self.INTERVAL)


class Metered:
    """Frames for one viewer within the user's limits."""

    def __init__(self, relay: Relay, usage: Usage, limits: Limits) -> None:
        """Count what is sent."""
        self._relay = relay
        self._usage = usage
        self._limits = limits

    def join(self, viewer: HttpViewer) -> Callable[[], None]:
        """Send the viewer frames from now on; returns the function that stops it."""
        return self._relay.join(_MeteredViewer(viewer, self._usage, self._limits))


class _MeteredViewer:
    def __init__(self, viewer: HttpViewer, usage: Usage, limits: Limits) -> None:
        self._viewer = viewer
        self._usage = usage
        self._limits = limits

    def offer(self, frame: Frame) -> None:
        if self._usage.spent(self._limits):
            self._viewer.end(None)
        elif self._usage.wait(self._limits):
            self._viewer.skipped += 1
        else:
            skipped = self._viewer.skipped
            self._viewer.offer(frame)
            if self._viewer.skipped == skipped:
                self._usage.count(len(frame.jpeg), self._limits)

    def end(self, error: HubError | None) -> None:
        self._viewer.end(error)
