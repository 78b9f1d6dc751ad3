"""``pytest-ouro bless``: a person declares the present files the truth."""

from __future__ import annotations

import contextlib
import datetime
import secrets
from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.cli import find_bound
from pytest_ouro.cli.first_gate import Lack, lacks
from pytest_ouro.cli.output import say, say_aside
from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError, TrustError
from pytest_ouro.core.plain_file import write_whole
from pytest_ouro.evidence import consent, data, lock
from pytest_ouro.evidence.content import (
    digest,
    large_file,
    read_file,
    read_or_point,
    refuse_other,
    same_content,
)
from pytest_ouro.evidence.evidence import Evidence
from pytest_ouro.evidence.git.attributes import as_committed
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.paths import join
from pytest_ouro.evidence.python.returned import number_fault
from pytest_ouro.evidence.python.source import Source, decode
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.evidence.trust import Trust, named, refuse_other_in_tree
from pytest_ouro.messages import command_line as messages
from pytest_ouro.messages import project as project_messages

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pytest_ouro.bound.read import Bound


_NO_LOCK = lock.Lock("", {})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bless`` to its parser."""
    parser.add_argument(
        "--new-baseline",
        action="store_true",
        help="compare runs only with those that come after this blessing",
    )


def main(args: argparse.Namespace) -> int:
    """Write bound.lock, and print each file that was added to it, changed or removed, and what does
    not hold yet. If an option, variable or setting names a trusted commit, print that it has
    priority over bound.lock. Return 0. Errors as in `find_bound` and `bless`."""
    path = find_bound(args.bound)
    old, new = bless(path, new_baseline=args.new_baseline)
    before, after = {**old.files, **old.data}, {**new.files, **new.data}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            word = "added" if name not in before else "changed" if name in after else "removed"
            say(f"{word}: {name}")
    lacking = _lacks(path, new)
    with_it = ", ".join(name for lack in lacking for name in lack.commit)
    say(
        f"ouro: {lock.NAME} declares {len(after)} files the truth; commit it"
        + (f" with {with_it}" if with_it else "")
    )
    if args.new_baseline:
        say("ouro: the next run is a new baseline: it is compared with no earlier run")
    for lack in lacking:
        if not lack.commit:
            rule = f"{lack.rule} BROKEN: " if lack.rule else ""
            say(f"ouro: does not hold yet: {rule}{lack.what}", f"  help: {lack.help}")
    trust, source = named(Git.discover(path.parent))
    if trust:
        say(
            f"ouro: {source} has priority over it, and names {trust[:7]}: "
            "a blessing counts once that names its commit"
        )
        if source.startswith("git config"):
            say(
                "  help: commit it under bound.lock, then name that commit: git config --unset "
                "ouro.trust, git commit, git config ouro.trust $(git rev-parse HEAD)"
            )
    return 0


def _lacks(path: Path, blessed: lock.Lock) -> list[Lack]:
    """Return what the first gate would find wrong with the bound at ``path`` if the lock
    ``blessed`` were committed, as `lacks` does; [] if every rule holds and all is committed."""
    git = Git.discover(path.parent)
    bound_path = git.relative(path)
    bound = bounds.read(read_file(path, limit=limits.BOUND) or b"", bound_path)
    return lacks(git, bound, bound_path, lambda: blessed)


def warn_of_ledger(path: Path, metric: str) -> None:
    """Print a warning to standard error if the ledger at ``path`` cannot be read, or lacks a column
    that a row of a run needs; none if there is no ledger yet. ``metric`` is the metric's name. No
    OuroError is raised, since only a run adds rows."""
    try:
        fault: OuroError | None = ledger.column_fault(ledger.read(path, metric), metric)
    except OuroError as error:
        fault = error
    if fault:
        say_aside(f"ouro: warning: {fault.message}", f"  help: {fault.help}")


def _warn_of_several_numbers(git: Git, bound: Bound) -> None:
    """Print a warning to standard error if the evaluation of the harness returns several numbers,
    none of which the bound names as its metric; none if the harness is missing or cannot be
    parsed."""
    experiment = bound.experiment
    text = experiment.harness and read_file(git.top / bound.path(experiment.harness))
    if not text:
        return
    harness = experiment.harness
    with contextlib.suppress(OuroError):  # what cannot be parsed is not judged here
        source = Source(decode(text))
        if fault := number_fault(source, harness, experiment.evaluate, experiment.metric):
            say_aside(f"ouro: warning: {fault.message}", f"  help: {fault.help}")


def bless(path: Path, *, new_baseline: bool = False) -> tuple[lock.Lock, lock.Lock]:
    """Write bound.lock beside the bound.toml at ``path``, and record that this user blessed it;
    return the locks before and after; the first has no files if there was no valid lock.

    With ``new_baseline``, runs recorded before this blessing are not compared with later ones.
    TrustError if there is no bound.toml, if a file that a rule freezes is missing or is not a
    regular file, or if git does not track the script; BoundError if bound.toml is invalid;
    OuroError if the lock cannot be written. A ledger or an evaluation that is unfit causes a
    warning only.
    """
    git = Git.discover(path.parent)
    bound_path = git.relative(path)
    refuse_other_in_tree(git, bound_path)
    rules = read_file(path, limit=limits.BOUND)
    if rules is None:
        raise messages.no_rules_to_bless(path)
    bound = bounds.read(rules, bound_path)
    lock_path = join(bound.folder, lock.NAME)
    before = _read_lock(git.top / lock_path)
    after = lock_of(git, bound, bound_path, rules, before, new_baseline=new_baseline)
    _write(git, lock_path, after.dumps().encode())
    warn_of_ledger(git.top / bound.layout.ledger, bound.experiment.metric)
    _warn_of_several_numbers(git, bound)
    return before, after


def lock_of(
    git: Git,
    bound: Bound,
    bound_path: str,
    rules: bytes,
    before: lock.Lock = _NO_LOCK,
    *,
    new_baseline: bool = False,
) -> lock.Lock:
    """Return the lock that blesses ``bound``, whose bytes are ``rules``, and the present files of
    the working tree; nothing is written, and the bound.toml at ``bound_path``, relative to the
    repository's top, need not exist. ``before`` is the lock that it replaces. With
    ``new_baseline``, runs that were recorded under earlier locks are not compared with later ones.
    TrustError as in `bless`."""
    repository = Repository(git)
    script = bound.experiment.script
    if script and bound.path(script) not in repository.index:
        raise messages.script_untracked(bound.path(script))
    evidence = Evidence(bound.layout, repository, Trust(git, lock.NAME, "", _NO_LOCK), rehash=True)
    frozen = _list_frozen(bound, bound_path, evidence)
    files = {name: _hash_file(repository, name) for name in frozen if name != bound_path}
    files[bound_path] = digest(as_committed(git, bound_path, rules))
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    id = secrets.token_hex(8)
    return lock.Lock(
        now,
        dict(sorted(files.items())),
        _hash_data(bound, evidence, before),
        id,
        baseline=id if new_baseline else before.baseline,
    )


def _write(git: Git, lock_path: str, text: bytes) -> None:
    """Write ``text`` as bound.lock to the repository-relative path ``lock_path``, and record
    outside of the repository that this user blessed it. OuroError if the file cannot be written. If
    only the record fails, print a warning."""
    try:
        write_whole(git.top, lock_path, text)
    except OSError as error:
        refuse_other(str(git.top / lock_path))
        raise project_messages.not_writable(lock_path, str(error.strerror)) from None
    try:
        consent.remember(git, lock_path, text)
    except OSError as error:
        say_aside(
            f"ouro: warning: this blessing cannot be remembered ({error.strerror}): the gate asks "
            "before it runs a command of these rules (--run-commands)"
        )


def _list_frozen(bound: Bound, bound_path: str, evidence: Evidence) -> list[str]:
    """Return the sorted paths, relative to the repository's top, of bound.toml, the files that its
    rules freeze, and the files that pytest-ouro runs. TrustError names a rule whose files cannot be
    listed."""
    paths = {bound_path, *map(bound.path, evidence.layout.run_by_us)}
    for rule in bound.rules:
        try:
            paths.update(rule.checker.trusted_paths(evidence))
        except TrustError as error:
            raise messages.rule_not_blessable(rule.key, error.message, error.help) from None
    return sorted(paths)


def _hash_file(repository: Repository, name: str) -> str:
    """Return the sha256 of the file ``name``, relative to the repository's top, in the working
    tree, as git would commit it. If git has a Git LFS pointer to the same contents, return the
    sha256 of the pointer. TrustError if the file is missing or is not a regular file."""
    path = repository.git.top / name
    contents = read_or_point(path)
    if contents is None or path.is_symlink():
        raise messages.not_blessable(name)
    entry = repository.index.get(name)
    (blob,) = repository.git.blobs([entry.blob]) if entry else (contents,)
    known = large_file(blob) and same_content(blob, contents)
    return digest(blob if known else as_committed(repository.git, name, contents))


def _read_lock(target: Path) -> lock.Lock:
    """Return the lock in the file ``target``; a lock without files if that is missing or damaged.
    OuroError if it cannot be read or is too large."""
    text = read_file(target, limit=limits.LOCK)
    try:
        return lock.loads(text.decode(errors="replace")) if text else lock.Lock("", {})
    except TrustError:
        return lock.Lock("", {})


def _hash_data(bound: Bound, evidence: Evidence, before: lock.Lock) -> dict[str, str]:
    """Return a dict from the name of each data file on this machine that a rule compares to its
    sha256. It also has the entries in ``before`` of files in folders that have no such file
    here."""
    root = evidence.root
    names: set[tuple[Path, str]] = set()
    for rule in bound.rules:
        named = data.names(rule.checker.data_globs(evidence.layout), root)
        paths = rule.checker.trusted_data(evidence)
        names |= {(path, named.get(path) or data.name(path, root)) for path in paths}
    found = evidence.fingerprints.of(sorted({path for path, _ in names}))
    now = {name: found[path] for path, name in sorted(names)}
    folders = {name.rpartition("/")[0] for name in now}
    kept = {n: d for n, d in before.data.items() if n.rpartition("/")[0] not in folders}
    return {**kept, **now}
