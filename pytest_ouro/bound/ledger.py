"""What the ledger of an experiment may not be: rows are added to it."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from pytest_ouro.evidence import lock
from pytest_ouro.evidence.paths import inside, join, matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.checks import Check
    from pytest_ouro.evidence.evidence import Layout

#: The names of code and settings.
_CODE = re.compile(
    r".*\.(?:py[cdiw]?|pth|so|dll|dylib|c|cc|cpp|cu|h|js|ts|rs|go|sh|bash|zsh|bat|ps1)"
    r"|.*\.(?:toml|lock|ini|cfg|ya?ml|json)|makefile|dockerfile|\.env.*"
)


def ledger_fault(
    layout: Layout, programs: Iterable[str], bound_name: str, checks: Iterable[Check]
) -> str:
    """Return why no row may be added to the file that ``ledger`` names; "" if it may.

    ``programs`` are the script and the words of commands, from the experiment's folder, and
    ``bound_name`` is the name of the file with the rules. The files that ``checks``, those of the
    rules, freeze are trusted.
    """
    ledger = layout.ledger
    path, name = ledger.casefold(), posixpath.basename(ledger).casefold()
    if path.endswith("/") or not path or path == layout.root.casefold():
        return "it is a folder"
    if not inside(ledger, layout.root):
        return "it lies outside the experiment's folder"
    if any(part.startswith((".git", "git~")) for part in _ignorable(path).split("/")):
        return "it belongs to git"
    if path in {join(layout.folder, name).casefold() for name in (bound_name, lock.NAME)}:
        return "it states the rules"
    if name == "run.log":
        return "it is the log of a run"
    relative = posixpath.relpath(ledger, layout.root or ".")
    run = [layout.path(glob) for glob in (*layout.run_by_us, *layout.editable)]
    if relative in map(posixpath.normpath, programs) or matches(ledger, run):
        return "it is what the experiment runs or edits"
    if matches(relative, layout.data) or _CODE.fullmatch(name):
        return "it is data, code or settings"
    frozen = [glob for check in checks for glob in check.protects(layout).frozen]
    return "a rule freezes it" if matches(ledger, frozen) else ""


def _ignorable(path: str) -> str:
    """Return a path without the characters that file systems ignore in names."""
    return re.sub("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]", "", path)
