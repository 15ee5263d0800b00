"""Minutes on end of sixty cameras of six kinds: `script/bench soak [--minutes N] [--seed N]`.

The cameras are simulators behind proxies that fail at random (`town.py`); viewers come and go (`visits.py`). What
Home Assistant takes, how late its loop is and which events it tells is looked at all the time (`inside/watching.py`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
import os
from pathlib import Path
from random import Random
import secrets
import sys
from tempfile import TemporaryDirectory
import time
from typing import Any, Final, Self

from demo.world import add_accounts, cameras
from simulators.authority import Authority
from simulators.names import Address

from . import allocator
from .figure import Figure
from .homes import Home
from .machine import OTHERS, descriptors, resident_kb
from .plan import FULL, Plan
from .slope import PARTS, Slope
from .visits import Visits
from .worker import Worker

CAMERAS: Final = 60
# The part of the time that is not looked at: caches fill, everything is imported, every way is taken once.
WARM_UP: Final = 0.3
LOOK_S: Final = 2.0
# So many looks apart garbage and free memory are given back before memory is looked at, and a line is told.
TRIM_EVERY: Final = 15
TELL_EVERY: Final = 15
RELOAD_S: Final = 60.0
# What is on its way in the end may take so long: a service that said "too many requests" is left alone for five
# minutes, then its line is dialled within one, and its history is looked at twice a minute.
SETTLE_S: Final = 420.0
PERCENT_AN_HOUR: Final = 1.0
STALL_MS: Final = 20.0


@dataclass(kw_only=True)
class Town:
    """Where the cameras are (`town.py` as a process), as somebody needs it who adds them."""

    worker: Worker
    authority: Authority
    names: dict[str, Address]
    environment: Mapping[str, str]
    pi_url: str
    recorder_url: str
    server_url: str
    restream_port: int
    plain: list[str]
    login: dict[str, str]

    @classmethod
    async def open(cls, worker: Worker, folder: Path, count: int) -> Self:
        """Have the cameras started."""
        told = await worker.tell({"do": "open", "folder": str(folder), "cameras": count})
        return cls(
            worker=worker,
            authority=Authority(folder / "authority"),
            names={name: (host, port) for name, (host, port) in told["names"].items()},
            environment=told["environment"],
            pi_url=told["plain"][0].removesuffix("/stream.mjpg"),
            recorder_url=told["recorder"],
            server_url=told["server"],
            restream_port=told["restream"],
            plain=told["plain"][1:],
            login=told["legacy"],
        )

    async def legacy_login(self) -> dict[str, str]:
        """Return what a browser shows of somebody who is signed in to the services of older cameras."""
        return self.login


@asynccontextmanager
async def inhabited(count: int) -> AsyncGenerator[tuple[Home, Town, Worker]]:
    """Run a town and a Home Assistant that has all its cameras, and viewers."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="camhub-soak-")))
        worker = await stack.enter_async_context(Worker("bench.town"))
        viewers = await stack.enter_async_context(Worker("bench.viewers"))
        town = await Town.open(worker, folder, count)
        config = folder / "config"
        config.mkdir()
        around = {**town.environment, **allocator.ENVIRONMENT}
        home = Home(config, (), names=town.names, authority=town.authority.file, environment=around)
        await stack.enter_async_context(home)
        await add_accounts(home, town)
        for number, address in enumerate(town.plain):
            await home.add("mjpeg", {"address": address, "verify_tls": True}, {"name": f"Street {number}"})
        yield home, town, viewers


@dataclass(kw_only=True)
class Watched:
    """What was seen: memory in KiB by the seconds since the begin, open files, tasks.

    `held` is memory after what is garbage or free was given back; `used` says whose it is.
    """

    memory: list[tuple[float, float]] = field(default_factory=list)
    held: list[tuple[float, float]] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)
    reloads: int = 0


