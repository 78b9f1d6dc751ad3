"""changelog.d: each file has a name and a text from which a release can be written."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "changelog.d"
FRAGMENTS = sorted(set(FOLDER.glob("*")) - {FOLDER / "README.md", FOLDER / "template.md"})
KINDS = ("summary", "added", "changed", "fixed", "removed", "security")


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_has_a_kind_and_a_short_text(path):
    found = re.fullmatch(r"(?:\d+|\+[\w-]+)\.(\w+)\.md", path.name)
    text = path.read_text(encoding="utf-8")

    assert found, f"{path.name}: name it NUMBER.KIND.md or +WORDS.KIND.md (CONTRIBUTING.md)"
    assert found[1] in KINDS
    assert text.strip()
    assert text.endswith("\n")
    assert not text.startswith("-"), "towncrier makes the item"
    assert len(text.splitlines()) <= (15 if found[1] == "summary" else 6)


def test_towncrier_writes_the_notes_of_a_release(tmp_path):
    pytest.importorskip("towncrier")
    from click.testing import CliRunner
    from towncrier._shell import cli

    asked = ["build", "--draft", "--version", "1.2.3", "--date", "2030-01-02"]
    done = CliRunner().invoke(cli, [*asked, "--config", str(ROOT / "pyproject.toml")])

    assert done.exit_code == 0, done.output
    assert "## 1.2.3 (2030-01-02)" in done.output
    for path in FRAGMENTS:
        [first, *_] = path.read_text(encoding="utf-8").splitlines()
        assert first in done.output


def test_releases_are_written_above_the_list_before_the_first():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    before, found, after = text.partition("<!-- releases, the newest first -->\n")
    assert found
    assert "## " not in before
    assert "\n## Before the first release\n" in after
