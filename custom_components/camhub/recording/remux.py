"""A film in whatever container made an MP4 that browsers play; its picture is copied, never decoded.

Recorders hand out MPEG program streams, which no browser plays. FFmpeg (through PyAV) recognises the container itself.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import suppress
import errno
from fractions import Fraction
from pathlib import Path
import socket
from types import MappingProxyType
from typing import IO, Any, Final, override

import av
from av.audio.resampler import AudioResampler

from ..kernel.errors import Malformed
from .reading import BOUNDED

MP4: Final = "video/mp4"
# A browser finds the film's index at the front of the file.
_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({"movflags": "+faststart"})
# What is handed on while it is made has none: each piece tells its own.
_PIECES: Final[Mapping[str, str]] = MappingProxyType({"movflags": "+frag_keyframe+empty_moov+default_base_moof"})
_CHUNK: Final = 2**16
_PICTURES: Final = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
_SOUNDS: Final = frozenset({"aac", "mp3", "opus", "flac"})
# Apple plays HEVC by this name only.
_TAGS: Final[Mapping[str, str]] = MappingProxyType({"hevc": "hvc1"})
_AAC_SAMPLES: Final = 1024
# Of the disk's troubles PyAV knows only some as OSErrors.
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})
_LONG_AGO: Final = -(2**62)

type _Packet = av.Packet[Any]


async def to_mp4(source: AsyncIterator[bytes], path: Path) -> None:
    """Write the film that `source` yields to `path`, whole or not at all, a chunk at a time and in a thread.

    Raises Malformed (`clip_unreadable`) where there is no picture in it that an MP4 may hold, OSError where `path`
    cannot be written, and what `source` raises.
    """
    part = path.with_name(f"{path.name}.part")
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    worker = asyncio.ensure_future(asyncio.to_thread(_convert, theirs, str(part), _OPTIONS))
    try:
        await _feed(source, writer)
        await asyncio.shield(worker)
        await asyncio.to_thread(part.replace, path)
    finally:
        # Without more bytes the thread ends, and nobody else would see what it then says.
        writer.transport.abort()
        await asyncio.wait({worker})
        with suppress(asyncio.CancelledError):
            worker.exception()
        await asyncio.to_thread(part.unlink, missing_ok=True)


async def as_mp4(source: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the film that `source` yields as an MP4 of pieces, which is played as it comes and has no length.

    Raises what `to_mp4` raises, but for the disk's troubles.
    """
    ours, theirs = socket.socketpair()
    out, sink = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    reader, taker = await asyncio.open_connection(sock=out)
    worker = asyncio.ensure_future(asyncio.to_thread(_convert_through, theirs, sink))
    feeding = asyncio.create_task(_feed_to_end(source, writer))
    try:
        while chunk := await reader.read(_CHUNK):
            yield chunk
        await feeding
        await asyncio.shield(worker)
    finally:
        # The thread ends where it finds no more bytes, or nobody who takes them.
        feeding.cancel()
        writer.transport.abort()
        taker.transport.abort()
        await asyncio.wait({worker, feeding})
        for ended in (worker, feeding):
            with suppress(asyncio.CancelledError):
                ended.exception()


def _convert_through(feed: socket.socket, sink: socket.socket) -> None:
    """Read a film to its end and write it anew without going back; blocks."""
    with sink, sink.makefile("wb") as file:
        _convert(feed, file, _PIECES)


