import io

from aiohttp import web
from PIL import Image as Picture
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Unreachable, Unsupported
from custom_components.camhub.kernel.provider import Camera, WebRtc
from custom_components.camhub.providers.hikvision.media import ChannelRtsp
from custom_components.camhub.providers.hikvision.provider import HikvisionProvider
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import MakeDevice, MakeProvider, Serve, login

JPEG = b"\xff\xd8\xff\xd9"
DIRECT = "/ISAPI/Streaming/channels/101/picture"
PROXIED = "/ISAPI/ContentMgmt/StreamingProxy/channels/101/picture"


class Grabber:
    """Stands where the hub photographs streams."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.error: HubError | None = None

    async def grab(self, address: str, timeout: float) -> bytes:
        self.addresses.append(address)
        if self.error is not None:
            raise self.error
        return JPEG

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        raise Unreachable


async def camera(provider: HikvisionProvider, name: str) -> Camera:
    return next(each for each in await provider.cameras() if each.id == name)


async def test_a_picture(make_device: MakeDevice, make_provider: MakeProvider, clock: FakeClock) -> None:
    device = await make_device("camera")
    device.faults.picture_type = "text/plain"
    found = await camera(make_provider(device.url), "input-1")
    assert found.stills is not None
    image = await found.stills.take()
    assert image.content.startswith(b"\xff\xd8")
    assert image.taken_at == clock.now()


@pytest.mark.parametrize(("wanted", "got"), [(320, (320, 180)), (None, (640, 360)), (99999, (640, 360))])
async def test_a_smaller_picture_is_asked_for_by_size(
    make_device: MakeDevice, make_provider: MakeProvider, wanted: int | None, got: tuple[int, int]
) -> None:
    device = await make_device("camera")
    found = await camera(make_provider(device.url), "input-1")
    assert found.stills is not None
    image = await found.stills.take(wanted)
    assert Picture.open(io.BytesIO(image.content)).size == got


@pytest.mark.parametrize("proxy_only", [True, 400, 403, 500])
async def test_the_other_path_is_found_and_remembered(
    make_device: MakeDevice, make_provider: MakeProvider, proxy_only: bool | int
) -> None:
    device = await make_device("nvr")
    device.faults.proxy_only = proxy_only
    provider = make_provider(device.url)
    found = await camera(provider, "proxy-1")
    assert found.stills is not None
    for _ in range(3):
        assert (await found.stills.take()).content.startswith(b"\xff\xd8")
    assert (device.requests[DIRECT], device.requests[PROXIED]) == (1, 3)
    again = await camera(provider, "proxy-1")
    assert again.stills is found.stills
    channels = provider.diagnostics()["channels"]
    assert isinstance(channels, dict)
    assert channels["proxy-1"] == {"online": True, "picture_paths": 1}


async def test_a_camera_that_goes_away_is_asked_on_both_paths_later(
    make_device: MakeDevice, make_provider: MakeProvider
) -> None:
    device = await make_device("nvr")
    found = await camera(make_provider(device.url), "proxy-1")
    assert found.stills is not None
    await found.stills.take()
    device.faults.offline = {1}
    with pytest.raises(Unreachable) as caught:
        await found.stills.take()
    assert caught.value.reason == "device_fault"
    assert device.requests[PROXIED] == 0
    device.faults.offline, device.faults.proxy_only = set(), True
    await found.stills.take()
    assert device.requests[PROXIED] == 1


async def test_an_offline_camera_is_not_photographed_from_its_stream(
    make_device: MakeDevice, make_context: MakeContext
) -> None:
    device, grabber = await make_device("nvr"), Grabber()
    found = await camera(HikvisionProvider(make_context(login(device.url), grabber=grabber)), "proxy-5")
    assert found.online is False
    assert found.stills is not None
    with pytest.raises(Unreachable):
        await found.stills.take()
    assert grabber.addresses == []


async def test_a_channel_without_pictures_is_photographed_from_its_stream(
    make_device: MakeDevice, make_context: MakeContext
) -> None:
    device, grabber = await make_device("nvr"), Grabber()
    found = await camera(HikvisionProvider(make_context(login(device.url), grabber=grabber)), "zero-1")
    assert found.stills is not None
    asked = device.requests.total()
    assert (await found.stills.take()).content == JPEG
    assert device.requests.total() == asked + 2
    assert grabber.addresses[0].endswith("/Streaming/Channels/001")
    await found.stills.take()
    assert device.requests.total() == asked + 2, "the way is remembered"
    grabber.error = Unreachable()
    with pytest.raises(Unreachable):
        await found.stills.take()
    with pytest.raises(Unsupported):
        await found.stills.take()


@pytest.mark.parametrize(("fault", "kind"), [("empty", Malformed), ("html", Malformed)])
async def test_what_is_no_picture_is_not_shown(
    make_device: MakeDevice, make_provider: MakeProvider, fault: str, kind: type[HubError]
) -> None:
    device = await make_device("camera")
    device.faults.change({"picture": fault})
    found = await camera(make_provider(device.url), "input-1")
    assert found.stills is not None
    with pytest.raises(kind):
        await found.stills.take()


async def test_a_device_that_cannot_scale_is_not_asked_to_again(serve: Serve, make_provider: MakeProvider) -> None:
    queries: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/ISAPI/System/deviceInfo":
            return web.Response(text="<DeviceInfo><deviceType>IPCamera</deviceType></DeviceInfo>")
        if request.path == "/ISAPI/Streaming/channels":
            return web.Response(
                text="<StreamingChannelList><StreamingChannel><id>101</id><Video><videoResolutionWidth>1920"
                "</videoResolutionWidth><videoResolutionHeight>1080</videoResolutionHeight></Video>"
                "</StreamingChannel></StreamingChannelList>"
            )
        if not request.path.endswith("/picture"):
            return web.Response(status=404)
        queries.append(request.query_string)
        return web.Response(status=400) if request.query_string else web.Response(body=JPEG)

    found = await camera(make_provider(await serve(answer)), "input-1")
    assert found.stills is not None
    assert (await found.stills.take(640)).content == JPEG
    await found.stills.take(640)
    assert queries == ["videoResolutionWidth=640&videoResolutionHeight=360", "", ""]


async def test_stream_addresses(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("nvr")
    found = await camera(make_provider(device.url), "proxy-4")
    base = "rtsp://camhub:p%40ss%3Aw%2Frd%231@127.0.0.1:10554/Streaming/Channels"
    assert isinstance(found.rtsp, ChannelRtsp)
    assert found.rtsp.peek() == f"{base}/401"
    lease = await found.rtsp.open()
    assert lease.value == f"{base}/401"
    assert lease.expires_at is None
    assert "p%40ss" not in repr(lease)
    assert found.rtsp.substream is not None
    assert found.rtsp.substream.peek() == f"{base}/402"


async def test_the_sub_stream_can_be_the_one(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("nvr")
    provider = make_provider(device.url, stream="sub")
    found = await camera(provider, "proxy-1")
    assert found.rtsp is not None
    assert (found.rtsp.peek() or "").endswith("/102")
    zero = await camera(provider, "zero-1")
    assert isinstance(zero.rtsp, ChannelRtsp)
    assert (zero.rtsp.peek() or "").endswith("/001"), "there is no other"
    assert zero.rtsp.substream is None


async def test_no_address_after_a_refused_login(make_device: MakeDevice, make_provider: MakeProvider) -> None:
    device = await make_device("camera")
    found = await camera(make_provider(device.url), "input-1")
    assert found.rtsp is not None
    assert found.stills is not None
    device.login.password = "changed"
    with pytest.raises(AuthError):
        await found.stills.take()
    assert found.rtsp.peek() is None
    with pytest.raises(AuthError):
        await found.rtsp.open()
