"""One fault at one provider, through all stages; what must hold whatever the fault is asserted on the way."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from typing import Final, override

from custom_components.camhub.kernel.errors import (
    AuthError,
    HubError,
    Malformed,
    Throttled,
    Unreachable,
    Unsupported,
)
from custom_components.camhub.kernel.events import EventPump
from custom_components.camhub.kernel.model import Image
from custom_components.camhub.kernel.policy import Backoff
from custom_components.camhub.kernel.provider import Camera, Provider, Stills
from custom_components.camhub.kernel.relay import Relay
from custom_components.camhub.kernel.stills import Album
from simulators.faults import RETRY_AFTER_S, Fault
from tests.contract.worlds import nothing_left, tasks
from tests.fake_clock import settle

from .bench import Bench
from .loop import WrongClock
from .stages import Dark, Deaf, Stage, chosen, failure, listed, replay, set_up, watch


class Skew(StrEnum):
    """What can be wrong with the time of day here."""

    AHEAD = "our clock a day ahead"
    BEHIND = "our clock a day behind"


type Row = Fault | Skew

ROWS: Final[Sequence[Row]] = (*Fault, *Skew)
ABSENT: Final[Mapping[tuple[str, Stage], str]] = {
    ("mjpeg", Stage.SETUP): "a camera by its address is not asked while it is set up",
    ("mjpeg", Stage.EVENTS): "it tells of nothing; the hub watches its pictures itself",
    ("mjpeg", Stage.CLIP): "it keeps no recordings",
    ("hikvision", Stage.STREAM): "the address is known without asking; whoever plays it meets the fault",
    ("hikvision", Stage.CLIP): "recordings are not read",
    ("nest", Stage.EVENTS): "gRPC works in threads of its own; what happens to its line is tried where the line is",
    ("nest", Stage.CLIP): "clips come with their events and are kept",
    ("nest_legacy", Stage.STREAM): "there is no live view",
    ("nest_legacy", Stage.CLIP): "recordings are not read",
}
# So long nobody asks (seconds): longer than any pause that a fault leads to.
REST_S: Final = 4000.0
WHILE_S: Final = 300.0
LOOK_S: Final = 30.0
VIEWED_S: Final = 60.0
# Shorter than a line may be quiet without being called broken.
LINE_S: Final = 150.0
# More than these is a storm: requests for one thing that fails, pictures tried and lines dialled in that while.
MOST_REQUESTS: Final = 8
MOST_TAKES: Final = 16
MOST_DIALS: Final = 16
# What a body without end may cost: a limit, and what is under way in the buffers of two machines.
MOST_TAKEN: Final = 28 * 2**20

_AWAY: Final = (Unreachable, Dark)
_ODD: Final = (Malformed, Unreachable, Dark)
EXPECTED: Final[Mapping[Row, tuple[type[Exception] | None, ...]]] = {
    Fault.REFUSED: _AWAY,
    Fault.NO_NAME: _AWAY,
    Fault.BAD_TLS: _AWAY,
    Fault.SLOW: _AWAY,
    Fault.STALL: (*_AWAY, None),
    Fault.RESET: _AWAY,
    Fault.UNAUTHORIZED: (AuthError, Unreachable, Malformed),
    Fault.FORBIDDEN: (AuthError, Unsupported, Unreachable, Malformed, None),
    Fault.NOT_FOUND: (Unsupported, *_ODD, None),
    Fault.THROTTLED: (Throttled, Unreachable, Dark, None),
    Fault.THROTTLED_FOR: (Throttled, Dark, None),
    Fault.FAULTY: (*_AWAY, None),
    Fault.OUTAGE: _AWAY,
    Fault.TRUNCATED: (*_ODD, None),
    Fault.WRONG_TYPE: (*_ODD, None),
    Fault.ERROR_PAGE: (*_ODD, None),
    Fault.HUGE: (*_ODD, None),
    Fault.BOMB: (*_ODD, None),
    Fault.GIANT_HEADER: (*_ODD, None),
    Fault.TO_LOOPBACK: (*_ODD, None),
    Fault.TO_METADATA: (*_ODD, None),
    Fault.TO_ELSEWHERE: (*_ODD, None),
    Skew.AHEAD: (None,),
    Skew.BEHIND: (None,),
}
# What is known to be wrong still.
DEAF: Final[frozenset[tuple[str, Row]]] = frozenset()
REFUSING: Final = frozenset({Fault.UNAUTHORIZED, Fault.FORBIDDEN})
# An answer that is lost there ends the login itself: it holds what will let in the next time.
LOST: Final[Mapping[str, frozenset[Row]]] = {
    "ring": frozenset(
        {Fault.STALL, Fault.TRUNCATED, Fault.HUGE, Fault.BOMB, Fault.GIANT_HEADER, Fault.ERROR_PAGE, Fault.WRONG_TYPE}
    ),
    "nest_legacy": frozenset({Fault.GIANT_HEADER}),
}
_BACKOFF: Final = Backoff(first=5, factor=2, maximum=60, jitter=0.2)


def absent(key: str, stage: Stage) -> str | None:
    """Return why there is no such cell, None if there is one."""
    return ABSENT.get((key, stage))


def told(error: HubError | Dark | Deaf | None) -> str:
    """Return an outcome as the table says it."""
    if isinstance(error, Deaf):
        return f"nothing is heard: {error}"
    if error is None:
        return "works"
    if isinstance(error, Dark):
        return f"shown as off: `{error}`"
    kind = next(each for each in (AuthError, Throttled, Unreachable, Malformed, Unsupported) if isinstance(error, each))
    pause = ""
    if isinstance(error, Throttled) and error.retry_after is not None:
        pause = f" {error.retry_after:.0f} s"
    return f"{kind.__name__} `{error.reason}`{pause}"


def gravest(errors: Sequence[HubError]) -> HubError | None:
    """Return the error that means most: which of them a line showed last depends on when it was dialled."""
    order = (AuthError, Throttled, Unsupported, Malformed, HubError)

    def rank(error: HubError) -> tuple[int, str]:
        return next(at for at, kind in enumerate(order) if isinstance(error, kind)), error.reason

    return min(errors, key=rank, default=None)


class Counted(Stills):
    """Counts the pictures that are tried."""

    def __init__(self, stills: Stills) -> None:
        self._stills = stills
        self.tries = 0

    @override
    async def take(self, width: int | None = None) -> Image:
        self.tries += 1
        return await self._stills.take(width)


class Examination:
    """Leads one provider through one kind of trouble."""

    def __init__(self, bench: Bench, row: Row) -> None:
        self._bench = bench
        self._row = row
        self._clock = bench.clock
        if isinstance(row, Skew):
            self._clock = WrongClock(bench.clock, timedelta(days=1 if row is Skew.AHEAD else -1))
        self._provider = self._open()

    async def run(self) -> Mapping[Stage, str]:
        """Return the outcome of each stage that there is."""
        steps: Mapping[Stage, Callable[[], Awaitable[HubError | Dark | Deaf | None]]] = {
            Stage.SETUP: self._set_up,
            Stage.REFRESH: self._refresh,
            Stage.STILL: self._still,
            Stage.STREAM: self._stream,
            Stage.EVENTS: self._events,
            Stage.CLIP: self._clip,
        }
        outcomes: dict[Stage, str] = {}
        for stage, step in steps.items():
            if absent(self._bench.key, stage) is not None:
                continue
            before = tasks()
            error = await step()
            outcomes[stage] = told(error)
            self._check(stage, error)
            await self._leaves_nothing(before)
        await self._provider.close()
        await self._bench.left_alone()
        return outcomes

    # What is done about a fault.

    async def _set_up(self) -> HubError | Dark | None:
        # Tokens are old by then.
        await asyncio.sleep(2 * 3600)
        await self._fail(doors=True)
        error = await self._counting(set_up(self._bench, self._provider))
        await self._rest()
        # What failed at setup is opened anew, as the hub does it.
        await self._reopen()
        return error

    async def _refresh(self) -> HubError | Dark | None:
        await self._cameras()
        await self._fail()
        error = await self._counting(listed(self._provider))
        await self._recover(error)
        assert await failure(listed(self._provider)) is None, "it is listed again without being opened anew"
        return error

    async def _still(self) -> HubError | Dark | None:
        """The last picture is served and marked, tries are few, and pictures come again by themselves."""
        bench = self._bench
        camera = await self._camera(Stage.STILL)
        assert camera.stills is not None
        stills, key = Counted(camera.stills), f"{bench.key} {self._row.name}"
        album = Album(bench.folder, clock=self._clock)
        await album.load()
        last = await album.refresh(key, stills)
        await asyncio.sleep(LOOK_S)
        await self._fail()
        error = await self._counting(album.refresh(key, stills, force=True))
        stills.tries = 0
        if error is not None:
            for _ in range(int(WHILE_S / LOOK_S)):
                shown = await album.get(key, stills, max_age=10)
                if album.state(key).error is None:
                    # Another way to a picture was found.
                    break
                assert shown.content == last.content
                assert shown.stale, "the last picture is served, and marked"
                await asyncio.sleep(LOOK_S)
            else:
                state = album.state(key)
                assert (state.taken_at, state.failures > 0) == (last.taken_at, True)
                # Refusals may have to come again and again before they are believed.
                error = state.error
            assert stills.tries <= MOST_TAKES
        await self._recover(error)
        if isinstance(error, AuthError):
            camera = await self._camera(Stage.STILL)
            assert camera.stills is not None
            stills = Counted(camera.stills)
        newer = await album.refresh(key, stills)
        assert newer.taken_at > last.taken_at, "pictures come again by themselves"
        await album.close()
        assert not [each for each in bench.folder.rglob("*") if each.is_file() and each.suffix in {".tmp", ".part"}]
        return error

    async def _stream(self) -> HubError | Dark | None:
        camera = await self._camera(Stage.STREAM)
        await self._fail()
        error = await self._counting(watch(self._bench, camera), endless=True)
        await self._recover(error)
        camera = await self._camera(Stage.STREAM) if isinstance(error, AuthError) else camera
        assert await failure(watch(self._bench, camera)) is None, "it can be watched again"
        if camera.mjpeg is not None and not isinstance(self._row, Skew):
            await self._relayed(camera)
        return error

    async def _relayed(self, camera: Camera) -> None:
        """Who watches keeps on watching: the stream is dialled again, not too often, and comes back."""
        assert camera.mjpeg is not None
        relay = Relay(camera.mjpeg, clock=self._clock)
        async with asyncio.timeout(REST_S * 2):
            viewer = relay.frames()
            last = await anext(viewer)
            await self._fail()
            asked = self._bench.requests
            await asyncio.sleep(VIEWED_S)
            assert self._bench.requests - asked <= VIEWED_S + MOST_REQUESTS, "once in a second at most"
            self._bench.heal()
            try:
                # What comes first may have come before all was well.
                while (frame := await anext(viewer)).sequence <= last.sequence + 1:
                    assert frame.jpeg
            except AuthError:
                await self._rest()
                await self._reopen()
            except Unsupported:
                # Viewers ended; those who come later have it asked again.
                await self._rest()
                again = relay.frames()
                await anext(again)
                await again.aclose()
            await viewer.aclose()
        await relay.close()

    async def _events(self) -> HubError | Dark | Deaf | None:
        """The line is dialled again, not too often, and what moves afterwards is told."""
        bench, world = self._bench, self._bench.world
        await self._cameras()
        heard = asyncio.Event()
        errors: list[HubError] = []
        pump = EventPump(
            self._provider.events,
            lambda _: heard.set(),
            clock=self._clock,
            backoff=_BACKOFF,
            on_state=lambda: errors.append(pump.error) if pump.error is not None else None,
            random=lambda: 0.0,
        )
        pump.start()
        await world.listened_to()
        await settle(50)
        await self._fail()
        asked = bench.requests
        if not isinstance(self._row, Skew):
            await asyncio.sleep(LINE_S)
            assert bench.requests - asked <= MOST_DIALS * MOST_REQUESTS
        # The first is only that the line was cut when the fault came, unless it is the only one and stays.
        error = gravest(errors[1:] or ([] if pump.connected else errors))
        await self._heal()
        if isinstance(pump.error, AuthError):
            await pump.close()
            await self._recover(pump.error)
            return error
        if errors:
            await asyncio.sleep(REST_S if isinstance(pump.error, Unsupported) else WHILE_S)
        await world.listened_to()
        world.move()
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_S):
                await heard.wait()
        await pump.close()
        if (bench.key, self._row) in DEAF:
            assert not heard.is_set(), "it is heard after all: take it out of DEAF"
            return Deaf("its history is asked for by our clock")
        assert heard.is_set(), "what moves is told again"
        return error

    async def _clip(self) -> HubError | Dark | None:
        camera = await self._camera(Stage.CLIP)
        await self._fail()
        error = await self._counting(replay(self._bench, camera))
        await self._recover(error)
        camera = await self._camera(Stage.CLIP) if isinstance(error, AuthError) else camera
        assert await failure(replay(self._bench, camera)) is None, "it can be read again"
        return error

    # What is said about all of them.

    def _check(self, stage: Stage, error: HubError | Dark | Deaf | None) -> None:
        if isinstance(error, Deaf):
            return
        expected = EXPECTED[self._row]
        kind = None if error is None else error
        assert (None in expected) if kind is None else isinstance(kind, tuple(filter(None, expected))), told(error)
        if isinstance(error, AuthError):
            assert self._row in REFUSING, "nobody is asked to sign in again unless a login is refused"
        if self._row is Fault.THROTTLED_FOR and isinstance(error, Throttled):
            assert (error.retry_after or 0) >= RETRY_AFTER_S - 1, "it waits for as long as is asked for"
        assert self._bench.trap.caught == 0, "nobody is led to where a redirect points"

    async def _counting(self, work: Awaitable[object], *, endless: bool = False) -> HubError | Dark | None:
        asked, taken = self._bench.requests, self._bench.taken
        error = await failure(work)
        if error is not None:
            assert self._bench.requests - asked <= MOST_REQUESTS, "a failure is no reason for a storm"
        assert self._bench.taken - taken <= MOST_TAKEN or endless, "a body without end is broken off"
        return error

    async def _leaves_nothing(self, before: set[asyncio.Task[object]]) -> None:
        await self._bench.left_alone()
        await settle(50)
        await nothing_left(before)

    # Steps.

    def _open(self) -> Provider:
        return self._bench.open(self._clock)

    async def _fail(self, *, doors: bool = False) -> None:
        if isinstance(self._row, Fault):
            await self._bench.arm(self._row, doors=doors, lost=self._row in LOST.get(self._bench.key, ()))

    async def _heal(self) -> None:
        if isinstance(self._row, Fault):
            self._bench.heal()

    async def _rest(self) -> None:
        await self._heal()
        await asyncio.sleep(REST_S)

    async def _recover(self, error: HubError | Dark | Deaf | None) -> None:
        """All is well again after a while; a refused login is signed in anew, everything else goes on as it is."""
        await self._rest()
        if isinstance(error, AuthError):
            await self._reopen()

    async def _reopen(self) -> None:
        await self._provider.close()
        self._provider = self._open()
        assert await failure(set_up(self._bench, self._provider)) is None

    async def _cameras(self) -> Sequence[Camera]:
        await asyncio.sleep(REST_S)
        if not isinstance(error := await failure(self._provider.cameras()), AuthError):
            assert error is None, told(error)
        return await self._provider.cameras()

    async def _camera(self, stage: Stage) -> Camera:
        camera = chosen(await self._cameras(), stage)
        assert camera is not None
        return camera
