"""Ask the gate about the working tree after a call, and cache what was watched then."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.bound.read import NAME
from pytest_ouro.checks import sources
from pytest_ouro.engine import Answer, check_rule, open_case
from pytest_ouro.guard import rules
from pytest_ouro.report import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from pytest_ouro.engine import Case

_BEFORE = "pytest-ouro: the call was carried out. After it, the gate finds what breaks a rule:"
_BEHIND = (
    "Do what the help says before you go on, and do not make the change in another way. If no call "
    "of yours made it, leave it, and tell the person who runs this session."
)


def judge(
    bound: str, path: str, state: Callable[[list[str], list[Any]], list[Any]], session: str
) -> str:
    """Return what the gate says of the broken rules of the working tree around ``bound``, the
    folder of bound.toml, and what to do; "" if none is broken. Cache what was watched in the file
    ``path``, if it can be written and the trusted revision is not an expression such as ``main~3``.
    OuroError if the rules cannot be read or applied.

    Only rules about the repository are applied: those about runs and records judge runs. Rules that
    start programs of the repository are left out. ``state`` returns the state of all that is
    watched, as `after.state` does. ``session`` is the folder of the session, which becomes the
    current one if it exists.
    """
    with contextlib.suppress(OSError):
        os.chdir(session)
    case = open_case(Path(bound) / NAME)
    applied = [
        rule
        for rule in case.bound.rules
        if rule.checker.stage == "repository" and not rule.checker.starts_programs
    ]
    revision = rules.revision(case)
    files = sorted({file for rule in case.bound.rules for file in sources(type(rule.checker))})
    branch = case.repository.git.branch
    more = [revision, files, f"refs/heads/{branch}" if branch else ""]
    names = [str(case.repository.git.top), *_watched(case)]
    before = state(names, more)  # a change from here on is seen
    answer = Answer(case, [check_rule(rule, case.evidence) for rule in applied])
    # The commit of a name such as main~3 may change while no watched file does.
    if not set(revision) & set("~^@{}:"):
        cached = {"names": names, "more": more, "state": before}
        rules.store(path, json.dumps(cached, separators=(",", ":")).encode())
    if not answer.broken:
        return ""
    return "\n".join((_BEFORE, text.render([answer]), _BEHIND))


def _watched(case: Case) -> Iterator[str]:
    """Yield the paths of the files and folders that are watched, since a change in one of them may
    break a rule.

    Paths from the top are those of the tracked files, of each folder with a tracked or untracked
    file at any depth, and of each folder directly in such a folder. Absolute paths are those of the
    data that rules read, of the folders of that data, and of the installed packages of a project's
    ``.venv``.
    """
    repository, evidence = case.repository, case.evidence
    top = str(repository.git.top)
    yield from repository.index
    folders = {"", evidence.layout.root}
    for name in (*repository.index, *repository.untracked):
        while (name := name.rpartition("/")[0]) not in folders:
            folders.add(name)
    inner = set()
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(os.path.join(top, folder)) as entries:
            for entry in entries:
                if entry.name != ".git" and entry.is_dir(follow_symlinks=False):
                    inner.add(os.path.join(folder, entry.name))
    yield from sorted((folders | inner) - {""})
    data = {file for rule in case.bound.rules for file in rule.checker.trusted_data(evidence)}
    real = {os.path.realpath(file) for file in data}
    yield from sorted(real | {os.path.dirname(file) for file in (*real, *map(str, data))})
    for place in {evidence.root, repository.git.top}:
        yield from map(str, sorted(place.glob(".venv/lib/python*/site-packages")))
