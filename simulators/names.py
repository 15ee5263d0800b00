"""Leads the names of real services to simulators on loopback; every other name does not exist."""

from collections.abc import Callable, Mapping
import socket
from typing import Any, Final, override

from aiohttp.abc import AbstractResolver, ResolveResult

type Address = tuple[str, int]

# Where a name leads that does not exist (any more), whatever is known outside of here.
NOWHERE: Final[Address] = ("", 0)


class Names(AbstractResolver):
    """A resolver that knows `mapping`, host name to address and port, whatever port is asked for; `*.` is a wildcard.

    An entry can be added while it is in use.
    """

    def __init__(self, mapping: Mapping[str, Address]) -> None:
        """Keep the mapping itself, not a copy."""
        self._mapping = mapping

    def find(self, host: str) -> Address | None:
        """Return where a name leads, None for one that does not exist."""
        name = host.lower().rstrip(".")
        return self._mapping.get(name) or self._mapping.get(f"*.{name.partition('.')[2]}")

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the one address; raises OSError for a name that does not exist."""
        if (found := self.find(host)) is None or found == NOWHERE:
            raise OSError(f"{host} is not simulated")
        return [
            ResolveResult(
                hostname=host,
                host=found[0],
                port=found[1],
                family=socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    @override
    async def close(self) -> None:
        """Hold nothing."""

    def led(self, usual: Callable[..., Any]) -> Callable[..., Any]:
        """Return what stands in for `socket.getaddrinfo`: these names lead here, all others are looked up as usual."""

        def getaddrinfo(host: str | bytes | None, port: Any, *args: Any, **kwargs: Any) -> Any:
            found = self.find(host) if isinstance(host, str) else None
            if found == NOWHERE:
                raise socket.gaierror(socket.EAI_NONAME, "name is not known")
            return usual(*(found or (host, port)), *args, **kwargs)

        return getaddrinfo
