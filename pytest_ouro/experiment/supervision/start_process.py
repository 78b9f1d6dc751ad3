"""Start the process of a job: a launcher, or where nothing more is needed the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from pytest_ouro.child.evaluation import output
from pytest_ouro.child.kernel.subreaper import fork_supervised
from pytest_ouro.experiment.terms.job import CHILD, environment
from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from pytest_ouro.experiment.terms.job import Job


def start_command(job: Job, channel: int) -> subprocess.Popen[bytes] | None:
    """Start the command of a job as a fork of this process, and return the process that waits for
    it; None if a launcher must start it, or say why it cannot be started.

    A fork spares the start of an interpreter. It is only safe while this process has one thread,
    and enough for a command that runs on no sandbox's terms. Once it returns, the fork has become
    the command: it has none of our memory or descriptors. ``channel`` is the descriptor of the end
    of the channel whose other end is ours.
    """
    message = job.message
    alone = sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208
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
    """Start the launcher of a job, with its channel's descriptor as an argument; return its
    process.

    It inherits the descriptors ``shared``, of which ``channel`` is one. ExperimentError if that
    fails.
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
