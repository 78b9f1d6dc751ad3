"""Find what must be measured before a candidate: the candidates in its history, and its base, which
it is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence import data
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.remeasure import find_last_keep
from pytest_ouro.experiment.verdict.history import comparable
from pytest_ouro.experiment.verdict.search_salt import find_search

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.run_facts import Purpose
    from pytest_ouro.evidence.records.run_record import StartedRun
    from pytest_ouro.experiment.known import Elsewhere
    from pytest_ouro.experiment.terms.setup import Profile


class Base(NamedTuple):
    """What must be measured before a candidate: ``commit`` ("": nothing), as a try of its own
    (``purpose`` "search") or once more on a new salt ("reference"). ``salt`` is that of the
    candidate's run, unless a new one is drawn for ``commit``."""

    commit: str = ""
    purpose: Purpose = "search"
    salt: int = 0


def find_data(case: Case, experiment: Experiment, elsewhere: Elsewhere | None) -> str:
    """Return the digest of the data of a batch: that of ``elsewhere`` if it is known there,
    otherwise that of the files here; "" if one of these is missing, or the bound names no data.
    Raise OuroError if a file cannot be read."""
    if elsewhere is not None and elsewhere.digest:
        return elsewhere.digest
    root = case.evidence.root
    total = case.evidence.fingerprints.total(experiment.data, root)
    return "" if data.missing(experiment.data, root) else total


def find_base(case: Case, described: StartedRun, profile: Profile, common: str) -> Base:
    """Return what must be measured before the checked commit of ``case``; ``described`` is the
    record of its run as it would start.

    If there is a keep in its history that it can be compared with, the last of these is measured
    again where the search's salt is due to change (`find_search`). If there is none, as on another
    model of device, the last keep that cannot be compared is measured as a try, or else the commit
    ``common``. Nothing is, if that would be the candidate itself, or ``common`` is "". Raise
    RecordError if the journal cannot be read.
    """
    head = case.repository.head
    journal = case.evidence.journal
    runs = [run for run in journal.runs() if run.device == profile]
    alike = [run for run in runs if comparable(run, described)]
    kept = standing_keeps(case.repository.history, alike, journal.statements())
    if kept:
        search = find_search(case.bound.verdicts[profile], kept[0], runs)
        if search.due and kept[0].commit != head:
            return Base(kept[0].commit, "reference", search.salt)
        return Base(salt=search.salt)
    elsewhere = find_last_keep(case, profile)
    commit = elsewhere.commit if elsewhere else common
    return Base() if commit == head else Base(commit)


def find_common(git: Git, commits: Iterable[str]) -> str:
    """Return the best common ancestor of these commits, which may be one of them; "" if they have
    none, or git fails."""
    return git.line("merge-base", "--octopus", *dict.fromkeys(commits)).partition("\n")[0]


def find_nearest(git: Git, commits: Iterable[str]) -> dict[str, list[str]]:
    """Return for each of these commits (full ids) the nearest of the others in its history: those
    that a way through its ancestors reaches before any other. The history is walked once. Raise
    GitError if git fails."""
    wanted = dict.fromkeys(commits)
    asked = "".join(f"{one}\n" for one in wanted).encode()
    options = ("--topo-order", "--reverse", "--parents", "--stdin")
    listed = run_git("rev-list", *options, cwd=git.top, stdin=asked).decode()
    nearest: dict[str, list[str]] = {}
    #: The nearest ones at or before each commit: one set for all commits that have the same.
    seen: dict[str, frozenset[str]] = {}
    for line in listed.splitlines():
        commit, *parents = line.split()
        sets = list({id(one): one for one in (seen.get(p, frozenset()) for p in parents)}.values())
        before = sets[0] if len(sets) == 1 else frozenset[str]().union(*sets)
        if commit in wanted:
            nearest[commit] = sorted(before)
            before = frozenset([commit])
        seen[commit] = before
    return nearest
