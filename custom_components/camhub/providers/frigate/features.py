"""What each version offers: one small table (protocols.md 5.2, 5.4, 5.5)."""

from dataclasses import dataclass
import re
from typing import Final

from ...kernel.errors import Malformed, Unsupported

OLDEST: Final = (0, 14)
NEWEST: Final = (0, 18)


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """A version and what it can.

    `height` is the name of the parameter that scales pictures, `hls` whether go2rtc's playlists can be reached,
    `allowed_cameras` whether a role may be limited to some cameras, `frame` how a frame of a recording is encoded.
    `tested` is False for a version newer than known.
    """

    version: str
    height: str
    hls: bool
    allowed_cameras: bool
    frame: str
    tested: bool


def features(*said: str) -> Features:
    """Return what the first readable of these versions offers; raises Unsupported for an old one, Malformed for none.

    `/api/version` says `0.17.2-abcdef0` or `0.18.0-beta1-abcdef0`, `/api/config` `0.17-2`; a build of a developer's
    may be readable in the second only.
    """
    for text in said:
        found = re.match(r"(\d{1,4})\.(\d{1,4})", text.strip())
        if found:
            release = (int(found[1]), int(found[2]))
            break
    else:
        raise Malformed("no version", reason="not_this_device")
    if release < OLDEST:
        raise Unsupported(
            "too old", reason="version_unsupported", placeholders={"version": f"{release[0]}.{release[1]}"}
        )
    return Features(
        version=text.strip(),
        height="h" if release < (0, 15) else "height",
        hls=release < (0, 18),
        allowed_cameras=release >= (0, 17),
        frame="png" if release < (0, 15) else "jpg",
        tested=release <= NEWEST,
    )
