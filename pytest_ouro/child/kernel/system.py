"""What Linux alone has, and what stands in for it elsewhere. No other module asks for the system.

Each function says what it does on other systems; one that does not needs Linux.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_PDEATHSIG, _GET_DUMPABLE, _SET_DUMPABLE, _SET_CHILD_SUBREAPER = 1, 3, 4, 36  # options of prctl
#: ``os`` with the names that it has on Linux alone, which checkers of types for others miss.
_LINUX: Any = os


def is_linux() -> bool:
    """Return whether this is Linux."""
    return sys.platform == "linux"


@cache
def _libc() -> Any:
    """Return the C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, number: int, *arguments: Any) -> int:
    """Make the system call ``number`` and return its result; OSError with ``name`` if it fails."""
    function = _libc().syscall
    function.restype = ctypes.c_long
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _demand(name, int(function(ctypes.c_long(number), *converted)))


def prctl(name: str, option: int, *arguments: int) -> int:
    """Ask or change the property ``option`` of this process with up to four numbers, and return the
    answer; OSError with ``name`` if that fails."""
    numbers = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    return _demand(name, int(_libc().prctl(ctypes.c_int(option), *numbers)))


def _demand(name: str, result: int) -> int:
    """Return what a call returned; OSError with ``name`` and the reason if it is below 0."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def adopt_orphans() -> None:
    """Make descendants that lose their parent children of this process. Do nothing elsewhere, or
    where the kernel refuses."""
    if is_linux():
        with contextlib.suppress(OSError):
            prctl("subreaper", _SET_CHILD_SUBREAPER, 1)


def end_with_parent(number: int) -> None:
    """Let the signal ``number`` end this process when its parent ends. Do nothing elsewhere, or
    where the kernel refuses."""
    if is_linux():
        with contextlib.suppress(OSError):
            prctl("pdeathsig", _PDEATHSIG, number)


def is_dumpable() -> bool:
    """Return whether other processes of the user may read and trace this one. True elsewhere."""
    return not is_linux() or prctl("dumpable", _GET_DUMPABLE) == 1


def set_dumpable(allowed: bool) -> None:
    """Let other processes of the user read and trace this one, or refuse it to them. Do nothing
    elsewhere, or where the kernel refuses."""
    if is_linux():
        with contextlib.suppress(OSError):
            prctl("dumpable", _SET_DUMPABLE, int(allowed))


def cores_of(pid: int = 0) -> frozenset[int]:
    """Return the cores on which a process or thread may run, this one for 0. OSError if it has
    ended. Needs Linux."""
    return frozenset(_LINUX.sched_getaffinity(pid))


def can_confine() -> bool:
    """Return whether processes can be confined to cores: on Linux alone."""
    return hasattr(os, "sched_setaffinity")


def confine_to(cores: Iterable[int]) -> None:
    """Let this thread, and processes that it starts, run on these cores alone. OSError if none of
    them is allowed. Needs Linux."""
    _LINUX.sched_setaffinity(0, cores)


def open_place(path: os.PathLike[str] | str) -> int:
    """Return a descriptor that stands for the place of a file or folder, and neither reads nor
    writes it. OSError if there is none. Needs Linux."""
    return os.open(path, _LINUX.O_PATH | os.O_CLOEXEC)


def set_attribute(path: os.PathLike[str], name: str, value: bytes) -> None:
    """Set an extended attribute of a file; OSError if that is refused. Needs Linux."""
    _LINUX.setxattr(path, name, value)


def open_memory(name: str) -> int | None:
    """Return the descriptor of a new file in memory that can be sealed; None elsewhere."""
    if not hasattr(os, "memfd_create"):
        return None
    fd: int = _LINUX.memfd_create(name, _LINUX.MFD_ALLOW_SEALING)
    return fd


def seal_size(fd: int) -> None:
    """Fix the size of a file in memory for ever. Do nothing elsewhere, or to another file."""
    import fcntl

    linux: Any = fcntl
    with contextlib.suppress(OSError, AttributeError):
        linux.fcntl(fd, linux.F_ADD_SEALS, linux.F_SEAL_SHRINK | linux.F_SEAL_GROW)
