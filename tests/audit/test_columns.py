"""Which columns of a ledger are recognised by their cells, where their names say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ouro.audit.inference.metric import infer_metric
from pytest_ouro.evidence.claims.columns import counts_rows, find
from pytest_ouro.evidence.claims.rows import read_rows
from pytest_ouro.evidence.ledger.ledger import parse

NIGHT = (
    ("a1b2c3d", "5.10", "Improved", "the code as it is"),
    ("b2c3d4e", "4.80", "Improved", "a wider layer"),
    ("c3d4e5f", "4.95", "Reverted", "a narrow layer"),
    ("d4e5f60", "4.60", "Improved", "two wide layers"),
)


def table(header: str, rows: list[str], name: str = "results.tsv"):
    return parse("\n".join([*([header] if header else []), *rows, ""]).encode(), Path(name), "")


def test_unusual_names_are_recognised_by_their_cells():
    read = table("rev\tq\tresult\ttext", ["\t".join(row) for row in NIGHT])

    assert find(read)[:4] == ("", "result", "text", "")
    assert infer_metric(read, "", "", ()).value == "q"
    assert [row.status for row in read_rows(read, "q").rows] == ["keep", "keep", "discard", "keep"]


def test_without_a_header_the_metric_is_what_the_statuses_follow():
    rows = [
        f"{commit}\tnet-2\t{11.5 - n % 2}\t{value}\t1797\t{status}\t{text}"
        for n, (commit, value, status, text) in enumerate(NIGHT)
    ]
    read = read_rows(table("", rows), "")

    assert [row.value for row in read.rows] == [5.1, 4.8, 4.95, 4.6]
    assert [row.hash for row in read.rows] == [row[0] for row in NIGHT]


def test_objects_within_objects_are_columns():
    rows = [
        f'{{"n": {n}, "commit": "{commit}", "run": {{"ns_per_iter": {value}, "kept": "{word}"}}}}'
        for n, (commit, value, word, _) in enumerate(NIGHT)
    ]
    read = table("", rows, "log.jsonl")
    name = infer_metric(read, "", "", ()).value

    assert name == "ns_per_iter"
    assert [row.value for row in read_rows(read, name).rows] == [5.1, 4.8, 4.95, 4.6]


@pytest.mark.parametrize(
    ("names", "metric"),
    [
        ("iter\telo_vs_best", "elo_vs_best"),
        ("walltime\tns_per_op", "ns_per_op"),
        ("hidden_width\tbits", "hidden_width"),
        ("n\ttrain_time", ""),
        ("best_so_far\tlr", ""),
    ],
)
def test_the_name_of_a_metric(names: str, metric: str):
    rows = [f"{a}\t{n}\t{b}\tkeep\tx" for n, (a, b, *_) in enumerate(NIGHT)]
    first, second = names.split("\t")
    read = table(f"commit\t{first}\t{second}\tstatus\tnote", rows)
    if metric == first:  # not the numbers that count
        read = table(f"commit\t{second}\t{first}\tstatus\tnote", rows)

    assert infer_metric(read, "", "", ()).value == metric


@pytest.mark.parametrize(
    ("column", "order", "metric"),
    [
        ("runtime_s", (0, 1, 2, 3), "runtime_s"),
        ("peak_memory_mb", (0, 1, 2, 3), "peak_memory_mb"),
        ("runtime_s", (1, 0, 3, 2), ""),  # what is kept does not follow it
    ],
)
def test_a_time_is_the_metric_if_the_statuses_follow_it(
    column: str, order: tuple[int, ...], metric: str
):
    rows = [
        f"{commit}\t{NIGHT[n][1]}\t{status}\t{text}"
        for n, (commit, _, status, text) in zip(order, NIGHT, strict=True)
    ]

    assert infer_metric(table(f"commit\t{column}\tstatus\tnote", rows), "", "", ()).value == metric


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        ("0 1 2 3", True),
        ("7 8 9 11", True),
        ("5 4 3 2", False),
        ("1 1 1", False),
        ("1.5 2.5 3.5", False),
    ],
)
def test_a_column_that_counts(cells: str, counts: bool):
    assert counts_rows(cells.split()) is counts
