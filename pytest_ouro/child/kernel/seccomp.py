"""The filter of system calls, for what Landlock does not cover, or not in older kernels.

It is a classic BPF program that the kernel runs at every call. It sees a call's number and its
plain arguments, never what a pointer points to.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import struct
from typing import NamedTuple

from .system import call

_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCH = 0, 4
_SET_FILTER, _ALL_THREADS = 1, 1


class _Machine(NamedTuple):
    """The constants of an architecture: its audit id, its column in _NUMBERS, and the number of the
    system call ``seccomp`` on it."""

    audit: int
    column: int
    install: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 0, 317),
    "aarch64": _Machine(0xC00000B7, 1, 277),
}
_X32 = 0x40000000


def _calls(table: str) -> dict[str, tuple[int | None, int | None]]:
    """Return the numbers of the system calls in ``table``, by name, each as a tuple for x86_64 and
    aarch64 (None for a call that aarch64 lacks).

    The table has entries such as ``ptrace 101 117,``, or ``iopl 172 -,`` for a call that aarch64
    lacks, and comments from ``#`` to the end of a line.
    """
    rows = (row.split() for row in re.sub("#.*", "", table).split(",") if row.strip())
    return {name: (int(x86), None if arm == "-" else int(arm)) for name, x86, arm in rows}


_REFUSED = _calls("""
    # other processes: their memory, files, handles
    ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, kcmp 312 272,
    pidfd_getfd 438 438, process_madvise 440 440, process_mrelease 448 448, migrate_pages 256 238,
    move_pages 279 239,
    # ways around this filter
    io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427, bpf 321 280,
    userfaultfd 323 282, perf_event_open 298 241, modify_ldt 154 -, iopl 172 -, ioperm 173 -,
    # other views of the file system
    unshare 272 97, setns 308 268, mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51,
    open_tree 428 428, move_mount 429 429, fsopen 430 430, fsconfig 431 431, fsmount 432 432,
    fspick 433 433, mount_setattr 442 442, open_tree_attr 467 467, name_to_handle_at 303 264,
    open_by_handle_at 304 265, fanotify_init 300 262,
    # what outlives the run in the kernel
    add_key 248 217, request_key 249 218, keyctl 250 219, shmget 29 194, shmat 30 196,
    shmctl 31 195, semget 64 190, semctl 66 191, semop 65 193, semtimedop 220 192, msgget 68 186,
    msgctl 71 187, msgsnd 69 189, msgrcv 70 188, mq_open 240 180, mq_unlink 241 181,
    # the owner's group, which would mark a file
    chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54,
    # the machine
    kexec_load 246 104, kexec_file_load 320 294, init_module 175 105, finit_module 313 273,
    delete_module 176 106, reboot 169 142, swapon 167 224, swapoff 168 225, acct 163 89,
    quotactl 179 60, quotactl_fd 443 443, syslog 103 116, settimeofday 164 170,
    clock_settime 227 112, sethostname 170 161, setdomainname 171 162, vhangup 153 58,
""")
#: What would leave up to 64 KiB with every file, after the run.
_ATTRIBUTES = _calls("""
    setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15,
    fremovexattr 199 16, setxattrat 463 463, removexattrat 466 466, file_setattr 469 469,
""")
#: What would mark files outside of the scratch folder, or lock their owner out: times other than
#: the present, modes, and what the kernel keeps of files in memory. These calls do nothing and
#: report success, since programs that copy files insist on it.
_IGNORED = _calls("""
    utime 132 -, utimes 235 -, futimesat 261 -, chmod 90 -, fchmod 91 52, fchmodat 268 53,
    fchmodat2 452 452, fadvise64 221 223,
""")
#: What tells whether a file is in memory. Libraries then ask in another way, or not.
_UNKNOWN = _calls("mincore 27 232, cachestat 451 451")
#: Allowed or refused by an argument, or answered with another error.
_LIMITED = _calls("""
    utimensat 280 88, madvise 28 233, preadv2 327 286, clone 56 220, clone3 435 435,
    socket 41 198, socketpair 53 199, connect 42 203, prctl 157 167, prlimit64 302 261,
    setpriority 141 140, sched_setparam 142 118, sched_setscheduler 144 119, sched_setattr 314 274,
    sched_setaffinity 203 122, ioprio_set 251 30, ioctl 16 29, fcntl 72 25,
""")
#: The same, on older kernels only.
_LIMITED_BEFORE = _calls("""
    kill 62 129, tkill 200 130, tgkill 234 131, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240,
    pidfd_send_signal 424 424, truncate 76 45, open 2 -, openat 257 56,
    openat2 437 437,
