import asyncio

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import DeviceIdentity, EventKind, Recognised
from custom_components.camhub.kernel.provider import Health, Press, Switch
from custom_components.camhub.providers.frigate import SPEC
from custom_components.camhub.providers.frigate.provider import PRESETS_S, FrigateProvider
from simulators.frigate import VERSIONS, FrigateSimulator, Unit
from simulators.frigate.login import User
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, settle

from .conftest import USER, MakeProvider, MakeServer, by_id, login

SUPPORTED = [version for version in VERSIONS if version != "0.13"]


@pytest.mark.parametrize("version", SUPPORTED)
async def test_the_cameras_of_each_version(make_server: MakeServer, make_provider: MakeProvider, version: str) -> None:
    server = await make_server(version)
    provider = make_provider(server.url)
    assert (provider.device(), provider.health()) == (None, None)
    assert provider.diagnostics() == {}
    await provider.connect()
    assert provider.health() is None
    found = by_id(await provider.cameras())
    assert list(found) == ["driveway", "back_door", "nursery", "birdseye"]
    names = ["Driveway", "Back door" if version in {"0.17", "0.18"} else "Back Door", "Nursery", "Birdseye"]
    assert [each.identity.name for each in found.values()] == names
    assert all(each.online for each in found.values())
    assert provider.device() == DeviceIdentity(
        name="Frigate", manufacturer="Frigate", model="Frigate", firmware=VERSIONS[version], address="127.0.0.1"
    )
    driveway, nursery, birdseye = found["driveway"], found["nursery"], found["birdseye"]
    assert driveway.event_kinds == {EventKind.PERSON, EventKind.VEHICLE, EventKind.ANIMAL, EventKind.MOTION}
    assert driveway.lasting == driveway.event_kinds
    assert driveway.recognised == {Recognised.WHO, Recognised.PLATE, Recognised.NAME}
    assert nursery.recognised == {Recognised.WHO}
    assert birdseye.recognised == frozenset()
    assert nursery.event_kinds == {EventKind.PERSON, EventKind.MOTION, EventKind.SOUND}
    assert birdseye.event_kinds == frozenset()
    assert (driveway.hls is None) == (version == "0.18")
    assert (nursery.rtsp, nursery.webrtc, nursery.hls) == (None, None, None)
    assert None not in {nursery.mjpeg, nursery.stills, nursery.clips}
    assert (birdseye.mjpeg, birdseye.clips, birdseye.health) == (None, None, None)
    assert driveway.rtsp is not None
    assert driveway.rtsp.peek() == "rtsp://127.0.0.1:8554/driveway_main"
    assert driveway.health is not None
    assert (driveway.health.fps, driveway.health.cpu_percent) == (5, 6)
    assert driveway.health.inference_ms == 10
    assert provider.health() == Health(
        cpu_percent=23.5, inference_ms=9.8, disk_free_percent=25, disk_used_gib=293, disk_free_gib=97.7
    )
    assert provider.token_status() is None


