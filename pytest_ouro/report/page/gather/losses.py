"""Compare the losses of two commits by parts of the judged rows: what got better, what worse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_ouro.child.losses.file import COLUMNS
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.records.row_losses import read_losses
from pytest_ouro.experiment.verdict.rows_error import paired_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.child.losses.file import RowLosses
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.report.page.facts import Losses, Slice
    from pytest_ouro.report.page.source import Source

_NAMES = {
    "first": "first quarter of a row",
    "second": "second quarter",
    "third": "third quarter",
    "fourth": "last quarter of a row",
    "rare": "rare bytes",
}
_LENGTHS = ("shortest third of the rows", "middle third", "longest third of the rows")


def compare_losses(source: Source, baseline: FinishedRun, tip: FinishedRun) -> Losses | None:
    """Return what got better and worse from the kept run ``baseline`` to ``tip``; None if their
    losses are not stored, are of different rows, or are not all finite. If pairs of a certificate
    compare the two commits, the losses of these runs are averaged, which takes out what is due to
    single runs."""
    pairs = _find_pairs(source, baseline.commit, tip.commit)
    found = [_read(source, pair) for pair in pairs or [(baseline, tip)]]
    known = [pair for pair in found if pair is not None]
    if not known or any(not _are_alike(one, known[0][0]) for pair in known for one in pair):
        return None
    first, rows = known[0][0], len(known[0][0].rows)
    before = [_average([one.nats[name] for one, _ in known]) for name in COLUMNS]
    after = [_average([one.nats[name] for _, one in known]) for name in COLUMNS]
    slices = [
        _make_slice(_NAMES[name], old, new, first.num_bytes[name])
        for name, old, new in zip(COLUMNS, before, after, strict=True)
    ]
    old = [sum(parts) for parts in zip(*before[:4], strict=True)]
    new = [sum(parts) for parts in zip(*after[:4], strict=True)]
    sizes = first.row_bytes
    slices += _slice_by_length(old, new, sizes)
    return {
        "baseline": baseline.commit,
        "tip": tip.commit,
        "pairs": len(known) if pairs else 0,
        "slices": [one for one in slices if one is not None],
        "rows": rows,
        "worse": sum(b > a for a, b in zip(old, new, strict=True)),
    }


def _find_pairs(source: Source, baseline: str, tip: str) -> list[tuple[FinishedRun, FinishedRun]]:
    """Return the runs of the pairs of the last certificate that compares these commits; [] without
    one. Pairs whose runs are not known are left out."""
    runs = {run.run: run for run in source.runs}
    for one in reversed(source.statements):
        if (one.event, one.baseline, one.tip) != ("certificate", baseline, tip) or not one.pairs:
            continue
        found = []
        for pair in one.pairs:
            names = pair.get("runs")
            if isinstance(names, list | tuple) and len(names) == 2:
                before, after = (runs.get(str(name)) for name in names)
                found += [(before, after)] if before and after else []
        return found
    return []


def _read(
    source: Source, pair: tuple[FinishedRun, FinishedRun]
) -> tuple[RowLosses, RowLosses] | None:
    """Return the losses of two runs; None if one is not stored, or is not what was recorded."""
    try:
        one, other = (read_losses(source.journal, run) for run in pair)
    except OuroError:
        return None
    return None if one is None or other is None else (one, other)


def _are_alike(one: RowLosses, other: RowLosses) -> bool:
    """Return whether two files are about the same rows, and all losses of ``one`` are finite."""
    same = [*one.rows] == [*other.rows] and dict(one.num_bytes) == dict(other.num_bytes)
    return same and all(map(math.isfinite, (n for name in COLUMNS for n in one.nats[name])))


def _average(columns: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of several columns, row by row."""
    return [math.fsum(values) / len(columns) for values in zip(*columns, strict=True)]


def _make_slice(
    name: str, before: Sequence[float], after: Sequence[float], sizes: Sequence[int]
) -> Slice | None:
    """Return the comparison of a part of the rows in bits per byte, by their losses in nats and
    their ``sizes`` in bytes; None if these add up to 0."""
    total = sum(sizes) * math.log(2)
    if not total:
        return None
    return {
        "name": name,
        "baseline": math.fsum(before) / total,
        "tip": math.fsum(after) / total,
        "gain": (math.fsum(before) - math.fsum(after)) / total,
        "error": paired_error([a - b for a, b in zip(before, after, strict=True)], sizes),
    }


def _slice_by_length(
    before: Sequence[float], after: Sequence[float], sizes: Sequence[int]
) -> list[Slice | None]:
    """Return the comparisons of the rows by thirds of their length in bytes, the shortest first; []
    if there are fewer than nine different lengths."""
    if len(set(sizes)) < 9:
        return []
    order = sorted(range(len(sizes)), key=lambda row: sizes[row])
    ends = [len(order) * third // 3 for third in range(4)]
    found = []
    for name, start, end in zip(_LENGTHS, ends, ends[1:], strict=False):
        rows = order[start:end]
        old, new = ([column[row] for row in rows] for column in (before, after))
        found.append(_make_slice(name, old, new, [sizes[row] for row in rows]))
    return found
