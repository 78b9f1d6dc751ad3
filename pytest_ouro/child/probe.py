"""Test the sandbox of this machine: try forbidden and allowed actions in a throw-away process.

That the kernel accepts the rules does not prove that it enforces them. The parent sends, over a
socket, the path of a folder made for this test, and receives a JSON list of faults, which is empty
if there are none.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .kernel import sandbox
from .kernel.system import call, prctl, set_attribute

_PTRACE_SEIZE = 0x4206
_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x20000
#: ptrace, mount, unshare
_CALLS = {"x86_64": (101, 165, 272), "aarch64": (117, 40, 97)}


def start(fd: int) -> None:
    """Serve as the test of the sandbox: receive over ``fd`` the folder and settings, enter the
    sandbox for it, try the actions, and send the list of faults. If the sandbox cannot be entered,
    the reason is the only fault."""
    with socket.socket(fileno=fd) as channel, channel.makefile("rwb") as file:
        job = json.loads(file.readline())
        folder = Path(job["folder"])
        spec = {
            "read": [str(folder / "readable")],
            "write": [str(folder / "scratch")],
            "hidden": [str(folder / "readable/hidden")],
        }
        try:
            network = job["network"]
            sandbox.enter(spec, newest=job["newest"], network=network)
            forbidden = [*([] if network else _internet()), *_forbidden(folder)]
            wrong = [*_report_successes(iter(forbidden)), *_report_failures(_allowed(folder))]
        except OSError as error:
            wrong = [error.strerror or str(error)]
        file.write(json.dumps(wrong).encode() + b"\n")


_Actions = Iterator[tuple[str, Callable[[], Any]]]


def _report_successes(actions: _Actions) -> Iterator[str]:
    """Try each action that must fail; yield "WORDS did not fail" for each that does not raise an
    OSError."""
    for words, action in actions:
        try:
            action()
        except OSError:
            continue
        yield f"{words} did not fail"


def _report_failures(actions: _Actions) -> Iterator[str]:
    """Try each action that must work; yield "WORDS failed: ERROR" for each that raises an OSError
    or a SubprocessError."""
    for words, action in actions:
        try:
            action()
        except (OSError, subprocess.SubprocessError) as error:
            yield f"{words} failed: {error}"


def _forbidden(folder: Path) -> _Actions:
    """Yield the actions that the sandbox must refuse, each as a tuple of two: a text that names it,
    and a function without arguments that tries it. ``folder`` is the one made for the test."""
    readable, beside, scratch = (folder / name for name in ("readable", "beside", "scratch"))
    hidden = readable / "hidden"
    parent = os.getppid()
    ptrace, mount, unshare = _CALLS[os.uname().machine]
    yield "reading a hidden file", lambda: _read(hidden)
    yield "reading outside", lambda: _read(beside)
    yield "reading outside by another program", lambda: _run("cat", str(beside))
    yield "reading outside by a link", lambda: _read_by_link(beside, scratch / "link")
    yield "a hard link to a hidden file", lambda: os.link(hidden, scratch / "hard")
    yield "writing outside", lambda: _write(folder / "new")
    yield "writing what may be read", lambda: _write(readable / "data")
    yield "truncating outside", lambda: os.truncate(beside, 0)
    yield "removing outside", lambda: beside.unlink()
    yield "an attribute of a file", lambda: set_attribute(scratch, "user.ouro", b"")
    yield "calling a unix socket", lambda: _connect(folder / "socket")
    yield "a unix datagram socket", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    yield "a signal to the parent", lambda: os.kill(parent, signal.SIGCONT)
    yield "reading the parent's memory", lambda: _read(Path(f"/proc/{parent}/mem"))
    yield "reading the parent's environment", lambda: _read(Path(f"/proc/{parent}/environ"))
    yield "tracing the parent", lambda: call("ptrace", ptrace, _PTRACE_SEIZE, parent, 0, 0)
    yield "a mount", lambda: call("mount", mount, b"none", os.fsencode(scratch), b"tmpfs", 0, 0)
    yield "namespaces", lambda: call("unshare", unshare, _NEW_USER | _NEW_MOUNTS)
    yield "outliving the parent", lambda: prctl("pdeathsig", 1, 0)


def _internet() -> _Actions:
    """Yield the actions that the sandbox must refuse unless it allows the internet, each as a text
    and a function, as in `_forbidden`."""
    yield "a TCP socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    yield "a UDP socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    yield "an IPv6 socket", lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM)


def _allowed(folder: Path) -> _Actions:
    """Yield the actions that must work in the sandbox, each as a text and a function, as in
    `_forbidden`."""
    data = folder / "readable/data"
    yield "reading", lambda: _read(data)
    yield "writing to the scratch", lambda: _write(folder / "scratch/new")
    yield "another program", lambda: _run("cat", str(data))
    yield "naming a thread", _name_thread
    yield "a signal to itself", lambda: os.kill(os.getpid(), signal.SIGCONT)
    yield "a pair of sockets", lambda: socket.socketpair()[0].close()


def _read(path: Path) -> None:
    """Read the first byte of a file; OSError if that fails."""
    with path.open("rb", buffering=0) as file:
        file.read(1)


def _write(path: Path) -> None:
    """Make the file, or empty it if it exists; OSError if that fails."""
    with path.open("wb"):
        pass


def _read_by_link(path: Path, link: Path) -> None:
    """Make ``link`` a symlink to ``path`` and read the first byte of the file through it; OSError
    if one of the two fails."""
    link.symlink_to(path)
    _read(link)


def _run(*command: str) -> None:
    """Start a program, wait for it and hide its output. Raise OSError with its stderr if it
    fails."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise OSError(done.stderr.decode(errors="replace").strip())


def _connect(path: Path) -> None:
    """Connect to a unix socket and hang up; OSError if that fails."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(path))


def _name_thread() -> None:
    """Write the name of this thread by /proc, as CUDA does."""
    with Path(f"/proc/self/task/{os.getpid()}/comm").open("r+b", buffering=0) as file:
        file.write(b"python")
