"""Runs the services for the demo: `python -m simulators.nest_legacy --port 9443 --admin-port 9080 --authority DIR`."""

import argparse
import asyncio
from contextlib import suppress
from itertools import cycle
from pathlib import Path

from simulators.authority import Authority

from .server import HOSTS, NestLegacySimulator


async def main() -> None:
    """Serve until stopped, with somebody walking by now and then."""
    options = _options()
    services = NestLegacySimulator(kept=options.kept)
    services.house.units = services.house.units[: options.cameras]
    tls = Authority(options.authority).server(*HOSTS)
    await services.start(tls, options.host, options.port, options.admin_port)
    print(f"nest_legacy {services.port}, orders at http://{options.host}:{services.admin_port}", flush=True)
    try:
        await _live(services, options.motion_every)
    finally:
        await services.stop()


async def _live(services: NestLegacySimulator, every_s: float) -> None:
    if every_s <= 0:
        await asyncio.Event().wait()
    for unit in cycle(services.house.units):
        await asyncio.sleep(every_s)
        seen = services.house.see(unit.uuid, "motion", "person")
        await asyncio.sleep(5)
        services.house.end(unit.uuid, seen)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.nest_legacy", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9443, help="of all hosts, with TLS; 0 takes a free one")
    parser.add_argument("--admin-port", type=int, default=9080, help="takes orders, without TLS; 0 takes a free one")
    parser.add_argument("--authority", type=Path, required=True, help="folder of who signs the certificate")
    parser.add_argument("--kept", type=Path, help="file in which Google's cookies outlive this process")
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--motion-every", type=float, default=30.0, help="seconds between events, 0 for none")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
