"""Pictures that alerts link to: snapshots behind a signed path that expires, a limited number per account."""

from collections import OrderedDict
from datetime import datetime, timedelta
import secrets
from typing import Final

from .kernel.clock import Clock
from .kernel.model import Image

# Bytes and pictures kept per account; the oldest are dropped first.
LIMIT: Final = 32 * 2**20
MOST: Final = 200


class AlertPictures:
    """Pictures by an unguessable name, each kept until its link expires."""

    def __init__(self, clock: Clock) -> None:
        """Keep none yet."""
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[datetime, Image]] = OrderedDict()

    def keep(self, camera_id: str, image: Image, life: timedelta) -> str:
        """Keep a picture for a time and return its name."""
        name = secrets.token_urlsafe(16)
        now = self._clock.now()
        self._kept[camera_id, name] = (now + life, image)
        for key, (until, _) in tuple(self._kept.items()):
            if until <= now or len(self._kept) > MOST or self._size() > LIMIT:
                del self._kept[key]
        return name

    def get(self, camera_id: str, name: str) -> Image | None:
        """Return a picture; None if it is of another camera or has expired."""
        until, image = self._kept.get((camera_id, name), (None, None))
        return image if until is not None and self._clock.now() < until else None

    def _size(self) -> int:
        return sum(len(image.content) for _, image in self._kept.values())
