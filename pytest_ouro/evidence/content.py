"""Read files from disk, and compute and compare the canonical bytes and digests of contents."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.errors import LimitError
from pytest_ouro.messages import git as messages
from pytest_ouro.messages import limits as limit_messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


#: A Git LFS pointer has at most so many bytes.
LFS_POINTER = 1024
_LFS = rb"version https://git-lfs\S*\noid sha256:([0-9a-f]{64})\n"


def canonical(data: bytes) -> bytes:
    """Return ``data`` with each CRLF replaced by LF; binary data (a NUL in its first 8000 bytes) is
    returned unchanged."""
    return data if b"\0" in data[:8000] else data.replace(b"\r\n", b"\n")


def large_file(blob: bytes) -> str | None:
    """Return the sha256 (hexadecimal) that the Git LFS pointer ``blob`` names; None if ``blob`` is
    not a Git LFS pointer."""
    if not blob.startswith(b"version https://git-lfs"):  # most are not: spare them the pattern
        return None
    pointer = re.match(_LFS, blob)
    return pointer[1].decode() if pointer else None


def digest(data: bytes) -> str:
    """Return ``sha256:…`` of the canonical bytes of ``data`` (with LF line ends). If ``data`` is a
    Git LFS pointer, return ``sha256:`` and the digest that it names."""
    return "sha256:" + (large_file(data) or hashlib.sha256(canonical(data)).hexdigest())


def has_digest(data: bytes, wanted: str) -> bool:
    """Return whether ``wanted`` (``sha256:…``) is the `digest` of ``data`` or the sha256 of its
    unchanged bytes, since Git LFS hashes files without converting line ends."""
    return digest(data) == wanted or f"sha256:{hashlib.sha256(data).hexdigest()}" == wanted


def short(value: str) -> str:
    """Shorten a digest or commit id for a message: ``sha256:9f2c41ab…`` to ``9f2c41ab…`` (8
    digits), any other text to its first 7 characters."""
    return value[7:15] + "…" if value.startswith("sha256:") else value[:7]


def read_file(path: Path, *, limit: int = limits.FILE) -> bytes | None:
    """Return the bytes of a regular file; for a symbolic link, the path of its target; None if
    nothing is there, or something else, such as a folder.

    Raise OuroError if the file cannot be read, and LimitError if it has more than ``limit``
    bytes.
    """
    found = on_disk(str(path), limit=limit)
    return found[1] if found else None


def on_disk(path: str, *, limit: int = limits.FILE) -> tuple[int, bytes] | None:
    """Return ``(st_mode, bytes)`` of a regular file; for a symbolic link the bytes are the path
    of its target. Return None if nothing is there, or something else, such as a folder.

    Raise OuroError if the file cannot be read, and LimitError if it has more than ``limit``
    bytes. It takes a text, which is faster to make than the Path of :func:`read_file`.
    """
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return mode, os.fsencode(os.readlink(path))  # noqa: PTH115
        if stat.S_ISREG(mode):
            return mode, read_regular(path, limit)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise messages.unreadable_file(path, getattr(error, "strerror", "") or str(error)) from None
    return None


def read_own(path: Path | str, *, limit: int = limits.SMALL) -> bytes | None:
    """Return the bytes of a file in git's folder or of one that pytest-ouro writes; None if it
    does not exist.

    Raise OuroError if it is a link, a pipe or anything but a regular file, since another program
    may have put one there, or if it cannot be read; LimitError if it has more than ``limit``
    bytes.
    """
    try:
        return read_regular(str(path), limit, too_large=limit_messages.too_large_own)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in SPECIAL:
            raise limit_messages.special_file(str(path), kind_of(str(path))) from None
        raise messages.unreadable_file(str(path), str(error.strerror)) from None


#: What is not a regular file, as messages call it.
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def kind_of(path: str, *, follow: bool = False) -> str:
    """Return what is at ``path`` in words, as "a folder", "a link" or "a device"; "" for a regular
    file, or if nothing is there or it cannot be examined. With ``follow``, return what a symbolic
    link leads to in place of "a link"."""
    try:
        kind = stat.S_IFMT(os.stat(path, follow_symlinks=follow).st_mode)  # noqa: PTH116
    except OSError:
        return ""
    return "" if kind == stat.S_IFREG else _KINDS.get(kind, "a device")


def refuse_other(path: str, *, restore: str = "") -> None:
    """Raise OuroError if something other than a regular file is at ``path``, such as a folder, a
    pipe or a symbolic link (to whatever it leads). Return if a regular file or nothing is there, or
    it cannot be examined. The help of the error is a command that removes what is there, followed
    by the command ``restore``, if that is not ""."""
    if kind := kind_of(path):
        raise limit_messages.special_file(path, kind, restore)


#: The errors of `open_regular` for a link, a folder, a socket, a pipe or a device.
SPECIAL = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EINVAL)
#: A pipe without a writer would block without O_NONBLOCK.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def open_regular(path: str, *, follow: bool = False) -> tuple[int, int]:
    """Open a regular file for reading; return its descriptor, which the caller must close, and its
    size in bytes.

    Raise OSError if nothing is at ``path``; if a folder, pipe, socket or device is there (this does
    not wait for a pipe's writer); if a symbolic link is there and ``follow`` is false; or if the
    file cannot be opened.
    """
    descriptor = os.open(path, _READ if follow else _READ | os.O_NOFOLLOW)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        return descriptor, found.st_size
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file", path)


def read_regular(
    path: str,
    limit: float,
    *,
    follow: bool = False,
    too_large: Callable[[str, int, int], LimitError] | None = None,
) -> bytes:
    """Return the bytes of a regular file. Raise OSError if nothing is at ``path``, if something
    else, such as a folder, is there, if a symbolic link is there and ``follow`` is false, or if the
    file cannot be read.

    Raise LimitError if the file has more than ``limit`` bytes; ``too_large`` makes this error from
    the path, the size and the limit (by default, `messages.limits.too_large`).
    """
    too_large = too_large or limit_messages.too_large
    descriptor, size = open_regular(path, follow=follow)
    try:
        if size > limit:
            raise too_large(path, size, int(limit))
        data = b""
        while part := os.read(descriptor, max(size - len(data), 1 << 12)):
            data = data + part if data else part
            if len(data) > limit:  # it grew, or it is a file of the kernel, which has no size
                raise too_large(path, len(data), int(limit))
        return data
    finally:
        os.close(descriptor)


def read_or_point(path: Path, *, limit: int = limits.FILE) -> bytes | None:
    """Return the bytes of a regular file, of a symbolic link the path of its target, None for
    anything else. If the file has more than ``limit`` bytes, raise LimitError where ``limit`` is
    below `limits.FILE`; otherwise return a Git LFS pointer with its sha256 instead. Raise OuroError
    if the file cannot be read."""
    try:
        return read_file(path, limit=limit)
    except LimitError:
        if limit < limits.FILE:
            raise
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\n" % (
        hash_file(str(path)).encode()
    )


def hash_file(path: str) -> str:
    """Return the sha256 (hexadecimal) of a regular file's bytes, which are read in parts. Raise
    OuroError if it is anything else, also a symbolic link, or cannot be read."""
    return _hash_parts(path, lambda size: hashlib.sha256())


def is_id(name: bytes) -> bool:
    """Return whether bytes have the form of the full id of a git object: 40 or 64 hex digits, in
    lower case."""
    return len(name) in (40, 64) and not name.strip(b"0123456789abcdef")


def blob_id(path: str, like: str) -> str:
    """Return the id that git gives a blob with the bytes of this regular file, which is read in
    parts: by SHA-256 if the id ``like`` has 64 digits, otherwise by SHA-1. Raise OuroError if it is
    not a regular file or cannot be read."""
    new = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return _hash_parts(path, lambda size: new(b"blob %d\0" % size, usedforsecurity=False))


def _hash_parts(path: str, start: Callable[[int], hashlib._Hash]) -> str:
    """Return the hash (hexadecimal) of a regular file's bytes, which are read in parts. ``start``
    takes the file's size in bytes and returns the hash object to update. Raise OuroError if it is
    not a regular file or cannot be read."""
    try:
        descriptor, size = open_regular(path)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            digest = start(size)
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError as error:
        raise messages.unreadable_file(path, str(error.strerror)) from None
    return digest.hexdigest()


def same_content(blob: bytes, data: bytes) -> bool:
    """Return whether ``blob`` (from git) and ``data`` are equal apart from line ends (CRLF or
    LF).

    If ``blob`` is a Git LFS pointer, return whether ``data`` is the file that it names, or a
    pointer to the same file. If only ``data`` is a pointer, it is compared as text.
    """
    if name := large_file(blob):
        return name in (large_file(data), hashlib.sha256(data).hexdigest())
    return canonical(blob) == canonical(data)
