"""One place for a browser, which is started on demand, shared, kept warm and replaced."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from ..kernel.clock import Clock
from ..kernel.errors import HubError
from .browser import Browser, Tab
from .loop_thread import LoopThread

_MEGABYTE: Final = 2**20
# Seconds for which a browser that could not be started is tried last.
_DOWN_S: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class BrowserLimits:
    """How long an idle browser is kept, in seconds; its most pages and bytes; pages at once."""

    keep: float = 120.0
    pages: int = 50
    memory: int = 1024 * _MEGABYTE
    at_once: int = 2


@dataclass(kw_only=True, slots=True, eq=False)
class RunningBrowser:
    """An open browser, the loop it lives in, and how many captures use it."""

    browser: Browser
    thread: LoopThread
    users: int = 0
    idle: asyncio.Task[None] | None = None


class BrowserHost:
    """Holds one browser at a path or an address, or none."""

    def __init__(self, place: str, clock: Clock, bounds: BrowserLimits) -> None:
        """Open nothing yet."""
        self._place = place
        self._clock = clock
        self._bounds = bounds
        self._opening = asyncio.Lock()
        self._current: RunningBrowser | None = None
        # Browsers that only finish their running captures, and those being closed.
        self._retired: set[RunningBrowser] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._down_until = 0.0
        self.users = 0

    @property
    def browser(self) -> Browser | None:
        """Return the browser that the next capture would use, if it is open."""
        return self._current.browser if self._current else None

    @property
    def is_down(self) -> bool:
        """Return whether it could not be opened a moment ago."""
        return self._clock.monotonic() < self._down_until

    @asynccontextmanager
    async def tab(self) -> AsyncGenerator[tuple[LoopThread, Tab]]:
        """Open a page for one capture; raises HubError. A cancelled capture closes the browser."""
        self.users += 1
        try:
            running, tab = await self._opened()
            whole = False
            try:
                try:
                    yield running.thread, tab
                except HubError:
                    whole = await running.thread.run(tab.close())
                    raise
                whole = await running.thread.run(tab.close())
            finally:
                self._leave(running, whole=whole)
        finally:
            self.users -= 1

    async def _opened(self, *, again: bool = True) -> tuple[RunningBrowser, Tab]:
        """Return a page in a browser; one that has died since it was last used is replaced."""
        async with self._opening:
            running = await self._usable()
            running.users += 1
        try:
            return running, await running.thread.run(running.browser.tab())
        except BaseException as error:
            # Also when whoever waits gives up: then it is not known what state it is in.
            self._leave(running, whole=False)
            if not (again and isinstance(error, HubError)):
                raise
        return await self._opened(again=False)

    async def close(self) -> None:
        """End the browser, whoever uses it."""
        if self._current is not None:
            self._retire(self._current)
        for running in tuple(self._retired):
            self._end(running)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _usable(self) -> RunningBrowser:
        """Return the browser that is open, unless it is past its time; else a new one; raises HubError."""
        if self._current is not None:
            if self._current.idle is not None:
                self._current.idle.cancel()
            if await self._is_good(self._current):
                return self._current
            self._retire(self._current)
        thread, browser = LoopThread("camhub browser"), Browser(place=self._place)
        await thread.__aenter__()
        thread.on_exit(browser.close)
        try:
            await thread.run(browser.start())
        except BaseException as error:
            # Also when whoever waits gives up: a browser that is about to start may not stay.
            self._down_until = self._clock.monotonic() + _DOWN_S if isinstance(error, HubError) else 0.0
            self._end(RunningBrowser(browser=browser, thread=thread))
            raise
        self._current = RunningBrowser(browser=browser, thread=thread)
        return self._current

    async def _is_good(self, running: RunningBrowser) -> bool:
        if not running.browser.alive or running.browser.pages >= self._bounds.pages:
            return False
        return await running.thread.run(running.browser.memory()) < self._bounds.memory

    def _leave(self, running: RunningBrowser, *, whole: bool) -> None:
        running.users -= 1
        if not whole:
            self._retire(running)
        elif running.users == 0 and running in self._retired:
            self._end(running)
        elif running.users == 0:
            running.idle = asyncio.create_task(self._end_when_idle(running))

    def _retire(self, running: RunningBrowser) -> None:
        """Let a browser take no more captures, and close it once the running ones are done."""
        if self._current is running:
            self._current = None
        self._retired.add(running)
        if running.users == 0:
            self._end(running)

    async def _end_when_idle(self, running: RunningBrowser) -> None:
        await self._clock.sleep(self._bounds.keep)
        self._retire(running)

    def _end(self, running: RunningBrowser) -> None:
        self._retired.discard(running)
        if running.idle is not None:
            running.idle.cancel()
        ending = asyncio.create_task(running.thread.__aexit__(None, None, None))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
