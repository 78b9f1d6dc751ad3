"""Read what a run changed, and the end of what it printed."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.plain_file import open_plain
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.experiment.terms.console_text import clean, lines
from pytest_ouro.report.redact import redact

if TYPE_CHECKING:
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.journal import Journal

#: No program, filter or attribute of the repository has a part in a diff.
_OPTIONS = ("-r", "-z", "--numstat", "--text", "--no-ext-diff", "--no-textconv", "--no-renames")
#: The bytes at the end of a log that are read, and the most lines of them.
_READ, _LINES = 6000, 20


class ChangedFile(NamedTuple):
    """A file that a commit changed: its path from the repository's top, and how many lines were
    ``added`` and ``removed``."""

    path: str
    added: int
    removed: int


def read_changes(git: Git, base: str, commit: str) -> list[ChangedFile] | None:
    """Return the files in which the commit differs from the commit ``base`` (full ids), by path;
    None if git cannot read one of them."""
    try:
        found = run_git("diff-tree", *_OPTIONS, base, commit, cwd=git.top)
    except OuroError:
        return None
    rows = [row.split("\t", 2) for row in os.fsdecode(found).split("\0") if row.count("\t") > 1]
    return [
        ChangedFile(path, int(added), int(removed))
        for added, removed, path in rows
        if added.isdecimal() and removed.isdecimal()
    ]


def read_log_end(journal: Journal, run: str, *, raw: bool) -> list[str]:
    """Return the last lines of a run's log that are not blank, at most `_LINES` of its last `_READ`
    bytes, from the copy beside the journal; [] if there is no copy.

    They are as a terminal shows them, without escape sequences and control characters, and redacted
    unless ``raw``. Raise RecordError if ``run`` is not the id of a run.
    """
    text = "\n".join(lines(_read_end(journal, run)))
    text = clean(text, width=len(text) + 1)
    shown = text if raw else redact(text)
    return [line for line in shown.split("\n") if line.strip()][-_LINES:]


def _read_end(journal: Journal, run: str) -> str:
    """Return the end of the copy of a run's log, at most `_READ` bytes; "" if there is none. Of a
    longer log, a word at the very start is replaced by "…": it may be the end of a secret that is
    known by its start."""
    try:
        name = f"{journal.folder.name}/runs/{journal.place(run).name}.log"
        file = os.fdopen(open_plain(journal.common_dir, name, os.O_RDONLY), "rb")
    except OSError:
        return ""
    with file:
        start = max(0, os.fstat(file.fileno()).st_size - _READ)
        file.seek(start)
        text = file.read(_READ).decode(errors="replace")
    return re.sub(r"\A\S+", "…", text) if start else text
