"""The last seconds of a camera, kept so that a recording can begin before what caused it."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from ..kernel.samples import Sample

# 5 s of 1080p at 25 frames a second are about 25 MB as JPEG, 5 MB as H.264.
MOST_BYTES: Final = 48 * 2**20


class PreRoll:
    """Keeps `seconds` of samples, `most` bytes at most; what is kept begins with a key picture."""

    def __init__(self, seconds: float, *, most: int = MOST_BYTES) -> None:
        """Keep nothing yet."""
        self._seconds = seconds
        self._most = most
        # A run begins with a key picture: only whole runs can be dropped.
        self._runs: deque[list[Sample]] = deque()
        self.size = 0

    def add(self, sample: Sample) -> None:
        """Keep a sample and drop what is too old or too much; one that nothing can be decoded from is left out."""
        if self._runs and (sample.track != self._runs[-1][-1].track or sample.at < self._runs[-1][-1].at):
            self.clear()
        if sample.key:
            self._runs.append([sample])
        elif self._runs:
            self._runs[-1].append(sample)
        else:
            return
        self.size += len(sample.data)
        # The second run's beginning is early enough: the first is no longer needed.
        while len(self._runs) > 1 and self._runs[1][0].at <= sample.at - self._seconds:
            self._drop()
        while self._runs and self.size > self._most:
            self._drop()

    def last(self, seconds: float, now: float) -> Sequence[Sample]:
        """Return the samples of the last seconds, from the key picture before them on; none where all are older."""
        begin = now - seconds
        kept: list[Sample] = []
        for run in reversed(self._runs):
            if run[-1].at < begin:
                break
            kept[:0] = run
            if run[0].at <= begin:
                break
        return kept

    def clear(self) -> None:
        """Forget all of it."""
        self._runs.clear()
        self.size = 0

    def _drop(self) -> None:
        self.size -= sum(len(sample.data) for sample in self._runs.popleft())
