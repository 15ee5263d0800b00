"""Sharing of concurrent requests for the same thing."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any


class SingleFlight[T]:
    """At most one task per key, shared by concurrent callers, none of whom can cancel it."""

    def __init__(self) -> None:
        """Start with no task."""
        self._tasks: dict[str, asyncio.Task[T]] = {}

    def __contains__(self, key: str) -> bool:
        """Return whether a task is running."""
        return key in self._tasks

    def join(self, key: str, start: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Return the running task, else a new one of `start`; wait with `asyncio.wait`, which cancels nothing."""
        if (task := self._tasks.get(key)) is None:
            task = self._tasks[key] = asyncio.create_task(start())
            task.add_done_callback(lambda done: self._landed(key, done))
        return task

    async def cancel(self, keys: Iterable[str] | None = None) -> None:
        """Cancel the tasks of these keys, by default all, and wait for their end."""
        wanted = list(self._tasks if keys is None else keys)
        tasks = {task for key in wanted if (task := self._tasks.pop(key, None))}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _landed(self, key: str, task: asyncio.Task[T]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
