"""The options page for motion detection in a camera's pictures."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.const import PERCENTAGE, UnitOfTime
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
)
import probatio

from .const import MOTION_COOL_DOWN, MOTION_MINIMUM, MOTION_SENSITIVITY, MOTION_ZONES
from .forms import number_selector
from .recording.motion import MotionSettings
from .recording.zones import typed_zones, zone_lines

WATCH: Final = "watch"
# A door in the left half of a picture.
ZONE_EXAMPLE: Final = "door: 10,20 40,20 40,90 10,90"
_SENSITIVITY: Final = NumberSelector(
    NumberSelectorConfig(min=0, max=100, step=1, mode=NumberSelectorMode.SLIDER, unit_of_measurement=PERCENTAGE)
)

MOTION: Final = probatio.Schema(
    {
        probatio.Required(WATCH): BooleanSelector(),
        probatio.Required(MOTION_SENSITIVITY): _SENSITIVITY,
        probatio.Required(MOTION_MINIMUM): number_selector(0, 60, UnitOfTime.SECONDS, 0.1),
        probatio.Required(MOTION_COOL_DOWN): number_selector(1, 3600, UnitOfTime.SECONDS),
        probatio.Optional(MOTION_ZONES): TextSelector(TextSelectorConfig(multiline=True)),
    }
)


def motion_shown(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the values of the page; `stored` is None for a camera that is not watched."""
    usual, stored_ = MotionSettings(), stored or {}
    return {
        WATCH: stored is not None,
        MOTION_SENSITIVITY: stored_.get(MOTION_SENSITIVITY, usual.sensitivity),
        MOTION_MINIMUM: stored_.get(MOTION_MINIMUM, usual.minimum),
        MOTION_COOL_DOWN: stored_.get(MOTION_COOL_DOWN, usual.cool_down),
        MOTION_ZONES: zone_lines(stored_.get(MOTION_ZONES, {})),
    }


def motion_stored(answers: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the options to store, None for a camera that is not to be watched; raises Unsupported."""
    if not answers[WATCH]:
        return None
    return {
        **before,
        MOTION_SENSITIVITY: answers[MOTION_SENSITIVITY],
        MOTION_MINIMUM: answers[MOTION_MINIMUM],
        MOTION_COOL_DOWN: answers[MOTION_COOL_DOWN],
        MOTION_ZONES: typed_zones(answers.get(MOTION_ZONES) or ""),
    }
