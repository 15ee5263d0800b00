import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
import ssl

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.camhub.kernel.errors import (
    AuthError,
    HubError,
    Malformed,
    Throttled,
    Unreachable,
    Unsupported,
)
from custom_components.camhub.kernel.model import JsonValue
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.providers.hikvision.answers import DeviceBusy
from custom_components.camhub.providers.hikvision.client import AT_ONCE, IsapiClient
from custom_components.camhub.providers.hikvision.tree import name_of
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, LimitClock, in_time, settle

from .conftest import MakeDevice, Serve, login

INFO = "System/deviceInfo"
PICTURE = "Streaming/channels/101/picture"
BUSY = "<ResponseStatus><statusCode>2</statusCode><subStatusCode>deviceBusy</subStatusCode></ResponseStatus>"


@pytest.fixture
def make_client(make_context: MakeContext) -> Callable[..., IsapiClient]:
    def make(url: str, **others: JsonValue) -> IsapiClient:
        context: Context = make_context(login(url, **others))
        return IsapiClient(context, context.credentials)

    return make


type MakeClient = Callable[..., IsapiClient]


async def test_one_login_serves_many_requests(make_device: MakeDevice, make_client: MakeClient) -> None:
    device = await make_device("nvr")
    client = make_client(device.url)
    assert name_of(await client.first(INFO)) == "DeviceInfo"
    await asyncio.gather(*(client.get("System/capabilities") for _ in range(10)))
    assert device.refusals == 1
    assert client.scheme == "digest"


async def test_two_requests_at_once_and_no_more(make_device: MakeDevice, make_client: MakeClient) -> None:
    device = await make_device("nvr")
    client = make_client(device.url)
    await client.first(INFO)
    device.hold()
    calls = [asyncio.create_task(client.picture(PICTURE, {})) for _ in range(6)]
    await device.wait_until(lambda: device.busiest == AT_ONCE)
    await settle()
    device.release()
    pictures = await asyncio.gather(*calls)
    assert device.busiest == AT_ONCE
    assert all(picture.startswith(b"\xff\xd8") for picture in pictures)


async def test_a_refused_login_is_the_last(make_device: MakeDevice, make_client: MakeClient) -> None:
    device = await make_device("camera")
    client = make_client(device.url, password="wrong")
    with pytest.raises(AuthError) as caught:
        await client.first(INFO)
    assert caught.value.reason == "login_attempts_left"
    assert caught.value.placeholders == {"attempts": "6"}
    asked = device.requests.total()
    for call in (client.get(INFO), client.picture(PICTURE, {}), client.first(INFO)):
        with pytest.raises(AuthError) as again:
            await call
        assert again.value.reason == "login_attempts_left"
    with pytest.raises(AuthError):
        async with client.stream("Event/notification/alertStream"):
            pass
    assert device.requests.total() == asked
    assert device.login.failures == 1


async def test_a_changed_password_costs_no_more_than_what_is_under_way(
    make_device: MakeDevice, make_client: MakeClient
) -> None:
    device = await make_device("nvr")
    client = make_client(device.url)
    await client.first(INFO)
    device.login.password = "changed"
    answers = await asyncio.gather(*(client.get(INFO) for _ in range(8)), return_exceptions=True)
    assert all(isinstance(answer, AuthError) for answer in answers)
    assert device.login.failures <= AT_ONCE + 1, "those under way, and one that may have had a nonce that was too old"


async def test_a_locked_account_is_left_alone_until_it_opens(
    make_device: MakeDevice, make_client: MakeClient, clock: FakeClock
) -> None:
    device = await make_device("nvr")
    device.login.locked_until = clock.monotonic() + 90
    client = make_client(device.url)
    with pytest.raises(Throttled) as caught:
        await client.first(INFO)
    assert caught.value.reason == "account_locked"
    assert caught.value.retry_after == 90
    asked = device.requests.total()
    await clock.advance(60)
    with pytest.raises(Throttled) as caught:
        await client.get(INFO)
    assert caught.value.retry_after == 30
    assert caught.value.placeholders == {"minutes": "1"}
    assert device.requests.total() == asked
    await clock.advance(31)
    assert name_of(await client.get(INFO)) == "DeviceInfo"


async def test_old_firmware_has_no_prefix(make_device: MakeDevice, make_client: MakeClient) -> None:
    device = await make_device("old")
    client = make_client(device.url)
    await client.first(INFO)
    await client.get("System/capabilities")
    assert device.requests["/System/capabilities"] == 1
    await client.first(INFO)
    assert device.requests["/ISAPI/System/deviceInfo"] == 2, "challenged and then not found"


async def test_no_device_at_either_path(serve: Serve, make_client: MakeClient) -> None:
    asked: Counter[str] = Counter()

    async def nothing(request: web.Request) -> web.Response:
        asked[request.path] += 1
        return web.Response(status=404)

    client = make_client(await serve(nothing))
    with pytest.raises(Unsupported):
        await client.first(INFO)
    with pytest.raises(Unsupported):
        await client.get(INFO)
    assert asked == {"/ISAPI/System/deviceInfo": 2, "/System/deviceInfo": 1}


async def test_a_busy_device_is_asked_twice_more(serve: Serve, make_client: MakeClient, clock: LimitClock) -> None:
    answers = [BUSY, BUSY, "<DeviceInfo/>", BUSY, BUSY, BUSY, "<DeviceInfo/>"]

    async def busy(request: web.Request) -> web.Response:
        text = answers.pop(0)
        return web.Response(text=text, status=503 if text == BUSY else 200)

    client = make_client(await serve(busy))
    assert name_of(await in_time(clock, client.get(INFO))) == "DeviceInfo"
    with pytest.raises(DeviceBusy):
        await in_time(clock, client.get(INFO))
    assert len(answers) == 1


