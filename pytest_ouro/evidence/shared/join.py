"""Let a clone join the shared records of its project; the first one brings its own along."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.git.files import write_ref
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.shared.commits import copy_commit, copy_commits
from pytest_ouro.evidence.shared.place import CLONES, FIRST, MARK, PROJECT
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.evidence.shared.place import RecordPlace

#: The folders beside the journal whose files belong to single runs.
_FILES = ("runs", "rows", "open")
#: The refs of the commits that clones had when they joined, so that their history is kept, and is
#: not copied again.
_JOINED = "refs/ouro/joined/"
#: The settings of the repository of shared records.
_USUAL = ("init.defaultObjectFormat=sha1", "init.defaultRefFormat=files")


def join(place: RecordPlace) -> bool:
    """Make a clone known to the shared records of its project, which are made if there are none;
    return whether there was anything to do, after which the place must be found again. Do nothing
    for a clone that shares nothing.

    The first clone that has records of its own brings them along, if no shared run is recorded yet.
    Raise RecordError if a file cannot be written, if both have records, if the clone's own are not
    what was recorded, or if HEAD cannot be copied; GitError if git fails.
    """
    folder = place.folder
    if place.joined or folder is None:
        return False
    try:
        _make_project(place, folder)
        place = replace(place)  # whose store is the repository that was made
        with hold_lock(place.common_dir / "ouro" / "clones.lock"):
            copy_commit(place, place.git.head)
            name = place.clone if place.is_named else _bring_records(place) or _new_name(place)
            write_ref(place.common_dir, f"{_JOINED}{name}", place.git.head)
            own = os.fsencode(os.path.realpath(place.git.common_dir)) + b"\n"
            make_folder(place.common_dir, CLONES)
            write_whole(place.common_dir, f"{CLONES}/{name}", own, mode=0o600)
            mark = f"{name} {place.project}\n".encode()
            make_folder(place.git.common_dir, MARK.partition("/")[0])
            write_whole(place.git.common_dir, MARK, mark, mode=0o600)
    except OSError as error:
        why = f"{error.filename or place.top}: {error.strerror or error}"
        raise messages.unusable_place(folder, place.source, why) from None
    finally:
        place.close()
    return True


def _make_project(place: RecordPlace, folder: Path) -> None:
    """Make the repository of the project's shared records in ``folder``, unless there is one. It is
    made whole under another name first. Raise OSError or GitError if that fails."""
    top = place.top
    with hold_lock(folder / ".lock"):
        if os.path.lexists(top):
            return
        new = folder / f".{top.name}.new"
        kind = () if len(place.project) == 40 else ("--object-format=sha256",)
        try:
            shutil.rmtree(new, ignore_errors=True)  # of a process that was killed
            new.mkdir(mode=0o700)
            run_git("init", "--quiet", "--template=", *kind, cwd=new, also=_USUAL)
            make_folder(new / ".git", PROJECT.partition("/")[0])
            write_whole(new / ".git", PROJECT, f"{place.project}\n".encode(), mode=0o600)
            new.rename(top)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _bring_records(place: RecordPlace) -> str:
    """Copy the clone's own records, if it has any, to the shared ones, if these have none; return
    `FIRST` if it is the clone whose records the shared ones began with, otherwise "".

    Raise RecordError if both have records, unless the shared ones begin with the clone's; or if the
    clone's are not what was recorded.
    """
    own = Journal(place.git.common_dir)
    if not own.lines() and not anchor.exists(own.common_dir):
        return ""
    own.complete()
    own.demand_whole()
    with own.locked(), place.journal.locked():
        lines, there = own.lines(), place.journal.lines()
        if there and there[: len(lines)] != lines:
            raise messages.own_records(own.path, place.top)
        if not there:
            _copy(place, own, lines)
    return "" if (place.common_dir / CLONES / FIRST).exists() else FIRST


def _copy(place: RecordPlace, own: Journal, lines: list[bytes]) -> None:
    """Copy the clone's own records, with the journal's ``lines``, to the shared ones, which have
    none: commits and refs, the files of runs, and at last the journal. Raise OSError or GitError if
    that fails."""
    held = anchor.refs(own.common_dir)
    refs = {ref: one for ref, one in held.items() if ref.startswith((anchor.TRIED, anchor.LOOKS))}
    if refs:
        copy_commits(place, [*dict.fromkeys(refs.values())])
    for ref, commit in refs.items():
        write_ref(place.common_dir, ref, commit)
    for kind in _FILES:
        make_folder(place.common_dir, f"{place.journal.folder.name}/{kind}")
        for file in (own.folder / kind).glob("*"):
            if file.is_file() and not file.is_symlink():
                write_whole(place.journal.folder / kind, file.name, file.read_bytes(), mode=0o600)
    anchor.write(place.common_dir, lines, "")
    whole = b"\n".join([*lines, b""])
    write_whole(place.journal.folder, place.journal.path.name, whole, mode=0o600)


def _new_name(place: RecordPlace) -> str:
    """Return a name for a clone that joins: that of its folder, as far as it can be part of a file
    name, and six hex digits; no other clone has it."""
    folder = re.sub(r"[^A-Za-z0-9]+", "-", place.git.top.name).strip("-")[:40] or "clone"
    while True:
        name = f"{folder}-{os.urandom(3).hex()}"
        if not os.path.lexists(place.common_dir / CLONES / name):
            return name
