"""What Linux alone has: other modules ask this one which system it is, and use these calls only by
it.

Each function says what it does elsewhere, that is on other systems; one that does not needs Linux.
"""

from __future__ import annotations

import ctypes
import os
import sys

TYPE_CHECKING = False  # the module typing takes as long to import as all others here
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_PDEATHSIG, _GET_DUMPABLE, _SET_DUMPABLE, _SET_CHILD_SUBREAPER = 1, 3, 4, 36  # options of prctl
#: ``os`` with the names that it has on Linux alone, which checkers of types for others miss.
_LINUX: Any = os


def is_linux() -> bool:
    """Return whether this is Linux."""
    return sys.platform == "linux"


#: The C library of this process.
_LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, number: int, *arguments: Any) -> int:
    """Make the system call ``number`` with these arguments (ints, or objects of ctypes) and return
    its result; OSError, with ``name`` and the reason, if it fails."""
    function = _LIBC.syscall
    function.restype = ctypes.c_long
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _demand(name, int(function(ctypes.c_long(number), *converted)))


def prctl(name: str, option: int, *arguments: int) -> int:
    """Ask for, or change, a property of this process: call prctl(2) with ``option`` and up to four
    numbers, and return its answer; OSError with ``name`` if that fails."""
    numbers = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    return _demand(name, int(_LIBC.prctl(ctypes.c_int(option), *numbers)))


def _demand(name: str, result: int) -> int:
    """Return ``result``, what a call of the C library returned; OSError with ``name`` and the
    reason if it is below 0."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def adopt_orphans() -> bool:
    """Make this process a subreaper: descendants that lose their parent become its children. Return
    whether it is one: False on other systems than Linux, or if the kernel refuses."""
    if is_linux():
        try:
            return prctl("subreaper", _SET_CHILD_SUBREAPER, 1) == 0
        except OSError:
            pass
    return False


def end_with_parent(number: int) -> None:
    """Make the kernel send the signal ``number`` to this process when its parent ends. Do nothing
    on other systems than Linux, or if the kernel refuses."""
    if is_linux():
        try:
            prctl("pdeathsig", _PDEATHSIG, number)
        except OSError:
            pass


def is_dumpable() -> bool:
    """Return whether other processes of the user may read and trace this one; True on other systems
    than Linux."""
    return not is_linux() or prctl("dumpable", _GET_DUMPABLE) == 1


def set_dumpable(allowed: bool) -> None:
    """Allow other processes of the user to read and trace this one, or with ``allowed`` False
    forbid it. Do nothing on other systems than Linux, or if the kernel refuses."""
    if is_linux():
        try:
            prctl("dumpable", _SET_DUMPABLE, int(allowed))
        except OSError:
            pass


def cores_of(pid: int = 0) -> frozenset[int]:
    """Return the numbers of the cores on which the process or thread with the id ``pid`` may run; 0
    means the caller. Raise OSError if it has ended. Needs Linux."""
    return frozenset(_LINUX.sched_getaffinity(pid))


def can_confine() -> bool:
    """Return whether processes can be confined to cores, as on Linux."""
    return hasattr(os, "sched_setaffinity")


def confine_to(cores: Iterable[int]) -> None:
    """Let this thread, and processes that it starts, run on these cores alone. Raise OSError if
    none of them is allowed. Needs Linux."""
    _LINUX.sched_setaffinity(0, cores)


def open_place(path: os.PathLike[str] | str) -> int:
    """Return a descriptor (O_PATH) that stands for a file or folder, and by which it can be neither
    read nor written. Raise OSError if there is none. Needs Linux."""
    return os.open(path, _LINUX.O_PATH | os.O_CLOEXEC)


def set_attribute(path: os.PathLike[str], name: str, value: bytes) -> None:
    """Set an extended attribute of a file; OSError if that is refused. Needs Linux."""
    _LINUX.setxattr(path, name, value)


def open_memory(name: str) -> int | None:
    """Return the descriptor of a new file in memory, which `seal_size` can seal; None on systems
    without such files."""
    if not hasattr(os, "memfd_create"):
        return None
    fd: int = _LINUX.memfd_create(name, _LINUX.MFD_ALLOW_SEALING)
    return fd


def seal_size(fd: int) -> None:
    """Fix the size of a file in memory (`open_memory`) for ever. Do nothing on other systems than
    Linux, or to any other file."""
    import fcntl

    linux: Any = fcntl
    try:
        linux.fcntl(fd, linux.F_ADD_SEALS, linux.F_SEAL_SHRINK | linux.F_SEAL_GROW)
    except (OSError, AttributeError):
        pass
