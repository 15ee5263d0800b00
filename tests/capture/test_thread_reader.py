import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
import threading

import pytest

from custom_components.camhub.capture.thread_reader import read_in_thread
from custom_components.camhub.kernel.errors import AuthError, Unreachable


async def test_streams_read_for_days_leave_the_executor_to_others() -> None:
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(max_workers=1)
    loop.set_default_executor(pool)
    waiting: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        loop.call_soon_threadsafe(waiting.put_nowait, "picture")
        stop.wait()

    async with aclosing(read_in_thread(read, stop, waiting, reason="stream_ended")) as pictures:
        assert await anext(pictures) == "picture"
        assert await asyncio.to_thread(lambda: "done") == "done"
    assert stop.is_set()


@pytest.mark.parametrize("error", [AuthError("refused"), None])
async def test_the_end_of_the_thread_is_raised(error: AuthError | None) -> None:
    def read() -> None:
        if error is not None:
            raise error

    with pytest.raises(AuthError if error else Unreachable) as caught:
        await anext(read_in_thread(read, threading.Event(), asyncio.Queue[str](), reason="stream_ended"))
    assert caught.value.reason == (error.reason if error else "stream_ended")
