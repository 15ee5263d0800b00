"""The mender of offers and answers, against invented SDP of every shape."""

from collections.abc import Sequence

from hypothesis import given, strategies as st
import pytest

from custom_components.camhub.kernel import sdp
from custom_components.camhub.kernel.errors import Malformed

KINDS = ("audio", "video", "application")
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
SENDING = {"sendrecv", "sendonly"}
RECEIVING = {"sendrecv", "recvonly"}
BREAKS = ("\r\n", "\n", "\r", "\n\n")

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n"
)


def media(text: str) -> list[sdp.Section]:
    return sdp.sections(text)[1:]


def direction(section: Sequence[str], default: str = "sendrecv") -> str:
    return next((line[2:] for line in section if line[2:] in DIRECTIONS), default)


@st.composite
def descriptions(draw: st.DrawFn) -> str:
    """Return SDP with any media in any order, whatever line ends, candidates with and without a foundation."""
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0"]
    if draw(st.booleans()):
        lines.append(f"a={draw(st.sampled_from(DIRECTIONS))}")
    with_mids = draw(st.booleans())
    for index, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), max_size=5))):
        lines += [f"m={kind} {draw(st.sampled_from((0, 9)))} UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0"]
        if with_mids and draw(st.booleans()):
            lines.append(f"a=mid:{index}")
        lines += [f"a={each}" for each in draw(st.lists(st.sampled_from(DIRECTIONS), max_size=2))]
        for foundation in draw(st.lists(st.sampled_from(("", "1", "2", "abc", None)), max_size=3)):
            rest = "" if foundation is None else f"{foundation} 1 udp 1 192.0.2.9 9 typ host"
            lines.append(f"a=candidate:{rest}")
    end = draw(st.sampled_from(BREAKS))
    return end.join(lines) + draw(st.sampled_from(("", end, " ")))


def whole(text: str) -> None:
    """Check that every line ends as the standard has it and says something."""
    assert text.endswith("\r\n")
    lines = text.split("\r\n")[:-1]
    assert all(line and "\r" not in line and "\n" not in line for line in lines)
    assert "a=candidate:" not in lines


@given(descriptions())
def test_an_offer_has_its_media_in_order_and_loses_none(offer: str) -> None:
    mended = sdp.mend_offer(offer)
    whole(mended)
    kinds = [sdp.kind(section) for section in media(mended)]
    assert kinds == sorted(kinds, key=KINDS.index)
    assert sorted(map(tuple, media(mended))) == sorted(map(tuple, media(offer)))
    assert sdp.mend_offer(mended) == mended
    for line, section in enumerate(media(offer)):
        assert media(mended)[sdp.mended_line(offer, line)] == section


@given(descriptions(), descriptions())
def test_an_answer_suits_its_offer(offer: str, answer: str) -> None:
    mended = sdp.mend_answer(offer, answer)
    whole(mended)
    assert sdp.mend_answer(offer, mended) == mended
    offered, answered = media(offer), media(mended)
    session = direction(sdp.sections(answer)[0])
    if not offered:
        assert len(answered) == len(media(answer))
    else:
        assert [sdp.kind(section) for section in answered] == [sdp.kind(section) for section in offered]
    for ours, theirs in zip(offered, answered, strict=False):
        assert sdp.value(ours, "mid") is None or sdp.value(theirs, "mid") is not None
        if sdp.is_rejected(theirs) or sdp.kind(theirs) == "application":
            continue
        said = direction(theirs, session)
        assert said not in SENDING or direction(ours) in RECEIVING
        assert said not in RECEIVING or direction(ours) in SENDING
    foundations = [
        line.removeprefix("a=candidate:").split(" ")[0]
        for section in sdp.sections(mended)
        for line in section
        if line.startswith("a=candidate:")
    ]
    assert all(foundations)


@given(st.text())
def test_no_text_breaks_the_mender(text: str) -> None:
    assert isinstance(sdp.mend_offer(text), str)
    assert isinstance(sdp.mend_answer(OFFER, text), str)
    assert isinstance(sdp.mend_answer(text, OFFER), str)
    assert isinstance(sdp.mend_candidate(text), str)
    assert isinstance(sdp.mended_line(text, 1), int)


