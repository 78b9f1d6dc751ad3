"""Copy the files that a command left for its evaluation: plain files alone."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes that stay free on the disk.
_ROOM = 256 << 20
#: The most lines about files that were left out.
_LINES = 5


def hand_over(folder: Path, to: Path, artefacts: tuple[str, ...]) -> list[str]:
    """Copy the files below ``folder``, in which a candidate's command ran in a sandbox, into a new
    folder ``to``, where the evaluation reads them. Only files that one of the globs ``artefacts``
    matches are copied; all, if there are no globs. Return a line for each of the first ``_LINES``
    of these that could not be copied, [] if there are none.

    Links, pipes and devices are not copied, since a link could name any file of the user; nor are
    files after whose copy less than ``_ROOM`` bytes of the disk would be free. Compiled Python and
    the file ``.git`` at the top are left out without a line. No copy is executable. Raise OSError
    if ``to`` exists. Call this when no process of the command is left.
    """
    to.mkdir()
    left_out: list[str] = []
    room = shutil.disk_usage(to).free - _ROOM
    for name in _names(folder):
        if artefacts and not matches(name, artefacts):
            continue
        try:
            room -= _copy(folder / name, to / name, room)
        except OSError as error:
            left_out.append(f"ouro: {name} was not handed over: {error.strerror or error}")
    return left_out[:_LINES]


def _names(folder: Path) -> Iterator[str]:
    """Yield the path of each file, link, pipe and device at any depth below a folder, relative to
    it.

    Compiled Python is left out, and the file ``.git`` at the top.
    """
    for at, folders, files in os.walk(folder):
        here = Path(at)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in (*links, *files):
            path = (here / name).relative_to(folder).as_posix()
            if path != ".git" and not path.endswith((".pyc", ".pyo")):
                yield path


def _copy(path: Path, to: Path, room: int) -> int:
    """Copy a plain file and return its size in bytes.

    Raise OSError if it is anything else, has more than ``room`` bytes, or cannot be copied.
    """
    found = path.lstat().st_mode
    if not stat.S_ISREG(found):
        raise OSError("it is a link" if stat.S_ISLNK(found) else "it is not a plain file")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > room:
            raise OSError("the disk is full")
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("xb") as copy:
            shutil.copyfileobj(file, copy)
    return size
