"""SDP as vendors write it, mended into what browsers, aiortc and the vendors themselves take.

The defects (protocols.md 2.4 and 4.7, peers.md N4, N5, R7): `sendrecv` answers to `recvonly` offers, candidates
without a foundation, empty candidate lines, bare line feeds, no line feed at the end, media in another order than asked
for, `mid` lines left out. The functions are pure; whatever is no SDP at all is returned as it came, and what has more
media than anybody needs is Malformed: what it takes to match them grows with their square.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
import re
from typing import Final

from .errors import Malformed

MEDIA_LIMIT: Final = 32
# Google wants the media of an offer in this order; it suits all others too.
_RANKS: Final = {"audio": 0, "video": 1, "application": 2}
_BREAKS: Final = re.compile(r"[\r\n]+")
_CANDIDATE: Final = "a=candidate:"
_EMPTY: Final = frozenset({"", "a=", _CANDIDATE})
_SENDING: Final = frozenset({"sendrecv", "sendonly"})
_RECEIVING: Final = frozenset({"sendrecv", "recvonly"})
# By whether one sends and whether one receives.
_DIRECTIONS: Final = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}
_DIRECTION_LINES: Final = frozenset(f"a={name}" for name in _DIRECTIONS.values())

type Section = Sequence[str]


def is_sdp(text: str) -> bool:
    """Return whether a text begins as SDP does."""
    return text.lstrip().startswith("v=")


def is_offer(text: str) -> bool:
    """Return whether a text may be taken for an offer: it begins as SDP does, and its media are not too many."""
    try:
        sections(text)
    except Malformed:
        return False
    return is_sdp(text)


def sections(sdp: str) -> list[Section]:
    """Return the session's lines, then those of each medium; empty lines and empty candidates are left out.

    Raises Malformed for more than `MEDIA_LIMIT` media.
    """
    found: list[list[str]] = [[]]
    for line in (raw.strip() for raw in _BREAKS.split(sdp)):
        if line.startswith("m="):
            if len(found) > MEDIA_LIMIT:
                raise Malformed(f"more than {MEDIA_LIMIT} media")
            found.append([])
        if line not in _EMPTY:
            found[-1].append(line)
    return list(found)


def joined(parts: Iterable[Section]) -> str:
    """Return sections as SDP: CRLF after every line, the last one included."""
    return "".join(f"{line}\r\n" for part in parts for line in part)


def kind(section: Section) -> str:
    """Return what a medium is: `audio`, `video`, `application`."""
    return section[0].removeprefix("m=").partition(" ")[0]


def is_rejected(section: Section) -> bool:
    """Return whether a medium is refused: port 0 (RFC 8866 section 5.14)."""
    return section[0].split(" ")[1:2] == ["0"]


def value(section: Section, attribute: str) -> str | None:
    """Return the value of a section's attribute such as `mid`, None if it has none."""
    prefix = f"a={attribute}:"
    return next((line.removeprefix(prefix) for line in section if line.startswith(prefix)), None)


def mend_offer(offer: str) -> str:
    """Return an offer with audio, video and data in this order, written as the standard has it; raises Malformed."""
    if not is_sdp(offer):
        return offer
    session, *media = _offered(offer)
    return joined([session, *(media[index] for index in _order(media))])


def mended_line(offer: str, line: int) -> int:
    """Return the place in `mend_offer(offer)` of what is the medium number `line` of `offer`; raises Malformed."""
    order = _order(_offered(offer)[1:])
    return order.index(line) if line in order else line


def mend_answer(offer: str, answer: str) -> str:
    """Return an answer that suits the offer as the viewer made it, not as `mend_offer` sent it on.

    Its media stand in the offer's order, each with the offer's `mid`, none sends or receives what was not offered, what
    it leaves out is refused in words, and every candidate has a foundation. Raises Malformed.
    """
    if not is_sdp(answer):
        return answer
    session, *answered = sections(answer)
    offered = _offered(offer)[1:]
    if offered:
        whole = _direction(session, "sendrecv")
        pairs = zip(offered, _matched(offered, answered), strict=True)
        answered = [_suited(ours, theirs, whole) if theirs else _refused(ours) for ours, theirs in pairs]
    return joined(_numbered([session, *answered]))