def test_what_is_no_sdp_is_left_alone() -> None:
    assert sdp.mend_offer("an offer") == "an offer"
    assert sdp.mend_answer(OFFER, "an answer") == "an answer"


def test_an_answer_that_is_right_is_not_touched() -> None:
    answer = OFFER.replace("recvonly", "sendonly")
    assert sdp.mend_answer(OFFER, answer) == answer


def test_a_direction_for_all_media_counts() -> None:
    answer = "v=0\r\na=sendrecv\r\nm=audio 9 RTP 0\r\nm=video 9 RTP 96\r\n"
    mended = media(sdp.mend_answer(OFFER, answer))
    assert [direction(section) for section in mended[:2]] == ["sendonly", "sendonly"]


def test_one_direction_is_left_of_several() -> None:
    answer = OFFER.replace("a=recvonly\r\n", "a=sendrecv\r\na=inactive\r\n")
    assert sdp.mend_answer(OFFER, answer).count("a=sendonly\r\n") == 2
    assert "inactive" not in sdp.mend_answer(OFFER, answer)


def test_an_answer_to_one_who_only_sends() -> None:
    mended = sdp.mend_answer(OFFER.replace("recvonly", "sendonly"), OFFER.replace("recvonly", "sendrecv"))
    assert [direction(section) for section in media(mended)[:2]] == ["recvonly", "recvonly"]


def test_media_are_matched_by_their_mid_and_those_left_out_are_refused() -> None:
    offer = "v=0\r\nm=video 9 RTP 96\r\na=mid:a\r\nm=video 9 RTP 97\r\na=mid:b\r\nm=audio 9 RTP 0\r\n"
    answer = "v=0\r\nm=video 9 RTP 97\r\na=sendonly\r\na=mid:b\r\nm=video 9 RTP 98\r\na=mid:c\r\nm=text 9 RTP 1\r\n"
    first, second, third = media(sdp.mend_answer(offer, answer))
    assert first[0] == "m=video 9 RTP 98"
    assert second[0] == "m=video 9 RTP 97"
    assert third == ["m=audio 0 RTP 0", "c=IN IP4 0.0.0.0", "a=inactive"]
    assert sdp.is_rejected(third)
    only = media(sdp.mend_answer(offer, "v=0\r\n"))
    assert only[0][-1] == "a=mid:a"


def test_foundations_are_numbers_that_nobody_has() -> None:
    answer = "v=0\r\na=candidate: 1 udp 1 ::1 9 typ host\r\na=candidate:1 1 udp 1 ::1 8 typ host\r\na=candidate:\r\n"
    assert sdp.mend_answer("", answer).split("\r\n")[1:-1] == [
        "a=candidate:2 1 udp 1 ::1 9 typ host",
        "a=candidate:1 1 udp 1 ::1 8 typ host",
    ]


@pytest.mark.parametrize(
    ("candidate", "mended"),
    [
        ("candidate: 1 udp 1 ::1 9 typ host", "candidate:1 1 udp 1 ::1 9 typ host"),
        ("a=candidate:7 1 udp 1 ::1 9 typ host\r\n", "candidate:7 1 udp 1 ::1 9 typ host"),
        ("", ""),
    ],
)
def test_a_candidate_that_comes_alone(candidate: str, mended: str) -> None:
    assert sdp.mend_candidate(candidate) == mended


def test_more_media_than_anybody_needs_are_refused_in_little_time() -> None:
    many = "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * sdp.MEDIA_LIMIT
    too_many = many + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 100_000
    assert sdp.is_offer(many)
    assert not sdp.is_offer(too_many)
    assert not sdp.is_offer("neither")
    assert len(media(sdp.mend_answer(many, many))) == sdp.MEDIA_LIMIT
    for mend in (sdp.mend_offer, lambda offer: sdp.mended_line(offer, 0), lambda offer: sdp.mend_answer(offer, OFFER)):
        with pytest.raises(Malformed) as caught:
            mend(too_many)
        assert caught.value.reason == "bad_offer"
    with pytest.raises(Malformed) as caught:
        sdp.mend_answer(OFFER, too_many)
    assert caught.value.reason == "malformed"