async def run(plan: Plan = FULL) -> list[Figure]:
    """Soak; the seed is told before it begins."""
    seed = secrets.randbelow(2**32) if plan.seed is None else plan.seed
    _say(f"soak: {plan.minutes:g} minutes, seed {seed}")
    os.sched_setaffinity(0, {OTHERS} & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    async with inhabited(CAMERAS) as (home, town, viewers):
        soak = Soak(home, town, Visits(home, viewers, Random(f"{seed}/visits")), seed)
        return await soak.figures(plan.minutes * 60)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Soak:
    """One run in a home with its town."""

    def __init__(self, home: Home, town: Town, visits: Visits, seed: int) -> None:
        """Begin nothing yet."""
        self._home = home
        self._town = town
        self._visits = visits
        self._seed = seed
        self._chance = Random(f"{seed}/reloads")
        self._watched = Watched()
        self._cameras = 0
        # One command at a time.
        self._turn = asyncio.Lock()

    async def figures(self, seconds: float) -> list[Figure]:
        """Let all go on for so long, let it come to rest, and tell what came of it."""
        self._cameras = len(await cameras(self._home))
        _say(f"soak: {self._cameras} cameras")
        await self._visits.prepare()
        await self._home.command("bench_inside/watch")
        await self._tell(do="live", seed=self._seed)
        ongoing = [asyncio.create_task(each) for each in (self._look(), self._reload(), self._visits.live())]
        begun = time.monotonic()
        await _until_over(ongoing, seconds * WARM_UP)
        before: dict[str, int] = await self._home.command("bench_inside/objects")
        # The loop stood still for that.
        lag_before = await self._home.command("bench_inside/watched")
        await self._home.command("bench_inside/stalls_anew")
        await _until_over(ongoing, seconds - (time.monotonic() - begun))
        after = await self._home.command("bench_inside/watched")
        for task in ongoing:
            task.cancel()
        await asyncio.gather(*ongoing, return_exceptions=True)
        told, heard = await self._settled()
        objects: dict[str, int] = await self._home.command("bench_inside/objects")
        self._summary(told, heard, after, lag_before, Counter(objects) - Counter(before))
        return self._told(seconds, told["events"], heard["events"], after)

    async def _tell(self, **command: Any) -> Any:
        async with self._turn:
            return await self._town.worker.tell(command)

    async def _look(self) -> None:
        """Look at memory and files again and again, and now and then at the tasks."""
        begun = time.monotonic()
        for number in range(2**31):
            await asyncio.sleep(LOOK_S)
            self._watched.memory.append((time.monotonic() - begun, resident_kb(self._home.pid)))
            self._watched.files.append(descriptors(self._home.pid))
            if number % TRIM_EVERY == 0:
                self._watched.used = await self._home.command("bench_inside/trim")
                self._watched.held.append((time.monotonic() - begun, resident_kb(self._home.pid)))
            if number % TELL_EVERY == 0:
                seen = await self._home.command("bench_inside/watched")
                self._watched.tasks.append(seen["tasks"])
                stalls = seen["stalls"]
                resident, held = (each[-1][1] / 1024 for each in (self._watched.memory, self._watched.held))
                _say(
                    f"{time.monotonic() - begun:5.0f} s: {resident:.1f} MiB ({held:.1f} in use, {self._watched.used}), "
                    f"{self._watched.files[-1]} files, {seen['tasks']} tasks, {seen['threads']} threads, stall p99 "
                    f"{stalls['p99']:.1f} ms (own {stalls['own_p99']:.1f}), {sum(seen['events'].values())} events, "
                    f"{seen['entries']}, {seen['flows']} dialogs; {self._visits}"
                )

    async def _reload(self) -> None:
        """Open one account after the other anew; it is quiet for that while, as nobody would listen."""
        entries = [each for each in await self._home.entries() if each["domain"] == "camhub"]
        kinds = await self._home.get("/api/camhub/streams")
        named = {each["name"]: each for each in kinds["streams"]}
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / RELOAD_S))
            entry = self._chance.choice(entries)
            if entry["title"] not in named:
                # An account of more than one camera, which tells events.
                continue
            await self._home.reload(entry["entry_id"])
            self._watched.reloads += 1

    async def _settled(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Heal all and wait until as much was heard as was told, if it ever is; return both."""
        await self._tell(do="rest")
        begun = time.monotonic()
        while True:
            told = await self._tell(do="told")
            heard = await self._home.command("bench_inside/watched")
            if told["events"] == heard["events"] or time.monotonic() - begun > SETTLE_S:
                # One that comes twice would come now.
                await asyncio.sleep(5)
                _say(f"soak: settled after {time.monotonic() - begun:.0f} s")
                return told, await self._home.command("bench_inside/watched")
            await asyncio.sleep(2)

    def _summary(
        self,
        told: Mapping[str, Any],
        heard: Mapping[str, Any],
        after: Mapping[str, Any],
        before: Mapping[str, Any],
        grown: Counter[str],
    ) -> None:
        kinds = sorted({*told["events"], *heard["events"]})
        _say(
            "events told / heard: "
            + ", ".join(f"{kind} {told['events'].get(kind, 0)} / {heard['events'].get(kind, 0)}" for kind in kinds)
        )
        _say(f"faults: {sum(told['faults'].values())} {told['faults']}; tokens ended {told['tokens']} times")
        _say(f"accounts in the end: {heard['entries']}, {heard['flows']} dialogs; {self._visits}")
        _say(f"open files {self._watched.files[0]} to {self._watched.files[-1]}, tasks {self._watched.tasks}")
        _say(f"stalls while it warmed up: {before['stalls']}")
        _say(f"stalls: {after['stalls']}")
        _say(f"objects more than after the warm-up: {grown.most_common(60)}")
        _say(f"no picture where there had been one: {self._visits.why}")
        for line in _errors(self._home):
            _say(f"log: {line}")

    def _told(
        self, seconds: float, told: Mapping[str, int], heard: Mapping[str, int], after: Mapping[str, Any]
    ) -> list[Figure]:
        warm = [each for each in self._watched.held if each[0] >= seconds * WARM_UP]
        said = (
            f"{self._cameras} cameras of six kinds, {seconds / 60:g} minutes, seed {self._seed}, {self._visits}, "
            f"{self._watched.reloads} reloads"
        )
        lost, doubled = Counter(told) - Counter(heard), Counter(heard) - Counter(told)
        files = self._watched.files
        stalls = after["stalls"]
        figures = [
            Figure(
                figure="events_lost_or_doubled",
                value=lost.total() + doubled.total(),
                unit="events",
                goal=0,
                better="lower",
                against=f"of {sum(told.values())} that the simulators told, by provider and kind",
            ),
            Figure(
                figure="pictures_missing",
                value=self._visits.missing,
                unit="answers",
                goal=0,
                better="lower",
                against="stills of cameras that had given a picture before, whatever was wrong with them then",
            ),
            Figure(
                figure="stall_p99_ms",
                value=stalls["p99"],
                unit="ms",
                goal=STALL_MS,
                better="lower",
                against=f"a 5 ms timer in the loop; {stalls['own_p99']:.1f} less what it waited for a processor, the "
                f"longest {stalls['max']:.0f}",
            ),
            Figure(
                figure="open_files_more",
                value=max(files[-len(files) // 4 :]) - max(files[len(files) // 4 : len(files) // 2]),
                unit="files",
                goal=16,
                better="lower",
                against=f"the most in the last quarter of the time beside the second; {files[-1]} in the end",
            ),
        ]
        if len(warm) >= PARTS:
            figures.insert(0, _growth(Slope.of(warm), said))
        return figures


async def _until_over(ongoing: list[asyncio.Task[None]], seconds: float) -> None:
    """Wait so long; raises what ended one of the tasks before."""
    done, _ = await asyncio.wait(ongoing, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def _growth(slope: Slope, said: str) -> Figure:
    percent = 60 * 100 / slope.mean
    return Figure(
        figure="memory_growth_percent_an_hour",
        value=slope.surely * percent,
        unit="%",
        goal=PERCENT_AN_HOUR,
        better="lower",
        against=f"{slope.mean / 1024:.0f} MiB in use after the warm-up ({allocator.NAME}); measured "
        f"{slope.per_minute:.0f} ± {slope.sure_within:.0f} KiB a minute (95 %), of which the least is taken; {said}",
    )


def _errors(home: Home) -> list[str]:
    """Return what went wrong inside, each once with how often."""
    lines = home.process.log.read_text(errors="replace").splitlines()
    seen = Counter(line[24:] for line in lines if " ERROR " in line or "Error:" in line or "Exception" in line)
    return [f"{count} x {line[:300]}" for line, count in seen.most_common(20)]
