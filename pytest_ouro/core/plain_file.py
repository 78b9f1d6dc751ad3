"""Open and write regular files below a folder without following any link below it.

A repository can hold a link in place of every file and folder that is written in it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe could block for ever
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_plain(root: Path, name: str, flags: int, mode: int = 0o600) -> int:
    """Open the regular file ``name`` below ``root`` with the ``flags`` of os.open; return its
    descriptor. A new file gets ``mode``, without what the umask takes away.

    With O_CREAT, missing folders on the way are made too; and if ``mode`` is 0o600, as for the
    tool's own files, an existing file of this user loses the permissions of group and others.
    OSError if the file, or a folder on the way, is a link (ELOOP), is neither a file nor a folder
    as it must be (EINVAL, ENXIO, EISDIR, ENOTDIR), or cannot be opened.
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
    """Make the folder ``name`` below ``root``, and missing folders on the way, for this user alone.
    If it exists and this user owns it, take the permissions of group and others from it.

    OSError if it, or a folder on the way, is a link or a file, or cannot be made.
    """
    with _folder(root, f"{name}/", make=True, mode=0o700) as (folder, _):
        keep_private(folder)


def keep_private(fd: int) -> None:
    """Take the permissions of group and others from an open file or folder that this user owns. Do
    nothing to anything else, such as a device or another user's file, or on a file system without
    permissions."""
    found = os.fstat(fd)
    kind, others = stat.S_IFMT(found.st_mode), found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if kind in (stat.S_IFREG, stat.S_IFDIR) and others and found.st_uid == os.geteuid():
        with contextlib.suppress(OSError):  # a file system without permissions
            os.fchmod(fd, found.st_mode & stat.S_IRWXU)


def write_whole(root: Path, name: str, data: bytes, *, mode: int = 0o666) -> None:
    """Replace the file ``name`` below ``root``, or make it and its folders: whole or not at all.

    A link of that name is replaced, not followed. A new file gets ``mode``, without what the umask
    takes away; an existing one keeps its own, unless ``mode`` is 0o600, as for the tool's own
    files. OSError if the file cannot be written, or a link is on the way to it; what was at the
    name is then unchanged.
    """
    with _folder(root, name, make=True) as (folder, last):
        part = f"{last}.{os.urandom(6).hex()}"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, mode, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
                if mode != 0o600 and (kept := _mode(folder, last)) is not None:
                    os.fchmod(fd, kept)
            os.replace(part, last, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise


@contextlib.contextmanager
def _folder(
    root: Path, name: str, *, make: bool = False, mode: int = 0o777
) -> Iterator[tuple[int, str]]:
    """Open the folder that holds ``name``, below ``root`` and through no link. Yield its
    descriptor, which is closed at the end, and the last part of ``name``.

    With ``make``, missing folders on the way are made with ``mode``; otherwise they are an OSError,
    as is a link on the way (ELOOP).
    """
    *parents, last = name.split("/")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parents:
            with _links_as_eloop(folder, part):
                if make:
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
    """Replace an OSError of the block by ELOOP if ``name`` in ``folder`` is a link; raise any other
    as it is."""
    try:
        yield
    except OSError:
        if stat.S_ISLNK(_kind(folder, name)):
            raise OSError(errno.ELOOP, "it is a link, and no link is followed") from None
        raise


def _mode(folder: int, name: str) -> int | None:
    """Return the permissions of the regular file ``name`` in ``folder``, a descriptor; None for
    anything else, or if it is absent."""
    mode = _kind(folder, name)
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) else None


def _kind(folder: int, name: str) -> int:
    """Return the mode (type and permissions) of what has this name in ``folder``, without following
    a link; 0 if nothing has."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError:
        return 0
