"""The systemd unit that keeps the server running."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from .settings import DEFAULT_PORT

if TYPE_CHECKING:
    from collections.abc import Sequence

UNIT = "camhub-pi.service"
CREDENTIAL = "camhub-pi-token"
SAFE = re.compile(r"[A-Za-z0-9_@:,./+=-]+")
HOME = re.compile(r"/home/([^/]+)/")
# Not ProtectClock, PrivateDevices or RestrictRealtime: they take the camera away.
HARDENING = (
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "PrivateTmp=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "RestrictNamespaces=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "UMask=0077",
)
CAPABILITIES = ("CapabilityBoundingSet", "AmbientCapabilities")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def unit(
    arguments: Sequence[str],
    *,
    port: int = DEFAULT_PORT,
    user: str | None = None,
    token_file: str | None = None,
    python: str = sys.executable,
) -> str:
    """Return the unit that runs `serve` with these arguments; the token is handed over by systemd, never written here.

    Without a user systemd makes one for it, unless `python` lives in somebody's home. Raises ValueError for a user or
    path that is none.
    """
    at_home = HOME.match(python)
    user = user or (at_home and at_home[1])
    if user is not None and not USER.fullmatch(user):
        raise ValueError("a user's name has small letters, digits, - and _")
    if token_file is not None and not (token_file.startswith("/") and SAFE.fullmatch(token_file)):
        raise ValueError("the token file's path must be absolute and plain")
    command = [quoted(word) for word in (python, "-m", "camhub_pi", "serve", *arguments)]
    if token_file is not None:
        command += ["--token-file", f"%d/{CREDENTIAL}"]
    who = ["DynamicUser=yes"] if user is None else [f"User={user}"]
    credential = [] if token_file is None else [f"LoadCredential={CREDENTIAL}:{token_file}"]
    return "\n".join(
        [
            "[Unit]",
            "Description=Camera server of CamHub",
            "Wants=network-online.target",
            "After=network-online.target",
            # Without a limit: a camera that is plugged in next week is served next week.
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            "Type=exec",
            f"ExecStart={' '.join(command)}",
            "Restart=always",
            "RestartSec=5",
            "TimeoutStopSec=20",
            # ffmpeg is stopped by the server, which knows how.
            "KillMode=mixed",
            *who,
            "SupplementaryGroups=video",
            *credential,
            f"ProtectHome={'yes' if user is None else 'read-only'}",
            *HARDENING,
            *(f"{name}={'CAP_NET_BIND_SERVICE' if port < 1024 else ''}" for name in CAPABILITIES),
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def instructions(text: str) -> str:
    """Return the unit with how to install it, as comments systemd skips."""
    return "\n".join(
        [
            f"# Save as /etc/systemd/system/{UNIT}, then:",
            "#   sudo systemctl daemon-reload",
            f"#   sudo systemctl enable --now {UNIT}",
            f"#   journalctl -u {UNIT} -f",
            text,
        ]
    )


def quoted(word: str) -> str:
    """Return a word of ExecStart as systemd reads it back unchanged."""
    word = word.replace("%", "%%").replace("$", "$$")
    if SAFE.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
