"""A corpus of past loops with known answers, for the audit: real git repositories, honest or not.

`HISTORIES` has all by name; `of_set("a")` those of one half. `build(history, folder)` writes the
repository into an empty folder, and `expected(history)` returns the answers. An error that an audit
reports on an honest history is a false alarm; so is one, on the others, at a commit or line that is
neither planted nor in ``side`` and ``side_lines``.
"""

from __future__ import annotations

import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .answers import honest_best, kept_results, planted_facts, side_commits, side_lines
from .loop import play
from .model import REGISTRY, Expected, History, Kept, Planted

if TYPE_CHECKING:
    from .loop import Loop

for _path in sorted(Path(__file__).parent.glob("[abcd]/[a-z]*.py")):
    import_module(f".{_path.parent.name}.{_path.stem}", __name__)

HISTORIES: dict[str, History] = REGISTRY.histories

__all__ = [
    "HISTORIES",
    "Expected",
    "History",
    "Kept",
    "Planted",
    "build",
    "expected",
    "of_set",
    "played",
]


def of_set(name: str) -> list[History]:
    """The histories of set ``a``, ``b``, ``c`` or ``d``."""
    return [history for history in HISTORIES.values() if history.set == name]


@cache
def played(name: str) -> Loop:
    """The loop of a history, played once; leave it as it is."""
    return play(HISTORIES[name])


def expected(history: History) -> Expected:
    """The answers for a history; nothing is written."""
    loop = played(history.name)
    return Expected(
        name=history.name,
        honest=history.honest,
        planted=planted_facts(loop),
        kept=kept_results(loop),
        honest_best=honest_best(loop),
        rows=loop.ledger.rows,
        rows_more=loop.ledger.rows_more,
        side=side_commits(loop),
        side_lines=side_lines(loop),
        metric=history.project.metric,
        higher_is_better=history.project.higher,
        ledger=loop.path,
        editable=history.project.editable,
        harness=history.project.harness,
    )


def build(history: History, folder: Path) -> Path:
    """Write a history's repository into an empty folder, and return the folder to audit."""
    loop = played(history.name)
    loop.objects.write(folder, loop.refs, loop.branch)
    subprocess.run(["git", "read-tree", "HEAD"], cwd=folder, check=True)
    for path, data in loop.worktree().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder / history.where
