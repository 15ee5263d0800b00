"""Pictures out of live sessions with a real Chromium, from a real WebRTC camera over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
import os
from pathlib import Path
import random
import signal
import sys
from typing import Any

import pytest

from custom_components.camhub.capture import chromium
from custom_components.camhub.capture.browser import Browser
from custom_components.camhub.capture.browser_engine import BrowserEngine
from custom_components.camhub.capture.browser_host import BrowserLimits
from custom_components.camhub.capture.session import IceServer, Terms
from custom_components.camhub.kernel import sdp
from custom_components.camhub.kernel.errors import HubError, Malformed, Unreachable, Unsupported

from ..fake_clock import FakeClock
from .conftest import PATIENCE
from .kills import captures
from .processes import members, ours, program, remote_browser, running
from .vendor import Picture, as_nest, counted, pixels, until, vendor

type MakeEngine = Callable[..., BrowserEngine]


@pytest.fixture
async def make_engine() -> AsyncIterator[MakeEngine]:
    """Return a maker of engines; when a test is over nothing of them may be left."""
    before = ours()
    engines: list[BrowserEngine] = []

    def make(*places: str, **settings: Any) -> BrowserEngine:
        bounds = settings.pop("bounds", None)
        terms = Terms(**({"picture": PATIENCE} | settings))
        engines.append(BrowserEngine(places or (program(),), terms, bounds))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.close()
    assert ours() <= before


def group(engine: BrowserEngine) -> int:
    """Return the process group of an engine's only browser."""
    (browser,) = engine.browsers
    assert browser.group is not None
    return browser.group


