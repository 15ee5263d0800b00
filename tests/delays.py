"""A plugin for pytest that nothing loads by itself: answers come late, by chance, as on a machine that is busy.

What is read from a socket, and what a thread is asked to do, waits some milliseconds (`CAMHUB_DELAYS`, in seconds; one
in twenty waits up to four times that). A test that fails only then looks before what it looks for can be there, or has
found a race. A time that a test has frozen or made its own does not touch the delays: threads sleep them.
"""

from asyncio import AbstractEventLoop, base_events, selector_events
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
import os
from queue import SimpleQueue
import random
from threading import Thread
from time import sleep
from typing import Any, Final

LONGEST: Final = float(os.environ.get("CAMHUB_DELAYS", "0.02"))
# So many reads can be late at once; more wait for each other. Threads that are there before a test are none of its own.
THREADS: Final = 16


def delay() -> float:
    """Return for how many seconds something is late: three of ten times not at all."""
    chance = random.random()
    if chance < 0.3:
        return 0.0
    return random.uniform(0, LONGEST) if chance < 0.95 else random.uniform(LONGEST, 4 * LONGEST)


def real(loop: AbstractEventLoop) -> bool:
    """Return whether time passes by itself in a loop."""
    return type(loop).time is base_events.BaseEventLoop.time


def run(late: SimpleQueue[tuple[AbstractEventLoop, Callable[[], None]]]) -> None:
    """Wake what is late, one after the other."""
    while True:
        loop, resume = late.get()
        sleep(delay())
        # The test that the loop belongs to may be over.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(resume)


def install() -> None:
    """Make sockets and threads of all event loops late from now on."""
    late = SimpleQueue[tuple[AbstractEventLoop, Callable[[], None]]]()
    for _ in range(THREADS):
        Thread(target=run, args=(late,), daemon=True, name="delays").start()
    transport: Any = vars(selector_events)["_SelectorSocketTransport"]
    loops: Any = base_events.BaseEventLoop
    read_ready, run_in_executor = transport._read_ready, loops.run_in_executor

    @wraps(read_ready)
    def read_late(self: Any) -> None:
        if not real(self._loop):
            read_ready(self)
            return
        self._loop._remove_reader(self._sock_fd)

        def resume() -> None:
            # It may have been closed or paused meanwhile; whoever lets it go on listens again.
            if self.is_reading() and not self._conn_lost:
                read_ready(self)
                if self.is_reading():
                    self._loop._add_reader(self._sock_fd, self._read_ready)

        late.put((self._loop, resume))

    @wraps(run_in_executor)
    def run_late(self: Any, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        seconds = delay() if real(self) else 0.0

        def work() -> Any:
            sleep(seconds)
            return func(*args)

        return run_in_executor(self, executor, work)

    transport._read_ready = read_late
    loops.run_in_executor = run_late


install()
