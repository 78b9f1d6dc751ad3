"""The sandbox of a run: limit what this process and its descendants may do.

Landlock limits files, a seccomp filter limits system calls. Neither needs root, neither can be
removed, and every process started later is limited too.
"""

from __future__ import annotations

import ctypes
import os
import site
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import landlock, seccomp
from .system import call, is_linux, open_place, prctl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Readable folders: programs, libraries and their settings; the kernel's description of processor,
#: memory and cards. /proc shows public facts of other processes; Landlock denies the rest (ptrace).
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/localtime", "/etc/timezone", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"),
    *("/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/crypto-policies"),
    *("/proc", "/sys/devices", "/sys/bus", "/sys/class", "/sys/dev", "/sys/fs/cgroup"),
    *("/sys/module", "/sys/kernel/mm"),
)
#: What a program reads to find an address and to check a certificate.
_NETWORK = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/protocols", "/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/ca-certificates"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_NO_NEW_PRIVS = 38
_CAP_DAC_OVERRIDE = 1
_CAPABILITIES_VERSION = 0x20080522
_CAPGET = {"x86_64": 125, "aarch64": 90}

#: A Landlock rule on a file of /proc lasts only while the file is open.
_kept_open: list[int] = []


def enter(spec: Mapping[str, Iterable[str]], *, newest: int = 7, network: bool = False) -> None:
    """Enter the sandbox permanently. Call this while the process has one thread.

    ``spec`` has lists of paths. ``read`` and ``write`` are files, or folders with all below them;
    ``list`` are folders whose entries may be listed; ``devices`` are device nodes, or folders of
    them. ``hidden`` are files and folders that cannot be read, except for what ``write``, or a
    deeper path in ``read``, allows. ``packages`` are names of installed packages, which are hidden.
    The interpreter, its other packages and the system's libraries can be read. ``newest`` is the
    highest version of Landlock to use. ``network`` allows the internet.

    Raise OSError if there is a second thread, or with what the system or the kernel refuses; then
    the process must not run anything else.
    """
    if not (is_linux() and seccomp.supported()):
        raise OSError("a sandbox needs Linux on x86_64 or aarch64")
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise OSError("the sandbox must be entered before a second thread is started")
    abi = min(landlock.version(), newest)
    ruleset = landlock.Ruleset(abi, network=network)
    hidden = {*_real(spec.get("hidden", ())), *_packages(spec.get("packages", ()))}
    for path, rights in _grant([*_environment(hidden), *_real(spec.get("read", ()))], hidden):
        ruleset.allow(path, rights)
    for path in _real(_NETWORK if network else ()):
        ruleset.allow(path, landlock.READ)
    for path in _real(spec.get("list", ())):
        ruleset.allow(path, landlock.LIST)
    for path in _real(spec.get("write", ())):
        ruleset.allow(path, landlock.READ | landlock.WRITE)
    for path in map(Path, (*_DEVICES, *spec.get("devices", ()))):
        if path.is_char_device() or path.is_dir():
            ruleset.allow(path, landlock.DEVICE)
    _allow_thread_names(ruleset)
    prctl("no_new_privs", _NO_NEW_PRIVS, 1)
    _drop_capabilities()
    ruleset.restrict()
    seccomp.install(abi, network=network)


def _environment(hidden: set[Path]) -> Iterator[Path]:
    """Yield the files and folders that every program needs to read: those of the system, of this
    interpreter and of its import path. An entry of the import path that is hidden, or in a hidden
    folder, is left out."""
    own = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    child = Path(__file__).parents[1]
    program = Path(sys.executable).resolve().parent
    yield from _real([*_SYSTEM, *own, *site.getsitepackages(), program, child])
    # Folders that .pth files add; a checkout that is hidden is left out.
    for path in _real(_import_path()):
        if not any(path.is_relative_to(folder) for folder in hidden):
            yield path


def _packages(names: Iterable[str]) -> Iterator[Path]:
    """Yield, with links resolved, the path that each package in ``names`` would have in each folder
    of the import path, whether it exists or not; nothing is imported."""
    folders = dict.fromkeys([*site.getsitepackages(), *_import_path()])
    yield from _real(Path(folder, name) for folder in folders for name in names)


def _import_path() -> list[str]:
    """Return the absolute entries of ``sys.path``."""
    return [entry for entry in sys.path if Path(entry).is_absolute()]


def _grant(paths: Iterable[Path], hidden: set[Path]) -> Iterator[tuple[Path, int]]:
    """Yield pairs of a path to allow and its rights. A path that neither is nor contains a hidden
    one has READ. A folder that contains hidden paths has LIST, and pairs for its entries follow,
    chosen in the same way, without its links. A hidden path yields nothing."""
    for path in dict.fromkeys(paths):
        within = {one for one in hidden if one.is_relative_to(path)}
        if not within:
            yield path, landlock.READ
        elif path not in within:
            yield path, landlock.LIST
            # Granting a link would grant its target, which may be anywhere.
            yield from _grant([p for p in _content(path) if not p.is_symlink()], within)


def _content(folder: Path) -> list[Path]:
    """Return the entries of a folder; an empty list if it cannot be read."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _real(paths: Iterable[str | Path]) -> list[Path]:
    """Return the paths with all links resolved."""
    return [Path(os.path.realpath(path)) for path in paths]


def _allow_thread_names(ruleset: landlock.Ruleset) -> None:
    """Allow this process to write the names of its threads (/proc/PID/task/*/comm), as CUDA must.

    A process that is forked from this one cannot write the names of its own threads. It need not,
    since it cannot initialise CUDA again.
    """
    fd = open_place(f"/proc/{os.getpid()}/task")
    ruleset.allow_opened(fd, landlock.REWRITE)
    _kept_open.append(fd)


def _drop_capabilities() -> None:
    """Drop all capabilities of this process, by which it could read other processes. Only
    CAP_DAC_OVERRIDE stays, if it has it."""
    capget = _CAPGET[os.uname().machine]
    packed = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES_VERSION, 0), 8)
    sets = ctypes.create_string_buffer(24)
    call("capget", capget, packed, sets)
    permitted = struct.unpack("=6I", sets.raw)[1] & 1 << _CAP_DAC_OVERRIDE
    kept = struct.pack("=6I", permitted, permitted, 0, 0, 0, 0)
    call("capset", capget + 1, packed, ctypes.create_string_buffer(kept, 24))
