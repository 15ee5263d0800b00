"""reference/validation.md §2, §3, §4: the manifest as hassfest and HACS read it."""

from collections.abc import Iterator, Mapping
import json
from pathlib import Path
import re
from typing import Any

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from . import PACKAGE, Check, core
from .source import Import, imports, modules

MANIFEST = PACKAGE / "manifest.json"
REQUIRED = ("domain", "name", "codeowners", "documentation", "issue_tracker", "iot_class", "version")
LISTS = ("codeowners", "dependencies", "after_dependencies", "requirements", "loggers", "zeroconf", "ssdp", "dhcp")
FLAGS = ("config_flow", "single_config_entry", "import_executor")
OTHERS = ("integration_type", "quality_scale", "disabled", "preview_features", "usb", "bluetooth", "homekit", "mqtt")
INTEGRATION_TYPES = ("device", "entity", "hardware", "helper", "hub", "service", "system")
IOT_CLASSES = ("assumed_state", "calculated", "cloud_polling", "cloud_push", "local_polling", "local_push")
QUALITY_SCALES = ("bronze", "silver", "gold", "platinum", "custom", "no_score", "internal", "legacy")
VERSIONS = [
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.BUILDVER,
    AwesomeVersionStrategy.PEP440,
]
# Home Assistant installs them when somebody chooses what needs them.
ON_DEMAND = frozenset({"aiobotocore", "botocore", "playwright"})
PROHIBITED = "1000000000.0.0"
# Found by its key in the manifest, so it need not be a dependency.
DISCOVERY = {"dhcp": ("dhcp",), "mqtt": ("mqtt",), "ssdp": ("ssdp",), "zeroconf": ("zeroconf", "homekit")}


def read(root: Path) -> dict[str, Any]:
    """Return the manifest, empty if there is none."""
    path = root / MANIFEST
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def keys(root: Path) -> list[str]:
    """All keys are known, the required ones are there, in order."""
    manifest = read(root)
    known = {*REQUIRED, *LISTS, *FLAGS, *OTHERS}
    problems = [f"manifest: {key} is missing" for key in REQUIRED if key not in manifest]
    problems += [f"manifest: {key} is not known" for key in manifest if key not in known]
    wanted = [*(key for key in ("domain", "name") if key in manifest), *sorted(set(manifest) - {"domain", "name"})]
    return problems + (
        ["manifest: keys are not in order (domain, name, then the alphabet)"] if list(manifest) != wanted else []
    )


def values(root: Path) -> list[str]:
    """Each value is of its kind."""
    manifest = read(root)
    get = manifest.get
    tracker, docs = str(get("issue_tracker")), str(get("documentation"))
    wrong = {
        f"the domain is not the folder's name {PACKAGE.name}": get("domain") != PACKAGE.name,
        "the domain is one of core's": get("domain") in core.components(),
        "documentation is no https address of our own": not docs.startswith("https://")
        or docs.startswith("https://www.home-assistant.io/integrations"),
        "issue_tracker is no address": not re.match(r"https?://", tracker),
        "a code owner does not begin with @": not all(str(owner).startswith("@") for owner in get("codeowners", ())),
        "there is no code owner": not get("codeowners"),
        "iot_class is not known": get("iot_class") not in IOT_CLASSES,
        "integration_type is not known": get("integration_type", "hub") not in INTEGRATION_TYPES,
        "quality_scale is not known": get("quality_scale", "custom") not in QUALITY_SCALES,
        "version is none": AwesomeVersion(str(get("version"))).strategy not in VERSIONS,
    }
    wrong |= {f"{key} is no list": not isinstance(get(key, []), list) for key in LISTS}
    wrong |= {f"{key} is neither true nor false": not isinstance(get(key, False), bool) for key in FLAGS}
    return [f"manifest: {fault}" for fault, broken in wrong.items() if broken]


def discovery(root: Path) -> list[str]:
    """Matchers of discovery have the case that Home Assistant compares with."""
    manifest = read(root)
    problems: list[str] = []
    for item in manifest.get("zeroconf", ()):
        rest = item if isinstance(item, Mapping) else {"type": item}
        if not all(str(value).islower() for key, value in rest.items() if key in {"name", "properties"}):
            problems.append(f"manifest: zeroconf {item} is not in lower case")
    for item in manifest.get("dhcp", ()):
        mac, host = item.get("macaddress", "A*"), item.get("hostname", "a")
        if mac != mac.upper() or "*" not in mac or host != host.lower():
            problems.append(f"manifest: dhcp {item}: hostname lower case, macaddress upper case with a *")
    return problems + [f"manifest: ssdp {item} is empty" for item in manifest.get("ssdp", ()) if not item]


