"""``pytest-ouro bless``: a person declares the present files the truth."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from pytest_ouro import bound as bounds
from pytest_ouro.checks.frozen import Frozen
from pytest_ouro.cli import find_bound
from pytest_ouro.errors import TrustError
from pytest_ouro.evidence import lock
from pytest_ouro.evidence.git import Git
from pytest_ouro.evidence.observed import Evidence
from pytest_ouro.evidence.repository import Repository, digest, read_file
from pytest_ouro.evidence.trust import Trust
from pytest_ouro.judge import Layout

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(args: argparse.Namespace) -> int:
    path = find_bound(args.bound)
    before, after = bless(path)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            word = "added" if name not in before else "changed" if name in after else "removed"
            print(f"{word}: {name}")
    print(
        f"ouro: {path.with_name(lock.NAME).name} declares {len(after)} files the truth; commit it"
    )
    return 0


def bless(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Write bound.lock beside the bound.toml at ``path``; the digests before and after.

    TrustError where a file that a rule freezes does not exist or is no regular file.
    """
    git = Git.discover(path.parent)
    data = read_file(path)
    if data is None:
        raise TrustError(f"{path} does not exist: there are no rules to bless")
    bound_path = (path.parent.resolve() / path.name).relative_to(git.top.resolve()).as_posix()
    folder = bound_path.rpartition("/")[0]
    bound = bounds.parse(data.decode(errors="replace"), folder=folder, name=bound_path)
    repository = Repository(git)
    nothing = Trust(git, lock.NAME, "", lock.Lock("", {}))
    evidence = Evidence(Layout(bound), repository, nothing)
    wanted = {bound_path, bound.path(bound.experiment.harness)}
    if bound.experiment.prepare:
        wanted.add(bound.path(bound.experiment.prepare))
    for rule in bound.rules:
        found = list(rule.judge.trusted_paths(evidence))
        if isinstance(rule.judge, Frozen) and not found:
            raise TrustError(
                f"{rule.key}: no tracked file matches {', '.join(rule.judge.paths)}",
                help="git add the file, or mend the paths in bound.toml",
            )
        wanted.update(found)
    files = {}
    for name in sorted(wanted):
        contents = read_file(git.top / name)
        if contents is None or (git.top / name).is_symlink():
            raise TrustError(f"{name} is no regular file here, so it cannot be blessed")
        files[name] = digest(contents)
    target = path.with_name(lock.NAME)
    old = read_file(target)
    try:
        before = dict(lock.loads(old.decode(errors="replace")).files) if old else {}
    except TrustError:
        before = {}
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    target.write_text(lock.Lock(now, files).dumps(), encoding="utf-8", newline="\n")
    return before, files
