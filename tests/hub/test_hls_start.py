import asyncio

from custom_components.camhub.hls_start import HlsStart


class FakeTrack:
    """A stream that has begun."""

    def __init__(self, *sequences: int) -> None:
        self.sequences = list(sequences)
        self.more = asyncio.Event()

    async def recv(self) -> bool:
        await self.more.wait()
        return True


async def test_whoever_has_the_only_file_waits_for_another() -> None:
    start, track = HlsStart(), FakeTrack(0, 1)
    await start.wait(track, "one", 60)
    await start.wait(track, "two", 60)
    waiting = asyncio.create_task(start.wait(track, "one", 60))
    await asyncio.wait({waiting}, timeout=0.01)
    assert not waiting.done()
    track.more.set()
    await waiting


async def test_nobody_waits_for_ever_or_without_need() -> None:
    start, track = HlsStart(), FakeTrack(0, 1)
    for _ in range(2):
        await start.wait(track, "one", 0)
    for sequences in ((), (0,), (0, 1, 2)):
        running = FakeTrack(*sequences)
        for _ in range(2):
            await start.wait(running, "one", 60)
    await start.wait(FakeTrack(0, 1), "one", 60)
