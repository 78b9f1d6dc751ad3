"""Find the run that people name: by its id, by a commit, or by a name of git."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.verdicts import last_verdicts
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun

#: The most candidates that an error lists.
_LISTED = 8


def find_run(
    name: str, runs: Sequence[FinishedRun], going: Sequence[StartedRun], git: Git
) -> StartedRun:
    """Return the run that ``name`` names: the id of a run, or of the commit of one, or a start of
    these that no other has; or a branch, a tag or another name of git for such a commit. With "",
    return the last run, which is one without an end if there is any.

    ``runs`` are the finished ones, oldest first, ``going`` those without an end. Of several runs of
    a commit it is the one that decided about it, else the last. Raise OuroError, with candidates,
    if there is no such run, or several.
    """
    every: list[StartedRun] = [*runs, *going]
    if not every:
        raise messages.no_runs()
    if not name:
        return every[-1]
    if re.fullmatch(r"[0-9a-fA-F]{1,64}", name):
        start = name.lower()
        ids = [run for run in every if run.run.startswith(start)]
        exact = [run for run in ids if run.run == start]
        commits = dict.fromkeys(run.commit for run in every if run.commit.startswith(start))
        if exact or len(ids) + len(commits) == 1:
            return (exact or ids or [_of_commit(next(iter(commits)), runs, every)])[0]
        if ids or commits:
            found = [*ids, *(_of_commit(commit, runs, every) for commit in commits)]
            raise messages.ambiguous_run(name, [_describe(run) for run in found[:_LISTED]])
    commit = git.commit(name)
    if not commit:
        raise messages.unknown_run(name, [_describe(run) for run in every[-_LISTED:]])
    if all(run.commit != commit for run in every):
        raise messages.not_run(name, commit[:7])
    return _of_commit(commit, runs, every)


def _of_commit(commit: str, runs: Sequence[FinishedRun], every: Sequence[StartedRun]) -> StartedRun:
    """Return the run that decided about a commit (`last_verdicts`); if none did, the last of
    ``every`` run of it, of which there must be one."""
    decided = last_verdicts(runs).get(commit)
    return decided or [run for run in every if run.commit == commit][-1]


def _describe(run: StartedRun) -> str:
    """Return a run in a few words for the list of an error."""
    return f"{run.run} ({run.commit[:7]} {run.description[:40]})"
