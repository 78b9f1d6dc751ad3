"""Tell an agent what the gate finds after a call of a tool that can write more than it names.

What a script or a build writes is seen only then. The gate costs as much as several calls of the
guard, so it is asked only if a watched file, folder or the index changed since it was asked last.
What is watched, and its state then, is cached in the git folder; a program that can write there can
forge it, and the gate never reads it.
"""

from __future__ import annotations

import os

import pytest_ouro.guard as door
from pytest_ouro.guard import loads, protected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pytest_ouro.guard.hosts import Call

#: What `guard.main` says if the answer takes too long, or fails.
SUBJECT = "what this call did could not be judged"


def finding(call: Call) -> str:
    """Return what the gate finds wrong after a call; "" if nothing changed since the gate was asked
    last, or if all that changed is lawful. OuroError or OSError if that cannot be judged. If the
    gate is asked, the folder of the session becomes the current folder, since the commands in the
    text are written for it."""
    door.subject = SUBJECT
    found = []
    for bound in protected.bounds(call):
        folder, common = protected.git_folders(bound)
        path = os.path.join(folder, "ouro", "after.json")
        try:
            cached = loads(protected.read(path))
            now = state(bound, folder, common, cached["names"], cached["more"])
            known = cached["state"] == now
        except Exception:
            known = False
        if not known:
            from functools import partial

            from pytest_ouro.guard import judging

            current = partial(state, bound, folder, common)
            found.append(judging.judge(bound, path, current, call.starts[0]))
    said = [text for text in found if text]
    if said and call.host in ("codex", "gemini"):
        said.append("This message takes the place of what the call printed.")
    return "\n".join(said)


def state(bound: str, folder: str, common: str, names: list[str], more: list[Any]) -> list[Any]:
    """Return the state of all that is watched, as a flat list to be compared with an earlier one.

    ``names`` are paths of files and folders, the first that of the repository's top and the others
    from there or absolute. ``more`` is the trusted revision and the files of packages' checks, as
    `protected.state` takes them, with the full name of the branch ("" if there is none) at its end.
    Git's own files, such as the index, are watched too. Of each file in ``names`` and of git the
    list has three numbers, or None, as `_stamp` appends them: the ctime among them is the time of
    the last change of content, name or mode. Raise OSError if the top cannot be opened.
    """
    *rules, branch = more
    git = [os.path.join(folder, name) for name in ("index", "HEAD", "MERGE_HEAD")]
    shared = [os.path.join(common, name) for name in ("packed-refs", "info/exclude", branch)]
    stamps = protected.state(bound, folder, common, *rules)
    _stamp((*git, *shared, *names[:1]), stamps)
    here = os.open(names[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _stamp(names[1:], stamps, here)
    finally:
        os.close(here)
    return stamps


def _stamp(paths: Iterable[str], stamps: list[Any], folder: int | None = None) -> None:
    """Append to ``stamps`` three numbers for each path: its ctime (in nanoseconds), its size (in
    bytes) and its inode. For a path that is absent append a single None in their place. Links are
    not followed. ``folder`` is the descriptor of an open folder from which relative paths start;
    None for the current folder."""
    lstat = os.lstat
    for path in paths:
        try:
            found = lstat(path, dir_fd=folder)
        except (OSError, ValueError):
            stamps.append(None)
        else:
            stamps += (found.st_ctime_ns, found.st_size, found.st_ino)
