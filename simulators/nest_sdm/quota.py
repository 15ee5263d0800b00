"""What may be asked how often in the sandbox: queries in any minute (protocols.md 2.6)."""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable
from typing import Final

WINDOW_S: Final = 60.0
PER_USER: Final = {"executeCommand": 10, "get": 10, "list": 5, "structures": 5}
PER_DEVICE: Final = 5


class Quota:
    """Counts calls in a window that slides; a refused call does not count."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin with nothing used."""
        self._monotonic = monotonic
        self._times: defaultdict[Hashable, deque[float]] = defaultdict(deque)
        self.refused = 0

    def admits(self, *wanted: tuple[Hashable, int]) -> bool:
        """Count a call against each key and its limit, unless one of them is used up."""
        now = self._monotonic()
        for key, _ in wanted:
            times = self._times[key]
            while times and now - times[0] >= WINDOW_S:
                times.popleft()
        if any(len(self._times[key]) >= limit for key, limit in wanted):
            self.refused += 1
            return False
        for key, _ in wanted:
            self._times[key].append(now)
        return True
