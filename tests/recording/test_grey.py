from io import BytesIO

import numpy as np
from PIL import Image
import pytest

from custom_components.camhub.kernel.errors import Malformed
from custom_components.camhub.recording.grey import WIDTH, decode


def jpeg(width: int, height: int, mode: str = "RGB") -> bytes:
    picture = Image.new("L", (width, height), 40)
    picture.paste(200, (width // 2, 0, width, height))
    encoded = BytesIO()
    picture.convert(mode).save(encoded, "JPEG")
    return encoded.getvalue()


SIZES = [((640, 480), "RGB"), ((1920, 1080), "RGB"), ((4096, 1000), "L"), ((33, 21), "RGB"), ((160, 90), "L")]


@pytest.mark.parametrize(("size", "mode"), SIZES)
def test_a_picture_becomes_small_and_grey(size: tuple[int, int], mode: str) -> None:
    found = decode(jpeg(*size, mode))
    height, width = found.shape
    assert found.dtype == np.uint8
    assert width < 2 * WIDTH
    assert width >= min(size[0], WIDTH)
    assert abs(width / height / (size[0] / size[1]) - 1) < 0.1
    assert found[:, : width // 3].mean() < 60
    assert found[:, -width // 3 :].mean() > 180


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xd9", b"GIF89a" + bytes(40), jpeg(640, 480)[:-200]])
def test_what_is_no_picture_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        decode(content)


def test_a_picture_that_claims_to_be_huge_is_not_decoded() -> None:
    content = bytearray(jpeg(64, 64))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = (60000).to_bytes(2) * 2
    with pytest.raises(Malformed):
        decode(bytes(content))
