"""quality_scale.yaml: every rule has its honest answer, and shows where to look."""

from pathlib import Path
import re
from typing import Any

from annotatedyaml import load_yaml_dict
from packaging.requirements import Requirement

from . import PACKAGE, Check
from .manifest import read as manifest

QUALITY_SCALE = PACKAGE / "quality_scale.yaml"
TIERS = {
    "bronze": """action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
        dependency-transparency docs-actions docs-conditions docs-high-level-description
        docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup entity-unique-id
        has-entity-name runtime-data test-before-configure test-before-setup unique-config-entry""",
    "silver": """action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters
        entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow
        test-coverage""",
    "gold": """devices diagnostics discovery discovery-update-info docs-data-update docs-examples
        docs-known-limitations docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases
        dynamic-devices entity-category entity-device-class entity-disabled-by-default entity-translations
        exception-translations icon-translations reconfiguration-flow repair-issues stale-devices""",
    "platinum": "async-dependency inject-websession strict-typing",
}
RULES = tuple(rule for rules in TIERS.values() for rule in rules.split())
PATH = re.compile(r"[\w./-]+/[\w./-]+|[\w-]+\.(?:py|md|json|yaml|toml)")


def read(root: Path) -> dict[str, Any]:
    """Return the rules, empty if there is no file."""
    path = root / QUALITY_SCALE
    return dict(load_yaml_dict(str(path))["rules"]) if path.exists() else {}


def rules(root: Path) -> list[str]:
    """All rules are answered, none is invented."""
    ours = read(root)
    problems = [f"quality_scale: {rule} is missing" for rule in RULES if rule not in ours]
    return problems + [f"quality_scale: {rule} is not a rule" for rule in ours if rule not in RULES]


def answers(root: Path) -> list[str]:
    """A rule is done, exempt or to do, and a comment says what shows it or why not."""
    problems: list[str] = []
    for rule, answer in read(root).items():
        if not isinstance(answer, dict) or answer.get("status") not in {"done", "exempt", "todo"}:
            problems.append(f"quality_scale: {rule} is neither done nor exempt nor todo")
        elif not str(answer.get("comment", "")).strip():
            problems.append(f"quality_scale: {rule} has no comment")
    return problems


def shown(root: Path) -> list[str]:
    """What a comment of a rule that is done names is there."""
    return [
        f"quality_scale: {rule} names {path}, which is not there"
        for rule, answer in read(root).items()
        if isinstance(answer, dict) and answer.get("status") == "done"
        for path in PATH.findall(str(answer.get("comment", "")))
        if not (root / path.rstrip(".")).exists() and not (root / PACKAGE / path.rstrip(".")).exists()
    ]


def held(root: Path) -> list[str]:
    """Nothing is left to do, and a rule that is done names the file that shows it."""
    problems: list[str] = []
    for rule, answer in read(root).items():
        match answer:
            case {"status": "todo"}:
                problems.append(f"quality_scale: {rule} is still to do")
            case {"status": "done", "comment": comment} if not PATH.search(str(comment)):
                problems.append(f"quality_scale: {rule} names no file")
    return problems


def transparent(root: Path) -> list[str]:
    """Every requirement is told of."""
    said = str((read(root).get("dependency-transparency") or {}).get("comment"))
    names = [Requirement(line).name for line in manifest(root).get("requirements", ())]
    return [f"quality_scale: dependency-transparency leaves out {name}" for name in names if name not in said]


CHECKS: tuple[Check, ...] = (rules, answers, shown, held, transparent)
