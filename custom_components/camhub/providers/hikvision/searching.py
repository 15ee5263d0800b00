"""The pages of `ContentMgmt/search`: what is asked, and what an answer says (protocols.md 1.7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
import re
from typing import Final
from xml.sax.saxutils import escape

from yarl import URL

from ...kernel.addresses import parsed
from ...kernel.errors import Malformed
from ...kernel.model import EventKind
from .alerts import read_date
from .parse import EVENT_KINDS
from .tree import Node, children, descendants, name_of, number, text

PAGE: Final = 40
_SEARCH: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<CMSearchDescription><searchID>{search}</searchID><trackIDList><trackID>{track}</trackID></trackIDList>"
    "<timeSpanList><timeSpan><startTime>{start}</startTime><endTime>{end}</endTime></timeSpan></timeSpanList>"
    "<contentTypeList><contentType>video</contentType></contentTypeList>"
    # The misspelling is the devices' own.
    "<maxResults>{page}</maxResults><searchResultPostion>{position}</searchResultPostion>"
    "<metadataList><metadataDescriptor>//recordType.meta.std-cgi.com</metadataDescriptor></metadataList>"
    "</CMSearchDescription>"
)
_DOWNLOAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<downloadRequest version="1.0" xmlns="http://www.isapi.org/ver20/XMLSchema">'
    "<playbackURI>{address}</playbackURI></downloadRequest>"
)
_ASKED: Final = "%Y-%m-%dT%H:%M:%SZ"
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(.*)", re.ASCII)
# What recordings are called beside the names of events.
_KINDS: Final = {"motion": EventKind.MOTION, "alarm": EventKind.ALARM_INPUT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """One recording: its address for downloading, `label` the device's word for why it was made, `size` in bytes."""

    track: str
    start: datetime
    end: datetime
    address: URL
    label: str | None
    size: int | None

    @property
    def kind(self) -> EventKind | None:
        """Return the event it was made of, None where it was made by the clock or for several."""
        label = self.label or ""
        return _KINDS.get(label, EVENT_KINDS.get(label))


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A part of the answer; `count` is how many there were, readable or not, `more` whether others follow."""

    matches: Sequence[Match]
    count: int
    more: bool


def search_of(search: str, track: str, start: datetime, end: datetime, position: int, zone: tzinfo) -> bytes:
    """Return what asks for a page of what was recorded; its times say Z and are the device's own all the same."""
    first, last = (at.astimezone(zone).strftime(_ASKED) for at in (start, end))
    asked = _SEARCH.format(search=search, track=track, start=first, end=last, page=PAGE, position=position)
    return asked.encode()


def download_of(address: str) -> bytes:
    """Return what asks for the film at an address that a search has told."""
    return _DOWNLOAD.format(address=escape(address)).encode()


def page_of(root: Node, zone: tzinfo) -> Page:
    """Read a `CMSearchResult`; raises Malformed for another document."""
    if name_of(root) != "CMSearchResult":
        raise Malformed(f"{name_of(root)[:40]} in place of CMSearchResult")
    items = [item for listed in children(root, "matchList") for item in children(listed, "searchMatchItem")]
    found = (_match(item, zone) for item in items)
    return Page(
        matches=[match for match in found if match is not None],
        count=len(items),
        more=(text(root, "responseStatusStrg") or "").upper() == "MORE",
    )


def read_local(told: str, zone: tzinfo) -> datetime | None:
    """Read a recording's time: one with an offset is meant as it stands, Z or nothing is the device's own time."""
    if found := _COMPACT.fullmatch(told):
        told = "{}-{}-{}T{}:{}:{}{}".format(*found.groups())
    at = read_date(told)
    if at is None or re.search(r"[+-]\d{1,2}(:?\d{2})?$", told[10:]):
        return at
    return at.replace(tzinfo=zone)


def _match(item: Node, zone: tzinfo) -> Match | None:
    start = read_local(text(item, "timeSpan", "startTime") or "", zone)
    end = read_local(text(item, "timeSpan", "endTime") or "", zone)
    told = text(item, "mediaSegmentDescriptor", "playbackURI")
    track = text(item, "trackID")
    if start is None or end is None or told is None or track is None:
        return None
    if (address := parsed(told, encoded=True)) is None:
        return None
    size = number_of(address.query.get("size", ""))
    label = next((name for each in descendants(item, "metadataDescriptor") if (name := _label(each))), None)
    return Match(
        track=track,
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        address=address,
        label=label,
        size=number(item, "mediaSegmentDescriptor", "size") if size is None else size,
    )


def number_of(told: str) -> int | None:
    """Return a number of bytes, None where there is none."""
    return int(told) if re.fullmatch(r"\d{1,15}", told, re.ASCII) else None


def _label(node: Node) -> str | None:
    """Return the last word of `recordType.meta.hikvision.com/motion`, in small letters as devices differ in them."""
    _, slash, word = (text(node) or "").rpartition("/")
    return word.lower() if slash and word.isidentifier() else None
