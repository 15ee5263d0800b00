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
class Outlet:
    """What is known of a camera by now; the listing keeps it up to date. `look` lists again, unless it just did."""

    client: Client
    unit: Unit
    look: Callable[[], Awaitable[None]]
    gone: bool = False


class HostedStills(Stills):
    """The newest picture that the service has."""

    def __init__(self, outlet: Outlet) -> None:
        """Read `outlet` each time."""
        self._outlet = outlet

    @override
    async def take(self, width: int | None = None) -> Image:
        """Take a picture; raises HubError, Unreachable for a blank one, Unsupported for a camera that left."""
        outlet = self._outlet
        asked = outlet.unit.region
        taken_at = outlet.client.clock.now()
        try:
            content = await outlet.client.picture(outlet.unit, width)
        except Missing:
            await outlet.look()
            if outlet.gone or outlet.unit.state is State.MOVED:
                raise self._left() from None
            if outlet.unit.region == asked:
                raise self._dark() from None
            content = await outlet.client.picture(outlet.unit, width)
        return Image(content=content, taken_at=taken_at)

    def _left(self) -> Unsupported:
        if self._outlet.gone:
            return Unsupported("no longer listed", reason="not_on_server")
        return Unsupported("moved to the other app", reason="camera_migrated")

    def _dark(self) -> Unreachable:
        if self._outlet.unit.state is State.OFF:
            return Unreachable("switched off", reason="camera_turned_off")
        return Missing("no picture")
