"""``pytest-ouro init --go``: bless and commit the rules, and run the baseline."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.cli.bless import bless, lock_of
from pytest_ouro.cli.first_gate import lacks
from pytest_ouro.cli.output import say
from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence import lock as lockfile
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.git.client import Git, run_git
from pytest_ouro.evidence.paths import join
from pytest_ouro.messages import project as messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def go(target: Path, *, quiet: bool = False) -> int:
    """Bless the bound at ``target``, commit it with its lock, and run the baseline under pytest in
    another process. Return 0 if pytest passes, else 1. If something does not hold yet, print it,
    bless nothing and return 1.

    ``quiet`` leaves out the line that says what was blessed. OuroError if bound.toml is faulty, or
    the rules cannot be blessed or committed.
    """
    git = Git.discover(target.parent)
    path = git.relative(target)
    text = read_file(target) or b""
    bound = bounds.read(text, path)
    lacking = lacks(git, bound, path, lambda: lock_of(git, bound, path, text))
    if lacking:
        for lack in lacking:
            say(f"ouro: does not hold yet: {lack.what}", f"  help: {lack.help}")
        say("ouro: nothing was blessed; do that, then: pytest-ouro init --go")
        return 1
    bless(target)
    names = [path, join(bound.folder, lockfile.NAME)]
    try:
        git.call("add", "-f", "--", *names)
        if git.line("diff", "--cached", "--name-only", "--", *names):
            message = "State and bless the rules of the experiment"
            run_git(
                *("commit", "-q", "-m", message, "--", *names), cwd=git.top, also=tuple(_author())
            )
    except GitError as error:
        raise messages.not_committed(" ".join(map(git.word, names)), error.message) from None
    git.close()
    if not quiet:
        say(f"ouro: blessed and committed {' and '.join(names)}; the baseline runs now")
    run = [sys.executable, "-m", "pytest", "--ouro-experiment", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(run, cwd=target.parent, stdin=subprocess.DEVNULL, check=False)
    return int(done.returncode != 0)


def _author() -> Iterator[str]:
    """Yield settings of git (``user.name=…``, ``user.email=…``) for the commit that `go` makes,
    with what GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL say, those that are set and not empty."""
    for setting, variable in (("name", "GIT_AUTHOR_NAME"), ("email", "GIT_AUTHOR_EMAIL")):
        if value := os.environ.get(variable):
            yield f"user.{setting}={value}"
