"""Rows whose commit cells have tags, or what ``git describe`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.evidence.ledger.ledger_names import commit_of

from .small import TRAIN, Small

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("cell", "hash"),
    [
        ("v0.3.0-12-g1a2b3c4", "1a2b3c4"),
        ("exp/base-1-g1A2B3C4D-dirty", "1a2b3c4d"),
        ("v0.3.0", ""),
        ("big-green-g1a2b3c4", ""),  # no number of commits
        ("v1-2-g1a2b", ""),  # too short
        ("v1-2-g1a2b3c4z", ""),
    ],
)
def test_what_git_describe_prints_has_a_hash(cell: str, hash: str) -> None:
    assert commit_of(cell) == hash


@pytest.mark.parametrize("kind", ["light", "annotated"])
def test_a_row_with_a_tag_is_about_the_commit_of_the_tag(kind: str, tmp_path: Path) -> None:
    loop = Small(tmp_path)
    start = loop.save("Start")
    loop.git("tag", *(["-a", "-m", "first"] if kind == "annotated" else []), "v1.0")
    loop.log("v1.0", "1.000000", "1.0", "keep", "baseline")
    loop.save("notes")
    loop.write("train.py", TRAIN.format(lr=0.02))
    loop.save("twice")
    loop.log(loop.git("describe", "--tags", "--long"), "0.980000", "1.0", "keep", "another rate")
    loop.save("log")

    found = loop.audit("train.py")
    assert [one.verdict for one in found.kept] == ["stands", "stands"]
    assert found.kept[0].commit[:7] == start


@pytest.mark.parametrize("cell", ["v1.0", "tree"])
def test_a_cell_that_is_not_a_tag_of_a_commit_names_none(cell: str, tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.save("Start")
    loop.git("tag", "tree", "HEAD^{tree}")
    loop.git("tag", "v1.0.1")
    loop.trial(0.02, 0.98, "keep", "twice")
    loop.trial(0.03, 0.97, "keep", "thrice")
    loop.log(cell, "0.960000", "1.0", "keep", "a claim")
    loop.write("results.tsv", loop.header + "\n" + "".join(loop.rows))

    assert [one.verdict for one in loop.audit("train.py").kept][-1] == "doubtful"
