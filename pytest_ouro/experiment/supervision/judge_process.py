"""Start and end the judge of a run."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from pytest_ouro.child.kernel import system
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms import temp_folders
from pytest_ouro.experiment.terms.job import CHILD, Job, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Judge:
    """A running judge, with its process id ``pid``. ``channel`` is the supervisor's end of the
    socket to it.

    ``lent`` are two descriptors for the training process: its end of a socket to the judge, and the
    memory that both share. ``kept`` closes the supervisor's copies of them, and ``log`` is the file
    that the judge prints to.
    """

    pid: int
    channel: socket.socket
    lent: tuple[int, int]
    kept: contextlib.ExitStack
    log: BinaryIO

    def release(self) -> None:
        """Close the supervisor's copies of the lent descriptors; call it once the training process
        has them."""
        self.kept.close()

    def last_words(self) -> str:
        """Return the last line that is not blank of what the judge printed, the reason if it
        failed; "" if there is none."""
        fd = self.log.fileno()  # the opened file; its name may have been replaced
        lines = os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")


@contextmanager
def start_judge(job: Job) -> Iterator[Judge]:
    """Start the judge of a job and yield it; kill it and its processes when the context ends.

    The job must have one (``job.judge`` is its message). Raise ExperimentError if its temporary
    folder cannot be made, OSError if its process cannot be started.
    """
    assert job.judge is not None
    kept = contextlib.ExitStack()
    # The judge has its own folder and caches, since the script can write to the job's.
    with kept, temp_folders.temporary() as scratch:
        ours, theirs = socket.socketpair()
        line, far = socket.socketpair()
        shared = _memory(scratch)
        kept.callback(os.close, shared)
        kept.enter_context(far)
        with ours, theirs, line, (scratch / "judge.log").open("w+b", buffering=0) as log:
            system.adopt_orphans()
            strangers = processes.children()  # of pytest or a plugin
            process = subprocess.Popen(
                [*job.python, "-B", str(CHILD), "judge", str(theirs.fileno())],
                cwd=scratch,
                env=environment(replace(job, scratch=scratch)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno(), line.fileno(), shared],
                start_new_session=True,
            )
            family = processes.Family(process.pid, strangers)
            message = {
                **job.judge,
                "supervisor": os.getpid(),
                "line": line.fileno(),
                "shared": shared,
            }
            try:
                ours.sendall(json.dumps(message).encode() + b"\n")
                theirs.close()
                line.close()
                yield Judge(process.pid, ours, (far.fileno(), shared), kept, log)
            finally:
                family.end(process, grace=0.0)


def _memory(folder: Path) -> int:
    """Return the descriptor of a new, empty file without a name: in memory if the system supports
    it, else on the disk of ``folder``."""
    if (memory := system.open_memory("ouro-logits")) is not None:
        return memory
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.dup(file.fileno())
