"""Frames of every size, turned or not, blank or not."""

from fractions import Fraction
import io

import av
import numpy as np
from PIL import Image
import pytest

from custom_components.camhub.capture.picture import jpeg, jpeg_unless_blank

from .vendor import pixels


def frame(width: int, height: int, *, form: str = "yuv420p") -> av.VideoFrame:
    """Return a picture that is white in its left upper quarter and black elsewhere."""
    rows = np.zeros((height, width, 3), np.uint8)
    rows[: height // 2, : width // 2] = 255
    return av.VideoFrame.from_ndarray(rows, format="rgb24").reformat(format=form)


def even(shade: int, width: int = 64, height: int = 48) -> av.VideoFrame:
    rows = np.full((height, width, 3), shade, np.uint8)
    return av.VideoFrame.from_ndarray(rows, format="rgb24").reformat(format="yuv420p")


@pytest.mark.parametrize("size", [(64, 48), (65, 49), (1, 1), (17, 3), (48, 640)])
@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "nv12", "yuv444p"])
def test_any_size_and_layout(size: tuple[int, int], form: str) -> None:
    assert pixels(jpeg(frame(*size, form=form))).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("shade", [0, 10, 80, 128, 255])
def test_an_even_picture_is_blank(shade: int) -> None:
    assert jpeg_unless_blank(even(shade)) is None


def test_a_dark_picture_with_a_little_light_is_not() -> None:
    rows = np.zeros((48, 64, 3), np.uint8)
    rows[8:13, 8:13] = 90
    picture = av.VideoFrame.from_ndarray(rows, format="rgb24")
    content = jpeg_unless_blank(picture)
    assert content is not None
    assert pixels(content)[10, 10].mean() > 60


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (270, (0, 1))])
def test_a_camera_hung_up_another_way_is_turned(degrees: int, corner: tuple[int, int]) -> None:
    """H.264 says in a message of its own how to turn the picture (display orientation, anticlockwise)."""
    turned = decoded(frame(128, 64), degrees)
    content = jpeg_unless_blank(turned)
    assert content is not None
    grey = pixels(content).mean(axis=2)
    height, width = grey.shape
    assert (width, height) == ((128, 64) if degrees in {0, 180} else (64, 128))
    quarters = {
        (row, column): grey[row * height // 2 :][: height // 2, column * width // 2 :][:, : width // 2].mean()
        for row in (0, 1)
        for column in (0, 1)
    }
    assert max(quarters, key=lambda place: quarters[place]) == corner
    assert pixels(jpeg(turned)).shape == (height, width, 3)


def decoded(picture: av.VideoFrame, degrees: int) -> av.VideoFrame:
    """Return a picture after H.264, which was told to turn it."""
    plain = io.BytesIO()
    with av.open(plain, "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=1, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        picture.pts, picture.time_base = 0, Fraction(1, 1)
        for packet in [*stream.encode(picture), *stream.encode(None)]:
            container.mux(packet)
    plain.seek(0)
    turned = io.BytesIO()
    with av.open(plain, "r", format="h264") as source, av.open(turned, "w", format="h264") as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        change = av.bitstream.BitStreamFilterContext(
            f"h264_metadata=display_orientation=insert:rotate={degrees}", source.streams.video[0]
        )
        for packet in source.demux(source.streams.video[0]):
            for each in change.filter(packet):
                each.stream = copy
                target.mux(each)
    turned.seek(0)
    with av.open(turned, "r", format="h264") as source:
        return next(source.decode(video=0))


def test_what_is_encoded_is_a_jpeg() -> None:
    with Image.open(io.BytesIO(jpeg(frame(64, 48)))) as picture:
        assert picture.format == "JPEG"
