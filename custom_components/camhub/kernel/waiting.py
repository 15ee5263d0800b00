"""Waiting for the first of several."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def first_of(*work: asyncio.Future[Any] | Coroutine[Any, Any, Any]) -> None:
    """Return when one has completed; the other coroutines are cancelled, tasks and futures continue."""
    own = [asyncio.create_task(each) for each in work if not isinstance(each, asyncio.Future)]
    try:
        given = [each for each in work if isinstance(each, asyncio.Future)]
        await asyncio.wait([*given, *own], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)
