"""Runs the service for the demo: `python -m simulators.ring --port 8443 --push-port 5228 --authority FOLDER`."""

import argparse
import asyncio
from contextlib import suppress
from itertools import cycle
from pathlib import Path

from simulators.authority import Authority
from simulators.film import encode

from .films import Stored
from .home import DRIVE, FRONT_DOOR, GARDEN
from .server import RingSimulator


async def main() -> None:
    """Serve until stopped, with somebody at the door now and then."""
    options = _options()
    service = RingSimulator(
        Authority(options.authority), user=options.user, password=options.password, code=options.code, kept=options.kept
    )
    service.films.usual = Stored(encode("recording"))
    service.signalling.codec = options.codec
    for each in (FRONT_DOOR, GARDEN, DRIVE):
        service.happenings.record(service.device(each), "motion", person=each == DRIVE)
    await service.start(options.host, options.port, options.push_port)
    print(f"ring {options.host}:{service.web_port} {options.user} {options.password} {options.code}", flush=True)
    try:
        await _live(service, options.motion_every)
    finally:
        await service.stop()


async def _live(service: RingSimulator, every_s: float) -> None:
    """Let one camera after the other see something, and somebody ring at the front door."""
    if every_s <= 0:
        await asyncio.Event().wait()
    happenings = ((DRIVE, "motion", True), (FRONT_DOOR, "ding", False), (GARDEN, "motion", False))
    for device, kind, person in cycle(happenings):
        await asyncio.sleep(every_s)
        service.see(device, kind, person=person, pictured=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.ring", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443, help="of all web names; 0 takes a free one")
    parser.add_argument("--push-port", type=int, default=5228, help="of push; 0 takes a free one")
    parser.add_argument("--authority", type=Path, required=True, help="folder of the authority that signs")
    parser.add_argument("--user", default="robin@example.com")
    parser.add_argument("--password", default="example-password")
    parser.add_argument("--code", default="246810", help="the code that is sent")
    parser.add_argument("--kept", type=Path, help="file in which tokens outlive this process")
    parser.add_argument("--codec", choices=("H264", "VP8"), default="VP8", help="what live views send")
    parser.add_argument("--motion-every", type=float, default=30.0, help="seconds between events, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
