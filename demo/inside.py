"""Run Home Assistant with the names of real services leading to the simulators: `python -m demo.inside --config …`.

`CAMHUB_DEMO_NAMES` holds them as JSON, `{"host": ["127.0.0.1", port]}`; the authority in
`REQUESTS_CA_BUNDLE` signs their certificates; Home Assistant reads that itself. CamHub knows nothing of either.
"""

from collections.abc import Mapping
import json
import os
import socket
import sys
from typing import Any, Final
from unittest.mock import patch

from aiohttp.abc import ResolveResult
from homeassistant.__main__ import main
from homeassistant.helpers.aiohttp_client import HassAsyncDNSResolver

from simulators.names import Address, Names

VARIABLE: Final = "CAMHUB_DEMO_NAMES"


def lead_names(mapping: Mapping[str, Address]) -> None:
    """Let this process find those names on loopback, in aiohttp as in plain sockets."""
    names = Names(mapping)
    usual = HassAsyncDNSResolver.resolve

    async def resolve(resolver: HassAsyncDNSResolver, host: str, *args: Any, **kwargs: Any) -> list[ResolveResult]:
        return await (names.resolve(host) if names.find(host) else usual(resolver, host, *args, **kwargs))

    patch.object(HassAsyncDNSResolver, "resolve", resolve).start()
    patch.object(socket, "getaddrinfo", names.led(socket.getaddrinfo)).start()


if __name__ == "__main__":
    lead_names({host: (address, port) for host, (address, port) in json.loads(os.environ.get(VARIABLE, "{}")).items()})
    sys.exit(main())
