"""A short real film for simulators that keep recordings."""

from fractions import Fraction
import io

import av
import numpy as np

from simulators.webrtc import CountingPicture


def encode(label: str, seconds: int = 3, fps: int = 12, container: str = "mp4") -> bytes:
    """Return a real film of a moving picture (H.264); blocks for some tenths of a second."""
    picture = CountingPicture(label, width=320, height=180, fps=fps)
    output = io.BytesIO()
    with av.open(output, "w", format=container) as made:
        stream = made.add_stream("libx264", rate=fps, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 320, 180, "yuv420p", Fraction(1, fps)
        for number in range(seconds * fps):
            grey = picture.pixels(number)
            frame = av.VideoFrame.from_ndarray(np.stack([grey, grey, grey], axis=2), format="rgb24")
            frame.pts = number
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return output.getvalue()
