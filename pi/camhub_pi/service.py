"""The systemd units that keep the camera server and the store running."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from .settings import DEFAULT_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNIT = "camhub-pi.service"
STORE_UNIT = "camhub-pi-store.service"
CREDENTIAL = "camhub-pi-token"
SOURCE_CREDENTIAL = "camhub-pi-source-token"
# Where a store keeps its files that was not told a folder: /var/lib/camhub-pi.
STATE = "camhub-pi"
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
    user = _user(user, python)
    tokens = {} if token_file is None else {"--token-file": (CREDENTIAL, token_file)}
    home = f"ProtectHome={'yes' if user is None else 'read-only'}"
    return _text(
        "Camera server of CamHub",
        [python, "-m", "camhub_pi", "serve", *arguments],
        tokens,
        [*_who(user), "SupplementaryGroups=video", home, *_capabilities(port)],
    )


def store_unit(
    arguments: Sequence[str],
    *,
    videos: str | None,
    port: int,
    user: str | None = None,
    tokens: Mapping[str, str],
    python: str = sys.executable,
) -> str:
    """Return the unit that runs `store`; `tokens` are the files of its token options, read by systemd.

    Without a folder its files are in /var/lib/camhub-pi; one in somebody's home is written as that user. Raises
    ValueError for a user or path that is none.
    """
    if videos is not None and not (videos.startswith("/") and SAFE.fullmatch(videos)):
        raise ValueError("the folder's path must be absolute and plain")
    user = _user(user, f"{videos}/" if videos is not None and HOME.match(f"{videos}/") else python)
    if videos is not None and user is None:
        raise ValueError("name who may write there: --user")
    folder = f"%S/{STATE}" if videos is None else videos
    writable = f"StateDirectory={STATE}" if videos is None else f"ReadWritePaths={videos}"
    names = {"--token-file": CREDENTIAL, "--source-token-file": SOURCE_CREDENTIAL}
    home = f"ProtectHome={'yes' if user is None else 'read-only'}"
    return _text(
        "Recordings of CamHub",
        [python, "-m", "camhub_pi", "store", *arguments, "--videos", folder],
        {option: (names[option], file) for option, file in tokens.items()},
        [*_who(user), writable, home, "PrivateDevices=yes", *_capabilities(port)],
    )


def _user(user: str | None, path: str) -> str | None:
    at_home = HOME.match(path)
    user = user or (at_home and at_home[1])
    if user is not None and not USER.fullmatch(user):
        raise ValueError("a user's name has small letters, digits, - and _")
    return user


def _who(user: str | None) -> list[str]:
    return ["DynamicUser=yes"] if user is None else [f"User={user}"]


def _capabilities(port: int) -> list[str]:
    return [f"{name}={'CAP_NET_BIND_SERVICE' if port < 1024 else ''}" for name in CAPABILITIES]


def _text(description: str, words: Sequence[str], tokens: Mapping[str, tuple[str, str]], own: Sequence[str]) -> str:
    command = [word if word.startswith("%S/") else quoted(word) for word in words]
    credentials: list[str] = []
    for option, (name, file) in tokens.items():
        if not (file.startswith("/") and SAFE.fullmatch(file)):
            raise ValueError("the token file's path must be absolute and plain")
        command += [option, f"%d/{name}"]
        credentials.append(f"LoadCredential={name}:{file}")
    return "\n".join(
        [
            "[Unit]",
            f"Description={description}",
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
            *credentials,
            *own,
            *HARDENING,
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def instructions(text: str, name: str = UNIT) -> str:
    """Return the unit with how to install it, as comments systemd skips."""
    return "\n".join(
        [
            f"# Save as /etc/systemd/system/{name}, then:",
            "#   sudo systemctl daemon-reload",
            f"#   sudo systemctl enable --now {name}",
            f"#   journalctl -u {name} -f",
            text,
        ]
    )


def quoted(word: str) -> str:
    """Return a word of ExecStart as systemd reads it back unchanged."""
    word = word.replace("%", "%%").replace("$", "$$")
    if SAFE.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
