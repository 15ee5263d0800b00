"""One Chromium driven by Playwright: a local one started from a path, or a remote one at an address.

It belongs to the loop that awaits it. The page has no server: its origin is made up for each capture and answered by
request interception; all other requests of the page are refused.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
import os
from pathlib import Path
import secrets
import signal
import threading
from typing import Any, Final

from playwright.async_api import (
    Browser as Chromium,
    BrowserType,
    Error,
    Page,
    Playwright,
    Route,
    async_playwright,
)

from ..kernel.addresses import looked_up
from ..kernel.errors import HubError, Malformed, Unreachable, Unsupported
from . import chromium
from .session import IceServer

PAGE: Final = Path(__file__).with_name("capture.html")
POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; media-src blob: mediastream:"
# Seconds: to start or reach a browser; to close something that may hang; to gather candidates.
START_S: Final = 20.0
CLOSE_S: Final = 2.0
GATHER_S: Final = 3.0
_MALFORMED: Final = frozenset({"malformed", "not_a_camera"})
# With these a page gets real addresses in candidates rather than mDNS names.
_PERMISSIONS: Final = ("camera", "microphone")


@dataclass(kw_only=True, slots=True)
class Browser:
    """A browser at a path (empty for the usual ones) or an address; started once, closed once."""

    place: str = ""
    pages: int = 0
    _mark: str = field(default_factory=lambda: f"--camhub-capture={secrets.token_hex(16)}", repr=False)
    _page: str = ""
    _playwright: Playwright | None = None
    _chromium: Chromium | None = None
    _group: int | None = None
    _thread: int = 0

    @property
    def alive(self) -> bool:
        """Return whether it can open pages."""
        return self._chromium is not None and self._chromium.is_connected()

    @property
    def group(self) -> int | None:
        """Return the process group of a browser of our own."""
        return self._group

    async def start(self) -> None:
        """Start or reach it; raises Unsupported, Unreachable."""
        self._thread = threading.get_native_id()
        self._page = PAGE.read_text(encoding="utf-8")
        try:
            async with asyncio.timeout(START_S):
                self._playwright = await async_playwright().start()
                self._chromium = await (self._reach() if chromium.is_remote(self.place) else self._launch())
        except TimeoutError:
            raise _unusable(self.place) from None
        except Error:
            # Its text contains the address, which may contain a key.
            raise _unusable(self.place) from None

    async def _reach(self) -> Chromium:
        reach = self._engine.connect if "playwright" in self.place else self._engine.connect_over_cdp
        return await reach(await looked_up(self.place), timeout=START_S * 1000)

    async def _launch(self) -> Chromium:
        if (path := chromium.find(self.place)) is None:
            raise Unsupported("no Chromium found", reason="capture_no_chromium")
        # The sandbox must be off for root, and fails to start where unprivileged namespaces are not allowed.
        for sandbox in (False,) if os.geteuid() == 0 else (True, False):
            with suppress(Error):
                started = await self._engine.launch(
                    executable_path=path,
                    args=[*chromium.FLAGS, self._mark],
                    chromium_sandbox=sandbox,
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
                self._group = chromium.group_of(self._mark)
                return started
        raise _unusable(self.place)

    @property
    def _engine(self) -> BrowserType:
        if self._playwright is None:
            raise Unreachable("the browser is closed", reason="browser_crashed")
        return self._playwright.chromium

    async def memory(self) -> int:
        """Return the memory of a local browser in bytes, 0 for a remote one."""
        return chromium.memory(self._group) if self._group is not None else 0

    async def tab(self) -> Tab:
        """Open the page for one capture in a context of its own; raises Unreachable."""
        if self._chromium is None:
            raise Unreachable("the browser is closed", reason="browser_crashed")
        self.pages += 1
        origin = f"https://{secrets.token_hex(16)}.invalid"
        with translated():
            context = await self._chromium.new_context()
            await context.grant_permissions(_PERMISSIONS, origin=origin)
            await context.route("**/*", self._serve(origin))
            page = await context.new_page()
            await page.goto(origin)
            return Tab(page)

    def _serve(self, origin: str) -> Callable[[Route], Awaitable[None]]:
        async def serve(route: Route) -> None:
            if route.request.url == f"{origin}/":
                headers = {"Content-Security-Policy": POLICY}
                await route.fulfill(body=self._page, content_type="text/html", headers=headers)
            else:
                await route.abort()

        return serve

    async def close(self) -> None:
        """Close a local browser, if necessary by force, or disconnect from a remote one; may be called twice."""
        browser, self._chromium = self._chromium, None
        driver, self._playwright = self._playwright, None
        try:
            if browser is not None:
                await _soon(browser.close())
        finally:
            self._kill_browser()
            try:
                if driver is not None:
                    await _soon(driver.stop())
            finally:
                self._kill_driver()

    def _kill_browser(self) -> None:
        # The group of a browser that is still starting is not known yet.
        group = self._group or (None if chromium.is_remote(self.place) else chromium.group_of(self._mark))
        if group is not None:
            chromium.kill(group)

    def _kill_driver(self) -> None:
        for process in chromium.children(self._thread):
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)


class Tab:
    """The page, as its methods."""

    def __init__(self, page: Page) -> None:
        """Drive a page that is loaded."""
        self._page = page
        self._heard: list[asyncio.Future[Any]] = []

    async def offer(self, servers: Sequence[IceServer], data_channel: str | None) -> str:
        """Return an offer with all candidates of the browser; raises Unreachable."""
        asked = {"iceServers": _described(servers), "dataChannel": data_channel, "gather": GATHER_S * 1000}
        return str(await self._run("offer", asked))

    def hear(self, candidate: str) -> None:
        """Add a candidate of the other side."""
        self._heard.append(asyncio.ensure_future(self._run("hear", candidate)))

    async def picture(self, answer: str, limit: float) -> bytes:
        """Return the first frame that is not blank as JPEG, within `limit` seconds; raises Unreachable, Malformed."""
        said = await self._run("picture", {"answer": answer, "limit": limit * 1000})
        if content := said.get("jpeg"):
            return base64.b64decode(content)
        reason = str(said.get("reason"))
        raise (Malformed if reason in _MALFORMED else Unreachable)("no picture in the page", reason=reason)

    async def close(self) -> bool:
        """Close the page and its profile; return whether that was done in time."""
        return await _soon(self._page.context.close())

    async def _run(self, function: str, argument: object) -> Any:
        with translated():
            return await self._page.evaluate(f"argument => {function}(argument)", argument)


@contextmanager
def translated() -> Iterator[None]:
    """Translate Playwright's errors, without their text, which may contain addresses."""
    try:
        yield
    except Error:
        failure = Unreachable("the browser or its page is gone", reason="browser_crashed")
    else:
        return
    raise failure


def _described(servers: Sequence[IceServer]) -> list[dict[str, object]]:
    """Return servers as RTCPeerConnection takes them."""
    return [
        {
            "urls": list(server.urls),
            **({"username": server.username} if server.username is not None else {}),
            **({"credential": server.credential} if server.credential is not None else {}),
        }
        for server in servers
    ]


def _unusable(place: str) -> HubError:
    if chromium.is_remote(place):
        return Unreachable("the browser at the address does not answer", reason="capture_no_remote")
    return Unsupported("Chromium does not start", reason="capture_chromium_fails")


async def _soon(work: Awaitable[object]) -> bool:
    """Return whether something completed in time, also with an error."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await work
    except TimeoutError:
        return False
    except Error:
        return True
    return True
