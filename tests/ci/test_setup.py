"""The whole action as docs/ci.md uses it, with its installation, and installations that fail."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from .act import ROOT
from .work import improve, widen

pytestmark = pytest.mark.tier(3)


@pytest.fixture
def whole(lab):
    """The laboratory with the action as it is in its repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("the tests are not in a repository: not run")
    lab.action = lab.folder / "action"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (lab.action / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, lab.action / name)
    return lab


def test_the_trial_of_the_docs(whole):
    python = f'python: "{whole.installed / "bin/python"}"'
    improve(whole)
    good = whole.judge(whole.request(), inputs=python)
    assert (good.job, good.verdict) == ("success", "lawful"), good.said
    widen(whole)
    bad = whole.judge(whole.request(), inputs=python)
    assert (bad.job, bad.verdict) == ("failure", "broken"), bad.said


def test_a_python_that_is_absent_or_too_old(whole, tmp_path):
    improve(whole)
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\necho "AssertionError: 3.9.1" >&2\nexit 1\n')
    old.chmod(0o755)

    for python in ("python-nowhere", str(old)):
        done = whole.judge(whole.request(), inputs=f'python: "{python}"')

        assert (done.job, done.verdict) == ("failure", "unjudged")
        assert any("the gate was not installed" in text for text in done.errors), done.said
        assert any("is not Python 3.10 or later" in text for text in done.errors)


def test_a_package_index_that_cannot_be_reached(whole):
    improve(whole)
    whole.env = {"PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_NO_INDEX": "", "PIP_FIND_LINKS": ""}

    done = whole.judge(whole.request(), inputs=f'python: "{whole.installed / "bin/python"}"')

    assert (done.job, done.verdict) == ("failure", "unjudged")
    assert any("its packages could not be fetched" in text for text in done.errors), done.said
