import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
import socket
import ssl
import termios

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
import pytest
import pytest_socket

from custom_components.camhub.kernel.errors import AuthError
from custom_components.camhub.kernel.mjpeg import JpegReader
from custom_components.camhub.kernel.relay import BOUNDARY, OPENING, Relay, RelayState
from custom_components.camhub.viewers import STALLED_AFTER, HttpViewer, serve_mjpeg

from ..fake_clock import FakeClock, settle
from ..kernel.pictures import jpeg
from ..kernel.streams import FedStream

CONTENT_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
SMALL = [jpeg(b"%d" % number) for number in range(10)]
LARGE = [jpeg(b"%03d" % number * 20_000) for number in range(40)]


@pytest.fixture(autouse=True)
def _custom_integrations(socket_enabled: None) -> None:
    """Open sockets; Home Assistant itself is not needed here."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


@pytest.fixture
def stream() -> FedStream:
    return FedStream()


@pytest.fixture
async def relay(stream: FedStream, clock: FakeClock) -> AsyncIterator[Relay]:
    relay = Relay(stream, clock=clock)
    yield relay
    await relay.close()


type Serve = Callable[..., Awaitable[int]]


@pytest.fixture
async def serve(relay: Relay) -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(
        *,
        handler_cancellation: bool = True,
        tls: ssl.SSLContext | None = None,
        hang_up: bool = False,
        path: Path | None = None,
    ) -> int:
        async def handler(request: web.Request) -> web.StreamResponse:
            if hang_up and request.transport:
                request.transport.abort()
                await settle()
            return await serve_mjpeg(request, relay)

        app = web.Application()
        app.router.add_get("/", handler)
        runner = web.AppRunner(app, handler_cancellation=handler_cancellation, shutdown_timeout=0)
        runners.append(runner)
        await runner.setup()
        if path is not None:
            await web.UnixSite(runner, path, ssl_context=tls).start()
            return 0
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listening, ssl_context=tls).start()
        return int(listening.getsockname()[1])

    yield start
    # As at the end of an account: viewers end before the server does.
    await relay.close()
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def port(serve: Serve) -> int:
    return await serve()


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


class Client:
    """A viewer who reads when told; one that is `small` has little room of its own.

    By a `path` it talks to a server of the same machine: there is nothing on the way then that has time of its own.
    """

    def __init__(self, stack: AsyncExitStack, *, small: bool = False, path: Path | None = None) -> None:
        self._path = path
        self._socket = stack.enter_context(socket.socket(socket.AF_UNIX if path else socket.AF_INET))
        if small:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.setblocking(False)
        self._data = b""

    async def ask(self, port: int, version: str = "1.1") -> str:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, str(self._path) if self._path else ("127.0.0.1", port))
        return await self.ask_again(version)

    async def ask_again(self, version: str = "1.1") -> str:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, f"GET / HTTP/{version}\r\nHost: hub.example\r\n\r\n".encode())
        return (await self.until(b"\r\n\r\n")).decode()

    async def until(self, end: bytes) -> bytes:
        while end not in self._data:
            self._data += await self._some()
        found, _, self._data = self._data.partition(end)
        return found

    async def exactly(self, size: int) -> bytes:
        while len(self._data) < size:
            self._data += await self._some()
        found, self._data = self._data[:size], self._data[size:]
        return found

    async def chunk(self) -> bytes:
        data = await self.exactly(int(await self.until(b"\r\n"), 16))
        assert await self.exactly(2) == b"\r\n"
        return data

    async def rest(self) -> bytes:
        while data := await asyncio.get_running_loop().sock_recv(self._socket, 65536):
            self._data += data
        return self._data

    async def _some(self) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
        assert data, "the hub hung up"
        return data


def jpegs(data: bytes) -> list[bytes]:
    return JpegReader(CONTENT_TYPE).feed(data)


async def test_viewer_who_left_before_the_first_byte_never_joins(
    serve: Serve, relay: Relay, stream: FedStream, opened: AsyncExitStack
) -> None:
    port = await serve(hang_up=True, handler_cancellation=False)
    with pytest.raises((AssertionError, ConnectionResetError)):
        await Client(opened).ask(port)
    await settle()
    assert stream.opened == 0


def only_viewer(relay: Relay) -> HttpViewer:
    (viewer,) = relay._viewers
    assert isinstance(viewer, HttpViewer)
    return viewer


async def test_viewer_gets_every_frame_as_a_part_with_our_headers_only(
    port: int, stream: FedStream, opened: AsyncExitStack
) -> None:
    session = await opened.enter_async_context(aiohttp.ClientSession())
    response = await opened.enter_async_context(session.get(f"http://127.0.0.1:{port}/"))
    assert response.status == 200
    assert {name.lower() for name in response.headers} - {"date", "server", "transfer-encoding"} == {
        "content-type",
        "cache-control",
        "x-content-type-options",
        "x-accel-buffering",
    }
    assert response.headers["Content-Type"] == CONTENT_TYPE
    assert "no-cache" in response.headers["Cache-Control"]
    reader = JpegReader(response.headers["Content-Type"])
    for picture in SMALL:
        stream.put(picture)
        found: list[bytes] = []
        while not found:
            found = reader.feed(await response.content.readany())
        assert found == [picture]


async def test_each_frame_is_one_chunk_and_the_end_is_clean(
    port: int, stream: FedStream, opened: AsyncExitStack
) -> None:
    client = Client(opened)
    assert "transfer-encoding: chunked" in (await client.ask(port)).lower()
    assert await client.chunk() == OPENING
    for picture in SMALL:
        stream.put(picture)
        part = await client.chunk()
        assert part.endswith(b"\r\n\r\n" + picture + b"\r\n" + OPENING)
    stream.put(AuthError("no"))
    assert await client.chunk() == b""
    # The connection is in order: the next request on it is answered, and ends at once as the camera refused.
    assert (await client.ask_again()).startswith("HTTP/1.1 200")
    assert await client.chunk() == OPENING
    assert await client.chunk() == b""


async def test_http_1_0_gets_parts_without_chunks(port: int, stream: FedStream, opened: AsyncExitStack) -> None:
    client = Client(opened)
    assert "transfer-encoding" not in (await client.ask(port, "1.0")).lower()
    assert await client.exactly(len(OPENING)) == OPENING
    stream.put(SMALL[0])
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(SMALL[0])
    whole = head + SMALL[0] + b"\r\n" + OPENING
    assert await client.exactly(len(whole)) == whole
    stream.put(AuthError("no"))
    assert await client.rest() == b""


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_slow_viewer_skips_frames_and_gets_the_newest_whole(
    port: int, stream: FedStream, relay: Relay, opened: AsyncExitStack, version: str
) -> None:
    slow, quick = Client(opened, small=True), Client(opened)
    await slow.ask(port, version)
    await settle()
    viewer = only_viewer(relay)
    await quick.ask(port)
    assert await quick.chunk() == OPENING
    for picture in LARGE:
        stream.put(picture)
        assert jpegs(OPENING + await quick.chunk()) == [picture]
    assert viewer.skipped >= len(LARGE) - 3
    sent = len(LARGE) - viewer.skipped
    newest = jpeg(b"newest")

    async def part() -> bytes:
        return await slow.chunk() if version == "1.1" else await slow.until(b"\r\n" + OPENING) + b"\r\n"

    if version == "1.1":
        assert await slow.chunk() == OPENING
    else:
        assert await slow.exactly(len(OPENING)) == OPENING
    # What was sent before the jam arrives whole; then only what is new.
    assert [jpegs(OPENING + await part()) for _ in range(sent)] == [[picture] for picture in LARGE[:sent]]
    stream.put(newest)
    assert jpegs(OPENING + await part()) == [newest]


@pytest.mark.parametrize("handler_cancellation", [True, False])
async def test_stalled_viewer_is_cut_within_thirty_seconds_and_the_others_lose_nothing(
    serve: Serve,
    stream: FedStream,
    relay: Relay,
    clock: FakeClock,
    opened: AsyncExitStack,
    tmp_path: Path,
    handler_cancellation: bool,
) -> None:
    path = tmp_path / "hub"
    port = await serve(handler_cancellation=handler_cancellation, path=path)
    stalled, quick = Client(opened, path=path), Client(opened, path=path)
    await stalled.ask(port)
    await settle()
    await quick.ask(port)
    assert await quick.chunk() == OPENING
    assert relay.viewers == 2
    cut_at = None
    for second, picture in enumerate(LARGE):
        stream.put(picture)
        assert jpegs(OPENING + await quick.chunk()) == [picture]
        await clock.advance(1)
        if relay.viewers == 1 and cut_at is None:
            cut_at = second
    assert cut_at is not None
    assert STALLED_AFTER <= cut_at <= STALLED_AFTER + 1
    assert stream.opened == 1
    # It ends in the middle of a picture.
    assert not (await stalled.rest()).endswith(b"0\r\n\r\n")


async def test_viewer_who_takes_a_little_is_not_cut(
    port: int, stream: FedStream, relay: Relay, clock: FakeClock, opened: AsyncExitStack
) -> None:
    slow = Client(opened, small=True)
    await slow.ask(port)
    await settle()
    for second in range(60):
        stream.put(LARGE[second % 2])
        await clock.advance(1)
        if second % 20 == 0:
            await slow.exactly(30_000)
    assert relay.viewers == 1


@pytest.mark.parametrize("handler_cancellation", [True, False])
async def test_viewer_who_leaves_is_forgotten_and_the_camera_left_alone(
    serve: Serve, stream: FedStream, relay: Relay, clock: FakeClock, handler_cancellation: bool
) -> None:
    port = await serve(handler_cancellation=handler_cancellation)
    async with AsyncExitStack() as opened:
        await Client(opened).ask(port)
        stream.put(SMALL[0])
        await settle()
        assert relay.viewers == 1
    await settle(50)
    stream.put(SMALL[1])
    await settle(50)
    assert relay.viewers == 0
    await clock.advance(10)
    assert relay.state is RelayState.IDLE
    assert stream.open == 0


async def test_closing_the_relay_ends_viewers_even_the_slow(
    port: int, stream: FedStream, relay: Relay, opened: AsyncExitStack
) -> None:
    slow, quick = Client(opened, small=True), Client(opened)
    await slow.ask(port)
    await settle()
    await quick.ask(port)
    assert await quick.chunk() == OPENING
    for picture in LARGE[:5]:
        stream.put(picture)
        await quick.chunk()
    stream.put(jpeg(bytes(2_000_000)))
    await quick.chunk()
    await relay.close()
    assert await quick.chunk() == b""
    # What is not on its way to the slow one yet is not waited for.
    with pytest.raises(ConnectionResetError):
        await slow.exactly(10_000_000)


async def test_connection_that_tells_nothing_of_its_queue_is_judged_by_our_own(
    port: int, stream: FedStream, relay: Relay, opened: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(termios, "TIOCOUTQ", 1)
    slow = Client(opened, small=True)
    await slow.ask(port)
    await settle()
    viewer = only_viewer(relay)
    huge = jpeg(bytes(8_000_000))
    for _ in range(5):
        stream.put(huge)
        await settle()
    assert viewer.skipped >= 3


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub.example")])
    now = FakeClock().now()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    path = folder / "hub.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    client = ssl.create_default_context(cafile=path)
    client.check_hostname = False
    return server, client


async def test_tls_viewer_gets_frames_and_is_cut_when_stalled(
    serve: Serve, stream: FedStream, relay: Relay, clock: FakeClock, opened: AsyncExitStack, tmp_path: Path
) -> None:
    server, trusting = certificate(tmp_path)
    path = tmp_path / "hub"
    await serve(tls=server, path=path)
    reader, writer = await asyncio.open_unix_connection(path, ssl=trusting, server_hostname="hub.example")
    opened.callback(writer.transport.abort)
    writer.write(b"GET / HTTP/1.1\r\nHost: hub.example\r\n\r\n")
    await reader.readuntil(OPENING + b"\r\n")
    stream.put(SMALL[0])
    part = await reader.readuntil(OPENING + b"\r\n")
    assert SMALL[0] in part
    for _ in range(60):
        stream.put(jpeg(bytes(300_000)))
        await clock.advance(1)
    assert relay.viewers == 0
