"""Find the edits of a night, in groups that can be taken out of its tip one by one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.git.objects import Entry
from pytest_ouro.experiment.terms import commits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.run_record import FinishedRun

#: The contents of editable files by path; None for a file that is absent.
_Files = dict[str, bytes | None]


@dataclass(frozen=True)
class Edit:
    """What one keep changed: its kept run, and the run of the keep before it."""

    before: FinishedRun
    after: FinishedRun

    @property
    def name(self) -> str:
        """The first seven digits of the commit, and the subject of its message."""
        return f"{self.after.commit[:7]} {self.after.description}".strip()


@dataclass(frozen=True)
class Group:
    """Edits, oldest first, that can be taken out of the tip together; ``without`` is the commit of
    the tip without them."""

    edits: tuple[Edit, ...]
    without: str

    @property
    def name(self) -> str:
        """The names of the edits, divided by `` + ``."""
        return " + ".join(edit.name for edit in self.edits)


def find_groups(case: Case, kept: Sequence[FinishedRun]) -> list[Group]:
    """Return the groups of a night's edits, oldest group first, and make for each the commit of the
    tip without it.

    ``kept`` are the keeps of the night, newest first, from the tip to the baseline. An edit that
    can be taken out of the tip by itself is a group. If it cannot, since a later edit changed the
    same lines or the rest is not valid Python, it is joined with the next later edit, and so on. A
    group is left out if later edits replaced all of it, so that the tip without it is the same.
    Raise GitError or OSError if an object cannot be read or written.
    """
    git, tip = case.repository.git, kept[0]
    edits = [Edit(*ends) for ends in zip(kept[:0:-1], kept[-2::-1], strict=True)]
    whole: _Files = {path: git.store.read(blob) for path, blob in tip.code.items()}
    groups, waiting = [], list[Edit]()
    for edit in edits:
        waiting.append(edit)
        files = take_out(git, whole, waiting)
        if files is None:
            continue
        if files != whole:
            groups.append(Group(tuple(waiting), _commit(git, tip, whole, files, waiting)))
        waiting = []
    return groups


def take_out(git: Git, whole: _Files, edits: Sequence[Edit]) -> _Files | None:
    """Return the contents of editable files, ``whole``, without these edits (oldest first), which
    are undone from the last to the first; None if one cannot be undone, or a Python file would not
    be valid any more."""
    files = dict(whole)
    for edit in reversed(edits):
        old, new = edit.before.code, edit.after.code
        for path in sorted(old.keys() | new.keys()):
            if old.get(path) != new.get(path):
                sides = _read(git, old, path), _read(git, new, path)
                try:
                    files[path] = _undo(git, files.get(path), *sides)
                except _Conflict:
                    return None
    changed = [path for path in files if files[path] != whole.get(path)]
    return files if all(_is_valid(path, files[path]) for path in changed) else None


class _Conflict(Exception):
    """Raised by `_undo` if the change of a file cannot be undone."""


def _undo(git: Git, present: bytes | None, old: bytes | None, new: bytes | None) -> bytes | None:
    """Return the content ``present`` of a file without the change from ``old`` to ``new``, None if
    it is absent then. Raise _Conflict if the change cannot be undone."""
    if present == new:
        return old
    if present is None or old is None or new is None:
        raise _Conflict
    merged = commits.merge_contents(git, new, present, old)
    if merged is None:
        raise _Conflict
    return merged


def _read(git: Git, code: Mapping[str, str], path: str) -> bytes | None:
    """Return the content of the file ``path``; ``code`` has git's ids of a run's editable files by
    path. None if the run had no such file."""
    return git.store.read(code[path]) if path in code else None


def _is_valid(path: str, data: bytes | None) -> bool:
    """Return whether a content can be the file at ``path``: valid Python if that ends in ``.py``,
    anything otherwise."""
    if data is None or not path.endswith(".py"):
        return True
    try:
        ast.parse(data)
    except (SyntaxError, ValueError):
        return False
    return True


def _commit(git: Git, tip: FinishedRun, whole: _Files, files: _Files, edits: Sequence[Edit]) -> str:
    """Make a commit, whose parent is the tip, of the tip without ``edits``, and return its id: the
    editable files are ``files`` in place of ``whole``."""
    modes: dict[str, Entry] = {}
    for commit in (*(edit.before.commit for edit in edits), tip.commit):
        modes |= git.tree(commit)  # a file that an edit deleted has its former mode
    changes: dict[str, Entry | None] = {}
    for path, data in files.items():
        if data != whole.get(path):
            blob = "" if data is None else commits.write_blob(git, data)
            changes[path] = Entry(modes[path].mode, blob) if blob else None
    tree = commits.write_tree(git, tip.commit, changes)
    names = "\n".join(f"- {edit.name}" for edit in edits)
    count = "1 edit" if len(edits) == 1 else f"{len(edits)} edits"
    message = f"The tip without {count}\n\n{names}\n".encode(errors="replace")
    return commits.write_commit(git, tree=tree, parent=tip.commit, like=tip.commit, message=message)
