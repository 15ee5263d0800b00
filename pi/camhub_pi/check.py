"""Looks for what keeps a Pi's camera dark, and says what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
import re
import socket
from typing import TYPE_CHECKING

from . import health
from .access import LOOPBACK
from .check_camera import camera_findings
from .finding import Finding, Grade

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .machine import Machine
    from .settings import Settings

MARKS = {Grade.OK: "ok  ", Grade.NOTE: "note", Grade.FAIL: "FAIL"}
LITTLE_PERCENT = 10.0
NOTHING_PERCENT = 2.0
THROTTLED = re.compile(r"throttled=0x([0-9a-fA-F]+)")
UNDERVOLTAGE = 0x1
UNDERVOLTAGE_SINCE_BOOT = 0x10000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, as text, and whether the camera can be served."""

    text: str
    passed: bool


def check(settings: Settings, machine: Machine) -> Verdict:
    """Return what every check found, each with the steps that mend it."""
    findings = [
        *_model(machine),
        *_power(machine),
        *camera_findings(settings, machine),
        _port(settings),
        _disk(settings),
        _token(settings),
    ]
    passed = all(finding.grade is not Grade.FAIL for finding in findings)
    closing = "All is well." if passed else "The camera cannot be served yet; mend what says FAIL, from the top."
    return Verdict("\n".join([*_lines(findings), "", closing]), passed)


def _lines(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"[{MARKS[finding.grade]}] {finding.title}: {finding.detail}"
        for number, step in enumerate(finding.steps, 1):
            yield f"         {number}. {step}"


def _model(machine: Machine) -> Iterator[Finding]:
    model = machine.read("proc/device-tree/model")
    if model is None or "raspberry pi" not in model.lower():
        yield Finding("Device", Grade.NOTE, f"{model or 'not a Raspberry Pi'}; a USB camera works all the same")
    else:
        yield Finding("Device", Grade.OK, model)


def _power(machine: Machine) -> Iterator[Finding]:
    said = machine.run("vcgencmd", "get_throttled")
    told = THROTTLED.search(said or "")
    if told is None:
        return
    if int(told[1], 16) & (UNDERVOLTAGE | UNDERVOLTAGE_SINCE_BOOT):
        steps = ("Use the power supply made for this Pi and a short, thick cable.", "Reboot and check again.")
        yield Finding("Power", Grade.NOTE, "the voltage was too low; cameras vanish when it is", steps)
    else:
        yield Finding("Power", Grade.OK, "the voltage is right")


def _port(settings: Settings) -> Finding:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            steps = (
                f"See who has it: sudo ss -ltnp 'sport = :{settings.port}'",
                "If it is camhub-pi itself, all is well: sudo systemctl stop camhub-pi frees it.",
                "Otherwise choose another port: --port 8001",
            )
            return Finding("Port", Grade.FAIL, f"{settings.port} cannot be had ({error.strerror})", steps)
    return Finding("Port", Grade.OK, f"{settings.port} is free")


def _disk(settings: Settings) -> Finding:
    usage = health.disk(settings.disk_path)
    if usage is None:
        found = f"{settings.disk_path} cannot be looked at"
        return Finding("Disk", Grade.NOTE, found, ("Name a folder that exists: --disk-path /",))
    percent = usage["free_percent"]
    detail = f"{percent:g} % free ({usage['free_bytes'] / 2**30:.1f} GiB)"
    if percent >= LITTLE_PERCENT:
        return Finding("Disk", Grade.OK, detail)
    steps = (
        "See what fills it: sudo du -xh --max-depth=2 / | sort -h | tail",
        "Old logs: sudo journalctl --vacuum-size=100M",
    )
    return Finding("Disk", Grade.FAIL if percent < NOTHING_PERCENT else Grade.NOTE, detail, steps)


def _token(settings: Settings) -> Finding:
    if settings.token is not None:
        return Finding("Token", Grade.OK, "clients need it")
    if settings.host in LOOPBACK:
        return Finding("Token", Grade.OK, "none, and only this machine is served")
    steps = (
        "Make one: sudo install -d -m 700 /etc/camhub-pi && openssl rand -hex 24 | sudo tee /etc/camhub-pi/token",
        "Serve with --token-file /etc/camhub-pi/token",
        "Token or not: do not forward this port on your router; use a VPN or Home Assistant's own remote access.",
    )
    return Finding("Token", Grade.NOTE, "none: whoever reaches this port sees the camera", steps)
