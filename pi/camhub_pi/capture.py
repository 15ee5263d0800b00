"""The one thread that reads the camera, whoever looks."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import dataclass
import logging
import threading
import time
from typing import TYPE_CHECKING

from .errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .backend import Backend

LOG = logging.getLogger(__name__)
BOUNDARY = "FRAME"
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
LASTING_S = 30.0
FPS_WINDOW = 60


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, with the stream's part for it made once for all clients; `at` is monotonic seconds."""

    number: int
    jpeg: bytes
    part: bytes
    at: float
    taken_at: float


class Capture:
    """Keeps a backend running, restarts it with back-off, and holds the newest frame."""

    def __init__(
        self,
        backend: Backend,
        on_frame: Callable[[Frame], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Take the backend; `on_frame` is called in the capture thread, `pause` waits between two attempts."""
        self._backend = backend
        self._on_frame = on_frame
        self._clock = clock
        self._stopping = threading.Event()
        self._pause = pause or self._stopping.wait
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._times: deque[float] = deque(maxlen=FPS_WINDOW)
        self.frame: Frame | None = None
        self.reason = ""
        self.restarts = 0

    def start(self) -> None:
        """Begin to read the camera."""
        self._thread.start()

    def stop(self, patience: float = 12.0) -> bool:
        """Stop reading; return whether the thread ended within `patience` seconds."""
        self._stopping.set()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def age(self) -> float | None:
        """Return the seconds since the newest frame, None before the first."""
        frame = self.frame
        return None if frame is None else max(0.0, self._clock() - frame.at)

    def fps(self) -> float:
        """Return the frames per second of the last few frames."""
        times = list(self._times)
        if len(times) < 2 or times[-1] <= times[0]:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])

    def _run(self) -> None:
        delay = FIRST_DELAY_S
        while not self._stopping.is_set():
            began = self._clock()
            why = self._read()
            if self._stopping.is_set():
                break
            if self._clock() - began >= LASTING_S:
                delay = FIRST_DELAY_S
            self.reason = why
            self.restarts += 1
            LOG.warning("The camera stopped: %s; trying again in %g s", why, delay)
            self._times.clear()
            self._pause(delay)
            delay = min(2 * delay, LONGEST_DELAY_S)

    def _read(self) -> str:
        """Take frames until there are no more; return why."""
        try:
            with closing(self._backend.frames(self._stopping)) as frames:
                for jpeg in frames:
                    self._take(jpeg)
        except CameraError as error:
            return str(error)
        except Exception as error:
            # Camera libraries name no errors of their own, and this thread must outlive them all.
            LOG.debug("The backend failed", exc_info=True)
            return f"{type(error).__name__}: {error}"
        return "the camera gave no more pictures"

    def _take(self, jpeg: bytes) -> None:
        number = 1 if self.frame is None else self.frame.number + 1
        wall = time.time()
        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\nX-Timestamp: {wall:.3f}\r\n\r\n"
        # The next boundary goes out with this frame: a browser shows a part only once it sees that one.
        part = b"".join((head.encode(), jpeg, f"\r\n--{BOUNDARY}\r\n".encode()))
        self.frame = frame = Frame(number, jpeg, part, self._clock(), wall)
        self._times.append(frame.at)
        self.reason = ""
        self._on_frame(frame)
