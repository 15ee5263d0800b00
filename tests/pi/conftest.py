"""What the Pi's tests share."""

from collections.abc import Iterator
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from .fake_picamera import FakeCamera, Install


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a picamera2 with these encoders among the modules; no Pi is here to run the real one."""

    def put(*encoders: type, **attributes: Any) -> type[FakeCamera]:
        camera = type("Picamera2", (FakeCamera,), attributes)
        modules: dict[str, dict[str, Any]] = {
            "picamera2": {"Picamera2": camera},
            "picamera2.encoders": {encoder.__name__: encoder for encoder in encoders},
            "picamera2.outputs": {"FileOutput": lambda file: SimpleNamespace(file=file)},
            "libcamera": {"Transform": lambda **turns: turns},
        }
        for name, content in modules.items():
            module = ModuleType(name)
            vars(module).update(content)
            monkeypatch.setitem(sys.modules, name, module)
        return camera

    return put
