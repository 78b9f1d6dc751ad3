"""Draw what ``pytest-ouro watch`` shows, and write what changed as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.runs.columns import cut
from pytest_ouro.report.runs.table import render_runs, signed
from pytest_ouro.report.runs.times import local, moment, span

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
        head += _run(beat)
    if not beats:
        head.append(_idle(view, now))
    head += ["", *_facts(view, price, now), ""]
    lines = [cut(escape(line), width) for line in head]
    room = height - len(lines) - 1
    if view.runs and room > 1:
        table, _ = render_runs(view.runs[-min(room - 1, 10) :], view.states, metric="", width=width)
        lines += table
    return lines[:height]


def _run(beat: Heartbeat) -> Iterator[str]:
    """Yield the lines of a run that goes on."""
    device = f" on {beat.device_name or beat.device}" if beat.device else ""
    tree = f" in {clean(beat.worktree, width=30)}" if beat.worktree else ""
    yield f"run {beat.commit[:7]} {clean(beat.description, width=60)}"
    full = round(_BAR * beat.fraction)
    left = f"left {max(0.0, beat.budget - beat.window):.0f} s"
    words = [
        f"[{'#' * full}{'.' * (_BAR - full)}] {beat.fraction:4.0%}",
        f"{beat.window:.1f}/{beat.budget:g} s",
        clean(beat.text, width=60),
        left if beat.phase == "running" else beat.phase,
    ]
    yield "  ".join(word for word in words if word)
    yield f"{beat.phase}{device}{tree}, {span(beat.wall)} so far"


def _idle(view: NightView, now: datetime.datetime) -> str:
    """Return a line that says that no run goes on."""
    ended = moment(view.runs[-1].time) if view.runs else None
    if ended is None:
        return "no run goes on"
    ago = max(0.0, (now - ended).total_seconds())
    return f"no run goes on; the last one ended {span(round(ago))} ago"


def _facts(view: NightView, price: float | None, now: datetime.datetime) -> Iterator[str]:
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
            yield f"night  {limit.text}" + ("" if left is None else f": about {span(left)} left")
    if view.tonight:
        money = f", {price * view.device_seconds / 3600:.2f}" if price else ""
        yield f"cost   {span(view.device_seconds)} of the device{money}"


def describe_start(beat: Heartbeat) -> str:
    """Return a line about a run that starts."""
    return f"{_time(beat.began)} started {beat.commit[:7]} {clean(beat.description, width=72)}"


def describe_end(run: FinishedRun) -> str:
    """Return a line about a run that ended, in the form of the last line of an experiment."""
    gain = "" if run.gain is None or run.best is None else f" gain={signed(run, run.gain)}"
    return (
        f"{_time(run.time)} {run.status} {run.metric_name}={run.metric.text(run.value)}{gain} "
        f"commit={run.commit[:7]} reason={run.reason_text} {clean(run.description, width=72)}"
    )


def describe_statement(one: Statement) -> str:
    """Return a line about a statement."""
    return f"{_time(one.time)} {one.event} {one.result} commit={one.tip[:7]}"


def _time(recorded: str) -> str:
    """Return the time of day of a record, by the machine's clock."""
    found = local(recorded)
    return f"{found:%H:%M:%S}" if found else recorded[11:19]
