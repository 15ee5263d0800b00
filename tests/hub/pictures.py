"""Small JPEGs: each unlike the others, or a yard with someone in it or not."""

from io import BytesIO

from PIL import Image


def jpeg(number: int, width: int = 64, height: int = 48) -> bytes:
    """Return a JPEG whose colour tells its number."""
    picture = BytesIO()
    Image.new("RGB", (width, height), (number * 23 % 256, number * 57 % 256, 90)).save(picture, "JPEG")
    return picture.getvalue()


def grey_jpeg(*, someone: bool) -> bytes:
    """Return a JPEG of an empty yard, or of someone in it."""
    yard = Image.new("L", (160, 120), 100)
    if someone:
        yard.paste(230, (60, 30, 90, 110))
    picture = BytesIO()
    yard.save(picture, "JPEG")
    return picture.getvalue()
