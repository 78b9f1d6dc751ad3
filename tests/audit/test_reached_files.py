"""Files beside the one that an experiment edits: which of them are part of it, by the words of the
project or by the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .small import TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.audit.result import Audit

PROGRAM = (
    "# Loop\n\n`train.py` is yours, `prepare.py` and `series/` are not. Lower `val_bpb` is\n"
    "better. Each run is a line of results.tsv. The folders with what a run reads, as `data/`,\n"
    "are read-only.\n"
)


@pytest.fixture
def loop(tmp_path: Path) -> Small:
    """A loop whose instructions say in their own words what may change, after its baseline."""
    loop = Small(tmp_path)
    loop.write("program.md", PROGRAM)
    loop.write("data/train.csv", "1,2\n")
    hash = loop.save("Start")
    loop.log(hash, "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    return loop


def keep(loop: Small, more: str) -> Audit:
    """The audit after a kept experiment that adds these lines to train.py."""
    loop.write("train.py", TRAIN.format(lr=0.05) + more)
    hash = loop.save("another idea")
    loop.log(hash, "0.970000", "1.0", "keep", "another idea")
    loop.save("log: another idea")
    return loop.audit()


def severities(found: Audit) -> list[str]:
    return [one.severity for one in about(found, "scope")]


def test_words_of_a_project_say_what_may_change(loop: Small) -> None:
    found = loop.audit()

    inferred = {one.what: one.value for one in found.inferences}
    assert inferred["editable"] == "train.py"
    assert "prepare.py" in inferred["harness"]
    assert [one.verdict for one in found.kept] == ["stands", "stands"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("settings.json", 'import json\nLR = json.load(open("settings.json"))["lr"]\n'),
        ("table.inc", 'TEXT = open("table.inc").read()\n'),
    ],
)
def test_a_file_that_the_new_code_reads_is_part_of_the_experiment(
    loop: Small, path: str, line: str
) -> None:
    loop.write(path, "{}\n")

    found = keep(loop, line)

    assert severities(found) == ["error"]
    assert found.kept[-1].verdict == "void"


@pytest.mark.parametrize(
    "line",
    ['print("done", file=open("last.json", "w"))\n', 'OUT = "last.json"\n', "pass\n"],
    ids=["written", "named", "unknown"],
)
def test_a_file_that_a_run_writes_is_not(loop: Small, line: str) -> None:
    loop.write("last.json", "{}\n")

    found = keep(loop, line)

    assert severities(found) == []


def test_data_that_the_words_forbid_are_part_of_the_experiment(loop: Small) -> None:
    loop.write("data/train.csv", "1,2\n3,4\n")

    assert severities(keep(loop, "")) == ["error"]


def test_a_project_without_a_program_is_judged(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.write("train.py", "import contest\ncontest.submit(1)\n")
    hash = loop.save("Start")
    loop.log(hash, "1.000000", "1.0", "keep", "baseline")
    for number in (2, 3):
        loop.write("train.py", f"import contest\ncontest.submit({number})\n")
        hash = loop.save(f"value {number}")
        loop.log(hash, f"{1 - number / 100}", "1.0", "keep", f"value {number}")
    loop.save("log")

    found = loop.audit()

    assert [one.verdict for one in found.kept] == ["stands"] * 3
    assert {one.name: one.state for one in found.statements}["scope"] == "reached"


def test_instructions_in_a_folder_are_about_its_files(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    (loop.folder / "train.py").unlink()
    words = "`fit.py` is yours, `contest.py` is not. Lower `val_bpb` is better.\n"
    loop.write("lab/program.md", words)
    loop.write("lab/contest.py", "SKIP = 3\n")
    loop.write("lab/fit.py", "RATE = 1\n")
    loop.save("Start")
    rows = [loop.header + "\n"]
    for number in (2, 3, 4):
        loop.write("lab/fit.py", f"RATE = {number}\n")
        rows.append(f"{loop.save('rate')}\t{1 - number / 100}\t1.0\tkeep\trate {number}\n")
        loop.write("lab/results.tsv", "".join(rows))
    loop.save("log")

    found = loop.audit()

    assert {one.what: one.value for one in found.inferences}["editable"] == "lab/fit.py"
    assert about(found, "scope") == []
