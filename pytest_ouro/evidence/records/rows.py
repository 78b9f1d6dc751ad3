"""Say what the ledger's row of a finished run contains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.ledger.ledger_format import TSV
from pytest_ouro.evidence.ledger.ledger_table import NO_VALUE, Entry, Table, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.evidence.ledger.ledger import Row
    from pytest_ouro.evidence.records.run_record import FinishedRun


def entry_of(run: FinishedRun) -> Entry:
    """Return what the ledger's row of a finished run says. The description of a rehearsal (a run
    with a shorter budget, which is never kept), a repeat, a run that tries no commit, or one whose
    value an earlier run measured begins with a mark, such as ``[repeat 1/3]`` or ``[measured
    before]``."""
    value = run.value if run.status != "crash" else None
    prefix = f"[rehearsal {run.budget:g}s] " if run.rehearsal else ""
    if run.repeat is not None:
        prefix += f"[repeat {run.repeat}/{run.repeats}] "
    if run.measured_by:
        prefix += "[measured before] "
    if run.purpose != "search":
        prefix += f"[{run.purpose}] "
    return Entry(
        run.commit[:7],
        NO_VALUE if value is None else run.metric.text(value),
        0.0 if value is None else run.peak_mb or 0.0,
        run.status,
        one_line(prefix + run.description),
        (("timestamp", run.time), ("branch", run.branch)),
    )


def without_hidden(runs: Sequence[FinishedRun], rows: Iterable[Row]) -> list[FinishedRun]:
    """Return ``runs`` without the placebos that have no row among ``rows``, those of the ledger, in
    which a placebo is written once the night is over. Until then it is not to be shown."""
    placebos = [run for run in runs if run.purpose == "placebo"]
    if not placebos:
        return list(runs)
    from pytest_ouro.evidence.ledger.ledger import pair  # only with a ledger

    hidden = set(pair(rows, [*map(entry_of, placebos)])[1])
    return [run for run in runs if run.purpose != "placebo" or entry_of(run) not in hidden]


def row_of(run: FinishedRun) -> str:
    """Return the row of a finished run in a tab-separated ledger with the columns commit, metric,
    memory_gb, status and description, without a line end."""
    return Table.new(TSV, run.metric_name).text(entry_of(run))
