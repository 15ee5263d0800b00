from hypothesis import given, settings, strategies as st
import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.jpeg import is_whole_jpeg
from custom_components.camhub.kernel.mjpeg import JpegReader, check_content_type
from custom_components.camhub.kernel.multipart import HEAD_LIMIT

from .pictures import jpeg

STREAM = "multipart/x-mixed-replace; boundary=cut"
FIRST = jpeg(b"first\xff\r\n\r\n--cu", thumbnail=jpeg(b"small one"))
SECOND = jpeg(b"second" * 30)
SIZES = [1, 2, 3, 7, 64, 100_000]


def read(reader: JpegReader, data: bytes, size: int = 100_000) -> list[bytes]:
    return [picture for at in range(0, len(data), size) for picture in reader.feed(data[at : at + size])]


def part(
    body: bytes,
    *,
    length: int | None = None,
    eol: bytes = b"\r\n",
    boundary: bytes = b"cut",
    kind: bytes = b"image/jpeg",
    end: bytes | None = None,
) -> bytes:
    said = b"" if length is None else b"content-length: %d%s" % (length, eol)
    head = b"--" + boundary + eol + b"Content-Type: " + kind + eol + said + eol
    return head + body + (eol if end is None else end)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("extra", [None, 0, 2, -1, -20, 4, 40, 500, 10**9])
@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_any_length_is_survived(size: int, extra: int | None, eol: bytes) -> None:
    frames = [FIRST, SECOND, FIRST, FIRST, SECOND]
    data = b"".join(part(frame, eol=eol, length=None if extra is None else len(frame) + extra) for frame in frames)
    reader = JpegReader(STREAM)
    # What the last frame's length still asks for may come with the frames after it.
    found = read(reader, data + part(SECOND, eol=eol, length=len(SECOND)) * 9, size)
    assert found[: len(frames)] == frames
    assert set(found[len(frames) :]) == {SECOND}


@pytest.mark.parametrize("length", [None, len(FIRST)])
def test_picture_is_there_with_its_last_byte(length: int | None) -> None:
    reader = JpegReader(STREAM)
    data = part(FIRST, length=length, end=b"")
    assert reader.feed(data[:-1]) == []
    assert reader.feed(data[-1:]) == [FIRST]
    assert read(reader, b"\r\n" + part(SECOND, length=length and len(SECOND), end=b"")) == [SECOND]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("named", ["cut", '"cut"', "--cut", '"--cut"', " cut", "other", ""])
@pytest.mark.parametrize("wire", [b"cut", b"--cut"])
@pytest.mark.parametrize("length", [True, False])
def test_boundary_quoted_dashed_wrong_or_missing(size: int, named: str, wire: bytes, length: bool) -> None:
    frames = [FIRST, SECOND, FIRST]
    data = b"".join(part(frame, boundary=wire, length=len(frame) if length else None) for frame in frames)
    reader = JpegReader(f"multipart/x-mixed-replace;boundary={named}")
    assert read(reader, data, size) == frames


@pytest.mark.parametrize("size", SIZES)
def test_no_line_end_after_a_picture(size: int) -> None:
    data = part(FIRST, length=len(FIRST), end=b"") + part(SECOND, end=b"") + part(FIRST, length=3, end=b"")
    assert read(JpegReader(STREAM), data + b"--cut--", size) == [FIRST, SECOND, FIRST]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("named", ["cut", "other"])
def test_joining_anywhere_in_a_picture_gives_no_thumbnail(size: int, named: str) -> None:
    for cut_at in range(3, len(FIRST), 5):
        data = FIRST[cut_at:] + b"\r\n" + part(SECOND, length=len(SECOND)) + part(FIRST)
        assert read(JpegReader(f"multipart/x-mixed-replace;boundary={named}"), data, size) == [SECOND, FIRST]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("length", [True, False])
def test_picture_cut_short_is_dropped(size: int, length: bool) -> None:
    for kept in range(2, len(FIRST) - 2):
        if FIRST[:kept].endswith(b"\xff\xd9"):
            continue  # ends as a picture does
        said = len(FIRST) if length else None
        data = part(FIRST[:kept], length=said) + part(SECOND, length=len(SECOND)) + part(FIRST, length=len(FIRST)) * 2
        assert read(JpegReader(STREAM), data, size) == [SECOND, FIRST, FIRST]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("length", [True, False])
def test_parts_of_other_types_are_skipped(size: int, length: bool) -> None:
    other = b"\xff\xd8\xff not a picture " + FIRST
    data = part(other, kind=b"audio/basic", length=len(other) if length else None) + part(FIRST)
    data += part(b"{}", kind=b"application/json", length=2) + part(b"\x89PNG", kind=b"image/png") + part(SECOND)
    assert read(JpegReader(STREAM), data, size) == [FIRST, SECOND]


