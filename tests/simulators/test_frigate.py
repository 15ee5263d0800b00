from collections.abc import AsyncIterator
import json

import aiohttp
import pytest

from simulators.frigate import VERSIONS, FrigateSimulator, Login
from simulators.frigate.login import User
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock
from tests.webrtc_viewer import Viewer

USER, PASSWORD = "camhub", "example-password"


@pytest.fixture(params=sorted(VERSIONS))
async def server(request: pytest.FixtureRequest) -> AsyncIterator[FrigateSimulator]:
    async with FrigateSimulator(version=request.param) as running:
        yield running


@pytest.fixture
async def session(make_context: MakeContext) -> aiohttp.ClientSession:
    return make_context().session()


async def ask(
    session: aiohttp.ClientSession, url: str, method: str = "GET", token: str = "", said: object = None
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.request(method, url, headers=headers, json=said) as response:
        return response.status, await response.text()


async def test_two_ports_one_with_a_login(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    assert await ask(session, f"{server.open_url}/api/version") == (200, VERSIONS[server.version])
    status, body = await ask(session, f"{server.url}/api/version")
    assert (status, "401 Authorization Required" in body) == (401, True)
    wrong = await ask(session, f"{server.url}/api/login", "POST", said={"user": USER, "password": "wrong"})
    assert wrong == (401 if server.minor >= 15 else 400, '{"message": "Login failed"}')
    async with session.post(f"{server.url}/api/login", json={"user": USER, "password": PASSWORD}) as response:
        assert (response.status, await response.read()) == (200, b"")
        token = response.cookies["frigate_token"]
        assert token["httponly"]
        assert (token["samesite"].lower() == "lax") == (server.minor >= 15)
    assert await ask(session, f"{server.url}/api/version", token=token.value) == (200, VERSIONS[server.version])
    assert (await ask(session, f"{server.url}/api/version", token="a.b.c"))[0] == 401


async def test_the_profile_of_each_version(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    _, body = await ask(session, f"{server.open_url}/api/profile")
    keys = ["username", *(["role"] if server.minor >= 16 else []), *(["allowed_cameras"] if server.minor >= 17 else [])]
    assert list(json.loads(body)) == keys


async def test_the_paths_that_never_were(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    for path in ("camera/driveway/hls", "nothing", "driveway/nothing"):
        status, body = await ask(session, f"{server.open_url}/api/{path}")
        assert status == 404
        if path == "driveway/nothing":
            assert ("html" in body) == (server.minor < 15)
    assert (await ask(session, f"{server.open_url}/"))[0] == 404


async def test_hls_is_closed_from_0_18(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    url = f"{server.open_url}/api/go2rtc"
    status, body = await ask(session, f"{url}/api/stream.m3u8?src=driveway_main")
    assert status == (404 if server.minor >= 18 else 200)
    if server.minor < 18:
        playlist = body.splitlines()[-1]
        assert (await ask(session, f"{url}/api/{playlist}"))[0] == 200
        assert (await ask(session, f"{url}/api/{playlist}x"))[0] == 404
        assert (await ask(session, f"{url}/api/stream.m3u8?src=none"))[0] == 404
    assert (await ask(session, f"{url}/webrtc?src=driveway_main"))[0] == 403
    assert (await ask(session, f"{url}/webrtc?src=none", "POST"))[0] == 404
    assert "driveway_main" in (await ask(session, f"{url}/streams"))[1]


async def test_offers_in_each_form(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    url = f"{server.open_url}/api/go2rtc/webrtc?src=back_door"
    async with Viewer() as viewer:
        offer = await viewer.offer()
        async with session.post(url, data=offer, headers={"Content-Type": "application/sdp"}) as whep:
            assert (whep.status, whep.content_type) == (201, "application/sdp")
        async with session.post(url, data=offer) as bare:
            assert (await bare.text()).startswith("v=0")
        _, body = await ask(session, url, "POST", said={"type": "offer", "sdp": offer})
        await viewer.take(json.loads(body)["sdp"])
        assert len(set(await viewer.numbers(2))) == 2
        counts = json.loads((await ask(session, f"{server.open_url}/_simulator/counts"))[1])
    assert (counts["senders"], counts["watching"]) == (3, 0)


async def test_offers_that_cannot_be_answered(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    url = f"{server.open_url}/api/go2rtc/webrtc?src=back_door"
    assert await ask(session, url, "POST", said={"sdp": "v=0"}) == (500, "webrtc: this is no offer of a picture\n")
    async with Viewer("VP8") as viewer:
        status, text = await ask(session, url, "POST", said={"sdp": await viewer.offer()})
    assert (status, "codecs not matched" in text) == (500, True)


async def test_the_size_of_pictures(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    key = "h" if server.minor < 15 else "height"
    url = f"{server.open_url}/api/driveway/latest.jpg"
    statuses = [(await raw(session, f"{url}?{key}={value}"))[0] for value in ("90", "0", "tall")]
    assert statuses == [200, 400, 422]
    server.faults.offline.add("driveway")
    status, headers, first = await full(session, url)
    assert (status, headers.get("X-Frigate-Offline")) == (200, "true" if server.minor >= 18 else None)
    assert first == (await raw(session, url))[1], "it stands still"
    server.faults.no_frame = True
    assert (await raw(session, url))[0] == 500


async def raw(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    status, _, body = await full(session, url)
    return status, body


async def full(session: aiohttp.ClientSession, url: str) -> tuple[int, dict[str, str], bytes]:
    async with session.get(url) as response:
        return response.status, dict(response.headers), await response.read()


async def test_recordings(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    seen = server.happenings.begin("driveway", at=1000.0)
    server.happenings.events[seen]["has_clip"] = False
    assert (await ask(session, f"{server.open_url}/api/events/{seen}/clip.mp4"))[0] == 404
    assert (await ask(session, f"{server.open_url}/api/events/none/clip.mp4"))[0] == 404
    server.happenings.recordings.append(("driveway", 1000.0, 1025.0))
    _, body = await ask(session, f"{server.open_url}/api/driveway/recordings?after=0&before=2000")
    assert [each["duration"] for each in json.loads(body)] == [10, 10, 5]
    vod = f"{server.open_url}/vod/driveway/start"
    status, body = await ask(session, f"{vod}/1000/end/1020/master.m3u8")
    assert (status, ("m4s" in body) == (server.minor >= 17)) == (200, True)
    assert (await ask(session, f"{vod}/1/end/2/master.m3u8"))[0] == 404


async def test_frames_and_parts_of_recordings(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    server.happenings.recordings.append(("driveway", 1000.0, 1025.0))
    frame, other = ("png", "jpg") if server.minor < 15 else ("jpg", "png")
    url = f"{server.open_url}/api/driveway/recordings"
    assert (await raw(session, f"{url}/1001.5/snapshot.{frame}"))[0] == 200
    assert (await raw(session, f"{url}/1001.5/snapshot.{other}"))[0] == 404
    assert (await raw(session, f"{url}/5/snapshot.{frame}"))[0] == 404
    export = f"{server.open_url}/api/export"
    assert (await ask(session, f"{export}/driveway/start/1000/end/1010"))[0] == 404
    assert (await ask(session, f"{export}/none/start/1000/end/1010", "POST", said={}))[0] == 404
    assert (await ask(session, f"{export}/driveway/start/1/end/2", "POST", said={}))[0] == 400
    long = {"name": "x" * 257}
    status, _ = await ask(session, f"{export}/driveway/start/1000/end/1010", "POST", said=long)
    assert status == (401 if server.minor < 15 else 422)
    status, body = await ask(session, f"{export}/driveway/start/1000/end/1010", "POST", said={"name": "x"})
    assert (status, "export_id" in json.loads(body)) == (202 if server.minor >= 18 else 200, server.minor >= 15)


async def test_how_cameras_stand(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    bark = server.happenings.begin("nursery", "bark", audio=True)
    seen = server.happenings.begin("driveway", "person", stationary=True)
    server.happenings.change(seen, sub_label="Robin")
    server.happenings.motion("driveway", on=True)
    async with session.ws_connect(f"{server.open_url}/ws") as line:
        await line.send_json({"topic": "onConnect", "payload": ""})
        told = json.loads(json.loads(await line.receive_str())["payload"])
        server.happenings.end(bark)
        assert json.loads(await line.receive_str()) == {"topic": "nursery/audio/bark", "payload": "OFF"}
        await line.receive_str()
        await line.send_json({"topic": "nursery/enabled/set", "payload": "OFF"})
        await line.send_json({"topic": "nursery/elsewhat/set", "payload": "OFF"})
        await line.send_json({"topic": "driveway/detect/set", "payload": "OFF"})
        topics = [json.loads(await line.receive_str())["topic"] for _ in range(2 if server.minor >= 16 else 1)]
        server.lose("nursery")
        server.happenings.motion("driveway", on=False)
        last = json.loads(await line.receive_str())["topic"]
    assert told["nursery"]["objects"] == []
    assert ("enabled" in told["nursery"]["config"]) == (server.minor >= 16)
    (person,) = told["driveway"]["objects"]
    assert (person["label"], person["stationary"], told["driveway"]["motion"]) == ("person-verified", True, True)
    assert ("current_zones" in person) == (server.minor >= 16)
    assert topics == [*(["nursery/enabled/state"] if server.minor >= 16 else []), "driveway/detect/state"]
    assert last == ("nursery/status/detect" if server.minor >= 17 else "driveway/motion")


async def test_an_export_of_another_s_camera(session: aiohttp.ClientSession) -> None:
    async with FrigateSimulator(version="0.17") as server:
        server.login.users["family"] = User(password="x", role="family")
        server.login.roles = {"family": ("nursery",)}
        token = server.login.sign_in("family", "x") or ""
        url = f"{server.url}/api/export/driveway/start/1/end/2"
        assert (await ask(session, url, "POST", token=token, said={}))[0] == 403


async def test_what_can_be_changed_from_outside(server: FrigateSimulator, session: aiohttp.ClientSession) -> None:
    admin = f"{server.url}/_simulator"
    assert (await ask(session, f"{admin}/faults", "POST", said={"offline": ["nursery"]}))[0] == 204
    assert server.faults.offline == {"nursery"}
    status, body = await ask(session, f"{admin}/faults", "POST", said={"no_such": 1})
    assert (status, "no_such" in body) == (400, True)
    _, body = await ask(session, f"{admin}/event", "POST", said={"camera": "driveway", "label": "dog"})
    identifier = json.loads(body)["id"]
    assert server.happenings.events[identifier]["label"] == "dog"
    assert (await ask(session, f"{admin}/event", "POST", said={"end": identifier}))[0] == 204
    assert server.happenings.events[identifier]["end_time"] is not None
    assert json.loads((await ask(session, f"{admin}/counts"))[1])["listeners"] == 0


async def test_roles_are_filtered_on_the_line_from_0_18(session: aiohttp.ClientSession) -> None:
    for version, heard in (("0.17", ["driveway", "nursery"]), ("0.18", ["nursery"])):
        async with FrigateSimulator(version=version) as server:
            server.login.users["family"] = User(password="x", role="family")
            server.login.roles = {"family": ("nursery",)}
            token = server.login.sign_in("family", "x") or ""
            headers = {"Cookie": f"frigate_token={token}"}
            async with session.ws_connect(f"{server.url}/ws", headers=headers) as line:
                await line.send_json({"topic": "onConnect", "payload": ""})
                assert json.loads(await line.receive_str())["topic"] == "camera_activity"
                await line.send_json({"topic": "driveway/detect/set", "payload": "OFF"})
                for camera in ("driveway", "nursery"):
                    server.happenings.motion(camera, on=True)
                found = [json.loads(await line.receive_str())["topic"].partition("/")[0] for _ in heard]
            assert found == heard
            assert server.commands == []
            status, body = await ask(session, f"{server.url}/api/driveway/latest.jpg", token=token)
            assert (status, "Access denied to camera" in body) == (403, True)
            assert (await ask(session, f"{server.url}/api/gone/latest.jpg", token=token))[0] == 403


def test_tokens_end(clock: FakeClock) -> None:
    login = Login(users={"a": User(password="b")}, now=clock.now, session_s=10, refresh_s=5)
    token = login.sign_in("a", "b")
    assert login.visitor(token, None) is not None
    assert login.sign_in("a", "c") is None
    assert login.failed == 1
    login.forget_tokens()
    assert login.visitor(token, None) is None
