"""Counters of a provider, shown in diagnostics."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .clock import Clock, SystemClock
from .errors import HubError
from .model import JsonValue


class Counters:
    """Calls, failures and milliseconds, by verb."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Start at zero."""
        self._clock = clock or SystemClock()
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._milliseconds: defaultdict[str, float] = defaultdict(float)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a plain counter."""
        self._counts[name] += by

    def get(self, name: str) -> int:
        """Return a plain counter, 0 if never counted."""
        return self._counts.get(name, 0)

    def counts(self) -> Mapping[str, int]:
        """Return every count so far, in order."""
        return dict(sorted(self._counts.items()))

    @contextmanager
    def timed(self, verb: str) -> Iterator[None]:
        """Count a call and its time; a HubError inside also counts as `<verb>.<ErrorClass>`."""
        begun = self._clock.monotonic()
        self._counts[verb] += 1
        try:
            yield
        except HubError as error:
            self._counts[f"{verb}.{type(error).__name__}"] += 1
            raise
        finally:
            self._milliseconds[verb] += (self._clock.monotonic() - begun) * 1000

    def as_dict(self) -> Mapping[str, JsonValue]:
        """Return everything counted: `{"counts": {...}, "milliseconds": {...}}`."""
        return {
            "counts": self.counts(),
            "milliseconds": {verb: round(spent, 1) for verb, spent in sorted(self._milliseconds.items())},
        }
