"""The page names the versions that the tests of this folder run, and when."""

import re
from pathlib import Path

import pytest

from .conftest import install
from .programs import PROGRAMS, pinned

PAGE = (Path(__file__).parents[3] / "docs/agents.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_page_lists_each_pinned_version_with_its_package(name):
    package = PROGRAMS[name].package

    assert re.search(rf"(?m)^\| [\w ]+ \| `{package}` {re.escape(pinned()[package])} \|", PAGE)


def test_the_page_lists_no_other_version():
    rows = re.findall(r"(?m)^\| [\w ]+ \| `(@[\w/-]+)` ([\d.]+) \|", PAGE)

    assert dict(rows) == pinned()
    assert len(rows) == len(PROGRAMS)
    assert "Seen on 29 November 2026" in PAGE


def test_what_cannot_be_installed_is_not_run(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code E404' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    folder = tmp_path / "programs"
    folder.mkdir()

    with pytest.raises(pytest.skip.Exception, match=r"^not run: npm cannot install x@1: npm error"):
        install(folder, "x@1")
