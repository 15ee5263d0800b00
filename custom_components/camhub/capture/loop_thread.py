"""An event loop in a thread of its own, which cannot block the caller's loop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
import logging
import threading
from types import TracebackType
from typing import Any, Final, Self, override

_LOGGER: Final = logging.getLogger(__package__)
# The time limit for cleanup in seconds.
_TIDY_S: Final = 5.0


class _Loop(asyncio.SelectorEventLoop):
    """Remembers its datagram endpoints: a library that is cancelled half-way leaves sockets open."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[asyncio.BaseTransport] = []

    @override
    async def create_datagram_endpoint(self, *arguments: Any, **settings: Any) -> Any:
        transport, protocol = await super().create_datagram_endpoint(*arguments, **settings)
        self.opened.append(transport)
        return transport, protocol


class LoopThread:
    """Runs coroutines in another thread, as an async context manager; for one use."""

    def __init__(self, name: str) -> None:
        """Start nothing yet."""
        self._loop = _Loop()
        self._loop.set_exception_handler(_log_failure)
        self._over = asyncio.Event()
        self._ended = asyncio.Event()
        self._tidy = AsyncExitStack()
        self._thread = threading.Thread(target=self._run, args=(asyncio.get_running_loop(),), name=name, daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(self._over.set)
        # If this wait is cancelled the thread ends all the same.
        await self._ended.wait()

    async def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the thread and return its result; cancellation is passed on."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def call[*Ts](self, function: Callable[[*Ts], object], *arguments: *Ts) -> None:
        """Schedule a function in the thread; does nothing once it has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def on_exit(self, tidy: Callable[[], Awaitable[None]]) -> None:
        """Await `tidy` in the thread at the end."""
        self._tidy.push_async_callback(tidy)

    def _run(self, home: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_over(home))

    async def _until_over(self, home: asyncio.AbstractEventLoop) -> None:
        await self._over.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_TIDY_S):
                await self._tidy.aclose()
        for transport in self._loop.opened:
            transport.close()
        # Only this thread waits for what may take longer, such as a DNS lookup in its executor.
        with suppress(RuntimeError):
            home.call_soon_threadsafe(self._ended.set)


def _log_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell what went wrong in a task that nobody waits for: libraries leave some behind when a call ends early."""
    _LOGGER.debug("Beside a capture: %s", context.get("exception") or context.get("message"))
