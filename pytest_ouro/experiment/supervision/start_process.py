"""Start the process of a job: a launcher, or where nothing more is needed the command itself."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from pytest_ouro.child.evaluation import output
from pytest_ouro.child.kernel import system
from pytest_ouro.child.kernel.subreaper import fork_supervised
from pytest_ouro.experiment.terms.job import CHILD, environment
from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from pytest_ouro.experiment.terms.job import Job


def start_command(job: Job, channel: int) -> subprocess.Popen[bytes] | None:
    """Start the command of a job as a fork of this process, which spares the start of an
    interpreter, and return the process that waits for the command. Return None if a launcher must
    start it: on another system than Linux, while this process has several threads, for a job that
    is not a command, or is in a sandbox or observed, and if it cannot be started here, so that the
    launcher reports why. Raise OSError if the job's cache folders cannot be made.

    Once this function returns, the fork has become the command, and has none of this process's
    memory or descriptors. ``channel`` is the descriptor of the waiting process's end of a socket,
    by which it notices when this process ends.
    """
    message = job.message
    alone = system.is_linux() and len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208
    if message["mode"] != "command" or "sandbox" in message or "observed" in message or not alone:
        return None
    read, write = os.pipe()
    env = environment(job)
    if message.get("evaluation"):
        env["OURO_OUTPUT"] = output(write)
    try:
        process = subprocess.Popen(
            message["command"],
            cwd=job.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(fork_supervised, channel, is_copy=True),
        )
    except OSError:
        os.close(read)
        return None
    finally:
        os.close(write)
    process.stdout = os.fdopen(read, "rb")
    return process


def start_launcher(job: Job, channel: int, shared: list[int]) -> subprocess.Popen[bytes]:
    """Start the launcher of a job, with ``channel``, the descriptor of its end of a socket to this
    process, as an argument; return its process.

    It inherits the descriptors ``shared``, of which ``channel`` is one. Raise ExperimentError if
    the job's Python cannot be started, or its cache folders cannot be made.
    """
    try:
        return subprocess.Popen(
            [*job.python, "-B", str(CHILD), "launcher", str(channel)],
            cwd=job.folder,
            env=environment(job),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=shared,
            start_new_session=True,
        )
    except OSError as error:
        raise messages.not_started(job.python[0], error.strerror or str(error)) from None
