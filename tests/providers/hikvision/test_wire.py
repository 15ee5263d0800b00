import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.providers.hikvision.wire import WireReader

ONE = b"Content-Type: application/xml\r\nContent-Length: 4\r\n\r\n<a/>\r\n"


def read(content_type: str, wire: bytes, size: int) -> list[bytes]:
    reader = WireReader(content_type)
    parts = [part for at in range(0, len(wire), size) for part in reader.feed(wire[at : at + size])]
    return [each.body for each in (*parts, *reader.close())]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("announced", ["boundary", "--boundary", "myboundary", '"other one"', "<boundary>"])
@pytest.mark.parametrize("before", [b"", b"\r\n", b"Content-Length: 314\r\n\r\n"])
def test_parts_come_whatever_is_announced(size: int, announced: str, before: bytes) -> None:
    wire = before + 3 * (b"--boundary\r\n" + ONE)
    assert read(f"multipart/mixed; boundary={announced}", wire, size) == 3 * [b"<a/>"]


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_boundary_that_comes_twice_costs_no_part(size: int) -> None:
    wire = 3 * (b"--boundary\r\n--boundary\r\n" + ONE)
    assert [each for each in read("multipart/mixed; boundary=boundary", wire, size) if each] == 3 * [b"<a/>"]


@pytest.mark.parametrize("size", [1, 10_000])
def test_what_begins_late_goes_by_what_is_announced(size: int) -> None:
    wire = b"x" * 2000 + b"\r\n--boundary\r\n" + ONE + b"--boundary\r\n" + ONE
    assert read("multipart/mixed; boundary=boundary", wire, size) == [b"<a/>", b"<a/>"]
    assert read("multipart/mixed; boundary=other", wire, size) == []


def test_a_stream_that_ends_at_once_has_no_parts() -> None:
    assert read("multipart/mixed; boundary=b", b"--b", 1) == []
    assert read("multipart/mixed; boundary=b", b"", 1) == []


@pytest.mark.parametrize("content_type", ["", "text/html", "multipart/mixed", "multipart/mixed; boundary="])
def test_what_is_not_multipart_is_malformed(content_type: str) -> None:
    with pytest.raises(Malformed):
        WireReader(content_type)
