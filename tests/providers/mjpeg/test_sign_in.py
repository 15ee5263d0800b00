import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, override

import pytest

from custom_components.camhub.capture.frames import Frames
from custom_components.camhub.capture.rtsp_engine import RtspGrabber
from custom_components.camhub.kernel.errors import HubError, Malformed, Unreachable
from custom_components.camhub.kernel.model import Account, JsonValue
from custom_components.camhub.kernel.provider import Context
from custom_components.camhub.kernel.signin import Answers
from custom_components.camhub.providers.mjpeg import SPEC, probe
from custom_components.camhub.providers.mjpeg.media import HttpMjpeg
from simulators.mjpeg import Answer, MjpegServer, Style, burst, page, picture, redirect, silence, stream
from simulators.mjpeg.models import action_streamer, cgi_camera, login_page, pi_camera, small_board, streamer
from simulators.rtsp import RtspServer, Scheme
from simulators.rtsp.access import Access
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock, until

from .conftest import PICTURE, PICTURES, EndOfScript, Script, Started, jpeg

NAMED = {"name": "Porch"}


def typed(address: str, **more: JsonValue) -> Answers:
    return {"address": address, "verify_tls": True, **more}


async def accepted(context: Context, *answers: Answers) -> tuple[Account, Script]:
    script = Script(*answers)
    return await SPEC.sign_in(context, script), script


async def refused(context: Context, *answers: Answers) -> Script:
    script = Script(*answers)
    with pytest.raises(EndOfScript):
        await SPEC.sign_in(context, script)
    return script


