"""What experiments ask of the modules that measure them: held-out data, or a measurement in a
loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .small import Small, about

if TYPE_CHECKING:
    from pathlib import Path

CONTEST = (
    '"""The data and the score."""\n\nimport csv\n\n\n'
    "def load(split):\n    return list(csv.reader(open(split)))\n\n\n"
    'def error(predict):\n    return predict(load("holdout"))\n\n\n'
    'def submit(predict):\n    print(f"rmse: {error(predict):.4f}")\n'
)
FIT = "from contest import {names}\n\nRATE = {rate}\nrows = {rows}\nsubmit(lambda part: RATE)\n"
PROGRAM = "`fit.py` is yours, `contest.py` is not. Lower `rmse` is better.\n"


@pytest.fixture
def loop(tmp_path: Path) -> Small:
    """A loop of a script whose module measures and prints, after its baseline and a keep."""
    loop = Small(tmp_path, "commit\trmse\tmemory_gb\tstatus\tdescription")
    for name in ("prepare.py", "train.py"):
        (loop.folder / name).unlink()
    loop.write("contest.py", CONTEST)
    loop.write("program.md", PROGRAM)
    fit(loop, 1, 'load("train")', "baseline")
    fit(loop, 2, 'load("train")', "rate 2")
    return loop


def fit(loop: Small, rate: float, rows: str, text: str, names: str = "load, submit") -> None:
    """Commit and keep a version of the script."""
    loop.write("fit.py", FIT.format(names=names, rate=rate, rows=rows))
    loop.log(loop.save(text), f"{4 - rate / 10}", "1.0", "keep", text)
    loop.save(f"log: {text}")


@pytest.mark.parametrize(
    "rows",
    ['load("train") + load("holdout")', '[load(part) for part in ("train", "holdout")]'],
    ids=["literal", "loop"],
)
def test_a_held_out_split_that_is_loaded_is_an_error(loop: Small, rows: str) -> None:
    fit(loop, 3, rows, "more rows")

    found = loop.audit()

    assert [one.severity for one in about(found, "evaluation")] == ["error"]
    assert found.kept[-1].verdict == "void"


@pytest.mark.parametrize(
    "rows",
    ['load("train")[:9]', '[load(part) for part in ("train", "more")]', '["holdout"]'],
    ids=["part", "others", "word"],
)
def test_other_data_are_not(loop: Small, rows: str) -> None:
    fit(loop, 3, rows, "other rows")

    assert about(loop.audit(), "evaluation") == []


LOOPED = "min(error(lambda part: n) for n in range(9))"


def test_a_measurement_in_a_loop_is_an_error(loop: Small) -> None:
    fit(loop, 3, LOOPED, "choose", "error, load, submit")

    found = about(loop.audit(), "evaluation")

    assert [one.severity for one in found] == ["error"]
    assert "calls error of contest.py in a loop" in found[0].finding.headline


def test_a_loop_over_an_objective_without_held_out_data_is_a_warning(tmp_path: Path) -> None:
    loop = Small(tmp_path, "commit\trmse\tmemory_gb\tstatus\tdescription")
    for name in ("prepare.py", "train.py"):
        (loop.folder / name).unlink()
    loop.write("contest.py", CONTEST.replace("holdout", "points"))
    loop.write("program.md", PROGRAM)
    fit(loop, 1, 'load("points")', "baseline")
    fit(loop, 2, 'load("points")', "rate 2")
    fit(loop, 3, LOOPED, "search", "error, load, submit")

    assert {one.severity for one in about(loop.audit(), "evaluation")} == {"warning"}


def test_one_measurement_is_not_a_loop(loop: Small) -> None:
    fit(loop, 3, "error(lambda part: 1)", "look", "error, load, submit")

    assert about(loop.audit(), "evaluation") == []
