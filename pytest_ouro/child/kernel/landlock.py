"""Landlock: limit the files that this process and its descendants can reach (Linux 5.13), and on
newer kernels TCP, abstract unix sockets and signals too."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from typing import TYPE_CHECKING

from .system import call, open_place

if TYPE_CHECKING:
    from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_VERSION = 1
_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15

READ = EXECUTE | READ_FILE | READ_DIR
LIST = READ_DIR
DEVICE = READ_FILE | WRITE_FILE | _IOCTL_DEV
REWRITE = READ | WRITE_FILE | _TRUNCATE
#: All rights except the creation of device nodes.
WRITE = (1 << 16) - 1 & ~(_MAKE_CHAR | _MAKE_BLOCK)
#: The rights that apply to a file that is not a folder.
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEV


def version() -> int:
    """Return the version of the kernel's Landlock, 1 or more. Raise OSError with the reason if it
    has none, or does not allow it."""
    try:
        return call("landlock_create_ruleset", _CREATE, None, 0, _VERSION)
    except OSError as error:
        why = {
            errno.ENOSYS: "this kernel has no Landlock",
            errno.EOPNOTSUPP: "Landlock was disabled when this kernel booted",
        }.get(error.errno or 0, f"the kernel refuses Landlock: {error.strerror}")
        raise OSError(error.errno, why) from None


class Ruleset:
    """A set of rights on files that stay allowed. `restrict` refuses all other rights on files that
    the version ``abi`` of Landlock covers.

    From version 4 on it refuses TCP too, unless ``network``; from version 6 on also abstract unix
    sockets of, and signals to, processes outside of the sandbox. Raise OSError if the kernel
    refuses to make the set.
    """

    def __init__(self, abi: int, *, network: bool = False) -> None:
        # Version 2 adds links and renames between folders, 3 truncate, 4 TCP, 5 ioctl, 6 abstract
        # unix sockets and signals.
        self._files = (1 << 13 + (abi >= 2) + (abi >= 3) + (abi >= 5)) - 1
        attributes = [self._files]
        if abi >= 4:
            attributes.append(0 if network else 0b11)
        if abi >= 6:
            attributes.append(0b11)
        packed = struct.pack(f"={len(attributes)}Q", *attributes)
        self._fd = call("landlock_create_ruleset", _CREATE, packed, len(packed), 0)

    def allow(self, path: Path, rights: int) -> None:
        """Allow ``rights``, a sum of flags such as READ, on a file, or on a folder and all below
        it. Do nothing for a path that is missing or cannot be opened; OSError if the kernel
        refuses."""
        try:
            fd = open_place(path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        try:
            self.allow_opened(fd, rights)
        finally:
            os.close(fd)

    def allow_opened(self, fd: int, rights: int) -> None:
        """Allow ``rights`` on the file, or the folder and all below it, that is open as ``fd``; of
        the rights those that the version does not know are dropped, and on a file those that only
        folders have. Do nothing if none is left; OSError if the kernel refuses."""
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        if rights := rights & self._files:
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd), 12)
            call("landlock_add_rule", _ADD, self._fd, _PATH_BENEATH, rule, 0)

    def restrict(self) -> None:
        """Apply the ruleset, permanently, to this thread and to all processes that it starts from
        now on, and close it; OSError if the kernel refuses."""
        call("landlock_restrict_self", _RESTRICT, self._fd, 0)
        os.close(self._fd)
