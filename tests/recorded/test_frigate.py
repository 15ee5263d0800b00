"""Every recorded answer through the client, the parsers, the event line, and the whole provider.

What is expected of a file is read out of the file itself, by plainer means than the parsers': never out of a list of
known files.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from http import HTTPStatus
import json
import re
from typing import Any, Final

from aiohttp import web
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import CameraEvent, EventPhase, JsonValue
from custom_components.camhub.providers.frigate import parse
from custom_components.camhub.providers.frigate.answers import login_refusal, refusal
from custom_components.camhub.providers.frigate.features import features
from custom_components.camhub.providers.frigate.provider import FrigateProvider
from custom_components.camhub.providers.frigate.topics import message
from custom_components.camhub.providers.frigate.tracked_object import tracked_object
from tests.conftest import MakeContext

from .conftest import Recording

PROVIDER = "frigate"

CLASSES: Final[dict[int, type[HubError]]] = {
    400: HubError,
    401: AuthError,
    403: Unsupported,
    404: Unsupported,
    429: Throttled,
    500: HubError,
    502: Unreachable,
    503: Unreachable,
}
# The same, given to whoever only begins to ask.
AT_FIRST: Final[dict[int, type[HubError]]] = {HTTPStatus.FORBIDDEN: AuthError, HTTPStatus.NOT_FOUND: Malformed}

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
type Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield start


async def test_recorded(recorded: Recording | None, make_context: MakeContext, serve: Serve) -> None:
    if recorded is None:
        return
    body = recorded.read()
    said = document(body)
    if isinstance(said, dict) and isinstance(said.get("status"), int):
        await an_answer(said, make_context, serve)
    elif isinstance(said, dict) and "topic" in said:
        await an_envelope(body.decode(), said, make_context, serve)
    elif said is None:
        await a_text(body, make_context, serve)
    else:
        await a_document(said, make_context, serve)


def document(body: bytes) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(body)
    return None


def provider_at(url: str, make_context: MakeContext) -> FrigateProvider:
    return FrigateProvider(make_context({"address": url, "verify_tls": True}))


async def an_answer(said: dict[str, Any], make_context: MakeContext, serve: Serve) -> None:
    """A whole answer is given to whatever is asked; it is the error that its status means and never a success."""
    status, body = said["status"], said.get("body", "")
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    content_type = str(said.get("content_type", "application/json")).partition(";")[0]

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=content, content_type=content_type)

    expected = CLASSES.get(status, HubError)
    provider = provider_at(await serve(answer), make_context)
    for call in (provider.connect, provider.cameras):
        with pytest.raises((expected, AT_FIRST.get(status, expected))) as caught:
            await call()
        assert not re.search(r"\d+\.\d+\.\d+\.\d+", str(caught.value)), "no address goes on"
    if status >= HTTPStatus.BAD_REQUEST:
        assert isinstance(refusal(status, content), expected)
        login = AuthError if status in {400, 401, 403} else expected
        assert isinstance(login_refusal(status, content), login)


async def an_envelope(text: str, said: dict[str, Any], make_context: MakeContext, serve: Serve) -> None:
    told = message(text)
    assert told.topic == said["topic"]
    payload = said["payload"]
    structured = isinstance(payload, str) and payload[:1] in {"{", "["}
    assert told.payload == (json.loads(payload) if structured else payload)
    await through_the_line([text], make_context, serve)


async def a_text(body: bytes, make_context: MakeContext, serve: Serve) -> None:
    """A text that begins with a version is one; any other is no server, and neither is a description or a playlist."""
    text = body.decode(errors="replace")
    version = re.match(r"\s*(\d{1,4})\.(\d{1,4})", text)
    if version is None:
        with pytest.raises(Malformed):
            features(text)
    elif (int(version[1]), int(version[2])) < (0, 14):
        with pytest.raises(Unsupported):
            features(text)
    else:
        assert features(text).version == text.strip()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body)

    with pytest.raises(HubError):
        await provider_at(await serve(answer), make_context).connect()


async def a_document(said: Any, make_context: MakeContext, serve: Serve) -> None:
    """A document gives values to the readers it is meant for and is malformed to every other, never a crash."""
    is_object = isinstance(said, dict)
    cameras = said.get("cameras") if is_object else None
    if isinstance(cameras, dict) and isinstance(said.get("version"), str):
        await a_configuration(said, make_context, serve)
    else:
        with suppress(Malformed):
            found = {each.id for each in parse.site(said).units}
            assert found >= {name for name in cameras or {} if not name.startswith("_replay_")}
    if not is_object or not any(isinstance(said.get(key), dict) for key in ("cameras", "service")):
        with pytest.raises(Malformed):
            parse.stats(said)
    elif "version" not in said:
        figures(said)
    if is_object and "username" in said:
        assert parse.role(said) == (said.get("role", "admin"), frozenset(said.get("allowed_cameras", ())))
    else:
        with pytest.raises(Malformed):
            parse.role(said)
    listed = said if isinstance(said, list) else []
    events = [each for each in listed if isinstance(each, dict) and {"id", "camera", "label"} <= set(each)]
    for each in events:
        if each.get("start_time") is None:
            with pytest.raises(Malformed):
                tracked_object(each)
        else:
            an_event(each)
    reviews = [each for each in listed if isinstance(each, dict) and "severity" in each]
    for each in reviews:
        assert parse.review(each) == dict.fromkeys(each["data"]["detections"], each["severity"])
    presets = said.get("presets", []) if is_object else []
    assert parse.presets(said) == tuple(presets)
    await through_the_line(envelopes(said), make_context, serve, events, reviews)


def figures(said: dict[str, Any]) -> None:
    found = parse.stats(said)
    assert set(found.cameras) == set(said.get("cameras") or {})
    for name, camera in (said.get("cameras") or {}).items():
        fps = camera.get("camera_fps") if isinstance(camera, dict) else None
        assert found.cameras[name].fps == fps
        down = parse.Unit(id=name, name=name)
        assert (fps == 0) == (found.cameras[down.id].fps == 0)


def an_event(said: dict[str, Any]) -> None:
    found = tracked_object(said)
    assert (found.id, found.camera, found.label) == (said["id"], said["camera"], said["label"])
    assert found.start.timestamp() == pytest.approx(float(said["start_time"]))
    assert (found.end is None) == (said.get("end_time") is None)
    assert set(said.get("zones") or ()) <= set(found.zones)
    assert found.clip == bool(said.get("has_clip"))
    assert found.severity == (said.get("max_severity") or (said.get("data") or {}).get("max_severity"))


async def a_configuration(said: dict[str, Any], make_context: MakeContext, serve: Serve) -> None:
    """The provider lists what is configured, whatever else the server does not know."""
    names = [name for name in said["cameras"] if not name.startswith("_replay_")]
    version = re.match(r"\d+\.\d+", said["version"])
    assert version is not None

    async def answer(request: web.Request) -> web.Response:
        answers: dict[str, JsonValue] = {
            "/api/config": said,
            "/api/stats": {"cameras": {name: {"camera_fps": 5} for name in names}},
            "/api/profile": {"username": "someone"},
        }
        if request.path == "/api/version":
            return web.Response(text=f"{version[0]}.0-abc")
        known = answers.get(request.path)
        return web.Response(status=404) if known is None else web.json_response(known)

    provider = provider_at(await serve(answer), make_context)
    cameras = list(await provider.cameras())
    assert [each.id for each in cameras if each.id in names] == names
    assert list(await provider.cameras()) == cameras
    streams = said.get("go2rtc", {}).get("streams", {})
    for camera in cameras:
        entry = said["cameras"].get(camera.id, {})
        assert camera.identity.name.strip() == camera.identity.name != ""
        assert camera.online == (entry.get("enabled", True) is not False)
        # The view of all of them is restreamed without being configured.
        assert (camera.rtsp is not None) <= (bool(streams) or camera.id not in names)
    json.dumps(provider.diagnostics())


def envelopes(said: Any) -> list[str]:
    """Return a document as each topic that it might be the payload of."""
    topics = ("events", "reviews", "tracked_object_update", "stats", "camera_activity", "triggers", "birdseye_layout")
    return [json.dumps({"topic": topic, "payload": json.dumps(said)}) for topic in topics]


async def through_the_line(
    texts: list[str],
    make_context: MakeContext,
    serve: Serve,
    events: list[dict[str, Any]] | None = None,
    reviews: list[dict[str, Any]] | None = None,
) -> None:
    """The provider hears it live and finds it in its lists; each id is told once per phase, of a camera it lists."""
    cameras = {str(each["camera"]) for each in (*(events or ()), *(reviews or ()))}
    live = [json.loads(json.loads(text)["payload"]) for text in texts if '"topic": "events"' in text]
    afters = [each["after"] for each in live if isinstance(each, dict) and isinstance(each.get("after"), dict)]
    cameras |= {str(each["camera"]) for each in afters if "camera" in each}

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/ws":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            for text in texts:
                await socket.send_str(text)
            await socket.close()
            return socket
        answers: dict[str, Any] = {
            "/api/config": {"cameras": {name: {} for name in cameras or {"a"}}},
            "/api/stats": {"cameras": {}},
            "/api/profile": {"username": "someone"},
            "/api/events": events or [],
            "/api/review": reviews or [],
        }
        if request.path == "/api/version":
            return web.Response(text="0.17.0-abc")
        known = answers.get(request.path)
        return web.Response(status=404) if known is None else web.json_response(known)

    provider = provider_at(await serve(answer), make_context)
    told: asyncio.Queue[CameraEvent] = asyncio.Queue()
    for _ in range(2):
        with pytest.raises(Unreachable):
            await collect(provider, told)
    found = [told.get_nowait() for _ in range(told.qsize())]
    marks = [(each.id, each.phase) for each in found if each.phase is not EventPhase.UPDATE]
    assert len(set(marks)) == len(marks)
    assert {each.camera for each in found} <= cameras
    whole = [each for each in afters if {"id", "camera", "start_time"} <= set(each)]
    for each in whole:
        known = [event for event in found if event.metadata.get("event_id") == each["id"]]
        if not each.get("false_positive") and not each.get("stationary") and each.get("label"):
            assert known
            assert known[0].camera == each["camera"]


async def collect(provider: FrigateProvider, told: asyncio.Queue[CameraEvent]) -> None:
    async for event in provider.events():
        told.put_nowait(event)
