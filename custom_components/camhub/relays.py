"""The relays that share one upstream MJPEG connection per camera among all viewers."""

from collections.abc import Container, Iterator, Mapping
from typing import override

from .kernel.clock import Clock
from .kernel.provider import Camera
from .kernel.relay import Relay


class Relays(Mapping[str, Relay]):
    """The relays of one account that have been used, by camera."""

    def __init__(self, clock: Clock) -> None:
        """Open nothing yet."""
        self._clock = clock
        self._used: dict[str, Relay] = {}

    @override
    def __getitem__(self, camera_id: str) -> Relay:
        return self._used[camera_id]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._used)

    @override
    def __len__(self) -> int:
        return len(self._used)

    def of(self, camera: Camera) -> Relay | None:
        """Return the relay of a camera, opened by its first viewer; None if it has no MJPEG stream."""
        if camera.mjpeg is None:
            return None
        if camera.id not in self._used:
            self._used[camera.id] = Relay(camera.mjpeg, clock=self._clock)
        return self._used[camera.id]

    async def async_keep(self, cameras: Container[str]) -> None:
        """Close the relays of all other cameras."""
        for camera_id in [known for known in self._used if known not in cameras]:
            await self._used.pop(camera_id).close()
