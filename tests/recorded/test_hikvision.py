"""Every recorded answer through the parsers and the client, and through the whole provider where it can be.

What is expected of a file is read out of the file itself, by plainer means than the parsers': never out of a list of
known files.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
import json
import re
from typing import override

from aiohttp import web
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import CameraEvent, EventKind, EventPhase, JsonValue
from custom_components.camhub.kernel.multipart import Part, PartReader
from custom_components.camhub.kernel.provider import Camera
from custom_components.camhub.kernel.signin import Answers, Question
from custom_components.camhub.providers.hikvision import SPEC, parse
from custom_components.camhub.providers.hikvision.alerts import Alert, read_part
from custom_components.camhub.providers.hikvision.client import IsapiClient
from custom_components.camhub.providers.hikvision.provider import HikvisionProvider
from custom_components.camhub.providers.hikvision.tree import Node, name_of
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import Recording
from .hikvision_dump import JPEG, Dump, dump_of

PROVIDER = "hikvision"

# The table of protocols.md 1.6, written again.
KINDS = {
    "vmd": EventKind.MOTION,
    "vmdhumanvehicle": EventKind.MOTION,
    "pir": EventKind.MOTION,
    "linedetection": EventKind.LINE_CROSSING,
    "fielddetection": EventKind.INTRUSION,
    "regionentrance": EventKind.REGION_ENTRANCE,
    "regionexiting": EventKind.REGION_EXIT,
    "scenechangedetection": EventKind.SCENE_CHANGE,
    "facedetection": EventKind.FACE,
    "tamperdetection": EventKind.TAMPER,
    "shelteralarm": EventKind.TAMPER,
    "videoloss": EventKind.VIDEO_LOSS,
    "io": EventKind.ALARM_INPUT,
}
READERS: dict[str, Callable[[Node], object]] = {
    "DeviceInfo": parse.device,
    "DeviceCap": parse.capabilities,
    "VideoInputChannelList": parse.inputs,
    "InputProxyChannelList": parse.proxies,
    "ZeroVideoChannelList": parse.zeros,
    "InputProxyChannelStatusList": parse.states,
    "InputProxyChannelStatus": parse.states,
    "StreamingChannelList": parse.streams,
    "StreamingChannel": parse.streams,
    "AdminAccessProtocolList": parse.rtsp_port,
    "EventTriggerList": parse.triggers,
}
# The item of a list that is a camera or a stream: none may be lost.
ITEMS = {
    "InputProxyChannelList": "InputProxyChannel",
    "InputProxyChannelStatusList": "InputProxyChannelStatus",
}

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
type Serve = Callable[[Handler], Awaitable[str]]


class HastyClock(FakeClock):
    """A clock on which short waits are over at once."""

    @override
    async def sleep(self, seconds: float) -> None:
        await super().sleep(0 if seconds < 5 else seconds)


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
    assert body.strip(), "a recording is not empty"
    if body.startswith(b"HTTP/"):
        await an_http_answer(body, make_context)
    elif body.startswith(b"\xff\xd8"):
        await a_picture(body, make_context, serve)
    elif body.lstrip().startswith(b"--"):
        await a_stream(body, make_context, serve)
    elif (dump := dump_of(body)) is not None:
        await a_device(dump, make_context, serve)
    elif body.lstrip()[:1] in {b"{", b"["}:
        await an_alert(body, "application/json", recorded, make_context, serve)
    elif re.search(rb"<(?:\w+:)?EventNotificationAlert\b", body):
        await an_alert(body, 'application/xml; charset="UTF-8"', recorded, make_context, serve)
    else:
        await a_document(body, recorded, make_context, serve)


def login(url: str) -> dict[str, JsonValue]:
    return {"address": url, "username": "viewer", "password": "an example", "stream": "main", "verify_tls": True}


def client_of(url: str, make_context: MakeContext) -> IsapiClient:
    context = make_context(login(url), clock=HastyClock())
    return IsapiClient(context, context.credentials)


async def an_http_answer(raw: bytes, make_context: MakeContext) -> None:
    """A whole answer is sent as it stands to whatever is asked; one that refuses is a refused login."""
    head, _, rest = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    status = int(head.split()[1])
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    # Heads were recorded without the body they announce.
    rest = rest.ljust(int(length[1]) if length else 0)
    answer = b"\r\n".join([*head.strip().split(b"\n"), b"", b""]) + rest

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
                await writer.drain()
                if length is None:
                    break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        client = client_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", make_context)
        if status == 200:
            await either(client.get("Any/path"), Malformed)
            return
        with pytest.raises(AuthError if status == 401 and b"<lockStatus>lock" not in rest else HubError):
            await client.get("Any/path")
    finally:
        server.close()
        server.close_clients()


async def either(call: Awaitable[object], allowed: type[HubError]) -> None:
    with suppress(allowed):
        assert await call is not None


async def a_picture(body: bytes, make_context: MakeContext, serve: Serve) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body)

    client = client_of(await serve(answer), make_context)
    assert await client.picture("Streaming/channels/101/picture", {}) == body


async def a_document(body: bytes, recorded: Recording, make_context: MakeContext, serve: Serve) -> None:
    """A document comes with the status in its file's name, else with 200, where a picture is due and where XML is."""
    named = re.match(r"([1-5]\d\d)(?!\d)", recorded.path.name)
    status = int(named[1]) if named else 200

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type="application/xml")

    url = await serve(answer)
    expected, reason = error_of(body, status)
    with pytest.raises(expected or HubError) as caught:
        await client_of(url, make_context).picture("Any/picture", {})
    assert reason is None or caught.value.reason == reason
    if expected is not None:
        with pytest.raises(expected) as caught:
            await client_of(url, make_context).get("Any/path")
        assert reason is None or caught.value.reason == reason
        if isinstance(caught.value, Throttled) and (wait := re.search(rb"<unlockTime>(\d+)", body)):
            assert caught.value.retry_after == int(wait[1])
        return
    root = await client_of(url, make_context).get("Any/path")
    only_its_own_reader(root, body)


