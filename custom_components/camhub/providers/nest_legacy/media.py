"""A camera's pictures."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from ...kernel.errors import Unreachable, Unsupported
from ...kernel.model import Image
from ...kernel.provider import Stills
from .client import Client, Missing
from .parse import State, Unit


@dataclass(kw_only=True, slots=True)
class CameraHandle:
    """What is known of a camera by now; the listing keeps it up to date. `look` lists again, unless it just did."""

    client: Client
    unit: Unit
    look: Callable[[], Awaitable[None]]
    gone: bool = False


class HostedStills(Stills):
    """The newest picture that the service has."""

    def __init__(self, handle: CameraHandle) -> None:
        """Read `handle` each time."""
        self._handle = handle

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture; raises HubError, Unreachable for a blank one, Unsupported for a camera that left."""
        handle = self._handle
        asked = handle.unit.region
        taken_at = handle.client.clock.now()
        try:
            content = await handle.client.picture(handle.unit, width)
        except Missing:
            await handle.look()
            if handle.gone or handle.unit.state is State.MOVED:
                raise self._left() from None
            if handle.unit.region == asked:
                raise self._dark() from None
            content = await handle.client.picture(handle.unit, width)
        return Image(content=content, taken_at=taken_at)

    def _left(self) -> Unsupported:
        if self._handle.gone:
            return Unsupported("no longer listed", reason="not_on_server")
        return Unsupported("moved to the other app", reason="camera_migrated")

    def _dark(self) -> Unreachable:
        if self._handle.unit.state is State.OFF:
            return Unreachable("switched off", reason="camera_turned_off")
        return Missing("no picture")
