"""Things that are ours for a time: stream addresses, sessions, signed links."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime


async def _nothing() -> None:
    """Release what needs no releasing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease[T]:
    """A value, until when it holds (aware, None for ever), how to extend it and how to give it back."""

    value: T = field(repr=False)
    expires_at: datetime | None = None
    renew: Callable[[], Awaitable[Lease[T]]] | None = field(default=None, repr=False)
    release: Callable[[], Awaitable[None]] = field(default=_nothing, repr=False)
