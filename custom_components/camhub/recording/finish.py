"""From the file that ffmpeg left to one that may be shown: looked at, mended, named. Blocking: call it in a thread."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import errno
import io
import os
from pathlib import Path
from typing import Final

import av
from PIL import Image

from ..kernel.durable import sync_folder
from ..kernel.errors import Malformed, Unreachable
from .reading import opened

PART: Final = ".part"
MENDED: Final = ".mended.part"
PICTURE: Final = ".jpg"
_WIDTH: Final = 320
_QUALITY: Final = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is in a recording: how long it lasts, and its first picture as a small JPEG."""

    seconds: float
    picture: bytes = field(repr=False)


def part_of(file: Path) -> Path:
    """Return where a recording is written until it is finished."""
    return file.with_name(file.name + PART)


def picture_of(file: Path) -> Path:
    """Return where the small picture of a recording lies."""
    return file.with_suffix(PICTURE)


def look_into(file: Path) -> Seen:
    """Look into a file; raises Malformed (`recording_empty`) where no picture can be played."""
    with opened(file, "recording_empty") as (container, stream):
        picture: bytes | None = None
        first = last = 0.0
        for packet in container.demux(stream):
            if packet.pts is None or packet.time_base is None:
                continue
            at = float(packet.pts * packet.time_base)
            if picture is None and (frames := packet.decode()):
                picture, first = _small(frames[0]), at
            last = max(last, at)
        # A decoder may hold its only picture back until it is told that no more will come.
        if picture is None and (frames := stream.codec_context.decode(None)):
            picture = _small(frames[0])
    if picture is None:
        raise Malformed("no picture in the recording", reason="recording_empty")
    return Seen(seconds=max(0.0, last - first), picture=picture)


def finish(file: Path, *, start: datetime | None, whole: bool) -> Seen:
    """Make the part of `file` the file: seen to be good, whole, durable.

    A recording of the library has a `start`: its end becomes the file's time, and its picture lies beside it. Not
    `whole` is what a process left that did not end by itself. Raises Malformed where nothing can be played, and removes
    it then, and Unreachable where it cannot be written.
    """
    part = part_of(file)
    try:
        seen = look_into(part)
    except Malformed:
        part.unlink(missing_ok=True)
        raise
    try:
        if not whole or file.suffix == ".mp4":
            _mend(part, file)
        _name(part, file, seen, start)
    except OSError as error:
        raise unwritten(error) from None
    return seen


def keep(file: Path, content: bytes, *, start: datetime) -> None:
    """Make a film that came from elsewhere a file of the library, its bytes as they are.

    Raises Malformed where nothing can be played, OSError where it cannot be written; nothing of it stays then.
    """
    part = part_of(file)
    try:
        part.write_bytes(content)
        _name(part, file, look_into(part), start)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _name(part: Path, file: Path, seen: Seen, start: datetime | None) -> None:
    """Make a part that was seen to be good the file, durably; raises OSError."""
    _sync(part)
    if start is not None:
        # Before the recording itself, so that there is never one without; the disk may have no room for it.
        with suppress(OSError):
            picture_of(file).write_bytes(seen.picture)
        end = (start + timedelta(seconds=seen.seconds)).timestamp()
        os.utime(part, (end, end))
    part.replace(file)
    sync_folder(file.parent)


def unwritten(error: OSError) -> Unreachable:
    """Return why something cannot be written, in our own words."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return Unreachable(f"not written: {type(error).__name__}", reason="disk_full" if full else "recorder_failed")


def _mend(part: Path, file: Path) -> None:
    """Write the recording anew in one piece with its length at the beginning; the pieces stay where that fails."""
    mended = file.with_name(file.name + MENDED)
    options = {"movflags": "faststart"} if file.suffix == ".mp4" else {}
    try:
        with (
            av.open(str(part), "r") as pieces,
            av.open(str(mended), "w", format=file.suffix[1:], options=options) as one,
        ):
            stream = pieces.streams.video[0]
            copied = one.add_stream_from_template(stream)
            for packet in pieces.demux(stream):
                if packet.is_corrupt:
                    break
                if packet.dts is not None:
                    packet.stream = copied
                    one.mux(packet)
        mended.replace(part)
    except av.FFmpegError, OSError:
        # No room, or cut in the middle of a picture: what there is can be played as it is.
        mended.unlink(missing_ok=True)


def _small(frame: av.VideoFrame) -> bytes:
    scale = min(1.0, _WIDTH / frame.width)
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    plane = frame.reformat(width=width, height=height, format="rgb24").planes[0]
    picture = Image.frombuffer("RGB", (width, height), bytes(plane), "raw", "RGB", plane.line_size, 1)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
