"""What kinds of devices are called, as their maker sells them; the library knows no newer ones and fails at gaps."""

from collections.abc import Mapping
from typing import Final

from .parse import Unit

_NAMES: Final[Mapping[str, str]] = {
    "cocoa_camera": "Stick Up Cam (3rd Gen)",
    "cocoa_camera_v2": "Outdoor Cam Plus",
    "cocoa_camera_v3": "Outdoor Cam Pro",
    "cocoa_doorbell": "Doorbell (2nd Gen)",
    "cocoa_doorbell_v2": "Battery Doorbell Plus",
    "cocoa_doorbell_v3": "Battery Doorbell Pro",
    "cocoa_doorbell_v4w": "Wired Doorbell Plus (2nd Gen)",
    "cocoa_doorbell_v5": "Doorbell Pro (3rd Gen)",
    "cocoa_floodlight": "Floodlight Cam Plus",
    "cocoa_floodlight_v2": "Floodlight Cam Pro (2nd Gen)",
    "cocoa_spotlight": "Spotlight Cam Plus",
    "df_doorbell_clownfish": "Battery Doorbell",
    "doorbell": "Doorbell",
    "doorbell_graham_cracker": "Doorbell Wired",
    "doorbell_oyster": "Doorbell 4",
    "doorbell_portal": "Peephole Cam",
    "doorbell_scallop": "Doorbell 3 Plus",
    "doorbell_scallop_lite": "Doorbell 3",
    "doorbell_sunray": "Battery Doorbell (2nd Gen)",
    "doorbell_tahoe": "Wired Doorbell (2nd Gen)",
    "doorbell_v3": "Doorbell",
    "doorbell_v4": "Doorbell 2",
    "doorbell_v5": "Doorbell 2",
    "doorbot": "Doorbell",
    "floodlight_pro": "Floodlight Cam Pro",
    "floodlight_v1": "Floodlight Cam",
    "floodlight_v2": "Floodlight Cam",
    "hp_cam_v1": "Floodlight Cam",
    "jbox_v1": "Doorbell Elite",
    "lpd_v1": "Doorbell Pro",
    "lpd_v2": "Doorbell Pro",
    "lpd_v3": "Doorbell Pro",
    "lpd_v4": "Doorbell Pro 2",
    "stickup_cam": "Stick Up Cam",
    "stickup_cam_elite": "Stick Up Cam Wired",
    "stickup_cam_longfin": "Spotlight Cam Pro",
    "stickup_cam_lunar": "Stick Up Cam Battery",
    "stickup_cam_medusa": "Stick Up Cam Pro",
    "stickup_cam_mini": "Indoor Cam",
    "stickup_cam_mini_ptz_v1": "Pan-Tilt Indoor Cam",
    "stickup_cam_mini_v2": "Indoor Cam (2nd Gen)",
    "stickup_cam_mini_v3": "Indoor Cam Plus",
    "stickup_cam_v3": "Stick Up Cam",
    "stickup_cam_wired": "Stick Up Cam Wired",
}
# Sold with one feed or another, which is told beside the kind where it is not the first.
_FEEDS: Final[Mapping[str, str]] = {"hp_cam_v2": "wired", "spotlightw_v2": "wired", "stickup_cam_v4": "battery"}


def model(unit: Unit) -> str:
    """Return the name of a model; kinds that nobody knows are called as the service calls them."""
    if unit.kind in _FEEDS:
        return f"Spotlight Cam {(unit.feed or _FEEDS[unit.kind]).replace('_', ' ').title()}"
    return _NAMES.get(unit.kind) or unit.kind or "?"
