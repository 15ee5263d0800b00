"""WebRTC over plain HTTP: an offer is posted, the answer comes back; candidates and the end have their own path."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from homeassistant.components.camera import (
    Camera as CameraEntity,
    StreamType,
    WebRTCAnswer,
    WebRTCCandidate,
    WebRTCError,
    WebRTCMessage,
)
from homeassistant.components.camera.helper import get_camera_from_entity_id
from homeassistant.components.camera.webrtc import RTCIceCandidateInit
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.event import async_call_later
from homeassistant.util.json import JsonObjectType
from homeassistant.util.ulid import ulid_now

from .kernel.errors import Unreachable
from .stream_answers import NO_STORE, Refusal
from .stream_entry import LiveSession, entry_streams
from .stream_formats import no_such_format
from .stream_request import Watch

SDP_TYPE: Final = "application/sdp"
# Seconds after the last request for it at which a live view ends: nobody tells when a browser's tab was closed.
SESSION_LIFE: Final = 300.0


def live_entity(hass: HomeAssistant, entity_id: str) -> CameraEntity | None:
    """Return the entity if it answers offers, by its provider or by Home Assistant's go2rtc."""
    try:
        entity = get_camera_from_entity_id(hass, entity_id)
    except HomeAssistantError:
        return None
    return entity if StreamType.WEB_RTC in entity.camera_capabilities.frontend_stream_types else None


def _entity(watch: Watch) -> CameraEntity:
    if (entity := live_entity(watch.hass, watch.entity_id)) is None:
        raise no_such_format("webrtc")
    return entity


def _client(entity: CameraEntity) -> JsonObjectType:
    """Return what a viewer's connection needs: ICE servers, and the data channel where the camera wants one."""
    said = entity.async_get_webrtc_client_configuration().to_frontend_dict()
    channel = {"dataChannel": said["dataChannel"]} if "dataChannel" in said else {}
    return {"iceServers": said["configuration"].get("iceServers", []), **channel}


async def async_invite(watch: Watch) -> JsonObjectType:
    """Return what a browser needs to make its offer, and where to post it."""
    return {**_client(_entity(watch)), "offer": watch.path("webrtc")}


async def async_offer(watch: Watch) -> web.Response:
    """Answer an offer, `application/sdp` or JSON with `sdp`; raises Refusal."""
    entity = _entity(watch)
    plain = watch.request.content_type == SDP_TYPE
    offer = await watch.request.text() if plain else (await _json(watch.request)).get("sdp")
    if not isinstance(offer, str) or not offer.startswith("v=0"):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_offer")
    watch.require_online()
    session_id = ulid_now()
    watch.usage.admit(watch.limits, session_id)
    session = LiveSession(watch.user.id, watch.camera.id, partial(_end, watch, entity, session_id))
    answer = await _answered(watch, entity, session_id, session, offer)
    watch.usage.hold(session_id)
    entry_streams(watch.hass, watch.coordinator).sessions[session_id] = session
    _keep(watch, session_id, session)
    path = watch.path("webrtc", session_id)
    headers = {**NO_STORE, "Location": path}
    if plain:
        return web.Response(text=answer, content_type=SDP_TYPE, status=HTTPStatus.CREATED, headers=headers)
    body = {
        **_client(entity),
        "sessionDescription": {"type": "answer", "sdp": answer},
        "session": path,
        "candidates": _taken(session),
    }
    return web.json_response(body, headers=headers)


async def _answered(watch: Watch, entity: CameraEntity, session_id: str, session: LiveSession, offer: str) -> str:
    """Return the answer; raises Refusal, and then the camera holds no session."""
    answered: asyncio.Future[str] = watch.hass.loop.create_future()

    def take(message: WebRTCMessage) -> None:
        match message:
            case WebRTCCandidate():
                session.candidates.append(message.candidate.candidate)
            case WebRTCAnswer() if not answered.done():
                answered.set_result(message.answer)
            case WebRTCError() if not answered.done():
                # Its text is another program's, and may hold the camera's address.
                answered.set_exception(Unreachable(reason="webrtc_failed"))

    try:
        await watch.in_time(entity.async_handle_async_webrtc_offer(offer, session_id, take))
        return await watch.in_time(answered)
    except ServiceValidationError:
        raise no_such_format("webrtc") from None
    except HomeAssistantError:
        raise Unreachable(reason="webrtc_failed") from None
    finally:
        if not answered.done() or answered.cancelled() or answered.exception() is not None:
            entity.close_webrtc_session(session_id)


def _end(watch: Watch, entity: CameraEntity, session_id: str) -> None:
    watch.usage.release(session_id)
    entity.close_webrtc_session(session_id)


def _keep(watch: Watch, session_id: str, session: LiveSession) -> None:
    """Let the session live for a while from now on."""
    streams = entry_streams(watch.hass, watch.coordinator)

    @callback
    def over(_now: datetime) -> None:
        session.cancel_end = lambda: None
        streams.end(session_id)

    session.cancel_end()
    session.cancel_end = async_call_later(watch.hass, SESSION_LIFE, over)


def _session(watch: Watch, session_id: str) -> LiveSession:
    """Return a live view of that user and camera; raises Refusal."""
    session = entry_streams(watch.hass, watch.coordinator).sessions.get(session_id)
    if session is None or session.user_id != watch.user.id or session.camera_id != watch.camera.id:
        raise Refusal(HTTPStatus.NOT_FOUND, "no_such_session")
    return session


async def async_talk(watch: Watch, session_id: str) -> JsonObjectType:
    """Take a candidate if one is given, keep the live view going and return the camera's candidates so far."""
    session = _session(watch, session_id)
    body = await _json(watch.request) if watch.request.can_read_body else {}
    if (candidate := body.get("candidate")) is not None:
        await _entity(watch).async_on_webrtc_candidate(session_id, _candidate(candidate, body))
    _keep(watch, session_id, session)
    return {"candidates": [*_taken(session)]}


def _candidate(candidate: object, body: Mapping[str, Any]) -> RTCIceCandidateInit:
    mid, line = body.get("sdpMid"), body.get("sdpMLineIndex")
    if not isinstance(candidate, str) or not isinstance(mid, str | None) or not isinstance(line, int | None):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_offer")
    return RTCIceCandidateInit(candidate, sdp_mid=mid, sdp_m_line_index=line)


def async_hang_up(watch: Watch, session_id: str) -> None:
    """End a live view; raises Refusal."""
    _session(watch, session_id)
    entry_streams(watch.hass, watch.coordinator).end(session_id)


def _taken(session: LiveSession) -> list[str]:
    taken, session.candidates = session.candidates, []
    return taken


async def _json(request: web.Request) -> Mapping[str, Any]:
    """Read a JSON object; raises Refusal."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad_offer")
    return body
