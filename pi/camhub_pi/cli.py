"""The command line: serve, check, service; `store` has its own options."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AsyncExitStack
import logging
import re
import sys
from typing import TYPE_CHECKING

from .access import ENVIRONMENT, LOOPBACK, SHORT, TokenMissing, read_token
from .announce import announced
from .backend import BACKENDS, backend_of
from .check import check
from .machine import Machine
from .server import CameraServer
from .service import instructions, unit
from .settings import DEFAULT_PORT, Settings
from .store_cli import between, main as store_main, speak, until_asked

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger(__name__)
SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
# What a unit is not told: the token, and whom the unit runs as.
UNTOLD = frozenset({"command", "service", "token", "token_file", "user", "verbose"})


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(
        prog="camhub-pi",
        description="Serves this machine's camera as /stream.mjpg, /snapshot.jpg and /health.",
        epilog="camhub-pi store --help tells of the storage of recordings.",
    )
    made.add_argument("command", nargs="?", choices=("serve", "check", "service"), default="serve")
    made.add_argument("--service", action="store_true", help="print the systemd unit, as the command `service`")
    made.add_argument("--host", default="0.0.0.0", help="address to serve on (default: every one)")
    made.add_argument("--port", type=between(0, 65535), default=DEFAULT_PORT)
    made.add_argument("--backend", choices=BACKENDS, default="auto")
    made.add_argument("--device", default="/dev/video0", help="the camera of the v4l2 backend")
    made.add_argument("--size", type=_size, default=(640, 480), metavar="WIDTHxHEIGHT")
    made.add_argument("--fps", type=between(1, 120), default=30)
    made.add_argument("--quality", type=between(1, 95), default=75, help="of the JPEGs, 1 to 95")
    made.add_argument("--rotate", type=int, choices=(0, 90, 180, 270), default=0, help="degrees clockwise")
    made.add_argument("--label", default="camhub-pi", help="written on the test pattern")
    made.add_argument("--max-clients", type=between(1, 1000), default=20, help="streams at once")
    made.add_argument("--disk-path", default="/", help="the disk whose free space /health tells")
    made.add_argument("--token", help=f"better not here, where `ps` shows it: use --token-file or {ENVIRONMENT}")
    made.add_argument("--token-file", help="file that holds the token")
    made.add_argument("--no-announce", action="store_true", help="do not tell of itself by zeroconf")
    made.add_argument("--user", help="whom the systemd unit runs as (default: a user systemd makes)")
    made.add_argument("--verbose", action="store_true")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["store"]:
        return store_main(words[1:])
    options = parser().parse_args(words)
    speak(verbose=options.verbose)
    try:
        if options.service or options.command == "service":
            return _service(options)
        settings = settings_of(options)
    except (TokenMissing, ValueError) as error:
        print(f"camhub-pi: {error}", file=sys.stderr)
        return 2
    if options.command == "check":
        verdict = check(settings, Machine())
        print(verdict.text)
        return 0 if verdict.passed else 1
    try:
        asyncio.run(serve(settings))
    except OSError as error:
        print(f"camhub-pi: cannot serve on {settings.host}:{settings.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings; raises TokenMissing."""
    return Settings(
        host=options.host,
        port=options.port,
        backend=options.backend,
        width=options.size[0],
        height=options.size[1],
        fps=options.fps,
        quality=options.quality,
        rotate=options.rotate,
        device=options.device,
        label=options.label,
        token=read_token(options.token, options.token_file),
        max_clients=options.max_clients,
        disk_path=options.disk_path,
        announce=not options.no_announce,
    )


async def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; raises OSError when the port is taken."""
    server = CameraServer(settings, backend_of(settings))
    port = await server.start()
    LOG.info("Serving http://%s:%d/stream.mjpg, /snapshot.jpg and /health", settings.host, port)
    if settings.token is None and settings.host not in LOOPBACK:
        LOG.warning("No token: whoever reaches this port sees the camera. See --token-file")
    elif settings.token is not None and len(settings.token) < SHORT:
        LOG.warning("The token is short: `openssl rand -hex 24` makes one nobody guesses")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        if settings.announce and settings.host not in LOOPBACK:
            await stack.enter_async_context(announced("camera", settings.host, port, token=settings.token is not None))
        await until_asked()
        LOG.info("Stopping")


def _service(options: argparse.Namespace) -> int:
    if options.token is not None:
        raise ValueError("a unit is readable by all: put the token into a file and name it with --token-file")
    defaults = vars(parser().parse_args([]))
    told: list[str] = []
    for name, value in vars(options).items():
        if name not in UNTOLD and value != defaults[name]:
            shown = f"{value[0]}x{value[1]}" if name == "size" else str(value)
            told.append(f"--{name.replace('_', '-')}" if value is True else f"--{name.replace('_', '-')}={shown}")
    print(instructions(unit(told, port=options.port, user=options.user, token_file=options.token_file)))
    return 0


def _size(text: str) -> tuple[int, int]:
    match = SIZE.fullmatch(text)
    if match is None or int(match[1]) % 2 or int(match[2]) % 2:
        raise argparse.ArgumentTypeError("a size looks like 640x480, both numbers even")
    return int(match[1]), int(match[2])
