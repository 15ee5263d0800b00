import json
from pathlib import Path
import tomllib

from custom_components.camhub.kernel.about import AGENT, VERSION

ROOT = Path(__file__).parents[2]


def test_one_version_everywhere() -> None:
    manifest = json.loads((ROOT / "custom_components" / "camhub" / "manifest.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert VERSION == manifest["version"] == project["version"]
    assert f"CamHub/{VERSION}" == AGENT
