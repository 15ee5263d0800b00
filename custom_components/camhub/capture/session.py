"""What all capture engines share: limits, ICE servers, and sessions that are always released."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from ..kernel.clock import Clock, SystemClock
from ..kernel.errors import HubError
from ..kernel.live import LiveView
from ..kernel.provider import WebRtc

# Seconds: a whole capture; from the connection to a picture; between two requests for a key frame.
HARD_STOP_S: Final = 25.0
PICTURE_S: Final = 12.0
NUDGE_S: Final = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class IceServer:
    """A STUN or TURN server; `urls` as in RFC 7064 and 7065."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


type IceServers = Callable[[], Sequence[IceServer]]


@dataclass(kw_only=True, slots=True)
class Terms:
    """The settings of an engine: ICE servers, clock, concurrent captures.

    `picture` is the seconds from the connection to a picture.
    """

    ice_servers: IceServers = tuple
    clock: Clock = field(default_factory=SystemClock)
    concurrent: int = 4
    picture: float = PICTURE_S


class Sessions:
    """Opens live sessions and releases each, whatever happens."""

    def __init__(self, clock: Clock) -> None:
        """Start with none."""
        self._clock = clock
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, live: WebRtc, offer: str, hear: Callable[[str], None]) -> AsyncGenerator[str]:
        """Yield the answer to an offer, mended; `hear` takes later candidates; raises HubError."""
        view = LiveView(live, offer, hear, clock=self._clock)
        broken_off = True
        try:
            yield await view.start()
            broken_off = False
        except HubError:
            broken_off = False
            raise
        finally:
            closing = asyncio.ensure_future(view.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            # A cancelled caller does not wait; the session is released all the same.
            if not broken_off:
                await asyncio.shield(closing)

    async def close(self) -> None:
        """Wait until all sessions have been released."""
        if self._closing:
            await asyncio.wait(self._closing)
