"""What the installed Home Assistant says of itself, read from its files without importing it."""

from functools import cache
from importlib.metadata import packages_distributions, requires
from importlib.util import find_spec
import json
from pathlib import Path
import re
import sys

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FREE_COMPONENTS = frozenset(
    {"alert", "automation", "conversation", "default_config", "device_automation", "frontend", "group"}
    | {"homeassistant", "input_boolean", "input_button", "input_datetime", "input_number", "input_select", "input_text"}
    | {"labs", "media_source", "mjpeg", "onboarding", "panel_custom", "persistent_notification", "person", "script"}
    | {"shopping_list", "stream", "sun", "system_health", "system_log", "timer", "webhook", "websocket_api", "zone"}
)


@cache
def folder() -> Path:
    """Return where Home Assistant is installed."""
    spec = find_spec("homeassistant")
    if spec is None or not spec.submodule_search_locations:
        msg = "homeassistant is not installed: run script/setup"
        raise RuntimeError(msg)
    return Path(spec.submodule_search_locations[0])


@cache
def own_requirements() -> frozenset[str]:
    """Return the packages that Home Assistant itself needs: its `requirements.txt`."""
    return frozenset(canonicalize_name(Requirement(line).name) for line in requires("homeassistant") or ())


@cache
def component_pins() -> dict[str, list[Requirement]]:
    """Return what core's integrations pin, by package: its `requirements_all.txt`."""
    pins: dict[str, list[Requirement]] = {}
    for path in sorted(folder().glob("components/*/manifest.json")):
        for line in json.loads(path.read_text()).get("requirements", ()):
            pin = Requirement(line)
            pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    return pins


@cache
def constraints() -> dict[str, list[Requirement]]:
    """Return core's `package_constraints.txt`, by package."""
    found: dict[str, list[Requirement]] = {}
    for line in folder().joinpath("package_constraints.txt").read_text().splitlines():
        if (wanted := line.partition("#")[0].strip()) and not wanted.startswith("-"):
            limit = Requirement(wanted)
            found.setdefault(canonicalize_name(limit.name), []).append(limit)
    return found


@cache
def entity_platforms() -> frozenset[str]:
    """Return the names of the entity platforms: camera, sensor, ..."""
    text = folder().joinpath("generated", "entity_platforms.py").read_text()
    return frozenset(re.findall(r'^\s+[A-Z_]+ = "(\w+)"', text, re.MULTILINE))


@cache
def components() -> frozenset[str]:
    """Return the domains of core's integrations."""
    return frozenset(path.parent.name for path in folder().glob("components/*/manifest.json"))


def is_library(target: str) -> bool:
    """Return whether an import is of a package that has to be installed, `homeassistant` aside."""
    top = target.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in {"custom_components", "homeassistant"}


@cache
def distributions(top: str) -> frozenset[str]:
    """Return the packages that bring an importable name: `PIL` comes with `pillow`."""
    return frozenset(canonicalize_name(name) for name in packages_distributions().get(top, (top,)))
