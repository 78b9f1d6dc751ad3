"""docs/decisions: each page has its three parts, names code that is there, and is in the list."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/decisions"
PAGES = sorted(FOLDER.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_decision_has_context_decision_and_consequences_and_names_code(page):
    text = page.read_text(encoding="utf-8")
    parts = re.findall(r"(?m)^\*\*(\w+)\.\*\* ", text)
    named = re.findall(r"`((?:pytest_ouro|tests|docs|\.ci)/[\w./-]+)`", text)

    assert parts == ["Context", "Decision", "Consequences"]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert len(text.splitlines()) <= 25


def test_every_decision_is_in_the_list():
    text = (ROOT / "docs/decisions.md").read_text(encoding="utf-8")
    listed = re.findall(r"\]\(decisions/([\w-]+\.md)\)", text)

    assert sorted(listed) == [page.name for page in PAGES]
