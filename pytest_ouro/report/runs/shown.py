"""Collect what ``pytest-ouro show`` says of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.experiment.selection.selection import explain
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.report.runs.files import ChangedFile, read_changes, read_log_end
from pytest_ouro.report.runs.sentences import SENTENCES, advise
from pytest_ouro.report.runs.table import is_running
from pytest_ouro.report.runs.why import explain_verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import StartedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.records.states import KeepState


class Mention(NamedTuple):
    """A statement that is about a run's commit, or that the run is a part of: its line in words,
    and what it allows to claim ("" while it has no result, and for a mere measurement)."""

    line: str
    means: str


@dataclass(frozen=True)
class Shown:
    """What is shown of a run: its record, the ``state`` of a keep (None for another run), the files
    in which its commit differs from its reference (None if they are not known), sentences that say
    ``why`` it has its verdict or has none, what to do ``then`` ("": nothing), the end of its
    ``log``, the statements that mention it, and the ids of the other runs of its commit. ``price``
    is what an hour of the device costs, None if no rule states it."""

    run: StartedRun
    state: KeepState | None
    files: list[ChangedFile] | None
    why: tuple[str, ...]
    then: str
    log: tuple[str, ...]
    mentions: tuple[Mention, ...]
    others: tuple[str, ...]
    price: float | None = None


def collect(
    run: StartedRun,
    runs: Sequence[FinishedRun],
    statements: Sequence[Statement],
    states: Mapping[str, KeepState],
    *,
    git: Git,
    journal: Journal,
    price: float | None,
    raw: bool,
) -> Shown:
    """Return what is shown of ``run``. ``runs`` are all finished runs that may be shown, oldest
    first, ``states`` those of keeps by the id of their run. Home folders, hosts and secrets in the
    log are hidden unless ``raw``. Raise RecordError if a record cannot be read."""
    others = tuple(one.run for one in runs if one.commit == run.commit and one.run != run.run)
    mentions = tuple(
        Mention(
            _describe_statement(one),
            explain(one) if one.result not in ("stated", "measured") else "",
        )
        for one in statements
        if _mentions(one, run)
    )
    log = tuple(map(clean, read_log_end(journal, run.run, raw=raw)))
    if not isinstance(run, FinishedRun):
        word = "It is running." if is_running(run) else "No end is recorded: it was killed."
        return Shown(run, None, None, (word,), "", log, mentions, others, price)
    state = states.get(run.run)
    files = read_changes(git, run.best_commit, run.commit) if run.best_commit else None
    said = " ".join(explain_verdict(run, runs).split()).rstrip(".")
    why = (SENTENCES[run.reason], *([f"{said}."] if said else ()))
    then = advise(run, state)
    return Shown(run, state, files, why, then, log, mentions, others, price)


def _mentions(one: Statement, run: StartedRun) -> bool:
    """Return whether a statement is about a run's commit, or has the run as a part."""
    parts = [name for pair in one.pairs for name in _list_ids(pair.get("runs"))]
    return run.commit in (one.baseline, one.tip) or run.run in (*one.runs, *one.failed, *parts)


def _list_ids(runs: object) -> list[object]:
    """Return the ids of the runs of a pair; [] for a value that is not a list."""
    return runs if isinstance(runs, list) else []


def _describe_statement(one: Statement) -> str:
    """Return a statement in one line: what it compared, and what it came to."""
    ends = f"{one.event} of {one.tip[:7]} against {one.baseline[:7]}"
    if one.result == "stated":
        return f"{ends}: planned, no result yet"
    numbers = "" if one.gain is None else f", gain {one.metric.text(one.gain)}"
    low = "" if one.low is None else f", at least {one.metric.text(one.low)}"
    return f"{ends}: {one.result}{numbers}{low}"
