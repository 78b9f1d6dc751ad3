"""Detect that a file cannot be the ledger of an experiment, the table to which rows are added."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from pytest_ouro.evidence import lock
from pytest_ouro.evidence.paths import inside, join, matches_once

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.checks import Check
    from pytest_ouro.evidence.evidence import Layout

#: How the names of code and settings end, and such names.
_SUFFIXES = (
    *(".py", ".pyc", ".pyd", ".pyi", ".pyw", ".pth", ".so", ".dll", ".dylib", ".c", ".cc", ".cpp"),
    *(".cu", ".h", ".js", ".ts", ".rs", ".go", ".sh", ".bash", ".zsh", ".bat", ".ps1"),
    *(".toml", ".lock", ".ini", ".cfg", ".yml", ".yaml", ".json"),
)
_NAMES = frozenset(("makefile", "dockerfile"))
#: Characters that file systems ignore in names.
_IGNORED = dict.fromkeys(
    (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
)


def ledger_fault(
    layout: Layout, programs: Iterable[str], bound_name: str, checks: Iterable[Check]
) -> str:
    """Return in words why rows may not be added to the file that ``layout.ledger`` names, as a
    clause without a full stop; "" if they may. Only the path is judged: the file may not exist.

    Refused are the experiment's folder and paths outside of it, git's files (``.git…``),
    bound.toml, bound.lock, ``run.log``, files with names of code or settings, data, what the
    experiment runs or edits, and what one of ``checks`` freezes. ``programs`` are the script and
    the words of the commands, relative to the experiment's folder; ``bound_name`` is
    bound.toml's file name.
    """
    ledger = layout.ledger
    path, name = ledger.casefold(), posixpath.basename(ledger).casefold()
    if path.endswith("/") or not path or path == layout.root.casefold():
        return "it is a folder"
    if not inside(ledger, layout.root):
        return "it lies outside the experiment's folder"
    if any(part.startswith((".git", "git~")) for part in path.translate(_IGNORED).split("/")):
        return "it belongs to git"
    if path in {join(layout.folder, name).casefold() for name in (bound_name, lock.NAME)}:
        return "it states the rules"
    if name == "run.log":
        return "it is the log of a run"
    relative = posixpath.relpath(ledger, layout.root or ".")
    run = [layout.path(glob) for glob in (*layout.run_by_us, *layout.editable)]
    if relative in map(posixpath.normpath, programs) or matches_once(ledger, run):
        return "it is what the experiment runs or edits"
    if matches_once(relative, layout.data) or _is_code(name):
        return "it is data, code or settings"
    frozen = [glob for check in checks for glob in check.protects(layout).frozen]
    return "a rule freezes it" if matches_once(ledger, frozen) else ""


def _is_code(name: str) -> bool:
    """Return whether a lower-case file name is that of code or settings: it has a suffix such as
    ``.py`` or ``.toml``, is ``makefile`` or ``dockerfile``, or begins with ``.env``."""
    return name.endswith(_SUFFIXES) or name in _NAMES or name.startswith(".env")
