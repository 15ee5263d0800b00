import io

from hypothesis import given, settings, strategies as st
from PIL import Image
import pytest

from custom_components.camhub.kernel.jpeg import is_whole_jpeg, jpeg_in, jpeg_size, with_tables

from .pictures import jpeg, segment

FIRST = jpeg(b"first", thumbnail=jpeg(b"small one"))
TABLES = 0xC4


def real(**options: bool) -> bytes:
    made = io.BytesIO()
    picture = Image.effect_noise((64, 48), 90)
    Image.merge("RGB", (picture, picture.rotate(90), picture.rotate(180))).save(made, "JPEG", **options)
    return made.getvalue()


def bare(picture: bytes) -> bytes:
    """Return a picture without its Huffman tables."""
    at, kept = 2, picture[:2]
    while picture[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(picture[at + 2 : at + 4])
        kept += b"" if picture[at + 1] == TABLES else picture[at:end]
        at = end
    return kept + picture[at:]


def tables(picture: bytes) -> dict[int, bytes]:
    """Return the Huffman tables of a picture by class and number."""
    found: dict[int, bytes] = {}
    at = 2
    while picture[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(picture[at + 2 : at + 4])
        inside = picture[at + 4 : end] if picture[at + 1] == TABLES else b""
        while inside:
            size = 17 + sum(inside[1:17])
            found[inside[0]], inside = inside[1:size], inside[size:]
        at += 1 if picture[at + 1] == 0xFF else end - at
    return found


@pytest.mark.parametrize("before", [b"", segment(0xE0, b"AVI1\0"), segment(0xE1, bytes(9000)), b"\xff"])
def test_standard_tables_are_given_to_who_brings_none(before: bytes) -> None:
    whole = real()
    sent = bare(whole)
    sent = sent[:2] + before + sent[2:]
    shown = with_tables(sent)
    assert with_tables(shown) == shown
    assert len(shown) == len(sent) + 420
    assert tables(shown) == tables(whole)


@pytest.mark.parametrize(
    "picture",
    [
        real(),
        real(optimize=True),
        bare(real(progressive=True)),
        real()[:2] + segment(0xE1, bytes(9000)) + real()[2:],
        FIRST,
        bare(real())[:-2].split(b"\xff\xda")[0],
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8 none",
        b"\xff\xd8" + b"\xff" * 5000,
        b"",
    ],
)
def test_no_other_picture_is_touched(picture: bytes) -> None:
    assert with_tables(picture) == picture


@pytest.mark.parametrize("after", [b"", b"\r\n", bytes(9), b"\xff\xd9", b"--cut\r\n"])
def test_a_picture_is_what_bytes_begin_with(after: bytes) -> None:
    for picture in (FIRST, real(), b"\xff\xd8 odd \xff\xd9"):
        assert jpeg_in(picture + after) == picture + (after if after == b"\xff\xd9" else b"")


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd9", b"\x89PNG" + FIRST, FIRST[:-2], FIRST[:200]])
def test_what_is_no_whole_picture_is_none(data: bytes) -> None:
    assert jpeg_in(data) is None
    for kept in range(2, len(FIRST) - 1):
        assert jpeg_in(FIRST[:kept]) is None


@pytest.mark.parametrize(
    ("data", "whole"),
    [(FIRST, True), (FIRST[:-1], False), (FIRST[1:], False), (b"", False), (b"\xff\xd8\xff\xd9", False)],
)
def test_whole_jpeg_begins_and_ends_as_one(data: bytes, whole: bool) -> None:
    assert is_whole_jpeg(data) is whole


@pytest.mark.parametrize("progressive", [False, True])
def test_size_is_read_from_the_frame_header(progressive: bool) -> None:
    made = io.BytesIO()
    Image.new("RGB", (321, 123)).save(made, "JPEG", progressive=progressive)
    assert jpeg_size(made.getvalue()) == (321, 123)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture, no picture",
        FIRST[:30],
        b"\xff\xd8" + segment(0xDB, b"") + b"no marker here",
        b"\xff\xd8\xff\xd9",
    ],
)
def test_size_of_what_has_no_frame_header_is_unknown(data: bytes) -> None:
    assert jpeg_size(data) is None


def test_size_steps_over_thumbnails_and_fill_bytes() -> None:
    assert jpeg_size(jpeg(width=640, height=480, thumbnail=jpeg(width=1, height=1))) == (640, 480)


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from([b"\xff\xd8", b"\xff\xd9", b"\xff\xc0\0\4", b"\xff\xda\0\2", b"\xff\xe1\xff\xff", b"\xff"]),
        )
    )
)
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    data = b"\xff\xd8" + b"".join(pieces)
    assert len(with_tables(data)) in {len(data), len(data) + 420}
    found = jpeg_in(data)
    assert found is None or (data.startswith(found) and found.endswith(b"\xff\xd9"))
