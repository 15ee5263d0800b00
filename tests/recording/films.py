"""Small films of every kind that a vendor may send."""

from fractions import Fraction
import io

import av
import numpy as np


def film(codec: str = "libx264", kind: str = "mp4", seconds: int = 1, shade: int = 0) -> bytes:
    """Return a film of grey pictures."""
    output = io.BytesIO()
    with av.open(output, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 64, 48, "yuv420p", Fraction(1, 5)
        for number in range(seconds * 5):
            picture = np.full((48, 64, 3), (shade + number) % 256, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return output.getvalue()
