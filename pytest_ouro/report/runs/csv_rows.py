"""The runs of the journal as CSV, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.states import KeepState

#: The columns that are attributes of a run, before and after those of its state.
_BEFORE = (
    *("time", "run", "commit", "branch", "worktree", "metric_name", "direction", "value"),
    *("gain", "best", "best_commit", "se", "noise", "status", "reason"),
)
_AFTER = (
    *("level", "device", "device_name", "budget", "clock", "window_seconds", "wall_seconds"),
    *("cpu_seconds", "peak_mb", "code_size", "salt", "purpose", "plan", "message", "description"),
)
#: With these a cell is a formula to a spreadsheet; some take the wide signs of Japanese for them.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def render(runs: Iterable[FinishedRun], states: Mapping[str, KeepState]) -> str:
    """Return the runs as CSV (RFC 4180) with a heading; ``states`` has the states of keeps by the
    id of their run. Times are UTC, numbers have all their digits, and what is not known is empty.
    A text that a spreadsheet would take for a formula begins with an apostrophe."""
    file = io.StringIO()
    write = csv.writer(file, lineterminator="\r\n").writerow
    write([*_BEFORE, "state", "state_why", *_AFTER])
    for run in runs:
        state = states.get(run.run)
        write(
            [
                *_list_cells(run, _BEFORE),
                *((state.state, _write_text(state.why)) if state else ("", "")),
                *_list_cells(run, _AFTER),
            ]
        )
    return file.getvalue()


def _list_cells(run: FinishedRun, names: Iterable[str]) -> Iterator[object]:
    """Yield the cells of these attributes of a run: numbers, and texts for what is not one."""
    for name in names:
        value = getattr(run, name)
        if value is None:
            value = ""
        yield _write_text(str(value)) if isinstance(value, str) else value


def _write_text(text: str) -> str:
    """Return a text for a cell: escaped, and with an apostrophe before one that begins like a
    formula."""
    text = escape(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
