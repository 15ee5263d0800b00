import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.model import DeviceIdentity, EventKind
from custom_components.camhub.kernel.provider import Camera
from custom_components.camhub.providers.hikvision.listing import SLOW_S, USUAL_KINDS
from custom_components.camhub.providers.hikvision.provider import HikvisionProvider
from simulators.hikvision import HikvisionSimulator
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, LimitClock, in_time

from .conftest import MakeDevice, MakeProvider, login

NOTIFIED = {EventKind.MOTION, EventKind.LINE_CROSSING, EventKind.INTRUSION, EventKind.TAMPER}


def by_id(cameras: object) -> dict[str, Camera]:
    assert isinstance(cameras, list)
    return {each.id: each for each in cameras}


async def test_a_camera(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("camera")
    provider = make_provider(device.url)
    await provider.connect()
    (found,) = await provider.cameras()
    assert found.id == "input-1"
    assert found.identity == DeviceIdentity(
        name="Garden gate",
        manufacturer="Hikvision",
        model="SIM-CAM-4",
        firmware="V5.7.15 build 260101",
        serial="SIM-CAM-420260101AAWR000000041",
        mac="02:00:5e:00:53:41",
        address="127.0.0.1",
    )
    assert found.online is True
    assert found.problems == ()
    assert found.event_kinds == NOTIFIED
    assert (found.rtsp is None, found.stills is None, found.webrtc) == (False, False, None)
    assert provider.device() is None
    assert provider.token_status() is None


async def test_a_recorder_of_network_cameras(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("nvr")
    provider = make_provider(device.url)
    assert provider.device() is None, "nothing is known yet"
    assert provider.diagnostics() == {}
    found = by_id(await provider.cameras())
    assert list(found) == ["proxy-1", "proxy-2", "proxy-3", "proxy-4", "proxy-5", "proxy-6", "zero-1"]
    assert provider.device() == DeviceIdentity(
        name="Cellar recorder",
        manufacturer="Hikvision",
        model="SIM-NVR-16",
        firmware="V4.74.210 build 260101",
        serial="SIM-NVR-1620260101CCRR000000016WCVU",
        mac="02:00:5e:00:53:16",
        address="127.0.0.1",
    )
    assert found["proxy-1"].identity == DeviceIdentity(
        name="Driveway",
        manufacturer="Hikvision",
        model="SIM-CAM-8",
        firmware="V5.7.14",
        serial="SIM-CAM-820260101AAWR000000011",
        address="192.0.2.21",
    )
    assert found["proxy-2"].identity.model is None
    assert found["proxy-2"].identity.manufacturer == "ONVIF"
    assert found["proxy-3"].identity.serial is None, "a serial that two share names neither"
    assert found["proxy-4"].identity.name == "Hen house & yard"
    assert (found["proxy-5"].online, found["proxy-5"].offline_reason) == (False, "camera_network_unreachable")
    assert found["proxy-1"].event_kinds == NOTIFIED
    assert found["proxy-6"].event_kinds == frozenset(), "nothing of it is sent to the surveillance centre"
    assert found["zero-1"].identity.name == "Channel zero"
    assert found["zero-1"].event_kinds == frozenset()


async def test_a_recorder_of_analogue_cameras(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("dvr")
    found = by_id(await make_provider(device.url).cameras())
    assert {key: each.identity.name for key, each in found.items()} == {
        "input-1": "Porch",
        "input-2": "Camera 02",
        "input-3": "Camera 3",
        "input-4": "Alley",
    }
    assert (found["input-2"].online, found["input-2"].offline_reason) == (False, "no_video_signal")
    assert found["input-1"].identity.serial is None


async def test_a_hybrid_recorder_has_both(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("hybrid")
    found = by_id(await make_provider(device.url).cameras())
    assert list(found) == ["input-1", "input-2", "proxy-9", "proxy-10"]
    assert found["proxy-9"].rtsp is not None
    assert (found["proxy-9"].rtsp.peek() or "").endswith("/901")


async def test_old_firmware(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("old")
    provider = make_provider(device.url)
    await provider.connect()
    (found,) = await provider.cameras()
    assert found.identity.name == "Old barn"
    assert found.stills is not None
    assert (await found.stills.take()).content.startswith(b"\xff\xd8")


async def test_later_listings_ask_little_and_see_what_changed(
    make_device: MakeDevice, make_provider: MakeProvider, clock: FakeClock
) -> None:
    device = await make_device("nvr")
    provider = make_provider(device.url)
    first = by_id(await provider.cameras())
    assert await provider.cameras() == list(first.values())
    device.personality.channels[1].name = "Kitchen door"
    device.faults.offline = {1}
    device.requests.clear()
    second = by_id(await provider.cameras())
    assert set(device.requests) == {
        "/ISAPI/ContentMgmt/InputProxy/channels",
        "/ISAPI/ContentMgmt/ZeroVideo/channels",
        "/ISAPI/Security/videoEncryption",
        *(f"/ISAPI/ContentMgmt/InputProxy/channels/{number}/status" for number in range(1, 7)),
    }
    assert second["proxy-2"].identity.name == "Kitchen door"
    assert second["proxy-1"].online is False
    assert second["proxy-1"] != first["proxy-1"]
    for key, camera in second.items():
        assert camera.stills is first[key].stills
        assert camera.rtsp is first[key].rtsp
    await clock.advance(SLOW_S)
    await provider.cameras()
    assert device.requests["/ISAPI/System/deviceInfo"] == 1


async def test_encryption_is_a_problem_as_long_as_it_is_on(
    make_device: MakeDevice, make_provider: MakeProvider
) -> None:
    device = await make_device("nvr")
    device.answers.video_encryption = True
    provider = make_provider(device.url)
    assert {each.problems for each in await provider.cameras()} == {("video_encrypted",)}
    device.answers.video_encryption = False
    assert {each.problems for each in await provider.cameras()} == {()}


@pytest.mark.parametrize(("switch", "problems"), [("true", ("video_encrypted",)), ("false", ())])
async def test_encryption_may_stand_elsewhere(
    make_device: MakeDevice, make_provider: MakeProvider, switch: str, problems: tuple[str, ...]
) -> None:
    device = await make_device("camera")
    device.faults.answers["/Security/videoEncryption"] = (404, "")
    device.faults.answers["/System/Network/EZVIZ"] = (
        200,
        f"<EZVIZ><enabled>true</enabled><streamEncrypteEnabled>{switch}</streamEncrypteEnabled></EZVIZ>",
    )
    (found,) = await make_provider(device.url).cameras()
    assert found.problems == problems


async def test_what_may_not_be_read_has_a_default(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("camera")
    for path in (
        "/System/capabilities",
        "/System/Video/inputs/channels",
        "/Streaming/channels",
        "/Security/adminAccesses",
        "/Security/videoEncryption",
        "/Event/triggers",
    ):
        device.faults.answers[path] = (403, "")
    provider = make_provider(device.url)
    (found,) = await provider.cameras()
    assert (found.id, found.identity.name, found.online) == ("input-1", "Garden gate", True)
    assert found.event_kinds == USUAL_KINDS
    assert found.rtsp is not None
    assert (found.rtsp.peek() or "").endswith("@127.0.0.1:554/Streaming/Channels/101")
    asked = device.requests.total()
    await provider.cameras()
    assert device.requests.total() == asked, "what is missing is not asked for again within the hour"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, ""),
        (200, "<ResponseStatus><statusCode>3</statusCode><subStatusCode>deviceError</subStatusCode></ResponseStatus>"),
    ],
)
async def test_one_path_that_fails_for_good_does_not_keep_the_device_away(
    make_device: MakeDevice, make_context: MakeContext, clock: LimitClock, status: int, body: str
) -> None:
    device = await make_device("nvr")
    for path in (
        "/System/capabilities",
        "/Security/adminAccesses",
        "/Security/videoEncryption",
        "/Event/triggers",
        "/ContentMgmt/Storage",
    ):
        device.faults.answers[path] = (status, body)
    context = make_context(login(device.url))
    found = by_id(await in_time(clock, HikvisionProvider(context).cameras()))
    assert list(found)[:6] == [f"proxy-{number}" for number in range(1, 7)]
    assert found["proxy-1"].event_kinds == USUAL_KINDS
    assert context.counters.get("device_fault") == 5


async def test_what_fails_later_stays_as_it_was(
    make_device: MakeDevice, make_provider: MakeProvider, clock: LimitClock
) -> None:
    device = await make_device("nvr")
    provider = make_provider(device.url)
    before = await provider.cameras()
    for path in ("/System/capabilities", "/Streaming/channels", "/Security/adminAccesses", "/Event/triggers"):
        device.faults.answers[path] = (500, "")
    await clock.advance(SLOW_S)
    assert await provider.cameras() == before
    assert before[0].rtsp is not None
    assert ":10554/" in (before[0].rtsp.peek() or "")


async def test_a_device_that_is_busy_is_not_taken_for_one_without(
    make_device: MakeDevice, make_provider: MakeProvider, clock: LimitClock
) -> None:
    device = await make_device("nvr")
    provider = make_provider(device.url)
    device.faults.answers["/Event/triggers"] = (503, "<ResponseStatus><statusCode>2</statusCode></ResponseStatus>")
    with pytest.raises(Unreachable):
        await in_time(clock, provider.cameras())
    del device.faults.answers["/Event/triggers"]
    assert by_id(await provider.cameras())["proxy-1"].event_kinds == NOTIFIED


async def test_a_recorder_may_call_its_network_channels_inputs(
    make_device: MakeDevice, make_provider: MakeProvider
) -> None:
    def told(number: int) -> str:
        return (
            f"<EventTrigger><eventType>VMD</eventType><videoInputChannelID>{number}</videoInputChannelID>"
            "<EventTriggerNotificationList><EventTriggerNotification><notificationMethod>center</notificationMethod>"
            "</EventTriggerNotification></EventTriggerNotificationList></EventTrigger>"
        )

    for model, motion in (("nvr", {"proxy-2"}), ("hybrid", {"input-2"})):
        device = await make_device(model)
        device.faults.answers["/Event/triggers"] = (200, f"<EventTriggerList>{told(2)}</EventTriggerList>")
        found = by_id(await make_provider(device.url).cameras())
        assert {key for key, each in found.items() if EventKind.MOTION in each.event_kinds} == motion
        await device.stop()


async def test_lenses_that_only_the_streams_tell(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("camera")
    device.faults.answers["/System/Video/inputs/channels"] = (403, "")
    ids = "".join(f"<StreamingChannel><id>{each}</id></StreamingChannel>" for each in (101, 102, 201, 202))
    device.faults.answers["/Streaming/channels"] = (200, f"<StreamingChannelList>{ids}</StreamingChannelList>")
    first, second = await make_provider(device.url).cameras()
    assert (first.id, second.id) == ("input-1", "input-2")
    assert second.rtsp is not None
    assert (second.rtsp.peek() or "").endswith("/201")


async def test_a_device_without_a_password_says_so(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("camera")
    body = "<ResponseStatus><statusCode>4</statusCode><subStatusCode>notActivated</subStatusCode></ResponseStatus>"
    device.faults.answers["/System/deviceInfo"] = (403, body)
    with pytest.raises(AuthError) as caught:
        await make_provider(device.url).connect()
    assert caught.value.reason == "device_not_activated"


async def test_what_cannot_be_read_is_counted(make_device: MakeDevice, make_context: MakeContext) -> None:
    device = await make_device("camera")
    device.faults.answers["/Event/triggers"] = (200, "<html>no</html>")
    context = make_context(login(device.url))
    (found,) = await HikvisionProvider(context).cameras()
    assert found.event_kinds == USUAL_KINDS
    assert context.counters.get("malformed") == 1


async def test_a_factory_name_gives_way_to_the_devices_own(
    make_device: MakeDevice, make_provider: MakeProvider
) -> None:
    device = await make_device("camera")
    device.personality.channels[0].name = "IPCamera 01"
    (found,) = await make_provider(device.url).cameras()
    assert found.identity.name == "Garden gate"


async def test_a_camera_with_two_lenses(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("camera")
    inputs = (
        "<VideoInputChannelList><VideoInputChannel><id>1</id><name>Camera 01</name></VideoInputChannel>"
        "<VideoInputChannel><id>2</id></VideoInputChannel></VideoInputChannelList>"
    )
    device.faults.answers["/System/Video/inputs/channels"] = (200, inputs)
    first, second = await make_provider(device.url).cameras()
    assert (first.id, first.identity.name) == ("input-1", "Camera 01")
    assert (second.id, second.identity.name) == ("input-2", "Camera 2")
    assert first.identity.serial == "SIM-CAM-420260101AAWR000000041"
    assert second.identity.serial is None, "two cameras may not go by one serial"


async def test_an_account_that_sees_only_streams(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("nvr")
    device.faults.answers["/ContentMgmt/InputProxy/channels"] = (403, "")
    found = by_id(await make_provider(device.url).cameras())
    assert list(found) == [f"proxy-{number}" for number in range(1, 7)]
    assert found["proxy-1"].identity.name == "Camera 1"
    assert found["proxy-1"].online is None
    device.faults.answers["/Streaming/channels"] = (403, "")
    with pytest.raises(Unsupported) as caught:
        await make_provider(device.url).cameras()
    assert caught.value.reason == "insufficient_permission"


async def test_the_list_form_of_the_states(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("hybrid")
    device.faults.offline = {10}
    found = by_id(await make_provider(device.url).cameras())
    assert (found["proxy-9"].online, found["proxy-10"].online) == (True, False)
    assert device.requests["/ISAPI/ContentMgmt/InputProxy/channels/status"] == 1
    assert device.requests["/ISAPI/ContentMgmt/InputProxy/channels/9/status"] == 0


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<html>starting</html>", Malformed),
        (200, "", Malformed),
        (500, "", Unreachable),
        (403, "", Unsupported),
        (401, "", AuthError),
    ],
)
async def test_a_list_that_fails_does_not_empty_the_house(
    make_device: MakeDevice, make_provider: MakeProvider, status: int, body: str, kind: type[HubError]
) -> None:
    device = await make_device("nvr")
    provider = make_provider(device.url)
    before = await provider.cameras()
    device.faults.answers["/ContentMgmt/InputProxy/channels"] = (status, body)
    with pytest.raises(kind):
        await provider.cameras()
    del device.faults.answers["/ContentMgmt/InputProxy/channels"]
    if kind is AuthError:
        with pytest.raises(AuthError):
            await provider.cameras()
    else:
        assert await provider.cameras() == before


async def test_connecting_fails_for_a_reason(
    make_device: MakeDevice, make_provider: MakeProvider, clock: FakeClock
) -> None:
    device = await make_device("camera")
    with pytest.raises(AuthError):
        await make_provider(device.url, password="no").connect()
    device.login.locked_until = clock.monotonic() + 60
    with pytest.raises(Throttled):
        await make_provider(device.url).connect()
    await device.stop()
    with pytest.raises(Unreachable):
        await make_provider(device.url).connect()
    with pytest.raises(Unreachable):
        await make_provider("two words").connect()


async def test_diagnostics_name_nobody(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("nvr")
    provider = make_provider(device.url)
    await provider.cameras()
    told = provider.diagnostics()
    assert told["model"] == "SIM-NVR-16"
    assert told["recorder"] is True
    assert told["login"] == "digest"
    for secret in ("127.0.0.1", "192.0.2", "p@ss", "camhub", device.personality.serial, device.personality.mac):
        assert secret not in str(told)


async def test_closing_twice_is_no_harm(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device: HikvisionSimulator = await make_device("camera")
    provider = make_provider(device.url)
    await provider.cameras()
    await provider.close()
    await provider.close()
    assert device.alerts.listeners == 0
