"""Open and write regular files below a folder, without following any link below it.

A repository can have a link in place of each file and folder that is written in it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe could block for ever
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_plain(root: Path, name: str, flags: int, mode: int = 0o600) -> int:
    """Open the regular file ``name`` below ``root`` with the ``flags`` of os.open; return its
    descriptor. A new file gets ``mode`` minus the umask.

    With O_CREAT, missing folders on the way are made. With O_CREAT and the ``mode`` 0o600, the
    permissions of group and others are removed from a file that this user owns. Raise OSError if
    the file or a folder on the way is a link (ELOOP), is not a file or folder as it must be
    (EINVAL, ENXIO, EISDIR, ENOTDIR), or cannot be opened.
    """
    with _folder(root, name, make=bool(flags & os.O_CREAT)) as (folder, last):
        with _links_as_eloop(folder, last):
            fd = os.open(last, flags | _PLAIN, mode, dir_fd=folder)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            if flags & os.O_CREAT and mode == 0o600:
                keep_private(fd)
            return fd
        os.close(fd)
        raise OSError(errno.EINVAL, "it is not a regular file")


def make_folder(root: Path, name: str) -> None:
    """Make the folder ``name`` below ``root``, and missing folders on the way, all accessible to
    this user only. If the folder exists and this user owns it, remove the permissions of group and
    others from it.

    Raise OSError if it or a folder on the way is a link or a file, or cannot be made.
    """
    with _folder(root, f"{name}/", make=True, mode=0o700) as (folder, _):
        keep_private(folder)


def keep_private(fd: int) -> None:
    """Remove the permissions of group and others from an open file or folder that this user owns.
    Do nothing for anything else (a device, another user's file), or if the file system has no
    permissions."""
    found = os.fstat(fd)
    kind, others = stat.S_IFMT(found.st_mode), found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if kind in (stat.S_IFREG, stat.S_IFDIR) and others and found.st_uid == os.geteuid():
        with contextlib.suppress(OSError):  # a file system without permissions
            os.fchmod(fd, found.st_mode & stat.S_IRWXU)


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data`` to an open file. Raise OSError if that fails; a part may be written."""
    while data:
        written = os.write(fd, data)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[written:]


def write_new(root: Path, folder: str, files: Mapping[str, bytes]) -> None:
    """Write new files, by name, into ``folder`` below ``root``; missing folders are made.

    Raise OSError if one of the files exists or cannot be written, or if a folder below ``root`` is
    a link; those before it stay.
    """
    with _folder(root, f"{folder}/", make=True) as (place, _):
        for name, data in files.items():
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, 0o666, dir_fd=place)
            try:
                write_all(fd, data)
            finally:
                os.close(fd)


def write_whole(
    root: Path, name: str, data: bytes, *, mode: int = 0o666, durable: bool = True
) -> None:
    """Write ``data`` to the file ``name`` below ``root`` atomically: the file is replaced, or made
    with its folders, in one step, flushed to disk if it is to be ``durable``.

    A link of that name is replaced, not followed. A new file gets ``mode`` minus the umask. An
    existing file keeps its permissions, except that ``mode`` 0o600 makes any file private. Raise
    OSError, with the old file unchanged, if it cannot be written or a folder on the way is a link.
    """
    with _folder(root, name, make=True) as (folder, last):
        part = f"{last}.{os.urandom(6).hex()}"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, mode, dir_fd=folder)
        try:
            try:
                write_all(fd, data)
                if durable:
                    os.fsync(fd)
                if mode != 0o600 and (kept := _mode(folder, last)) is not None:
                    os.fchmod(fd, kept)
            finally:
                os.close(fd)
            os.replace(part, last, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise


@contextlib.contextmanager
def _folder(
    root: Path, name: str, *, make: bool = False, mode: int = 0o777
) -> Iterator[tuple[int, str]]:
    """Open the folder that contains ``name``, below ``root``, without following links. Yield its
    descriptor, which is closed at the end, and the last part of ``name``.

    With ``make``, missing folders on the way are made with ``mode``; without it, raise OSError for
    a missing folder. Raise OSError (ELOOP) for a folder that is a link.
    """
    *parents, last = name.split("/")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parents:
            with _links_as_eloop(folder, part):
                try:
                    below = os.open(part, _FOLDER, dir_fd=folder)
                except FileNotFoundError:
                    if not make:
                        raise
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, mode, dir_fd=folder)
                    below = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        yield folder, last
    finally:
        os.close(folder)


@contextlib.contextmanager
def _links_as_eloop(folder: int, name: str) -> Iterator[None]:
    """In the block, convert an OSError to one with ELOOP if ``name`` in ``folder`` (a descriptor)
    is a link; raise any other error unchanged."""
    try:
        yield
    except OSError:
        if stat.S_ISLNK(_kind(folder, name)):
            raise OSError(errno.ELOOP, "it is a link, and no link is followed") from None
        raise


def _mode(folder: int, name: str) -> int | None:
    """Return the permission bits of the regular file ``name`` in ``folder`` (a descriptor); None if
    it is anything else or absent."""
    mode = _kind(folder, name)
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) else None


def _kind(folder: int, name: str) -> int:
    """Return the ``st_mode`` of ``name`` in ``folder`` (a descriptor), without following a link; 0
    if it is missing or cannot be examined."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError:
        return 0
