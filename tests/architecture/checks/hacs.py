"""reference/validation.md §11: what HACS asks of the repository."""

import json
from pathlib import Path
import re
from typing import Any

from packaging.version import Version

from . import PACKAGE, Check
from .manifest import read as manifest

TEXTS = ("country", "filename", "hacs", "homeassistant", "name", "persistent_directory")
FLAGS = ("content_in_root", "hide_default_branch", "render_readme", "zip_release")
LOCAL_BRANDS_SINCE = Version("2026.3.0")


def read(root: Path) -> dict[str, Any]:
    """Return hacs.json, empty if there is none."""
    path = root / "hacs.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def hacs_json(root: Path) -> list[str]:
    """Keys are known and of their kind; the oldest Home Assistant serves local brand images."""
    ours = read(root)
    problems = [] if ours.get("name") else ["hacs.json: name is missing"]
    problems += [f"hacs.json: {key} is not known" for key in ours if key not in {*TEXTS, *FLAGS}]
    problems += [f"hacs.json: {key} is no text" for key in TEXTS if not isinstance(ours.get(key, ""), str | list)]
    problems += [
        f"hacs.json: {key} is neither true nor false" for key in FLAGS if not isinstance(ours.get(key, False), bool)
    ]
    if ours.get("zip_release") and not ours.get("filename"):
        problems.append("hacs.json: zip_release without filename")
    if Version(str(ours.get("homeassistant", "0"))) < LOCAL_BRANDS_SINCE:
        problems.append(f"hacs.json: homeassistant is older than {LOCAL_BRANDS_SINCE}, which serves no brand/ folder")
    return problems


def one_integration(root: Path) -> list[str]:
    """One repository, one integration."""
    found = sorted(path.parent.name for path in (root / "custom_components").glob("*/manifest.json"))
    return [] if found == [PACKAGE.name] else [f"custom_components holds {found}"]


def readme(root: Path) -> list[str]:
    """There is something to show before installing."""
    names = {path.name.lower() for path in root.iterdir()}
    return [] if names & {"readme", "readme.md", "info", "info.md"} else ["neither a README nor an info page"]


def licence(root: Path) -> list[str]:
    """GitHub can tell the licence: the words of MIT, unchanged."""
    path = root / "LICENSE"
    text = path.read_text() if path.exists() else ""
    good = text.startswith("MIT License") and "Permission is hereby granted, free of charge" in text
    return [] if good else ["LICENSE is not the MIT licence"]


def changelog(root: Path) -> list[str]:
    """The changelog keeps a section for what is unreleased, and every release has its day."""
    path = root / "CHANGELOG.md"
    heads = re.findall(r"^## (.*)$", path.read_text(), re.MULTILINE) if path.exists() else []
    problems = [] if heads[:1] == ["[Unreleased]"] else ["CHANGELOG.md: the first section is not [Unreleased]"]
    dated = re.compile(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d")
    return problems + [
        f"CHANGELOG.md: {head} has no version and day" for head in heads[1:] if not dated.fullmatch(head)
    ]


def version(root: Path) -> list[str]:
    """The manifest and the project carry the same version."""
    path = root / "pyproject.toml"
    said = re.search(r'^version = "(.*)"$', path.read_text(), re.MULTILINE) if path.exists() else None
    ours = manifest(root).get("version")
    return [] if said and said[1] == ours else [f"manifest says {ours}, pyproject {said and said[1]}"]


CHECKS: tuple[Check, ...] = (hacs_json, one_integration, readme, licence, changelog, version)
