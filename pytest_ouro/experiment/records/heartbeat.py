"""Write how far a run is to a file, for those who watch, and read such files.

They are only a view: no verdict, rule or record follows from them. The judged code may be able to
write them, so that what is read is checked, and what the journal knows is taken from there.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.plain_file import make_folder, open_plain, write_whole
from pytest_ouro.evidence.records.kinds import COMMIT, RUN
from pytest_ouro.experiment.supervision import processes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import StartedRun
    from pytest_ouro.experiment.terms.job import Position, Progress

#: The folder of the files, beside the journal.
FOLDER = "live"
#: The least seconds between two writes.
_EVERY = 1.0
#: The most bytes of a file, and files, that are read.
_BYTES, _FILES = 8192, 64
#: The keys whose values are numbers, and the limit that these are below.
_NUMBERS, _LIMIT = ("pid", "window", "budget", "wall"), 1e9

Phase = Literal["starting", "running", "evaluating"]


class Heartbeat(NamedTuple):
    """How far a run is. ``pid`` and ``process`` are the id and the identity of its supervisor,
    ``phase`` is "starting", "running" or "evaluating". ``window`` are the seconds that it has
    trained on its clock, of ``budget``; 0 while it starts. ``wall`` are the seconds since it began,
    and ``text`` is the progress that it printed last. ``began`` is the time of its record, and
    ``worktree`` the name of its working tree ("": the main one)."""

    run: str
    commit: str
    description: str
    pid: int
    process: str
    device: str
    device_name: str
    worktree: str
    began: str
    phase: Phase
    window: float
    budget: float
    wall: float
    text: str

    @property
    def fraction(self) -> float:
        """The share of the budget that is used up, from 0 to 1."""
        return min(1.0, max(0.0, self.window / self.budget)) if self.budget > 0 else 0.0

    @property
    def is_alive(self) -> bool:
        """Whether its supervisor still runs on this machine."""
        return self.process != "" and processes.identity(self.pid) == self.process


class Beating:
    """A context in which the position of a run is written to ``live/RUN.json`` beside the journal,
    about once a second. Its end removes the file. A file that cannot be written is not an error.

    A placebo has no such file: nothing shows that a run is one until its night is over.
    """

    def __init__(self, journal: Journal, run: StartedRun, progress: Progress | None) -> None:
        """Take the journal beside which the file is to be written, the record of the run, and
        ``progress``, which is called with each position too. Nothing is written yet."""
        self._journal, self._run, self._progress = journal, run, progress
        self._last, self._hidden = -math.inf, run.purpose == "placebo"
        self._beat = Heartbeat(
            run=run.run,
            commit=run.commit,
            description=run.description[:200],
            pid=run.pid,
            process=run.process,
            device=run.device,
            device_name=run.device_name,
            worktree=run.worktree or "",
            began=run.time,
            phase="starting",
            window=0.0,
            budget=run.budget,
            wall=0.0,
            text="",
        )

    def __enter__(self) -> Beating:
        """Return this. Unless the run is a placebo, remove the files of killed supervisors first,
        and write the first position."""
        if not self._hidden:
            with contextlib.suppress(OSError):
                _remove_stale(self._journal)
                make_folder(self._journal.common_dir, f"{self._journal.folder.name}/{FOLDER}")
            self._write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file, if there is one; raise nothing if it cannot be removed."""
        file = self._journal.folder / FOLDER / f"{self._beat.run}.json"
        with contextlib.suppress(OSError):
            if not self._hidden and not file.parent.is_symlink():
                file.unlink(missing_ok=True)

    def show(self, position: Position) -> None:
        """Call ``progress`` with a position that has the record of the run, and write the position
        to the file (a placebo has none) if the last write was a second ago or more."""
        if self._progress is not None:
            self._progress(replace(position, run=self._run))
        now = time.monotonic()
        if self._hidden or now - self._last < _EVERY:
            return
        phase: Phase = "evaluating" if position.ended else "running"
        self._beat = self._beat._replace(
            phase="starting" if position.window is None else phase,
            window=round(position.window or 0.0, 2),
            budget=position.budget,
            wall=round(position.wall, 1),
            text=position.text[:200],
        )
        self._write()

    def evaluate(self) -> None:
        """Write that the result of the run is evaluated now, unless the run is a placebo."""
        self._beat = self._beat._replace(phase="evaluating")
        if not self._hidden:
            self._write()

    def _write(self) -> None:
        """Write the file, for this user alone. It is not flushed to the disk: after a power cut
        there is nothing to watch."""
        self._last = time.monotonic()
        name = f"{FOLDER}/{self._beat.run}.json"
        data = json.dumps(self._beat._asdict(), ensure_ascii=False).encode(errors="replace")
        with contextlib.suppress(OSError, ValueError):
            write_whole(self._journal.folder, name, data, mode=0o600, durable=False)


def read_heartbeats(journal: Journal) -> list[Heartbeat]:
    """Return the heartbeats of the runs that go on, by the time of their start. Left out are those
    of killed supervisors, and files that are something else."""
    found = [
        beat for name in _list_names(journal) if (beat := _read(journal, name)) and beat.is_alive
    ]
    return sorted(found, key=lambda beat: (beat.began, beat.run))


def match(beat: Heartbeat, runs: Mapping[str, StartedRun]) -> Heartbeat | None:
    """Return a heartbeat with what the journal says of its run; None if the journal has no such run
    without an end, or another supervisor or commit of it. ``runs`` are the runs without an end, by
    their ids."""
    run = runs.get(beat.run)
    if run is None or (run.commit, run.pid, run.process) != (beat.commit, beat.pid, beat.process):
        return None
    return beat._replace(
        description=run.description[:200],
        device=run.device,
        device_name=run.device_name,
        worktree=run.worktree or "",
        began=run.time,
    )


def _remove_stale(journal: Journal) -> None:
    """Remove the files, of those that have the name of a run's (`_list_names`), whose supervisor
    has ended or which are not what `Beating` writes. Raise OSError if one cannot be removed."""
    for name in _list_names(journal):
        beat = _read(journal, name)
        if beat is None or not beat.is_alive:
            (journal.folder / FOLDER / name).unlink(missing_ok=True)


def _list_names(journal: Journal) -> list[str]:
    """Return the names, without the folder, of the files whose name is the id of a run, with or
    without ``.json``; sorted, at most `_FILES`; [] if the folder is a link or cannot be read."""
    folder = journal.folder / FOLDER
    try:
        names = [] if folder.is_symlink() else [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(name for name in names if RUN.holds(name.removesuffix(".json")))[:_FILES]


def _read(journal: Journal, name: str) -> Heartbeat | None:
    """Return the heartbeat in the file ``name``; None if it cannot be read, or is not what
    `Beating` writes."""
    path = f"{journal.folder.name}/{FOLDER}/{name}"
    try:
        with os.fdopen(open_plain(journal.common_dir, path, os.O_RDONLY), "rb") as file:
            table = json.loads(file.read(_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(table, dict) or table.keys() != set(Heartbeat._fields):
        return None
    numbers = [table[key] for key in _NUMBERS]
    texts = [value for key, value in table.items() if key not in _NUMBERS]
    sound = (
        all(isinstance(value, str) for value in texts)
        and all(type(value) in (int, float) and abs(value) < _LIMIT for value in numbers)
        and isinstance(table["pid"], int)
        and table["pid"] > 0
        and f"{table['run']}.json" == name
        and COMMIT.holds(table["commit"])
        and table["phase"] in ("starting", "running", "evaluating")
    )
    return Heartbeat._make(table[field] for field in Heartbeat._fields) if sound else None
