"""The clock a device lives by (`System/time`): its recordings are dated in its own time."""

from datetime import UTC, timedelta, timezone, tzinfo
import io
import re
import struct
from typing import Final
from zoneinfo import ZoneInfo

from ...kernel.clock import Clock
from ...kernel.errors import Malformed, Unsupported
from .alerts import read_date
from .client import IsapiClient
from .tree import Node, text

ASKED_S: Final = 3600.0
# `CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00`: as POSIX has it, west is positive, but the second time is
# how much is added in summer.
_RULE: Final = re.compile(
    r"(?:[A-Za-z]{3,}|<[^<>]{3,}>)(?P<west>[+-]?\d{1,2}(?::\d{2}){0,2})"
    r"(?:[A-Za-z]{3,}(?P<more>\d{1,2}(?::\d{2}){0,2})?,(?P<days>M[\d.]+(?:/[\d:]+)?,M[\d.]+(?:/[\d:]+)?))?",
    re.ASCII,
)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class DeviceZone:
    """Asks a device for its time zone, once an hour at most."""

    def __init__(self, client: IsapiClient, clock: Clock) -> None:
        """Ask nothing yet."""
        self._client = client
        self._clock = clock
        self._zone: tzinfo = UTC
        self._asked_at: float | None = None

    async def read(self) -> tzinfo:
        """Return the zone, UTC where the device does not tell; raises HubError."""
        now = self._clock.monotonic()
        if self._asked_at is None or now - self._asked_at >= ASKED_S:
            try:
                self._zone = zone_of(await self._client.get("System/time"))
            except Unsupported, Malformed:
                self._zone = UTC
            self._asked_at = now
        return self._zone


def zone_of(root: Node) -> tzinfo:
    """Read the zone of `System/time`: its rule, else what the local time itself says, else UTC."""
    found = _RULE.fullmatch((text(root, "timeZone") or "").replace(" ", ""))
    local = read_date(text(root, "localTime") or "")
    if found is not None:
        west = _span(found["west"])
        more = _span(found["more"]) if found["more"] else _HOUR
        if found["days"]:
            try:
                return _changing(west, more, found["days"])
            except ValueError:
                pass
        elif abs(west) < _DAY:
            return timezone(-west)
    return UTC if local is None or local.tzinfo is None else local.tzinfo


def _changing(west: timedelta, more: timedelta, days: str) -> tzinfo:
    """Return a zone with summer time; raises ValueError for days that are none."""
    # The standard library reads such a rule at the end of a TZif file (RFC 9636): this one has nothing else.
    header = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    block = header + struct.pack(">lbb", 0, 0, 0) + b"STD\0"
    rule = f"\nSTD{_clock(west)}DST{_clock(west - more)},{days}\n"
    return ZoneInfo.from_file(io.BytesIO(block + block + rule.encode()))


def _span(told: str) -> timedelta:
    hours, minutes, seconds = (*(int(piece) for piece in told.lstrip("+-").split(":")), 0, 0)[:3]
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -span if told.startswith("-") else span


def _clock(span: timedelta) -> str:
    seconds = int(abs(span).total_seconds())
    sign = "-" if span < timedelta() else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
