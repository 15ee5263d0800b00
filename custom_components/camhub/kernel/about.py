"""CamHub's version and user agent."""

from typing import Final

# The manifest's; a test holds the two together.
VERSION: Final = "0.1.0"
AGENT: Final = f"CamHub/{VERSION}"