def error_of(body: bytes, status: int) -> tuple[type[HubError] | None, str | None]:
    """Return the class and reason that protocols.md 1.9 gives an answer, None for what it does not name."""
    root = re.match(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>)?\s*<([\w:]+)", body)
    closed = root is not None and re.search(rb"</" + root[1] + rb"\s*>\s*\Z|<[^>]*/>\s*\Z", body)
    if not closed:
        return (AuthError if status == 401 else HubError), None
    if re.search(rb"<lockStatus>\s*lock\s*<", body):
        return Throttled, "account_locked"
    if status == 401 or (b"<userCheck" in body and re.search(rb"<statusValue>\s*401", body)):
        left = re.search(rb"<retryLoginTime>\s*([1-9]\d*)", body)
        return AuthError, "login_attempts_left" if left else None
    code = re.search(rb"<statusCode>\s*(\d+)", body)
    if code and b"ResponseStatus" in body:
        if b"lowPrivilege" in body:
            return Unsupported, "insufficient_permission"
        by_code: dict[int, type[HubError]] = {2: Unreachable, 3: Unreachable, 4: Unsupported, 5: Unsupported}
        named = {**by_code, 6: Unsupported, 7: Unreachable}.get(int(code[1]))
        return (None if int(code[1]) in {0, 1} and status == 200 else named or HubError), None
    if status in {403, 404}:
        return Unsupported, None
    return (Unreachable if status >= 500 else HubError) if status != 200 else None, None


def only_its_own_reader(root: Node, body: bytes) -> None:
    """A document gives values to the reader it is meant for and is malformed to every other."""
    name = name_of(root)
    for reader in dict.fromkeys(READERS.values()):
        if READERS.get(name) is reader:
            value = reader(root)
            assert value is not None
            if item := ITEMS.get(name):
                assert isinstance(value, Sequence | dict)
                assert len(value) == len(re.findall(rf"<(?:\w+:)?{item}\b".encode(), body))
        else:
            with pytest.raises(Malformed):
                reader(root)
    if name == "DeviceInfo":
        device = parse.device(root)
        for value, element in ((device.serial, "serialNumber"), (device.mac, "macAddress"), (device.model, "model")):
            found = re.search(rf"<(?:\w+:)?{element}>\s*([^<]*?)\s*</".encode(), body)
            assert value == ((found[1].decode() or None) if found else None)


