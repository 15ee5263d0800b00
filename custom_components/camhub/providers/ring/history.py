"""The history of one camera, page by page (protocols.md 4.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...kernel.errors import Malformed
from .client import Client
from .parse import Sighting, Unit, history, numbers

PAGE: Final = 20
# So far back is looked at most.
PAGES: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Events, newest first; `numbers` are those of all entries, `following` asks the next page, None after the last."""

    events: Sequence[Sighting]
    numbers: Sequence[int]
    following: int | None


async def page(client: Client, unit: Unit, *, older_than: int | None = None, limit: int = PAGE) -> Page:
    """Return a page of one camera's history; raises HubError."""
    device = client.device(unit)
    said = await client.ask(lambda: device.async_history(limit=limit, older_than=older_than, convert_timezone=False))
    if not isinstance(said, list):
        raise Malformed("no list of events")
    entries = numbers(said)
    following = entries[-1] if entries and len(said) >= limit else None
    return Page(events=history(said, unit.id), numbers=entries, following=following)
