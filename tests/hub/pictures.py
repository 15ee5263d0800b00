"""Small JPEGs, each unlike the others."""

from io import BytesIO

from PIL import Image


def jpeg(number: int, width: int = 64, height: int = 48) -> bytes:
    """Return a JPEG whose colour tells its number."""
    picture = BytesIO()
    Image.new("RGB", (width, height), (number * 23 % 256, number * 57 % 256, 90)).save(picture, "JPEG")
    return picture.getvalue()
