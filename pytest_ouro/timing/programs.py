"""Programs that are measured: one that runs whole each time, one that is started once and asked."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, BinaryIO

from pytest_ouro.timing.amounts import COUNTS, Count, Refused, counting_words, read_instructions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

#: The program that does nothing, by which the cost of a start is measured.
_NOTHING = "true"
#: The lowest share of the time of a program that may be left once its start is subtracted.
_LEAST = 0.05


def confined(words: Sequence[str]) -> list[str]:
    """Return the words that start a program of the candidate: those of the variable
    ``OURO_CONFINE``, which the supervisor sets for an evaluation, and then ``words``; ``words``
    alone where it is not set."""
    return [*shlex.split(os.environ.get("OURO_CONFINE", "")), *words]


class Asked:
    """A program that is started once, answers each question that it reads, and whose time for it is
    read from outside. Use it in a ``with`` statement, and call it to ask.

    ``words`` are the program and its arguments; with ``candidate``, it is started by
    ``OURO_CONFINE`` (see `confined`). An answer has ``length`` bytes; if that is None, it is a line
    with its end. ``count`` is "cpu", the CPU seconds of all threads of the program's process (on
    Linux), or "wall". What the program does in further processes, or between two questions, does
    not count as CPU seconds. Raise `Refused` if this system or ``count`` cannot be used so; OSError
    if the program cannot be started.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        candidate: bool = False,
        length: int | None = None,
        count: Count = "cpu",
    ) -> None:
        if count == "instructions":
            raise Refused("instructions are counted of whole programs: count cpu of an asked one")
        if count == "cpu" and sys.platform != "linux":
            raise Refused("it needs Linux, where one process can read the CPU clock of another")
        self._length, self._count = length, count
        started = confined(words) if candidate else [*words]
        self._process = subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        #: The program's largest resident memory, in MB, once it was closed; 0 before.
        self.peak_mb = 0.0

    def __enter__(self) -> Asked:
        """Return the program itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the program's input and wait for its end; after an error, kill it."""
        self.close(kill=error is not None)

    def close(self, *, kill: bool = False) -> None:
        """Close the program's input, wait for its end, and set ``peak_mb``; with ``kill``, end it
        at once. Do nothing if that was done."""
        process = self._process
        if process.returncode is not None:
            return
        if kill:
            os.kill(process.pid, signal.SIGKILL)  # Popen's own would wait for what has ended
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.peak_mb = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)

    def _clock(self) -> float:
        """Return the present time in seconds, on the program's CPU clock or on the wall's."""
        if self._count == "wall":
            return time.perf_counter()
        # Linux: the number of another process's CPU clock (clock_getcpuclockid(3)).
        return time.clock_gettime(~self._process.pid << 3 | 2)

    def __call__(self, question: bytes) -> tuple[bytes, float]:
        """Return the program's answer to the question and the seconds that it took, above 0. Raise
        `Refused` if it gives none, or one of fewer than ``length`` bytes."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            began = self._clock()
            stdin.write(question)
            stdin.flush()
            answer = stdout.readline() if self._length is None else stdout.read(self._length)
            taken = self._clock() - began
        except OSError:
            raise Refused(f"{self._process.args!r} has ended, and answers nothing") from None
        if len(answer) < (self._length or 1):
            raise Refused(f"{self._process.args!r} gave no answer")
        return answer, max(taken, 1e-9)


class Whole:
    """A program that is run whole each time it is called, with the question as its input.

    ``words``, ``candidate`` and ``count`` are as for `Asked`, except that CPU seconds and
    instructions include those of its children. Before each run a program that does nothing is
    started in the same way, and the median of these costs, so far, is subtracted, so that
    ``OURO_CONFINE`` costs nothing. Raise ValueError if ``count`` is not one of `COUNTS`.
    """

    def __init__(
        self, words: Sequence[str], *, candidate: bool = False, count: Count = "cpu"
    ) -> None:
        if count not in COUNTS:
            raise ValueError(f"count is {count!r}, not one of {', '.join(COUNTS)}")
        self._words, self._candidate, self._count = [*words], candidate, count
        self._starts: list[float] = []

    def __call__(self, question: bytes) -> tuple[bytes, float]:
        """Return what the program prints if it reads the question, and what that took, in seconds
        or instructions. Raise `Refused` if it cannot be started or fails, if instructions cannot be
        counted, or if less than a twentieth of what it took is left without the cost of its
        start."""
        _, start = self._run([_NOTHING], b"")
        self._starts.append(start)
        printed, whole = self._run(self._words, question)
        taken = whole - statistics.median(self._starts)
        if taken < _LEAST * whole:
            raise Refused(f"{self._words[0]} takes hardly longer than its start: give it more work")
        return printed, taken

    def _run(self, words: Sequence[str], question: bytes) -> tuple[bytes, float]:
        """Run a program with an input; return what it printed, and what it took with its start, in
        seconds or instructions. Raise `Refused` if it cannot be started or fails, or if
        instructions cannot be counted."""
        started = confined(words) if self._candidate else [*words]
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as printed,
            tempfile.NamedTemporaryFile() as counted,
        ):
            given.write(question)
            given.seek(0)
            if self._count == "instructions":
                started = [*counting_words(counted.name), *started]
            status, wall, cpu = _run_to_end(started, given, printed)
            if status:
                raise Refused(f"{words[0]} failed with status {status}")
            printed.seek(0)
            if self._count == "instructions":
                return printed.read(), read_instructions(counted.name)
            return printed.read(), wall if self._count == "wall" else cpu


def _run_to_end(
    words: Sequence[str], given: BinaryIO, printed: BinaryIO
) -> tuple[int, float, float]:
    """Run a program with two files as its input and output; return its exit status (minus the
    number of the signal that ended it), the wall seconds, and the CPU seconds of it and of the
    children that it has waited for. Raise `Refused` if it cannot be started."""
    began = time.perf_counter()
    try:
        process = subprocess.Popen(words, stdin=given, stdout=printed)
    except OSError as error:
        raise Refused(f"'{words[0]}' cannot be started: {error.strerror}") from None
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, wall, used.ru_utime + used.ru_stime
