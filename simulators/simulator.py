"""What the simulated servers share: beginning and ending with a block, waiting for a state, and their own routes."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Self

from aiohttp import web


class Observable:
    """Something whose state can be waited for."""

    def __init__(self) -> None:
        """Let nobody wait yet."""
        self._waiting: set[asyncio.Event] = set()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition on this server holds; it is asked after each `notify`."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            while not condition():
                changed.clear()
                await changed.wait()
        finally:
            self._waiting.discard(changed)

    def notify(self) -> None:
        """Wake those who wait for a change."""
        for each in self._waiting:
            each.set()


class Simulator(Observable, ABC):
    """A server that runs as long as an `async with` block."""

    async def __aenter__(self) -> Self:
        """Start on free ports of this machine."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    @abstractmethod
    async def start(self) -> object:
        """Listen."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop listening and end all streams."""


@dataclass(kw_only=True)
class Switches:
    """Fields that make a server misbehave; all are off at first."""

    def change(self, values: Mapping[str, object]) -> None:
        """Set switches by name, as they come from JSON; raises ValueError for a name that is none."""
        names = {each.name for each in fields(self)}
        if unknown := values.keys() - names:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}")
        for name, value in values.items():
            setattr(self, name, set(value) if isinstance(value, list) else value)


def faults_route(faults: Switches) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler that sets the switches of a JSON object."""

    async def change(request: web.Request) -> web.Response:
        try:
            faults.change(await request.json())
        except (ValueError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.Response(status=204)

    return change