async def an_alert(
    body: bytes, content_type: str, recorded: Recording, make_context: MakeContext, serve: Serve
) -> None:
    part = Part(headers={"content-type": content_type}, body=body)
    said = raw_fields(body)
    if "eventType" not in said:
        with pytest.raises(Malformed):
            read_part(part)
        return
    alert = read_part(part)
    assert alert is not None
    check_alert(alert, said)
    if re.search(r"heartbeat|keep-?alive", f"{recorded.file} {recorded.note}", re.IGNORECASE):
        assert alert.heartbeat
    assert read_part(Part(headers={}, body=b"\r\n" + body)) == alert, "the content type is not needed"
    head = f"--boundary\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    await through_the_provider(head + body + b"\r\n", "boundary", [alert], make_context, serve)


def raw_fields(body: bytes) -> dict[str, str]:
    """Return the leaves of an alert by name, the first of each, by looking for tags or keys only."""
    pattern = (
        rb'"(\w+)"\s*:\s*"?([^",{}\[\]]*)' if body.lstrip()[:1] == b"{" else rb"<(?:\w+:)?(\w+)[^<>]*>\s*([^<]*)(?=<)"
    )
    found: dict[str, str] = {}
    for name, value in re.findall(pattern, body):
        if value.strip():
            found.setdefault(name.decode(), value.strip().decode())
    return found


def check_alert(alert: Alert, said: dict[str, str]) -> None:
    name = said["relationEvent"] if said["eventType"] == "duration" and "relationEvent" in said else said["eventType"]
    assert alert.type == name
    if name.lower() in KINDS:
        assert alert.kind is KINDS[name.lower()]
    assert alert.active == (said.get("eventState", "active") == "active")
    assert (alert.channel, alert.proxy) == tuple(
        int(said[key]) if key in said else None for key in ("channelID", "dynChannelID")
    )
    if "dateTime" in said:
        assert alert.at is not None
        assert alert.at.strftime("%H:%M:%S") in said["dateTime"]
    if "detectionTarget" in said:
        assert alert.targets[0] == said["detectionTarget"]
    if "regionID" in said:
        assert alert.zones[0] == said["regionID"]
    if alert.active and alert.type.lower() != "heartbeat":
        assert not alert.heartbeat


async def a_stream(body: bytes, make_context: MakeContext, serve: Serve) -> None:
    """A stream is cut the same however it arrives and whatever its boundary is called."""
    boundary = body.lstrip().split(b"\n", 1)[0].strip().removeprefix(b"--").decode()
    reference: list[Alert] | None = None
    for declared in (boundary, f"--{boundary}", f'"{boundary}"', f"<{boundary}>"):
        for size in (1, 7, 1000, len(body)):
            reader = PartReader(f"multipart/mixed; boundary={declared}")
            chunks = (body[at : at + size] for at in range(0, len(body), size))
            parts = [part for chunk in chunks for part in reader.feed(chunk)] + reader.close()
            alerts = [alert for part in parts if (alert := read_part(part)) is not None]
            assert reference is None or alerts == reference
            reference = alerts
    assert reference
    assert len(reference) == len(re.findall(rb"<(?:\w+:)?eventType>|\"eventType\"\s*:", body))
    await through_the_provider(body, boundary, reference, make_context, serve)