async def _feed_to_end(source: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
    try:
        await _feed(source, writer)
    finally:
        # Also where the source breaks off: the thread waits for more otherwise.
        writer.close()


async def _feed(source: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
    async for chunk in source:
        try:
            writer.write(chunk)
            await writer.drain()
        except ConnectionError:
            # The thread has given up; it says why.
            return
    writer.write_eof()


def _convert(feed: socket.socket, part: str | IO[bytes], options: Mapping[str, str]) -> None:
    """Read a film to its end and write it anew; blocks."""
    try:
        with (
            feed,
            feed.makefile("rb") as file,
            av.open(file, "r", options=dict(BOUNDED)) as film,
            av.open(part, "w", format="mp4", options=dict(options)) as made,
        ):
            _copy(film, made)
    except av.FFmpegError as error:
        if isinstance(error, OSError) or error.errno in _DISK:
            raise OSError(error.errno, error.strerror) from None
        raise Malformed(type(error).__name__, reason="clip_unreadable") from None


def _copy(film: av.container.InputContainer, made: av.container.OutputContainer) -> None:
    picture = next((each for each in film.streams.video if each.codec_context.name in _PICTURES), None)
    if picture is None:
        raise Malformed("no picture", reason="clip_unreadable")
    tracks = {picture.index: _Track(made.add_stream_from_template(picture))}
    if tag := _TAGS.get(picture.codec_context.name):
        tracks[picture.index].stream.codec_context.codec_tag = tag
    # Sound whose pace is unknown cannot be read: the film is then a silent one.
    if sound := next((each for each in film.streams.audio if each.rate), None):
        same = sound.codec_context.name in _SOUNDS
        tracks[sound.index] = (
            _Track(made.add_stream_from_template(sound))
            if same
            else _Encoded(made.add_stream("aac", rate=sound.rate), sound)
        )
    begin: Fraction | None = None
    for packet in film.demux([film.streams[index] for index in tracks]):
        if begin is None and packet.stream.index == picture.index and packet.is_keyframe:
            at = packet.dts if packet.pts is None else packet.pts
            begin = None if at is None else at * packet.time_base
        if begin is not None:
            for each in tracks[packet.stream.index].take(packet, begin):
                made.mux(each)
    if begin is None:
        raise Malformed("no whole picture", reason="clip_unreadable")


class _Track:
    """A track whose packets are kept as they are."""

    def __init__(self, stream: av.stream.Stream) -> None:
        """Take the track of the new film."""
        self.stream = stream
        self._last, self._ahead = _LONG_AGO, 0

    def take(self, packet: _Packet, begin: Fraction) -> Iterator[_Packet]:
        """Yield what becomes of a packet of a film that begins at `begin` seconds.

        Its times only grow, as an MP4 has to have them; what a recorder left out follows from what came before. Sound
        from before the film is left out.
        """
        for each in self.made_of(packet):
            first = round(begin / each.time_base)
            dts, pts = (None if at is None else at - first for at in (each.dts, each.pts))
            dts = pts if dts is None else dts
            if dts is None:
                dts = self._last + (each.duration or 1)
            dts = max(dts, self._last + 1)
            if pts is None:
                pts = dts + self._ahead
            elif pts < 0:
                continue
            self._last, self._ahead = dts, max(0, pts - dts)
            each.dts, each.pts, each.stream = dts, dts + self._ahead, self.stream
            yield each

    def made_of(self, packet: _Packet) -> Iterator[_Packet]:
        """Yield the packet, but for the empty one that ends the track."""
        if packet.size:
            yield packet


class _Encoded(_Track):
    """Sound that browsers do not play in an MP4 (G.711, MP2), made AAC."""

    def __init__(self, stream: av.AudioStream, source: av.AudioStream) -> None:
        """Take the track of the new film and what it is made of."""
        super().__init__(stream)
        self._sound, self._encoder = source.codec_context, stream.codec_context
        self._encoder.format, self._encoder.layout = "fltp", source.layout
        self._resampler = AudioResampler("fltp", source.layout, source.rate, _AAC_SAMPLES)

    @override
    def made_of(self, packet: _Packet) -> Iterator[_Packet]:
        """Yield what is ready; a packet that is broken is left out, and the empty one at the end drains."""
        pieces: list[av.AudioFrame] = []
        # A packet of another form than the first is a broken one, too.
        with suppress(av.FFmpegError, ValueError):
            pieces += [piece for frame in self._sound.decode(packet) for piece in self._resampler.resample(frame)]
        if not packet.size:
            pieces += self._resampler.resample(None)
        for piece in pieces:
            yield from self._encoder.encode(piece)
        if not packet.size:
            yield from self._encoder.encode(None)
