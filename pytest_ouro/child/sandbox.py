"""The sandbox of a run: what this process, and all it starts, may still do.

Landlock bounds the files and a filter of system calls the rest. Neither needs root, and neither
can be taken off again: what is started later, by whatever means, is inside too.
"""

from __future__ import annotations

import ctypes
import os
import site
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .kernel import landlock, seccomp
from .kernel.system import call, prctl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Programs, libraries and what they look up; the processor, memory and cards as the kernel
#: describes them. Of other processes /proc shows what anyone may see: the rest is ptrace's, and
#: Landlock denies that.
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/localtime", "/etc/timezone", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"),
    *("/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/crypto-policies"),
    *("/proc", "/sys/devices", "/sys/bus", "/sys/class", "/sys/dev", "/sys/fs/cgroup"),
    *("/sys/module", "/sys/kernel/mm"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_NO_NEW_PRIVS = 38
_CAP_DAC_OVERRIDE = 1
_CAPABILITIES_VERSION = 0x20080522
_CAPGET = {"x86_64": 125, "aarch64": 90}

#: A rule on a file of /proc holds as long as the kernel remembers the file: while it is open.
_kept_open: list[int] = []


def enter(spec: dict[str, Any], *, newest: int = 7) -> None:
    """Enter the sandbox, for good. Call it while this process has one thread.

    ``spec`` has lists of paths: ``read`` and ``write`` (files, or folders and all below them),
    ``list`` (folders whose names may be read), ``devices``, and ``hidden``: what stays unreadable
    within the others, unless it is granted itself and lies deeper; ``packages`` hides installed
    packages by their names. The interpreter, its packages and the system's libraries are readable.
    Landlock is used up to the version ``newest``.

    OSError says what the kernel refuses; then the process must not go on to run anything.
    """
    if not (sys.platform == "linux" and seccomp.supported()):
        raise OSError("a sandbox needs Linux on x86_64 or aarch64")
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise OSError("the sandbox must be entered before a second thread is started")
    abi = min(landlock.version(), newest)
    ruleset = landlock.Ruleset(abi)
    hidden = {*_real(spec.get("hidden", ())), *_packages(spec.get("packages", ()))}
    for path, rights in _around([*_environment(hidden), *_real(spec.get("read", ()))], hidden):
        ruleset.allow(path, rights)
    for path in _real(spec.get("list", ())):
        ruleset.allow(path, landlock.LIST)
    for path in _real(spec.get("write", ())):
        ruleset.allow(path, landlock.READ | landlock.WRITE)
    for path in map(Path, (*_DEVICES, *spec.get("devices", ()))):
        if path.is_char_device() or path.is_dir():
            ruleset.allow(path, landlock.DEVICE)
    _allow_names_of_threads(ruleset)
    prctl("no_new_privs", _NO_NEW_PRIVS, 1)
    _drop_capabilities()
    ruleset.restrict()
    seccomp.install(abi)


def _environment(hidden: set[Path]) -> Iterator[Path]:
    """The folders of the system and of this interpreter."""
    own = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    here = Path(__file__).parent
    program = Path(sys.executable).resolve().parent
    yield from _real([*_SYSTEM, *own, *site.getsitepackages(), program, here])
    # What .pth files add: a folder of packages elsewhere; a checkout is none.
    for path in _real(_import_path()):
        if not any(path.is_relative_to(folder) for folder in hidden):
            yield path


def _packages(names: Iterable[str]) -> Iterator[Path]:
    """The folders of installed packages, found without importing anything."""
    folders = dict.fromkeys([*site.getsitepackages(), *_import_path()])
    yield from _real(Path(folder, name) for folder in folders for name in names)


def _import_path() -> list[str]:
    return [entry for entry in sys.path if Path(entry).is_absolute()]


def _around(paths: Iterable[Path], hidden: set[Path]) -> Iterator[tuple[Path, int]]:
    """What may be read whole; of a folder with something hidden in it, the names and the rest."""
    for path in dict.fromkeys(paths):
        within = {one for one in hidden if one.is_relative_to(path)}
        if not within:
            yield path, landlock.READ
        elif path not in within:
            yield path, landlock.LIST
            # A link would be granted as what it leads to, which may be anywhere.
            yield from _around([p for p in _content(path) if not p.is_symlink()], within)


def _content(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _real(paths: Iterable[str | Path]) -> list[Path]:
    return [Path(os.path.realpath(path)) for path in paths]


def _allow_names_of_threads(ruleset: landlock.Ruleset) -> None:
    """CUDA writes the names of its threads to /proc/self/task/*/comm and fails where it may not.

    Only this process's own: one that is forked from it cannot start CUDA anew.
    """
    fd = os.open(f"/proc/{os.getpid()}/task", os.O_PATH | os.O_CLOEXEC)
    ruleset.allow_opened(fd, landlock.REWRITE)
    _kept_open.append(fd)


def _drop_capabilities() -> None:
    """Root keeps only that file modes do not bind it: others would read other processes."""
    capget = _CAPGET[os.uname().machine]
    packed = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES_VERSION, 0), 8)
    sets = ctypes.create_string_buffer(24)
    call("capget", capget, packed, sets)
    permitted = struct.unpack("=6I", sets.raw)[1] & 1 << _CAP_DAC_OVERRIDE
    kept = struct.pack("=6I", permitted, permitted, 0, 0, 0, 0)
    call("capset", capget + 1, packed, ctypes.create_string_buffer(kept, 24))
