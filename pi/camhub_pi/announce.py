"""Tells the local network of itself (`_camhub-pi._tcp`), where the library `zeroconf` is installed."""

from __future__ import annotations

from contextlib import asynccontextmanager
import logging
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

LOG = logging.getLogger(__name__)
TYPE = "_camhub-pi._tcp.local."
EVERY = ("0.0.0.0", "::")


@asynccontextmanager
async def announced(
    role: str, host: str, port: int, *, token: bool, interfaces: Sequence[str] | None = None
) -> AsyncIterator[None]:
    """Be found as `camera` or `store` as long as this lasts; `token` says whether one is needed, never which."""
    try:
        import ifaddr
        from zeroconf import InterfaceChoice
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
    except ImportError:
        LOG.info("Not announced by zeroconf: sudo apt install python3-zeroconf, or pip install 'camhub-pi[zeroconf]'")
        yield
        return
    name = socket.gethostname().partition(".")[0]
    own = [str(each.ip) for adapter in ifaddr.get_adapters() for each in adapter.ips if each.is_IPv4]
    addresses = [each for each in own if not each.startswith("127.")] if host in EVERY else [host]
    info = AsyncServiceInfo(
        TYPE,
        f"{name} {role}.{TYPE}",
        port=port,
        server=f"{name}.local.",
        parsed_addresses=addresses,
        properties={"role": role, "token": "1" if token else "0"},
    )
    zeroconf = AsyncZeroconf(interfaces=list(interfaces) if interfaces else InterfaceChoice.Default)
    try:
        await (await zeroconf.async_register_service(info, allow_name_change=True))
        yield
    finally:
        await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()
