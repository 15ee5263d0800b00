"""The made parts of the documentation are what the code says now, and the code is read rightly."""

from pathlib import Path
import shutil

import pytest

from documents import messages, pages
from documents.abilities import table
from documents.entities import table as entities
from documents.markdown import cell, rows
from documents.providers import source, sources
from documents.settings import table as settings
from tests.contract import worlds

from .checks.texts import lookup


def test_what_is_committed_is_what_would_be_written(root: Path) -> None:
    assert not pages.stale(root), "run script/docs and commit what it writes"


def test_only_what_is_between_the_marks_is_written(tmp_path: Path, root: Path) -> None:
    shutil.copytree(root / "custom_components", tmp_path / "custom_components", ignore=shutil.ignore_patterns("*.pyc"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("before\n<!-- made: settings -->\nold\n<!-- end -->\nafter <!-- end -->\n")
    (tmp_path / "docs/plain.md").write_text("old\n")
    made = pages.made(tmp_path)
    assert list(made) == [Path("README.md")]
    text = made[Path("README.md")]
    assert text.startswith("before\n<!-- made: settings -->\n### ")
    assert text.endswith(" |\n<!-- end -->\nafter <!-- end -->\n")
    assert "old" not in text.splitlines()


def test_a_part_that_nobody_makes_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("<!-- made: weather -->\n<!-- end -->\n")
    with pytest.raises(KeyError, match="weather"):
        pages.made(tmp_path)


def test_a_picture_is_shown_once_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("<!-- made: picture yard The yard -->\n<!-- end -->\n")
    (tmp_path / "README.md").write_text("")
    page = Path("docs/a.md")
    assert pages.made(tmp_path)[page] == "<!-- made: picture yard The yard -->\n<!-- end -->\n"
    (tmp_path / "docs/images").mkdir()
    (tmp_path / "docs/images/yard.png").write_bytes(b"")
    assert "![The yard](images/yard.png)" in pages.made(tmp_path)[page]


@pytest.mark.parametrize("key", sorted(worlds.WORLDS))
def test_abilities_are_those_that_the_contract_finds(key: str, root: Path) -> None:
    claimed = source(root, key)
    world: type[worlds.World] = getattr(worlds, f"{key.title().replace('_', '')}World")
    # A world is one device; the next one may have more.
    assert world.capabilities <= claimed.camera
    assert ("event_kinds" in claimed.camera) == world.tells == bool(claimed.kinds)


def test_every_sentence_stands_on_some_page(root: Path) -> None:
    text = "\n".join((root / page).read_text() for page in pages.pages(root))
    for section in ("config.error", "options.error", "exceptions"):
        for slug in lookup(root, section):
            first = cell(messages.sentence(root, slug)).split(". ")[0]
            assert first in text, slug


def test_every_repair_stands_on_some_page(root: Path) -> None:
    text = "\n".join((root / page).read_text() for page in pages.pages(root))
    assert [slug for slug, issue in lookup(root, "issues").items() if cell(issue["title"]) not in text] == []


def test_every_provider_has_its_messages_on_its_page(root: Path) -> None:
    for each in sources(root):
        text = (root / each.page).read_text()
        assert f"<!-- made: messages {each.key} -->" in text
        assert len(each.reasons) > 20


def test_settings_have_their_units(root: Path) -> None:
    text = settings(root)
    assert "| 5 minutes |" in text
    assert "| 600 s |" in text
    assert "| on |" in text


def test_entities_say_what_is_off_at_first(root: Path) -> None:
    lines = entities(root).splitlines()
    assert "| button | Check camera | | diagnostic, off at first |" in lines
    assert "| binary sensor | Motion | | |" in lines
    assert any(line.startswith("| sensor | Battery |") for line in lines)


def test_the_table_of_abilities_has_a_column_for_each(root: Path) -> None:
    head, _, first, *_ = table(root, Path("docs/capabilities.md")).splitlines()
    assert head.count("providers/") == len(sources(root))
    assert first.count("✓") == len(sources(root))


def test_cells_keep_a_table_whole() -> None:
    assert cell("a | b <c> {d}\ne*") == r"a \| b &lt;c> … e\*"
    assert rows(("a", "b"), [("", "c")]) == "| a | b |\n| --- | --- |\n| | c |"
