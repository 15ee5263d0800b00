"""WebRTC signalling over HTTP: POST an offer, get the answer; candidates and hang-up have a path per session."""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from homeassistant.components.camera import Camera as CameraEntity, StreamType
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.util.json import JsonObjectType
from homeassistant.util.ulid import ulid_now

from .const import DOMAIN
from .kernel import sdp
from .kernel.errors import HubError, Unreachable
from .kernel.live import LiveView
from .kernel.provider import Camera
from .stream_answers import NO_STORE, Refusal
from .stream_entry import EntryStreams, LiveSession, entry_streams
from .stream_formats import no_such_format
from .stream_request import Watch
from .stream_talk import EntityTalk, Talk

SDP_TYPE: Final = "application/sdp"
# Seconds after its last request at which a live view ends, as closing a browser tab is not reported.
SESSION_LIFE: Final = 300.0


def live_entity(hass: HomeAssistant, camera: Camera, entity_id: str) -> CameraEntity | None:
    """Return the entity of a camera if its provider or go2rtc answers offers for it."""
    try:
        entity = get_camera_from_entity_id(hass, entity_id)
    except HomeAssistantError:
        return None
    if camera.webrtc is not None or StreamType.WEB_RTC in entity.camera_capabilities.frontend_stream_types:
        return entity
    return None


def _entity(watch: Watch) -> CameraEntity:
    if (entity := live_entity(watch.hass, watch.camera, watch.entity_id)) is None:
        raise no_such_format("webrtc")
    return entity


def _client(watch: Watch, entity: CameraEntity) -> JsonObjectType:
    """Return what a viewer needs to connect: ICE servers, and the data channel if the camera requires one."""
    said = entity.async_get_webrtc_client_configuration().to_frontend_dict()
    own = watch.camera.webrtc
    channel = own.data_channel if own else said.get("dataChannel")
    return {"iceServers": said["configuration"].get("iceServers", []), **({"dataChannel": channel} if channel else {})}


async def async_invite(watch: Watch) -> JsonObjectType:
    """Return what a browser needs to create its offer, and where to post it."""
    return {**_client(watch, _entity(watch)), "offer": watch.path("webrtc")}


async def async_offer(watch: Watch) -> web.Response:
    """Answer an offer, `application/sdp` or JSON with `sdp`; raises Refusal, HubError."""
    entity = _entity(watch)
    plain = watch.request.content_type == SDP_TYPE
    offer = await watch.request.text() if plain else (await _json(watch.request)).get("sdp")
    if not isinstance(offer, str) or not sdp.is_offer(offer):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_offer")
    watch.require_online()
    session_id = ulid_now()
    candidates: list[str] = []
    streams = entry_streams(watch.hass, watch.coordinator)

    def over(_error: HubError) -> None:
        watch.hass.async_create_task(streams.end(session_id), f"{DOMAIN} live view is over")

    talk = _talk(watch, entity, offer, candidates, over)
    with watch.usage.opening(watch.limits, session_id):
        answer = await _answered(watch, streams, talk)
    session = LiveSession(watch.user.id, watch.camera.id, talk, candidates, lambda: watch.usage.release(session_id))
    streams.sessions[session_id] = session
    _keep(watch, session_id, session)
    path = watch.path("webrtc", session_id)
    headers = {**NO_STORE, "Location": path}
    if plain:
        return web.Response(text=answer, content_type=SDP_TYPE, status=HTTPStatus.CREATED, headers=headers)
    body = {
        **_client(watch, entity),
        "sessionDescription": {"type": "answer", "sdp": answer},
        "session": path,
        "candidates": session.take(),
    }
    return web.json_response(body, headers=headers)


def _talk(
    watch: Watch, entity: CameraEntity, offer: str, candidates: list[str], over: Callable[[HubError], None]
) -> Talk:
    """Return who answers: the camera itself if it can, even if its entity uses another kind of live view."""
    if watch.camera.webrtc is not None:
        return LiveView(watch.camera.webrtc, offer, candidates.append, clock=watch.coordinator.clock, ended=over)
    return EntityTalk(entity, offer, candidates.append)


async def _answered(watch: Watch, streams: EntryStreams, talk: Talk) -> str:
    """Return the answer; raises Refusal, HubError, and then the camera holds no session."""
    try:
        answer = await watch.in_time(talk.start())
    except BaseException:  # whatever ended it, nobody will close it later
        await talk.close()
        raise
    if streams.closed:
        await talk.close()
        raise Unreachable(reason="shutting_down")
    return answer


def _keep(watch: Watch, session_id: str, session: LiveSession) -> None:
    """Extend the life of the session."""
    streams = entry_streams(watch.hass, watch.coordinator)

    async def over(_now: datetime) -> None:
        session.cancel_end = lambda: None
        await streams.end(session_id)

    session.cancel_end()
    session.cancel_end = async_call_later(watch.hass, SESSION_LIFE, over)


def _session(watch: Watch, session_id: str) -> LiveSession:
    """Return a live view of that user and camera; raises Refusal."""
    session = entry_streams(watch.hass, watch.coordinator).sessions.get(session_id)
    if session is None or session.user_id != watch.user.id or session.camera_id != watch.camera.id:
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_session")
    return session


async def async_talk(watch: Watch, session_id: str) -> JsonObjectType:
    """Take a candidate if one is given, extend the session and return the camera's new candidates."""
    session = _session(watch, session_id)
    body = await _json(watch.request) if watch.request.can_read_body else {}
    candidate, mid, line = _candidate(body)
    if candidate is not None:
        await session.talk.add_candidate(candidate, mid, line)
    _keep(watch, session_id, session)
    return {"candidates": [*session.take()]}


def _candidate(body: Mapping[str, Any]) -> tuple[str | None, str | None, int | None]:
    candidate, mid, line = body.get("candidate"), body.get("sdpMid"), body.get("sdpMLineIndex")
    texts = isinstance(candidate, str | None) and isinstance(mid, str | None)
    if not texts or not isinstance(line, int | None) or isinstance(line, bool):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_offer")
    return candidate, mid, line


async def async_hang_up(watch: Watch, session_id: str) -> None:
    """End a live view; raises Refusal."""
    _session(watch, session_id)
    await entry_streams(watch.hass, watch.coordinator).end(session_id)


async def _json(request: web.Request) -> Mapping[str, Any]:
    """Read a JSON object; raises Refusal."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_offer")
    return body