async def test_a_picture_that_fails_at_first_is_asked_again(
    make_device: MakeDevice, make_client: MakeClient, clock: LimitClock
) -> None:
    device = await make_device("camera")
    device.faults.picture, device.faults.picture_times = "device_error", 2
    client = make_client(device.url)
    picture = await in_time(clock, client.picture(PICTURE, {}))
    assert picture.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", Malformed),
        (b"<html>busy</html>", Malformed),
        (b"<DeviceInfo/>", Malformed),
        (b"<ResponseStatus><statusCode>6</statusCode></ResponseStatus>", Unsupported),
        (b"\x89PNG", Malformed),
        (b"\xff\xd8" + bytes(17 * 2**20), Malformed),
    ],
    ids=["nothing", "html", "xml", "status", "png", "too much"],
)
async def test_what_is_no_picture(serve: Serve, make_client: MakeClient, body: bytes, kind: type[HubError]) -> None:
    async def wrong(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="image/jpeg")

    client = make_client(await serve(wrong))
    with pytest.raises(kind):
        await client.picture(PICTURE, {})


async def test_silence_has_an_end(serve: Serve, make_client: MakeClient, clock: FakeClock) -> None:
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        reached.set()
        await let_go.wait()
        return web.Response()

    client = make_client(await serve(silent))
    call = asyncio.create_task(client.get(INFO))
    await reached.wait()
    await clock.advance(9.9)
    assert not call.done()
    await clock.advance(0.2)
    with pytest.raises(Unreachable) as caught:
        await call
    assert caught.value.reason == "timeout"
    assert clock.sleepers == 0
    let_go.set()


async def test_a_call_that_is_given_up_leaves_nothing_behind(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        reached.set()
        await let_go.wait()
        return web.Response()

    before = asyncio.all_tasks()
    client = make_client(await serve(silent))
    call = asyncio.create_task(client.get(INFO))
    await reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert clock.sleepers == 0
    let_go.set()
    assert call not in asyncio.all_tasks() - before


@pytest.mark.parametrize("when", ["at once", "inside"])
async def test_a_connection_that_breaks(serve: Serve, make_client: MakeClient, when: str) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        response = web.StreamResponse()
        response.content_length = 1000
        if when == "inside":
            await response.prepare(request)
            await response.write(b"<DeviceInfo>")
        request.transport.abort()
        return response

    client = make_client(await serve(cut))
    with pytest.raises(Unreachable) as caught:
        await client.get(INFO)
    assert caught.value.reason == "cannot_connect"


async def test_nobody_there(make_client: MakeClient, unused_tcp_port: int) -> None:
    with pytest.raises(Unreachable):
        await make_client(f"http://127.0.0.1:{unused_tcp_port}").first(INFO)


async def test_a_redirect_to_the_same_host_is_taken_over(
    make_device: MakeDevice, serve: Serve, make_client: MakeClient
) -> None:
    device = await make_device("camera")

    async def elsewhere(request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        raise web.HTTPMovedPermanently(f"{device.url}{request.path}")

    client = make_client(await serve(elsewhere))
    assert name_of(await client.first(INFO)) == "DeviceInfo"
    assert str(client.base) == device.url
    assert name_of(await client.get(INFO)) == "DeviceInfo"


@pytest.mark.parametrize("target", ["http://192.0.2.66/x", "/doc/page/login.asp", "http://[", ""])
async def test_no_other_redirect_is_followed(serve: Serve, make_client: MakeClient, target: str) -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": target})

    client = make_client(await serve(elsewhere))
    with pytest.raises(Malformed):
        await client.first(INFO)
    assert asked == ["/ISAPI/System/deviceInfo"]


async def test_nothing_leads_back_to_an_open_line(serve: Serve, make_context: MakeContext, tls: ssl.SSLContext) -> None:
    """A name and a password that went by Basic would be read by everybody there."""
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    open_line = await serve(elsewhere)

    async def leading(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{open_line}{request.path}"})

    app = web.Application()
    app.router.add_get("/{rest:.*}", leading)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=tls)
    context = make_context(login(str(server.make_url("")), verify_tls=False))
    with pytest.raises(Malformed):
        await IsapiClient(context, context.credentials).first(INFO)
    await server.close()
    assert asked == []


async def test_a_device_that_asks_to_wait_is_left_alone(
    serve: Serve, make_client: MakeClient, clock: FakeClock
) -> None:
    asked: list[str] = []

    async def waiting(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text=BUSY, status=503, headers={"Retry-After": "120"})

    client = make_client(await serve(waiting))
    for left in (120, 90, 60):
        with pytest.raises(Throttled) as caught:
            await client.get(INFO)
        assert (caught.value.retry_after, caught.value.reason) == (left, "throttled")
        await clock.advance(30)
    assert len(asked) == 1
    await clock.advance(30)
    with pytest.raises(Throttled):
        await client.get(INFO)
    assert len(asked) == 2


async def test_an_untrusted_certificate_has_its_own_reason(make_client: MakeClient, tls: ssl.SSLContext) -> None:
    app = web.Application()

    async def info(request: web.Request) -> web.Response:
        return web.Response(text="<DeviceInfo/>")

    app.router.add_get("/ISAPI/System/deviceInfo", info)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    with pytest.raises(Unreachable) as caught:
        await make_client(url).first(INFO)
    assert caught.value.reason == "tls_untrusted"
    assert name_of(await make_client(url, verify_tls=False).first(INFO)) == "DeviceInfo"
    await runner.cleanup()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera.example")])
    begin = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=10))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
