"""``pytest-ouro log``: show the journal as a table, as rows of the ledger or as JSON; restore it,
or remove what is kept of old runs."""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING, Literal

from pytest_ouro.bound.read import read
from pytest_ouro.cli import find_bound
from pytest_ouro.cli.output import say, say_aside, say_document, say_row
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.escape import escape_json
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.ledger.ledger_format import TSV
from pytest_ouro.evidence.ledger.ledger_table import Table
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.row_losses import demand_unchanged
from pytest_ouro.evidence.records.rows import without_hidden
from pytest_ouro.evidence.records.states import states_by_run
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.verdict.history import comparable, tally
from pytest_ouro.experiment.verdict.placebos import count_placebos
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.records.states import KeepState


#: The statements whose results the table shows.
_SHOWN = ("certificate", "confirmation")
#: The columns: time, commit, metric, status, state, level, reason, description.
_ROW = "{:19.19}  {:7.7}  {:>{width}}  {:7}  {:11}  {:10}  {:12}  {}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``log`` to its parser."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--tsv", action="store_true", help="the rows of results.tsv")
    form.add_argument(
        "--json",
        action="store_true",
        help="the records of runs, then the statements, one JSON object a line",
    )
    form.add_argument(
        "--restore",
        action="store_true",
        help="restore journal.jsonl from git's copy, and the rows that the ledger lacks",
    )
    form.add_argument(
        "--prune",
        type=float,
        metavar="DAYS",
        help="remove the logs and the losses by row of runs older than DAYS days, and the refs of "
        "those not kept",
    )


def main(args: argparse.Namespace) -> int:
    """Print the finished runs in the chosen form, placebos once the night is over, with the
    statements on them except in the form of the ledger; restore the journal and the ledger; or
    prune what is kept of old runs. Return 0.

    Raise RecordError, after the runs are printed, if the journal or a file of losses by row is not
    what was recorded; OuroError if there is no bound.toml or no repository; and what `_restore` and
    `_prune` raise.
    """
    bound = find_bound(args.bound)
    git = Git.discover(bound.parent)
    journal = Journal(git.common_dir)
    if args.restore:
        _restore(journal, bound)
        return 0
    if args.prune is not None:
        _prune(git, journal, args.prune)
        return 0
    runs = journal.runs()
    states = states_by_run(runs, journal.statements())
    shown = _without_hidden(git, bound, runs)
    if args.tsv:
        say_row(*Table.new(TSV, _metric_name(journal, bound)).header)
        for run in shown:
            say_row(run.row)
    elif args.json:
        for run in shown:
            table = {**run.to_json(), **_state_keys(states.get(run.run))}
            say_document(escape_json(json.dumps(table, ensure_ascii=False)))
        for one in journal.statements():
            say_document(escape_json(json.dumps(one.to_json(), ensure_ascii=False)))
    else:
        _print_table(journal, shown, states, _metric_name(journal, bound))
        _print_results(journal.statements())
    journal.demand_whole()
    demand_unchanged(journal, runs)
    return 0


def _without_hidden(git: Git, bound: Path, runs: list[FinishedRun]) -> list[FinishedRun]:
    """Return ``runs`` without the placebos that must not be shown yet: those without a row in the
    ledger of ``bound``, which they get once the night is over. Leave out every placebo if bound or
    ledger cannot be read."""
    if all(run.purpose != "placebo" for run in runs):
        return runs
    with contextlib.suppress(OuroError, OSError):
        found = read(bound.read_bytes(), git.relative(bound))
        rows = ledger.read(git.top / found.layout.ledger, found.experiment.metric).rows
        return without_hidden(runs, rows)
    return [run for run in runs if run.purpose != "placebo"]


def _restore(journal: Journal, bound: Path) -> None:
    """Replace the journal by git's copy, and add to the ledger the rows of recorded runs that it
    lacks. Print what was changed. RecordError if git holds no copy, or a file cannot be written;
    OuroError if the rules cannot be read."""
    from pytest_ouro.engine import open_case
    from pytest_ouro.experiment.records.record import restore_rows

    found = journal.restore()
    result = f"restored; what was found is kept as {found.name}" if found else "unchanged"
    say(f"ouro: {journal.path} is {result}")
    case = open_case(bound)
    if written := restore_rows(case):
        rows = "a row" if written == 1 else f"{written} rows"
        say(f"ouro: {case.bound.layout.ledger} lacked {rows} of recorded runs: written now")