async def test_todays_pictures_of_every_codec_and_size(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for codec, size in (("H264", (320, 180)), ("VP8", (181, 321)), ("H264", (182, 322))):
        async with vendor(codec=codec, width=size[0], height=size[1]) as camera:
            jpeg = await engine.grab_live(camera, PATIENCE)
            assert pixels(jpeg).shape == (size[1], size[0], 3)
            assert counted(jpeg, camera) < 100
            assert (camera.opened, camera.released) == (1, 1)


async def test_the_offer_is_what_the_strictest_vendor_wants(make_engine: MakeEngine) -> None:
    async with vendor(channel="dataSendChannel", audio=True, change=as_nest) as camera:
        counted(await make_engine().grab_live(camera, PATIENCE), camera)
        _, *media = sdp.sections(camera.offers[0])
        assert [sdp.kind(part) for part in media] == ["audio", "video", "application"]
        assert all("a=recvonly" in part for part in media[:2])
        assert any("H264/90000" in line for line in media[1])
        addresses = [line for part in media for line in part if line.startswith("a=candidate:")]
        assert addresses
        # Real ones: a vendor cannot resolve names that only multicast knows.
        assert not any(".local" in line for line in addresses)


async def test_candidates_that_come_one_by_one_and_a_black_beginning(make_engine: MakeEngine) -> None:
    async with vendor(trickle=True, picture=Picture(320, 180, black=8)) as camera:
        assert counted(await make_engine().grab_live(camera, PATIENCE), camera) > 7


async def test_pictures_that_never_come(make_engine: MakeEngine) -> None:
    engine = make_engine(picture=1)
    async with vendor(picture=Picture(320, 180, silent=True)) as camera:
        with pytest.raises(Unreachable) as failed:
            await engine.grab_live(camera, PATIENCE)
        assert failed.value.reason == "timeout"
        assert camera.released == 1
    for number, seconds in enumerate((2, 8, 32), 2):
        engine._terms.picture = seconds
        async with vendor(picture=Picture(320, 180, black=10000)) as camera:
            with pytest.raises(Unreachable) as failed:
                await engine.grab_live(camera, PATIENCE)
            assert camera.released == 1
        # None of that was the browser's fault.
        assert engine.browsers[0].pages == number
        if failed.value.reason != "timeout":
            break
        # A busy machine has not even shown the first black frame.
    assert failed.value.reason == "only_black_frames"


def silent_film(answer: str) -> str:
    """Return an answer that refuses the picture."""
    session, audio, video = sdp.sections(answer)
    refused = [video[0].replace(video[0].split(" ")[1], "0", 1), *video[1:]]
    return sdp.joined([[line.replace("BUNDLE 0 1", "BUNDLE 0") for line in session], audio, refused])


async def test_answers_that_lead_nowhere(make_engine: MakeEngine) -> None:
    engine = make_engine()
    changes: tuple[tuple[Callable[[str], str], type[HubError], str], ...] = (
        (lambda _: "no answer at all", Malformed, "malformed"),
        (silent_film, Malformed, "not_a_camera"),
    )
    for change, kind, reason in changes:
        async with vendor(change=change) as camera:
            with pytest.raises(kind) as failed:
                await engine.grab_live(camera, PATIENCE)
            assert failed.value.reason == reason
            assert camera.released == 1


async def test_a_stream_that_ends_before_a_picture(make_engine: MakeEngine) -> None:
    async with vendor(picture=Picture(320, 180, silent=True)) as camera:
        grabbing = asyncio.create_task(make_engine().grab_live(camera, PATIENCE))
        await until(lambda: camera.opened == 1)
        await camera.senders[0].connected.wait()
        await camera.close()
        with pytest.raises(Unreachable) as failed:
            await grabbing
        assert failed.value.reason == "webrtc_failed"


@pytest.mark.parametrize("victim", ["browser", "driver"])
async def test_what_is_killed_is_replaced(make_engine: MakeEngine, victim: str) -> None:
    engine = make_engine()
    async with vendor() as camera:
        camera.gate.clear()
        grabbing = asyncio.create_task(engine.grab_live(camera, PATIENCE))
        await camera.asked.wait()
        first = group(engine)
        os.kill(first if victim == "browser" else running("node")[0], signal.SIGKILL)
        camera.gate.set()
        with pytest.raises(Unreachable) as failed:
            await grabbing
        assert failed.value.reason == "browser_crashed"
        assert camera.released == 1
        counted(await engine.grab_live(camera, PATIENCE), camera)
        assert group(engine) != first
        await until(lambda: not members(first))


@pytest.mark.parametrize("stopped", [False, True])
async def test_the_hard_stop_takes_the_whole_browser(
    make_engine: MakeEngine, clock: FakeClock, *, stopped: bool
) -> None:
    """With `stopped` the browser does not even react any more."""
    engine = make_engine(clock=clock)
    async with vendor(picture=Picture(320, 180, silent=True)) as camera:
        grabbing = asyncio.create_task(engine.grab_live(camera, 300))
        await until(lambda: camera.opened == 1)
        first = group(engine)
        assert len(members(first)) > 2
        if stopped:
            os.killpg(first, signal.SIGSTOP)
        await clock.advance(25)
        with pytest.raises(Unreachable) as failed:
            await grabbing
        assert failed.value.reason == "timeout"
        await until(lambda: camera.released == 1 and not members(first))
        assert engine.browsers == []


async def test_a_vendor_that_never_answers_is_given_up(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(clock=clock)
    async with vendor() as camera:
        camera.gate.clear()
        grabbing = asyncio.create_task(engine.grab_live(camera, 10))
        await camera.asked.wait()
        await clock.advance(10)
        with pytest.raises(Unreachable):
            await grabbing
        assert camera.opened == 0


async def test_a_warm_browser_is_kept_for_a_while(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(clock=clock)
    async with vendor() as camera:
        await engine.grab_live(camera, PATIENCE)
        first = group(engine)
        await clock.advance(119)
        await engine.grab_live(camera, PATIENCE)
        assert group(engine) == first
        await clock.advance(119)
        assert members(first)
        await clock.advance(1)
        await until(lambda: not members(first))
        assert engine.browsers == []


@pytest.mark.parametrize("bounds", [BrowserLimits(pages=1), BrowserLimits(memory=1)])
async def test_a_browser_past_its_time_is_replaced(make_engine: MakeEngine, bounds: BrowserLimits) -> None:
    engine = make_engine(bounds=bounds)
    async with vendor() as camera:
        await engine.grab_live(camera, PATIENCE)
        first = group(engine)
        await engine.grab_live(camera, PATIENCE)
        assert group(engine) != first
        await until(lambda: not members(first))


async def test_no_more_pages_at_once_than_allowed(make_engine: MakeEngine) -> None:
    engine = make_engine(bounds=BrowserLimits(at_once=2))
    async with vendor() as camera:
        camera.gate.clear()
        grabbing = [asyncio.create_task(engine.grab_live(camera, PATIENCE)) for _ in range(3)]
        await until(lambda: len(camera.offers) == 2)
        await asyncio.sleep(0.1)
        assert len(camera.offers) == 2
        camera.gate.set()
        assert all(await asyncio.gather(*grabbing))
        assert engine.browsers[0].pages == 3
        assert camera.released == 3


async def test_random_kills_leave_nothing_behind(make_engine: MakeEngine) -> None:
    """A hundred of them take minutes: `python -m tests.capture.kills`; what that found is in docs/capture.md."""
    engine = make_engine()
    async with vendor() as camera:
        await captures(engine, camera, 6, random.Random(3))
        counted(await engine.grab_live(camera, PATIENCE), camera)
        await engine.close()
        assert camera.released == camera.opened


async def test_a_pool_of_other_peoples_browsers(make_engine: MakeEngine, tmp_path: Path) -> None:
    async with remote_browser(tmp_path / "one") as one, remote_browser(tmp_path / "two") as two, vendor() as camera:
        engine = make_engine("ws://127.0.0.1:1/devtools", one, two, bounds=BrowserLimits(at_once=1))
        jpegs = await asyncio.gather(*(engine.grab_live(camera, PATIENCE) for _ in range(4)))
        assert all(counted(jpeg, camera) for jpeg in jpegs)
        assert len(engine.browsers) == 2
        assert all(browser.pages >= 1 and browser.group is None for browser in engine.browsers)
        assert sum([await browser.memory() for browser in engine.browsers]) == 0
        await engine.close()
        again = make_engine(one)
        counted(await again.grab_live(camera, PATIENCE), camera)
        await again.close()


async def test_a_playwright_server(make_engine: MakeEngine, tmp_path: Path) -> None:
    config = tmp_path / "server.json"
    config.write_text(f'{{"executablePath": "{program()}", "wsPath": "/playwright", "args": ["--no-sandbox"]}}')
    command = [
        str(Path(sys.executable).with_name("playwright")),
        "launch-server",
        "--browser",
        "chromium",
        "--config",
        str(config),
    ]
    server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert server.stdout is not None
        address = (await server.stdout.readline()).decode().strip()
        assert address.endswith("/playwright")
        async with vendor() as camera:
            engine = make_engine(address)
            counted(await engine.grab_live(camera, PATIENCE), camera)
            await engine.close()
    finally:
        # What we started only waits for the real program.
        for pid in running("node"):
            os.kill(pid, signal.SIGTERM)
        await server.wait()


@pytest.mark.parametrize(
    ("place", "kind", "reason"),
    [
        ("/nowhere/chromium", Unsupported, "capture_no_chromium"),
        ("/bin/true", Unsupported, "capture_chromium_fails"),
        ("ws://127.0.0.1:1/devtools?token=word", Unreachable, "capture_no_remote"),
        ("http://169.254.169.254:9222/?token=word", Unsupported, "address_forbidden"),
    ],
)
async def test_parts_that_are_missing_are_named(
    make_engine: MakeEngine, place: str, kind: type[HubError], reason: str
) -> None:
    engine = make_engine(place)
    async with vendor() as camera:
        for _ in range(2):
            with pytest.raises(kind) as failed:
                await engine.grab_live(camera, PATIENCE)
            assert failed.value.reason == reason
            assert "word" not in f"{failed.value!r} {failed.value.__cause__!r} {failed.value.__context__!r}"
        assert camera.offers == []


async def test_the_page_reaches_nothing_and_nobody_reaches_it() -> None:
    browser = Browser(place=program())
    await browser.start()
    try:
        first, second = await browser.tab(), await browser.tab()
        origins = {tab._page.url for tab in (first, second)}
        assert len(origins) == 2
        assert all(len(origin) > 40 and origin.endswith(".invalid/") for origin in origins)
        tried = await first._page.evaluate(
            "there => fetch(there).then(() => 'reached', () => 'refused')", second._page.url
        )
        assert tried == "refused"
        offer = await first.offer([IceServer(urls=("turn:127.0.0.1:1",), username="me", credential="word")], None)
        assert offer.startswith("v=0")
        assert await first.close()
        with pytest.raises(Unreachable):
            await first.offer((), None)
    finally:
        await browser.close()
        await browser.close()
    assert not browser.alive
    with pytest.raises(Unreachable):
        await browser.tab()


def test_a_chromium_is_found_by_its_path_or_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert chromium.find("/nowhere") is None
    assert chromium.find(str(tmp_path)) is None
    assert chromium.find("/bin/true") == "/bin/true"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium.find() is None
    (tmp_path / "chromium-browser").write_text("#!/bin/sh\n")
    (tmp_path / "chromium-browser").chmod(0o755)
    assert chromium.find() == str(tmp_path / "chromium-browser")


def test_processes_that_are_gone() -> None:
    assert chromium.group_of("--no-such-mark") is None
    assert chromium.memory(2**22) == 0
    chromium.kill(2**22)
    assert chromium.children(2**22) == []
