from pathlib import Path

import pytest

from .checks import Check, links


@pytest.mark.parametrize("check", links.CHECKS, ids=lambda check: check.__name__)
def test_links(check: Check, root: Path) -> None:
    problems = check(root)
    assert not problems, "\n".join(problems)


def test_headings_are_named_as_github_names_them() -> None:
    text = "# Why *is* it?\n```\n# no heading\n```\n## `a.b` and [c](d.md)\n## Twice\n## Twice\n### What's 5 + 5?\n"
    assert links.anchors(text) == {"why-is-it", "ab-and-c", "twice", "twice-1", "whats-5--5"}


def test_code_and_other_places_are_no_links() -> None:
    text = "[a](b.md) `[c](d.md)` [e](https://example.com) [f](mailto:g@example.com) ![h](i.png)\n```\n[j](k.md)\n```\n"
    assert links.targets(text) == ["b.md", "i.png"]
