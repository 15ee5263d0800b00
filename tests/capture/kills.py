"""Captures that are broken off or lose their browser at any moment: `python -m tests.capture.kills [HOW MANY]`."""

import asyncio
from collections import Counter
import os
import random
import signal
import sys

from custom_components.camhub.capture.browser_engine import BrowserEngine
from custom_components.camhub.kernel.errors import HubError

from .processes import ours, program
from .vendor import Vendor, until, vendor

MANY = 100
# Seconds for one: a browser that is killed while its page opens is noticed by the time limit only.
LIMIT_S = 20.0


async def captures(engine: BrowserEngine, camera: Vendor, rounds: int, chance: random.Random) -> Counter[str]:
    """Take so many pictures, a third of them cancelled, of a third the browser killed; return how they ended."""
    ends: Counter[str] = Counter()
    for number in range(rounds):
        grabbing = asyncio.create_task(engine.grab_live(camera, LIMIT_S))
        if number % 3 == 0:
            await asyncio.wait({grabbing}, timeout=chance.random() * 1.5)
            grabbing.cancel()
        elif number % 3 == 1:
            ends["browsers killed"] += await _killed(engine, grabbing, chance)
        await asyncio.wait({grabbing})
        ends[_end(grabbing)] += 1
    return ends


async def _killed(engine: BrowserEngine, grabbing: asyncio.Task[bytes], chance: random.Random) -> bool:
    """Kill the browser of a capture at some moment; return whether there was one."""
    # One that is being started cannot be found by anybody yet.
    await until(lambda: bool(engine.browsers) or grabbing.done())
    await asyncio.wait({grabbing}, timeout=chance.random())
    group = engine.browsers[0].group if engine.browsers else None
    if group is not None:
        os.killpg(group, signal.SIGKILL)
    return group is not None


def _end(grabbing: asyncio.Task[bytes]) -> str:
    if grabbing.cancelled():
        return "cancelled"
    error = grabbing.exception()
    return error.reason if isinstance(error, HubError) else "pictures" if error is None else type(error).__name__


async def main(rounds: int) -> None:
    """Tell how so many captures ended and what is left of them."""
    before = ours()
    async with vendor() as camera:
        engine = BrowserEngine((program(),))
        ends = await captures(engine, camera, rounds, random.Random(3))
        await engine.close()
        processes, sessions = len(ours() - before), camera.opened - camera.released
    found = ", ".join(f"{count} {end}" for end, count in ends.most_common())
    sys.stdout.write(f"{rounds} captures: {found}; left: {processes} processes, {sessions} sessions\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY))
