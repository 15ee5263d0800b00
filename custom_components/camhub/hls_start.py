"""The first seconds of a stream that Home Assistant makes: one file is there, the next takes as long as that lasts."""

import asyncio
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakKeyDictionary

# A file that is whole, and the one that grows.
_ONE: Final = 2


class Track(Protocol):
    """Files of a stream (stream/core.py, StreamOutput)."""

    @property
    def sequences(self) -> list[int]:
        """Return the numbers of the files, of the growing one too."""
        ...

    async def recv(self) -> bool:
        """Wait until another file begins."""
        ...


class HlsStart:
    """Who has been given the only file.

    Chromium plays HLS by itself since version 142, and gives up a stream for good where it asks for the playlist again
    and finds nothing new in it ("Segment queue never had any data"). It waits gladly.
    """

    def __init__(self) -> None:
        """Begin with nobody."""
        self._given: WeakKeyDictionary[Track, set[str]] = WeakKeyDictionary()

    async def wait(self, track: Track, viewer: str, seconds: float) -> None:
        """Return at once, but where a viewer has the only file already when there is another, or after some seconds."""
        if len(track.sequences) != _ONE:
            return
        given = self._given.setdefault(track, set())
        if viewer not in given:
            given.add(viewer)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await track.recv()
