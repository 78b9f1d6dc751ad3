"""Write the files of a commit from git's objects, and verify them against their ids.

Git itself checks out files through attributes, filters, encodings and hooks, all of which a
repository can set. None applies here: a file is the bytes of its blob, or, if that is a pointer of
Git LFS, the file that the pointer names.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.core.plain_file import write_all
from pytest_ouro.evidence.content import large_file, read_regular
from pytest_ouro.evidence.git.objects import object_id
from pytest_ouro.messages import checkout as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_ouro.evidence.git.objects import Objects

#: File modes of git's tree entries, and the permissions that they stand for.
PERMISSIONS = {"100644": 0o644, "100664": 0o644, "100755": 0o755}
_FOLDER, _LINK, _SUBMODULE = "40000", "120000", "160000"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=False)
class TreeWriter:
    """A writer of git trees into empty folders, which reads their files from ``objects``.

    ``leave_out`` says which paths are not written. ``large_files`` is the repository's folder of
    Git LFS objects: in place of a pointer, the file that the pointer names is written.
    """

    objects: Objects
    large_files: Path
    leave_out: Callable[[str], bool] = lambda path: False
    #: Permissions and object id of every file written, by path; a link has the permissions 0.
    written: dict[str, tuple[int, str]] = field(default_factory=dict)

    def write(self, tree: str, folder: Path) -> None:
        """Write the files of the tree with the id ``tree`` into the empty ``folder``, and verify by
        their ids what is there then.

        Raise GitError if an object is missing or git refuses one of the names, LimitError if the
        tree is too large, ExperimentError if a file cannot be written as it is committed; OSError
        for the disk's own faults.
        """
        links: list[tuple[str, str]] = []
        top = os.open(folder, _OPEN_FOLDER)
        try:
            self._write_folder(tree, top, "", links)
        finally:
            os.close(top)
        for path, blob in links:  # last, so that no file is written through one
            target = self.objects.read(blob, limit=limits.UNLIMITED)
            (folder / path).symlink_to(os.fsdecode(target))
            self.written[path] = (0, blob)
        self._verify(tree, folder)

    def _write_folder(
        self, tree: str, folder: int, prefix: str, links: list[tuple[str, str]]
    ) -> None:
        """Write a tree into the folder with the descriptor ``folder``, whose path is ``prefix`` (""
        or with a slash at its end). Subfolders are always made; ``leave_out`` is asked about
        everything else. A link is not made yet, but added to ``links`` as its path and object id; a
        submodule becomes an empty folder.

        Raise ExperimentError for an unknown mode, for two names that the disk takes for one, or for
        a file that Git LFS lacks.
        """
        for name, (mode, blob, _) in self.objects.folder(tree).items():
            path = prefix + name
            if mode != _FOLDER and self.leave_out(path):
                continue
            try:
                if mode == _FOLDER:
                    self._write_subfolder(name, blob, folder, path, links)
                elif mode == _LINK:
                    links.append((path, blob))
                elif mode == _SUBMODULE:
                    os.mkdir(name, dir_fd=folder)
                elif mode in PERMISSIONS:
                    self._write_file(name, folder, path, PERMISSIONS[mode], blob)
                else:
                    raise messages.unknown_mode(path, mode)
            except FileExistsError:
                raise messages.names_collide(path) from None

    def _write_subfolder(
        self, name: str, tree: str, folder: int, path: str, links: list[tuple[str, str]]
    ) -> None:
        """Make the subfolder ``name`` in ``folder`` (a descriptor) and write ``tree`` into it as
        `_write_folder` does; FileExistsError if the name is taken."""
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, _OPEN_FOLDER, dir_fd=folder)
        try:
            self._write_folder(tree, below, f"{path}/", links)
        finally:
            os.close(below)

    def _write_file(self, name: str, folder: int, path: str, permissions: int, blob: str) -> None:
        """Write a file, or the file that its Git LFS pointer names, and note it in ``written``.

        Raise ExperimentError if Git LFS has no such file; FileExistsError if the name is taken.
        """
        data = self.objects.read(blob, limit=limits.UNLIMITED)
        if name_of_content := large_file(data):
            data = _read_large(self.large_files, name_of_content, path)
            blob = object_id(b"blob", data, like=blob)
        _write_new(name, folder, permissions, data)
        self.written[path] = (permissions, blob)

    def _verify(self, tree: str, folder: Path) -> None:
        """Raise ExperimentError unless the files on the disk are those in ``written``, no more and
        no less, with the same permissions and contents."""
        found = dict(_files_of(folder, like=tree))
        for path in sorted(found.keys() | self.written.keys()):
            if found.get(path) != self.written.get(path):
                raise messages.changed_while_written(path)


def _write_new(name: str, folder: int, permissions: int, data: bytes) -> None:
    """Write a new file in the folder with this descriptor; FileExistsError if the name is taken."""
    descriptor = os.open(name, _NEW, permissions, dir_fd=folder)
    try:
        write_all(descriptor, data)
        os.fchmod(descriptor, permissions)  # whatever the umask took away
    finally:
        os.close(descriptor)


def _read_large(store: Path, name: str, path: str) -> bytes:
    """Return the bytes of the file ``name``, its sha256 in hexadecimal, in Git LFS's folder
    ``store``.

    Raise ExperimentError if the file is missing or has another sha256; its message names ``path``,
    the file with the pointer.
    """
    try:
        data = (store / name[:2] / name[2:4] / name).read_bytes()
    except OSError:
        raise messages.large_file_missing(path) from None
    if hashlib.sha256(data).hexdigest() != name:
        raise messages.large_file_missing(path)
    return data


def _files_of(
    folder: Path | str, *, like: str, prefix: str = ""
) -> Iterator[tuple[str, tuple[int, str]]]:
    """Yield pairs for every file and link below a folder: its path, and a tuple of its permissions
    and object id.

    A link has the permissions 0, and its target as content. ``like`` is an id whose hash function
    makes the ids, ``prefix`` the path of the folder. The file ``.git`` at the top is left out.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if path == ".git":  # the link to the repository, which git has written
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files_of(entry.path, like=like, prefix=f"{path}/")
                continue
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                data, permissions = os.fsencode(os.readlink(entry.path)), 0  # noqa: PTH115
            else:
                data = read_regular(entry.path, limits.UNLIMITED)
                permissions = stat.S_IMODE(mode)
            yield path, (permissions, object_id(b"blob", data, like=like))


def replace_file(top: Path, path: str, mode: str, data: bytes) -> None:
    """Put a file or link in place of the file or link at a path below ``top``, or where nothing is:
    whole or not at all.

    ``mode`` is that of a tree's entry for a file or link, and ``data`` the bytes of the file or the
    link's target. Folders on the way are made. Raise OSError if a folder is at the path, or a link
    or file is on the way to it.
    """
    *folders, name = path.split("/")
    folder = os.open(top, _OPEN_FOLDER)
    temporary = f".{name}.ouro"
    try:
        for below in folders:
            with contextlib.suppress(FileExistsError):
                os.mkdir(below, dir_fd=folder)
            inner = os.open(below, _OPEN_FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        if mode == _LINK:
            os.symlink(data, os.fsencode(temporary), dir_fd=folder)
        else:
            _write_new(temporary, folder, PERMISSIONS[mode], data)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)
