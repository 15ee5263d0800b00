"""GitHub's workflows: each is whole, and what a release runs does what it says, run here."""

import json
import os
from pathlib import Path
import shutil
import subprocess
from typing import Any
from zipfile import ZipFile

from annotatedyaml import load_yaml_dict
import pytest

PACK = "Pack what HACS installs"
JQ = "#!/usr/bin/env python3\nimport json, sys\nprint(json.load(open(sys.argv[3]))['version'])\n"


def workflow(root: Path, name: str) -> dict[Any, Any]:
    return dict(load_yaml_dict(str(root / ".github/workflows" / f"{name}.yaml")))


def steps(root: Path, name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(root, name)["jobs"].values() for step in job["steps"]]


@pytest.fixture
def tagged(root: Path, tmp_path: Path) -> Path:
    """Return a small repository with a version that is released."""
    package = tmp_path / "custom_components/camhub"
    (package / "kernel").mkdir(parents=True)
    (package / "manifest.json").write_text(json.dumps({"domain": "camhub", "version": "1.2.3"}))
    (package / "kernel/clock.py").write_text("")
    (package / "left_over.pyc").write_text("not tracked")
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [1.2.3] - 2026-01-02\n")
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    for command in (["init", "-q"], ["add", "--all"], ["commit", "-qm", "x"]):
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *command], cwd=tmp_path, check=True
        )
    return tmp_path


def pack(root: Path, folder: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Run the step as GitHub does; a `jq` of our own stands in where there is none."""
    script = next(step["run"] for step in steps(root, "release") if step.get("name") == PACK)
    path = os.environ["PATH"]
    if shutil.which("jq") is None:
        tools = folder.parent / "tools"
        tools.mkdir(exist_ok=True)
        (tools / "jq").write_text(JQ)
        (tools / "jq").chmod(0o755)
        path = f"{tools}:{path}"
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": path, "TAG": tag},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("tag", ["1.2.3", "v1.2.3"])
def test_a_release_packs_what_is_tracked(root: Path, tagged: Path, tag: str) -> None:
    done = pack(root, tagged, tag)
    assert done.returncode == 0, done.stdout + done.stderr
    with ZipFile(tagged / "camhub.zip") as packed:
        assert {name for name in packed.namelist() if not name.endswith("/")} == {"manifest.json", "kernel/clock.py"}


def test_a_tag_of_another_version_is_refused(root: Path, tagged: Path) -> None:
    done = pack(root, tagged, "v1.2.4")
    assert done.returncode != 0
    assert "The tag is v1.2.4, the version in manifest.json is 1.2.3." in done.stdout
    assert not (tagged / "camhub.zip").exists()


def test_a_release_without_its_changes_is_refused(root: Path, tagged: Path) -> None:
    (tagged / "CHANGELOG.md").write_text("## [Unreleased]\n")
    done = pack(root, tagged, "1.2.3")
    assert done.returncode != 0
    assert "CHANGELOG.md has no section for 1.2.3." in done.stdout


def test_hacs_installs_what_the_release_packs(root: Path) -> None:
    told = json.loads((root / "hacs.json").read_text())
    assert told["zip_release"]
    runs = " ".join(step.get("run", "") for step in steps(root, "release"))
    assert f"--output ../../{told['filename']} " in runs
    assert f'gh release upload "$TAG" {told["filename"]}' in runs


def test_what_is_checked(root: Path) -> None:
    used = {step.get("uses", "").partition("@")[0] for step in steps(root, "checks")}
    assert {"home-assistant/actions/hassfest", "hacs/action"} <= used
    assert any(step.get("run") == ".ci/run" for step in steps(root, "checks"))


@pytest.mark.parametrize("name", ["checks", "release"])
def test_a_workflow_may_do_no_more_than_it_must(root: Path, name: str) -> None:
    found = workflow(root, name)
    assert found["permissions"] == {"contents": "write" if name == "release" else "read"}
    for step in steps(root, name):
        # What others write (a tag's name) reaches a shell as a variable, never as a part of the program.
        assert "${{" not in step.get("run", "")
        for program in step.get("run", "").split():
            path = root / program
            assert not program.startswith(("script/", ".ci/")) or (path.is_file() and os.access(path, os.X_OK))
