"""Runs one device for the demo: `python -m simulators.hikvision --port 8081 --model nvr`."""

import argparse
import asyncio
from contextlib import suppress
from itertools import cycle

from .personality import MODELS
from .server import HikvisionSimulator


async def main() -> None:
    """Serve until stopped, with motion now and then."""
    options = _options()
    device = HikvisionSimulator(
        model=options.model, user=options.user, password=options.password, rtsp_port=options.rtsp_port
    )
    address = await device.start(options.host, options.port)
    print(f"hikvision {options.model} {address} {options.user} {options.password}", flush=True)
    try:
        await _live(device, options.motion_every)
    finally:
        await device.stop()


async def _live(device: HikvisionSimulator, every_s: float) -> None:
    """Let one camera after the other see motion for three seconds."""
    if every_s <= 0:
        await asyncio.Event().wait()
    for channel in cycle(device.personality.channels):
        await asyncio.sleep(every_s)
        if not device.is_online(channel):
            continue
        for count in range(1, 4):
            device.raise_event(channel.id, count=count)
            await asyncio.sleep(1)
        device.raise_event(channel.id, state="inactive", count=0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.hikvision", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one")
    parser.add_argument("--model", choices=sorted(MODELS), default="nvr")
    parser.add_argument("--user", default="camhub")
    parser.add_argument("--password", default="example-password")
    parser.add_argument("--rtsp-port", type=int, default=554, help="what the device says its RTSP port is")
    parser.add_argument("--motion-every", type=float, default=30.0, help="seconds between motions, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
