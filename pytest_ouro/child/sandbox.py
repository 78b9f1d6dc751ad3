"""The sandbox of a run: what this process, and all it starts, may still do.

Landlock bounds the files and a filter of system calls the rest. Neither needs root, and neither
can be taken off again: what is started later, by whatever means, is inside too.
"""

from __future__ import annotations

import ctypes
import os
import site
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from . import landlock, seccomp
from .system import call, prctl

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
    if len(os.listdir("/proc/self/task")) != 1:
        raise OSError("the sandbox must be entered before a second thread is started")
    abi = min(landlock.version(), newest)
    ruleset = landlock.Ruleset(abi)
    hidden = [*_real(spec.get("hidden", ())), *_packages(spec.get("packages", ()))]
    for path in _grants([*_environment(hidden), *_real(spec.get("read", ()))], hidden):
        ruleset.allow(path, landlock.READ)
    for path in _real(spec.get("list", ())):
        ruleset.allow(path, landlock.LIST)
    for path in _real(spec.get("write", ())):
        ruleset.allow(path, landlock.WRITE | landlock.READ)
    for path in (*_DEVICES, *_real(spec.get("devices", ()))):
        if _is_device(path):
            ruleset.allow(path, landlock.DEVICE)
    _allow_names_of_threads(ruleset)
    prctl("no_new_privs", _NO_NEW_PRIVS, 1)
    _drop_capabilities()
    ruleset.restrict()
    seccomp.install(abi)


def _environment(hidden: Iterable[str]) -> Iterator[str]:
    """The folders of the system and of this interpreter."""
    yield from _real(_SYSTEM)
    own = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    here = os.path.dirname(__file__)
    yield from _real([*own, os.path.dirname(os.path.realpath(sys.executable)), here])
    yield from _real(site.getsitepackages())
    # What .pth files add: a folder of packages elsewhere; a checkout is none.
    for path in _real([entry for entry in sys.path if os.path.isabs(entry)]):
        if not any(_within(path, folder) for folder in hidden):
            yield path


def _packages(names: Iterable[str]) -> Iterator[str]:
    """The folders of installed packages, found without importing anything."""
    folders = {*site.getsitepackages(), *(entry for entry in sys.path if os.path.isabs(entry))}
    yield from _real(os.path.join(folder, name) for folder in sorted(folders) for name in names)


def _grants(paths: Iterable[str], hidden: Iterable[str]) -> Iterator[str]:
    """Paths that may be granted whole: a folder with something hidden in it becomes the rest of
    its content."""
    hidden = set(hidden)
    for path in dict.fromkeys(paths):
        if path not in hidden:
            yield from _around(path, {h for h in hidden if _within(h, path)})


def _around(path: str, hidden: set[str]) -> Iterator[str]:
    if not hidden:
        yield path
        return
    try:
        entries = list(os.scandir(path))
    except OSError:
        return
    for entry in entries:
        # A link would be granted as what it leads to, which may be anywhere.
        if entry.path not in hidden and not entry.is_symlink():
            yield from _around(entry.path, {h for h in hidden if _within(h, entry.path)})


def _real(paths: Iterable[str]) -> list[str]:
    return [os.path.realpath(path) for path in paths]


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_device(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISDIR(mode)


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
