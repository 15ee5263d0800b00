"""The command line of the store: `camhub-pi store`."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AsyncExitStack
import logging
from pathlib import Path
import signal
import sys
from typing import TYPE_CHECKING

from .access import ENVIRONMENT, LOOPBACK, SHORT, TokenMissing, read_token
from .announce import announced
from .recorder import Recorder
from .service import STORE_UNIT, instructions, store_unit
from .settings import LONGEST_S, RECORD_FPS, STORE_PORT, STREAM, StoreSettings
from .store import Store
from .store_server import StoreServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOG = logging.getLogger(__name__)
MEGA = 2**20
GIGA = 2**30
# What a unit is told in its own way.
UNTOLD = frozenset({"command", "videos", "token", "token_file", "source_token_file", "user", "verbose"})
UNGUARDED = (
    "without a token whoever reaches this port could fill the card and delete recordings: name one with --token-file,"
    " serve this machine only with --host 127.0.0.1, or say --no-token"
)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(prog="camhub-pi store", description="Keeps recordings on this machine's disk.")
    made.add_argument("command", nargs="?", choices=("serve", "service"), default="serve")
    made.add_argument("--videos", help="folder of the recordings (default: ~/Videos; as a service /var/lib/camhub-pi)")
    made.add_argument("--host", default="0.0.0.0", help="address to serve on (default: every one)")
    made.add_argument("--port", type=between(0, 65535), default=STORE_PORT)
    made.add_argument("--largest-mb", type=between(1, 100_000), default=2048, help="of one recording")
    made.add_argument("--spare-mb", type=between(0, 1_000_000), default=512, help="never filled of the disk")
    made.add_argument("--keep-days", type=between(0, 36500), default=0, help="then removed (default: never)")
    made.add_argument(
        "--keep-gb", type=between(0, 1_000_000), default=0, help="the oldest go above (default: no limit)"
    )
    made.add_argument("--source", default=STREAM, help="MJPEG stream that is recorded on command")
    made.add_argument("--source-token-file", help="the token of that stream (default: the same as of the store)")
    made.add_argument("--record-fps", type=between(1, 60), default=RECORD_FPS)
    made.add_argument("--longest", type=between(1, 86400), default=LONGEST_S, help="seconds recorded")
    made.add_argument("--no-token", action="store_true", help="serve without a token all the same")
    made.add_argument("--no-announce", action="store_true", help="do not tell of itself by zeroconf")
    made.add_argument("--token", help=f"better not here, where `ps` shows it: use --token-file or {ENVIRONMENT}")
    made.add_argument("--token-file", help="file that holds the token")
    made.add_argument("--user", help="whom the systemd unit runs as (default: a user systemd makes)")
    made.add_argument("--verbose", action="store_true")
    return made


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    options = parser().parse_args(arguments)
    speak(verbose=options.verbose)
    try:
        if options.command == "service":
            print(_service(options))
            return 0
        settings = settings_of(options)
    except (TokenMissing, ValueError) as error:
        print(f"camhub-pi: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(serve(settings))
    except OSError as error:
        place = error.filename or f"{settings.host}:{settings.port}"
        print(f"camhub-pi: cannot keep recordings at {place}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def settings_of(options: argparse.Namespace) -> StoreSettings:
    """Return the settings; raises TokenMissing, also where none is given and others can reach the port."""
    token = read_token(options.token, options.token_file)
    if token is None and options.host not in LOOPBACK and not options.no_token:
        raise TokenMissing(UNGUARDED)
    return StoreSettings(
        videos=Path(options.videos or "~/Videos").expanduser(),
        host=options.host,
        port=options.port,
        token=token,
        largest=options.largest_mb * MEGA,
        spare=options.spare_mb * MEGA,
        keep_days=options.keep_days,
        keep_bytes=options.keep_gb * GIGA,
        source=options.source,
        source_token=read_token(None, options.source_token_file) if options.source_token_file else token,
        fps=options.record_fps,
        longest=options.longest,
        announce=not options.no_announce,
    )


async def serve(settings: StoreSettings) -> None:
    """Serve until SIGINT or SIGTERM; raises OSError when the port is taken or the folder cannot be written."""
    store = Store(settings)
    server = StoreServer(settings, store, Recorder(settings, store))
    async with AsyncExitStack() as stack:
        port = await server.start()
        stack.push_async_callback(server.stop)
        LOG.info("Keeping recordings in %s, serving http://%s:%d/", store.folder, settings.host, port)
        if settings.token is not None and len(settings.token) < SHORT:
            LOG.warning("The token is short: `openssl rand -hex 24` makes one nobody guesses")
        if settings.announce and settings.host not in LOOPBACK:
            await stack.enter_async_context(announced("store", settings.host, port, token=settings.token is not None))
        await until_asked()
        LOG.info("Stopping")


async def until_asked() -> None:
    """Return at SIGINT or SIGTERM."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()


def speak(*, verbose: bool) -> None:
    """Log to stderr, as systemd's journal wants it."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(message)s", stream=sys.stderr)


def between(least: int, most: int) -> Callable[[str], int]:
    """Return what reads an option's number within bounds."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"between {least} and {most}")
        return value

    return number


def _service(options: argparse.Namespace) -> str:
    if options.token is not None:
        raise ValueError("a unit is readable by all: put the token into a file and name it with --token-file")
    if options.token_file is None and options.host not in LOOPBACK and not options.no_token:
        raise TokenMissing(UNGUARDED)
    defaults = vars(parser().parse_args([]))
    told = [
        f"--{name.replace('_', '-')}" if value is True else f"--{name.replace('_', '-')}={value}"
        for name, value in vars(options).items()
        if name not in UNTOLD and value != defaults[name]
    ]
    files = {"--token-file": options.token_file, "--source-token-file": options.source_token_file}
    tokens = {option: file for option, file in files.items() if file is not None}
    made = store_unit(told, videos=options.videos, port=options.port, user=options.user, tokens=tokens)
    return instructions(made, STORE_UNIT)
