"""Recordings of a camera: what there is, and their bytes, whole or in part."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
import binascii
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import json
from typing import Final

from aiohttp import hdrs, web
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .kernel.model import Clip
from .kernel.provider import Camera, Clips, PicturedClips
from .stream_answers import NO_STORE, Refusal
from .stream_entry import EntryStreams, entry_streams
from .stream_formats import no_such_format
from .stream_pipe import async_pipe
from .stream_request import Watch

# What is listed where no time is asked for, and the most that may be asked for.
DEFAULT_SPAN: Final = timedelta(hours=24)
LONGEST_SPAN: Final = timedelta(days=31)
SIZES_KEPT: Final = 1000
# The most that is given of a recording still being made when a part is asked for: nobody knows how long it will be.
LARGEST_PART: Final = 2**20
# Of what is over the picture stays as it is.
_KEPT: Final = {"Cache-Control": "private, max-age=3600"}


def recording_id(clip: Clip) -> str:
    """Return a name for paths that alone is enough to find the clip again: its time and the vendor's name."""
    end = clip.end.timestamp() if clip.end else None
    name = json.dumps([clip.start.timestamp(), end, clip.id], separators=(",", ":"))
    return urlsafe_b64encode(name.encode()).decode().rstrip("=")


async def async_recordings(watch: Watch) -> list[JsonObjectType]:
    """List what was recorded between `start` and `end`, the last day where nothing is said; raises Refusal."""
    clips = _clips(watch)
    query = watch.request.query
    end = _time(query.get("end")) or watch.coordinator.clock.now()
    start = _time(query.get("start")) or end - DEFAULT_SPAN
    if not timedelta() < end - start <= LONGEST_SPAN:
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_time")
    watch.usage.admit(watch.limits)
    return [_row(watch, clip) for clip in await watch.in_time(clips.between(start, end))]


def _clips(watch: Watch) -> Clips:
    if watch.camera.clips is None:
        raise no_such_format("recordings")
    return watch.camera.clips


def _time(text: str | None) -> datetime | None:
    """Read an ISO time, local where it has no zone."""
    if text is None:
        return None
    # A plus sign that was not encoded arrives as a space.
    if (at := dt_util.parse_datetime(text.strip().replace(" ", "+"))) is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_time")
    return dt_util.as_utc(at)


def _row(watch: Watch, clip: Clip) -> JsonObjectType:
    name = recording_id(clip)
    return {
        "id": name,
        "start": clip.start.isoformat(),
        "end": clip.end.isoformat() if clip.end else None,
        "kind": clip.kind.value if clip.kind else None,
        "label": clip.label,
        "content_type": clip.content_type,
        "size": clip.size,
        "url": watch.path("recordings", name),
        "thumbnail": (
            watch.path("recordings", name, "thumbnail") if isinstance(watch.camera.clips, PicturedClips) else None
        ),
    }


async def async_recording(watch: Watch, name: str) -> web.StreamResponse:
    """Answer with the bytes of a recording, or those of `Range`; raises Refusal."""
    clips = _clips(watch)
    watch.usage.admit(watch.limits)
    clip = await watch.in_time(_find(watch, name))
    headers = {**NO_STORE, hdrs.CONTENT_TYPE: clip.content_type, hdrs.ACCEPT_RANGES: "bytes"}
    if (span := _small_part(watch.request, clip)) is not None:
        return await watch.in_time(_so_far(watch, clips.read(clip), headers, *span))
    response = web.StreamResponse(headers=headers)
    begin, size = 0, None
    if (whole := await _size(watch, clips, clip)) is not None:
        asked = _range(watch.request, whole)
        begin, end = asked or (0, whole)
        size = response.content_length = end - begin
        if asked is not None:
            response.set_status(HTTPStatus.PARTIAL_CONTENT)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {begin}-{end - 1}/{whole}"
    if watch.request.method == hdrs.METH_HEAD:
        return response
    stream = object()
    watch.usage.admit(watch.limits, stream)
    watch.usage.hold(stream)
    try:
        async with aclosing(clips.read(clip)) as read, aclosing(_part(read, begin, size)) as part:
            first = await watch.in_time(anext(part, b""))
            return await async_pipe(watch, response, first, part)
    finally:
        watch.usage.release(stream)


def _small_part(request: web.Request, clip: Clip) -> tuple[int, int] | None:
    """Return first and last byte plus one where a small part is asked for of what goes on and has no size yet."""
    if clip.size is not None or clip.end is not None or request.method == hdrs.METH_HEAD:
        return None
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None or asked.stop is None or asked.stop - asked.start > LARGEST_PART:
        # Whatever has no end is answered with all there is, as if nothing had been asked.
        return None
    return asked.start, asked.stop


