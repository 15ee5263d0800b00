"""Where names lead as the session itself finds them: Home Assistant's knows mDNS, also on machines that do not."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import aiohttp


@runtime_checkable
class _Resolving(Protocol):
    """A connector that tells where names lead, as Home Assistant's does."""

    async def async_resolve_host(self, host: str) -> Sequence[Mapping[str, Any]]: ...


async def places_of(session: aiohttp.ClientSession, host: str) -> Sequence[str] | None:
    """Return the numbers behind a name, None where the session does not tell; raises OSError for one unknown."""
    if not isinstance(session.connector, _Resolving):
        return None
    return [str(each["host"]) for each in await session.connector.async_resolve_host(host)]
