"""Starts script/demo once and a browser beside it."""

from collections.abc import Callable, Iterator
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import time
from typing import Any, TextIO
import urllib.request

from playwright.sync_api import Browser, BrowserContext, Page, expect
import pytest
import pytest_socket

from demo.browser import chromium, sign_in, visit
from demo.guide import Guide, Stage, nothing

from .background import Background
from .house import House
from .leaks import leaks
from .person import Person

ROOT = Path(__file__).parents[2]
START_LIMIT = 240.0


class Demo:
    """A running demo and what it printed."""

    def __init__(self, process: subprocess.Popen[str], printed: str) -> None:
        self.process = process
        self.home = self._read(printed, r"Home Assistant\s+(http://\S+?)/camhub-demo")
        self.user = self._read(printed, r"Login\s+(\S+) / ")
        self.password = self._read(printed, r"Login\s+\S+ / (\S+)")
        self.pi = self._read(printed, r"Raspberry Pi\s+(\S+)")
        self.recorder = self._read(printed, r"Recorder\s+(\S+)")
        self.recorder_user = self._read(printed, r"Recorder\s+\S+\s+(\S+) / ")
        self.recorder_password = self._read(printed, r"Recorder\s+\S+\s+\S+ / (\S+)")
        self.legacy = self._read(printed, r"Nest Legacy\s+(\S+)/_simulator")
        self.ring_user = self._read(printed, r"Ring\s+(\S+) / ")
        self.ring_password = self._read(printed, r"Ring\s+\S+ / (\S+),")
        self.ring_code = self._read(printed, r"Ring\s+\S+ / \S+, code (\S+)")
        self.google = self._read(printed, r"Google\s+(\S+)")
        self.server = self._read(printed, r"Frigate\s+(http\S+)")
        self.restream = int(self._read(printed, r"Frigate streams\s+rtsp://127.0.0.1:(\d+)"))
        self.seconds = float(self._read(printed, r"ready after (\d+) s"))

    @staticmethod
    def _read(printed: str, pattern: str) -> str:
        found = re.search(pattern, printed)
        assert found, printed
        return found[1]

    def visit(self, page: Page, path: str) -> None:
        """Go to a page of Home Assistant; its live pictures never finish loading, so that is not waited for."""
        visit(page, self.home, path)

    def guide(self, page: Page, show: Callable[[str], None] = nothing) -> Guide:
        """Return somebody who goes through the dialogs on that page."""
        stage = Stage(
            home=self.home,
            pi=self.pi.removesuffix("/stream.mjpg"),
            recorder=self.recorder,
            server=self.server,
            restream=self.restream,
            legacy=self.legacy,
        )
        return Guide(page=page, stage=stage, show=show)

    def change_recorder_password(self, password: str) -> None:
        """Change the password on the played recorder, as its owner would."""
        self._post(self.recorder, "password", password=password)

    def raise_event(self, *, channel: int, kind: str) -> None:
        """Let the played recorder see something."""
        self._post(self.recorder, "event", channel=channel, type=kind)

    def log_out_of_google(self) -> None:
        """End the played Google session, as somebody who logs out in that browser."""
        self._post(self.legacy, "log_out")

    def google_in_the_browser(self) -> dict[str, str]:
        """Return what the browser shows of the played Google session."""
        with urllib.request.urlopen(f"{self.legacy}/_simulator/sign_in", timeout=10) as response:
            shown: dict[str, str] = json.loads(response.read())
            return shown

    def sign_in_to_google(self) -> dict[str, str]:
        """Sign in there anew; return what the browser shows of it."""
        shown: dict[str, str] = json.loads(self._post(self.legacy, "sign_in"))
        return shown

    def _post(self, device: str, what: str, **values: Any) -> bytes:
        request = urllib.request.Request(
            f"{device}/_simulator/{what}",
            json.dumps(values).encode(),
            {"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status in {200, 204}
            answered: bytes = response.read()
            return answered


def _until_ready(process: subprocess.Popen[str]) -> str:
    """Return what the demo prints until it is ready."""
    printed = ""
    end = time.monotonic() + START_LIMIT
    assert process.stdout is not None
    for line in process.stdout:
        printed += line
        if "Ctrl-C" in line:
            return printed
        assert time.monotonic() < end, printed
    raise AssertionError(f"the demo ended: {printed}")


expect.set_options(timeout=120_000)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextIO]:
    """Keep the addresses that a browser asked for, and what Home Assistant told it."""
    with (tmp_path_factory.mktemp("browser") / "told").open("w", encoding="utf-8") as file:
        yield file


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, told: TextIO) -> Iterator[Demo]:
    """Run script/demo as a newcomer does, with a detailed log; Ctrl-C ends it.

    Then nothing that it wrote, wherever, and nothing that a browser was told may hold a secret.
    """
    pytest_socket.enable_socket()
    folder, temporary = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("tmp")
    process = subprocess.Popen(
        [str(ROOT / "script" / "demo"), "--port", "0", "--debug", "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    try:
        yield Demo(process, _until_ready(process))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        if process.stdout is not None:
            process.stdout.close()
    told.flush()
    assert leaks(folder, temporary, Path(told.name).parent) == []


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    """Run what is not a browser's."""
    pytest_socket.enable_socket()
    with Background() as running:
        yield running


@pytest.fixture(scope="session")
def house(demo: Demo, background: Background) -> Iterator[House]:
    """Add two servers and four people to the demo."""
    admin = background.run(Person.sign_in(demo.home, demo.user, demo.password))
    opened = House(admin)
    try:
        background.run(opened.open())
        yield opened
    finally:
        background.run(opened.close())


@pytest.fixture(scope="session")
def browser(demo: Demo) -> Iterator[Browser]:
    """Run a browser for which Google's page is the played one."""
    pytest_socket.enable_socket()
    with chromium(demo.google) as running:
        yield running


@pytest.fixture(scope="session")
def signed_in(browser: Browser, demo: Demo, told: TextIO) -> Iterator[BrowserContext]:
    """Log in through Home Assistant's own page."""
    context = sign_in(browser, demo.home, demo.user, demo.password, {"width": 1280, "height": 900})

    def listen(page: Page) -> None:
        page.on("websocket", lambda line: line.on("framereceived", lambda said: print(said, file=told)))

    context.on("request", lambda request: print(request.url, file=told))
    context.on("page", listen)
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """Open a page of the user who is logged in."""
    opened = signed_in.new_page()
    opened.set_default_timeout(120_000)
    yield opened
    opened.close()