def _prune(git: Git, journal: Journal, days: float) -> None:
    """Remove the logs and the losses by row of runs that ended more than ``days`` days ago, and the
    refs of those runs that were not kept; print how many. Records and rows stay. OuroError for a
    number that is negative, infinite or NaN; else as in `prune`."""
    from pytest_ouro.experiment.records.prune import prune

    if not 0 <= days < math.inf:
        raise messages.invalid_days(days)
    gone = prune(git, journal, min(days, 36500))
    files = f"{gone.logs} logs"
    if gone.losses:
        files += f", {gone.losses} files of losses by row"
    say(
        f"ouro: removed {files} ({gone.size / 1e6:.1f} MB) and {gone.refs} refs of runs before "
        f"{gone.before}; their records and rows stay"
    )


def _metric_name(journal: Journal, bound: Path) -> str:
    """Return the metric's name in the last record that has one, else the name in bound.toml, or
    "metric" if that cannot be read. RecordError if the journal cannot be read."""
    for run in reversed(journal.records()):
        if run.metric_name:
            return run.metric_name
    with contextlib.suppress(OuroError, OSError):
        return read(bound.read_bytes(), bound.name).experiment.metric
    return "metric"


def _state_keys(state: KeepState | None) -> dict[str, str]:
    """Return the keys that a record gets for the state of its keep: ``state``, and ``state_why`` in
    words ("" while it is provisional). {} if it has none."""
    return {"state": state.state, "state_why": state.why} if state else {}


def _print_table(
    journal: Journal, runs: list[FinishedRun], states: dict[str, KeepState], metric: str
) -> None:
    """Print a heading, a line for each finished run and for each run without an end (except
    placebos), and last, if they can be said, what the runs have gained and what placebos show.
    ``states`` has the states of keeps by the id of their run, ``metric`` is the heading of the
    values. If no run is recorded, say so on standard error."""
    columns = ("time", "commit", metric, "status", "state", "level", "reason", "description")
    width = max(9, len(metric))
    say(_ROW.format(*columns, width=width))
    for run in runs:
        value = "-" if run.value is None else run.metric.text(run.value)
        state = states[run.run].state if run.run in states else ""
        description = clean(run.description, width=60)
        words = (run.status, state, run.level or "", run.reason_text, description)
        say(_ROW.format(run.time, run.commit, value, *words, width=width))
    for started in journal.unfinished():
        if started.purpose == "placebo":
            continue
        row = _ROW.format(
            started.time, started.commit, "", "running or killed", "", "", "", "", width=width
        )
        say(row.rstrip())
    if line := _sum_up(runs):
        say(line)
    if placebos := count_placebos(runs):
        say(placebos.text)
    if not journal.records():
        say_aside("ouro: no run is recorded yet: pytest --ouro-experiment makes one")


def _print_results(statements: list[Statement]) -> None:
    """Print the last line of each certificate and of each confirmation that has a result, oldest
    first, with its time."""
    found = [one for one in statements if one.event in _SHOWN and one.result != "stated"]
    if not found:
        return
    from pytest_ouro.experiment.selection.selection import Selection

    for one in found:
        event: Literal["certificate", "confirmation"]
        event = "certificate" if one.event == "certificate" else "confirmation"
        line = Selection(event, len(one.pairs), len(one.pairs), one).last_line
        say(f"{one.time:19.19}  {line.removeprefix('ouro: ')}")


def _sum_up(runs: list[FinishedRun]) -> str:
    """Return one line about the runs that can be compared with the last measured one: how many
    tries and keeps, and the gain; "" if there are too few for one."""
    measured = [run for run in runs if comparable(run, run)]
    return tally([run for run in measured if comparable(run, measured[-1])])
