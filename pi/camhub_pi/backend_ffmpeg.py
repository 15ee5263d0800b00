"""A USB camera through a supervised ffmpeg."""

from __future__ import annotations

from collections import deque
import os
import selectors
import signal
import subprocess
import time
from typing import IO, TYPE_CHECKING

from .errors import CameraError
from .mpjpeg import MpjpegReader

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    import threading

    from .settings import Settings

SILENCE_S = 10.0
POLL_S = 0.5
STOP_S = 5.0
CHUNK = 2**18
TURNS = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}


class FfmpegBackend:
    """Reads a v4l2 device with ffmpeg: the camera's own JPEGs untouched where it makes them, else encoded once."""

    def __init__(
        self,
        settings: Settings,
        *,
        sources: Sequence[tuple[Sequence[str], bool]] | None = None,
        program: str = "ffmpeg",
        silence_s: float = SILENCE_S,
        stop_s: float = STOP_S,
    ) -> None:
        """Take the settings; `sources` are ffmpeg's input arguments, each with whether its JPEGs can be copied."""
        self._settings = settings
        self._sources = sources if sources is not None else v4l2_sources(settings)
        self._program = program
        self._silence_s = silence_s
        self._stop_s = stop_s

    def frames(self, stopping: threading.Event) -> Generator[bytes, None, None]:
        """Yield frames; a source that gives not one is followed by the next. Raises CameraError at the end."""
        failure = CameraError("ffmpeg has no source")
        for source, copy in self._sources:
            seen = False
            try:
                for jpeg in self._run(self.command(source, copy=copy), stopping):
                    seen = True
                    yield jpeg
            except CameraError as error:
                failure = error
            if seen or stopping.is_set():
                break
        if not stopping.is_set():
            raise failure

    def command(self, source: Sequence[str], *, copy: bool) -> list[str]:
        """Return ffmpeg's command line for a source."""
        settings = self._settings
        if copy and not settings.rotate:
            # Many webcams leave the Huffman tables out, which browsers do not forgive.
            codec = ["-c:v", "copy", "-bsf:v", "mjpeg2jpeg"]
        else:
            codec = ["-c:v", "mjpeg", "-q:v", str(_quantizer(settings.quality)), "-pix_fmt", "yuvj420p"]
            if settings.rotate:
                codec += ["-vf", TURNS[settings.rotate]]
        start = [self._program, "-hide_banner", "-nostdin", "-loglevel", "error", "-fflags", "nobuffer"]
        return [*start, *source, "-an", *codec, "-flush_packets", "1", "-f", "mpjpeg", "pipe:1"]

    def _run(self, command: list[str], stopping: threading.Event) -> Generator[bytes, None, None]:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise CameraError(f"ffmpeg cannot be started ({error.strerror}): sudo apt install ffmpeg") from error
        try:
            yield from self._read(process, stopping)
        finally:
            stop(process, self._stop_s)

    def _read(self, process: subprocess.Popen[bytes], stopping: threading.Event) -> Generator[bytes, None, None]:
        said: deque[str] = deque(maxlen=4)
        reader = MpjpegReader()
        heard = time.monotonic()
        for stream, chunk in _chunks(process, stopping):
            if stream is not None and stream is process.stderr:
                said.extend(chunk.decode(errors="replace").splitlines())
                continue
            for jpeg in reader.feed(chunk):
                heard = time.monotonic()
                yield jpeg
            if time.monotonic() - heard > self._silence_s:
                raise CameraError(f"no picture for {self._silence_s:g} s" + _quoted(said))
        if not stopping.is_set():
            raise CameraError("ffmpeg ended" + _quoted(said))


def v4l2_sources(settings: Settings) -> list[tuple[Sequence[str], bool]]:
    """Return how a v4l2 device is asked: for its own JPEGs first, then for whatever it has."""
    shape = ["-framerate", str(settings.fps), "-video_size", f"{settings.width}x{settings.height}"]
    return [
        (["-f", "v4l2", "-input_format", "mjpeg", *shape, "-i", settings.device], True),
        (["-f", "v4l2", *shape, "-i", settings.device], False),
    ]


def stop(process: subprocess.Popen[bytes], patience: float) -> None:
    """End ffmpeg: SIGINT, and SIGKILL when it has not ended after `patience` seconds."""
    for pipe in filter(None, (process.stdout, process.stderr)):
        pipe.close()
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _chunks(
    process: subprocess.Popen[bytes], stopping: threading.Event
) -> Generator[tuple[IO[bytes] | None, bytes], None, None]:
    """Yield what either pipe says, and emptiness now and then, until both are closed or `stopping` is set."""
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            selector.register(_open(pipe), selectors.EVENT_READ, pipe)
        while selector.get_map() and not stopping.is_set():
            ready = selector.select(POLL_S)
            if not ready:
                yield None, b""
            for key, _ in ready:
                chunk = os.read(key.fd, CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                yield key.data, chunk


def _open(pipe: IO[bytes] | None) -> int:
    return -1 if pipe is None else pipe.fileno()


def _quantizer(quality: int) -> int:
    return max(2, min(31, round((100 - quality) / 5)))


def _quoted(said: Sequence[str]) -> str:
    return f": {' / '.join(said)}" if said else ""
