"""Run the demo: `python -m demo [--port PORT] [--keep] [--record [NAME…]]`."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
import shutil
import signal
import sys
import tempfile
import time

from .home_assistant import FlowError, HomeAssistant
from .pictures import record
from .process import ROOT, ProcessError
from .world import (
    DASHBOARD,
    RECORDER_PASSWORD,
    RECORDER_USER,
    RING_CODE,
    RING_PASSWORD,
    RING_USER,
    SERVER_PASSWORD,
    SERVER_USER,
    World,
    add_accounts,
    cameras,
    free_port,
    make_dashboard,
)


async def until_interrupted() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    await interrupted.wait()


async def run(folder: Path, port: int, level: str) -> None:
    """Start everything, say where it is, wait, stop everything."""
    begun = time.monotonic()
    world = World(folder)
    names, authority, environment = world.names, world.authority.file, world.environment
    home = HomeAssistant(folder, port, names=names, authority=authority, environment=environment, level=level)
    waiting = asyncio.create_task(until_interrupted())
    starting = asyncio.create_task(_start(world, home))
    try:
        await asyncio.wait({waiting, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            try:
                starting.result()
            except FlowError:
                print(home.process.tail(), file=sys.stderr)
                raise
            print(f"\n  Home Assistant   {home.url}/{DASHBOARD}/cameras")
            print(f"  Login            {home.user} / {home.password}")
            print(f"  Cameras          {len(await cameras(home))}, ready after {time.monotonic() - begun:.0f} s")
            print(f"  Raspberry Pi     {world.pi_url}/stream.mjpg")
            print(f"  Recorder         {world.recorder_url}  {RECORDER_USER} / {RECORDER_PASSWORD}")
            print(f"  Frigate          {world.server_url}  {SERVER_USER} / {SERVER_PASSWORD}")
            print(f"  Frigate streams  rtsp://127.0.0.1:{world.restream_port}")
            print(f"  Nest Legacy      {world.legacy_url}/_simulator/sign_in  (what its browser shows)")
            print(f"  Google           127.0.0.1:{world.google_port}  (what CamHub takes for nestservices.google.com)")
            print(f"  Ring             {RING_USER} / {RING_PASSWORD}, code {RING_CODE}")
            print("\n  Ctrl-C stops everything.\n", flush=True)
            await waiting
    finally:
        waiting.cancel()
        starting.cancel()
        await asyncio.gather(waiting, starting, return_exceptions=True)
        await home.stop()
        await world.stop()
        print("Stopped.", flush=True)


async def take_pictures(folder: Path, port: int, only: Sequence[str]) -> None:
    """Start everything without accounts, add them in a browser and take the documentation's pictures on the way."""
    world = World(folder)
    home = HomeAssistant(folder, port, names=world.names, authority=world.authority.file, environment=world.environment)
    try:
        await asyncio.gather(world.start(), home.start())
        google, login = f"127.0.0.1:{world.google_port}", (home.user, home.password)
        await asyncio.to_thread(record, world.stage(home), google, login, using=False, only=only)
        await make_dashboard(home)
        await asyncio.to_thread(record, world.stage(home), google, login, using=True, only=only)
    finally:
        await home.stop()
        await world.stop()


async def _start(world: World, home: HomeAssistant) -> None:
    """Bring everything up; accounts that a kept folder has already are left as they are."""
    await asyncio.gather(world.start(), home.start())
    if not any(entry["domain"] == "camhub" for entry in await home.entries()):
        await add_accounts(home, world)
        await make_dashboard(home)


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="Home Assistant with CamHub and simulated cameras, ready to look at.")
    parser.add_argument("--port", type=int, default=8123, help="port of Home Assistant (0: any free one)")
    parser.add_argument("--keep", action="store_true", help="keep the configuration in .demo for the next run")
    parser.add_argument("--folder", type=Path, help="keep the configuration in this folder instead")
    parser.add_argument("--debug", action="store_true", help="write all that CamHub has to say into output.log there")
    parser.add_argument(
        "--record", nargs="*", metavar="NAME", help="take the pictures of docs/images (or those named) and end"
    )
    arguments = parser.parse_args()
    keep = bool(arguments.keep or arguments.folder) and arguments.record is None
    kept = arguments.folder or ROOT / ".demo"
    folder = kept if keep else Path(tempfile.mkdtemp(prefix="camhub-demo-"))
    folder.mkdir(exist_ok=True)
    try:
        if arguments.record is not None:
            asyncio.run(take_pictures(folder, free_port(), arguments.record))
        else:
            level = "debug" if arguments.debug else "info"
            asyncio.run(run(folder, arguments.port or free_port(), level))
    except (FlowError, ProcessError) as error:
        print(f"The demo could not start: {error}", file=sys.stderr)
        return 1
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
