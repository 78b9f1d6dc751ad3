"""Ledgers that are tables in Markdown files, with prose, links and other tables around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.evidence.claims.ledger_file import LedgerFile
from pytest_ouro.evidence.ledger.markdown_tables import tables_as_lines

from .small import TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path

HEAD = (
    "# Tries\n\nLower is better.\n\n| No | Commit | Loss | Result | Idea |\n|--:|---|---|:-:|---|\n"
)


def test_cells_are_plain_and_lines_stay_where_they_are() -> None:
    text = HEAD + "| 0 | [`1d83998`](https://x.org/a) | **3.1** | keep | a \\| b |\n\nDone.\n"

    assert tables_as_lines(text).split("\n") == [
        *[""] * 4,
        "No\tCommit\tLoss\tResult\tIdea",
        "",
        "0\t1d83998\t3.1\tkeep\ta | b",
        *[""] * 3,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\n1\t| --- | --- |\n",
        "no head\n|---|---|---|\n",
        "| a | b |\n|---|---|---|\n| 1 | 2 |\n",
        "a|b|c\n1|2|3\n",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert tables_as_lines(text) == text


def test_another_table_is_not_part_of_the_ledger() -> None:
    row = "| 1 | 1d83998 | 3.1 | keep | a |\n"
    other = "\n| Setting | Value | Unit |\n|---|---|---|\n| width | 64 | px |\n"
    more = "\n" + HEAD.replace("Idea", "Idea | Seconds").replace(":-:|---|", ":-:|---|---|")
    text = HEAD + row * 3 + other + more + "| 1 | 1d83998 | 3.1 | keep | a | 9 |\n"

    lines = [line for line in tables_as_lines(text).split("\n") if line]
    assert len(lines) == 6
    assert lines[-1].endswith("\t9")


def play(folder: Path, values: str) -> Small:
    """A loop whose table has a row for each value, ``k`` for a keep, ``d`` for a discard."""
    loop = Small(folder)
    text = HEAD
    for n, word in enumerate(values.split()):
        loop.write("train.py", TRAIN.format(lr=0.01 * (n + 1)))
        idea = f"idea {n}" if n else "baseline"
        hash = loop.save(idea)
        status = "keep" if word.endswith("k") else "discard"
        link = f"[`{hash}`](https://example.org/commit/{hash})"
        text += f"| {n} | {link} | {word[:-1]} | {status} | {idea} |\n"
        loop.write("EXPERIMENTS.md", text + "\nMore later.\n")
        if status == "discard":
            loop.git("checkout", "-q", "HEAD~1", "--", "train.py")
        loop.save(f"log: {idea}")
    return loop


def test_a_table_in_markdown_is_a_ledger(tmp_path: Path) -> None:
    found = play(tmp_path, "3.1k 2.9k 3.3d 2.5k").audit()

    assert found.ledger == "EXPERIMENTS.md"
    assert found.findings == ()
    assert [one.verdict for one in found.kept] == ["stands"] * 3
    assert [one.row for one in found.kept] == [7, 8, 10]


def test_a_worse_keep_in_it_is_an_error(tmp_path: Path) -> None:
    found = play(tmp_path, "3.1k 2.5k 3.0k 2.4k 2.3k").audit()

    assert [(one.severity, one.lines) for one in about(found, "metric")] == [("error", (9,))]


def test_a_report_beside_the_ledger_is_not_taken_for_it(tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.log(loop.save("Start"), "1.000000", "1.0", "keep", "baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    head = "| " + " | ".join(loop.header.split("\t")) + " |\n|" + "---|" * 5 + "\n"
    rows = ["| " + " | ".join(row.strip().split("\t")) + " |\n" for row in loop.rows]
    loop.write("RESULTS.md", head + "".join(rows))
    loop.save("report")

    assert loop.audit().ledger == "results.tsv"


def test_versions_of_it_that_grow_are_read_as_one_that_is_read_whole() -> None:
    from pytest_ouro.evidence.claims.columns import find
    from pytest_ouro.evidence.claims.versions import _Lines

    first = (HEAD + "| 0 | 1d83998 | 3.1 | keep | a |\n").encode()
    second = first + b"| 1 | [`2d83998`](x) | 3.0 | keep | b |\n"
    found = find(LedgerFile("E.md", second, "working tree").parse("Loss"))
    growing, whole = _Lines("E.md", "Loss", found), _Lines("E.md", "Loss", found)
    growing.read(first)

    assert growing.read(second) == whole.read(second)
    assert [row.line for row in whole.read(second)] == [7, 8]