async def through_the_provider(
    wire: bytes, boundary: str, alerts: list[Alert], make_context: MakeContext, serve: Serve
) -> None:
    """The provider follows the stream of a recorder with the channels that are spoken of; each event has an end."""
    numbers = sorted({number for each in alerts for number in (each.channel, each.proxy) if number and number <= 32})
    numbers = numbers or sorted({each.channel - 32 for each in alerts if each.channel and each.channel > 32}) or [1]
    listed = "".join(f"<InputProxyChannel><id>{number}</id></InputProxyChannel>" for number in numbers)
    answers = {
        "/ISAPI/System/deviceInfo": "<DeviceInfo><deviceType>NVR</deviceType></DeviceInfo>",
        "/ISAPI/ContentMgmt/InputProxy/channels": f"<InputProxyChannelList>{listed}</InputProxyChannelList>",
    }

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/alertStream"):
            return web.Response(body=wire, headers={"Content-Type": f"multipart/mixed; boundary={boundary}"})
        known = answers.get(request.path)
        return web.Response(status=404) if known is None else web.Response(text=known)

    # As if it were then: what is old is dropped.
    dated = next((each.at for each in alerts if each.at is not None), datetime(2026, 1, 2, tzinfo=UTC))
    context = make_context(login(await serve(answer)), clock=FakeClock(dated))
    queue: asyncio.Queue[CameraEvent] = asyncio.Queue()
    with pytest.raises(Unreachable):
        await collect(HikvisionProvider(context), queue)
    found = [queue.get_nowait() for _ in range(queue.qsize())]
    told = {
        (number - 32 if number > 32 and number not in numbers else number, each.kind)
        for each in alerts
        if each.active and not each.heartbeat and each.kind is not None and (number := each.channel or each.proxy)
    }
    starts = [each for each in found if each.phase is EventPhase.START]
    assert {(each.camera, each.kind) for each in starts} == {(f"proxy-{number}", kind) for number, kind in told}
    assert sorted(each.id for each in found if each.phase is EventPhase.END) == sorted(each.id for each in starts)
    assert context.counters.get("events.malformed") == 0


async def collect(provider: HikvisionProvider, found: asyncio.Queue[CameraEvent]) -> None:
    async for event in provider.events():
        found.put_nowait(event)


async def a_device(dump: Dump, make_context: MakeContext, serve: Serve) -> None:
    url = await serve(dump.handle)
    about = dump.about

    async def ask(question: Question) -> Answers:
        return login(url)

    account = await SPEC.sign_in(make_context(), ask)
    assert account.unique_id == (about.get("serialNumber") or about.get("macAddress"))
    provider = HikvisionProvider(make_context(account.credentials))
    await provider.connect()
    cameras = list(await provider.cameras())
    expected = {**(dump.inputs or {}), **(dump.proxies or {})}
    assert [each.id for each in cameras] == (list(expected) or ([] if dump.proxies is not None else ["input-1"]))
    assert (provider.device() is not None) == (dump.proxies is not None)
    assert list(await provider.cameras()) == cameras, "nothing changed, so nothing is different"
    for camera in cameras:
        await a_camera_of(dump, camera)
    serials = [each.identity.serial for each in cameras if each.identity.serial]
    assert len(set(serials)) == len(serials)
    json.dumps(provider.diagnostics())


async def a_camera_of(dump: Dump, camera: Camera) -> None:
    entry = {**(dump.inputs or {}), **(dump.proxies or {})}.get(camera.id, {})
    about, identity = dump.about, camera.identity
    number = camera.id.partition("-")[2]
    name = (entry.get("name") or "").strip()
    assert identity.name == identity.name.strip() != ""
    assert identity.name in {name, about.get("deviceName"), about.get("model"), f"Camera {number}"}
    assert identity.manufacturer
    if camera.id.startswith("proxy-"):
        source = entry.get("sourceInputPortDescriptor") or {}
        assert (identity.name, identity.model) == (name or f"Camera {number}", source.get("model"))
        assert identity.serial == (
            source.get("serialNumber") if dump.proxy_serials()[str(source.get("serialNumber"))] == 1 else None
        )
    else:
        dark = entry.get("resDesc") == "NO VIDEO"
        assert (camera.online, camera.offline_reason) == (not dark, "no_video_signal" if dark else None)
    assert camera.rtsp is not None
    assert camera.stills is not None
    address = camera.rtsp.peek() or ""
    stream = address.rpartition("/")[2]
    assert f":{dump.rtsp_port()}/Streaming/Channels/{stream}" in address
    assert stream == f"{number}01"
    if f"Streaming/channels/{stream}" in dump.paths and stream in dump.known_streams():
        assert (await camera.stills.take()).content == JPEG
    for event_type, channel in dump.notified():
        if channel == number and event_type.lower() in KINDS:
            assert KINDS[event_type.lower()] in camera.event_kinds
