"""Runs the service for the demo: `python -m simulators.nest_sdm --authority DIR --port 8443 --proxy-port 8444`."""

import argparse
import asyncio
from contextlib import suppress
from itertools import cycle
from pathlib import Path

from simulators.authority import Authority

from .server import NestSimulator


async def main() -> None:
    """Serve until stopped, with something moving now and then."""
    options = _options()
    service = NestSimulator(
        Authority(options.authority), secret=options.secret, redirects=tuple(options.redirect), user=options.user
    )
    await service.start(options.port, options.proxy_port, options.rtsp_port)
    print(f"nest {service.names} {service.proxy}", flush=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_live(service, options.motion_every))
        tasks.create_task(_expire(service))


async def _live(service: NestSimulator, every_s: float) -> None:
    """Let one device after the other see something for a few seconds."""
    if every_s <= 0:
        return
    for device in cycle([each for each in service.devices if each.speaks and each.type != "THERMOSTAT"]):
        await asyncio.sleep(every_s)
        bell = "DoorbellChime" in device.traits
        seen = service.happenings.begin(device, "chime" if bell else "motion")
        await asyncio.sleep(3)
        if "CameraClipPreview" in device.traits:
            service.happenings.clip(seen)
        service.happenings.end(seen)


async def _expire(service: NestSimulator) -> None:
    """End what has come to its end."""
    while True:
        await asyncio.sleep(1)
        service.streams.expire()
        service.pubsub.wake()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.nest_sdm", description=__doc__)
    parser.add_argument("--authority", type=Path, required=True, help="folder of the authority that signs certificates")
    parser.add_argument("--port", type=int, default=8443, help="of all hosts over TLS; 0 takes a free one")
    parser.add_argument("--proxy-port", type=int, default=8444, help="of the proxy that gRPC goes through")
    parser.add_argument("--rtsp-port", type=int, default=8445, help="of its streams")
    parser.add_argument("--secret", default="GOCSPX-example", help="of the OAuth client")
    parser.add_argument("--redirect", action="append", default=[], help="an address the client may be sent back to")
    parser.add_argument("--user", default="robin@example.com")
    parser.add_argument("--motion-every", type=float, default=30.0, help="seconds between events, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
