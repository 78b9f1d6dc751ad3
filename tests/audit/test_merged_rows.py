"""Rows that branches bring: a merge is not the commit that logs them, nor may it hide a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .small import TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def loop(tmp_path: Path) -> Small:
    """A loop after its baseline."""
    loop = Small(tmp_path)
    hash = loop.save("Start")
    loop.log(hash, "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    return loop


def merge_amended(loop: Small, rate: float) -> str:
    """An experiment on a branch, amended with its row, which has the hash from before; merged.
    Return the full id of its commit."""
    loop.git("checkout", "-q", "-b", f"try-{rate}")
    loop.write("train.py", TRAIN.format(lr=rate))
    loop.log(loop.save(f"rate {rate}"), f"{1 - rate}", "1.0", "keep", f"rate {rate}")
    loop.write("results.tsv", loop.header + "\n" + "".join(loop.rows))
    loop.git("commit", "-q", "-a", "--amend", "--no-edit")
    loop.git("update-ref", "-d", "ORIG_HEAD")
    loop.git("reflog", "expire", "--expire=now", "--all")
    commit = loop.git("rev-parse", "HEAD")
    loop.git("checkout", "-q", "main")
    loop.git("merge", "-q", "--no-ff", "-m", f"Merge: rate {rate}", f"try-{rate}")
    loop.git("prune")
    return commit


def test_rows_are_linked_to_the_commits_of_merged_branches(loop: Small) -> None:
    commits = [merge_amended(loop, rate) for rate in (0.02, 0.03)]

    found = loop.audit()

    assert [one.commit for one in found.kept[1:]] == commits
    assert {one.verdict for one in found.kept} == {"stands"}


def test_a_merge_that_drops_rows_of_the_main_line_is_reported(loop: Small) -> None:
    loop.git("branch", "side")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.git("merge", "-q", "--no-ff", "-s", "ours", "-m", "Merge side", "side")
    loop.trial(0.03, 0.97, "keep", "rate 3")
    loop.git("checkout", "-q", "side")
    loop.write("README.md", "Notes.\n")
    loop.git("add", "-A")
    loop.git("commit", "-q", "-m", "Notes")
    loop.git("checkout", "-q", "main")
    loop.git("merge", "-q", "--no-ff", "--no-commit", "side")
    loop.git("checkout", "side", "--", "results.tsv")
    loop.git("commit", "-q", "-m", "Merge notes")
    loop.rows = loop.rows[:1]
    loop.trial(0.04, 0.96, "keep", "rate 4")

    assert any(
        "not in it any more" in one.finding.headline for one in about(loop.audit(), "logged")
    )
