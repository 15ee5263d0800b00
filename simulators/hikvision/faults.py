"""What can be made to go wrong while a device runs."""

from dataclasses import dataclass, field
from typing import Literal

from ..simulator import Switches

type PictureFault = Literal["none", "device_error", "bad_content", "html", "empty", "truncated"]


@dataclass(kw_only=True)
class Faults(Switches):
    """Switches of a device, all off at first.

    `slow_s` delays every answer. `busy_above` is how many pictures at once are too many (503 deviceBusy).
    `picture` spoils pictures that still come with 200; `picture_times` limits it to so many, None is for ever.
    `proxy_only` refuses the Streaming pictures of recorders: True with 200 and status code 6, a number with that
    status. `picture_type` is sent as content type whatever the body. `offline` lists channels that are away.
    `answers` replaces the answer of a path (below the prefix) by a status and a body. `down` cuts every connection.
    """

    slow_s: float = 0.0
    busy_above: int | None = None
    picture: PictureFault = "none"
    picture_times: int | None = None
    proxy_only: bool | int = False
    picture_type: str = "image/jpeg"
    offline: set[int] = field(default_factory=set)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    down: bool = False

    def spoils_picture(self) -> PictureFault:
        """Return how the next picture is spoiled and count it."""
        if self.picture == "none" or self.picture_times == 0:
            return "none"
        if self.picture_times is not None:
            self.picture_times -= 1
        return self.picture
