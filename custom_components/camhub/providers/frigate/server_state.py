"""The cameras as they are known by now, whoever told it: the lists, or the websocket in between (protocols.md 5.8)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from .media import LatestStats
from .parse import Stats, Unit

ENABLED: Final = "enabled"


class ServerState:
    """Keeps units and figures; `changed` is called after a change that was told live.

    `sure` is the score from which on the server takes a face for known, `figures_s` how often it tells its figures.
    """

    def __init__(self, latest: LatestStats, changed: Callable[[], None]) -> None:
        """Start without cameras."""
        self.latest = latest
        self.units: Sequence[Unit] = ()
        self.sure = self.figures_s = 0.0
        self._changed = changed

    def lists(self, camera: str) -> bool:
        """Return whether a camera is listed; up to 0.17 the websocket tells everybody of all."""
        return any(each.id == camera for each in self.units)

    def figures(self, stats: Stats) -> None:
        """Take figures that came along."""
        self.latest.take(stats)
        self._changed()

    def switched(self, camera: str, key: str, *, on: bool) -> None:
        """Take how a function of a camera stands, or the whole camera (`enabled`)."""
        units = [_switched(each, key, on=on) if each.id == camera else each for each in self.units]
        if units != self.units:
            self.units = units
            self._changed()

    def lost(self, camera: str) -> None:
        """Take that no frames come from a camera; that they come again is told by the figures."""
        stats = self.latest.stats
        if (figures := stats.cameras.get(camera)) is not None and figures.fps:
            self.latest.stats = replace(stats, cameras={**stats.cameras, camera: replace(figures, fps=0.0)})
            self._changed()


def _switched(unit: Unit, key: str, *, on: bool) -> Unit:
    """Return a camera after a switch; what it does not offer stays away."""
    if key == ENABLED:
        return replace(unit, enabled=on)
    return replace(unit, switches={**unit.switches, key: on}) if key in unit.switches else unit
