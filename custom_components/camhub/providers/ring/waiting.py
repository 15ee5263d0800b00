"""Waiting for whatever comes first."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def first_of(*work: asyncio.Task[Any] | Coroutine[Any, Any, Any]) -> None:
    """Return when one of them has ended; coroutines are ended with it, tasks go on."""
    own = [asyncio.create_task(each) for each in work if not isinstance(each, asyncio.Task)]
    try:
        given = [each for each in work if isinstance(each, asyncio.Task)]
        await asyncio.wait([*given, *own], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)
