"""Compare a file on disk with its entry in git's index, by its bytes and its executable bit."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import LimitError
from pytest_ouro.evidence import content
from pytest_ouro.evidence.git.attributes import as_committed
from pytest_ouro.evidence.git.objects import object_id

if TYPE_CHECKING:
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry, Kind


class Disk:
    """Compares the files on disk of a working tree with entries of the index of its repository
    ``git``."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def change(self, path: str, entry: Entry) -> Kind | None:
        """Return how the file at this absolute path differs from ``entry``, which is not a
        submodule's: "deleted" if neither a file nor a link is there, "changed" if its content or
        its executable bit differs, or if one is a link and the other is not. Return None if nothing
        differs, or if nothing is there and ``entry`` is marked skip-worktree.

        What git converts (line ends, ``$Id$``, encoding, LFS) makes no difference; a content that
        is too large to be converted counts as changed if its bytes differ. Raise OuroError if the
        file cannot be read, GitError if git fails.
        """
        try:
            found = content.on_disk(path)
        except LimitError:
            return self._change_of_large(path, entry)
        if found is None:
            return None if entry.skip else "deleted"
        mode, data = found
        if (entry.mode == "120000") != stat.S_ISLNK(mode) or self._mode_differs(mode, entry):
            return "changed"
        if object_id(b"blob", data, like=entry.blob) == entry.blob:
            return None
        try:
            blob = self._git.store.read(entry.blob)
            same = content.same_content(blob, as_committed(self._git, path, data))
        except LimitError:
            return "changed"
        return None if same else "changed"

    def _change_of_large(self, path: str, entry: Entry) -> Kind | None:
        """Return "changed" if a file that is too large to be read at once has another hash or
        executable bit than ``entry``; otherwise None."""
        try:
            pointer = content.large_file(
                self._git.store.read(entry.blob, limit=content.LFS_POINTER)
            )
        except LimitError:
            pointer = None
        wanted = pointer or entry.blob
        found = content.hash_file(path) if pointer else content.blob_id(path, entry.blob)
        differs = found != wanted or self._mode_differs(os.stat(path).st_mode, entry)  # noqa: PTH116
        return "changed" if differs else None

    def _mode_differs(self, mode: int, entry: Entry) -> bool:
        """Return whether a file with the ``st_mode`` ``mode`` has another executable bit than
        ``entry``; False if core.fileMode is false, or if ``entry`` is not that of a regular
        file."""
        if entry.mode not in ("100644", "100755"):
            return False
        return bool(mode & stat.S_IXUSR) != (entry.mode == "100755") and self._modes_count

    @cached_property
    def _modes_count(self) -> bool:
        """Whether executable bits are compared: git's setting core.fileMode is not false."""
        return self._git.line("config", "--type=bool", "--get", "core.fileMode") != "false"
