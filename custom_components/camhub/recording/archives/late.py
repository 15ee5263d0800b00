"""Stands where an archive could not be made: clips wait, and with each that is tried the archive is too."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import override

from ...kernel.errors import HubError, Unreachable
from . import Archive, Film, Stored


class LateArchive(Archive):
    """Makes the archive when something is wanted of it; everything raises Unreachable until that succeeds."""

    def __init__(self, make: Callable[[], Awaitable[Archive]]) -> None:
        """Make nothing yet."""
        self._make = make
        self._making = asyncio.Lock()
        self._made: Archive | None = None

    @override
    async def put(self, film: Film, name: str) -> Stored:
        """Keep a film."""
        return await (await self._archive()).put(film, name)

    @override
    async def verify(self, stored: Stored, film: Film) -> None:
        """Look whether what is there now is the film."""
        await (await self._archive()).verify(stored, film)

    @override
    async def check(self) -> None:
        """Try it."""
        await (await self._archive()).check()

    @override
    def address(self, reference: str) -> str:
        """Return where a film is; it was put there, so there is an archive."""
        if self._made is None:
            raise Unreachable("there is no archive yet")
        return self._made.address(reference)

    @override
    async def link(self, reference: str, seconds: int) -> str | None:
        """Return an address that anybody may open for so long, None where there is none."""
        return await (await self._archive()).link(reference, seconds)

    @override
    async def delete(self, reference: str) -> None:
        """Delete a film."""
        await (await self._archive()).delete(reference)

    @override
    async def close(self) -> None:
        """Give back what was made."""
        if self._made is not None:
            await self._made.close()

    async def _archive(self) -> Archive:
        async with self._making:
            if self._made is None:
                try:
                    self._made = await self._make()
                except HubError as error:
                    raise Unreachable("the archive cannot be made", reason=error.reason) from error
            return self._made