def config_flow(root: Path) -> list[str]:
    """A flow that is promised is in config_flow.py; YAML set-up is refused in words."""
    problems = []
    if read(root).get("config_flow") and not (root / PACKAGE / "config_flow.py").exists():
        problems.append("manifest: config_flow without a file config_flow.py")
    init = root / PACKAGE / "__init__.py"
    text = init.read_text() if init.exists() else ""
    if "def async_setup(" in text and "CONFIG_SCHEMA" not in text:
        problems.append("__init__.py: async_setup without CONFIG_SCHEMA")
    return problems


def requirements(root: Path) -> list[str]:
    """Requirements fit the Home Assistant they are installed into."""
    problems: list[str] = []
    for line in read(root).get("requirements", ()):
        try:
            problems += [f"manifest: {line}: {fault}" for fault in _conflicts(line)]
        except InvalidRequirement:
            problems.append(f"manifest: {line}: not a requirement")
    return problems


def _conflicts(line: str) -> Iterator[str]:
    wanted = Requirement(line)
    name = canonicalize_name(wanted.name)
    if " " in line:
        yield "holds a space"
    if name in core.own_requirements():
        yield "Home Assistant itself brings it"
    for pin in core.component_pins().get(name, ()):
        if any(not version.endswith(".*") for version in _exact(wanted)):
            yield f"core pins it ({pin}): write a range"
        if not all(wanted.specifier.contains(version, prereleases=True) for version in _exact(pin)):
            yield f"excludes core's {pin}"
    for limit in core.constraints().get(name, ()):
        if PROHIBITED in _exact(limit):
            yield "is prohibited"
        allowed = all(wanted.specifier.contains(version, prereleases=True) for version in _exact(limit))
        if not allowed or not all(limit.specifier.contains(version.removesuffix(".*")) for version in _exact(wanted)):
            yield f"contradicts core's constraint {limit}"


def _exact(requirement: Requirement) -> list[str]:
    return [item.version for item in requirement.specifier if item.operator in {"==", "==="}]


def installed(root: Path) -> list[str]:
    """A library that the integration imports comes with Home Assistant, a dependency or a requirement."""
    known = {canonicalize_name(Requirement(line).name) for line in read(root).get("requirements", ())} | ON_DEMAND
    for domain in ("camera", *read(root).get("dependencies", ())):
        path = core.folder() / "components" / domain / "manifest.json"
        lines = json.loads(path.read_text()).get("requirements", ()) if path.exists() else ()
        known |= {canonicalize_name(Requirement(line).name) for line in lines}
    return [
        f"{place}: imports {wanted.target}, which nothing installs"
        for place, wanted in _libraries(root)
        if not core.distributions(wanted.target.partition(".")[0]) & (known | core.own_requirements())
    ]


def _libraries(root: Path) -> Iterator[tuple[str, Import]]:
    found = modules(root)
    known = frozenset(module.name for module in found)
    for module in found:
        for wanted in imports(module, known):
            if core.is_library(wanted.target):
                yield module.at(wanted.line), wanted


def dependencies(root: Path) -> list[str]:
    """Whatever of core is imported is a dependency, unless Home Assistant always has it."""
    manifest = read(root)
    declared = {*manifest.get("dependencies", ()), *manifest.get("after_dependencies", ())}
    free = core.FREE_COMPONENTS | core.entity_platforms()
    free |= {domain for domain, needed in DISCOVERY.items() if any(key in manifest for key in needed)}
    free |= {path.stem for path in (root / PACKAGE).iterdir()} if (root / PACKAGE).exists() else set()
    found = modules(root)
    known = frozenset(module.name for module in found)
    problems: list[str] = []
    for module in found:
        for wanted in imports(module, known):
            domain = _component(wanted)
            if domain and not wanted.typing_only and domain not in declared | free:
                problems.append(f"{module.at(wanted.line)}: imports {domain}, which is no dependency")
    unknown = [domain for domain in sorted(declared) if domain not in core.components()]
    return problems + [f"manifest: core has no {domain}" for domain in unknown]


def _component(wanted: Import) -> str | None:
    if wanted.target.startswith("homeassistant.components.http") and wanted.names == ("async_sign_path",):
        return None
    if wanted.target == "homeassistant.components":
        return wanted.names[0] if wanted.names else None
    prefix, _, rest = wanted.target.partition("homeassistant.components.")
    return None if prefix else rest.partition(".")[0] or None


def one_manifest(root: Path) -> list[str]:
    """No other file is called manifest.json: hassfest would take it for an integration."""
    paths = (path.relative_to(root) for path in root.rglob("manifest.json") if not _hidden(path.relative_to(root)))
    return [f"{path}: hassfest takes it for an integration" for path in sorted(paths) if path != MANIFEST]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "node_modules" for part in path.parts)


def valid_json(root: Path) -> list[str]:
    """Every JSON file of the integration can be read."""
    problems: list[str] = []
    for path in sorted((root / PACKAGE).rglob("*.json")):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            problems.append(f"{path.relative_to(root)}: {error}")
    return problems


CHECKS: tuple[Check, ...] = (
    keys,
    values,
    discovery,
    config_flow,
    requirements,
    installed,
    dependencies,
    one_manifest,
    valid_json,
)
