from hypothesis import given, settings, strategies as st
import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.kernel.multipart import HEAD_LIMIT, Part, PartReader, boundary_of

TYPE = "multipart/mixed; boundary=cut"


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def read(reader: PartReader, data: bytes, size: int = 1 << 20) -> list[bytes]:
    return [part.body for chunk in cut(data, size) for part in reader.feed(chunk)]


def part(body: bytes, *, length: int | None = None, eol: bytes = b"\r\n", boundary: bytes = b"cut") -> bytes:
    said = b"" if length is None else b"content-LENGTH: %d%s" % (length, eol)
    return b"--" + boundary + eol + b"Content-Type: application/xml" + eol + said + eol + body + eol


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/mixed; boundary=cut", b"cut"),
        ('Multipart/X-Mixed-Replace;BOUNDARY="a b;c"', b"a b;c"),
        ("multipart/mixed; charset=x; boundary = --cut ; other=1", b"cut"),
        ("multipart/mixed; boundary=<cut>", b"cut"),
        ("multipart/mixed; boundary=----", b"----"),
        ("multipart/mixed", None),
        ('multipart/mixed; boundary=""', None),
        ("image/jpeg; boundary=cut", None),
    ],
)
def test_boundary_is_read_as_devices_write_it(content_type: str, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize("content_type", ["text/html", "multipart/mixed", ""])
def test_what_is_not_multipart_is_malformed(content_type: str) -> None:
    with pytest.raises(Malformed):
        PartReader(content_type)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
@pytest.mark.parametrize("extra", [None, 0, -3, -1, 1, 2, 3, 4, 5, 11, 60, 10**9])
def test_any_length_is_survived(size: int, eol: bytes, extra: int | None) -> None:
    bodies = [b"<a>one</a>", b"<b>\r\n\r\n--cu</b>", b"<c>" + b"x" * 50 + b"</c>"]
    data = b"".join(part(body, eol=eol, length=None if extra is None else len(body) + extra) for body in bodies)
    found = read(PartReader(TYPE), data + b"--cut--" + eol, size)
    if extra in {-3, -1} and size < 60:
        # One that is too small is seen through only where what contradicts it has arrived already.
        assert len(found) == len(bodies)
    else:
        assert found == bodies


def test_length_lets_a_part_out_before_the_next_boundary() -> None:
    reader = PartReader(TYPE)
    assert read(reader, part(b"<a/>", length=4)[:-2]) == [b"<a/>"]
    assert reader.feed(b"\r\n") == []
    assert read(reader, part(b"<b/>", length=4)) == [b"<b/>"]


def test_body_that_ends_like_a_boundary_begins_waits_for_more() -> None:
    reader = PartReader(TYPE)
    assert read(reader, part(b"<a/>--c", length=7)[:-2]) == []
    assert read(reader, b"\r\n" + part(b"<b/>", length=4)) == [b"<a/>--c", b"<b/>"]


@pytest.mark.parametrize("value", ["-1", "x", "1e3", "", "\u0661", "9" * 5000], ids=lambda value: value[:4])
def test_length_that_is_no_number_is_ignored(value: str) -> None:
    data = f"--cut\r\nContent-Length: {value}\r\n\r\nbody\r\n--cut\r\n".encode()
    assert read(PartReader(TYPE), data) == [b"body"]


def test_headers_have_names_in_lower_case_and_odd_lines_are_left_out() -> None:
    data = b"--cut\r\nConTENT-type:  text/plain \r\nnonsense\r\nX-A:b:c\r\n\r\nhello\r\n--cut\r\n\r\nbare\n--cut"
    reader = PartReader(TYPE)
    assert reader.feed(data) == [
        Part(headers={"content-type": "text/plain", "x-a": "b:c"}, body=b"hello"),
    ]
    assert reader.close() == [Part(headers={}, body=b"bare")]


@pytest.mark.parametrize("wire", [b"cut", b"--cut", b"----cut"])
@pytest.mark.parametrize("named", ["cut", '"cut"', "--cut", '"--cut"', "<cut>", " cut "])
def test_dashes_and_quotes_do_not_matter(named: str, wire: bytes) -> None:
    data = part(b"one", boundary=wire) + part(b"two", boundary=wire) + b"--" + wire + b"--\r\n"
    assert read(PartReader(f"multipart/mixed;boundary={named}"), data, 5) == [b"one", b"two"]


def test_boundary_need_not_begin_a_line_but_must_fill_it() -> None:
    data = b"noise --cut noise\r\n--cut\r\n\r\n--cuts are content--cut\r\n\r\ntwo--cut--\r\n"
    assert read(PartReader(TYPE), data, 3) == [b"--cuts are content", b"two"]


def test_boundary_after_each_part_and_twice() -> None:
    data = b"--cut\r\n--cut\r\nA: 1\r\n\r\none\r\n--cut--\r\n--cut\r\nA: 2\r\n\r\ntwo\r\n--cut\r\n"
    assert PartReader(TYPE).feed(data) == [Part(headers={"a": "1"}, body=b"one"), Part(headers={"a": "2"}, body=b"two")]


def test_close_gives_what_is_open_but_nothing_cut_short() -> None:
    reader = PartReader(TYPE)
    assert reader.feed(part(b"open")) == []
    assert [item.body for item in reader.close()] == [b"open"]
    assert reader.close() == []
    assert reader.feed(part(b"cut short", length=10)[:-2]) == []
    assert reader.close() == []
    assert reader.feed(b"--cut\r\nA: 1") == []
    assert reader.close() == []
    assert reader.feed(b"--cut\r\n\r\n" + b"x" * 50) == []
    assert [item.body for item in reader.close()] == [b"x" * 50]


def test_close_ends_a_last_line_without_line_end() -> None:
    reader = PartReader(TYPE)
    assert reader.feed(part(b"too long", length=30) + b"--cut--") == []
    assert [item.body for item in reader.close()] == [b"too long"]


@pytest.mark.parametrize("length", [None, 2000])
def test_part_over_the_limit_is_dropped_and_the_next_read(length: int | None) -> None:
    reader = PartReader(TYPE, limit=1000)
    assert reader.feed(part(b"x" * 1001)) == []
    assert reader.close() == []
    assert read(reader, part(b"x" * 2000, length=length) + part(b"y", length=1)) == [b"y"]


@pytest.mark.parametrize("start", [b"", b"--cut\r\n", b"--cut\r\nA: 1\r\n\r\n"], ids=["nothing", "line", "head"])
@pytest.mark.parametrize(
    "garbage", [b"\x00" * 5000, b"-" * 5000, b"--cut" * 1000, b"--cut" + b" " * 5000, b"\r\n" * 2500]
)
def test_endless_garbage_never_grows(start: bytes, garbage: bytes) -> None:
    reader = PartReader(TYPE, limit=1000)
    reader.feed(start)
    for _ in range(40):
        reader.feed(garbage)
        assert len(reader._buffer) < 1000 + HEAD_LIMIT + 2 * len(garbage)
    assert read(reader, b"\r\n\r\n--cut\r\n\r\nback\r\n--cut\r\n--cut\r\n")[-1] == b"back"


BODIES = st.lists(
    st.binary(max_size=60).filter(lambda body: b"cut" not in body and not body.endswith((b"\r", b"\n"))), max_size=6
)


@settings(max_examples=200, deadline=None)
@given(
    bodies=BODIES,
    said=st.sampled_from([None, 0, 2, 1000]),
    eol=st.sampled_from([b"\r\n", b"\n"]),
    before=st.binary(max_size=20).filter(lambda data: b"cut" not in data),
    sizes=st.lists(st.integers(1, 40), min_size=1),
)
def test_any_bodies_in_any_chunks(
    bodies: list[bytes], said: int | None, eol: bytes, before: bytes, sizes: list[int]
) -> None:
    data = before + b"".join(part(body, eol=eol, length=None if said is None else len(body) + said) for body in bodies)
    data += b"--cut--" + eol
    reader = PartReader(TYPE)
    found: list[bytes] = []
    turn = 0
    while data:
        size = sizes[turn % len(sizes)]
        found += [item.body for item in reader.feed(data[:size])]
        data = data[size:]
        turn += 1
    assert found == bodies
