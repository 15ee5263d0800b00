"""H.264 as RTP (RFC 6184): single units and FU-A fragments."""

from collections.abc import Iterator
import struct

from .clip import Frame

CLOCK_RATE = 90_000
PAYLOAD_TYPE = 96
LARGEST = 1_400
_FU_A = 28


def payloads(frame: Frame) -> tuple[bytes, ...]:
    """Cut one frame into RTP payloads of at most `LARGEST` bytes; the last one gets the marker."""
    return tuple(payload for unit in frame.units for payload in _payloads(unit))


def _payloads(unit: bytes) -> Iterator[bytes]:
    if len(unit) <= LARGEST:
        yield unit
        return
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F
    body, step = unit[1:], LARGEST - 2
    for at in range(0, len(body), step):
        start = 0x80 if at == 0 else 0
        end = 0x40 if at + step >= len(body) else 0
        yield bytes((indicator, start | end | kind)) + body[at : at + step]


class Packetizer:
    """Numbers the packets of one viewer; timestamps only grow, however often the clip is repeated."""

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        """Begin at the given numbers."""
        self.ssrc = ssrc
        self.sequence = sequence & 0xFFFF
        self.timestamp = timestamp & 0xFFFFFFFF
        self.packets = 0
        self.octets = 0

    def frame(self, parts: tuple[bytes, ...], ticks: int, channel: int) -> bytes:
        """Return one frame as interleaved packets (`$`, channel, length, RTP) and move on by `ticks`."""
        out = bytearray()
        for number, part in enumerate(parts):
            marker = 0x80 if number == len(parts) - 1 else 0
            header = struct.pack(
                "!BBHII", 0x80, marker | PAYLOAD_TYPE, self.sequence, self.timestamp & 0xFFFFFFFF, self.ssrc
            )
            out += struct.pack("!BBH", 0x24, channel, len(header) + len(part)) + header + part
            self.sequence = (self.sequence + 1) & 0xFFFF
            self.octets += len(part)
        self.packets += len(parts)
        self.timestamp += ticks
        return bytes(out)

    def report(self, at: float, channel: int) -> bytes:
        """Return an RTCP sender report: the time of day `at` (Unix seconds) of the next timestamp."""
        ntp = int((at + 2_208_988_800) * 2**32)
        body = struct.pack(
            "!BBHIQIII",
            0x80,
            200,
            6,
            self.ssrc,
            ntp,
            self.timestamp & 0xFFFFFFFF,
            self.packets & 0xFFFFFFFF,
            self.octets & 0xFFFFFFFF,
        )
        return struct.pack("!BBH", 0x24, channel, len(body)) + body
