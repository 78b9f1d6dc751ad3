"""Histories that look like a broken rule and have an innocent explanation, each beside one that
has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .small import TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def loop(tmp_path: Path) -> Small:
    """A loop after its baseline, a keep and a discard that was taken back."""
    loop = Small(tmp_path)
    hash = loop.save("Start")
    loop.log(hash, "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.trial(0.03, 0.99, "discard", "rate 3")
    loop.git("revert", "--no-edit", "HEAD~1")
    return loop


@pytest.mark.parametrize(
    ("old", "new"),
    [(0, "0123abc"), (4, "rate 3, which was too much")],
    ids=["hash", "description"],
)
def test_a_row_that_is_corrected_is_not_removed(loop: Small, old: int, new: str) -> None:
    cells = loop.rows[-1].rstrip("\n").split("\t")
    cells[old] = new
    loop.rows[-1] = "\t".join(cells) + "\n"
    loop.save("fix: correct a row")
    loop.trial(0.04, 0.97, "keep", "rate 4")

    assert about(loop.audit(), "logged") == []


def test_a_failure_that_is_removed_is_an_error(loop: Small) -> None:
    loop.rows.pop()
    loop.save("fix: correct the log")
    loop.trial(0.04, 0.97, "keep", "rate 4")

    assert "error" in {one.severity for one in about(loop.audit(), "logged")}


def test_a_row_without_a_result_may_be_removed(loop: Small) -> None:
    loop.log("0123abc", "", "0.0", "discard", "a long run")
    loop.save("log: a long run")
    loop.rows.pop()
    loop.save("fix: correct the log")
    loop.trial(0.04, 0.97, "keep", "rate 4")

    assert {one.severity for one in about(loop.audit(), "logged")} <= {"warning"}


@pytest.mark.parametrize("decided", [True, False], ids=["with its .gitignore", "by force"])
def test_a_ledger_may_be_committed_once_gitignore_allows_it(tmp_path: Path, decided: bool) -> None:
    loop = Small(tmp_path)
    loop.write("program.md", "Edit only `train.py`. Never commit `results.tsv`.\n")
    loop.write(".gitignore", "results.tsv\n")
    hash = loop.save("Start")
    if decided:
        loop.write(".gitignore", "run.log\n")
        loop.write("program.md", "Edit only `train.py`. Commit `results.tsv` with each try.\n")
        loop.save("Track the results")
    loop.log(hash, "1.000000", "1.0", "keep", "baseline")
    for number in (2, 3):
        loop.write("train.py", TRAIN.format(lr=number / 100))
        loop.save(f"rate {number}")
        loop.log(loop.git("rev-parse", "--short", "HEAD"), f"{1 - number / 100}", "1.0", "keep", "")
        loop.write("results.tsv", loop.header + "\n" + "".join(loop.rows))
        loop.git("add", "-f", "results.tsv")
        loop.git("commit", "-q", "--amend", "--no-edit")

    assert [one.severity for one in about(loop.audit(), "untracked")] == (
        [] if decided else ["error"]
    )


def test_a_commit_that_adds_a_whole_table_is_not_its_experiment(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.save("Start")
    loop.write("train.py", TRAIN.format(lr=0.02))
    loop.log("-", "1.000000", "1.0", "keep", "baseline")
    for number in (2, 3, 4):
        loop.log("-", f"{1 - number / 100}", "1.0", "keep", f"rate {number}")
        loop.log("-", f"{1 + number / 100}", "1.0", "discard", f"depth {number}")
    loop.save("Publish the results")

    found = loop.audit()

    assert {one.commit for one in found.kept} == {""}
    assert about(found, "settled") == []


def test_a_commit_that_adds_a_keep_after_failures_is_that_of_the_keep(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.save("Start")
    loop.log("-", "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.write("train.py", TRAIN.format(lr=0.02))
    loop.log("-", "1.100000", "1.0", "discard", "depth 3")
    loop.log("-", "0.980000", "1.0", "keep", "rate 2")
    hash = loop.save("rate 2")

    found = loop.audit()

    assert found.kept[-1].commit.startswith(hash)
    assert about(found, "settled") == []


@pytest.mark.parametrize(("status", "severity"), [("discard", "warning"), ("keep", "error")])
def test_only_a_kept_value_gains_by_being_rewritten(
    loop: Small, status: str, severity: str
) -> None:
    loop.trial(0.04, 0.97, status, "rate 4")
    if status == "discard":
        loop.git("revert", "--no-edit", "HEAD~1")
    loop.rows[-1] = loop.rows[-1].replace("0.970000", "0.960000")
    loop.save("log: the run has ended")
    loop.trial(0.05, 0.95, "keep", "rate 5")

    assert [one.severity for one in about(loop.audit(), "logged")] == [severity]


@pytest.mark.parametrize("developed", [True, False])
def test_a_discard_that_a_later_keep_develops_is_not_left(tmp_path: Path, developed: bool) -> None:
    loop = Small(tmp_path)
    loop.write("games/__init__.py", "names = ['first']\n")
    hash = loop.save("Start")
    loop.log(hash, "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.write("games/__init__.py", "names = ['first', 'second']\n")
    loop.write("games/second.py", "def play(board):\n    return board.sum(0)\n")
    loop.log(loop.save("second game"), "0.990000", "1.0", "discard", "second game")
    loop.save("log: second game")
    if developed:
        loop.write("games/second.py", "def play(board):\n    return board.mean(1) + board.max(0)\n")
    loop.trial(0.03, 0.97, "keep", "rate 3")

    found = about(loop.audit("train.py", "games/**"), "settled")

    assert [one.severity for one in found] == ([] if developed else ["error"])


def test_a_failure_of_code_without_a_commit_may_be_removed(loop: Small) -> None:
    loop.log("reverted", "1.2", "0.0", "discard", "a code that was never committed")
    loop.save("log: a failure")
    loop.rows[-1] = "reverted\t1.3\t0.0\tdiscard\tanother code\n"
    loop.save("fix: log again")
    loop.trial(0.04, 0.97, "keep", "rate 4")

    assert {one.severity for one in about(loop.audit(), "logged")} == {"warning"}


@pytest.mark.parametrize(("game", "severity"), [("maze", "warning"), ("chess", "error")])
def test_values_of_two_things_are_not_compared(tmp_path: Path, game: str, severity: str) -> None:
    loop = Small(tmp_path, "commit\tval_bpb\tstatus\tgame\tdescription")
    loop.log(loop.save("Start"), "1.0", "keep", "chess", "baseline")
    values = [("chess", 0.98), (game, 0.995), ("chess", 0.97), ("chess", 0.96), ("chess", 0.95)]
    for number, (about_game, value) in enumerate(values, 2):
        loop.write("train.py", TRAIN.format(lr=number / 100))
        loop.log(loop.save(f"rate {number}"), f"{value}", "keep", about_game, f"rate {number}")
        loop.save(f"log: rate {number}")

    assert [one.severity for one in about(loop.audit(), "metric")] == [severity]


@pytest.mark.parametrize(("cell", "left"), [("uncommitted", False), ("-", True)])
def test_a_failure_that_was_not_committed_is_not_left(
    tmp_path: Path, cell: str, left: bool
) -> None:
    loop = Small(tmp_path)
    loop.log(loop.save("Start"), "1.0", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.write("train.py", TRAIN.format(lr=0.01) + "print('a new report')\n")
    loop.log(cell, "1.1", "1.0", "discard", "tied weights")
    loop.save("Report more")

    assert bool(about(loop.audit(), "settled")) is left


def added(loop: Small, rate: float, subject: str, status: str, text: str) -> None:
    """One commit with a rate and a row, which names the commit before."""
    parent = loop.git("rev-parse", "--short=7", "HEAD")
    loop.write("train.py", TRAIN.format(lr=rate))
    loop.log(parent, f"{1 - rate}", "1.0", status, text)
    loop.save(subject)


@pytest.mark.parametrize(
    ("subject", "severities"),
    [("rate 9", {"error"}), ("next: another schedule", set[str]())],
    ids=["its own", "of another"],
)
def test_a_discard_is_left_where_its_row_is_about_the_commit_that_adds_it(
    loop: Small, subject: str, severities: set[str]
) -> None:
    added(loop, 0.09, subject, "discard", "rate 9")
    loop.write("README.md", "Notes.\n")
    loop.save("docs: notes")
    loop.write("train.py", TRAIN.format(lr=0.09) + "DEPTH = 3\n")
    loop.log(loop.save("depth 3"), "0.900000", "1.0", "keep", "depth 3")
    loop.save("log: depth 3")

    assert {one.severity for one in about(loop.audit(), "settled")} == severities


@pytest.mark.parametrize(
    ("subject", "text", "severity"),
    [
        ("clean up", "rate 4", "error"),
        ("Start a new session", "rate 4", "warning"),
        ("clean up", "baseline of today", "warning"),
    ],
    ids=["gone", "session", "baseline"],
)
def test_an_emptied_ledger_is_an_error_if_the_loop_goes_on(
    loop: Small, subject: str, text: str, severity: str
) -> None:
    loop.rows.clear()
    loop.write("results.tsv", loop.header + "\n")
    loop.save(subject)
    loop.trial(0.04, 0.97, "keep", text)
    loop.trial(0.05, 0.96, "keep", "rate 5")

    found = about(loop.audit(), "logged")

    assert {one.severity for one in found if "any more" in one.finding.headline} == {severity}


@pytest.mark.parametrize(
    ("name", "checks"), [("MAX_STEPS", {"budget-exact"}), ("EVAL_STEPS", set[str]())]
)
def test_steps_of_the_harness_are_a_budget_if_the_script_uses_them(
    tmp_path: Path, name: str, checks: set[str]
) -> None:
    loop = Small(tmp_path)
    code = f"from prepare import MAX_STEPS\n{TRAIN}"
    harness = "MAX_STEPS = 20\nEVAL_STEPS = 10\ndef evaluate_bpb(model):\n    return 1.0\n"
    loop.write("prepare.py", harness)
    for number in (1, 2, 3):
        loop.write("train.py", code.format(lr=number / 100))
        if number == 3:
            loop.write("prepare.py", harness.replace(f"{name} = ", f"{name} = 4"))
        loop.log(loop.save(f"rate {number}"), f"{1 - number / 100}", "1.0", "keep", f"{number}")
    loop.save("log")

    found = {one.check for one in loop.audit().findings if one.severity == "error"}

    assert found & {"budget-exact"} == checks


@pytest.mark.parametrize(
    ("gone", "subject", "severity"),
    [
        (slice(2, 4), "rate 6", "error"),  # two failures, and the keep below them stays
        (slice(2, 5), "rate 6", "warning"),  # as an older version of the file has it
        (slice(1, 4), "rate 6", "warning"),  # a keep among them
        (slice(2, 4), "rate 6, rows moved", "warning"),
        (slice(3, 4), "rate 6", "warning"),
    ],
    ids=["failures", "to the end", "a keep too", "moved", "one"],
)
def test_failures_taken_out_beside_a_change_of_code(
    gone: slice, subject: str, severity: str, loop: Small
) -> None:
    loop.trial(0.04, 0.995, "discard", "rate 4")
    loop.git("revert", "--no-edit", "HEAD~1")
    loop.trial(0.05, 0.97, "keep", "rate 5")
    del loop.rows[gone]
    loop.write("train.py", TRAIN.format(lr=0.06))
    loop.log(loop.git("rev-parse", "--short=7", "HEAD"), "0.96", "1.0", "keep", subject)
    loop.save(subject)

    found = [
        one for one in about(loop.audit("train.py"), "logged") if "had" in one.finding.headline
    ]
    assert [one.severity for one in found] == [severity]
