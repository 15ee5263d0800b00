"""What a device has recorded: `ContentMgmt/search` and `ContentMgmt/download`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
import re
from typing import Final
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from simulators import film

from .markup import Value

# The device lives in the zone that its `System/time` tells as a rule.
ZONE: Final = ZoneInfo("Europe/Berlin")
# What these devices put before the program stream they hand out.
HEADER: Final = b"IMKH" + bytes(36)
# A device at 192.0.2.9 tells its own address, whatever it was called by.
ADDRESS: Final = "rtsp://192.0.2.9/Streaming/tracks/{track}/?{query}"

# Told of films that were not made yet.
SIZE: Final = 1_048_576


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One file; times are aware."""

    channel: int
    start: datetime
    end: datetime
    label: str
    name: str


class Recordings:
    """Files of all channels; `methods` are those a download may be asked with, `films` what they hold by channel.

    `pages` is whether a search goes on where it is told to, as old recorders do not.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Have none yet."""
        self._now = now
        self.kept: list[Recording] = []
        self.methods = {"GET", "POST"}
        self.films: dict[int, bytes] = {}
        self.pages = True

    def add(self, channel: int, start: datetime, end: datetime, label: str = "timing") -> Recording:
        """Keep one more."""
        name = f"ch{channel:02}_{len(self.kept):017}"
        made = Recording(channel=channel, start=start, end=end, label=label, name=name)
        self.kept.append(made)
        return made

    def fill(self, channels: list[int], hours: int = 24) -> None:
        """Keep what a day leaves: an hour by the clock after the other, the last still under way, and some motion."""
        begin = self._now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
        for channel in channels:
            for hour in range(hours + 1):
                start = begin + timedelta(hours=hour)
                self.add(channel, start, start + timedelta(hours=1))
                seen = start + timedelta(minutes=7 * channel)
                if hour % 6 == 0 and seen + timedelta(seconds=20) < self._now():
                    self.add(channel, seen, seen + timedelta(seconds=20), "motion")

    def search(self, body: str) -> Value:
        """Return the content of a `CMSearchResult`, None for a search that is none."""
        asked = {key: unescape(value) for key, value in re.findall(r"<(\w+)>([^<]*)</\1>", body)}
        try:
            track, position = int(asked["trackID"]), int(asked["searchResultPostion"])
            page, (start, end) = int(asked["maxResults"]), (_read(asked[key]) for key in ("startTime", "endTime"))
        except KeyError, ValueError:
            return None
        found = [each for each in self.kept if each.channel == track // 100 and each.start < end and each.end > start]
        found = sorted(found, key=lambda each: each.start) if track % 100 == 1 else []
        position = position if self.pages else 0
        shown = found[position : position + page]
        status = "NO MATCHES" if not shown else "MORE" if len(found) > position + page else "OK"
        told: dict[str, Value] = {"searchID": asked.get("searchID", ""), "responseStatus": True}
        told |= {"responseStatusStrg": status, "numOfMatches": len(shown)}
        return {**told, "matchList": {"searchMatchItem": [self._item(each) for each in shown]}} if shown else told

    def film(self, body: str) -> bytes | None:
        """Return the file a `downloadRequest` names, None if there is none; the first time blocks."""
        found = re.search(r"<playbackURI>([^<]*)</playbackURI>", body)
        asked = parse_qs(urlsplit(unescape(found[1])).query) if found else {}
        name = asked.get("name", [""])[0]
        kept = next((each for each in self.kept if each.name == name), None)
        return None if kept is None else self._film(kept.channel)

    def _film(self, channel: int) -> bytes:
        if channel not in self.films:
            self.films[channel] = HEADER + film.encode(f"Channel {channel}", container="vob")
        return self.films[channel]

    def _item(self, kept: Recording) -> Value:
        track = kept.channel * 100 + 1
        compact = [_told(at).replace("-", "").replace(":", "") for at in (kept.start, kept.end)]
        size = len(self.films.get(kept.channel, b"")) or SIZE
        query = f"starttime={compact[0]}&endtime={compact[1]}&name={kept.name}&size={size}"
        return {
            "sourceID": "{0000000000-0000-0000-0000-000000000000}",
            "trackID": track,
            "timeSpan": {"startTime": _told(kept.start), "endTime": _told(kept.end)},
            "mediaSegmentDescriptor": {
                "contentType": "video",
                "codecType": "H.264-BP",
                "playbackURI": ADDRESS.format(track=track, query=query),
            },
            "metadataMatches": {"metadataDescriptor": f"recordType.meta.hikvision.com/{kept.label}"},
        }


def _told(at: datetime) -> str:
    """Return a time as these devices write it: their own, and Z all the same."""
    return f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M:%S}Z"


def _read(told: str) -> datetime:
    return datetime.fromisoformat(told.removesuffix("Z")).replace(tzinfo=ZONE)
