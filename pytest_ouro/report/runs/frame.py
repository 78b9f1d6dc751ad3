"""Draw what ``pytest-ouro watch`` shows, and write what changed as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.runs.columns import cut
from pytest_ouro.report.runs.current import describe_pause, describe_place, describe_progress
from pytest_ouro.report.runs.table import render_runs, signed
from pytest_ouro.report.runs.times import describe_duration, to_local_time

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.experiment.records.heartbeat import Heartbeat
    from pytest_ouro.report.runs.night_view import NightView

#: The width of a frame that is not shown on a terminal, and its lines.
WIDTH, HEIGHT = 100, 24
#: The places of a bar.
_BAR = 30


def render(
    view: NightView,
    beats: Sequence[Heartbeat],
    *,
    name: str,
    price: float | None,
    now: datetime.datetime,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> list[str]:
    """Return the lines of a frame, each escaped and cut to ``width`` places, ``height`` at most.
    ``beats`` are the runs that go on, ``name`` is that of the experiment, ``price`` what an hour of
    the device costs (None: not stated), ``now`` the present time with the offset of the machine's
    clock."""
    head = [f"{name}  {now:%H:%M:%S}", ""]
    for beat in beats:
        head += _draw_run(beat)
    if not beats:
        ended = view.runs[-1].time if view.runs else ""
        head.append(describe_pause("the last one", ended, now))
    head += ["", *_list_facts(view, price, now), ""]
    lines = [cut(escape(line), width) for line in head]
    room = height - len(lines) - 1
    if view.runs and room > 1:
        table, _ = render_runs(view.runs[-min(room - 1, 10) :], view.states, metric="", width=width)
        lines += table
    return lines[:height]


def _draw_run(beat: Heartbeat) -> Iterator[str]:
    """Yield the three lines of a run that goes on: its commit and description, a bar with its
    progress, and what it does, where and since when."""
    yield f"run {beat.commit[:7]} {clean(beat.description, width=60)}"
    full = round(_BAR * beat.fraction)
    share, *words = describe_progress(beat)
    yield "  ".join([f"[{'#' * full}{'.' * (_BAR - full)}] {share:>4}", *words])
    yield describe_place(beat)


def _list_facts(view: NightView, price: float | None, now: datetime.datetime) -> Iterator[str]:
    """Yield the lines about the night: the best, the tries, the limits, the cost."""
    best = view.best
    if best is not None:
        state = view.states[best.run].state if best.run in view.states else "keep"
        value = best.metric.text(best.mean_or_value)
        yield f"best   {best.metric_name} {value} of {best.commit[:7]}, {state}"
    if view.tally:
        yield f"gain   {view.tally}"
    counts = view.counts
    rate = "" if view.rate is None else f"; {view.rate:.3g} an hour"
    yield (
        f"runs   {len(view.tonight)} tonight: {counts.get('keep', 0)} keep, "
        f"{counts.get('discard', 0)} discard, {counts.get('crash', 0)} crash{rate}"
    )
    for limit in view.limits:
        left = view.estimate(limit, now)
        if left is not None and left <= 0:
            yield f"night  {limit.text}: over"
        else:
            rest = "" if left is None else f": about {describe_duration(left)} left"
            yield f"night  {limit.text}{rest}"
    if view.tonight:
        money = f", {price * view.device_seconds / 3600:.2f}" if price else ""
        yield f"cost   {describe_duration(view.device_seconds)} of the device{money}"


def describe_start(beat: Heartbeat) -> str:
    """Return a line about a run that starts, not yet escaped: the time of day, its commit and its
    description."""
    return f"{_show_time(beat.began)} started {beat.commit[:7]} {clean(beat.description, width=72)}"


def describe_end(run: FinishedRun) -> str:
    """Return a line about a run that ended, not yet escaped: the time of day, what the last line of
    an experiment says, in its form, and the description."""
    gain = "" if run.gain is None or run.best is None else f" gain={signed(run, run.gain)}"
    return (
        f"{_show_time(run.time)} {run.status} {run.metric_name}={run.metric.text(run.value)}{gain} "
        f"commit={run.commit[:7]} reason={run.reason_text} {clean(run.description, width=72)}"
    )


def describe_statement(one: Statement) -> str:
    """Return a line about a statement: the time of day, its event, its result and its tip."""
    return f"{_show_time(one.time)} {one.event} {one.result} commit={one.tip[:7]}"


def _show_time(recorded: str) -> str:
    """Return the time of day in the time of a record, by the machine's clock; if that cannot be
    read, the characters of it that stand where the time of day does."""
    found = to_local_time(recorded)
    return f"{found:%H:%M:%S}" if found else recorded[11:19]