def mend_candidate(candidate: str) -> str:
    """Return a candidate that came by itself, `candidate:...`, with a foundation."""
    text = candidate.strip().removeprefix("a=")
    return f"candidate:1 {text.removeprefix('candidate: ')}" if text.startswith("candidate: ") else text


def _offered(offer: str) -> list[Section]:
    try:
        return sections(offer)
    except Malformed as error:
        failure = Malformed(str(error), reason="bad_offer")
    raise failure


def _order(media: Sequence[Section]) -> list[int]:
    """Return the numbers of media in the order that vendors want."""
    return sorted(range(len(media)), key=lambda index: _RANKS.get(kind(media[index]), len(_RANKS)))


def _matched(offered: Sequence[Section], answered: Sequence[Section]) -> list[Section | None]:
    """Return the answer to each offered medium: by its `mid`, else the next one of its kind."""
    left = list(answered)
    found: list[Section | None] = [None] * len(offered)
    for by_mid in (True, False):
        for index, ours in enumerate(offered):
            if found[index] is None:
                found[index] = next((one for one in left if _fits(ours, one, by_mid=by_mid)), None)
                # By identity: two media may read the same.
                left = [one for one in left if one is not found[index]]
    return found


def _fits(ours: Section, theirs: Section, *, by_mid: bool) -> bool:
    if kind(ours) != kind(theirs):
        return False
    mid = value(ours, "mid")
    return not by_mid or (mid is not None and mid == value(theirs, "mid"))


def _suited(ours: Section, theirs: Section, whole: str) -> Section:
    """Return an answered medium that does only what was offered, under the offer's `mid`."""
    suited = list(theirs)
    if kind(ours) != "application" and not is_rejected(theirs):
        offered, said = _direction(ours, "sendrecv"), _direction(theirs, whole)
        wanted = _DIRECTIONS[said in _SENDING and offered in _RECEIVING, said in _RECEIVING and offered in _SENDING]
        if wanted != said:
            suited = [*_directed(theirs, f"a={wanted}")]
    if (mid := value(ours, "mid")) is not None and value(theirs, "mid") is None:
        suited.append(f"a=mid:{mid}")
    return suited


def _direction(section: Section, default: str) -> str:
    return next((line.removeprefix("a=") for line in section if line in _DIRECTION_LINES), default)


def _directed(section: Section, direction: str) -> Iterator[str]:
    """Yield the lines with one direction, where the first one stood, else at the end."""
    said = False
    for line in section:
        if line not in _DIRECTION_LINES:
            yield line
        elif not said:
            said = True
            yield direction
    if not said:
        yield direction


def _refused(ours: Section) -> Section:
    """Return what says no to an offered medium."""
    medium, _, rest = ours[0].partition(" ")
    mid = value(ours, "mid")
    said = [f"{medium} 0 {rest.partition(' ')[2]}", "c=IN IP4 0.0.0.0", "a=inactive"]
    return said if mid is None else [*said, f"a=mid:{mid}"]


def _numbered(parts: Sequence[Section]) -> Iterator[Section]:
    """Yield the sections with a foundation for each candidate that has none."""
    candidates = [line.removeprefix(_CANDIDATE) for part in parts for line in part if line.startswith(_CANDIDATE)]
    taken = {text.split(" ")[0] for text in candidates}
    free = (str(number) for number in count(1) if str(number) not in taken)
    for part in parts:
        yield [
            f"{_CANDIDATE}{next(free)} {line.removeprefix(_CANDIDATE).lstrip()}"
            if line.startswith(f"{_CANDIDATE} ")
            else line
            for line in part
        ]