async def _so_far(
    watch: Watch, chunks: AsyncGenerator[bytes], headers: Mapping[str, str], begin: int, end: int
) -> web.Response:
    """Answer with as much of a part as there is by now; how long the whole will be is not said."""
    body, size = bytearray(), 0
    async with aclosing(chunks) as read:
        async for chunk in read:
            body += chunk[max(0, begin - size) : max(0, end - size)]
            size += len(chunk)
            if size >= end:
                break
    if not body:
        raise _no_such_bytes(size)
    watch.usage.count(len(body), watch.limits)
    ranged = {**headers, hdrs.CONTENT_RANGE: f"bytes {begin}-{begin + len(body) - 1}/*"}
    return web.Response(body=bytes(body), status=HTTPStatus.PARTIAL_CONTENT, headers=ranged)


async def async_thumbnail(watch: Watch, name: str) -> web.Response:
    """Answer with the picture of a recording; raises Refusal."""
    clips = _clips(watch)
    if not isinstance(clips, PicturedClips):
        raise no_such_format("thumbnail")
    watch.usage.admit(watch.limits)
    clip = await watch.in_time(_find(watch, name))
    image = await watch.in_time(clips.thumbnail(clip))
    watch.usage.count(len(image.content), watch.limits)
    headers = NO_STORE if clip.end is None else _KEPT
    return web.Response(body=image.content, content_type=image.content_type, headers=headers)


async def _size(watch: Watch, clips: Clips, clip: Clip) -> int | None:
    """Return the bytes of a recording, None where nobody knows.

    Where a part is asked for and the vendor tells no size, a recording that has ended is read through once to learn it.
    """
    if clip.size is not None or clip.end is None or not _wants_part(watch.request):
        return clip.size
    sizes = entry_streams(watch.hass, watch.coordinator).sizes
    name = f"{clip.camera}/{clip.id}"
    if name not in sizes:
        if len(sizes) >= SIZES_KEPT:
            sizes.clear()
        try:
            async with asyncio.timeout(watch.first_byte), aclosing(clips.read(clip)) as read:
                sizes[name] = sum([len(chunk) async for chunk in read])
        except TimeoutError:
            return None
    return sizes[name]


async def _find(watch: Watch, name: str) -> Clip:
    found = await find_clip(entry_streams(watch.hass, watch.coordinator), watch.camera, name)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_recording")
    return found


async def find_clip(streams: EntryStreams, camera: Camera, name: str) -> Clip | None:
    """Return a camera's clip by its name, as shown or else among those of its time, None for none; raises HubError."""
    if (shown := streams.remembered(camera.id, name)) is not None:
        return shown
    try:
        start, end, clip_id = json.loads(urlsafe_b64decode(name + "=" * (-len(name) % 4)))
        begin = datetime.fromtimestamp(start, UTC)
        until = datetime.fromtimestamp(end, UTC) if end else begin + timedelta(hours=1)
    except binascii.Error, OverflowError, OSError, TypeError, ValueError:
        return None
    until = min(max(until, begin + timedelta(seconds=1)), begin + LONGEST_SPAN)
    around = await camera.clips.between(begin - timedelta(seconds=1), until) if camera.clips else ()
    return next((clip for clip in around if clip.id == clip_id), None)


def _wants_part(request: web.Request) -> bool:
    """Tell whether a part is asked for: only GET has parts (RFC 9110 section 14.2)."""
    return request.method == hdrs.METH_GET and hdrs.RANGE in request.headers


def _range(request: web.Request, size: int) -> tuple[int, int] | None:
    """Return first and last byte plus one that are asked for, None where none we know are."""
    if not _wants_part(request):
        return None
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None:
        return None
    start, stop, _ = asked.indices(size)
    if start >= stop:
        raise _no_such_bytes(size)
    return start, stop


def _no_such_bytes(size: int) -> Refusal:
    headers: dict[str, str] = {hdrs.CONTENT_RANGE: f"bytes */{size}"}
    return Refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "bad_range", headers=headers)


async def _part(chunks: AsyncIterator[bytes], begin: int, size: int | None) -> AsyncGenerator[bytes]:
    """Yield `size` bytes from `begin` on, all where it is None."""
    left = size
    async for chunk in chunks:
        data = chunk[begin:] if begin else chunk
        begin = max(0, begin - len(chunk))
        if left is not None:
            data = data[:left]
            left -= len(data)
        if data:
            yield data
        if left == 0:
            return
