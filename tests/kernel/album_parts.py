"""A camera that does as a test says, and pictures that are told apart."""

import asyncio
from datetime import timedelta
from pathlib import Path

from custom_components.camhub.kernel.model import Image
from tests.fake_clock import FakeClock


def jpeg(name: str, size: int = 0) -> bytes:
    """Return what passes for a JPEG, of `size` bytes if that is more."""
    return b"\xff\xd8" + name.encode().ljust(max(0, size - 4), b".") + b"\xff\xd9"


def picture(clock: FakeClock, name: str, size: int = 0, *, age: float = 0) -> Image:
    """Return a picture taken `age` seconds ago."""
    return Image(content=jpeg(name, size), taken_at=clock.now() - timedelta(seconds=age))


def files(folder: Path) -> list[Path]:
    """Return what is in a folder."""
    return sorted(folder.iterdir())


class Lens:
    """Takes pictures `1`, `2`, …; raises what is in `faults` first; waits while `shut`."""

    def __init__(self, clock: FakeClock, *, age: float = 0) -> None:
        self.clock = clock
        self.age = age
        self.taken = 0
        self.cancelled = 0
        self.faults: list[Exception] = []
        self.content: bytes | None = None
        self._open = asyncio.Event()
        self._open.set()

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def take(self, width: int | None = None) -> Image:
        self.taken += 1
        number = str(self.taken)
        try:
            await self._open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.faults:
            raise self.faults.pop(0)
        image = picture(self.clock, number, age=self.age)
        return image if self.content is None else Image(content=self.content, taken_at=image.taken_at)