""")
_NUMBERS = {
    **_REFUSED,
    **_ATTRIBUTES,
    **_IGNORED,
    **_UNKNOWN,
    **_LIMITED,
    **_LIMITED_BEFORE,
}

#: TIOCSTI and TIOCLINUX type into a terminal. FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FS_IOC_SETVERSION
#: and EXT4_IOC_SETVERSION store 32 bits or more with a file of the user that is open for reading;
#: FS_IOC_SET_ENCRYPTION_POLICY, _ADD_ENCRYPTION_KEY and _ENABLE_VERITY with it or its file system.
_IOCTLS = (
    *(0x5412, 0x541C, 0x40086602, 0x401C5820, 0x40087602, 0x40086604),
    *(0x800C6613, 0xC0506617, 0x40806685),
)
#: F_SET_RW_HINT and F_SET_FILE_RW_HINT store hints about such a file in the kernel.
_FCNTLS = (1036, 1038)

_Code = list[bytes]


def supported() -> bool:
    """Return whether this is 64-bit Python on a machine whose call numbers are known."""
    return platform.machine() in _MACHINES and struct.calcsize("P") == 8


def install(abi: int, *, network: bool = False) -> None:
    """Install the filter of system calls, permanently, for all threads of this process and all that
    it starts.

    ``abi`` is the version of Landlock in use: the filter refuses what that does not cover. With
    ``network`` internet sockets are allowed. Raise OSError if the kernel refuses; KeyError on a
    machine that is not `supported`.
    """
    machine = _MACHINES[platform.machine()]
    code = program(platform.machine(), abi, os.getpid(), network=network)
    buffer = ctypes.create_string_buffer(b"".join(code), len(code) * 8)
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))
    call("seccomp", machine.install, _SET_FILTER, _ALL_THREADS, head)


def program(machine: str, abi: int, pid: int, *, network: bool = False) -> _Code:
    """Return the instructions of the filter for ``machine``, a key of _MACHINES, with ``abi`` and
    ``network`` as in `install`. If that version of Landlock does not limit signals, they may be
    sent only to the process ``pid`` and to the group of the caller. Raise KeyError for another
    machine."""
    known = _MACHINES[machine]
    code = [_load(_ARCH), _if(known.audit, 1, 0), _return(_KILL), _load(_NUMBER)]
    if machine == "x86_64":  # refuse the x32 calls, which have other numbers
        code += [_step(_AT_LEAST, _X32, 0, 1), _return(_KILL)]
    rules = {**_always(), **_before(abi, pid), **(_internet() if network else {})}
    for name, body in rules.items():
        number = _NUMBERS[name][known.column]
        if number is not None:
            code += [_if(number, 0, len(body)), *body]
    return [*code, _return(_ALLOW)]


def _always() -> dict[str, _Code]:
    """Return the instructions for each call that is refused, limited or ignored with every version
    of Landlock, by the name of the call."""
    rules = {name: _refuse() for name in _REFUSED}
    # As a file system without them answers.
    rules |= {name: _refuse(errno.EOPNOTSUPP) for name in _ATTRIBUTES}
    rules |= {name: _refuse(0) for name in _IGNORED}
    rules |= {name: _refuse(errno.ENOSYS) for name in _UNKNOWN}
    # MADV_COLD and MADV_PAGEOUT drop a file from memory; RWF_NOWAIT reads only what is there.
    rules["madvise"] = [_argument(2), *_except(20, 21)]
    nowait = [_argument(5), _step(_ANY_BIT, 0x8, 0, 1)]
    rules["preadv2"] = [*nowait, *_refuse(errno.EOPNOTSUPP), *_pass()]
    now = [_argument(2), _if(0, 0, 3), _load(16 + 8 * 2 + 4), *_equal(0)]
    rules["utimensat"] = [*now, *_refuse(0)]
    namespaces = 0x7E020000  # mount, cgroup, uts, ipc, user, pid, net
    rules["clone"] = [_argument(0), _step(_ANY_BIT, namespaces, 0, 1), *_refuse(), *_pass()]
    rules["clone3"] = _refuse(errno.ENOSYS)  # its flags are behind a pointer; libc takes clone
    rules["socket"] = rules["socketpair"] = _unix_streams()
    rules["connect"] = _refuse(errno.ECONNREFUSED)
    # PR_SET_PDEATHSIG may be set to SIGKILL only.
    rules["prctl"] = [_argument(0), _if(1, 1, 0), *_pass(), *_only(1, 9)]
    for name in ("prlimit64", "sched_setparam", "sched_setscheduler", "sched_setattr"):
        rules[name] = _only(0, 0)  # for this process itself
    # Ignore a change for other processes, without an error: libraries call it for their threads.
    rules["sched_setaffinity"] = [_argument(0), *_equal(0), *_refuse(0)]
    # For this process only, not a group or a user: the kinds are PRIO_ and IOPRIO_WHO_PROCESS.
    for name, process in (("setpriority", 0), ("ioprio_set", 1)):
        rules[name] = [_argument(0), _if(process, 1, 0), *_refuse(), *_only(1, 0)]
    rules["ioctl"] = [_argument(1), *_except(*_IOCTLS)]
    rules["fcntl"] = [_argument(1), *_except(*_FCNTLS)]
    return rules


def _before(abi: int, pid: int) -> dict[str, _Code]:
    """Return the instructions, by the name of the call, that are added to those of `_always`, or
    for ``fcntl`` and ``ioctl`` replace them, for what version ``abi`` of Landlock does not cover:
    truncation before version 3, signals before 6; {} from version 6 on. Signals may be sent to the
    process ``pid`` and to the group of the caller."""
    rules: dict[str, _Code] = {}
    if abi < 3:  # truncation: by name, and by opening for reading
        rules["truncate"] = _refuse()
        rules["openat2"] = _refuse(errno.ENOSYS)  # its flags are behind a pointer
        rules["open"] = _truncates(1)
        rules["openat"] = _truncates(2)
    if abi < 6:  # signals: to oneself, to one's group (the run's), or none at all
        to_self = [*_equal(pid), *_refuse()]
        to_group = [*_equal(0), *to_self]
        rules["kill"] = [_argument(1), *_equal(0), _argument(0), *to_group]
        for name in ("tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
            rules[name] = [_argument(0), *to_self]
        rules["tkill"] = rules["pidfd_send_signal"] = _refuse()
        # F_SETOWN, F_SETSIG, F_SETOWN_EX; FIOSETOWN, SIOCSPGRP: signals that files send
        rules["fcntl"] = [_argument(1), *_except(*_FCNTLS, 8, 10, 15)]
        rules["ioctl"] = [_argument(1), *_except(*_IOCTLS, 0x8901, 0x8902)]
    return rules


def _internet() -> dict[str, _Code]:
    """Return the instructions, by the name of the call, that replace those of `_always` where the
    internet is allowed: sockets of IPv4 and IPv6, and every ``connect``, are allowed. Of unix
    sockets only a pair is, since the filter cannot read the path that a call connects to."""
    sockets = [_argument(0), *_equal(2), *_equal(10), *_refuse()]
    return {"socket": sockets, "connect": _pass()}


def _unix_streams() -> _Code:
    """Return instructions for ``socket`` and ``socketpair`` that allow unix sockets of the kinds
    stream and ordered packets, and refuse all others: a datagram socket could send to any
    address."""
    kind = [_argument(1), _step(_AND, 0xF), *_equal(1), *_equal(5), *_refuse()]
    return [_argument(0), _if(1, 1, 0), *_refuse(), *kind]


def _truncates(index: int) -> _Code:
    """Return instructions for a call that opens a file: refuse O_TRUNC if the file is opened for
    reading alone, and allow everything else. ``index`` is the argument with the flags. With a file
    that is opened for writing, Landlock decides."""
    writing = [_argument(index), _step(_ANY_BIT, 0b11, 0, 1), *_pass()]
    return [*writing, _step(_ANY_BIT, os.O_TRUNC, 0, 1), *_refuse(), *_pass()]


def _only(index: int, value: int) -> _Code:
    """Return instructions that allow the call if its argument ``index`` is ``value``, and refuse it
    with EPERM otherwise."""
    return [_argument(index), *_equal(value), *_refuse()]


def _equal(value: int) -> _Code:
    """Return instructions that allow the call if the value loaded before is ``value``, and
    otherwise go on with the next instruction."""
    return [_if(value, 0, 1), *_pass()]


def _except(*values: int) -> _Code:
    """Return instructions that refuse the call with EPERM if the value loaded before is one of
    ``values``, and allow it otherwise."""
    return [step for value in values for step in (_if(value, 0, 1), *_refuse())] + _pass()


def _pass() -> _Code:
    """Return a list of one instruction, which allows the call."""
    return [_return(_ALLOW)]


def _refuse(code: int = errno.EPERM) -> _Code:
    """Return a list of one instruction, which makes the call fail with the error ``code``; with 0
    it does nothing and reports success."""
    return [_return(_ERRNO | code)]


def _argument(index: int) -> bytes:
    """Return an instruction that loads the lower 32 bits of the call's argument ``index`` (from 0),
    to be compared; the kernel uses no more of an int."""
    return _load(16 + 8 * index)


def _load(offset: int) -> bytes:
    """Return an instruction that loads 32 bits of the kernel's data on the call (``seccomp_data``)
    at this byte offset."""
    return _step(_LOAD, offset)


def _if(value: int, yes: int, no: int) -> bytes:
    """Return an instruction that skips the next ``yes`` instructions if the value loaded before is
    ``value``, else the next ``no``."""
    return _step(_EQUAL, value, yes, no)


def _return(value: int) -> bytes:
    """Return an instruction that ends the filter with ``value``, its answer on the call: allow,
    kill, or an error."""
    return _step(_RETURN, value)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """Return one instruction in the 8 bytes that the kernel reads: its ``code``, the operand
    ``value``, and how many instructions to skip if a comparison holds (``yes``) or not (``no``)."""
    return struct.pack("=HBBI", code, yes, no, value & 0xFFFFFFFF)