async def test_what_is_told_for_a_bug_report(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    provider = make_provider(server.url)
    await provider.cameras()
    told = provider.diagnostics()
    assert told["version"] == VERSIONS["0.17"]
    assert (told["version_tested"], told["login"], told["logins"], told["role"]) == (True, True, 1, "admin")
    assert (told["cpu_percent"], told["inference_ms"], told["disk_free_percent"]) == (23.5, 9.8, 25.0)
    cameras = told["cameras"]
    assert isinstance(cameras, dict)
    assert cameras["nursery"] == {
        "enabled": True,
        "restreamed": False,
        "offline_reason": None,
        "connection_quality": None,
    }


async def test_a_camera_that_is_down_or_off_is_said(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    server.faults.offline.add("driveway")
    server.cameras[1].enabled = False
    provider = make_provider(server.url)
    found = by_id(await provider.cameras())
    assert (found["driveway"].online, found["driveway"].offline_reason) == (False, "camera_offline")
    assert (found["back_door"].online, found["back_door"].offline_reason) == (False, "camera_switched_off")
    assert found["back_door"].health is None


async def test_a_camera_without_figures_is_not_said_to_be_there(
    server: FrigateSimulator, make_provider: MakeProvider
) -> None:
    server.faults.answers["/api/stats"] = (200, "application/json", '{"service": {"uptime": 3}, "cameras": {}}')
    found = by_id(await make_provider(server.url).cameras())
    assert (found["driveway"].online, found["driveway"].offline_reason) == (None, None)
    told = '{"service": {"uptime": 3}, "cameras": {"driveway": {"camera_fps": 0}, "nursery": {}}}'
    server.faults.answers["/api/stats"] = (200, "application/json", told)
    found = by_id(await make_provider(server.url).cameras())
    assert (found["driveway"].online, found["driveway"].offline_reason) == (False, "camera_starting")
    assert found["nursery"].health is not None
    assert found["nursery"].health.fps is None
    assert found["nursery"].online is None


@pytest.mark.parametrize(
    ("live", "rtsp", "webrtc"), [("auto", True, True), ("rtsp", True, False), ("webrtc", False, True)]
)
async def test_the_way_of_watching_can_be_chosen(
    server: FrigateSimulator, make_provider: MakeProvider, live: str, rtsp: bool, webrtc: bool
) -> None:
    found = by_id(await make_provider(server.url, live=live).cameras())
    assert (found["driveway"].rtsp is not None, found["driveway"].webrtc is not None) == (rtsp, webrtc)


async def test_streams_may_be_elsewhere(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    template = "rtsp://viewer:an%20example@{host}:18554/live/{name}"
    found = by_id(await make_provider(server.url, rtsp_template=template).cameras())
    rtsp = found["driveway"].rtsp
    assert rtsp is not None
    assert (await rtsp.open()).value == "rtsp://viewer:an%20example@127.0.0.1:18554/live/driveway_main"


async def test_a_port_without_login(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    provider = make_provider(server.open_url, username="", password="")
    assert len(await provider.cameras()) == 4
    assert server.login.attempts == 0
    assert provider.diagnostics()["login"] is False


def test_it_is_opened_by_its_spec(make_context: MakeContext) -> None:
    assert isinstance(SPEC.open(make_context(login("http://192.0.2.30:5000"))), FrigateProvider)


async def test_an_old_version_says_so(make_server: MakeServer, make_provider: MakeProvider) -> None:
    server = await make_server("0.13")
    with pytest.raises(Unsupported) as caught:
        await make_provider(server.url).connect()
    assert (caught.value.reason, caught.value.placeholders) == ("version_unsupported", {"version": "0.13"})


async def test_something_else_at_the_address(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    for place in ("version", "config"):
        server.faults.answers[f"/api/{place}"] = (200, "text/html", "<html>a router</html>")
    with pytest.raises(Malformed) as caught:
        await make_provider(server.url).connect()
    assert caught.value.reason == "not_this_device"


async def test_a_developers_build_says_its_version_in_its_configuration(
    server: FrigateSimulator, make_provider: MakeProvider
) -> None:
    server.faults.answers["/api/version"] = (200, "text/plain", "dev-a1b2c3d")
    provider = make_provider(server.url)
    await provider.connect()
    device = provider.device()
    assert device is not None
    assert device.firmware == "0.17-0"


@pytest.mark.parametrize(
    ("status", "said", "error", "reason"),
    [
        (200, "{}", Malformed, "not_this_device"),
        (404, "404 page not found", Malformed, "not_this_device"),
        (500, "streams: codecs not matched: video:H265", Unsupported, "codecs_not_matched"),
    ],
)
async def test_another_service_at_the_address(
    server: FrigateSimulator,
    make_provider: MakeProvider,
    status: int,
    said: str,
    error: type[HubError],
    reason: str,
) -> None:
    server.faults.answers["/api/config"] = (status, "text/plain", said)
    with pytest.raises(error) as caught:
        await make_provider(server.url).connect()
    assert caught.value.reason == reason


async def test_what_is_restreamed_from_now_on_is_offered(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    """As our own page advises: the camera is added to the streams of go2rtc, and the server is restarted."""
    provider = make_provider(server.url)
    before = by_id(await provider.cameras())["nursery"]
    assert (before.rtsp, before.webrtc, before.hls) == (None, None, None)
    server.cameras[2].streams = {"nursery": "nursery"}
    after = by_id(await provider.cameras())["nursery"]
    assert after.rtsp is not None
    assert after.rtsp.peek() == "rtsp://127.0.0.1:8554/nursery"
    assert None not in {after.webrtc, after.hls}
    assert after.stills is before.stills


async def test_a_server_that_is_updated(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    provider = make_provider(server.url)
    assert by_id(await provider.cameras())["driveway"].hls is not None
    server.version, server.minor = "0.18", 18
    assert by_id(await provider.cameras())["driveway"].hls is None


async def test_a_server_that_restarts(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    provider = make_provider(server.url)
    await provider.cameras()
    server.restart()
    with pytest.raises(Unreachable) as caught:
        await provider.cameras()
    assert caught.value.reason == "server_starting"
    server.faults.restarting = False
    assert len(await provider.cameras()) == 4
    assert server.login.attempts == 1


async def test_a_role_of_some_cameras_sees_those_and_switches_nothing(
    make_server: MakeServer, make_provider: MakeProvider
) -> None:
    for version in ("0.17", "0.18"):
        server = await make_server(version)
        server.login.roles = {"family": ("nursery",)}
        server.login.users[USER].role = "family"
        provider = make_provider(server.url)
        (nursery,) = await provider.cameras()
        assert (nursery.id, nursery.controls) == ("nursery", ())
        assert provider.diagnostics()["role"] == "other"


async def test_a_viewer_sees_all_and_switches_nothing(make_server: MakeServer, make_provider: MakeProvider) -> None:
    server = await make_server("0.16")
    server.login.users[USER].role = "viewer"
    cameras = await make_provider(server.url).cameras()
    assert [each.id for each in cameras] == ["driveway", "back_door", "nursery", "birdseye"]
    assert {each.controls for each in cameras} == {()}


async def test_a_right_that_is_missing_is_said(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    refused = '{"detail": "Role viewer not authorized. Required: admin"}'
    server.faults.answers["/api/config"] = (403, "application/json", refused)
    with pytest.raises(AuthError) as caught:
        await make_provider(server.url).connect()
    assert caught.value.reason == "admin_role_missing"


async def test_functions_are_switched_and_confirmed(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    provider = make_provider(server.url)
    found = by_id(await provider.cameras())
    switches = {each.key: each for each in found["nursery"].controls if isinstance(each, Switch)}
    assert list(switches) == ["audio", "detect", "motion", "recordings", "snapshots"]
    assert {each.is_on for each in switches.values()} == {True}
    for switch in switches.values():
        await switch.turn(False)
    assert server.commands == [(f"nursery/{key}/set", "OFF") for key in switches]
    found = by_id(await provider.cameras())
    assert {each.is_on for each in found["nursery"].controls if isinstance(each, Switch)} == {False}
    assert "audio" not in {each.key for each in found["driveway"].controls}


async def test_a_switch_that_nobody_confirms(
    server: FrigateSimulator, make_provider: MakeProvider, clock: FakeClock
) -> None:
    """The role was taken away since the listing: the server drops the command without a word."""
    found = by_id(await make_provider(server.url).cameras())
    switch = next(each for each in found["driveway"].controls if isinstance(each, Switch))
    server.login.users[USER] = User(password=server.login.users[USER].password, role="viewer")
    server.login.forget_tokens()
    turning = asyncio.ensure_future(switch.turn(False))
    await server.wait_until(lambda: "driveway/detect/set" in server.line.said)
    server.line.say("no JSON")
    server.line.tell("driveway/motion", "ON")
    await settle(50)
    await clock.advance(5)
    with pytest.raises(Unsupported) as caught:
        await turning
    assert caught.value.reason == "control_not_confirmed"
    assert server.commands == []


async def test_a_switch_while_the_server_hangs_up(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    found = by_id(await make_provider(server.url).cameras())
    switch = next(each for each in found["driveway"].controls if isinstance(each, Switch))
    server.login.users[USER] = User(password=server.login.users[USER].password, role="viewer")
    server.login.forget_tokens()
    turning = asyncio.ensure_future(switch.turn(True))
    await server.wait_until(lambda: "driveway/detect/set" in server.line.said)
    server.line.drop()
    with pytest.raises(Unreachable) as caught:
        await turning
    assert caught.value.reason == "event_line_closed"


async def test_a_camera_goes_to_its_positions(
    server: FrigateSimulator, make_provider: MakeProvider, clock: FakeClock
) -> None:
    provider = make_provider(server.url)
    found = by_id(await provider.cameras())
    presses = [each for each in found["driveway"].controls if isinstance(each, Press)]
    assert [(each.key, each.name) for each in presses] == [
        ("ptz_preset_gate", "gate"),
        ("ptz_preset_street_2", "Street 2"),
    ]
    await presses[1].press()
    await server.wait_until(lambda: bool(server.commands))
    assert server.commands == [("driveway/ptz", "preset_Street 2")]
    server.cameras[0].presets = ("gate", "Gate!")
    assert by_id(await provider.cameras()) == found, "they are asked once an hour"
    await clock.advance(PRESETS_S)
    presses = [each for each in by_id(await provider.cameras())["driveway"].controls if isinstance(each, Press)]
    assert [(each.key, each.name) for each in presses] == [("ptz_preset_gate", "gate"), ("ptz_preset_gate_1", "Gate!")]


async def test_positions_stay_while_a_camera_is_away(
    server: FrigateSimulator, make_provider: MakeProvider, clock: FakeClock
) -> None:
    provider = make_provider(server.url)
    found = by_id(await provider.cameras())
    server.faults.answers["/api/driveway/ptz/info"] = (200, "application/json", "{}")
    await clock.advance(PRESETS_S)
    assert by_id(await provider.cameras()) == found
    server.faults.answers["/api/driveway/ptz/info"] = (200, "application/json", '{"name": "driveway", "presets": []}')
    await clock.advance(PRESETS_S)
    assert not [each for each in by_id(await provider.cameras())["driveway"].controls if isinstance(each, Press)]


async def test_positions_that_cannot_be_read_keep_the_listing_going(
    server: FrigateSimulator, make_provider: MakeProvider, clock: FakeClock
) -> None:
    server.faults.answers["/api/driveway/ptz/info"] = (500, "text/plain", "no")
    provider = make_provider(server.url)
    found = by_id(await provider.cameras())
    assert not [each for each in found["driveway"].controls if isinstance(each, Press)]
    del server.faults.answers["/api/driveway/ptz/info"]
    await clock.advance(PRESETS_S)
    await provider.cameras()
    server.faults.answers["/api/driveway/ptz/info"] = (500, "text/plain", "no")
    await clock.advance(PRESETS_S)
    found = by_id(await provider.cameras())
    assert [each.name for each in found["driveway"].controls if isinstance(each, Press)] == ["gate", "Street 2"]
    server.faults.answers["/api/driveway/ptz/info"] = (401, "text/html", "")
    await clock.advance(PRESETS_S)
    with pytest.raises(AuthError):
        await provider.cameras()


async def test_throttled_logins_are_waited_for(
    server: FrigateSimulator, make_provider: MakeProvider, clock: FakeClock
) -> None:
    server.login.limit_s = 30
    server.login.throttles()
    provider = make_provider(server.url)
    for _ in range(2):
        with pytest.raises(Throttled) as caught:
            await provider.connect()
        assert caught.value.reason == "login_throttled"
        assert caught.value.retry_after == 60
    assert server.login.attempts == 2, "the second call asked nobody"
    await clock.advance(60)
    await provider.connect()


async def test_a_camera_that_comes_and_goes(server: FrigateSimulator, make_provider: MakeProvider) -> None:
    provider = make_provider(server.url)
    await provider.cameras()
    server.cameras.append(Unit(name="süd weg", streams={"süd weg": "süd weg"}))
    found = by_id(await provider.cameras())
    assert found["süd weg"].identity.name == "Süd Weg"
    rtsp, stills = found["süd weg"].rtsp, found["süd weg"].stills
    assert rtsp is not None
    assert rtsp.peek() == "rtsp://127.0.0.1:8554/s%C3%BCd%20weg"
    assert stills is not None
    assert (await stills.take()).content.startswith(b"\xff\xd8")
    server.cameras[-1].streams = {}
    away = by_id(await provider.cameras())["süd weg"]
    assert (away.rtsp, away.webrtc, away.hls) == (None, None, None)
    assert rtsp.peek() is None
    with pytest.raises(Unsupported) as caught:
        await rtsp.open()
    assert caught.value.reason == "not_restreamed"
    server.cameras.pop()
    assert "süd weg" not in by_id(await provider.cameras())
    with pytest.raises(Unsupported) as gone:
        await stills.take()
    assert gone.value.reason == "not_on_server"
    await provider.close()
