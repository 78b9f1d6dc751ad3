"""The judge of a run, as its parent has it: a process that starts with the run and ends with it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms import temp_folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ouro.experiment.terms.job import Job


@dataclass(frozen=True)
class Judge:
    """``channel`` is ours; ``lent`` are the descriptors that the training process is given: its
    line to the judge, and the memory that both share."""

    channel: socket.socket
    lent: tuple[int, int]
    kept: contextlib.ExitStack
    log: BinaryIO

    def release(self) -> None:
        """Close what was lent, once it was passed on."""
        self.kept.close()

    def last_words(self) -> str:
        """The last line that the judge printed: why it failed, if it did."""
        fd = self.log.fileno()  # the file that was opened: its name may lead elsewhere by now
        lines = os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")


@contextmanager
def judging(job: Job) -> Iterator[Judge]:
    """Start the judge of a job; it is gone when the context ends."""
    from pytest_ouro.experiment.terms.job import CHILD, environment

    assert job.judge is not None
    kept = contextlib.ExitStack()
    # A folder and caches of its own: the job's are the script's to write.
    with kept, temp_folders.temporary() as scratch:
        ours, theirs = socket.socketpair()
        line, far = socket.socketpair()
        shared = _memory(scratch)
        kept.callback(os.close, shared)
        kept.enter_context(far)
        with ours, theirs, line, (scratch / "judge.log").open("w+b", buffering=0) as log:
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
                yield Judge(ours, (far.fileno(), shared), kept, log)
            finally:
                processes.Family(process.pid, frozenset()).end(process, grace=0.0)


def _memory(folder: Path) -> int:
    """A file without a name, in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ouro-logits", os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.dup(file.fileno())