@pytest.mark.parametrize("size", SIZES)
def test_part_without_headers_or_without_blank_line(size: int) -> None:
    data = (
        b"--cut\r\n" + FIRST + b"\r\n--cut\r\n\r\n" + SECOND + b"\r\n--cut\r\nX-A: 1\r\n" + FIRST + b"\r\n--cut--\r\n"
    )
    assert read(JpegReader(STREAM), data, size) == [FIRST, SECOND, FIRST]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("before", [b"\r\n", b"\n\n", bytes(4), b"frame 12\r\n"])
def test_what_stands_before_a_picture_in_its_part_is_left_out(size: int, length: bool, before: bytes) -> None:
    data = b"".join(part(before + each, length=len(each) if length else None) for each in (FIRST, SECOND, FIRST))
    data += part(b"no signal") + part(before + SECOND, length=len(before + SECOND))
    assert read(JpegReader(STREAM), data + b"--cut", size) == [FIRST, SECOND, FIRST, SECOND]


@pytest.mark.parametrize("kind", [b"jpeg", b'"image/jpeg"', b"video/jpeg", b"application/octet-stream", b""])
def test_part_of_a_type_that_nobody_knows_may_hold_a_picture(kind: bytes) -> None:
    assert read(JpegReader(STREAM), part(FIRST, kind=kind) + part(SECOND, kind=kind, length=len(SECOND))) == [
        FIRST,
        SECOND,
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("named", ["", "boundary=", "boundary='cut'", "boundary=other", "boundary=<cut>"])
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("after", [bytes(9), b"\xff\xd9", b"\xff\xd9\r\n\r\n"])
def test_boundary_is_learned_from_the_first_line(size: int, named: str, length: bool, after: bytes) -> None:
    frames = [FIRST, SECOND, FIRST]
    data = b"\r\n" + b"".join(part(each + after, length=len(each + after) if length else None) for each in frames)
    assert read(JpegReader(f"multipart/x-mixed-replace; {named}"), data + b"--cut", size) == frames


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "begin", [b"-", b"--", b"-- a remark", b"--" + b"x" * 600, b"----\r\n", b"--\xff\r\n", b"none\r\n"]
)
def test_first_line_that_names_no_boundary(size: int, begin: bytes) -> None:
    data = begin + b"\r\n\r\n" + part(FIRST) + part(SECOND, length=len(SECOND)) + b"--cut"
    for content_type in (STREAM, "multipart/x-mixed-replace", "application/octet-stream"):
        assert read(JpegReader(content_type), data, size) == [FIRST, SECOND]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("length", [True, False])
def test_picture_odd_inside_is_cut_at_the_boundary(size: int, length: bool) -> None:
    odd = b"\xff\xd8 no markers at all \xff\xd9"
    said = len(odd) if length else None
    assert read(JpegReader(STREAM), part(odd, length=said) + part(SECOND) + part(odd, length=said) * 2, size)[:2] == [
        odd,
        SECOND,
    ]


def test_padding_behind_a_picture_is_left_out() -> None:
    padded = FIRST + bytes(50)
    data = part(padded, length=len(padded)) * 3
    assert read(JpegReader(STREAM), data) == [FIRST] * 3


@pytest.mark.parametrize("content_type", ["image/jpeg", "IMAGE/JPG", "application/octet-stream", ""])
@pytest.mark.parametrize("size", SIZES)
def test_still_picture_is_a_stream_of_one(content_type: str, size: int) -> None:
    assert read(JpegReader(content_type), FIRST, size) == [FIRST]


@pytest.mark.parametrize("between", [b"", b"\r\n"])
@pytest.mark.parametrize("kind", ["video/x-motion-jpeg", "video/mjpeg", "video/x-mjpeg", "x-mixed-replace"])
def test_pictures_one_after_the_other(between: bytes, kind: str) -> None:
    assert read(JpegReader(kind), FIRST + between + SECOND + between + FIRST, 50) == [
        FIRST,
        SECOND,
        FIRST,
    ]


def test_bytes_that_only_look_like_a_start_are_passed_over() -> None:
    reader = JpegReader("image/jpeg")
    assert read(reader, b"\xff\xd8\xff\x00" + b"\xff\xd8\xff\xd8" + b"noise" + SECOND + b"\r\n", 9) == [SECOND]


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/json", "image/png", "video/mp4"])
def test_page_is_not_a_camera(content_type: str) -> None:
    with pytest.raises(Malformed) as caught:
        JpegReader(content_type)
    assert caught.value.reason == "not_a_camera"
    with pytest.raises(Malformed):
        check_content_type(content_type)


@pytest.mark.parametrize("limit", [len(SECOND), 1000])
def test_picture_over_the_limit_is_dropped(limit: int) -> None:
    huge = jpeg(b"x" * 3000)
    for length in (None, len(huge)):
        reader = JpegReader(STREAM, limit=limit)
        data = part(huge, length=length) + part(SECOND, length=len(SECOND)) + part(huge) + part(SECOND)
        assert read(reader, data, 128) == [SECOND, SECOND]
        assert read(reader, part(huge) + part(SECOND)) == [SECOND]


