"""Read files; compute the canonical bytes, digests and equality of contents."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING

from pytest_ouro.messages import git as messages

if TYPE_CHECKING:
    from pathlib import Path


_LFS = rb"version https://git-lfs\S*\noid sha256:([0-9a-f]{64})\n"


def canonical(data: bytes) -> bytes:
    """Return text with LF line endings; binary data (a NUL in its first 8000 bytes) unchanged."""
    return data if b"\0" in data[:8000] else data.replace(b"\r\n", b"\n")


def large_file(blob: bytes) -> str | None:
    """Return the sha256 of the file that a Git LFS pointer stands for; None for other contents."""
    if not blob.startswith(b"version https://git-lfs"):  # most are not: spare them the pattern
        return None
    pointer = re.match(_LFS, blob)
    return pointer[1].decode() if pointer else None


def digest(data: bytes) -> str:
    """Return ``sha256:…`` of the canonical bytes; for a Git LFS pointer, of the file it names."""
    return "sha256:" + (large_file(data) or hashlib.sha256(canonical(data)).hexdigest())


def has_digest(data: bytes, wanted: str) -> bool:
    """Return whether ``data`` is what a digest stands for; Git LFS takes it of the bytes as they
    are, without making line endings canonical."""
    return digest(data) == wanted or f"sha256:{hashlib.sha256(data).hexdigest()}" == wanted


def short(value: str) -> str:
    """Shorten a digest or commit id for people: ``9f2c41ab…`` or ``a1b2c3d``."""
    return value[7:15] + "…" if value.startswith("sha256:") else value[:7]


def read_file(path: Path) -> bytes | None:
    """Return the bytes of a regular file, the target of a symlink, or None for anything else.

    OuroError if it cannot be read.
    """
    found = on_disk(str(path))
    return found[1] if found else None


def on_disk(path: str) -> tuple[int, bytes] | None:
    """Return the mode and the bytes, like :func:`read_file`, without the cost of a Path."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return mode, os.fsencode(os.readlink(path))  # noqa: PTH115
        if stat.S_ISREG(mode):
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123
                return mode, file.read()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise messages.unreadable_file(path, str(error.strerror)) from None
    return None


def same_content(blob: bytes, data: bytes) -> bool:
    """Return whether ``data`` is the content of ``blob``, or of the file its LFS pointer names."""
    if name := large_file(blob):
        return hashlib.sha256(data).hexdigest() == name
    return canonical(blob) == canonical(data)
