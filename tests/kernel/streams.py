"""A camera's stream that tests feed frame by frame."""

import asyncio
from collections.abc import AsyncGenerator, Callable


class FedStream:
    """Yields what is put in; `open` counts readers now, `opened` ever; an exception is raised, None ends a reader."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.open = 0
        self.opened = 0
        self.most = 0
        self.on_close: Callable[[], object] = int

    async def frames(self) -> AsyncGenerator[bytes]:
        self.open += 1
        self.opened += 1
        self.most = max(self.most, self.open)
        try:
            while (item := await self.queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            # A camera takes a moment to hang up.
            self.on_close()
            # An error knows this frame.
            item = None
            await asyncio.sleep(0)
            self.open -= 1

    def put(self, *items: bytes | Exception | None) -> None:
        for item in items:
            self.queue.put_nowait(item)
