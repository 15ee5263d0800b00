import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
import ssl

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
import pytest
from yarl import URL

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.providers.mjpeg.client import LAST_WORD, PICTURE_LIMIT, Client
from custom_components.camhub.providers.mjpeg.media import HttpMjpeg
from simulators.mjpeg import (
    Answer,
    MjpegServer,
    Style,
    burst,
    page,
    picture,
    raw,
    redirect,
    silence,
    stream,
)
from simulators.rtsp import Scheme
from simulators.rtsp.access import Access
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, until

from .conftest import PICTURE, PICTURES, Started

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=a\r\nTransfer-Encoding: chunked\r\n\r\n"
# Seconds to wait for what comes, for what never comes, and for more where something has come.
PATIENT, IMPATIENT, WARY = 30.0, 0.1, 1.0


def client(
    context: Context, username: str = "", password: str = "", *, verify_tls: bool = True, silence: float = PATIENT
) -> Client:
    limits = aiohttp.ClientTimeout(total=None, sock_connect=PATIENT, sock_read=silence)
    return Client(context, "127.0.0.1", username, Secret(password), verify_tls=verify_tls, timeout=limits)


async def fails(context: Context, url: str, username: str = "", *, silence: float = PATIENT) -> HubError:
    with pytest.raises(HubError) as failed:
        await client(context, username, "s3cret", silence=silence).picture(URL(url))
    error = failed.value
    assert "s3cret" not in f"{error!r} {error.__cause__!r} {error.__context__!r}"
    return error


@pytest.mark.parametrize(
    ("answer", "username", "kind", "reason"),
    [
        (page("", "text/html", 401), "viewer", AuthError, "invalid_auth"),
        (page("", "text/html", 403), "viewer", AuthError, "invalid_auth"),
        (page("", "text/html", 401), "", AuthError, "login_required"),
        (page("", "text/html", 404), "", Malformed, "not_found"),
        (page("", "text/html", 410), "", Malformed, "not_found"),
        (page("", "text/html", 400), "", Malformed, "not_a_camera"),
        (page("", "text/html", 500), "", Unreachable, "cannot_connect"),
        (page("", "text/html", 503), "", Unreachable, "cannot_connect"),
        (page("", "text/html", 503, {"Retry-After": "5"}), "", Throttled, "throttled"),
        (page("", "text/html", 429), "", Throttled, "throttled"),
        (page("<html>", "text/html"), "", Malformed, "not_a_picture"),
        (page(PICTURE[:-2], "image/jpeg"), "", Malformed, "not_a_picture"),
        (page(b"", "image/jpeg"), "", Malformed, "not_a_picture"),
        (picture(PICTURE, {"X-UStreamer-Online": "false"}), "", Unreachable, "no_signal"),
        (raw(b"SSH-2.0-none\r\n"), "", Malformed, "not_a_camera"),
        (raw(b""), "", Unreachable, "cannot_connect"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), "", Unreachable, "cannot_connect"),
        (silence, "", Unreachable, "timeout"),
        (redirect("http://elsewhere.example/"), "", Malformed, "not_a_camera"),
        (redirect("/a"), "", Malformed, "not_a_camera"),
        (redirect("http://[broken/"), "", Malformed, "not_a_camera"),
    ],
)
async def test_tells_failures_apart(
    make_context: MakeContext, started: Started, answer: Answer, username: str, kind: type[HubError], reason: str
) -> None:
    server = await started(MjpegServer({"/a": answer}))
    limit = IMPATIENT if answer is silence else PATIENT
    error = await fails(make_context(), server.address("/a"), username, silence=limit)
    assert type(error) is kind
    assert error.reason == reason


