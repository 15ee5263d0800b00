"""The Pi's own camera through picamera2 (Debian package python3-picamera2)."""

from __future__ import annotations

from importlib import import_module
import io
import logging
import threading
from typing import TYPE_CHECKING, Any

from .errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import override

    from _typeshed import ReadableBuffer

    from .settings import Settings
else:

    def override(method: Callable[..., Any]) -> Callable[..., Any]:
        """Stand in for what typing has from Python 3.12 on."""
        return method


LOG = logging.getLogger(__name__)
SILENCE_S = 10.0
POLL_S = 0.5
BITS_PER_PIXEL = 1.1 / 75
MAX_BITRATE = 25_000_000
NO_CAMERA = (
    "picamera2 lists no camera: check the ribbon cable (contacts towards the board's contacts, latch closed),"
    " then /boot/firmware/config.txt (camera_auto_detect=1, or dtoverlay=ov5647 for a clone), reboot,"
    " and try rpicam-hello --timeout 5000"
)


class Slot(io.BufferedIOBase):
    """The newest frame an encoder wrote; a file to picamera2."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._jpeg = b""
        self._number = 0

    @override
    def writable(self) -> bool:
        """Return True."""
        return True

    @override
    def write(self, buffer: ReadableBuffer, /) -> int:
        """Keep the frame; picamera2 writes one whole JPEG at a time."""
        with self._changed:
            self._jpeg = bytes(buffer)
            self._number += 1
            self._changed.notify_all()
        return len(self._jpeg)

    def after(self, number: int, timeout: float) -> tuple[int, bytes] | None:
        """Return the newest frame with its number when it is newer than `number`, waiting `timeout` seconds at most."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._number > number, timeout):
                return None
            return self._number, self._jpeg


class PicameraBackend:
    """Encodes in hardware where the Pi can, else with picamera2's JPEG encoder, else with Pillow."""

    def __init__(self, settings: Settings, *, silence_s: float = SILENCE_S) -> None:
        self._settings = settings
        self._silence_s = silence_s

    def frames(self, stopping: threading.Event) -> Generator[bytes, None, None]:
        """Yield frames until `stopping` is set; raises CameraError, and whatever picamera2 raises."""
        if not cameras():
            raise CameraError(NO_CAMERA)
        camera = import_module("picamera2").Picamera2()
        try:
            encoder = self._encoder() if self._settings.upright else None
            if encoder is None:
                yield from self._drawn(camera, stopping)
            else:
                yield from self._encoded(camera, encoder, stopping)
        finally:
            camera.close()

    def _encoder(self) -> Any:
        """Return the best encoder there is, or None."""
        settings = self._settings
        try:
            encoders = import_module("picamera2.encoders")
        except ImportError:
            return None
        if hasattr(encoders, "MJPEGEncoder"):
            bits = settings.width * settings.height * settings.fps * settings.quality * BITS_PER_PIXEL
            return encoders.MJPEGEncoder(bitrate=min(MAX_BITRATE, round(bits)))
        if hasattr(encoders, "JpegEncoder"):
            return encoders.JpegEncoder(q=settings.quality)
        return None

    def _encoded(self, camera: Any, encoder: Any, stopping: threading.Event) -> Generator[bytes, None, None]:
        LOG.info("Encoding with %s", type(encoder).__name__)
        slot = Slot()
        self._configure(camera)
        camera.start_recording(encoder, import_module("picamera2.outputs").FileOutput(slot))
        try:
            number, silent = 0, 0.0
            while not stopping.is_set():
                newer = slot.after(number, min(POLL_S, self._silence_s))
                if newer is None:
                    silent += POLL_S
                    if silent >= self._silence_s:
                        raise CameraError(f"the camera gave no picture for {self._silence_s:g} s")
                    continue
                silent = 0.0
                number, jpeg = newer
                yield jpeg
        finally:
            camera.stop_recording()

    def _drawn(self, camera: Any, stopping: threading.Event) -> Generator[bytes, None, None]:
        try:
            picture = import_module("PIL.Image")
        except ImportError as error:
            raise CameraError("without an encoder Pillow is needed: sudo apt install python3-pil") from error
        LOG.info("Encoding with Pillow")
        # picamera2 names formats by the word, not by the bytes: BGR888 is red, green, blue in memory.
        self._configure(camera, "BGR888")
        camera.start()
        try:
            while not stopping.is_set():
                image = picture.fromarray(camera.capture_array("main"))
                if not self._settings.upright:
                    image = image.rotate(-self._settings.rotate, expand=True)
                output = io.BytesIO()
                image.save(output, "JPEG", quality=self._settings.quality)
                yield output.getvalue()
        finally:
            camera.stop()

    def _configure(self, camera: Any, pixels: str | None = None) -> None:
        settings = self._settings
        main: dict[str, Any] = {"size": (settings.width, settings.height)}
        if pixels:
            main["format"] = pixels
        options: dict[str, Any] = {"main": main, "controls": {"FrameRate": float(settings.fps)}}
        # Half a turn is two mirrors, which the sensor does itself.
        if settings.rotate == 180:
            options["transform"] = import_module("libcamera").Transform(hflip=1, vflip=1)
        camera.configure(camera.create_video_configuration(**options))


def cameras() -> list[Any]:
    """Return what picamera2 knows of the cameras; raises CameraError when it is not installed."""
    try:
        module = import_module("picamera2")
    except ImportError as error:
        raise CameraError(
            "picamera2 cannot be imported: sudo apt install python3-picamera2, and make the environment"
            " with --system-site-packages"
        ) from error
    return list(module.Picamera2.global_camera_info())
