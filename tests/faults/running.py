"""Runs one provider through one fault, on a loop of its own."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from simulators.authority import Authority

from .bench import bench
from .loop import JumpingLoop
from .matrix import Examination, Row
from .stages import Stage


def examine(key: str, row: Row, authority: Authority, strangers: Authority, folder: Path) -> Mapping[Stage, str]:
    """Return the outcome of each stage there is; raises AssertionError for what must never be."""

    async def run() -> Mapping[Stage, str]:
        async with bench(key, authority, strangers, folder) as made:
            return await Examination(made, row).run()

    loop = JumpingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        outcomes = runner.run(run())
        # Threads are waited for in the end, and their time does not jump.
        loop.be_patient(3600)
    return outcomes
