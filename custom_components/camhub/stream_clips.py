"""Recordings of a camera over HTTP: the list, and their bytes, whole or by range."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .clip_sources import LONGEST, Found, Sources, clip_sources
from .coordinator import CamHubCoordinator
from .kernel.model import Clip
from .kernel.provider import Camera
from .recording.film_cache import Film, NotKept
from .recording.film_forms import conversion, played_as
from .recording.remux import as_mp4
from .runtime import SHARED
from .stream_answers import NO_STORE, Refusal
from .stream_entry import EntryStreams, entry_streams
from .stream_formats import no_such_format
from .stream_pipe import async_pipe
from .stream_request import Watch

# The default time span of a listing, and the longest allowed.
DEFAULT_SPAN: Final = timedelta(hours=24)
LONGEST_SPAN: Final = LONGEST
# The largest range served from a recording in progress, whose length is unknown.
LARGEST_PART: Final = 2**20
# The thumbnail of a finished recording does not change.
_KEPT: Final = {"Cache-Control": "private, max-age=3600"}


async def async_recordings(watch: Watch) -> list[JsonObjectType]:
    """List the recordings between `start` and `end`, by default of the last day; raises Refusal."""
    sources = _sources(watch)
    query = watch.request.query
    end = _time(query.get("end")) or watch.coordinator.clock.now()
    start = _time(query.get("start")) or end - DEFAULT_SPAN
    if not timedelta() < end - start <= LONGEST_SPAN:
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_time")
    watch.usage.admit(watch.limits)
    return [_row(watch, found) for found in reversed(await watch.in_time(sources.between(start, end)))]


def _sources(watch: Watch) -> Sources:
    if not (sources := clip_sources(watch.coordinator, watch.camera)):
        raise no_such_format("recordings")
    return sources


def _time(text: str | None) -> datetime | None:
    """Parse an ISO time; one without a zone is local."""
    if text is None:
        return None
    # A plus sign that was not encoded arrives as a space.
    if (at := dt_util.parse_datetime(text.strip().replace(" ", "+"))) is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_time")
    return dt_util.as_utc(at)


def _row(watch: Watch, found: Found) -> JsonObjectType:
    name, clip = found.name, found.clip
    return {
        "id": name,
        "start": clip.start.isoformat(),
        "end": clip.end.isoformat() if clip.end else None,
        "kind": clip.kind.value if clip.kind else None,
        "label": clip.label,
        "source": found.source,
        "content_type": played_as(clip),
        "size": clip.size,
        "url": watch.path("recordings", name),
        "thumbnail": watch.path("recordings", name, "thumbnail") if found.pictured else None,
    }


async def async_recording(watch: Watch, name: str) -> web.StreamResponse:
    """Answer with a recording, or the bytes of `Range`; raises Refusal."""
    _sources(watch)
    watch.usage.admit(watch.limits)
    found = await watch.in_time(_find(watch, name))
    clip = found.clip
    headers = {**NO_STORE, hdrs.CONTENT_TYPE: played_as(clip), hdrs.ACCEPT_RANGES: "bytes"}
    made = conversion(clip) is not None
    if not made and (span := _small_part(watch.request, clip)) is not None:
        return await watch.in_time(_so_far(watch, found.read(), headers, *span))
    if (film := await _film(watch, found)) is not None:
        try:
            return await _from_file(watch, film, found, headers)
        except NotKept:
            # It turned out too large for the cache, so it is passed through.
            pass
    if made:
        # Its size is not that of the converted film, so ranges cannot be served.
        return await _send(watch, {**headers, hdrs.ACCEPT_RANGES: "none"}, None, partial(_made, found))
    return await _send(watch, headers, clip.size, partial(_through, found))


async def _film(watch: Watch, found: Found) -> Film | None:
    """Return a recording as a cached file if it is one already or has to be one; None if it is passed through."""
    films = watch.hass.data[SHARED].films
    if found.clip.end is None:
        return None
    name = film_name(watch.coordinator, found)
    if watch.request.method == hdrs.METH_HEAD:
        return films.peek(name)
    convert = conversion(found.clip)
    if convert is None and not _wants_part(watch.request):
        return films.peek(name)
    return await films.open(name, found.read, size=found.clip.size, convert=convert)


def film_name(coordinator: CamHubCoordinator, found: Found) -> str:
    """Return the cache key of a recording."""
    return f"{coordinator.config_entry.entry_id}/{found.clip.camera}/{found.name}"


async def _from_file(watch: Watch, film: Film, found: Found, headers: Mapping[str, str]) -> web.StreamResponse:
    """Answer from a cached file, which may still be growing; raises Refusal, HubError, NotKept."""
    size = film.size
    if size is None and conversion(found.clip) is None:
        size = found.clip.size
    if size is None:
        try:
            async with asyncio.timeout(watch.first_byte):
                size = await film.whole()
        except TimeoutError:
            if conversion(found.clip) is not None:
                raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, "no_first_byte") from None
            raise NotKept from None
    tag = f'"{sha256(found.name.encode()).hexdigest()[:16]}-{size:x}"'
    return await _send(watch, {**headers, hdrs.ETAG: tag}, size, film.read)


async def _send(
    watch: Watch,
    headers: Mapping[str, str],
    whole: int | None,
    read: Callable[[int, int | None], AsyncGenerator[bytes]],
) -> web.StreamResponse:
    """Answer with a recording, or with the requested range if its size is known; raises Refusal, HubError."""
    response = web.StreamResponse(headers=headers)
    begin, end = 0, whole
    if whole is not None:
        asked = _range(watch.request, whole, headers.get(hdrs.ETAG))
        begin, end = asked or (0, whole)
        response.content_length = end - begin
        if asked is not None:
            response.set_status(HTTPStatus.PARTIAL_CONTENT)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {begin}-{end - 1}/{whole}"
    if watch.request.method == hdrs.METH_HEAD:
        return response
    stream = object()
    watch.usage.admit(watch.limits, stream)
    watch.usage.hold(stream)
    try:
        async with aclosing(read(begin, end)) as part:
            first = await watch.in_time(anext(part, b""))
            return await async_pipe(watch, response, first, part)
    finally:
        watch.usage.release(stream)


def _small_part(request: web.Request, clip: Clip) -> tuple[int, int] | None:
    """Return the requested range (end exclusive) if it is a small one of a recording in progress."""
    if clip.size is not None or clip.end is not None or request.method == hdrs.METH_HEAD:
        return None
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None or asked.stop is None or asked.stop - asked.start > LARGEST_PART:
        # An open range is answered with everything, as if no range had been requested.
        return None
    return asked.start, asked.stop


async def _so_far(
    watch: Watch, chunks: AsyncGenerator[bytes], headers: Mapping[str, str], begin: int, end: int
) -> web.Response:
    """Answer with as much of a range as there is by now; the total length is unknown."""
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
    """Answer with the thumbnail of a recording; raises Refusal."""
    _sources(watch)
    watch.usage.admit(watch.limits)
    found = await watch.in_time(_find(watch, name))
    image = await watch.in_time(found.thumbnail())
    if image is None:
        raise no_such_format("thumbnail")
    watch.usage.count(len(image.content), watch.limits)
    headers = NO_STORE if found.clip.end is None else _KEPT
    return web.Response(body=image.content, content_type=image.content_type, headers=headers)


async def _find(watch: Watch, name: str) -> Found:
    found = await find_clip(entry_streams(watch.hass, watch.coordinator), watch.coordinator, watch.camera, name)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_recording")
    return found


async def find_clip(streams: EntryStreams, coordinator: CamHubCoordinator, camera: Camera, name: str) -> Found | None:
    """Return a camera's clip by its name, as remembered or else listed again; None if it is gone; raises HubError."""
    return await clip_sources(coordinator, camera).find(name, streams.remembered(camera.id, name))


def _wants_part(request: web.Request) -> bool:
    """Return whether a range is requested: only GET has ranges (RFC 9110 section 14.2)."""
    return request.method == hdrs.METH_GET and hdrs.RANGE in request.headers


def _range(request: web.Request, size: int, tag: str | None) -> tuple[int, int] | None:
    """Return the requested range (end exclusive), None if there is none that we support or it is of another file."""
    if not _wants_part(request) or request.headers.get(hdrs.IF_RANGE, tag) != tag:
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


async def _through(found: Found, begin: int, end: int | None) -> AsyncGenerator[bytes]:
    """Yield the bytes of a recording from `begin` up to `end` as they arrive."""
    at = 0
    async with aclosing(found.read()) as chunks:
        async for chunk in chunks:
            data = chunk[max(0, begin - at) : None if end is None else max(0, end - at)]
            at += len(chunk)
            if data:
                yield data
            if end is not None and at >= end:
                return


async def _made(found: Found, _begin: int, _end: int | None) -> AsyncGenerator[bytes]:
    """Yield a recording converted for browsers while it arrives."""
    async with aclosing(found.read()) as chunks, aclosing(as_mp4(chunks)) as film:
        async for chunk in film:
            yield chunk
