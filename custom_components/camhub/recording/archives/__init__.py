"""Where clips go: one protocol, three kinds of place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ...kernel.errors import HubError


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """A finished file: where it is, its size in bytes, its SHA-256 in hex, and what may be said of it elsewhere."""

    path: Path
    size: int
    sha256: str
    content_type: str = "video/mp4"
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """What an archive says of what it took: how it calls it, and its own digest of it."""

    reference: str
    digest: str | None = None


class NameTaken(HubError):
    """Something else is there under that name."""

    default_reason = "archive_name_taken"


class Archive(Protocol):
    """Keeps films under names with `/` between folders.

    Putting the same film under the same name twice keeps it once. Raises AuthError (refused), Unreachable (later),
    Malformed (not what was put), Unsupported (never), NameTaken.
    """

    async def put(self, film: Film, name: str) -> Stored:
        """Keep a film; when this returns it is there under its name, whole, or not at all."""
        ...

    async def verify(self, stored: Stored, film: Film) -> None:
        """Look whether what is there now is the film; raises Malformed (`archive_differs`) where it is not."""
        ...

    async def check(self) -> None:
        """Try it: keep something small, look at it, delete it."""
        ...

    def address(self, reference: str) -> str:
        """Return where a film is, for who may open it: there is no secret in it."""
        ...

    async def link(self, reference: str, seconds: int) -> str | None:
        """Return an address that anybody may open for so long, None where this kind of place gives none."""
        ...

    async def delete(self, reference: str) -> None:
        """Delete a film; one that is gone already is no error."""
        ...

    async def close(self) -> None:
        """Give back everything."""
        ...
