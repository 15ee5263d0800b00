"""What picamera2 is to the backend; no Pi is here to run the real one."""

from collections.abc import Callable
import io
import threading
import time
from types import SimpleNamespace
from typing import Any

JPEG = b"\xff\xd8pixels\xff\xd9"


class FakeCamera:
    """What picamera2's Picamera2 is to the backend."""

    found: tuple[dict[str, str], ...] = ({"Model": "imx708"},)
    silent = False

    def __init__(self) -> None:
        self.log: list[str] = []
        self.configuration: dict[str, Any] = {}
        self._encoding = threading.Event()
        self._thread: threading.Thread | None = None
        type(self).last = self

    last: FakeCamera

    @classmethod
    def global_camera_info(cls) -> list[dict[str, str]]:
        return list(cls.found)

    def create_video_configuration(self, **options: Any) -> dict[str, Any]:
        return options

    def configure(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration

    def start_recording(self, encoder: object, output: SimpleNamespace) -> None:
        self.log.append(f"record {type(encoder).__name__}")
        self.encoder = encoder
        self._encoding.set()
        self._thread = threading.Thread(target=self._encode, args=(output.file,))
        self._thread.start()

    def _encode(self, file: io.BufferedIOBase) -> None:
        number = 0
        while self._encoding.is_set() and not self.silent:
            number += 1
            file.write(memoryview(JPEG + str(number).encode()))
            time.sleep(0)

    def stop_recording(self) -> None:
        self.log.append("stop recording")
        self._encoding.clear()
        if self._thread is not None:
            self._thread.join()

    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")

    def capture_array(self, name: str) -> Any:
        import numpy as np

        assert name == "main"
        width, height = self.configuration["main"]["size"]
        array = np.zeros((height, width, 3), np.uint8)
        array[:, : width // 2, 0] = 255
        return array

    def close(self) -> None:
        self.log.append("close")


class MJPEGEncoder:
    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate


class JpegEncoder:
    def __init__(self, q: int) -> None:
        self.q = q


type Install = Callable[..., type[FakeCamera]]
