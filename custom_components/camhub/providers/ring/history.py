"""The history of one camera, page by page (protocols.md 4.4)."""

from collections.abc import Sequence
from typing import Final

from ...kernel.errors import Malformed
from .client import Client
from .parse import Sighting, Unit, history, oldest

PAGE: Final = 20
# So far back is looked at most.
PAGES: Final = 50


async def page(
    client: Client, unit: Unit, *, older_than: int | None = None, limit: int = PAGE
) -> tuple[Sequence[Sighting], int | None]:
    """Return events, newest first, and what to ask the next page with, None after the last; raises HubError."""
    device = client.device(unit)
    said = await client.ask(lambda: device.async_history(limit=limit, older_than=older_than, convert_timezone=False))
    if not isinstance(said, list):
        raise Malformed("no list of events")
    return history(said, unit.id), oldest(said) if len(said) >= limit else None
