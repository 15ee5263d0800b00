"""What cameras could once do: one that is moved to another app may lose ways of watching it (peers.md N11)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from ...kernel.model import JsonValue
from ...kernel.reading import child, texts
from .parse import Unit
from .tokens import TokenKeeper

KEY: Final = "abilities"
# The loss of which a user notices.
LOSSES: Final[Mapping[str, str]] = MappingProxyType(
    {"rtsp": "rtsp_lost", "event_image": "event_pictures_lost", "clip_preview": "event_clips_lost"}
)


class Abilities:
    """Remembers what each camera could do, also over a restart."""

    def __init__(self, keeper: TokenKeeper) -> None:
        """Take up what is stored with the tokens."""
        self._keeper = keeper

    def lost(self, unit: Unit) -> tuple[str, ...]:
        """Return the slugs of what a camera can no longer do."""
        known = set(texts(self._known.get(unit.id)))
        return tuple(slug for ability, slug in LOSSES.items() if ability in known and not unit.can(ability))

    async def learn(self, units: Sequence[Unit]) -> None:
        """Store what is new; raises HubError where it cannot be stored."""
        known = self._known
        learned: dict[str, JsonValue] = {
            unit.id: sorted(set(texts(known.get(unit.id))) | (unit.abilities & LOSSES.keys())) for unit in units
        }
        if any(learned[unit.id] != list(texts(known.get(unit.id))) for unit in units):
            await self._keeper.remember(KEY, {**known, **learned})

    @property
    def _known(self) -> Mapping[str, JsonValue]:
        return child(self._keeper.stored.get(KEY))
