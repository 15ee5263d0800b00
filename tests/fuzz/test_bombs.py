"""What is small on the wire and large when it is unpacked, and what has no end: refused by an error of ours."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
import struct
from typing import Final
import zlib

import av
from PIL import Image as Pillow
import pytest

from custom_components.camhub.capture.picture import jpeg
from custom_components.camhub.credential_import import open_foreign
from custom_components.camhub.kernel.errors import HubError, Malformed, WrongKey
from custom_components.camhub.kernel.jpeg import jpeg_size
from custom_components.camhub.kernel.mjpeg import JpegReader
from custom_components.camhub.kernel.model import Image
from custom_components.camhub.kernel.multipart import HEAD_LIMIT, PartReader
from custom_components.camhub.kernel.reading import from_json
from custom_components.camhub.kernel.stills import checked
from custom_components.camhub.kernel.vault import Vault
from custom_components.camhub.providers.hikvision import tree
from custom_components.camhub.providers.nest import reading as nest
from custom_components.camhub.providers.nest_legacy import reading as nest_legacy
from custom_components.camhub.recording import grey
from custom_components.camhub.recording.finish import look_into
from custom_components.camhub.recording.reading import BOUNDED

from .targets import KEY, NOW, TARGETS, run

DEPTH: Final = 100_000
DEEP: Final = (b"[" * DEPTH, b'{"a":' * DEPTH, b"[" * DEPTH + b"]" * DEPTH, b'{"a":' * DEPTH + b"1" + b"}" * DEPTH)
READERS: Final[tuple[Callable[[bytes], object], ...]] = (*(from_json, nest.read, nest_legacy.read, tree.read_json),)


def picture(width: int, height: int, *, before: bytes = b"") -> bytes:
    """Return a JPEG of a few bytes whose header promises that many pixels."""
    small = BytesIO()
    Pillow.new("RGB", (8, 8)).save(small, "JPEG")
    content = small.getvalue()
    at = content.index(b"\xff\xc0")
    return content[:at] + before + content[at : at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


def png_bomb() -> bytes:
    """Return a picture of 30,000 x 30,000 in another format, all of it zeros, in some kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2**20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "before", [b"", b"\x00" * 9, b"\xff\x00" * 9, b"\xff" * 9, b"\xff\x01\xff\xd0", b"\xff\xe1\x00\x02"]
)
def test_no_picture_hides_its_size(before: bytes) -> None:
    bomb = picture(30_000, 30_000, before=before)
    assert jpeg_size(bomb) == (30_000, 30_000)
    with pytest.raises(Malformed) as refused:
        checked(Image(content=bomb, taken_at=NOW))
    assert refused.value.reason == "picture_too_large"
    with pytest.raises(Malformed):
        grey.decode(bomb)


def test_one_of_endless_segments_is_as_large_as_can_be() -> None:
    bomb = picture(8, 8, before=b"\xff\xe1\x00\x02" * 2**20)
    assert jpeg_size(bomb) == (0xFFFF, 0xFFFF)
    with pytest.raises(Malformed):
        checked(Image(content=bomb, taken_at=NOW))


def test_a_picture_of_8k_is_taken() -> None:
    assert checked(Image(content=picture(7680, 4320), taken_at=NOW)).content


def test_other_formats_are_not_even_opened() -> None:
    for read in (grey.decode, lambda content: checked(Image(content=content, taken_at=NOW))):
        with pytest.raises(Malformed):
            read(png_bomb())


@pytest.mark.parametrize("content", DEEP, ids=["open list", "open object", "list", "object"])
@pytest.mark.parametrize("read", READERS)
def test_a_document_without_a_bottom(read: Callable[[bytes], object], content: bytes) -> None:
    with pytest.raises(HubError):
        read(content)


@pytest.mark.parametrize("name", TARGETS)
def test_deep_and_long_things_at_every_reader(name: str) -> None:
    for content in (*DEEP, b"<a>" * DEPTH, b"a" * 2**18, b"\n" * 2**18, b" " * 2**18, b'"' * 2**16, b"\\" * 2**16):
        run(name, content)


def test_a_deep_document_that_another_system_sealed() -> None:
    with pytest.raises(WrongKey) as refused:
        open_foreign(Vault(KEY).seal((b'{"a":' * DEPTH + b"1" + b"}" * DEPTH).decode()), KEY.hex())
    assert refused.value.reason == "import_malformed"


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://192.0.2.1/b">%b;]><a/>',
    ],
)
def test_no_entity_is_read(document: bytes) -> None:
    with pytest.raises(Malformed):
        tree.read_xml(document)


@pytest.mark.parametrize("line", [b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", b"a" * 40, b"\x00" * 40])
def test_headers_of_a_part_without_end_are_given_up(line: bytes) -> None:
    for reader in (PartReader("multipart/x; boundary=b"), JpegReader("multipart/x; boundary=b")):
        reader.feed(b"--b\r\n")
        for _ in range(2**20 // len(line)):
            assert reader.feed(line) == []
        assert len(reader._buffer) <= HEAD_LIMIT + len(line)


def test_a_part_without_end_is_given_up() -> None:
    for reader in (PartReader("multipart/x; boundary=b", limit=2**16), JpegReader("image/jpeg", limit=2**16)):
        reader.feed(b"--b\r\n\r\n\xff\xd8\xff\xda")
        for _ in range(64):
            assert reader.feed(bytes(2**14)) == []
        assert len(reader._buffer) <= 2**16 + HEAD_LIMIT + 2**14


LARGE: Final = (7680, 6000)


def film_of(file: Path, width: int, height: int) -> None:
    """Write a film of one picture, all of one shade, in some kilobytes however large it is."""
    with av.open(str(file), "w") as made:
        stream = made.add_stream("mpeg4", rate=1)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = width, height
        made.mux(stream.encode(av.VideoFrame(width, height, "yuv420p")))
        made.mux(stream.encode(None))


def test_no_film_is_decoded_that_is_too_large(tmp_path: Path) -> None:
    film_of(bomb := tmp_path / "bomb.mp4", *LARGE)
    with pytest.raises(Malformed):
        look_into(bomb)


def test_a_frame_that_is_too_large_becomes_no_picture() -> None:
    with pytest.raises(Malformed) as refused:
        jpeg(av.VideoFrame(*LARGE, "gray"))
    assert refused.value.reason == "picture_too_large"


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:5,\n{there}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {there}\n"]
)
def test_a_film_that_names_another_is_none(tmp_path: Path, text: str) -> None:
    film_of(there := tmp_path / "there.mp4", 64, 48)
    with pytest.raises(av.FFmpegError):
        av.open(BytesIO(text.format(there=there.name).encode()), "r", options=dict(BOUNDED))
    (film := tmp_path / "film.mp4").write_text(text.format(there=there.name))
    with pytest.raises(Malformed):
        look_into(film)
