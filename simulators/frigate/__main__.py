"""Runs one server for the demo: `python -m simulators.frigate --port 8971 --version 0.17`."""

import argparse
import asyncio
from contextlib import suppress
from itertools import cycle
from typing import Final

from simulators.film import encode
from simulators.rtsp import RtspServer

from .server import FrigateSimulator
from .site import VERSIONS

# For how long the first camera has been recorded when the server starts.
HOURS: Final = 2
# What comes by each camera, and how it becomes known.
SCENES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "driveway": ("car", ("lpr", "Robin's van", "EX 4MPLE")),
    "back_door": ("person", ("face", "Robin")),
    "nursery": ("bark", ()),
}


async def main() -> None:
    """Serve until stopped: a car is parked, somebody or something comes by now and then, and all of it is recorded."""
    options = _options()
    server = FrigateSimulator(version=options.version, user=options.user, password=options.password)
    streams = RtspServer({f"/{name}": name for name in server.streams})
    if options.rtsp_port:
        await streams.start(options.rtsp_port, options.host)
    played = encode("Recorded")
    server.film = lambda _: played
    address = await server.start(options.host, options.port, options.open_port)
    print(f"frigate {options.version} {address} {options.user} {options.password} {server.open_url}", flush=True)
    try:
        await _live(server, options.motion_every)
    finally:
        await server.stop()
        await streams.stop()


async def _live(server: FrigateSimulator, every_s: float) -> None:
    """Let one camera after the other see or hear something for a few seconds, and tell the figures."""
    parked = server.cameras[0]
    server.happenings.begin(parked.name, "car", stationary=True, at=server.now - HOURS * 3600)
    server.happenings.recordings.append((parked.name, server.now - HOURS * 3600, server.now))
    if every_s <= 0:
        await asyncio.Event().wait()
    for unit, (label, known) in cycle(SCENES.items()):
        await asyncio.sleep(every_s)
        server.line.tell("stats", server.stats())
        camera = server.unit(unit)
        if camera is None or not server.is_online(camera):
            continue
        seen = server.happenings.begin(unit, label, zones=camera.zones[:1], audio=label in camera.listen)
        await asyncio.sleep(3)
        if known:
            server.happenings.recognise(seen, *known)
        await asyncio.sleep(3)
        server.happenings.end(seen)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.frigate", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8971, help="of the login; 0 takes a free one")
    parser.add_argument("--open-port", type=int, default=5000, help="without a login; 0 takes a free one")
    parser.add_argument("--version", choices=sorted(VERSIONS), default="0.17")
    parser.add_argument("--user", default="camhub")
    parser.add_argument("--password", default="example-password")
    parser.add_argument("--rtsp-port", type=int, default=0, help="of its streams, 0 for none")
    parser.add_argument("--motion-every", type=float, default=30.0, help="seconds between events, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
