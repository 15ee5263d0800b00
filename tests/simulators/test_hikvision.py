import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
import io
import json
from pathlib import Path
import re
import sys
from xml.etree import ElementTree as ET

import aiohttp
import av
from PIL import Image
import pytest

from custom_components.camhub.recording.remux import to_mp4
from simulators.hikvision import MODELS, HikvisionSimulator
from simulators.hikvision.alerts import Heartbeat
from simulators.hikvision.faults import PictureFault
from simulators.hikvision.recordings import ZONE
from tests.conftest import MakeContext

STREAM = "/Event/notification/alertStream"
ROOT = Path(__file__).parents[2]
PICTURE = "/ISAPI/Streaming/channels/101/picture"


@pytest.fixture(params=sorted(MODELS))
async def device(request: pytest.FixtureRequest) -> AsyncIterator[HikvisionSimulator]:
    async with HikvisionSimulator(model=request.param) as running:
        running.login.mode = "open"
        yield running


@pytest.fixture
async def nvr() -> AsyncIterator[HikvisionSimulator]:
    async with HikvisionSimulator(model="nvr") as running:
        running.login.mode = "open"
        running.alerts.wire.heartbeat_s = 0
        yield running


@pytest.fixture
async def session(make_context: MakeContext) -> aiohttp.ClientSession:
    return make_context().session()


