"""The table of runs that ``pytest-ouro log`` and ``watch`` show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.runs.columns import Column, lay_out
from pytest_ouro.report.runs.times import show_times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_ouro.evidence.records.run_record import StartedRun
    from pytest_ouro.evidence.records.states import KeepState

_NO_END = "no end is recorded: it was killed, or is on another machine"


def render_runs(
    runs: Sequence[StartedRun],
    states: Mapping[str, KeepState],
    *,
    metric: str,
    width: int | None,
) -> tuple[list[str], list[str]]:
    """Return the lines of a table with a row for each run, the heading first, and the headings of
    the columns for which there is no room (see `lay_out`).

    ``states`` has the states of keeps by the id of their run; ``metric`` is the heading of the
    values if no run has a metric. A column that tells runs apart is there only if they differ:
    metric, device, branch. The gain is positive if the run is better than its reference, whatever
    the metric's direction.
    """
    times = [run.time for run in runs]
    names = {run.metric_name for run in runs if run.metric_name}

    def make_column(
        heading: str, text: Callable[[StartedRun], str], rank: int = 0, is_number: bool = False
    ) -> Column:
        return Column(heading, tuple(map(text, runs)), (), rank, is_number)

    def list_differing(heading: str, text: Callable[[StartedRun], str], rank: int) -> list[Column]:
        several = len(set(map(text, runs))) > 1
        return [make_column(heading, text, rank=rank)] if several else []

    columns = [
        Column("time", show_times(times), short=show_times(times, short=True)),
        make_column("commit", lambda run: run.commit[:7]),
        *list_differing("metric", lambda run: run.metric_name, 0),
        make_column(
            "value" if len(names) > 1 else next(iter(names), metric), _write_value, is_number=True
        ),
        make_column("gain", _write_gain, is_number=True),
        make_column("against", lambda run: (_read_text(run, "best_commit") or "")[:7], rank=4),
        make_column("status", _write_status),
        make_column("state", lambda run: states[run.run].state if run.run in states else ""),
        *list_differing("device", lambda run: run.device, 2),
        *list_differing("branch", lambda run: clean(run.branch, width=30), 3),
        make_column("level", lambda run: _read_text(run, "level") or "", rank=5),
        make_column("reason", lambda run: _read_text(run, "reason_text") or "", rank=1),
        make_column("description", _write_description),
    ]
    return lay_out(columns, width)


def _read_text(run: StartedRun, name: str) -> str | None:
    """Return an attribute, a text, of a finished run; None for a run without an end."""
    found: str | None = getattr(run, name, None)
    return found


def _write_value(run: StartedRun) -> str:
    """Return the value of a run as text; "-" for a finished run without one, "" without an end."""
    if not isinstance(run, FinishedRun):
        return ""
    return "-" if run.value is None else run.metric.text(run.value)


def _write_gain(run: StartedRun) -> str:
    """Return by how much a run is better than its reference, as ``+0.012`` or, if it is worse,
    ``-0.012``; "" if it was not compared."""
    if not isinstance(run, FinishedRun) or run.gain is None or run.best is None:
        return ""
    return signed(run, run.gain)


def signed(run: StartedRun, gain: float) -> str:
    """Return a gain in the metric of a run as text, with its sign unless it is 0."""
    return f"{'+' if gain > 0 else ''}{run.metric.text(gain)}"


def _write_status(run: StartedRun) -> str:
    """Return the status of a run; of one without an end "running" if it `is_running`, else "no
    end"."""
    if isinstance(run, FinishedRun):
        return run.status
    return "running" if is_running(run) else "no end"


def is_running(run: StartedRun) -> bool:
    """Return whether the supervisor of a run without an end is a process of this machine still."""
    return run.process != "" and processes.identity(run.pid) == run.process


def _write_description(run: StartedRun) -> str:
    """Return the description of a run, behind a note if the run has no end and is not running."""
    text = clean(run.description, width=len(run.description) + 1)
    if isinstance(run, FinishedRun) or is_running(run):
        return text
    return f"{_NO_END}: {text}" if text else _NO_END
