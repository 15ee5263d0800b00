"""What a device saw: pictures that last half a minute, clips that last longer."""

from dataclasses import dataclass
from fractions import Fraction
import io
import secrets
from typing import Final

from aiohttp import web
import av
from camhub_pi.pattern import Pattern
import numpy as np
from PIL import Image

from .oauth import SDM, Tokens
from .replies import ApiError

PICTURE_LIFE_S: Final = 30.0
CLIP_LIFE_S: Final = 900.0
HOST: Final = "media.nestservices.google.com"
_WIDTH: Final = 480


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Something to fetch: a picture (with a token of its own) or a clip, until a monotonic second."""

    label: str
    until: float
    token: str = ""


class Media:
    """Pictures and clips by the last part of their address."""

    def __init__(self, tokens: Tokens) -> None:
        """Begin with none."""
        self._tokens = tokens
        self._kept: dict[str, Kept] = {}
        self.fetched = 0

    def picture(self, label: str, until: float) -> dict[str, str]:
        """Return address and token of a picture."""
        name, token = secrets.token_urlsafe(12), f"g.0.{secrets.token_urlsafe(12)}"
        self._kept[name] = Kept(label=label, until=until, token=token)
        return {"url": f"https://{HOST}/sdm_event/{name}", "token": token}

    def clip(self, label: str, until: float) -> str:
        """Return the address of a clip."""
        name = secrets.token_urlsafe(12)
        self._kept[name] = Kept(label=label, until=until)
        return f"https://{HOST}/sdm_event/{name}"

    def answer(self, request: web.Request, name: str, now: float) -> web.Response:
        """Answer who fetches one; raises ApiError."""
        kept = self._kept.get(name)
        if kept is None:
            raise ApiError("NOT_FOUND", "Not found.")
        if not kept.token:
            self._tokens.grant(request, SDM)
        elif request.headers.get("Authorization") != f"Basic {kept.token}":
            raise ApiError("UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if now >= kept.until:
            raise ApiError("DEADLINE_EXCEEDED", "Camera image is no longer available for download.")
        self.fetched += 1
        if not kept.token:
            return web.Response(body=film(kept.label), content_type="video/mp4")
        width = int(request.query.get("width", _WIDTH))
        return web.Response(body=Pattern(width, width * 9 // 16, kept.label).jpeg(0.0), content_type="image/jpeg")


def film(label: str) -> bytes:
    """Return ten frames as MP4."""
    pattern, written = Pattern(320, 180, label), io.BytesIO()
    with av.open(written, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(2))
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(10):
            picture = Image.open(io.BytesIO(pattern.jpeg(number / 2))).convert("RGB")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    return written.getvalue()
