"""Captures one JPEG from a live session in a browser: whatever Chromium can play can be captured.

Browsers are started or reached on first use, kept warm for a while, and replaced when they have crashed, served many
pages or grown too large. Captures are distributed over several places (a pool of remote browsers).
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from ..kernel.errors import HubError, Unreachable
from ..kernel.policy import within
from ..kernel.provider import WebRtc
from .browser import Browser, Tab
from .browser_host import BrowserHost, BrowserLimits
from .loop_thread import LoopThread
from .session import HARD_STOP_S, Sessions, Terms

_NOWHERE: Final = "capture_no_remote"


class BrowserEngine:
    """Captures live sessions in browsers at `places`: paths or addresses; an empty path finds a local one."""

    def __init__(
        self, places: Sequence[str] = ("",), terms: Terms | None = None, bounds: BrowserLimits | None = None
    ) -> None:
        """Start nothing yet."""
        self._terms = terms or Terms()
        self._clock = self._terms.clock
        bounds = bounds or BrowserLimits()
        self._hosts = [BrowserHost(place, self._clock, bounds) for place in places]
        self._turns = asyncio.Semaphore(bounds.at_once * len(places))
        self._sessions = Sessions(self._clock)

    @property
    def browsers(self) -> list[Browser]:
        """Return the browsers that the next captures would use."""
        return [host.browser for host in self._hosts if host.browser is not None]

    async def grab_live(self, live: WebRtc, timeout: float) -> bytes:
        """Return the first frame in which something can be seen, as JPEG; raises HubError.

        A cancelled capture, also by the time limit, closes its browser.
        """
        return await within(self._clock, min(timeout, HARD_STOP_S), self._in_turn(live))

    async def close(self) -> None:
        """Close all browsers; running captures fail."""
        await asyncio.gather(*(host.close() for host in self._hosts))
        await self._sessions.close()

    async def _in_turn(self, live: WebRtc) -> bytes:
        async with self._turns, AsyncExitStack() as stack:
            thread, tab = await self._free_tab(stack)
            offer = await thread.run(tab.offer(self._terms.ice_servers(), live.data_channel))
            session = self._sessions.open(live, offer, lambda said: thread.call(tab.hear, said))
            answer = await stack.enter_async_context(session)
            return await thread.run(tab.picture(answer, self._terms.picture))

    async def _free_tab(self, stack: AsyncExitStack) -> tuple[LoopThread, Tab]:
        """Open a page in the least busy browser, in another one if that fails; raises HubError."""
        failure: HubError = Unreachable(reason=_NOWHERE)
        for host in sorted(self._hosts, key=lambda each: (each.is_down, each.users)):
            try:
                return await stack.enter_async_context(host.tab())
            except HubError as error:
                failure = error
        raise failure
