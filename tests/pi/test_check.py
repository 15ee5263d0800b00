from collections.abc import Callable
from pathlib import Path
import socket
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from camhub_pi import machine as machine_module
from camhub_pi.check import check
from camhub_pi.machine import Machine
from camhub_pi.settings import Settings
import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings(**changes: Any) -> Settings:
    chosen: dict[str, Any] = {"host": "127.0.0.1", "port": free_port(), **changes}
    return Settings(**chosen)


class Pi:
    """A machine's files and programs in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "bin").mkdir()
        (root / "dev").mkdir()
        self.machine = Machine(root, str(root / "bin"))

    def model(self, name: str) -> None:
        (self.root / "proc/device-tree").mkdir(parents=True)
        (self.root / "proc/device-tree/model").write_bytes(name.encode() + b"\0")

    def program(self, name: str, script: str) -> None:
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def device(self, name: str) -> Path:
        path = self.root / "dev" / name
        path.touch()
        return path


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


type Picamera = Callable[..., None]


@pytest.fixture
def picamera(monkeypatch: pytest.MonkeyPatch) -> Picamera:
    def put(*models: str) -> None:
        module = ModuleType("picamera2")
        found = [{"Model": model} for model in models]
        vars(module)["Picamera2"] = SimpleNamespace(global_camera_info=lambda: found)
        monkeypatch.setitem(sys.modules, "picamera2", module)

    return put


def test_good_pi(pi: Pi, picamera: Picamera) -> None:
    pi.model("Raspberry Pi 4 Model B Rev 1.4")
    pi.program("vcgencmd", "echo throttled=0x0")
    pi.program("rpicam-hello", "echo 'Available cameras'; echo -----; echo '0 : imx708 [4608x2592]'")
    picamera("imx708")
    verdict = check(settings(token="x" * 20), pi.machine)
    assert verdict.passed
    assert "[ok  ] Device: Raspberry Pi 4 Model B Rev 1.4\n" in verdict.text
    assert "[ok  ] Power" in verdict.text
    assert "[ok  ] Pi camera: 0 : imx708 [4608x2592]" in verdict.text
    assert "[ok  ] picamera2: has imx708" in verdict.text
    # No USB camera is needed then.
    assert "[note] USB camera" in verdict.text
    assert "FAIL" not in verdict.text
    assert verdict.text.endswith("All is well.")


def test_pi_without_its_cable(pi: Pi, picamera: Picamera) -> None:
    pi.program("rpicam-hello", "echo 'No cameras available!'; exit 255")
    picamera()
    verdict = check(settings(backend="picamera2"), pi.machine)
    assert not verdict.passed
    assert "[FAIL] Pi camera: rpicam-hello finds none" in verdict.text
    assert "[FAIL] picamera2: lists no camera" in verdict.text
    assert "USB camera:" not in verdict.text
    for step in (
        "ribbon cable",
        "raspi-config",
        "/boot/firmware/config.txt",
        "camera_auto_detect=1",
        "dtoverlay=ov5647,cam0",
        "dtparam=i2c_arm=on",
        "sudo reboot",
        "rpicam-hello --timeout 5000",
    ):
        assert step in verdict.text


def test_nothing_there_names_every_package(pi: Pi) -> None:
    verdict = check(settings(), pi.machine)
    assert not verdict.passed
    assert "[note] Device: not a Raspberry Pi" in verdict.text
    assert "1. sudo apt install -y python3-picamera2" in verdict.text
    assert "sudo apt install -y rpicam-apps" in verdict.text
    assert "1. sudo apt install -y ffmpeg" in verdict.text
    assert "there is no /dev/video0" in verdict.text


def test_missing_rpicam_hello_does_not_matter_when_picamera2_sees_the_camera(pi: Pi, picamera: Picamera) -> None:
    picamera("ov5647")
    verdict = check(settings(), pi.machine)
    assert verdict.passed
    assert "[note] Pi camera: neither" in verdict.text


@pytest.mark.parametrize(
    ("said", "grade"),
    [
        ("supported=1 detected=1", "ok  "),
        ("supported=0 detected=0, libcamera interfaces=1", "ok  "),
        ("supported=1 detected=0, libcamera interfaces=0", "FAIL"),
        ("", "FAIL"),
    ],
)
def test_firmware_is_asked_last(pi: Pi, said: str, grade: str) -> None:
    pi.program("libcamera-hello", "echo what is this")
    pi.program("vcgencmd", f"echo '{said}'")
    verdict = check(settings(backend="picamera2"), pi.machine)
    assert f"[{grade}] Pi camera: {said or 'vcgencmd says nothing'}" in verdict.text


def test_weak_power_supply(pi: Pi) -> None:
    pi.program("vcgencmd", "echo throttled=0x50005")
    assert "[note] Power: the voltage was too low" in check(settings(), pi.machine).text


def test_usb_camera(pi: Pi) -> None:
    pi.device("video0")
    pi.program("ffmpeg", "true")
    verdict = check(settings(), pi.machine)
    assert verdict.passed
    assert "[ok  ] USB camera: /dev/video0" in verdict.text
    assert "[ok  ] ffmpeg" in verdict.text


def test_usb_camera_of_another_name(pi: Pi) -> None:
    for name in ("video10", "video2"):
        pi.device(name)
    verdict = check(settings(backend="v4l2"), pi.machine)
    assert not verdict.passed
    assert "there is no /dev/video0; there are video2, video10" in verdict.text
    assert "--device /dev/video2" in verdict.text
    assert "picamera2" not in verdict.text


def test_usb_camera_of_somebody_else(pi: Pi, monkeypatch: pytest.MonkeyPatch) -> None:
    pi.device("video0")

    # The tests may run as root, who may open everything.
    def refuse(*_: object) -> bool:
        return False

    monkeypatch.setattr("camhub_pi.check_camera.os.access", refuse)
    verdict = check(settings(backend="v4l2"), pi.machine)
    assert "is not yours to open" in verdict.text
    assert "usermod -aG video" in verdict.text


def test_pattern_needs_pillow_only(pi: Pi, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = check(settings(backend="pattern"), pi.machine)
    assert verdict.passed
    assert "[ok  ] Test picture" in verdict.text
    monkeypatch.setitem(sys.modules, "camhub_pi.pattern", None)
    monkeypatch.delattr("camhub_pi.pattern", raising=False)
    verdict = check(settings(backend="pattern"), pi.machine)
    assert not verdict.passed
    assert "sudo apt install -y python3-pil" in verdict.text


def test_taken_port(pi: Pi) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        verdict = check(settings(backend="pattern", port=port), pi.machine)
    assert not verdict.passed
    assert f"[FAIL] Port: {port} cannot be had" in verdict.text
    assert f"sport = :{port}" in verdict.text


@pytest.mark.parametrize(("percent", "mark"), [(50.0, "ok  "), (5.0, "note"), (1.0, "FAIL")])
def test_disk(pi: Pi, monkeypatch: pytest.MonkeyPatch, percent: float, mark: str) -> None:
    def usage(_: str) -> SimpleNamespace:
        return SimpleNamespace(total=32 * 2**30, free=int(percent * 32 * 2**30 / 100))

    monkeypatch.setattr("camhub_pi.health.shutil.disk_usage", usage)
    verdict = check(settings(backend="pattern"), pi.machine)
    assert f"[{mark}] Disk: {percent:g} % free" in verdict.text
    assert ("journalctl --vacuum-size" in verdict.text) == (percent < 10)


def test_disk_that_is_not_there(pi: Pi) -> None:
    assert "[note] Disk: /no/such cannot be looked at" in check(settings(disk_path="/no/such"), pi.machine).text


def test_token(pi: Pi) -> None:
    assert "[ok  ] Token: none, and only this machine" in check(settings(), pi.machine).text
    open_to_all = check(settings(host="0.0.0.0"), pi.machine).text
    assert "[note] Token: none: whoever reaches this port sees the camera" in open_to_all
    assert "do not forward this port" in open_to_all
    assert "x" * 20 not in check(settings(token="x" * 20), pi.machine).text


def test_program_that_hangs_or_cannot_run_is_as_if_it_were_not_there(pi: Pi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "PATIENCE_S", 0.05)
    pi.program("hangs", "exec sleep 60")
    assert pi.machine.run("hangs") is None
    (pi.root / "bin" / "broken").write_text("#!/no/such/interpreter\n")
    (pi.root / "bin" / "broken").chmod(0o755)
    assert pi.machine.run("broken") is None


def test_this_machine_is_looked_at_by_default() -> None:
    machine = Machine()
    assert machine.has("sh")
    assert machine.run("sh", "-c", "echo said") == "said"
    assert machine.read("no/such/file") is None
