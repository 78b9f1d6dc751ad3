"""Examine the repository: git, the bound, trust, journal, ledger, and who can write them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.checks import provider, registered
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.escape import quoted
from pytest_ouro.doctor.item import Item
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.ledger.ledger import column_fault
from pytest_ouro.evidence.shared.place import CLONES, FIRST
from pytest_ouro.experiment.supervision import processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.bound.read import Bound
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.run_record import StartedRun

#: Branches that a person, not the loop, usually moves.
_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "upstream/main", "upstream/master")


def examine_git(git: Git) -> Item:
    """Return the item about the version of git and the working tree: ``weak`` for a shallow clone,
    else ``ok``."""
    version = git.line("version").removeprefix("git version ")
    kind = "the main working tree" if git.folder == git.common_dir else "a linked working tree"
    where = f"git {version}, {kind} {git.top}"
    if git.shallow:
        words = f"{where}, a shallow clone: commits beyond its edge cannot be judged"
        return Item("git", "weak", words, "git fetch --unshallow")
    return Item("git", "ok", where)


def examine_bound(bound: Bound) -> Item:
    """Return the item about the bound, with the number of rules and the packages whose checks they
    use. It is ``weak``, and names the rules, if some only warn or are for people alone; else
    ``ok``."""
    words = f"{len(bound.rules)} rules of '{bound.name}'"
    warning = [rule.key for rule in bound.rules if rule.severity == "warn"]
    human = [rule.key for rule in bound.rules if rule.checker.stage == "human"]
    foreign = [entry for rule in bound.rules for entry in registered().get(rule.check, ())]
    if foreign:
        given = dict.fromkeys(f"{entry.name} of {provider(entry)}" for entry in foreign)
        words += f", with checks of packages: {', '.join(given)}"
    if warning:
        words += f", only warning: {', '.join(warning)}"
    if human:
        words += f", for people alone: {', '.join(human)}"
    if not (warning or human):
        return Item("bound", "ok", f"{words}, each can fail")
    help = f"a check that can fail for {(human + warning)[0]}, then: pytest-ouro bless"
    return Item("bound", "weak", words, help)


def read_bound(git: Git, path: Path) -> Bound:
    """Return the bound in the working tree's file at ``path``, trusted or not. BoundError if it has
    faults, or if there is no such file; OuroError if it cannot be read."""
    return bounds.read(read_file(path) or b"", git.relative(path))


def _examine_trust(case: Case, path: Path) -> Item:
    """Return the item about the source of the rules.

    It is ``ok`` if they are read from a commit that is named as trusted, and ``fails`` if the new
    bound.lock is not committed. Rules by bound.lock are ``weak``; the next step then is to trust a
    branch that holds the bound, or, without one, the commit that brought bound.lock.
    """
    trust, git = case.trust, case.repository.git
    if trust.lock is None:
        return Item("trust", "ok", f"rules and frozen files are read from commit {trust}")
    if trust.blessing_pending:
        words = f"{trust.lock_path} is not committed: no run can be made"
        names = f"{git.word(trust.lock_path)} {git.word(git.relative(path))}"
        return Item("trust", "fails", words, f"git add {names} && git commit -m 'Bless'")
    bound = git.relative(path)
    commits = ((name, git.commit(name)) for name in _BRANCHES)
    holding = (name for name, commit in commits if commit and git.store.entry(commit, bound))
    branch = next(holding, trust.commit[:12])
    words = (
        f"rules read from the working tree, by the digests of {trust.lock_path}: anyone who can "
        "commit can bless"
    )
    help = f"git config ouro.trust {quoted(branch)}   (in CI: pytest-ouro gate --trust BASE)"
    return Item("trust", "weak", words, help)


def _examine_records(case: Case) -> Item:
    """Return the item about where the records are kept, and what names that place. It ``fails`` if
    they cannot be found there, else it is ``ok``."""
    try:
        place = case.evidence.place
    except OuroError as error:
        return Item.from_error("records", "fails", error)
    if place.folder is None:
        return Item("records", "ok", f"of this clone alone, in {place.journal.folder}")
    folder = place.common_dir / CLONES
    clones = len([*folder.iterdir()]) if folder.is_dir() else 0
    count = "1 clone" if clones == 1 else f"{clones} clones"
    words = f"shared by {count} in {place.top}, named by {place.source}; "
    if place.joined:
        name = "began them" if place.clone == FIRST else f"is called {place.clone}"
        return Item("records", "ok", f"{words}this one {name}")
    return Item("records", "ok", f"{words}this one joins by its first run")


def _examine_journal(case: Case) -> Item:
    """Return the item about the journal, with the number of runs that ended, of those that go on,
    and of those that were killed.

    It ``fails`` if the chain is broken or cannot be continued by this user, and is ``weak`` if a
    run was killed: no record says how it ended, and it does not go on. Else it is ``ok``.
    """
    journal = case.evidence.journal
    try:
        journal.demand_whole()
        runs, unfinished = len(journal.runs()), journal.unfinished()
    except OuroError as error:
        return Item.from_error("journal", "fails", error)
    folder = next(p for p in (journal.folder, *journal.folder.parents) if p.exists())
    if not os.access(folder, os.W_OK):
        words = f"{folder} cannot be written: no run can be recorded by this user"
        return Item("journal", "fails", words, f"chmod u+w {quoted(str(folder))}")
    words = f"runs recorded: {runs}" + (", the chain is intact" if runs else "")
    running = sum(_is_running(run) for run in unfinished)
    if running:
        words += f", {running} running now"
    if killed := len(unfinished) - running:
        words += f", {killed} ended without a record, which the next run records as crashes"
        return Item("journal", "weak", words, "pytest --ouro-experiment")
    return Item("journal", "ok", words)


def _is_running(started: StartedRun) -> bool:
    """Return whether the process that started the run still exists; False if its id now belongs to
    another process, or the record has no process."""
    return bool(started.process) and processes.identity(started.pid) == started.process


def _examine_ledger(case: Case) -> Item:
    """Return the item about the ledger, with the number of rows, and the first damaged row.

    It is ``off`` if there is no ledger yet, ``weak`` if rows are damaged, ``fails`` if it cannot be
    read or lacks columns, and else ``ok``.
    """
    name = case.bound.path(case.experiment.ledger)
    try:
        ledger = case.evidence.ledger
    except OuroError as error:
        return Item.from_error("ledger", "fails", error)
    if not ledger.exists:
        return Item("ledger", "off", f"no {name} yet", "pytest --ouro-experiment")
    if unfit := column_fault(ledger, case.experiment.metric):
        return Item.from_error("ledger", "fails", unfit)
    words = f"{len(ledger.rows)} rows in {name}"
    if ledger.problems:
        line, fault = ledger.problems[0]
        words += f", {len(ledger.problems)} that are damaged: line {line} has {fault}"
        return Item("ledger", "weak", words, "pytest-ouro gate")
    return Item("ledger", "ok", words)


def examine_user(case: Case, path: Path) -> Item:
    """Return the item about the present user: ``weak`` if this user can write the rules or the
    records, else ``ok``."""
    places = (case.repository.git.common_dir, path, case.evidence.journal.path)
    writable = [path for path in places if os.access(path, os.W_OK)]
    user = f"user {os.geteuid()}" + (" (root)" if os.geteuid() == 0 else "")
    if not writable:
        return Item("user", "ok", f"{user} can write neither the rules nor the records")
    owners = {path.stat().st_uid for path in writable}
    belong = "belong to" if owners == {os.geteuid()} else "can be written by"
    words = (
        f"rules and records {belong} {user}: an agent that runs as this user can change them, the "
        "environment and this program, outside of runs"
    )
    help = "pytest-ouro gate --trust BASE   (in CI, where the agent cannot write)"
    return Item("user", "weak", words, help)


def examine_rules(case: Case, path: Path) -> Iterator[Item]:
    """Yield the items about trust, records, journal, ledger and user, in the order of the report;
    without the last three if the records cannot be found."""
    yield _examine_trust(case, path)
    records = _examine_records(case)
    yield records
    if records.state == "fails":
        return
    yield _examine_journal(case)
    yield _examine_ledger(case)
    yield examine_user(case, path)
