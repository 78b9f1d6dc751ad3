"""``pytest-ouro bless``: a person declares the present files the truth."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.cli import find_bound
from pytest_ouro.core.errors import TrustError
from pytest_ouro.engine import layout
from pytest_ouro.evidence import data, lock
from pytest_ouro.evidence.content import digest, large_file, read_file, same_content
from pytest_ouro.evidence.evidence import Evidence
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.evidence.trust import Trust, named

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pytest_ouro.bound.read import Bound


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(args: argparse.Namespace) -> int:
    path = find_bound(args.bound)
    old, new = bless(path)
    before, after = {**old.files, **old.data}, {**new.files, **new.data}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            word = "added" if name not in before else "changed" if name in after else "removed"
            print(f"{word}: {name}")
    print(
        f"ouro: {path.with_name(lock.NAME).name} declares {len(after)} files the truth; commit it"
    )
    trust, named_by = named(Git.discover(path.parent))
    if trust:
        print(
            f"ouro: {named_by} goes before it, and names {trust[:7]}: "
            "a blessing counts once that names its commit"
        )
        if named_by.startswith("git config"):
            print(
                "  help: commit it under bound.lock, then name that commit: git config --unset "
                "ouro.trust, git commit, git config ouro.trust $(git rev-parse HEAD)"
            )
    return 0


def bless(path: Path) -> tuple[lock.Lock, lock.Lock]:
    """Write bound.lock beside the bound.toml at ``path``; the locks before and after.

    TrustError where a file that a rule freezes is missing or is not a regular file, or where the
    script is not tracked.
    """
    git = Git.discover(path.parent)
    rules = read_file(path)
    if rules is None:
        raise TrustError(f"{path} does not exist: there are no rules to bless")
    bound_path = git.relative(path)
    bound = bounds.read(rules, bound_path)
    repository = Repository(git)
    script = bound.experiment.script
    if script and bound.path(script) not in repository.index:
        raise TrustError(
            f"{bound.path(script)} is not tracked, and it is what is run",
            help="git add it, or fix 'script' in bound.toml",
        )
    nothing = Trust(git, lock.NAME, "", lock.Lock("", {}))
    evidence = Evidence(layout(bound), repository, nothing, rehash=True)
    wanted = {bound_path, *map(bound.path, evidence.layout.run_by_us)}
    for rule in bound.rules:
        try:
            wanted.update(rule.checker.trusted_paths(evidence))
        except TrustError as error:
            raise TrustError(f"{rule.key}: {error.message}", help=error.help) from None
    files = {}
    for name in sorted(wanted):
        contents = read_file(git.top / name)
        if contents is None or (git.top / name).is_symlink():
            raise TrustError(
                f"{name or 'the top of the repository'} is not a regular file, so it cannot be "
                "blessed",
                help="put a regular file there, or fix its name in bound.toml",
            )
        files[name] = _digest(repository, name, contents)
    target = path.with_name(lock.NAME)
    before = _read(target)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    after = lock.Lock(now, files, _data(bound, evidence, before))
    target.write_text(after.dumps(), encoding="utf-8", newline="\n")
    return before, after


def _digest(repository: Repository, path: str, contents: bytes) -> str:
    """The digest of a file's contents, or the one that its Git LFS pointer states."""
    entry = repository.index.get(path)
    (blob,) = repository.git.blobs([entry.blob]) if entry else (contents,)
    return digest(blob if large_file(blob) and same_content(blob, contents) else contents)


def _read(target: Path) -> lock.Lock:
    text = read_file(target)
    try:
        return lock.loads(text.decode(errors="replace")) if text else lock.Lock("", {})
    except TrustError:
        return lock.Lock("", {})


def _data(bound: Bound, evidence: Evidence, before: lock.Lock) -> dict[str, str]:
    """The digests of the data on this machine; those of data that is elsewhere are kept."""
    paths = {path for rule in bound.rules for path in rule.checker.trusted_data(evidence)}
    found = evidence.fingerprints.of(sorted(paths))
    now = {data.name(path, evidence.root): digest for path, digest in found.items()}
    folders = {name.rpartition("/")[0] for name in now}
    kept = {n: d for n, d in before.data.items() if n.rpartition("/")[0] not in folders}
    return {**kept, **now}
