"""``pytest --ouro-trackio PROJECT``: show runs live in trackio or wandb.

The numbers come from the supervisor and the records, never from the script. The library runs in a
process of its own, from before the first run to the end of the session, so that neither its
failures nor its time are those of a run.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.items.settings import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
    from pytest_ouro.experiment.terms.job import Position
    from pytest_ouro.report.progress import Progress

#: The interpreter, which takes no module from the current folder: the judged code could be there.
_PYTHON = (sys.executable, "-I")
#: Seconds until the library must be imported, and until it must have written what it was given.
_IMPORT, _END = 60.0, 60.0
_NUMBER = re.compile(r"(step|loss|tok/s) ([0-9][0-9,.]*)")
#: The characters of a description that are passed on: a longer line could fill the pipe.
_CUT = 200


@contextlib.contextmanager
def track(target: str, journal: Callable[[], Journal], progress: Progress) -> Iterator[None]:
    """A context in which the runs that ``progress`` is shown are passed on to ``target``:
    ``PROJECT`` of trackio, ``wandb:PROJECT``, or "" for nothing. Whatever fails is said in one line
    and ends only this."""
    if not target:
        yield
        return
    library, _, project = target.rpartition(":")
    library = library or LIBRARIES[0]
    try:
        tracker = Tracker(library, project, journal, progress.say)
    except OSError as error:  # no process, or no temporary file
        progress.say(f"ouro: warning: {library} is left out: {error.strerror or error}")
        yield
        return
    progress.watcher = tracker.show
    try:
        yield
    finally:
        progress.watcher = None
        tracker.close()


class Tracker:
    """Passes runs on to a library in a process of its own. A placebo is left out, since nothing
    shows that a run is one until its night is over."""

    def __init__(
        self,
        library: str,
        project: str,
        journal: Callable[[], Journal],
        say: Callable[[str], None],
    ) -> None:
        """Start the process, and wait, at most a minute, until it has imported the library: this
        takes a second or more, which no run should share. If it does not, nothing is sent, and
        `close` says so. Raise OSError if the process cannot be started."""
        self._library, self._journal, self._say = library, journal, say
        self._run: StartedRun | None = None
        self._shown = -1.0
        self._is_lost = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`; no pipe fills up
        script = str(Path(__file__).with_name("track_process.py"))
        self._process = subprocess.Popen(
            [*_PYTHON, script, library, project],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is for the run
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _IMPORT)
        if not ready or not self._process.stdout.readline():
            self._is_lost = True

    def show(self, position: Position) -> None:
        """Pass on the position of a run, at most once in a second of the run."""
        run = position.run
        if run is None or run.purpose == "placebo" or self._is_lost:
            return
        if self._run is None or run.run != self._run.run:
            self._finish()
            self._begin(run)
        elif position.wall - self._shown < 1.0:
            return
        self._shown = position.wall
        numbers = {"seconds": round(position.wall, 1), "trained": round(position.window or 0.0, 2)}
        for name, value in _NUMBER.findall(position.text):
            with contextlib.suppress(ValueError):
                numbers[f"printed/{name}"] = float(value.replace(",", "").rstrip("."))
        self._send(log=numbers)

    def close(self) -> None:
        """Pass on how the last run ended, and wait, at most a minute, until the library has written
        everything. If it failed, say so in one line."""
        self._finish()
        late = ""
        with self._process, self._errors:
            if self._is_lost:
                late = "it does not answer"
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=1.0)
                self._process.kill()
            try:
                self._process.communicate(timeout=_END)
            except subprocess.TimeoutExpired:
                late = "it did not end in time"
                self._process.kill()
                self._process.communicate()
            if self._process.returncode:
                self._errors.seek(0)
                said = self._errors.read().decode(errors="replace").strip().split("\n")[-1]
                why = said if self._process.returncode > 0 else late or said
                extra = ": pip install 'pytest-ouro[trackio]'" if "No module" in why else ""
                self._say(f"ouro: warning: {self._library} is left out: {why}{extra}")

    def _begin(self, run: StartedRun) -> None:
        """Begin a run of the library for ``run``, with its id, commit, device and the like as the
        config."""
        self._run = run
        config = {
            "run": run.run,
            "commit": run.commit,
            "description": run.description[:_CUT],
            "branch": run.branch,
            "device": run.device_name or run.device,
            "budget": run.budget,
            "purpose": run.purpose,
        }
        self._send(name=f"{run.commit[:7]}-{run.run}", config=config)

    def _finish(self) -> None:
        """Pass on the record of the run, if it has one, and end the run of the library."""
        run, self._run = self._run, None
        if run is None or self._is_lost:
            return
        numbers = {}
        with contextlib.suppress(OuroError):
            found = [one for one in self._journal().runs() if one.run == run.run]
            numbers = _numbers_of(found[-1]) if found else {}
        self._send(log=numbers, finish=True)

    def _send(self, **message: object) -> None:
        """Send a line to the process. If it has ended or does not read, nothing more is sent; it is
        not waited for, as its CPU seconds would count as those of the run that goes on."""
        pipe = self._process.stdin
        assert pipe is not None
        _, free, _ = select.select([], [pipe], [], 0)
        try:
            if not free:
                raise BlockingIOError
            pipe.write(json.dumps(message).encode() + b"\n")
            pipe.flush()
        except OSError:
            self._is_lost = True


def _numbers_of(run: FinishedRun) -> dict[str, float]:
    """Return the numbers of a record that are passed on, by name, without those that it lacks;
    ``kept`` and ``crashed`` are 1 or 0."""
    found = {
        run.metric_name: run.value,
        "gain": run.gain,
        "kept": float(run.status == "keep"),
        "crashed": float(run.status == "crash"),
        "window_seconds": run.window_seconds,
        "wall_seconds": run.wall_seconds,
        "peak_mb": run.peak_mb,
    }
    return {name: value for name, value in found.items() if value is not None}
