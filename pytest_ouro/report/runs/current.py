"""Say in words how far a run that goes on is, for the terminal and for the page that is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.runs.times import describe_duration, parse_time

if TYPE_CHECKING:
    import datetime

    from pytest_ouro.experiment.records.heartbeat import Heartbeat


def describe_progress(beat: Heartbeat) -> list[str]:
    """Return the share of the budget that a run has used up, the seconds of it, what it printed
    last, unless that is nothing, and what is left while it trains."""
    words = [
        f"{beat.fraction:.0%}",
        f"{beat.window:.1f}/{beat.budget:g} s",
        clean(beat.text, width=60),
        f"left {max(0.0, beat.budget - beat.window):.0f} s" if beat.phase == "running" else "",
    ]
    return [word for word in words if word]


def describe_place(beat: Heartbeat) -> str:
    """Return what a run does, where, and since when, as ``running on a chip, 9 s so far``."""
    device = f" on {beat.device_name or beat.device}" if beat.device else ""
    tree = f" in {clean(beat.worktree, width=30)}" if beat.worktree else ""
    return f"{beat.phase}{device}{tree}, {describe_duration(beat.wall)} so far"


def describe_pause(last: str, ended: str, now: datetime.datetime) -> str:
    """Return that no run goes on, and how long ago ``last``, a run in words, ended. That is left
    out if ``ended``, the time of its record, cannot be read."""
    found = parse_time(ended)
    if found is None:
        return "no run goes on"
    seconds = round(max(0.0, (now - found).total_seconds()))
    return f"no run goes on; {last} ended {describe_duration(seconds)} ago"
