"""Smaller pictures, scaled outside the event loop and kept per picture and size.

Home Assistant scales stills in the event loop (4.8 ms for 1080p to 640x360) unless a picture already has the right
size, so each requested size is made here, once per picture.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from homeassistant.components.camera import Image as EncodedImage
from homeassistant.components.camera.img_util import scale_jpeg_camera_image
from homeassistant.core import HomeAssistant

from .kernel.model import Image

# Sizes kept per camera: a dashboard asks for one or two.
SIZES_KEPT: Final = 4


class ScaledPictures:
    """The sizes of one camera's newest picture."""

    def __init__(self) -> None:
        """Start with none."""
        self._of: bytes | None = None
        self._sizes: OrderedDict[tuple[int, int], asyncio.Future[bytes]] = OrderedDict()

    async def async_get(self, hass: HomeAssistant, image: Image, width: int, height: int) -> bytes:
        """Return the picture near that size; concurrent requests share one scaling."""
        if image.content is not self._of:
            self._of = image.content
            self._sizes.clear()
        size = (width, height)
        if (scaled := self._sizes.get(size)) is None:
            encoded = EncodedImage(image.content_type, image.content)
            scaled = self._sizes[size] = hass.async_add_executor_job(scale_jpeg_camera_image, encoded, width, height)
            if len(self._sizes) > SIZES_KEPT:
                self._sizes.popitem(last=False)
        return await asyncio.shield(scaled)
