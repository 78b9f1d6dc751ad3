"""Where the rules and the records stand: git, the bound, trust, journal, ledger, their owner."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.checks import provider, registered
from pytest_ouro.core.errors import OuroError
from pytest_ouro.doctor.item import Item
from pytest_ouro.evidence.content import read_file
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


def git_item(git: Git) -> Item:
    version = git.line("version").removeprefix("git version ")
    kind = "the main working tree" if git.folder == git.common_dir else "a linked working tree"
    where = f"git {version}, {kind} {git.top}"
    if git.shallow:
        words = f"{where}, a shallow clone: commits beyond its edge cannot be judged"
        return Item("git", "weak", words, "git fetch --unshallow")
    return Item("git", "ok", where)


def bound_item(bound: Bound) -> Item:
    """The rules, and those of them that cannot fail."""
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


def readable_bound(git: Git, path: Path) -> Item:
    """The bound as it lies in the working tree, where no trusted one could be had.

    BoundError where it cannot be read.
    """
    return bound_item(bounds.read(read_file(path) or b"", git.relative(path)))


def trust_item(case: Case, path: Path) -> Item:
    trust, git = case.trust, case.repository.git
    if trust.lock is None:
        return Item("trust", "ok", f"rules and frozen files are read from commit {trust}")
    if trust.blessing_pending:
        words = f"{trust.lock_path} is not committed: no run can be made"
        names = f"{trust.lock_path} {git.relative(path)}"
        return Item("trust", "fails", words, f"git add {names} && git commit -m 'Bless'")
    bound = git.relative(path)
    found = ((name, git.commit(name)) for name in _BRANCHES)
    holding = (name for name, commit in found if commit and git.store.entry(commit, bound))
    branch = next(holding, trust.commit[:12])
    return Item(
        "trust",
        "weak",
        f"rules read from the working tree, by the digests of {trust.lock_path}: who can commit "
        "can bless",
        f"git config ouro.trust {branch}   (in CI: pytest-ouro gate --trust BASE)",
    )


def journal_item(case: Case) -> Item:
    journal = case.evidence.journal
    try:
        journal.demand_whole()
        runs, unfinished = len(journal.runs()), journal.unfinished()
    except OuroError as error:
        return Item("journal", "fails", error.message, error.help)
    folder = next(p for p in (journal.folder, *journal.folder.parents) if p.exists())
    if not os.access(folder, os.W_OK):
        words = f"{folder} cannot be written: no run can be recorded by this user"
        return Item("journal", "fails", words, f"chmod u+w {folder}")
    words = f"runs recorded: {runs}" + (", the chain is intact" if runs else "")
    dead = [run for run in unfinished if not _lives(run)]
    if len(unfinished) > len(dead):
        words += f", {len(unfinished) - len(dead)} running now"
    if dead:
        words += f", {len(dead)} ended without a record, which the next run makes crashes"
        return Item("journal", "weak", words, "pytest --ouro-experiment")
    return Item("journal", "ok", words)


def _lives(started: StartedRun) -> bool:
    return bool(started.process) and processes.identity(started.pid) == started.process


def ledger_item(case: Case) -> Item:
    name = case.bound.path(case.experiment.ledger)
    try:
        ledger = case.evidence.ledger
    except OuroError as error:
        return Item("ledger", "fails", error.message, error.help)
    if not ledger.exists:
        return Item("ledger", "off", f"no {name} yet", "pytest --ouro-experiment")
    words = f"{len(ledger.rows)} rows in {name}"
    if ledger.problems:
        line, what = ledger.problems[0]
        words += f", {len(ledger.problems)} that are damaged: line {line} has {what}"
        return Item("ledger", "weak", words, "pytest-ouro gate")
    return Item("ledger", "ok", words)


def user_item(case: Case, path: Path) -> Item:
    """Whether the present user could change the rules or the records."""
    git = case.repository.git
    places = (git.common_dir, path, case.evidence.journal.path)
    own = [path for path in places if os.access(path, os.W_OK)]
    who = f"user {os.geteuid()}" + (" (root)" if os.geteuid() == 0 else "")
    if not own:
        return Item("user", "ok", f"{who} can write neither the rules nor the records")
    owners = {path.stat().st_uid for path in own}
    belongs = "belong to" if owners == {os.geteuid()} else "can be written by"
    return Item(
        "user",
        "weak",
        f"rules and records {belongs} {who}: an agent that runs as this user can change them, the "
        "environment and this program, outside of runs",
        "pytest-ouro gate --trust BASE   (in CI, where the agent cannot write)",
    )


def rules(case: Case, path: Path) -> Iterator[Item]:
    """What stands in the repository, in the order in which it is told."""
    yield trust_item(case, path)
    yield journal_item(case)
    yield ledger_item(case)
    yield user_item(case, path)
