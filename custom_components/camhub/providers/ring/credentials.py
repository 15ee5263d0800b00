"""The credentials of one account as they are now; what changes is stored before it is used."""

import asyncio
from collections.abc import Mapping

from ...kernel.model import JsonValue
from ...kernel.provider import Context
from ...kernel.reading import Object, child
from ...kernel.secret import Credentials


class StoredCredentials:
    """Keeps the whole set: tokens, push registration and login each change on their own."""

    def __init__(self, context: Context) -> None:
        """Take over what is stored."""
        self._values: dict[str, JsonValue] = dict(context.credentials)
        self._store = context.tokens
        self._turn = asyncio.Lock()

    @property
    def current(self) -> Credentials:
        """Return the set as it is now."""
        return Credentials(self._values)

    def part(self, key: str) -> Object:
        """Return an object of the set, an empty one where there is none."""
        return child(self._values.get(key))

    async def put(self, key: str, value: Mapping[str, JsonValue] | None) -> None:
        """Change one value and return when it is stored; it counts here even where storing fails."""
        async with self._turn:
            self._values[key] = value
            await self._store.save(dict(self._values))
