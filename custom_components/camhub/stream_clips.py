"""Recordings of a camera: what there is, and their bytes, whole or in part."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
import binascii
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import json
from typing import Final

from aiohttp import hdrs, web
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .kernel.model import Clip
from .kernel.provider import Clips
from .stream_answers import NO_STORE, Refusal
from .stream_entry import entry_streams
from .stream_formats import no_such_format
from .stream_pipe import async_pipe
from .stream_request import Watch

# What is listed where no time is asked for, and the most that may be asked for.
DEFAULT_SPAN: Final = timedelta(hours=24)
LONGEST_SPAN: Final = timedelta(days=31)
SIZES_KEPT: Final = 1000


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
        "content_type": clip.content_type,
        "size": clip.size,
        "url": watch.path("recordings", name),
    }


async def async_recording(watch: Watch, name: str) -> web.StreamResponse:
    """Answer with the bytes of a recording, or those of `Range`; raises Refusal."""
    clips = _clips(watch)
    watch.usage.admit(watch.limits)
    clip = await watch.in_time(_find(clips, name))
    headers = {**NO_STORE, "Content-Type": clip.content_type}
    response = web.StreamResponse(headers=headers)
    response.headers[hdrs.ACCEPT_RANGES] = "none" if clip.size is None and clip.end is None else "bytes"
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


async def _size(watch: Watch, clips: Clips, clip: Clip) -> int | None:
    """Return the bytes of a recording, None where nobody knows.

    Where a part is asked for and the vendor tells no size, a recording that has ended is read through once to learn it.
    """
    if clip.size is not None or clip.end is None or hdrs.RANGE not in watch.request.headers:
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


async def _find(clips: Clips, name: str) -> Clip:
    """Return the clip of that name among those of its time; raises Refusal."""
    try:
        start, end, clip_id = json.loads(urlsafe_b64decode(name + "=" * (-len(name) % 4)))
        begin = datetime.fromtimestamp(start, UTC)
        until = datetime.fromtimestamp(end, UTC) if end else begin + timedelta(hours=1)
    except binascii.Error, OverflowError, OSError, TypeError, ValueError:
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_recording") from None
    until = min(max(until, begin + timedelta(seconds=1)), begin + LONGEST_SPAN)
    for clip in await clips.between(begin - timedelta(seconds=1), until):
        if clip.id == clip_id:
            return clip
    raise Refusal(HTTPStatus.NOT_FOUND, "no_such_recording")


def _range(request: web.Request, size: int) -> tuple[int, int] | None:
    """Return first and last byte plus one that are asked for, None where none we know are (RFC 9110 section 14.2)."""
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None:
        return None
    start, stop, _ = asked.indices(size)
    if start >= stop:
        headers: dict[str, str] = {hdrs.CONTENT_RANGE: f"bytes */{size}"}
        raise Refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "bad_range", headers=headers)
    return start, stop


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
