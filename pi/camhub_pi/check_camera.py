"""The checks of the camera itself: the Pi's own, or one on USB."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .backend_picamera import cameras
from .errors import CameraError
from .finding import Finding, Grade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .machine import Machine
    from .settings import Settings

LISTERS = ("rpicam-hello", "libcamera-hello")
RIBBON_STEPS = (
    "Switch the Pi off and press the ribbon cable in at both ends: contacts towards the contacts, latch closed.",
    "A Pi Zero and a Pi 5 need the narrow cable; CAM0 and CAM1 of a Pi 5 both work.",
    "On older systems: sudo raspi-config, Interface Options, Camera, Enable.",
    "In /boot/firmware/config.txt (before bookworm: /boot/config.txt) have camera_auto_detect=1.",
    "Still not found: dtparam=i2c_arm=on, camera_auto_detect=0, dtoverlay=ov5647,cam0 (v2: imx219, v3: imx708).",
    "sudo reboot",
    "Try: rpicam-hello --timeout 5000",
)
PICAMERA_STEPS = (
    "sudo apt install -y python3-picamera2",
    "An environment must see it: python3 -m venv --system-site-packages /opt/camhub-pi",
)
USB_STEPS = (
    "Plug the camera into another port, best without a hub; lsusb must list it.",
    "See what it can do: v4l2-ctl --list-devices (sudo apt install v4l-utils)",
    "Name it when it is not the first: --device /dev/video2",
)
FFMPEG_STEPS = ("sudo apt install -y ffmpeg",)
PILLOW_STEPS = ("sudo apt install -y python3-pil",)


def camera_findings(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Yield what concerns the backend chosen; with `auto` one usable camera is enough."""
    if settings.backend == "pattern":
        yield _pillow()
        return
    own = list(_own(machine)) if settings.backend != "v4l2" else []
    usb = list(_usb(settings, machine)) if settings.backend != "picamera2" else []
    # picamera2 has the last word on the Pi's own camera: rpicam-hello may simply not be installed.
    usable = (bool(own) and own[-1].grade is Grade.OK) or (bool(usb) and all(one.grade is Grade.OK for one in usb))
    for finding in (*own, *usb):
        # What one camera lacks is only a note when the other one works.
        worse = Grade.NOTE if usable and finding.grade is Grade.FAIL else finding.grade
        yield Finding(finding.title, worse, finding.detail, finding.steps)


def _own(machine: Machine) -> Iterator[Finding]:
    yield _listed(machine)
    try:
        found = cameras()
    except CameraError:
        yield Finding("picamera2", Grade.FAIL, "cannot be imported by this Python", PICAMERA_STEPS)
        return
    if found:
        names = ", ".join(str(camera.get("Model", "unnamed")) for camera in found)
        yield Finding("picamera2", Grade.OK, f"has {names}")
    else:
        yield Finding("picamera2", Grade.FAIL, "lists no camera", RIBBON_STEPS)


def _listed(machine: Machine) -> Finding:
    for lister in LISTERS:
        said = machine.run(lister, "--list-cameras")
        if said is None:
            continue
        if "no cameras available" in said.lower():
            return Finding("Pi camera", Grade.FAIL, f"{lister} finds none", RIBBON_STEPS)
        first = next((line.strip() for line in said.splitlines() if line.strip().startswith("0 :")), None)
        if first is not None:
            return Finding("Pi camera", Grade.OK, first)
    return _firmware(machine)


def _firmware(machine: Machine) -> Finding:
    """Ask the firmware, whose `detected=0` means nothing where libcamera has an interface."""
    said = machine.run("vcgencmd", "get_camera")
    if said is None:
        steps = ("On a Pi: sudo apt install -y rpicam-apps", *RIBBON_STEPS)
        return Finding("Pi camera", Grade.FAIL, "neither rpicam-hello nor vcgencmd is here to ask", steps)
    if "detected=1" in said or "libcamera interfaces=1" in said or "libcamera interfaces=2" in said:
        return Finding("Pi camera", Grade.OK, said)
    return Finding("Pi camera", Grade.FAIL, said or "vcgencmd says nothing", RIBBON_STEPS)


def _usb(settings: Settings, machine: Machine) -> Iterator[Finding]:
    names = [device.name for device in machine.devices()]
    device = machine.path(settings.device)
    if not device.exists():
        others = f"; there are {', '.join(names)}" if names else ""
        yield Finding("USB camera", Grade.FAIL, f"there is no {settings.device}{others}", USB_STEPS)
    elif not os.access(device, os.R_OK | os.W_OK):
        steps = ("sudo usermod -aG video $USER", "Log out and in again.")
        yield Finding("USB camera", Grade.FAIL, f"{settings.device} is not yours to open", steps)
    else:
        yield Finding("USB camera", Grade.OK, settings.device)
    if machine.has("ffmpeg"):
        yield Finding("ffmpeg", Grade.OK, "is here")
    else:
        yield Finding("ffmpeg", Grade.FAIL, "is not on the PATH", FFMPEG_STEPS)


def _pillow() -> Finding:
    try:
        from . import pattern
    except ImportError:
        return Finding("Test picture", Grade.FAIL, "needs Pillow", PILLOW_STEPS)
    return Finding("Test picture", Grade.OK, f"{pattern.Pattern.__name__} can be drawn")