async def ask(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with session.get(url) as response:
        return response.status, await response.read()


def texts(body: bytes, name: str) -> list[str | None]:
    return [each.text for each in ET.fromstring(body).iter() if each.tag.rpartition("}")[2] == name]


@pytest.mark.parametrize(
    "path",
    [
        "/System/deviceInfo",
        "/System/capabilities",
        "/System/status",
        "/Security/userCheck",
        "/Security/adminAccesses",
        "/Security/videoEncryption",
        "/ContentMgmt/Storage",
        "/Streaming/channels",
        "/Streaming/channels/101",
        "/Event/triggers",
    ],
)
async def test_documents_all_devices_have(
    device: HikvisionSimulator, session: aiohttp.ClientSession, path: str
) -> None:
    status, body = await ask(session, device.url + device.personality.prefix + path)
    assert status == 200
    assert ET.fromstring(body).tag.startswith(f"{{{device.personality.namespace}}}")


@pytest.mark.parametrize(
    ("model", "path", "expected"),
    [
        ("camera", "/ISAPI/ContentMgmt/InputProxy/channels", 403),
        ("camera", "/ISAPI/ContentMgmt/InputProxy/channels/status", 404),
        ("camera", "/ISAPI/Streaming/channels/103", 200),
        ("camera", "/ISAPI/Streaming/channels/104", 403),
        ("camera", "/ISAPI/ContentMgmt/StreamingProxy/channels/101/picture", 404),
        ("camera", "/ISAPI/ContentMgmt/ZeroVideo/channels", 403),
        ("camera", "/ISAPI/Streaming/channels/1/picture", 200),
        ("old", "/ISAPI/System/deviceInfo", 404),
        ("old", "/System/deviceInfo", 200),
        ("old", "/Streaming/channels/103", 500),
        ("nvr", "/System/deviceInfo", 404),
        ("nvr", "/ISAPI/System/Video/inputs/channels", 403),
        ("nvr", "/ISAPI/ContentMgmt/InputProxy/channels/status", 404),
        ("nvr", "/ISAPI/ContentMgmt/InputProxy/channels/5/status", 200),
        ("nvr", "/ISAPI/ContentMgmt/InputProxy/channels/99/status", 404),
        ("nvr", "/ISAPI/ContentMgmt/ZeroVideo/channels", 200),
        ("nvr", "/ISAPI/Streaming/channels/501", 403),
        ("nvr", "/ISAPI/Streaming/channels/103", 403),
        ("nvr", "/ISAPI/Streaming/channels/501/picture", 500),
        ("nvr", "/ISAPI/Streaming/channels/x/picture", 404),
        ("nvr", "/ISAPI/System/Holidays", 404),
        ("dvr", "/ISAPI/Streaming/channels/103", 400),
        ("dvr", "/ISAPI/ContentMgmt/InputProxy/channels", 200),
        ("hybrid", "/ISAPI/ContentMgmt/InputProxy/channels/status", 200),
    ],
)
async def test_refusals_by_path(session: aiohttp.ClientSession, model: str, path: str, expected: int) -> None:
    async with HikvisionSimulator(model=model) as device:
        device.login.mode = "open"
        assert (await ask(session, device.url + path))[0] == expected


async def test_recorder_lists_its_cameras_with_what_is_missing(
    nvr: HikvisionSimulator, session: aiohttp.ClientSession
) -> None:
    _, body = await ask(session, f"{nvr.url}/ISAPI/ContentMgmt/InputProxy/channels")
    assert texts(body, "id") == ["1", "2", "3", "4", "5", "6"]
    serials = texts(body, "serialNumber")
    assert serials[1] is None
    assert serials[2] == serials[3]
    assert texts(body, "model")[1] is None
    assert texts(body, "name")[3] == "Hen house & yard"
    _, body = await ask(session, f"{nvr.url}/ISAPI/ContentMgmt/InputProxy/channels/5/status")
    assert (texts(body, "online"), texts(body, "chanDetectResult")) == (["false"], ["netUnreachable"])


async def test_analogue_recorder_tells_which_inputs_have_no_video(session: aiohttp.ClientSession) -> None:
    async with HikvisionSimulator(model="dvr", rtsp_port=10554) as device:
        device.login.mode = "open"
        _, body = await ask(session, f"{device.url}/ISAPI/System/Video/inputs/channels")
        assert texts(body, "resDesc")[1] == "NO VIDEO"
        assert texts(body, "name") == [" Porch", "Camera 02", None, "Alley"]
        _, body = await ask(session, f"{device.url}/ISAPI/ContentMgmt/InputProxy/channels")
        assert texts(body, "id") == []
        _, body = await ask(session, f"{device.url}/ISAPI/Security/adminAccesses")
        assert texts(body, "portNo")[1] == "10554"


async def test_pictures_move_and_take_a_size(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    first, second = [await ask(session, nvr.url + PICTURE) for _ in range(2)]
    assert first != second
    assert Image.open(io.BytesIO(first[1])).size == (640, 360)
    _, small = await ask(session, f"{nvr.url}{PICTURE}?videoResolutionWidth=320&videoResolutionHeight=180")
    assert Image.open(io.BytesIO(small)).size == (320, 180)
    _, proxied = await ask(session, f"{nvr.url}/ISAPI/ContentMgmt/StreamingProxy/channels/101/picture")
    assert proxied.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("fault", "begin"),
    [
        ("device_error", b"<?xml"),
        ("bad_content", b"<?xml"),
        ("html", b"<html"),
        ("empty", b""),
        ("truncated", b"\xff\xd8"),
    ],
)
async def test_spoiled_pictures(
    nvr: HikvisionSimulator, session: aiohttp.ClientSession, fault: PictureFault, begin: bytes
) -> None:
    nvr.faults.picture, nvr.faults.picture_times = fault, 1
    status, body = await ask(session, nvr.url + PICTURE)
    assert status == 200
    assert body.startswith(begin)
    assert not body.endswith(b"\xff\xd9")
    _, body = await ask(session, nvr.url + PICTURE)
    assert body.endswith(b"\xff\xd9")


async def test_too_many_pictures_at_once(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    nvr.faults.busy_above = 1
    nvr.hold()
    taken = [asyncio.create_task(ask(session, nvr.url + PICTURE)) for _ in range(2)]
    await nvr.wait_until(lambda: nvr.busiest == 2)
    nvr.release()
    answers = await asyncio.gather(*taken)
    assert sorted(status for status, _ in answers) == [200, 503]
    busy = next(body for status, body in answers if status == 503)
    assert (texts(busy, "statusCode"), texts(busy, "subStatusCode")) == (["2"], ["deviceBusy"])


@pytest.mark.parametrize(("setting", "status"), [(True, 200), (403, 403), (400, 400)])
async def test_pictures_only_by_proxy(
    nvr: HikvisionSimulator, session: aiohttp.ClientSession, setting: bool | int, status: int
) -> None:
    nvr.faults.proxy_only = setting
    answered, body = await ask(session, nvr.url + PICTURE)
    assert (answered, texts(body, "statusCode")) == (status, ["6"])
    answered, body = await ask(session, f"{nvr.url}/ISAPI/ContentMgmt/StreamingProxy/channels/101/picture")
    assert answered == 200
    assert body.startswith(b"\xff\xd8")


def search(track: int, start: datetime, end: datetime, position: int = 0) -> str:
    first, last = (f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M:%S}Z" for at in (start, end))
    return (
        f"<CMSearchDescription><searchID>S</searchID><trackIDList><trackID>{track}</trackID></trackIDList>"
        f"<timeSpanList><timeSpan><startTime>{first}</startTime><endTime>{last}</endTime></timeSpan></timeSpanList>"
        f"<maxResults>20</maxResults><searchResultPostion>{position}</searchResultPostion></CMSearchDescription>"
    )


async def test_recordings_are_found_page_by_page(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    now = datetime.now(UTC)
    nvr.recordings.fill([1, 2])
    url, seen = f"{nvr.url}/ISAPI/ContentMgmt/search", list[str]()
    for position, status in ((0, "MORE"), (20, "OK"), (40, "NO MATCHES")):
        async with session.post(url, data=search(101, now - timedelta(hours=24), now, position)) as response:
            text = await response.text()
        assert f"<responseStatusStrg>{status}</responseStatusStrg>" in text
        seen += re.findall(r"<playbackURI>(.*?)</playbackURI>", text)
    assert len(seen) == len(set(seen))
    assert 25 <= len(seen) <= 31
    async with session.post(url, data=search(103, now - timedelta(hours=24), now)) as response:
        assert "NO MATCHES" in await response.text()
    async with session.post(url, data="<CMSearchDescription/>") as response:
        assert response.status == 400


async def test_recording_is_a_film(nvr: HikvisionSimulator, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    name = nvr.recordings.add(1, now - timedelta(hours=1), now).name
    url = f"{nvr.url}/ISAPI/ContentMgmt/download"
    asked = "<downloadRequest><playbackURI>rtsp://h/Streaming/tracks/101/?name={}&amp;size=1</playbackURI></downloadRequest>"
    async with session.get(url, data=asked.format(name)) as response:
        assert (await response.content.readexactly(4)) == b"IMKH"
        await to_mp4(response.content.iter_any(), tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 36
    for wrong in (asked.format("other"), "<downloadRequest/>"):
        async with session.post(url, data=wrong) as response:
            assert response.status == 400
    nvr.recordings.methods = {"POST"}
    async with session.get(url, data=asked.format(name)) as response:
        assert response.status == 404


async def test_faults_by_http(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    changes = {"offline": [1], "picture_type": "text/html", "answers": {"/System/status": [403, ""]}}
    async with session.post(f"{nvr.url}/_simulator/faults", json=changes) as response:
        assert response.status == 204
    assert (await ask(session, nvr.url + PICTURE))[0] == 500
    assert (await ask(session, f"{nvr.url}/ISAPI/System/status"))[0] == 403
    async with session.get(f"{nvr.url}/ISAPI/Streaming/channels/201/picture") as response:
        assert response.content_type == "text/html"
    async with session.post(f"{nvr.url}/_simulator/faults", json={"nonsense": 1}) as response:
        assert response.status == 400
        assert "nonsense" in await response.text()
    async with session.get(f"{nvr.url}/_simulator/counts") as response:
        assert (await response.json())["requests"][PICTURE] == 1


async def test_being_down(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    nvr.faults.down = True
    with pytest.raises(aiohttp.ClientError):
        await ask(session, f"{nvr.url}/ISAPI/System/status")


async def test_reboot_ends_streams(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{nvr.url}/ISAPI{STREAM}") as stream:
        await nvr.wait_for_listeners()
        async with session.put(f"{nvr.url}/ISAPI/System/reboot") as response:
            assert texts(await response.read(), "statusCode") == ["1"]
        assert (await stream.read()).count(b"--boundary\r\n") == 1
    await nvr.wait_for_listeners(0)
    async with session.post(f"{nvr.url}/ISAPI/System/status") as response:
        assert response.status == 403


async def alerts(device: HikvisionSimulator, session: aiohttp.ClientSession, *channels: int) -> bytes:
    """Return all a listener is sent when those channels see motion, the first heartbeat left out."""
    async with session.get(device.url + device.personality.prefix + STREAM) as stream:
        assert "Transfer-Encoding" not in stream.headers
        await device.wait_for_listeners()
        for channel in channels:
            device.raise_event(channel)
        device.alerts.drop()
        sent = await stream.read()
    return sent[sent.index(b"--boundary", 1) :] if sent.count(b"--boundary") > 1 else b""


@pytest.mark.parametrize(
    ("model", "channel", "expected"),
    [
        ("camera", 1, b"<channelID>1</channelID>"),
        ("nvr", 3, b"<dynChannelID>3</dynChannelID>"),
        ("hybrid", 10, b"<channelID>34</channelID>"),
        ("json", 1, b'"channelID": "1"'),
    ],
)
async def test_alerts_name_their_channel(
    session: aiohttp.ClientSession, model: str, channel: int, expected: bytes
) -> None:
    async with HikvisionSimulator(model=model) as device:
        device.login.mode = "open"
        sent = await alerts(device, session, channel)
    assert expected in sent
    assert b"VMD" in sent


async def test_length_of_parts(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    head, _, body = (await alerts(nvr, session, 1)).partition(b"\r\n\r\n")
    told = re.search(rb"Content-Length: (\d+)", head)
    assert told is not None
    assert int(told[1]) == len(body) - 2
    nvr.alerts.wire.length = "with_newline"
    sent = await alerts(nvr, session, 1)
    assert b"Content-Length: %d\r\n" % (int(told[1]) + 2) in sent
    nvr.alerts.wire.length = "none"
    nvr.alerts.wire.newline = b"\n"
    sent = await alerts(nvr, session, 1)
    assert b"Content-Length" not in sent
    assert b"\r" not in sent


async def test_pictures_behind_alerts(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    nvr.alerts.wire.pictures = True
    sent = await alerts(nvr, session, 1)
    assert sent.index(b"application/xml") < sent.index(b"image/jpeg")


async def test_backlog_is_repeated(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    nvr.raise_event(1, age_s=600)
    nvr.raise_event(2)
    nvr.alerts.wire.backlog = 1
    sent = await alerts(nvr, session)
    assert (b"<dynChannelID>1<" in sent, b"<dynChannelID>2<" in sent) == (False, True)


async def test_too_many_listeners(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    nvr.alerts.wire.most = 0
    assert (await ask(session, f"{nvr.url}/ISAPI{STREAM}"))[0] == 503


async def test_streams_end_by_themselves(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    nvr.alerts.wire.drop_after_s = 0.01
    status, body = await ask(session, f"{nvr.url}/ISAPI{STREAM}")
    assert status == 200
    assert body.count(b"<eventType>videoloss</eventType>") == 1


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("channel0", b"<channelID>0<"),
        ("channel1", b"<channelID>1<"),
        ("empty", b"<channelID/>"),
        ("named", b"<eventType>heartBeat<"),
    ],
)
async def test_heartbeats(
    nvr: HikvisionSimulator, session: aiohttp.ClientSession, style: Heartbeat, expected: bytes
) -> None:
    nvr.alerts.wire.heartbeat = style
    async with session.get(f"{nvr.url}/ISAPI{STREAM}") as stream:
        await nvr.wait_for_listeners()
        nvr.heartbeat()
        nvr.alerts.drop()
        assert (await stream.read()).count(expected) == 2


async def test_duration_and_target(nvr: HikvisionSimulator, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{nvr.url}/ISAPI{STREAM}") as stream:
        await nvr.wait_for_listeners()
        nvr.raise_event(1, "fielddetection", target="human", related="fielddetection")
        nvr.alerts.drop()
        sent = await stream.read()
    assert b"<eventType>duration</eventType>" in sent
    assert b"<relationEvent>fielddetection</relationEvent>" in sent
    assert b"<detectionTarget>human</detectionTarget>" in sent


async def test_event_by_http(session: aiohttp.ClientSession) -> None:
    async with HikvisionSimulator(model="json") as device:
        device.login.mode = "open"
        async with session.get(f"{device.url}/ISAPI{STREAM}") as stream:
            await device.wait_for_listeners()
            async with session.post(f"{device.url}/_simulator/event", json={"type": "linedetection"}) as response:
                assert response.status == 204
            device.alerts.drop()
            sent = await stream.read()
    last = json.loads(sent[sent.rindex(b"\r\n\r\n") :])
    assert (last["eventType"], last["eventState"], last["channelName"]) == ("linedetection", "active", "Loading bay")


async def test_lock_opens_again_by_itself(session: aiohttp.ClientSession) -> None:
    at = 0.0
    async with HikvisionSimulator(model="camera", monotonic=lambda: at) as device:
        device.login.mode, device.login.lock_after = "basic", 2
        wrong = {"Authorization": aiohttp.encode_basic_auth("camhub", "wrong")}
        right = {"Authorization": aiohttp.encode_basic_auth("camhub", "example-password")}

        async def lock_status(headers: dict[str, str]) -> str | None:
            async with session.get(f"{device.url}/ISAPI/Security/userCheck", headers=headers) as response:
                return next(iter(texts(await response.read(), "lockStatus")), str(response.status))

        assert await lock_status(right) == "200"
        assert await lock_status(wrong) == "unlock"
        assert await lock_status(wrong) == "lock"
        assert await lock_status(right) == "lock"
        at = 1800.0
        assert await lock_status(right) == "200"
        device.login.html_refusal = True
        assert (await ask(session, f"{device.url}/ISAPI/Security/userCheck"))[1].startswith(b"<html>")


async def test_basic_that_is_none(session: aiohttp.ClientSession) -> None:
    async with HikvisionSimulator(model="camera") as device:
        device.login.mode = "basic"
        for header in ("Basic ???", "Basic /w==", "Digest x=y"):
            async with session.get(f"{device.url}/ISAPI/System/status", headers={"Authorization": header}) as response:
                assert response.status == 401
        assert device.login.failures == 3


async def test_starts_again_on_the_same_port(session: aiohttp.ClientSession) -> None:
    device = HikvisionSimulator(model="camera")
    device.login.mode = "open"
    url = await device.start()
    assert str(device.url) in repr(device)
    await device.stop()
    port = int(url.rpartition(":")[2])
    assert await device.start(port=port) == url
    assert (await ask(session, url + PICTURE))[0] == 200
    await device.stop()


async def test_runs_as_a_program(session: aiohttp.ClientSession) -> None:
    command = (sys.executable, "-m", "simulators.hikvision", "--port", "0", "--model", "camera", "--motion-every", "0")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": f"{ROOT}:{ROOT}/pi"}
    )
    assert process.stdout is not None
    _, model, address, user, _ = (await process.stdout.readline()).decode().split()
    assert (model, user) == ("camera", "camhub")
    assert (await ask(session, f"{address}/ISAPI/System/deviceInfo"))[0] == 401
    process.terminate()
    await process.wait()
