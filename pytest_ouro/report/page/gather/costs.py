"""Add up what the time of runs was spent on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.report.runs.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.report.page.facts import Part

#: A part of the time that has no more seconds than this is not listed.
_NOTHING = 0.05


def split_time(runs: Sequence[FinishedRun], began: Mapping[str, str]) -> list[Part]:
    """Return what the time of the runs was spent on: training, evaluation, set-up, and the time
    between the first start and the last end in which none of them ran (idle). A run whose code
    another run measured counts for the idle time alone. A part of at most `_NOTHING` seconds is
    left out. ``began`` has the times of the started lines, by run."""
    training = evaluation = setup = 0.0
    for run in runs:
        wall = (run.wall_seconds or 0.0) if run.measured_by is None else 0.0
        judged = min(_time_judging(run), wall)
        trained = min(_time_training(run), wall - judged)
        evaluation += judged
        training += trained
        setup += wall - judged - trained
    parts: list[Part] = [
        _make_part("training", training, "what counts against the budget"),
        _make_part("evaluation", evaluation, "the judge's questions and its scoring"),
        _make_part(
            "set-up", setup, "all else of a run, such as its start and an evaluation command"
        ),
        _make_part("idle", _time_idle(runs, began), "no run went on"),
    ]
    return [part for part in parts if part["seconds"] > _NOTHING]


def _make_part(name: str, seconds: float, meaning: str) -> Part:
    """Return a part of the time; ``seconds`` below 0 become 0."""
    return {"name": name, "seconds": max(seconds, 0.0), "meaning": meaning}


def _time_judging(run: FinishedRun) -> float:
    """Return the seconds that the judge of a run took; 0 without one."""
    seconds = (run.judgment or {}).get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _time_training(run: FinishedRun) -> float:
    """Return the seconds of a run's training window, without those in which the judge waited for
    its answers; 0 if it has no window.

    Under the clock ``steps`` the window is a share of the budget, and no measured time. Then return
    what the batches since the clock's start took, from the run's pace, which the script's process
    timed: the slow ones at the start as measured, and each further one as long as a usual one; 0 if
    the pace is not known.
    """
    if run.clock == "steps":
        if not (pace := run.pace):
            return 0.0
        usual = pace["batches"] - max(pace["slow"], pace["before"])
        return max(pace["slow-seconds"] + usual * pace["usually"], 0.0)
    return max((run.window_seconds or 0.0) - run.charged_seconds, 0.0)


def _time_idle(runs: Sequence[FinishedRun], began: Mapping[str, str]) -> float:
    """Return the seconds between the first start and the last end in which no run went on. Runs
    whose start or end is not known do not count."""
    spans = sorted(
        (start, end)
        for run in runs
        if (start := parse_time(began.get(run.run, ""))) and (end := parse_time(run.time))
    )
    idle, last = 0.0, None
    for start, end in spans:
        if last is not None and start > last:
            idle += (start - last).total_seconds()
        last = end if last is None else max(last, end)
    return idle
