"""What clips are called in an archive: a pattern of the user's, made of letters that every place takes."""

from datetime import UTC, datetime, tzinfo
from hashlib import sha256
import re
from string import Formatter
from typing import Final
import unicodedata

from ..kernel.errors import Unsupported
from .queue import Job

DEFAULT_PATTERN: Final = "{camera}/{year}-{month}-{day}/{hour}{minute}{second}_{kind}_{id}"
PARTS: Final = ("account", "camera", "year", "month", "day", "hour", "minute", "second", "kind", "label", "id")
LONGEST: Final = 200
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")
_ID_LETTERS: Final = 8


def check_pattern(pattern: str) -> None:
    """Raise Unsupported (`archive_pattern`) where a pattern has an unknown part or names nothing."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError as error:
        raise Unsupported("an open brace", reason="archive_pattern") from error
    for _, part, form, change in parts:
        if part is not None and (part not in PARTS or form or change):
            raise Unsupported(f"unknown part {part}", reason="archive_pattern")
    if not any(part == "id" for _, part, _, _ in parts) or len(pattern) > LONGEST:
        # Without it two clips of one second would want one name.
        raise Unsupported("nothing that tells clips apart", reason="archive_pattern")


def name_of(job: Job, *, pattern: str, account: str, camera: str, zone: tzinfo, ending: str) -> str:
    """Return the name of a clip by a checked pattern, with times of day in `zone`; the same for the same job."""
    at = datetime.fromtimestamp(job.clip_start or job.at, UTC).astimezone(zone)
    parts = {
        "account": _plain(account),
        "camera": _plain(camera) or f"camera-{_short(job.camera)}",
        "year": f"{at:%Y}",
        "month": f"{at:%m}",
        "day": f"{at:%d}",
        "hour": f"{at:%H}",
        "minute": f"{at:%M}",
        "second": f"{at:%S}",
        "kind": job.kind or "clip",
        "label": _plain(job.label or "") or job.kind or "clip",
        "id": _short(f"{job.key} {job.clip_id}"),
    }
    folders = [plain for each in pattern.format_map(parts).split("/") if (plain := _plain(each))]
    return "/".join(folders) + ending


def another(name: str) -> str:
    """Return the next name to try where one is taken: `a.mp4`, `a.2.mp4`, `a.3.mp4`."""
    stem, dot, ending = name.rpartition(".")
    base, mark, number = stem.rpartition(".")
    if mark and number.isdecimal():
        return f"{base}.{int(number) + 1}{dot}{ending}"
    return f"{stem}.2{dot}{ending}"


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _ODD.sub("_", letters).strip("._-")


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_ID_LETTERS]
