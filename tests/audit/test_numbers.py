"""Numbers as people write them, and ledgers in other forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ouro.evidence.claims.ledger_file import LedgerFile
from pytest_ouro.evidence.claims.numbers import numbers_of
from pytest_ouro.evidence.claims.rows import read_rows


@pytest.mark.parametrize(
    ("cells", "plain"),
    [
        (["50,25", "53,1"], ["50.25", "53.1"]),
        (["1,234", "12,345.5"], ["1234", "12345.5"]),
        (["1.234,5", "2,25"], ["1234.5", "2.25"]),
        (["0,508"], ["0.508"]),
        (["1'234.5", "1 234"], ["1234.5", "1234"]),
        (["842.6 ms", "1.02 s", "790 ms"], ["842.6", "1020", "790"]),
        (["1.2M", "900k", "2M"], ["1.2", "0.9", "2"]),
        (["0.91 ± 0.02", "−0.3"], ["0.91", "-0.3"]),
        (["2m13s", "45s"], ["133", "45"]),
        (["37/50"], ["37"]),
    ],
)
def test_numbers_are_read_as_people_write_them(cells: list[str], plain: list[str]) -> None:
    numbers = numbers_of(cells)

    assert [numbers.plain(cell) for cell in cells] == plain


@pytest.mark.parametrize(
    "cell", ["0.508", "", "n/a", "404933e", "12:30", "2026-03-08", "08.03.2026", "1.2.3", "keep"]
)
def test_other_cells_are_left_as_they_are(cell: str) -> None:
    assert numbers_of([cell]).plain(cell) == cell


def test_commas_alone_are_decimal_only_where_the_cells_are_apart_by_semicolons() -> None:
    assert numbers_of(["41,520"]).plain("41,520") == "41520"
    assert numbers_of(["41,520"], commas=True).plain("41,520") == "41.520"


LIST = """\
[
  {"commit": "a1b2c3d", "loss": 1.5,
   "status": "keep"},
  {"commit": "b2c3d4f", "loss": 1.4, "status": "keep"}
]
"""
ALIGNED = "commit   loss  status   what\na1b2c3d  1.5   keep     a b\nb2c3d4f  1.4   discard  c\n"
UNKNOWN = "who,q,fate\nann,1.5,in\nbob,1.4,out\n"


@pytest.mark.parametrize(
    ("name", "text", "metric", "lines"),
    [
        ("runs.json", LIST, "loss", [2, 4]),
        ("runs.txt", ALIGNED, "loss", [2, 3]),
        ("log.csv", UNKNOWN, "q", [2, 3]),
    ],
)
def test_rows_of_other_forms_are_read(name: str, text: str, metric: str, lines: list[int]) -> None:
    ledger = LedgerFile(name, text.encode(), "working tree").parse(metric)

    found = read_rows(ledger, metric).rows

    assert [(row.line, row.value) for row in found] == list(zip(lines, [1.5, 1.4], strict=True))


def test_a_list_of_other_things_is_left_as_it_is() -> None:
    data = b'[1, {"a": 2}, "x"]\n'

    assert LedgerFile("a.json", data, "working tree").parse().path == Path("a.json")
    assert read_rows(LedgerFile("a.json", data, "working tree").parse("a"), "a").rows == ()
