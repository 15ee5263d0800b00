"""Runs one device for the demo: `python -m simulators.hikvision --port 8081 --model nvr`."""

import argparse
import asyncio
from contextlib import suppress
from itertools import cycle

from simulators.rtsp import RtspServer

from .personality import MODELS
from .server import HikvisionSimulator


async def main() -> None:
    """Serve until stopped, with motion now and then."""
    options = _options()
    device = HikvisionSimulator(
        model=options.model, user=options.user, password=options.password, rtsp_port=options.rtsp_port
    )
    device.recordings.fill([channel.id for channel in device.personality.channels])
    streams = _streams(device, options)

    def changed(password: str) -> None:
        streams.access.password = password
        streams.drop()

    device.on_password = changed
    await streams.start(options.rtsp_port, options.host)
    address = await device.start(options.host, options.port)
    print(f"hikvision {options.model} {address} {options.user} {options.password}", flush=True)
    try:
        await _live(device, options.motion_every)
    finally:
        await device.stop()
        await streams.stop()


def _streams(device: HikvisionSimulator, options: argparse.Namespace) -> RtspServer:
    """Return the device's RTSP: main and sub stream of each channel, and of all of them."""
    paths = {"/Streaming/Channels/001": "All channels"}
    for channel in device.personality.channels:
        for stream in (1, 2):
            paths[f"/Streaming/Channels/{channel.id}0{stream}"] = channel.name
    return RtspServer(paths, options.user, options.password)


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
    parser.add_argument("--rtsp-port", type=int, default=8554, help="port of its streams")
    parser.add_argument("--motion-every", type=float, default=30.0, help="seconds between motions, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
