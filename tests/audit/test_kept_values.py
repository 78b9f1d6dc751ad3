"""What excuses a kept value that is worse, and which values cannot be, each beside the contrary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .small import TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.audit.result import Audit


def play(folder: Path, metric: str, values: str, more: str = "", cells: str = "") -> Audit:
    """Audit a loop that has the rows ``values``: each a value and a letter, ``k`` for a keep and
    ``d`` for a discard that is taken back. ``more`` is a further column with the ``cells``."""
    loop = Small(folder, "\t".join(filter(None, ("commit", metric, more, "status", "description"))))
    extra = iter(cells.split())
    for n, word in enumerate(values.split()):
        text = f"idea {n}" if n else "baseline"
        loop.write("train.py", TRAIN.format(lr=0.01 * (n + 1)))
        hash = loop.save(text)
        status = "keep" if word.endswith("k") else "discard"
        loop.log(hash, word[:-1], *([next(extra)] if more else []), status, text)
        if status == "discard":
            loop.git("revert", "--no-edit", "HEAD")
        loop.save(f"log: {text}")
    return loop.audit()


def severities(found: Audit) -> list[str]:
    """How each finding about kept values weighs."""
    return sorted(one.severity for one in about(found, "metric"))


@pytest.mark.parametrize(
    ("more", "cells", "severity"),
    [
        ("n", "0 1 2 3 4", "error"),  # it counts the rows
        ("latency_ms", "9 9 9 12 9", "error"),  # it became worse, too
        ("latency_ms", "9 9 9 5 9", "warning"),
        ("width", "9 9 9 5 9", "warning"),  # nothing says which is better
    ],
)
def test_another_column_excuses_a_worse_value_if_it_is_better(
    tmp_path: Path, more: str, cells: str, severity: str
) -> None:
    found = play(tmp_path, "val_bpb", "1.0k 0.9k 0.8k 0.95k 0.7k", more, cells)

    assert severities(found) == [severity]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("1.0k 0.9k 0.8k 0.7k 0.65k 0.6k 0.7k 0.69k 0.68k", ["warning"]),  # it goes on from there
        ("1.0k 0.9k 0.8k 0.7k 0.65k 0.6k 0.7k 0.72k 0.8d", ["error", "error"]),
    ],
)
def test_conditions_changed_only_where_the_loop_goes_on_from_there(
    tmp_path: Path, values: str, expected: list[str]
) -> None:
    assert severities(play(tmp_path, "val_bpb", values)) == expected


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("elo_vs_best", "0.0k 31.5k 9.0k -3.0d 12.0k -1.0d", ["warning"]),
        ("elo", "0.0k 31.5k 9.0k -3.0d 39.0k -1.0d", ["warning"]),
        ("elo", "0.0k 31.5k 22.0k 3.0d 39.0k -1.0d", ["error"]),  # a better one was discarded
    ],
)
def test_values_relative_to_the_best_need_not_rise(
    tmp_path: Path, metric: str, values: str, expected: list[str]
) -> None:
    assert severities(play(tmp_path, metric, values)) == expected


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("ns_per_iter", "8120k 7910k 8200d 0k -3k", ["error", "error"]),
        ("build_errors", "812k 791k 820d 0k", ["warning"]),
    ],
)
def test_no_run_takes_no_time(
    tmp_path: Path, metric: str, values: str, expected: list[str]
) -> None:
    assert severities(play(tmp_path, metric, values)) == expected


def test_the_luckiest_repeat_is_not_the_best(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    hash = loop.save("Start")
    for value in ("1.000000", "1.003000", "0.997000"):
        loop.log(hash, value, "1.0", "baseline", "baseline")
    loop.save("log: baseline")
    loop.trial(0.02, 0.996, "keep", "rate 2")
    for n in range(4):
        loop.trial(0.03 + n, 1.2, "discard", f"rate {3 + n}")
        loop.git("revert", "--no-edit", "HEAD~1")
    found = loop.audit()

    assert found.honest_best is not None
    assert found.honest_best.value == 1.0
    assert found.curve[-1].honest_best == 1.0


def test_rows_without_statuses_and_commits_are_unverifiable(tmp_path: Path) -> None:
    loop = Small(tmp_path, "val_bpb\tnotes")
    loop.save("Start")
    for n in range(4):
        loop.log(f"0.9{9 - n}", f"the rate is {n} times as large")
    loop.save("results")

    assert ["4 rows" in one.finding.headline for one in about(loop.audit(), "logged")] == [True]


def test_a_value_after_one_that_was_made_better_is_not_compared_with_it(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    hash = loop.save("Start")
    loop.log(hash, "1.000000", "1.0", "keep", "baseline")
    loop.save("log: baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.trial(0.03, 0.99, "discard", "rate 3")
    loop.git("revert", "--no-edit", "HEAD~1")
    loop.trial(0.04, 0.97, "keep", "rate 4")
    loop.rows[2] = loop.rows[2].replace("0.990000", "0.890000").replace("discard", "keep")
    loop.save("results")
    loop.trial(0.05, 0.96, "keep", "rate 5")
    found = loop.audit()

    assert [one.severity for one in about(found, "logged")] == ["error"]
    assert severities(found) == []


@pytest.mark.parametrize("fixed", ["The files in `benches/` are fixed.", "Be quick."])
def test_a_fixed_folder_is_what_measures(tmp_path: Path, fixed: str) -> None:
    loop = Small(tmp_path, "commit\tns_per_iter\tstatus\tdescription")
    for name in ("prepare.py", "train.py"):
        (tmp_path / name).unlink()
    loop.write("AGENTS.md", f"# Speed\n\nOnly `src/lib.rs` may change. Lower is better. {fixed}\n")
    loop.write("benches/fields.rs", "const N: usize = 100;\n")
    values = (900, 800, 700, 200)
    for n, value in enumerate(values):
        loop.write("src/lib.rs", f"const CHUNK: usize = {n};\n")
        if value == values[-1]:
            loop.write("benches/fields.rs", "const N: usize = 10;\n")
        text = f"chunk {n}" if n else "baseline"
        loop.log(loop.save(text), str(value), "keep", text)
    loop.save("log")
    found = about(loop.audit(), "frozen")

    assert [one.severity for one in found] == (["error"] if "fixed" in fixed else [])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("5.8k 5.3k 4.8k 7.4k 6.0d", ["error"]),  # 6.0 is better than 7.4, and worse than 4.8
        ("5.8k 5.3k 4.8k 7.4k 7.9d", ["warning"]),  # all is larger from there on
        ("5.8k 5.3k 4.8k 7.4k 7.2k 7.5d", ["warning"]),
        ("5.8k 5.3k 4.8k 7.4k", ["warning"]),
        ("0.58k 0.53k 0.48k 47.0k 0.6d", ["warning"]),  # one row in per cent
        ("5.8k 5.3k 4.8k 7.4k 4.7d", ["warning"]),  # what was discarded is better than both
    ],
)
def test_a_later_discard_tells_whether_the_scale_has_changed(
    values: str, expected: list[str], tmp_path: Path
) -> None:
    assert severities(play(tmp_path, "val_loss", values)) == expected
