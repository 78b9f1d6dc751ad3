"""What an audit reads where words, columns and merges are of other kinds than the usual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.evidence.ledger.ledger_names import status_of
from pytest_ouro.onboarding.file_words import files

from .small import TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "editable", "fixed"),
    [
        ("You may change `a.lua` and no other file; `b.lua` is fixed.", ["a.lua"], ["b.lua"]),
        ("The agent edits `a.R` and nothing else.", ["a.R"], []),
        ("Work in `q/a.sql`; never in `b.py` or `c.csv`.", ["q/a.sql"], ["b.py", "c.csv"]),
        ("`bench.py` is locked.", [], ["bench.py"]),
        ("`a.lua` and `b.lua` are the rules of the game.", [], ["a.lua", "b.lua"]),
        ("Evolve `priority.py`.", ["priority.py"], []),
        ("Do not edit `bench.py` and nothing else will break.", [], ["bench.py"]),
        ("The lock of `bench.py` is new. We never work in teams.", [], []),
        ("The agent edits `a.R` and the rest.", [], []),
    ],
)
def test_instructions_say_what_may_change(text: str, editable: list[str], fixed: list[str]) -> None:
    assert files([(text, "")]) == (editable, fixed)


@pytest.mark.parametrize(
    ("word", "status"),
    [("new best", "keep"), ("rolled back", "discard"), ("new idea", ""), ("rolled out", "")],
)
def test_a_status_may_be_two_words(word: str, status: str) -> None:
    assert status_of(word) == status


def loop_with_names(folder: Path, columns: str, rows: list[tuple[str, ...]]) -> Small:
    """A loop whose rows have these cells behind the commit, each with a commit of its own."""
    loop = Small(folder, header=columns)
    for number, cells in enumerate(rows):
        loop.write("train.py", TRAIN.format(lr=0.01 * (number + 1)))
        loop.log(loop.save(f"rate {number}"), *cells)
        loop.save(f"log: rate {number}")
    return loop


VALUES = ("12.4", "11.3", "12.0", "10.2", "11.8", "9.7")
STATUSES = ("baseline", "keep", "discard", "keep", "discard", "keep")


@pytest.mark.parametrize(
    ("solved", "metric"),
    [(("6",) * 4 + ("4", "6"), "par2"), (("1", "2", "1", "3", "2", "4"), "solved")],
    ids=["another column is followed", "its name is right"],
)
def test_the_metric_is_the_column_that_decides(
    solved: tuple[str, ...], metric: str, tmp_path: Path
) -> None:
    rows = [
        (value, many, status, f"rate {number}")
        for number, (value, many, status) in enumerate(zip(VALUES, solved, STATUSES, strict=True))
    ]
    found = loop_with_names(tmp_path, "commit\tpar2\tsolved\tstatus\tdescription", rows).audit()

    assert found.metric is not None
    assert found.metric.name == metric


@pytest.mark.parametrize(
    ("values", "direction"),
    [
        (("0.0", "-4.1", "2.2", "-1.3", "0.9", "-2.8"), "lower"),
        (("0.0", "4.1", "-2.2", "1.3", "-0.9", "2.8"), "higher"),
        (("0.0", "-4.1", "2.2", "-1.3", "-2.0", "3.0"), ""),
    ],
    ids=["below", "above", "mixed"],
)
def test_changes_against_a_champion_tell_the_direction(
    values: tuple[str, ...], direction: str, tmp_path: Path
) -> None:
    rows = [
        (value, status, f"rate {number}")
        for number, (value, status) in enumerate(zip(values, STATUSES, strict=True))
    ]
    found = loop_with_names(tmp_path, "commit\tagainst\tstatus\tdescription", rows).audit()

    assert (found.metric.direction if found.metric else "") == direction


def test_rows_that_a_merge_doubles_are_read_once(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.log(loop.save("Start"), "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    first = loop.rows[-1]
    loop.trial(0.03, 0.96, "keep", "rate 3")
    loop.rows.append(first)
    loop.save("Merge the logs")

    assert about(loop.audit(), "metric") == []


def test_another_row_of_a_worse_value_is_said(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.log(loop.save("Start"), "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.trial(0.03, 0.96, "keep", "rate 3")
    loop.trial(0.04, 0.98, "keep", "rate 4")

    assert [one.severity for one in about(loop.audit(), "metric")] == ["error"]


def test_a_commit_after_a_merge_does_not_repeat_what_is_merged(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.log(loop.save("Start"), "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.git("checkout", "-q", "-b", "trial")
    loop.write("prepare.py", "TIME_BUDGET = 300\ndef evaluate_bpb(model):\n    return 0.5\n")
    changed = loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.git("checkout", "-q", "main")
    loop.git("merge", "-q", "--no-ff", "-m", "Merge rate 2", "trial")
    loop.trial(0.03, 0.96, "keep", "rate 3")

    found = [one for one in loop.audit().errors if one.check in ("frozen", "frozen-symbol")]
    assert {commit[:7] for one in found for commit in one.commits} == {changed}


@pytest.mark.parametrize("used", [True, False], ids=["used", "beside"])
def test_code_for_a_device_is_an_error_where_it_is_used(used: bool, tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.log(loop.save("Start"), "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    (tmp_path / "k.cubin").write_bytes(b"\x7fELF\x00\x01")
    more = "\nBINARY = open('k.cubin', 'rb').read()\n" if used else ""
    loop.write("train.py", TRAIN.format(lr=0.02) + more)
    loop.log(loop.save("ahead of time"), "0.980000", "1.0", "keep", "ahead of time")
    loop.save("log: ahead of time")

    found = about(loop.audit("train.py"), "generated-code")
    assert [one.severity for one in found] == ["error" if used else "warning"]


@pytest.mark.parametrize(
    ("word", "many"), [("local GAMES", 0), ("GAMES", 1)], ids=["local", "global"]
)
def test_a_local_name_of_lua_binds_nothing_elsewhere(word: str, many: int, tmp_path: Path) -> None:
    loop = Small(tmp_path, header="commit\tfood\tstatus\tdescription")
    loop.git("rm", "-q", "-f", "--cached", "--ignore-unmatch", "prepare.py", "train.py")
    (tmp_path / "prepare.py").unlink()
    (tmp_path / "train.py").unlink()
    loop.write("program.md", "You may change `bot.lua` and no other file; `arena.lua` is fixed.\n")
    loop.write("arena.lua", "GAMES = 300\nlocal bot = require('bot')\nprint('food: ' .. GAMES)\n")
    loop.write("bot.lua", "return {}\n")
    loop.log(loop.save("Start"), "6.1", "keep", "baseline")
    loop.save("log: baseline")
    loop.write("bot.lua", f"{word} = 20\nreturn {{}}\n")
    loop.log(loop.save("look ahead"), "6.5", "keep", "look ahead")
    loop.save("log: look ahead")

    assert len(about(loop.audit(), "budget-exact")) == many


@pytest.mark.parametrize(("name", "severity"), [("speedup", "error"), ("speedup_pct", "warning")])
def test_a_speedup_is_never_negative(name: str, severity: str, tmp_path: Path) -> None:
    rows = [("1.2", "keep", "a"), ("1.3", "keep", "b"), ("1.1", "discard", "c")]
    rows.append(("-3.1", "keep", "d"))
    loop = loop_with_names(tmp_path, f"commit\t{name}\tstatus\tdescription", rows)

    found = about(loop.audit(), "metric")
    assert [one.severity for one in found if "-3.1" in one.finding.headline] == [severity]
