"""Builds JPEGs marker by marker, so that tests decide what stands where."""


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


def jpeg(payload: bytes = b"entropy", *, width: int = 16, height: int = 12, thumbnail: bytes = b"") -> bytes:
    """Return a JPEG by its markers; `payload` is stuffed into two scans with a restart between, not decodable."""
    stuffed = payload.replace(b"\xff", b"\xff\x00")
    size = b"\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x01\x01\x11\x00"
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE1, b"Exif\x00\x00" + thumbnail + b"\x00\x01") if thumbnail else b"",
            b"\xff",  # a fill byte
            segment(0xDB, bytes(65)),
            b"\xff\x01",
            segment(0xC2, size),
            segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
            stuffed,
            b"\xff\xd0",
            stuffed,
            segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
            stuffed,
            b"\xff\xff\xd9",
        )
    )
