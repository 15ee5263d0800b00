"""A camera without a camera: constant bytes through Home Assistant's own view, the floor of a cached still."""

from pathlib import Path
from typing import override

from homeassistant.components.camera import Camera
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddEntitiesCallback
from homeassistant.helpers.typing import ConfigType, DiscoveryInfoType


async def async_setup_platform(
    hass: HomeAssistant,
    config: ConfigType,
    async_add_entities: AddEntitiesCallback,
    discovery_info: DiscoveryInfoType | None = None,
) -> None:
    """Add one for each picture beside the configuration."""
    pictures = await hass.async_add_executor_job(_pictures, Path(hass.config.config_dir))
    async_add_entities([ConstantCamera(name, content) for name, content in pictures.items()])


def _pictures(folder: Path) -> dict[str, bytes]:
    return {file.stem: file.read_bytes() for file in folder.glob("*.jpg")}


class ConstantCamera(Camera):
    """Returns what it was made with."""

    def __init__(self, name: str, content: bytes) -> None:
        """Keep the picture."""
        super().__init__()
        self._attr_name = f"constant {name}"
        self._content = content

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes:
        return self._content
