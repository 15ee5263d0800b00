"""The Raspberry Pi's own camera server, which announces itself (TXT records `role` and `token`)."""

from typing import Final

from ...kernel.discovery import Discovered, Found, FoundBy, web_address

SERVICE: Final = "_camhub-pi._tcp"
MODEL: Final = "Raspberry Pi"
_CAMERA: Final = "camera"


def discover(found: Found) -> Discovered | None:
    """Return a camera that announces itself so; None for any other, also for a Pi that only keeps recordings."""
    if found.by is not FoundBy.ZEROCONF or found.service != SERVICE or found.facts.get("role", _CAMERA) != _CAMERA:
        return None
    title = found.name.removesuffix(f" {_CAMERA}")
    path = found.facts.get("path") or "/stream.mjpg"
    # One with a token shows its picture to nobody who has not got it.
    open_to_all = found.facts.get("token", "0") == "0"
    return Discovered(
        id=found.name.lower(),
        title=title,
        model=found.facts.get("model") or MODEL,
        answers={"address": web_address(found.host, found.port, path), "name": title},
        picture=web_address(found.host, found.port, "/snapshot.jpg") if open_to_all else None,
    )
