"""``pytest-ouro log``: the journal as a table."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pytest_ouro.cli import find_bound
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.verdict.history import comparable, tally

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.evidence.records.run_record import FinishedRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--tsv", action="store_true", help="the rows of results.tsv")
    form.add_argument("--json", action="store_true", help="the records, one JSON object a line")
    form.add_argument(
        "--restore",
        action="store_true",
        help="make journal.jsonl what was recorded, by the copy that git holds",
    )


def main(args: argparse.Namespace) -> int:
    journal = Journal(Git.discover(find_bound(args.bound).parent).common_dir)
    if args.restore:
        return _restore(journal)
    runs = journal.runs()
    if args.tsv:
        print("\t".join(("commit", "val_bpb", "memory_gb", "status", "description")))
        for run in runs:
            print(run.row)
    elif args.json:
        for run in runs:
            print(json.dumps(run.to_json(), ensure_ascii=False))
    else:
        print(
            f"{'time':19}  {'commit':7}  {'val_bpb':>9}  {'status':7}  {'level':10}  "
            f"{'reason':12}  description"
        )
        for run in runs:
            print(_line(run))
        for started in journal.unfinished():
            print(f"{started.time[:19]}  {started.commit[:7]}  {'':9}  running or killed")
        if summed_up := _sum(runs):
            print(summed_up)
        if not journal.records():
            none = "ouro: no run is recorded yet: pytest --ouro-experiment makes one"
            print(none, file=sys.stderr)
    journal.demand_whole()
    return 0


def _restore(journal: Journal) -> int:
    aside = journal.restore()
    told = f"put back; what was found is kept as {aside.name}" if aside else "what was recorded"
    print(f"ouro: {journal.path} is {told}")
    return 0


def _sum(runs: list[FinishedRun]) -> str:
    """The tally of the runs that can be compared with the last one that was measured."""
    measured = [run for run in runs if comparable(run, run)]
    return tally([run for run in measured if comparable(run, measured[-1])])


def _line(run: FinishedRun) -> str:
    value = "-" if run.value is None else run.metric.text(run.value)
    return (
        f"{run.time[:19]}  {run.commit[:7]}  {value:>9}  {run.status:7}  "
        f"{run.level or '':10}  {run.reason:12}  "
        f"{clean(run.description, width=60)}"
    )
