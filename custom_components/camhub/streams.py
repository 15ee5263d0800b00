"""One authenticated address for every camera: `/api/camhub/streams/<camera key>` in four formats (docs/streams.md)."""

from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from homeassistant.components.http import KEY_HASS, KEY_HASS_USER, HomeAssistantView
from homeassistant.core import HomeAssistant
from homeassistant.util.json import JsonObjectType, JsonValueType

from .access import camera_entity_id, may_view
from .clip_sources import clip_sources
from .const import DOMAIN
from .coordinator import CamHubConfigEntry
from .hls import PLAYLIST_TYPE, async_hls
from .kernel.provider import Camera
from .kernel.relay import BOUNDARY
from .limits import METER, Meter
from .runtime import SHARED
from .stream_answers import NO_STORE, Refusal
from .stream_clips import async_recording, async_recordings, async_thumbnail
from .stream_entry import STREAMS as OPEN_STREAMS
from .stream_formats import MJPEG_TYPE, alert_picture, async_mjpeg, async_snapshot, no_such_format
from .stream_live import async_hang_up, async_invite, async_offer, async_talk, live_entity
from .stream_paths import STREAMS, camera_key, stream_path
from .stream_request import Watch, answered, open_watch
from .stream_stats import async_stats

FORMATS: Final = ("hls", "mjpeg", "webrtc", "snapshot")
_KEY: Final = f"{STREAMS}/{{camera_key}}"


async def async_setup_streams(hass: HomeAssistant) -> None:
    """Register the routes; they answer whether or not an account is loaded."""
    meter = hass.data[METER] = Meter(hass, hass.data[SHARED].clock)
    await meter.async_load()
    hass.data[OPEN_STREAMS] = {}
    for view in views():
        hass.http.register_view(view)


def formats_of(hass: HomeAssistant, camera: Camera, entity_id: str) -> list[str]:
    """Return the formats that a camera has or that can be derived."""
    able = {
        "hls": camera.rtsp or camera.hls,
        "mjpeg": camera.mjpeg or camera.stills,
        "webrtc": live_entity(hass, camera, entity_id),
        "snapshot": camera.stills or camera.mjpeg or camera.rtsp,
    }
    return [name for name in FORMATS if able[name] is not None]


def _ok(body: JsonValueType) -> web.Response:
    return HomeAssistantView.json(body, headers=NO_STORE)


def _headers_only(watch: Watch, name: str) -> web.Response:
    """Answer HEAD without contacting the camera."""
    if name not in formats_of(watch.hass, watch.camera, watch.entity_id):
        raise no_such_format(name)
    watch.require_online()
    types = {
        "hls": PLAYLIST_TYPE,
        "mjpeg": f"{MJPEG_TYPE}; boundary={BOUNDARY}",
        "webrtc": "application/json",
        "snapshot": "image/jpeg",
    }
    return web.Response(headers={**NO_STORE, hdrs.CONTENT_TYPE: types[name]})


async def _in_format(watch: Watch, name: str) -> web.StreamResponse:
    """Answer in one of the formats."""
    if watch.request.method == hdrs.METH_HEAD:
        return _headers_only(watch, name)
    match name:
        case "hls":
            return await async_hls(watch)
        case "mjpeg":
            return await async_mjpeg(watch)
        case "webrtc":
            return _ok(await async_invite(watch))
        case _:
            return await async_snapshot(watch)


class ListView(HomeAssistantView):
    """The streams that the user may see."""

    url = STREAMS
    name = "api:camhub:streams"

    async def get(self, request: web.Request) -> web.Response:
        """List them."""
        hass, user = request.app[KEY_HASS], request[KEY_HASS_USER]
        entries: list[CamHubConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
        rows: list[JsonValueType] = [
            _row(hass, entry, camera, entity_id)
            for entry in entries
            for camera in entry.runtime_data.data.values()
            if (entity_id := camera_entity_id(hass, entry, camera.id)) and may_view(hass, user, entry, camera.id)
        ]
        return _ok({"streams": rows})

    head = get


def _row(hass: HomeAssistant, entry: CamHubConfigEntry, camera: Camera, entity_id: str) -> JsonObjectType:
    key = camera_key(entry.entry_id, camera.id)
    formats = formats_of(hass, camera, entity_id)
    return {
        "camera_key": key,
        "name": camera.identity.name,
        "entity_id": entity_id,
        "online": camera.online if entry.runtime_data.last_update_success else False,
        "url": stream_path(key),
        "formats": {name: stream_path(key, name) for name in formats},
        "stats": stream_path(key, "stats"),
        "recordings": stream_path(key, "recordings") if clip_sources(entry.runtime_data, camera) else None,
    }


class FormatView(HomeAssistantView):
    """A camera in the format that the query names."""

    url = _KEY
    name = "api:camhub:stream"

    @answered
    async def get(self, request: web.Request, camera_key: str) -> web.StreamResponse:
        """Answer in that format."""
        name = _format(request)
        return await _in_format(open_watch(request, camera_key, f"streams/{name}"), name)

    head = get

    @answered
    async def post(self, request: web.Request, camera_key: str) -> web.StreamResponse:
        """Answer an offer."""
        if _format(request) != "webrtc":
            raise _bad_format()
        return await async_offer(open_watch(request, camera_key, "streams/webrtc"))


def _format(request: web.Request) -> str:
    name = request.query.get("format", FORMATS[0])
    if name not in FORMATS:
        raise _bad_format()
    return name


def _bad_format() -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "bad_format", {"formats": ", ".join(FORMATS)})


