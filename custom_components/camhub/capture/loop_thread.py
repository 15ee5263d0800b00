"""An event loop in a thread of its own: nothing that happens in it holds the caller's loop up, and all ends with it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
import logging
import threading
from types import TracebackType
from typing import Any, Final, Self, override

_LOGGER: Final = logging.getLogger(__package__)
# Seconds after which what has not been tidied up by itself is dropped.
_TIDY_S: Final = 5.0


class _Loop(asyncio.SelectorEventLoop):
    """Remembers what it opened: a library that is broken off half-way leaves sockets that nobody closes."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[asyncio.BaseTransport] = []

    @override
    async def create_datagram_endpoint(self, *arguments: Any, **settings: Any) -> Any:
        transport, protocol = await super().create_datagram_endpoint(*arguments, **settings)
        self.opened.append(transport)
        return transport, protocol


class LoopThread:
    """Runs coroutines beside the caller's loop, as an async context manager; used once."""

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
        # Who is cancelled while waiting need not wait: it ends all the same.
        await self._ended.wait()

    async def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns over there; cancelled here is cancelled there."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def call[*Ts](self, function: Callable[[*Ts], object], *arguments: *Ts) -> None:
        """Have a function called over there, soon; nothing happens once all is over."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def on_exit(self, tidy: Callable[[], Awaitable[None]]) -> None:
        """Await `tidy` over there when all is over."""
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
        # What may take longer, such as a name that is being looked up, is waited for by nobody but this thread.
        with suppress(RuntimeError):
            home.call_soon_threadsafe(self._ended.set)


def _log_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell what went wrong in a task that nobody waits for: libraries leave some behind when a call ends early."""
    _LOGGER.debug("Beside a capture: %s", context.get("exception") or context.get("message"))