UNCERTAIN = b"noise" + jpeg(b"y" * 400)[:-2] + b"\xff\xd9"


@pytest.mark.parametrize("content_type", [STREAM, "image/jpeg"])
@pytest.mark.parametrize(
    "start",
    [b"", b"--cut\r\n", part(b"", end=b""), part(b"", kind=b"audio/basic", end=b""), jpeg()[:-4], UNCERTAIN],
    ids=["nothing", "line", "head", "other", "picture", "uncertain"],
)
@pytest.mark.parametrize(
    "garbage",
    [bytes(5000), b"-" * 5000, b"--cut" * 1000, b"\xff\xd8\xff" * 1700, b"\xff\xd8\xff\xe1\xff\xff" * 900],
    ids=["zeros", "dashes", "lines", "starts", "segments"],
)
def test_endless_garbage_never_grows(content_type: str, start: bytes, garbage: bytes) -> None:
    reader = JpegReader(content_type, limit=1000)
    reader.feed(start)
    for _ in range(40):
        assert reader.feed(garbage) == []
        assert len(reader._buffer) + sum(map(len, reader._held)) < 1000 + HEAD_LIMIT + 2 * len(garbage)
    tail = bytes(70_000) + b"\r\n" + part(SECOND) * 3 if content_type == STREAM else bytes(70_000) + SECOND + SECOND
    assert SECOND in read(reader, tail)


@settings(max_examples=300, deadline=None)
@given(
    payloads=st.lists(
        st.tuples(st.binary(max_size=50), st.booleans(), st.sampled_from([None, 0, 2, 9, -1, -9, 10**7])), max_size=6
    ),
    named=st.sampled_from(["cut", '"cut"', "--cut", "other"]),
    eol=st.sampled_from([b"\r\n", b"\n"]),
    sizes=st.lists(st.integers(1, 300), min_size=1),
)
def test_any_frames_in_any_chunks(
    payloads: list[tuple[bytes, bool, int | None]], named: str, eol: bytes, sizes: list[int]
) -> None:
    frames = [jpeg(payload, thumbnail=jpeg(payload) if exif else b"") for payload, exif, _ in payloads]
    data = b"".join(
        part(frame, eol=eol, length=None if extra is None else len(frame) + extra)
        for frame, (_, _, extra) in zip(frames, payloads, strict=True)
    )
    data += part(SECOND, length=len(SECOND), eol=eol)
    reader = JpegReader(f"multipart/x-mixed-replace;boundary={named}")
    found: list[bytes] = []
    turn = 0
    while data:
        size = sizes[turn % len(sizes)]
        found += reader.feed(data[:size])
        data = data[size:]
        turn += 1
    assert found == [*frames, SECOND]


@settings(max_examples=100, deadline=None)
@given(noise=st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([b"\xff\xd8\xff", b"--cut\r\n", b"\r\n\r\n"]))))
def test_noise_neither_breaks_nor_ends_the_reader(noise: list[bytes]) -> None:
    reader = JpegReader(STREAM)
    for chunk in noise:
        for picture in reader.feed(chunk):
            assert is_whole_jpeg(picture)
    assert read(reader, bytes(140_000) + b"\r\n" + part(SECOND) * 3)[-1] == SECOND


def test_parts_that_come_one_in_a_chunk() -> None:
    frames = [FIRST, SECOND, FIRST, jpeg(b"third"), SECOND]
    reader = JpegReader(STREAM)
    assert [reader.feed(part(frame, length=len(frame))) for frame in frames] == [[frame] for frame in frames]
    # One that is wrong about its length, or has more behind it, is read as any other.
    assert reader.feed(part(FIRST, length=len(FIRST) - 5)) == [FIRST]
    assert reader.feed(part(SECOND, length=len(SECOND)) + part(FIRST, length=len(FIRST))) == [SECOND, FIRST]
    assert reader.feed(part(SECOND, length=10**9)) == [SECOND]
    assert reader.feed(part(FIRST, length=len(FIRST))) == [FIRST]


@pytest.mark.parametrize("size", [7, 300, 100_000])
def test_a_picture_ends_once(size: int) -> None:
    ended = FIRST + b"\xff\xd9"
    reader = JpegReader(STREAM)
    assert read(reader, part(ended, length=len(ended)) * 4 + part(ended) * 2, size) == [FIRST] * 6
    assert reader.feed(part(ended, length=len(ended))) == [FIRST]


def test_boundary_with_the_length_in_it() -> None:
    boundary = b"cut%d" % len(FIRST)
    reader = JpegReader(f"multipart/x-mixed-replace; boundary={boundary.decode()}")
    for _ in range(3):
        assert reader.feed(part(FIRST, length=len(FIRST), boundary=boundary)) == [FIRST]
