"""Record the attempts of a batch: the one place where journal and ledger are written for it."""

from __future__ import annotations

import contextlib
import os
import zlib
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import fields, replace
from pytest_ouro.core.plain_file import open_plain, write_all
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
from pytest_ouro.evidence.records.states import find_unwanted
from pytest_ouro.experiment.measure import decide, make_result
from pytest_ouro.experiment.records import record, row_files
from pytest_ouro.experiment.records.heartbeat import Beating
from pytest_ouro.experiment.records.integrity import Snapshot
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.terms.job import Position
from pytest_ouro.experiment.verdict.history import comparable
from pytest_ouro.messages import engines as messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.experiment.engines.events import Began, Ended, Progressed, Request
    from pytest_ouro.experiment.result import Result

R = TypeVar("R", bound=StartedRun)

#: The most bytes of a log that are kept.
_LOG = 48 << 20


class Running:
    """An attempt whose start is on record: ``started``, ``snapshot``, what was there before it
    (None: the run is not on this machine), and ``position``, how far it is (None: not known
    yet)."""

    def __init__(self, started: StartedRun, beating: Beating) -> None:
        self.started = started
        self.beating = beating
        self.snapshot: Snapshot | None = None
        self.position: Position | None = None


class Recorder:
    """Writes the records of a batch.

    ``case`` is that of the working tree in which the batch was started, ``experiment`` the bound's
    for the profile. ``is_local``: candidates may run on this machine as this user, so that what
    they could change of the records is looked after as in any run. ``data`` is the digest of the
    data that the batch is measured on, "" until the first worker states it.
    """

    def __init__(
        self,
        case: Case,
        experiment: Experiment,
        *,
        is_local: bool,
        data: str,
        say: Callable[[str], None],
    ) -> None:
        self._case = case
        self._experiment = experiment
        self._is_local = is_local
        #: The digest of the data that the batch is measured on; "" until it is known.
        self.data = data
        #: The model of device that all runs are made on, "" before the first one.
        self._device_name = ""
        self._say = say
        self.running: dict[str, Running] = {}
        #: The keeps of the batch, oldest first.
        self.kept: list[FinishedRun] = []

    def read_start(self, request: Request, began: Began) -> StartedRun:
        """Return the record of the start of a run as its worker states it. Raise ExperimentError if
        it is not one, or if the worker would measure something else than ``request`` asks for, on
        other data or on another model of device than the runs before."""
        stated = _read(began.record, StartedRun)
        self._demand_same(request, stated)
        return stated

    def is_in_use(self, stated: StartedRun) -> bool:
        """Return whether an attempt whose end is not on record yet may have a device of the run
        that ``stated`` describes: the two have a device in common, or one of them states none.
        While one goes on, a record of the other looks forged."""
        holds = set(stated.holds)
        others = [set(one.started.holds) for one in self.running.values()]
        return any(not holds or not other or holds & other for other in others)

    def begin(self, attempt: str, stated: StartedRun) -> StartedRun:
        """Record the start of an attempt, which its worker states, and return its record. Raise
        RecordError or GitError if the start cannot be recorded; RecordError, GitError or OSError,
        after it was recorded, if what is there before the run cannot be read."""
        evidence = self._case.again().evidence  # of which the ledger has grown
        started = record.start(
            self._case,
            replace(
                stated,
                time=record.now(),
                seq=None,
                trust_source=self._case.trust.source,
                worktree=evidence.worktree,
                branch=evidence.branch,
                ledger_rows=len(evidence.ledger.rows),
                pid=os.getpid(),
                process=processes.identity(os.getpid()),
            ),
        )
        running = Running(started, Beating(evidence.journal, started, None))
        self.running[attempt] = running
        if self._is_local:
            running.snapshot = Snapshot.take(self._case, self._experiment, started)
        running.beating.__enter__()
        return started

    def _demand_same(self, request: Request, stated: StartedRun) -> None:
        """Raise ExperimentError if the record of a worker is not about what was asked for, or
        states other data or another model of device than the first one, whose data and model are
        noted."""
        self.data = self.data or stated.data or ""
        pairs = {
            "commit": (request.commit, stated.commit),
            "purpose": (request.purpose, stated.purpose),
            "plan": (request.plan, stated.plan or ""),
            "salt": (str(request.salt), str(stated.salt)),
            "series": (request.series, stated.series or ""),
            "repeat": (str(request.repeat), str(stated.repeat or 0)),
            "number of repeats": (str(request.repeats), str(stated.repeats or 0)),
            "trusted commit": (request.trust, stated.trust),
            "baseline of bound.lock": (self._case.trust.baseline, stated.baseline),
            "sha256 of its data": (self.data, stated.data or ""),
        }
        for what, (here, there) in pairs.items():
            if here != there:
                raise messages.other_conditions(what, here, there)
        self._device_name = self._device_name or stated.device_name
        if stated.device_name != self._device_name:
            raise messages.other_model(self._device_name, stated.device_name)

    def show(self, event: Progressed) -> None:
        """Write how far a run is to the file for those who watch; do nothing if its start is not on
        record."""
        if running := self.running.get(event.attempt):
            window = None if event.window < 0 else event.window
            facts = (window, event.budget, event.wall, event.text, event.ended)
            running.position = Position(*facts, run=running.started)
            running.beating.show(running.position)

    def end(self, event: Ended, case: Case) -> Result:
        """Record the end of a run, and return its result; ``case`` is that of its commit. Raise
        OuroError if a rule cannot be checked, the verdict cannot be recorded or the worker sent no
        record; LookupError if the start is not on record, OSError if a file cannot be read."""
        running = self.running[event.attempt]
        stated = _read(event.record, FinishedRun)
        if stated.level is None:  # there was no process, or nothing was measured
            was_started = stated.outcome != "not-started"
            return self._abandon(
                event.attempt, "interrupted" if was_started else "not-started", stated.message
            )
        changes = self._look_after(running, stated.level)
        measured = _measured(running.started, stated)
        losses = {"rows": event.rows, "vault": event.vault}
        measured = row_files.store(self._case.evidence.journal, measured, losses, self._say)
        message = "" if stated.outcome == "ok" else stated.message
        if changes:
            measured = replace(measured, caught=(*changes, *measured.caught))
            if measured.outcome == "ok":
                measured, message = replace(measured, outcome="breach"), changes[0]
        run = decide(case, self._experiment, measured, message)
        run = replace(run, findings=tuple(dict.fromkeys((*stated.findings, *run.findings))))
        run = record.finish(self._case, self.revise(run, case))
        del self.running[event.attempt]
        self._keep_log(run.run, event.log)
        self.note(run)
        return make_result(run, self._experiment.described_metric, tail=event.tail)

    def revise(self, run: FinishedRun, case: Case) -> FinishedRun:
        """Return a run that is about to be recorded; discarded in place of kept if the branch could
        not be moved to it: a commit that this would add was discarded, or it is not better by more
        than the margin than a keep of this batch with the same reference. A baseline stays as it
        is. ``case`` is that of its commit."""
        if run.status != "keep" or run.reason is Reason.BASELINE:
            return run
        if self.find_discarded(case):
            return replace(run, reason=Reason.ON_DISCARD, status="discard")
        value, least = run.mean_or_value, run.margin or 0.0
        for kept in self.kept:
            best = kept.mean_or_value
            same = kept.best_commit == run.best_commit and comparable(kept, run)
            if not same or value is None or best is None:
                continue
            if run.metric.gain(value, best) <= least:
                return replace(run, reason=Reason.STALE, status="discard")
        return run

    def find_discarded(self, case: Case) -> list[FinishedRun]:
        """Return the deciding runs of the commits that the checked one of ``case`` has below it and
        that may not be on the branch (`find_unwanted`), without those that are on it."""
        among = set(case.repository.history[1:]) - self._case.repository.ancestors
        if not among:
            return []
        evidence = self._case.again().evidence
        runs = [run for run in evidence.runs if run.branch == evidence.branch]
        return find_unwanted(runs, evidence.all_runs, evidence.statements, among)

    def note(self, run: FinishedRun) -> None:
        """Note a recorded run if it is a keep that was measured in a batch."""
        if run.status == "keep" and run.plan:
            self.kept.append(run)

    def lose(
        self, attempt: str, outcome: Literal["lost", "interrupted", "not-started"], why: str
    ) -> Result | None:
        """Record that an attempt has no measurement, and return its result; None if its start is
        not on record, so that no process of it existed. Raise what `record.abandon` raises."""
        return self._abandon(attempt, outcome, why) if attempt in self.running else None

    def _abandon(
        self, attempt: str, outcome: Literal["lost", "interrupted", "not-started"], why: str
    ) -> Result:
        """Record that an attempt whose start is on record has no measurement, and return its
        result. Raise what `record.abandon` raises."""
        running = self.running.pop(attempt)
        for change in self._look_after(running, None):
            self._say(f"ouro: {change}")
        run = record.abandon(
            self._case,
            running.started,
            outcome,
            tried=running.started.tried_ref,
            message=clean(why, width=400),
        )
        return make_result(run, self._experiment.described_metric)

    def _look_after(self, running: Running, level: str | None) -> list[str]:
        """Stop showing the position of a run; on this machine, restore what it changed of the
        records. Return lines about that, [] if it changed nothing."""
        running.beating.__exit__(None, None, None)
        if running.snapshot is None:
            return []
        return running.snapshot.restore(cast("Level", level or "supervised"))

    def _keep_log(self, run: str, log: bytes) -> None:
        """Write the log of a run, which is compressed, beside the journal, where `record.archive`
        writes it; keep at most `_LOG` bytes. Nothing is raised if it cannot be read or written."""
        journal = self._case.evidence.journal
        name, new = f"{journal.folder.name}/runs/{run}.log", os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with contextlib.suppress(OSError, OuroError, zlib.error):
            text = zlib.decompressobj().decompress(log, _LOG)
            descriptor = open_plain(journal.common_dir, name, new)
            try:
                write_all(descriptor, text)
            finally:
                os.close(descriptor)


def _read(line: bytes, kind: type[R]) -> R:
    """Return the record in a line that a worker sent. Raise ExperimentError if it is not one of
    this ``kind``."""
    try:
        found = record_format.read(line)
    except ValueError as error:
        raise messages.not_recorded(str(error)) from None
    if type(found) is not kind:
        raise messages.not_recorded("it is of another kind")
    return found


def _measured(started: StartedRun, stated: FinishedRun) -> MeasuredRun:
    """Return the record of a run that is on record as ``started``, with the measurement that a
    worker stated."""
    shared = replace(started, device_name=stated.device_name).shared()
    apart = {*shared, "event", "time", "seq", "prev", "tried", "version", "unknown"}
    names = [one.name for one in fields(MeasuredRun) if one.name not in apart]
    values = {name: getattr(stated, name) for name in names}
    return MeasuredRun(**{**values, **shared, "time": started.time, "tried": started.tried_ref})
