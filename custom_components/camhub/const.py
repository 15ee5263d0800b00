"""Names and numbers of the hub."""

from typing import Final

DOMAIN: Final = "camhub"
