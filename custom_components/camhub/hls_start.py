"""The start of an HLS stream, when only one segment exists and the next takes as long as that one lasts."""

import asyncio
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakKeyDictionary

# A finished segment, and the one being written.
_ONE: Final = 2


class Track(Protocol):
    """The segments of a stream (stream/core.py, StreamOutput)."""

    @property
    def sequences(self) -> list[int]:
        """Return the sequence numbers of the segments, including the one being written."""
        ...

    async def recv(self) -> bool:
        """Wait until the next segment begins."""
        ...


class HlsStart:
    """Remembers which viewers have been given the only segment.

    Chromium plays HLS natively since version 142, and gives up a stream for good if it reloads the playlist and finds
    nothing new in it ("Segment queue never had any data"). A delayed answer does not bother it.
    """

    def __init__(self) -> None:
        """Start without viewers."""
        self._given: WeakKeyDictionary[Track, set[str]] = WeakKeyDictionary()

    async def wait(self, track: Track, viewer: str, seconds: float) -> None:
        """Return at once, unless the viewer already has the only segment: then wait for the next, up to `seconds`."""
        if len(track.sequences) != _ONE:
            return
        given = self._given.setdefault(track, set())
        if viewer not in given:
            given.add(viewer)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await track.recv()