class DirectView(HomeAssistantView):
    """A camera in one format."""

    def __init__(self, kind: str) -> None:
        """Answer under that format's own path."""
        self.url = f"{_KEY}/{kind}"
        self.name = f"api:camhub:stream:{kind}"
        self._route = f"streams/{kind}"
        self._kind = kind

    @answered
    async def get(self, request: web.Request, camera_key: str) -> web.StreamResponse:
        """Answer in that format."""
        return await _in_format(open_watch(request, camera_key, self._route), self._kind)

    head = get


class OfferView(DirectView):
    """A camera's live view by WebRTC."""

    def __init__(self) -> None:
        """Take offers under their own path."""
        super().__init__("webrtc")

    @answered
    async def post(self, request: web.Request, camera_key: str) -> web.StreamResponse:
        """Answer an offer."""
        return await async_offer(open_watch(request, camera_key, "streams/webrtc"))


class SessionView(HomeAssistantView):
    """A live view in progress."""

    url = f"{_KEY}/webrtc/{{session}}"
    name = "api:camhub:stream:session"

    @answered
    async def post(self, request: web.Request, camera_key: str, session: str) -> web.StreamResponse:
        """Exchange candidates and keep it alive."""
        return _ok(await async_talk(open_watch(request, camera_key, "streams/webrtc"), session))

    @answered
    async def delete(self, request: web.Request, camera_key: str, session: str) -> web.StreamResponse:
        """End it."""
        await async_hang_up(open_watch(request, camera_key, "streams/webrtc"), session)
        return web.Response(status=HTTPStatus.NO_CONTENT)


class HlsFileView(HomeAssistantView):
    """A playlist or segment named by a playlist."""

    url = f"{_KEY}/hls/{{file:.+}}"
    name = "api:camhub:stream:hls_file"

    @answered
    async def get(self, request: web.Request, camera_key: str, file: str) -> web.StreamResponse:
        """Answer with it."""
        return await async_hls(open_watch(request, camera_key, "streams/hls"), file)

    head = get


class StatsView(HomeAssistantView):
    """Figures of a camera's stream."""

    url = f"{_KEY}/stats"
    name = "api:camhub:stream:stats"

    @answered
    async def get(self, request: web.Request, camera_key: str) -> web.StreamResponse:
        """Answer with the statistics; unknown values are null."""
        return _ok(await async_stats(open_watch(request, camera_key, "streams/stats")))

    head = get


class RecordingsView(HomeAssistantView):
    """What the camera's recorder kept."""

    url = f"{_KEY}/recordings"
    name = "api:camhub:stream:recordings"

    @answered
    async def get(self, request: web.Request, camera_key: str) -> web.StreamResponse:
        """List it."""
        watch = open_watch(request, camera_key, "streams/recordings")
        return _ok(list[JsonValueType](await async_recordings(watch)))

    head = get


class RecordingView(HomeAssistantView):
    """One recording."""

    url = f"{_KEY}/recordings/{{recording}}"
    name = "api:camhub:stream:recording"

    @answered
    async def get(self, request: web.Request, camera_key: str, recording: str) -> web.StreamResponse:
        """Answer with its bytes."""
        return await async_recording(open_watch(request, camera_key, "streams/recordings"), recording)

    head = get


class ThumbnailView(HomeAssistantView):
    """The picture of one recording."""

    url = f"{_KEY}/recordings/{{recording}}/thumbnail"
    name = "api:camhub:stream:thumbnail"

    @answered
    async def get(self, request: web.Request, camera_key: str, recording: str) -> web.StreamResponse:
        """Answer with it."""
        return await async_thumbnail(open_watch(request, camera_key, "streams/recordings"), recording)

    head = get


class PictureView(HomeAssistantView):
    """A picture that an alert links to."""

    url = f"{_KEY}/pictures/{{picture}}"
    name = "api:camhub:stream:picture"

    @answered
    async def get(self, request: web.Request, camera_key: str, picture: str) -> web.StreamResponse:
        """Answer with it."""
        return alert_picture(open_watch(request, camera_key, "streams/pictures"), picture)

    head = get


def views() -> tuple[HomeAssistantView, ...]:
    """Return all views, the most requested first: they are matched in this order."""
    return (
        DirectView("snapshot"),
        DirectView("mjpeg"),
        DirectView("hls"),
        HlsFileView(),
        ListView(),
        FormatView(),
        OfferView(),
        SessionView(),
        StatsView(),
        RecordingsView(),
        RecordingView(),
        ThumbnailView(),
        PictureView(),
    )
