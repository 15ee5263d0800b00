"""A vendor that answers offers with a real WebRTC camera, as badly as a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
import io
from typing import Any, override

import av
import numpy as np
from PIL import Image

from custom_components.camhub.kernel import sdp
from custom_components.camhub.kernel.lease import Lease
from custom_components.camhub.kernel.provider import WebRtc, WebRtcSession
from simulators.webrtc import CountingPicture, Sender, read_counter

BLACK = 16


class Conversation(WebRtcSession):
    """A session that was answered."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    @override
    async def add_candidate(self, candidate: str, mid: str | None, line: int | None) -> None:
        raise AssertionError("a grabber's offer has all of its candidates")


class Picture(CountingPicture):
    """A moving picture that is black at first, or never begins."""

    def __init__(self, width: int, height: int, *, black: int = 0, silent: bool = False, shade: int = BLACK) -> None:
        super().__init__("camera", width=width, height=height, fps=20)
        self._black = black
        self._silent = silent
        self._shade = shade
        self._left = 0

    @override
    async def recv(self) -> av.VideoFrame:
        if self._silent:
            await asyncio.Event().wait()
        frame = await super().recv()
        self._left += 1
        if self._left > self._black:
            return frame
        dark = np.full((frame.height, frame.width, 3), self._shade, np.uint8)
        blank = av.VideoFrame.from_ndarray(dark, format="rgb24")
        blank.pts, blank.time_base = frame.pts, Fraction(1, 90000)
        return blank


@dataclass(kw_only=True)
class Vendor(WebRtc):
    """Counts what is opened and released; `change` breaks the answer, `picture` replaces what is sent."""

    codec: Any = "H264"
    width: int = 320
    height: int = 180
    audio: bool = False
    channel: str | None = None
    picture: CountingPicture | None = None
    change: Callable[[str], str] = lambda answer: answer
    trickle: bool = False
    opened: int = 0
    released: int = 0
    offers: list[str] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    @override
    def data_channel(self) -> str | None:
        return self.channel

    @override
    async def open(self, offer: str, send: Callable[[str], None]) -> Lease[WebRtcSession]:
        self.offers.append(offer)
        self.asked.set()
        await self.gate.wait()
        sender = Sender(self.codec, width=self.width, height=self.height, fps=20, audio=self.audio)
        if self.picture is not None:
            sender.picture = self.picture
        self.senders.append(sender)
        answer = await sender.answer(offer)
        self.opened += 1
        if self.trickle:
            session, *media = sdp.sections(answer)
            for line in dict.fromkeys(line for part in media for line in part if line.startswith("a=candidate:")):
                send(line.removeprefix("a="))
            answer = sdp.joined([[line for line in part if "candidate" not in line] for part in (session, *media)])

        async def release() -> None:
            self.released += 1
            await sender.close()

        return Lease(value=Conversation(self.change(answer)), release=release)

    async def close(self) -> None:
        for sender in self.senders:
            await sender.close()


@asynccontextmanager
async def vendor(**settings: Any) -> AsyncIterator[Vendor]:
    made = Vendor(**settings)
    try:
        yield made
    finally:
        await made.close()


async def until(true: Callable[[], bool]) -> None:
    """Return once something has come true in another thread or process; the test's own limit ends it."""
    while not true():  # noqa: ASYNC110  # nobody there tells
        await asyncio.sleep(0.01)


def pixels(jpeg: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    assert jpeg[:3] == b"\xff\xd8\xff"
    assert jpeg[-2:] == b"\xff\xd9"
    with Image.open(io.BytesIO(jpeg)) as picture:
        return np.asarray(picture.convert("RGB"))


def counted(jpeg: bytes, camera: Vendor) -> int:
    """Return the number in a picture, which has to be one that was sent in any of the sessions."""
    seen = read_counter(pixels(jpeg))
    assert 0 < seen <= max(sender.picture.sent for sender in camera.senders)
    return seen


def as_nest(answer: str) -> str:
    """Return an answer with the defects that Google's have: see protocols.md 2.4."""
    session, *media = sdp.sections(answer)
    once: list[sdp.Section] = []
    for number, part in enumerate(media):
        kept = [line for line in part if not (number and "candidate" in line)]
        kept = [line if "candidate:" not in line else f"a=candidate: {line.partition(' ')[2]}" for line in kept]
        once.append([line.replace("sendonly", "sendrecv").replace("inactive", "sendrecv") for line in kept])
    return "\n".join(line for part in ([*session, "a=ice-lite"], *once) for line in part)
