"""DESIGN.md §2: who may import whom."""

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
import sys

from . import Check
from .source import DOMAIN, Import, Module, imports, inside, modules

PLATFORMS = ("camera", "event", "image", "binary_sensor", "sensor", "switch", "number", "button")
# Modules that a platform was split into.
PARTS = {
    "camera_mjpeg": "camera",
    "camera_rtsp": "camera",
    "camera_still": "camera",
    "camera_webrtc": "camera",
    "sensor_archive": "sensor",
    "sensor_health": "sensor",
}
VENDOR_LIBRARIES = {
    "hikvision": {"defusedxml"},
    "nest": {"google", "google_nest_sdm"},
    "ring": {"ring_doorbell", "firebase_messaging"},
}
PURE_TESTS = ("kernel", "providers", "capture", "recording", "recorded", "contract", "architecture", "faults", "pi")


@dataclass(frozen=True, slots=True)
class Layer:
    """A row of the table: `libraries` besides the standard library, `own` modules or packages of the integration."""

    libraries: frozenset[str]
    own: frozenset[str]


LAYERS = {
    "kernel": Layer(frozenset({"aiohttp", "yarl"}), frozenset({"kernel"})),
    "kernel.vault": Layer(frozenset({"aiohttp", "yarl", "cryptography"}), frozenset({"kernel"})),
    "providers": Layer(frozenset(), frozenset({"kernel"})),
    "capture": Layer(frozenset({"aiortc", "av", "numpy", "PIL", "playwright"}), frozenset({"kernel", "capture"})),
    "recording": Layer(
        # botocore is aiobotocore's own core, and raises its errors
        frozenset({"aiobotocore", "aiohttp", "av", "botocore", "numpy", "PIL", "yarl"}),
        frozenset({"kernel", "recording"}),
    ),
    "platform": Layer(
        frozenset({"homeassistant", "aiohttp", "yarl", "probatio"}),
        # besides DESIGN.md's: `const`, what a picture passes through on its way out, why there is none, where clips go
        frozenset(
            {
                "access",
                "archiving",
                "checking",
                "const",
                "coordinator",
                "entity",
                "failures",
                "record_stream",
                "kernel",
                "recordings",
                "scaling",
                "viewers",
            }
        ),
    ),
    "hub": Layer(
        frozenset({"homeassistant", "aiohttp", "yarl", "probatio"}),
        frozenset({"kernel", "capture", "recording", "providers"}),
    ),
}
APART = {
    "pi": frozenset({"custom_components", "simulators", "homeassistant", "tests", "bench"}),
    "simulators": frozenset({"custom_components", "homeassistant", "tests", "bench"}),
    "custom_components": frozenset({"camhub_pi", "pi", "simulators", "tests", "bench"}),
} | {f"tests/{folder}": frozenset({"homeassistant"}) for folder in PURE_TESTS}


def platform_of(name: str) -> str | None:
    """Return the platform that a module belongs to, by its name: `sensor` for `sensor` and `sensor_health`."""
    return name if name in PLATFORMS else PARTS.get(name)


def layer_of(name: str) -> Layer:
    """Return the row for a module of the integration, by its name within it."""
    first, _, rest = name.partition(".")
    if first == "providers" and rest:
        key = rest.partition(".")[0]
        libraries = frozenset({"aiohttp", "yarl"} | VENDOR_LIBRARIES.get(key, set()))
        return Layer(libraries, frozenset({"kernel", f"providers.{key}"}))
    if name in LAYERS:
        return LAYERS[name]
    if platform_of(first):
        return LAYERS["platform"]
    return LAYERS.get(first, LAYERS["hub"])


def _allowed(module: Module, wanted: Import, known: frozenset[str]) -> bool:
    layer = layer_of(inside(module))
    top = wanted.target.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    if top != "custom_components":
        return top in layer.libraries
    target = wanted.target.removeprefix(DOMAIN).removeprefix(".")
    if (platform := platform_of(target)) and platform == platform_of(inside(module)):
        return True  # the parts of one platform
    if layer is LAYERS["hub"] and "." not in target:
        return True  # the hub's own modules, and `providers` itself
    if target.startswith("providers.") and layer is LAYERS["hub"]:
        return False
    return any(target == own or target.startswith(f"{own}.") for own in layer.own)


def layers(root: Path) -> list[str]:
    """Every import of the integration stands in the table; relative where it stays inside."""
    found = modules(root)
    known = frozenset(module.name for module in found)
    return [
        f"{module.at(wanted.line)}: imports {wanted.target}"
        for module in found
        for wanted in imports(module, known)
        if not _allowed(module, wanted, known)
    ]


def absolute(root: Path) -> list[str]:
    """Inside the integration nothing is imported by its absolute name: its package has two names."""
    return [
        f"{module.at(number)}: imports the integration by its absolute name"
        for module in modules(root)
        for number, line in enumerate(module.lines, 1)
        if line.lstrip().startswith((f"from {DOMAIN}", f"import {DOMAIN}"))
    ]


def apart(root: Path) -> list[str]:
    """The Pi server, the simulators, the integration and the pure tests do without what is not theirs."""
    problems: list[str] = []
    for folder, refused in APART.items():
        found = modules(root, folder)
        known = frozenset(module.name for module in found)
        problems += [
            f"{module.at(wanted.line)}: imports {wanted.target}"
            for module in found
            for wanted in imports(module, known)
            if wanted.target.partition(".")[0] in refused
        ]
    return problems


def cycles(root: Path) -> list[str]:
    """No module imports itself by way of others, not even for typing."""
    found = modules(root)
    known = frozenset(module.name for module in found)
    graph = {
        module.name: {wanted.target for wanted in imports(module, known)} & known - {module.name} for module in found
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"a cycle: {' -> '.join(error.args[1])}"]
    return []


CHECKS: tuple[Check, ...] = (layers, absolute, apart, cycles)