async def test_an_address_that_gives_a_stream(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/live?size=2": stream(burst(PICTURES))}))
    account, script = await accepted(make_context(), typed(server.address("/live?size=2")), NAMED)
    assert [form.page for form in script.forms] == ["address", "confirm"]
    assert [field.key for field in script.forms[0].fields] == [
        "address",
        "still_address",
        "username",
        "password",
        "verify_tls",
    ]
    confirm = script.forms[1]
    assert confirm.picture == PICTURE
    assert confirm.fields[0].default == "127.0.0.1"
    assert confirm.placeholders == {
        "address": server.address("/live?size=2"),
        "kind": "MJPEG",
        "resolution": "64x48",
        "fps": "?",
    }
    assert (account.title, account.unique_id) == ("Porch", None)
    assert account.match == server.address("/live?size=2")
    assert account.credentials == {
        "address": server.address("/live?size=2"),
        "still_address": "",
        "username": "",
        "password": "",
        "verify_tls": True,
        "kind": "stream",
        "name": "Porch",
        "page": "",
    }
    # Nothing was added to an address, and nothing asked but GET.
    assert server.targets == ["/live?size=2", "/health", "/state"]
    assert {request.method for request in server.requests} == {"GET"}


class TellingClock(FakeClock):
    """Tells when somebody waits, so that a test can move it then."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = asyncio.Event()

    @override
    async def sleep(self, seconds: float) -> None:
        self.waited.set()
        await super().sleep(seconds)

    async def until_asleep(self, times: int) -> None:
        while len(self.slept) < times:
            self.waited.clear()
            await self.waited.wait()


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[HttpMjpeg]:
    """Return the addresses that have been asked for a stream, in order."""
    found: list[HttpMjpeg] = []

    class Tried(HttpMjpeg):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            found.append(self)

    monkeypatch.setattr(probe, "HttpMjpeg", Tried)
    return found


async def test_counts_pictures_a_second(make_context: MakeContext, started: Started) -> None:
    clock = TellingClock()
    reel: asyncio.Queue[bytes] = asyncio.Queue()

    async def frames() -> AsyncIterator[bytes]:
        while True:
            yield await reel.get()

    server = await started(MjpegServer({"/live": stream(frames)}))
    signing = asyncio.create_task(accepted(make_context(clock=clock), typed(server.address("/live")), NAMED))
    for number in range(6):
        await clock.until_asleep(number + 1)
        await clock.advance(0.08 if number else 1.0)
        reel.put_nowait(PICTURES[number])
    await clock.until_asleep(7)
    await clock.advance(2)
    _, script = await signing
    # Five more pictures 0.08 s apart.
    assert script.forms[1].placeholders["fps"] == "12.5"


async def test_a_pi_by_its_host_alone(make_context: MakeContext, started: Started) -> None:
    server = await started(pi_camera(burst(PICTURES)))
    account, script = await accepted(make_context(), typed(f"127.0.0.1:{server.port}"), {})
    assert script.forms[1].placeholders["address"] == server.address("/stream.mjpg")
    assert account.credentials["address"] == server.address("/stream.mjpg")
    assert account.credentials["page"] == "/health"
    assert account.credentials["still_address"] == ""
    assert account.title == "127.0.0.1"
    assert not any(target.startswith("/stream.mjpg?") for target in server.targets)


@pytest.mark.parametrize("online", [True, False])
async def test_a_streamer_by_its_host_alone(make_context: MakeContext, started: Started, online: bool) -> None:
    server = await started(streamer(burst(PICTURES), PICTURE, online=online))
    account, _ = await accepted(make_context(), typed(f"http://127.0.0.1:{server.port}/"), NAMED)
    assert account.credentials["address"] == server.address("/stream")
    assert account.credentials["still_address"] == server.address("/snapshot")
    assert account.credentials["page"] == "/state"


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: action_streamer(burst(PICTURES), PICTURE), "/?action=stream"),
        (lambda: small_board(burst(PICTURES)), "/stream"),
        (lambda: MjpegServer({"/mjpeg": stream(burst(PICTURES))}), "/mjpeg"),
        (lambda: MjpegServer({"/video.cgi": stream(burst(PICTURES))}), "/video.cgi"),
        (lambda: MjpegServer({"/webcam/?action=stream": stream(burst(PICTURES))}), "/webcam/?action=stream"),
        (lambda: MjpegServer({"/": stream(burst(PICTURES), Style(boundary="BoundaryString"))}), "/"),
    ],
)
async def test_other_cameras_by_their_host_alone(
    make_context: MakeContext, started: Started, make: Callable[[], MjpegServer], path: str
) -> None:
    server = await started(make())
    account, _ = await accepted(make_context(), typed(f"127.0.0.1:{server.port}"), NAMED)
    assert account.credentials["address"] == server.address(path)


async def test_a_known_picture_address_that_fails_is_left_out(make_context: MakeContext, started: Started) -> None:
    server = await started(streamer(burst(PICTURES), PICTURE))
    server.routes["/snapshot"] = page("", "text/html", 500)
    account, _ = await accepted(make_context(), typed(server.address("/stream")), NAMED)
    assert account.credentials["still_address"] == ""


async def test_a_stream_is_better_than_a_single_picture(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/stream.mjpg": page("<html>", "text/html"), "/mjpeg": picture(PICTURE)}))
    account, script = await accepted(make_context(), typed(f"127.0.0.1:{server.port}"), NAMED)
    assert account.credentials["address"] == server.address("/mjpeg")
    assert account.credentials["kind"] == "still"
    assert script.forms[1].placeholders["kind"] == "JPEG"


async def test_a_host_with_nothing_known(make_context: MakeContext, started: Started) -> None:
    server = await started(login_page())
    script = await refused(make_context(), typed(f"127.0.0.1:{server.port}"))
    assert script.errors == [{}, {"base": "nothing_found"}]
    assert server.address("/stream.mjpg") in script.forms[1].placeholders["tried"]
    assert script.forms[1].fields[0].default == f"127.0.0.1:{server.port}"


async def test_a_host_that_is_not_there_is_asked_once(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({}))
    await server.stop()
    script = await refused(make_context(), typed(f"127.0.0.1:{server.port}"))
    assert script.errors == [{}, {"base": "nothing_found"}]


async def test_a_search_ends(make_context: MakeContext, started: Started, tried: list[HttpMjpeg]) -> None:
    clock = TellingClock()
    server = await started(MjpegServer(dict.fromkeys(("/stream.mjpg", "/stream"), stream(burst([])))))
    signing = asyncio.create_task(refused(make_context(clock=clock), typed(f"127.0.0.1:{server.port}")))
    await server.asked.wait()
    # One that answers is not given up for the others of its port.
    await until(lambda: tried[0].opened)
    server.asked.clear()
    await clock.advance(4)
    await server.asked.wait()
    await clock.advance(20)
    assert (await signing).errors == [{}, {"base": "nothing_found"}]


@pytest.mark.parametrize("schemes", [("digest",), ("basic",), ("basic", "digest")])
async def test_a_camera_behind_a_login(
    make_context: MakeContext, started: Started, schemes: tuple[Scheme, ...]
) -> None:
    server = await started(cgi_camera(burst(PICTURES), PICTURE, "viewer", "pä:ss", schemes))
    account, script = await accepted(
        make_context(), typed(f"127.0.0.1:{server.port}", username="viewer", password="pä:ss"), NAMED
    )
    assert account.credentials["address"] == server.address("/axis-cgi/mjpg/video.cgi")
    assert account.credentials["still_address"] == server.address("/axis-cgi/jpg/image.cgi")
    assert server.access.refused == 0
    assert "pä:ss" not in f"{script.forms} {account}"


async def test_a_wrong_password_is_tried_once_however_many_addresses(
    make_context: MakeContext, started: Started
) -> None:
    server = await started(cgi_camera(burst(PICTURES), PICTURE, "viewer", "word"))
    script = await refused(make_context(), typed(f"127.0.0.1:{server.port}", username="viewer", password="other"))
    assert script.errors == [{}, {"base": "invalid_auth"}]
    assert server.access.refused == 1
    password = script.forms[1].fields[3]
    assert (password.key, password.default) == ("password", None)


async def test_a_login_inside_the_address(make_context: MakeContext, started: Started) -> None:
    server = await started(cgi_camera(burst(PICTURES), PICTURE, "viewer", "w@rd", ("basic",)))
    address = f"http://viewer:w%40rd@127.0.0.1:{server.port}/axis-cgi/mjpg/video.cgi"
    account, script = await accepted(make_context(), typed(address, username="old", password="old"), NAMED)
    assert account.credentials["address"] == server.address("/axis-cgi/mjpg/video.cgi")
    assert (account.credentials["username"], account.credentials["password"]) == ("viewer", "w@rd")
    assert "w%40rd" not in f"{script.forms[1]} {account.match} {account.title}"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/html", "not_a_camera"),
        ("/none", "not_found"),
        ("/elsewhere", "not_a_camera"),
        ("/login", "login_required"),
        ("/ends", "stream_ended"),
    ],
)
async def test_says_what_is_wrong_with_an_address(
    make_context: MakeContext, started: Started, path: str, reason: str
) -> None:
    routes = {
        "/html": page("<html>", "text/html"),
        "/elsewhere": redirect("http://elsewhere.example/"),
        "/login": page("", "text/html", 401, {"WWW-Authenticate": 'Basic realm="x"'}),
        "/ends": stream(burst([], then_hold=False)),
    }
    server = await started(MjpegServer(routes))
    script = await refused(make_context(), typed(server.address(path)))
    assert script.errors == [{}, {"base": reason}]
    # A new camera that gives nothing cannot be saved.
    assert "save_anyway" not in [field.key for field in script.forms[1].fields]


@pytest.mark.parametrize(("answer", "reason"), [(silence, "timeout"), (stream(burst([])), "no_frames")])
async def test_waits_no_longer_than_ten_seconds(
    make_context: MakeContext, started: Started, tried: list[HttpMjpeg], answer: Answer, reason: str
) -> None:
    clock = TellingClock()
    server = await started(MjpegServer({"/live": answer}))
    signing = asyncio.create_task(refused(make_context(clock=clock), typed(server.address("/live"))))
    await server.asked.wait()
    await until(lambda: tried[0].opened == (reason == "no_frames"))
    await clock.advance(10)
    assert (await signing).errors == [{}, {"base": reason}]


@pytest.mark.parametrize("address", ["", "ftp://cam.example/", "cam.example:many"])
async def test_what_is_no_address(make_context: MakeContext, address: str) -> None:
    script = await refused(make_context(), typed(address))
    assert script.errors == [{}, {"base": "unsupported_address"}]


async def test_a_picture_address_beside_the_stream(make_context: MakeContext, started: Started) -> None:
    server = await started(
        MjpegServer({"/live": stream(burst(PICTURES)), "/one": picture(PICTURE), "/html": page("<html>", "text/html")})
    )
    account, script = await accepted(
        make_context(),
        typed(server.address("/live"), still_address=server.address("/html")),
        typed(server.address("/live"), still_address="rtsp://cam.example/"),
        typed(server.address("/live"), still_address="//[broken"),
        typed(server.address("/live"), still_address="/one"),
        NAMED,
    )
    unsupported, none = {"base": "unsupported_still_address"}, {"base": "unsupported_address"}
    assert script.errors == [{}, {"still_address": "not_a_picture"}, unsupported, none, {}]
    assert account.credentials["still_address"] == server.address("/one")


async def test_a_login_inside_the_picture_address(make_context: MakeContext, started: Started) -> None:
    server = await started(
        MjpegServer(
            {"/live": stream(burst(PICTURES)), "/one": picture(PICTURE)}, access=Access("viewer", "word", ("basic",))
        )
    )
    still = f"http://viewer:word@127.0.0.1:{server.port}/one"
    account, _ = await accepted(make_context(), typed(server.address("/live"), still_address=still), NAMED)
    assert account.credentials["still_address"] == server.address("/one")
    assert account.credentials["username"] == "viewer"


def stored(address: str, **more: JsonValue) -> Mapping[str, JsonValue]:
    return {
        "address": address,
        "still_address": "",
        "username": "",
        "password": "",
        "verify_tls": True,
        "kind": "stream",
        "name": "Porch",
        "page": "",
        **more,
    }


async def test_settings_are_edited_while_the_camera_is_off(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({}))
    await server.stop()
    earlier = stored(server.address("/old"), username="viewer", password="word")
    account, script = await accepted(
        make_context(earlier),
        typed(server.address("/new"), username="viewer"),
        typed(server.address("/new"), username="viewer", save_anyway=True),
    )
    assert script.forms[0].fields[0].default == server.address("/old")
    assert script.forms[0].fields[3].default is None
    assert script.errors == [{}, {"base": "cannot_connect"}]
    assert [field.key for field in script.forms[1].fields][-1] == "save_anyway"
    assert account.credentials == {**earlier, "address": server.address("/new"), "page": None}
    assert account.title == "Porch"


async def test_saving_anyway_keeps_what_was_known(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({}))
    await server.stop()
    earlier = stored(server.address("/old"), kind="still")
    account, _ = await accepted(make_context(earlier), typed(server.address("/old"), save_anyway=True))
    assert account.credentials["kind"] == "still"


async def test_a_bare_host_cannot_be_saved_without_finding_a_stream(
    make_context: MakeContext, started: Started
) -> None:
    server = await started(MjpegServer({}))
    earlier = stored(server.address("/old"))
    script = await refused(make_context(earlier), typed(f"127.0.0.1:{server.port}", save_anyway=True))
    assert script.errors == [{}, {"base": "nothing_found"}]
    assert "save_anyway" not in [field.key for field in script.forms[1].fields]


async def test_a_refused_login_is_not_saved_anyway(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/live": stream(burst(PICTURES))}, access=Access("viewer", "word")))
    script = await refused(
        make_context(stored(server.address("/live"))),
        typed(server.address("/live"), username="viewer", password="other"),
    )
    assert script.errors == [{}, {"base": "invalid_auth"}]
    assert "save_anyway" not in [field.key for field in script.forms[1].fields]


@pytest.mark.parametrize(
    ("username", "password", "kept"), [("viewer", "", True), ("viewer", "new", False), ("other", "", False)]
)
async def test_an_empty_password_keeps_the_earlier_one(
    make_context: MakeContext, started: Started, username: str, password: str, kept: bool
) -> None:
    server = await started(MjpegServer({"/live": stream(burst(PICTURES))}))
    earlier = stored("http://127.0.0.1:9/other", username="viewer", password="word")
    account, _ = await accepted(
        make_context(earlier), typed(server.address("/live"), username=username, password=password), {"name": " "}
    )
    assert account.credentials["password"] == ("word" if kept else password)
    assert account.title == "Porch"


class Cameras:
    """Takes pictures of RTSP addresses that are in its list."""

    def __init__(self, answers: Mapping[str, bytes | HubError]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def grab(self, address: str, timeout: float) -> bytes:
        self.asked.append(address)
        answer = self.answers.get(address, Malformed(reason="not_found"))
        if isinstance(answer, HubError):
            raise answer
        return answer


async def test_an_rtsp_camera_by_its_host_alone(make_context: MakeContext) -> None:
    server = RtspServer(["/cam/realmonitor?channel=1&subtype=0"], "viewer", "p@ss")
    port = await server.start()
    try:
        context = make_context(grabber=Frames(RtspGrabber()))
        account, script = await accepted(
            context, typed(f"rtsp://127.0.0.1:{port}", username="viewer", password="p@ss"), NAMED
        )
    finally:
        await server.stop()
    address = f"rtsp://127.0.0.1:{port}/cam/realmonitor?channel=1&subtype=0"
    assert script.forms[1].placeholders == {
        "address": address,
        "kind": "RTSP",
        "resolution": "640x360",
        "fps": "?",
    }
    assert account.credentials == stored(address, kind="rtsp", username="viewer", password="p@ss")


async def test_an_rtsp_address_with_a_picture_beside_it(make_context: MakeContext, started: Started) -> None:
    server = await started(MjpegServer({"/one": picture(jpeg(1))}))
    cameras = Cameras({"rtsp://viewer:word@127.0.0.1/live": PICTURE})
    account, _ = await accepted(
        make_context(grabber=cameras),
        typed("rtsp://viewer:word@127.0.0.1/live", still_address=server.address("/one")),
        NAMED,
    )
    assert account.credentials["address"] == "rtsp://127.0.0.1/live"
    assert account.credentials["still_address"] == server.address("/one")
    assert account.credentials["kind"] == "rtsp"


async def test_an_rtsp_host_with_nothing_known(make_context: MakeContext) -> None:
    cameras = Cameras({})
    script = await refused(make_context(grabber=cameras), typed("rtsp://cam.example"))
    assert script.errors == [{}, {"base": "nothing_found"}]
    assert len(cameras.asked) > 2
    assert "rtsp://cam.example:554/Streaming/Channels/101" in script.forms[1].placeholders["tried"]


async def test_an_rtsp_host_that_is_off_is_asked_once(make_context: MakeContext) -> None:
    first = "rtsp://cam.example/Streaming/Channels/101"
    cameras = Cameras({first: Unreachable()})
    script = await refused(make_context(grabber=cameras), typed("rtsp://cam.example"))
    assert script.errors == [{}, {"base": "cannot_connect"}]
    assert cameras.asked == [first]
