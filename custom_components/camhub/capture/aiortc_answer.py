"""SDP answers rewritten for aiortc.

aiortc needs the ICE and DTLS lines of every medium, even of a rejected one that has none, and of media that share a
transport it uses the candidates of the last only.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ..kernel import sdp

_GROUP: Final = "a=group:BUNDLE"
_CANDIDATE: Final = "a=candidate:"
_TRANSPORT: Final = ("a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:")
_ADDRESSES: Final = (_CANDIDATE, "a=end-of-candidates")
_PERSONAL: Final = ("a=ssrc", "a=msid")
_DIRECTIONS: Final = ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")


def acceptable(offer: str, answer: str) -> str:
    """Return a mended answer to our offer with every medium complete and all but the video at rest."""
    session, *media = sdp.sections(answer)
    offered = sdp.sections(offer)[1:]
    taken = next((each for each in media if not sdp.is_rejected(each)), [])
    shared = [line for line in taken if line.startswith(_TRANSPORT)]
    addresses = _once(line for each in media for line in each if line.startswith(_ADDRESSES))
    whole = [
        [*_without(ours, *_TRANSPORT, *_ADDRESSES, *_PERSONAL, *_DIRECTIONS), *shared, "a=inactive", *addresses]
        if sdp.is_rejected(theirs)
        else [*_at_rest(_without(theirs, *_ADDRESSES)), *addresses]
        for ours, theirs in zip(offered, media, strict=True)
    ]
    mids = " ".join(mid for each in whole if (mid := sdp.value(each, "mid")) is not None)
    return sdp.joined([[*_without(session, _GROUP), f"{_GROUP} {mids}"], *whole])


def _at_rest(section: Sequence[str]) -> list[str]:
    """Return a medium that is not decoded, unless it is the video."""
    if sdp.kind(section) != "audio":
        return list(section)
    return [*_without(section, *_DIRECTIONS), "a=inactive"]


def _without(section: Sequence[str], *beginnings: str) -> list[str]:
    return [line for line in section if not line.startswith(beginnings)]


def _once(lines: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(lines))
