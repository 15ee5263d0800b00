"""The alert stream cut into parts by the boundary that is really sent: some recorders announce another one."""

from collections.abc import Sequence
import re
from typing import Final

from ...kernel.multipart import Part, PartReader, boundary_of

# Within so many bytes the first boundary line has come; some devices put a header before it.
_EARLY: Final = 1024
_LINE: Final = re.compile(rb"(?:^|\n)--+([^\r\n\"]{1,70}?)(?:--)?[ \t]*\r?\n")


class WireReader:
    """Turns chunks into parts; raises Malformed when the content type is not multipart or names no boundary."""

    def __init__(self, content_type: str) -> None:
        """Believe the content type until the first boundary line has come."""
        self._announced = boundary_of(content_type)
        self._reader = PartReader(content_type)
        self._head: bytes | None = b""

    def feed(self, chunk: bytes) -> Sequence[Part]:
        """Take the next bytes and return the parts they complete."""
        if self._head is None:
            return self._reader.feed(chunk)
        self._head += chunk
        found = _LINE.search(self._head[:_EARLY])
        if found is None and len(self._head) < _EARLY:
            return []
        if found is not None and found[1] != self._announced:
            self._reader = PartReader(f'multipart/mixed; boundary="{found[1].decode("latin-1")}"')
        head, self._head = self._head, None
        return self._reader.feed(head)

    def close(self) -> Sequence[Part]:
        """Return the part that the end of the stream leaves open."""
        return [*self._reader.feed(self._head or b""), *self._reader.close()]
