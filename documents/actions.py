"""The actions, as Home Assistant lists them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.architecture.checks import PACKAGE
from tests.architecture.checks.services import read
from tests.architecture.checks.texts import lookup

from .markdown import cell, rows


def table(root: Path) -> str:
    """Return each action with what it does and a table of its fields."""
    parts: list[str] = []
    for name, service in sorted(read(root).items()):
        words = lookup(root, f"services.{name}")
        parts += [f"### {PACKAGE.name}.{name}", words["description"]]
        fields = (service or {}).get("fields") or {}
        body = [_field(key, field or {}, words["fields"][key]) for key, field in fields.items()]
        if (service or {}).get("target"):
            body.insert(0, ("target", "The cameras, as entities, devices or areas.", "needed"))
        parts += [rows(("field", "what it is", ""), body)] if body else ["It has no fields."]
    return "\n\n".join(parts)


def _field(key: str, field: Mapping[str, Any], words: Mapping[str, str]) -> tuple[str, str, str]:
    usual = f"`{field['default']}` if left out" if "default" in field else ""
    return f"`{key}`", cell(words["description"]), "needed" if field.get("required") else usual
