"""Fork the launcher and the judge of each run from a process that has imported torch once.

A run starts two processes that import torch, for more than a CPU second each. Here both are forks
of a server that has done so already. Everything else is as in a run: a forked process is a child
of the process that asked for it (Linux gives it to the nearest subreaper once the process between
them has ended), leads a session of its own, and has the descriptors, the environment and the
folder that it was given. It then runs the folder ``child`` as ``python`` itself would.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import runpy
import site
import socket
import subprocess
import sys
import time
from typing import Any

#: Settings that an interpreter reads when it starts: a request with others is not for a fork.
FIXED = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONHASHSEED": "0",
}
ROLES = ("launcher", "judge")
_LONGEST = 1 << 17
_FREE = 500  # descriptors from here on are given to nobody


class TorchServer:
    """The client of the server; it starts processes instead of ``subprocess.Popen``."""

    def __init__(self, child: str) -> None:
        self._child = child
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(60)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-B", __file__, str(theirs.fileno())],
                env={**os.environ, **FIXED},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._execute = subprocess.Popen._execute_child  # type: ignore[attr-defined]
        #: How many processes were forked.
        self.forked = 0

    def bound(self) -> Any:
        """Return the replacement of ``subprocess.Popen._execute_child``."""
        return lambda popen, args, *given: self._start(popen, args, *given)

    def _start(self, popen: Any, args: Any, *given: Any) -> None:
        """Fork if that is equivalent to executing; else execute."""
        _, _, _, pass_fds, cwd, env, _, _, _, *pipes = given[:15]
        if not self._is_served(args, env):
            self._execute(popen, args, *given)
            return
        p2cread, _, _, c2pwrite, _, errwrite = pipes
        fds = {0: p2cread, 1: c2pwrite, 2: errwrite, **{fd: fd for fd in pass_fds}}
        request = {
            "argv": args[2:],
            "cwd": os.fspath(cwd),
            "env": env,
            "fds": list(fds),
            "parent": os.getpid(),
        }
        socket.send_fds(self._ours, [json.dumps(request).encode()], list(fds.values()))
        popen.pid = int(self._ours.recv(32))
        popen._child_created = True
        popen._close_pipe_fds(*pipes)
        self.forked += 1

    def _is_served(self, args: Any, env: Any) -> bool:
        return (
            list(args[:3]) == [sys.executable, "-B", self._child]
            and args[3] in ROLES
            and FIXED.items() <= (env or {}).items()
        )

    def close(self) -> None:
        """End the server."""
        self._ours.close()
        self._server.wait(timeout=60)


def serve(fd: int) -> dict[str, Any]:
    """Fork at every request. Return in the forked process only, with the request."""
    with socket.socket(fileno=fd) as requests:
        while True:
            data, fds, _, _ = socket.recv_fds(requests, _LONGEST, 16)
            if not data:
                os._exit(0)
            if between := os.fork():
                for received in fds:
                    os.close(received)
                os.waitpid(between, 0)
                continue
            if os.fork():
                os._exit(0)
            request: dict[str, Any] = json.loads(data)
            os.setsid()
            while os.getppid() != request["parent"]:
                time.sleep(0.0001)
            requests.send(str(os.getpid()).encode())
            break
    kept = [os.dup2(received, _FREE + n, inheritable=False) for n, received in enumerate(fds)]
    for received in fds:
        os.close(received)
    for wanted, held in zip(request["fds"], kept, strict=True):
        os.dup2(held, wanted)
        os.close(held)
    return request


def become(request: dict[str, Any]) -> None:
    """Run the child with its arguments, as a new interpreter would."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    site.USER_BASE = site.USER_SITE = None  # they follow from HOME, and are asked for again
    sys.argv = request["argv"]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file
    gc.disable()
    with contextlib.suppress(ImportError):
        import numpy  # noqa: F401
        import torch  # noqa: F401
    gc.freeze()
    gc.enable()
    become(serve(int(sys.argv[1])))