async def test_says_how_long_to_wait(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/a": page("", "text/html", 503, {"Retry-After": "5"})}))
    error = await fails(make_context(), server.address("/a"))
    assert isinstance(error, Throttled)
    assert error.retry_after == 5


async def test_nobody_listens(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({}))
    await server.stop()
    error = await fails(make_context(), server.address("/a"))
    assert (type(error), error.reason) == (Unreachable, "cannot_connect")


async def test_a_picture_without_end_is_dropped(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/a": page(PICTURE + bytes(PICTURE_LIMIT), "image/jpeg")}))
    assert (await fails(make_context(), server.address("/a"))).reason == "not_a_camera"


async def test_what_follows_a_picture_is_cut_off(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/a": picture(PICTURE + b"\0\0\r\n")}))
    assert await client(make_context()).picture(URL(server.address("/a"))) == PICTURE


async def test_a_picture_that_is_shorter_than_was_said(make_context: MakeContext, started: Started) -> None:
    short = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (len(PICTURE) + 48)
    server = await started(MjpegServer({"/a": raw(short + PICTURE), "/cut": raw(short + PICTURE[:-9])}))
    assert await client(make_context()).picture(URL(server.address("/a"))) == PICTURE
    assert (await fails(make_context(), server.address("/cut"))).reason == "cannot_connect"


@pytest.mark.parametrize("after", [b"", b"\r\n", bytes(16)])
async def test_a_picture_without_length_on_a_line_that_stays_open(
    make_context: MakeContext, started: Started, clock: FakeClock, after: bytes
) -> None:
    begun = asyncio.Event()

    async def stays(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURE + after)
        await writer.drain()
        begun.set()
        await asyncio.Event().wait()

    server = await started(MjpegServer({"/a": stays}))
    patient = Client(make_context(), "127.0.0.1", "", Secret(""), verify_tls=True)
    taking = asyncio.create_task(patient.picture(URL(server.address("/a"))))
    await begun.wait()
    await until(lambda: clock.sleepers == 1)
    await clock.advance(LAST_WORD)
    assert await taking == PICTURE


async def test_the_picture_of_a_stream_is_its_first(make_context: MakeContext, started: Started) -> None:
    routes = {
        "/s": stream(burst(PICTURES[:2])),
        "/none": stream(burst([], then_hold=False)),
        "/silent": stream(burst([])),
    }
    server = await started(MjpegServer(routes))
    assert await client(make_context()).picture(URL(server.address("/s"))) == PICTURE
    assert (await fails(make_context(), server.address("/none"))).reason == "not_a_picture"
    assert (await fails(make_context(), server.address("/silent"), silence=IMPATIENT)).reason == "timeout"


async def test_an_end_inside_the_head_of_a_picture_is_that_of_its_thumbnail(
    make_context: MakeContext, started: Started
) -> None:
    exif = b"Exif\0\0" + PICTURE + bytes(9)
    whole = PICTURE[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + PICTURE[2:]
    routes = {"/a": page(whole, "image/jpeg", sized=False), "/cut": page(whole[:-20], "image/jpeg", sized=False)}
    server = await started(MjpegServer(routes))
    assert await client(make_context()).picture(URL(server.address("/a"))) == whole
    assert (await fails(make_context(), server.address("/cut"))).reason == "not_a_picture"


async def test_pictures_without_tables_are_given_the_standard_ones(
    make_context: MakeContext, started: Started, clock: FakeClock
) -> None:
    at = PICTURE.index(b"\xff\xc4")
    bare = PICTURE[:at] + PICTURE[PICTURE.index(b"\xff\xda") :]
    server = await started(MjpegServer({"/a": picture(bare), "/s": stream(burst([bare] * 2))}))
    shown = await client(make_context()).picture(URL(server.address("/a")))
    assert (len(shown), shown[:at]) == (len(bare) + 420, bare[:at])
    mjpeg = HttpMjpeg(client(make_context()), URL(server.address("/s")), clock)
    assert await frames(mjpeg, 2) == await pushed(mjpeg, 2) == [shown] * 2
    assert await client(make_context()).picture(URL(server.address("/s"))) == shown


async def test_an_answer_with_an_odd_head(make_context: MakeContext, started: Started, clock: FakeClock) -> None:
    odd = b"HTTP/1.1 200 OK\r\nSun, 01 Feb 2015 03:04:05 GMT\r\nX-Frame-Options : DENY\r\n"
    parts = b"".join(b"--a\r\n\r\n" + each + b"\r\n" for each in PICTURES[:3])
    routes = {
        "/a": raw(odd + b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE),
        "/s": raw(odd + b"Content-Type: multipart/x-mixed-replace; boundary=a\r\n\r\n" + parts),
    }
    server = await started(MjpegServer(routes))
    assert await client(make_context()).picture(URL(server.address("/a"))) == PICTURE
    mjpeg = HttpMjpeg(client(make_context()), URL(server.address("/s")), clock)
    assert await pushed(mjpeg, 3) == await frames(mjpeg, 3) == PICTURES[:3]


class Resolving(aiohttp.TCPConnector):
    """A connector that knows names of its own, as Home Assistant's knows those of mDNS."""

    async def async_resolve_host(self, host: str) -> list[dict[str, str]]:
        if host != "porch.local":
            raise OSError(host)
        # The first of them answers nobody.
        return [{"host": "::1"}, {"host": "127.0.0.1"}]


async def test_a_name_that_only_the_session_knows_is_reached(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({}))
    async with aiohttp.ClientSession(connector=Resolving()) as session:
        context = replace(make_context(), session=lambda **_: session)
        named = Client(context, "porch.local", "", Secret(""), verify_tls=True)
        await named.reach(URL(f"rtsp://porch.local:{server.port}/live"))
        for url in (f"http://garage.local:{server.port}/", "http://porch.local:9/"):
            with pytest.raises(Unreachable):
                await named.reach(URL(url))


async def test_follows_one_redirect_and_asks_as_told(make_context: MakeContext, started: Started) -> None:
    routes = {"/": redirect("/b?x=1", 302), "/b?x=1": picture(PICTURE), "/twice": redirect("/")}
    server = await started(MjpegServer(routes))
    assert await client(make_context()).picture(URL(server.address("/"))) == PICTURE
    assert server.targets == ["/", "/b?x=1"]
    assert {request.method for request in server.requests} == {"GET"}
    assert (await fails(make_context(), server.address("/twice"))).reason == "not_a_camera"


@pytest.mark.parametrize("schemes", [("digest",), ("basic",), ("basic", "digest")])
async def test_signs_in_as_it_is_asked_to(
    make_context: MakeContext, started: Started, schemes: tuple[Scheme, ...]
) -> None:
    access = Access("viewer", "word", schemes)
    server = await started(MjpegServer({"/a": picture(PICTURE)}, access=access))
    known = client(make_context(), "viewer", "word")
    for _ in range(3):
        assert await known.picture(URL(server.address("/a"))) == PICTURE
    sent = [request.headers.get("authorization", "").partition(" ")[0] for request in server.requests]
    assert sent == ["", *["Digest" if "digest" in schemes else "Basic"] * 3]
    with pytest.raises(AuthError) as failed:
        await client(make_context(), "viewer", "other").picture(URL(server.address("/a")))
    assert failed.value.reason == "invalid_auth"
    assert access.refused == 1


async def test_a_login_stays_with_its_host(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/a": picture(PICTURE)}, access=Access("viewer", "word", ("basic",))))
    other = Client(make_context(), "cam.example", "viewer", Secret("word"), verify_tls=True)
    with pytest.raises(AuthError):
        await other.picture(URL(server.address("/a")))
    assert all("authorization" not in request.headers for request in server.requests)


def certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cam.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "cert.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_a_certificate_nobody_signed(make_context: MakeContext, tmp_path: Path) -> None:
    routes = {"/a": picture(PICTURE), "/open": redirect("http://127.0.0.1/a")}
    server = MjpegServer(routes)
    await server.start(tls=certificate(tmp_path))
    try:
        error = await fails(make_context(), server.address("/a"))
        assert (type(error), error.reason) == (Unreachable, "tls_untrusted")
        trusting = client(make_context(), verify_tls=False)
        assert await trusting.picture(URL(server.address("/a"))) == PICTURE
        with pytest.raises(Malformed):
            await trusting.picture(URL(server.address("/open")))
    finally:
        await server.stop()


async def frames(mjpeg: HttpMjpeg, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with aclosing(mjpeg.frames()) as opened:
        async for frame in opened:
            found.append(frame)
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize(
    "style",
    [
        Style(),
        Style(boundary="my boundary", content_type='multipart/x-mixed-replace; boundary="{}"'),
        Style(boundary="boundary", named="--boundary"),
        Style(boundary="--boundary", named="--boundary"),
        Style(line_end="\n"),
        Style(lengths=False),
        Style(wrong_by=2),
        Style(wrong_by=-5),
        Style(first_boundary=False),
        Style(content_type="multipart/x-mixed-replace"),
        Style(content_type="application/octet-stream"),
        Style(content_type=""),
    ],
)
async def test_reads_streams_of_every_style(
    make_context: MakeContext, started: Started, clock: FakeClock, style: Style
) -> None:
    server = await started(MjpegServer({"/s": stream(burst(PICTURES[:5]), style)}))
    mjpeg = HttpMjpeg(client(make_context()), URL(server.address("/s")), clock)
    assert (mjpeg.opened, mjpeg.fresh(1), mjpeg.recent()) == (False, False, None)
    assert await frames(mjpeg, 4) == PICTURES[:4]
    assert (mjpeg.opened, mjpeg.single, mjpeg.fresh(1), mjpeg.recent()) == (True, False, True, None)
    await server.idle()
    assert server.open == 0


async def test_shows_what_is_watched_and_forgets_it(
    make_context: MakeContext, started: Started, clock: FakeClock
) -> None:
    server = await started(MjpegServer({"/s": stream(burst(PICTURES[:1]))}))
    mjpeg = HttpMjpeg(client(make_context()), URL(server.address("/s")), clock)
    async with aclosing(mjpeg.frames()) as opened:
        await anext(opened)
        now = mjpeg.recent()
        assert now is not None
        assert (now.content, now.taken_at) == (PICTURE, clock.now())
        await clock.advance(3)
        assert mjpeg.recent() is None
        assert mjpeg.fresh(4)
    assert mjpeg.recent() is None


async def failure(mjpeg: HttpMjpeg) -> HubError:
    with pytest.raises(HubError) as failed:
        await frames(mjpeg, 10)
    return failed.value


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (stream(burst(PICTURES[:2])), "no_frames"),
        (stream(burst([])), "no_frames"),
        (stream(burst(PICTURES[:2], then_hold=False)), "stream_ended"),
        (picture(PICTURE), "stream_ended"),
        (page("<html>", "text/html"), "not_a_camera"),
        (
            raw(CHUNKED + b"5\r\nab"),
            "cannot_connect",
        ),
    ],
)
async def test_a_stream_that_ends_says_why(
    make_context: MakeContext, started: Started, clock: FakeClock, answer: Answer, reason: str
) -> None:
    server = await started(MjpegServer({"/s": answer}))
    watched = client(make_context(), silence=WARY if reason == "no_frames" else PATIENT)
    assert (await failure(HttpMjpeg(watched, URL(server.address("/s")), clock))).reason == reason


async def test_hangs_up_when_it_is_cancelled(make_context: MakeContext, started: Started, clock: FakeClock) -> None:
    server = await started(MjpegServer({"/s": silence}))
    patient = Client(make_context(), "127.0.0.1", "", Secret(""), verify_tls=True)
    task = asyncio.create_task(frames(HttpMjpeg(patient, URL(server.address("/s")), clock), 1))
    await server.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.idle()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (page("<html>", "text/html"), "not_a_camera"),
        (page("{", "application/json"), "not_a_camera"),
        (page(b"\xff\xfe", "application/json"), "not_a_camera"),
        (page("{}", "application/json", 404), "not_found"),
        (stream(burst(PICTURES[:1])), "not_a_camera"),
        (page("{}", "image/jpeg"), "not_a_camera"),
        (page("[" * 2**17, "application/json"), "not_a_camera"),
    ],
)
async def test_what_is_no_status_page(make_context: MakeContext, started: Started, answer: Answer, reason: str) -> None:
    server = await started(MjpegServer({"/health": answer}))
    with pytest.raises(Malformed) as failed:
        await client(make_context()).json(URL(server.address("/health")))
    assert failed.value.reason == reason


async def test_a_status_page_may_report_a_fault(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/health": page('{"status": "stale"}', "application/json", 503)}))
    assert await client(make_context()).json(URL(server.address("/health"))) == (503, {"status": "stale"})


async def pushed(mjpeg: HttpMjpeg, count: int) -> list[bytes]:
    found: list[bytes] = []
    enough = asyncio.Event()

    def deliver(frame: bytes) -> None:
        found.append(frame)
        if len(found) == count:
            enough.set()

    pushing = asyncio.create_task(mjpeg.push(deliver))
    waiting = asyncio.create_task(enough.wait())
    await asyncio.wait((pushing, waiting), return_when=asyncio.FIRST_COMPLETED)
    for task in (pushing, waiting):
        task.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    try:
        await pushing
    except asyncio.CancelledError:
        return found
    return found


async def test_hands_frames_over_as_they_come(make_context: MakeContext, started: Started, clock: FakeClock) -> None:
    parts = [b"--a\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(each), each) for each in PICTURES[:3]]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in parts)
    server = await started(
        MjpegServer(
            {
                "/plain": stream(burst(PICTURES[:5])),
                "/ended": stream(burst(PICTURES[:2], then_hold=False)),
                "/chunked": raw(CHUNKED + chunks + b"0\r\n\r\n"),
                "/picture": picture(PICTURE),
            }
        )
    )

    def mjpeg(path: str) -> HttpMjpeg:
        return HttpMjpeg(client(make_context()), URL(server.address(path)), clock)

    assert (await pushed(mjpeg("/plain"), 4))[:4] == PICTURES[:4]
    for path, given in (("/ended", PICTURES[:2]), ("/chunked", PICTURES[:3]), ("/picture", [PICTURE])):
        found: list[bytes] = []
        with pytest.raises(Unreachable) as ended:
            await mjpeg(path).push(found.append)
        assert (ended.value.reason, found) == ("stream_ended", given)
    await server.idle()
    assert server.open == 0
