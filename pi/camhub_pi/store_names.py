"""What may be stored, and under which names."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import PurePosixPath
import re

TYPES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ts": "video/mp2t",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
# One folder, no hidden file, nothing a shell or another system would stumble over.
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@=+, -]{0,238}[A-Za-z0-9])?")
HEAD = 16
EBML = b"\x1a\x45\xdf\xa3"


class Refused(Exception):
    """Something that is not done; `status` and the text say why."""

    def __init__(self, status: HTTPStatus, words: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.headers = headers or {}


def checked(name: str) -> str:
    """Return a name that is safe to be a file's; raises Refused (400, or 415 for a type that is not stored)."""
    if not NAME.fullmatch(name):
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            "a name is 1 to 240 of A-Z, a-z, 0-9, blanks and ._@=+,- and begins with a letter or digit",
        )
    if content_type(name) is None:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"stored are {', '.join(TYPES)}")
    return name


def content_type(name: str) -> str | None:
    """Return the type a name's ending stands for, None where it is not stored."""
    return TYPES.get(PurePosixPath(name).suffix.lower())


def fits(name: str, head: bytes) -> bool:
    """Return whether a file that begins with these bytes is what its name says."""
    kind = content_type(name)
    if kind == "video/mp4":
        return head[4:8] in {b"ftyp", b"styp", b"moov", b"moof"}
    if kind in {"video/webm", "video/x-matroska"}:
        return head.startswith(EBML)
    if kind == "video/mp2t":
        return head.startswith(b"\x47")
    return head.startswith(b"\xff\xd8\xff")


def recording_name(at: datetime, why: str = "manual") -> str:
    """Return the name of a recording that begins at an aware time: `manual_2025-01-26T14-30-45-123Z_recording.webm`."""
    utc = at.astimezone(UTC)
    return f"{why}_{utc:%Y-%m-%dT%H-%M-%S}-{utc.microsecond // 1000:03}Z_recording.webm"
