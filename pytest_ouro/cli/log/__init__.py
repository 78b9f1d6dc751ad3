"""``pytest-ouro log``: show the journal as a table, as rows of the ledger, as CSV or as JSON;
restore it, or remove what is kept of old runs."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Literal

from pytest_ouro.cli import find_bound
from pytest_ouro.cli.log import upkeep
from pytest_ouro.cli.output import say, say_aside, say_document, say_row, terminal_width
from pytest_ouro.core.escape import escape_json
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.ledger.ledger_format import TSV
from pytest_ouro.evidence.ledger.ledger_table import Table
from pytest_ouro.evidence.records.row_losses import demand_unchanged
from pytest_ouro.evidence.records.states import states_by_run
from pytest_ouro.evidence.shared.place import find_place
from pytest_ouro.experiment.records.sharing import count_lacking, fetch_all
from pytest_ouro.experiment.verdict.history import comparable, tally
from pytest_ouro.experiment.verdict.placebos import count_placebos
from pytest_ouro.messages import command_line as messages
from pytest_ouro.report.runs import csv_rows
from pytest_ouro.report.runs.choose import Choice, demand_known, leave_out_hidden, read_rules
from pytest_ouro.report.runs.table import render_runs
from pytest_ouro.report.runs.times import read_since

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_ouro.bound.read import Bound
    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.records.states import KeepState


#: The statements whose results the table shows.
_SHOWN = ("certificate", "confirmation")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``log`` to its parser."""
    parser.add_argument("--kept", action="store_true", help="only the runs that were kept")
    parser.add_argument(
        "--branch", metavar="NAME", default="", help="only runs on this branch or working tree"
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        default="",
        help="only runs that ended since a date, a time (07:30, 2026-11-30T07:30), or 2h, 3d ago",
    )
    parser.add_argument(
        "--metric", metavar="NAME", default="", help="only runs that measured this metric"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--tsv", action="store_true", help="the rows of results.tsv")
    form.add_argument(
        "--csv", action="store_true", help="a table with all digits and more columns, as CSV"
    )
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
    """Print the chosen finished runs in the chosen form, placebos once the night is over, with the
    statements on them except in the form of the ledger and as CSV; restore the journal and the
    ledger; or prune what is kept of old runs. Return 0.

    Raise RecordError, after the runs are printed, if the journal or a file of losses by row is not
    what was recorded; OuroError if there is no bound.toml or no repository, or for an invalid
    option; and what `upkeep` raises.
    """
    choice = _choice(args)
    bound = find_bound(args.bound)
    git = Git.discover(bound.parent)
    place = find_place(git)
    journal = place.journal
    if args.restore:
        upkeep.restore(journal, bound)
        return 0
    if args.prune is not None:
        upkeep.remove_old(place.store, journal, args.prune)
        return 0
    runs, statements = journal.runs(), journal.statements()
    demand_known(choice, [*journal.records(), *statements])
    states = states_by_run(runs, statements)
    rules = read_rules(git, bound)
    every = leave_out_hidden(git, rules, runs)
    shown, said = choice.of(every), choice.of(statements)
    if args.tsv:
        say_row(*Table.new(TSV, choice.metric or _metric_name(journal, rules)).header)
        for run in shown:
            say_row(run.row)
    elif args.csv:
        say_document(csv_rows.render(shown, states).removesuffix("\n"))
    elif args.json:
        for run in shown:
            table = {**run.to_json(), **_state_keys(states.get(run.run))}
            say_document(escape_json(json.dumps(table, ensure_ascii=False)))
        for one in said:
            say_document(escape_json(json.dumps(one.to_json(), ensure_ascii=False)))
    else:
        _print_table(journal, shown, states, choice, _metric_name(journal, rules))
        _print_results(said)
        if choice.is_everything:
            _print_sums(every)
        else:
            say_aside(f"ouro: {len(shown)} of {len(every)} runs")
        if lacking := count_lacking(place, shown):
            commits = "1 commit is" if lacking == 1 else f"{lacking} commits are"
            say_aside(f"ouro: {commits} of other clones, to be had by: {fetch_all(place)}")
    journal.demand_whole()
    demand_unchanged(journal, runs)
    return 0


def _choice(args: argparse.Namespace) -> Choice:
    """Return what the options ask to be shown. OuroError for an invalid time, and for such an
    option with one that shows nothing."""
    now = datetime.datetime.now().astimezone()
    since = read_since(args.since, now) if args.since else None
    choice = Choice(args.kept, args.branch, since, args.metric)
    if not choice.is_everything and (args.restore or args.prune is not None):
        raise messages.shows_nothing("--restore" if args.restore else "--prune")
    return choice


def _metric_name(journal: Journal, rules: Bound | None) -> str:
    """Return the metric's name in the last record that has one, else the name in the ``rules``, or
    "metric" if these are None. RecordError if the journal cannot be read."""
    for run in reversed(journal.records()):
        if run.metric_name:
            return run.metric_name
    return rules.experiment.metric if rules else "metric"


def _state_keys(state: KeepState | None) -> dict[str, str]:
    """Return the keys that a record gets for the state of its keep: ``state``, and ``state_why`` in
    words ("" while it is provisional). {} if it has none."""
    return {"state": state.state, "state_why": state.why} if state else {}


def _print_table(
    journal: Journal,
    runs: Sequence[FinishedRun],
    states: dict[str, KeepState],
    choice: Choice,
    metric: str,
) -> None:
    """Print a table with a line for each of the finished ``runs`` and for each chosen run without
    an end (except placebos). ``states`` has the states of keeps by the id of their run, ``metric``
    is the heading of the values. If no run is recorded, say so on standard error; so too which
    columns the terminal has no room for."""
    going = [run for run in choice.of(journal.unfinished()) if run.purpose != "placebo"]
    lines, missing = render_runs([*runs, *going], states, metric=metric, width=terminal_width())
    say(*lines)
    if missing:
        say_aside(f"ouro: no room for {', '.join(missing)}: pytest-ouro log --csv has all")
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


def _print_sums(runs: Sequence[FinishedRun]) -> None:
    """Print, if they can be said, what the runs have gained and what placebos show."""
    if line := _sum_up(runs):
        say(line)
    if placebos := count_placebos(runs):
        say(placebos.text)


def _sum_up(runs: Sequence[FinishedRun]) -> str:
    """Return one line about the runs that can be compared with the last measured one: how many
    tries and keeps, and the gain; "" if there are too few for one."""
    measured = [run for run in runs if comparable(run, run)]
    return tally([run for run in measured if comparable(run, measured[-1])])
