"""Stands where an archive cannot be used: clips wait until the user has mended its settings."""

from typing import Never, override

from ...kernel.errors import HubError, Unreachable
from . import Archive, Film, Stored


class ClosedArchive(Archive):
    """Takes nothing, and says why."""

    def __init__(self, error: HubError) -> None:
        """Remember what is wrong."""
        self.reason = error.reason

    @override
    async def put(self, film: Film, name: str) -> Stored:
        """Have the film wait; raises Unreachable."""
        self._refuse()

    @override
    async def verify(self, stored: Stored, film: Film) -> None:
        """Have the film wait; raises Unreachable."""
        self._refuse()

    @override
    async def check(self) -> None:
        """Say what is wrong; raises Unreachable."""
        self._refuse()

    @override
    def address(self, reference: str) -> str:
        """Say what is wrong; raises Unreachable."""
        self._refuse()

    @override
    async def link(self, reference: str, seconds: int) -> str | None:
        """Say what is wrong; raises Unreachable."""
        self._refuse()

    @override
    async def delete(self, reference: str) -> None:
        """Say what is wrong; raises Unreachable."""
        self._refuse()

    @override
    async def close(self) -> None:
        """Nothing is open."""

    def _refuse(self) -> Never:
        raise Unreachable("the archive cannot be used", reason=self.reason)
