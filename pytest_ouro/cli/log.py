"""``pytest-ouro log``: the journal as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_ouro.cli import find_bound
from pytest_ouro.errors import RecordError
from pytest_ouro.evidence.git import Git
from pytest_ouro.evidence.journal import Journal
from pytest_ouro.experiment.output import clean

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.evidence.journal import Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tsv", action="store_true", help="the rows of results.tsv")
    parser.add_argument("--json", action="store_true", help="the records, one JSON object a line")


def main(args: argparse.Namespace) -> int:
    journal = Journal(Git.discover(find_bound(args.bound).parent).common_dir)
    runs = list(journal.runs())
    if args.tsv:
        print("\t".join(("commit", "val_bpb", "memory_gb", "status", "description")))
        for run in runs:
            print(run["row"])
    elif args.json:
        for run in runs:
            print(json.dumps(run, ensure_ascii=False))
    else:
        print(
            f"{'time':19}  {'commit':7}  {'val_bpb':>9}  {'status':7}  {'level':10}  "
            f"{'reason':12}  description"
        )
        for run in runs:
            print(_line(run))
        for started in journal.unfinished():
            print(f"{started['time'][:19]}  {started['commit'][:7]}  {'':9}  running or killed")
        if summed_up := _sum(runs):
            print(summed_up)
    if line := journal.broken_link():
        raise RecordError(
            f"{journal.path}:{line}: the chain is broken: a line before it was changed or removed"
        )
    return 0


def _sum(runs: list[Record]) -> str:
    """The gain from the last baseline to the best, beside what noise alone would give."""
    starts = [i for i, run in enumerate(runs) if run["reason"] == "baseline"]
    since = runs[starts[-1] :] if starts else []
    kept = [run["val_bpb"] for run in since if run["status"] == "keep"]
    tries = sum(run.get("val_bpb") is not None for run in since)
    if tries < 2:
        return ""
    first, best = kept[0], kept[-1]
    text = f"{tries} tries, {len(kept)} kept: {first:.6f} to {best:.6f}, a gain of "
    text += f"{abs(first - best):.6f}"
    if noise := since[-1].get("noise"):
        text += f"; noise alone would give about {noise * luckiest(tries):.6f}"
    return text


def luckiest(tries: int) -> float:
    """How many standard deviations the luckiest of so many runs lies from the mean, on average.

    Blom's approximation of the largest normal order statistic.
    """
    from statistics import NormalDist

    return NormalDist().inv_cdf((tries - 0.375) / (tries + 0.25))


def _line(run: Record) -> str:
    value = f"{run['val_bpb']:.6f}" if run.get("val_bpb") is not None else "-"
    return (
        f"{run['time'][:19]}  {run['commit'][:7]}  {value:>9}  {run['status']:7}  "
        f"{run.get('level', ''):10}  {run['reason']:12}  "
        f"{clean(run.get('description', ''), width=60)}"
    )
