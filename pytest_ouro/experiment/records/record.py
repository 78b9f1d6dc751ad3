"""Write the records of a run: the journal's lines, the ledger's row and a copy of the log; complete
those of runs whose supervisor was killed."""

from __future__ import annotations

import contextlib
import datetime
import math
import os
import shutil
import uuid
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import fields, replace
from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.core.plain_file import make_folder, open_plain, write_whole
from pytest_ouro.evidence.content import refuse_other
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.records.reasons import RECORDED
from pytest_ouro.evidence.records.rows import entry_of, row_of
from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
from pytest_ouro.experiment.records import editable, ledger_writer, sharing
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.ledger.ledger_table import Entry
    from pytest_ouro.experiment.devices.device import Surroundings
    from pytest_ouro.experiment.terms.measurement import Measurement, MetricScore
    from pytest_ouro.experiment.terms.setup import Setup
    from pytest_ouro.experiment.terms.turns import Turn

#: Bytes that are reserved on the disk for the records of a run.
ROOM = 1 << 18
#: The largest number of summary lines in a record.
MAX_CLAIMS = 40


def describe(
    setup: Setup, turn: Turn, *, harness: str, place: Surroundings, holds: Sequence[str]
) -> StartedRun:
    """Return the record of a run that may start, with a new id; write nothing.

    ``turn`` is the run's place in its series, ``harness`` the digest of what measures the metric,
    ``place`` the device and the programs on it, ``holds`` are the names of the locked devices.
    Raise GitError or another OuroError if the code or the data cannot be read.
    """
    case, experiment = setup.case, setup.experiment
    repository, git = case.repository, case.repository.git
    files = editable.files_at_head(case)
    code = editable.describe_files(case, files)
    metric = experiment.described_metric
    return StartedRun(
        time=now(),
        run=uuid.uuid4().hex[:12],
        commit=repository.head,
        description=git.store.subject(repository.head),
        code=files,
        code_size=code.size,
        code_sizes=code.sizes,
        code_meaning=code.meaning,
        code_seedless=code.seedless,
        code_form=code.version,
        trust=case.trust.commit,
        trust_source=case.trust.source,
        baseline=case.trust.baseline,
        harness=harness,
        data=case.evidence.fingerprints.total(experiment.data, case.evidence.root),
        metric_name=metric.name,
        direction=metric.direction,
        unit=metric.unit,
        decimals=metric.decimals,
        device=setup.profile,
        device_name=place.device_name,
        budget=experiment.budget,
        clock=experiment.clock,
        steps=experiment.steps or 0,
        tolerance=0.0 if experiment.steps else experiment.seconds("tolerance"),
        rehearsal=setup.rehearsal,
        worktree=case.evidence.worktree,
        branch=case.evidence.branch,
        ledger_rows=len(case.evidence.ledger.rows),
        pid=os.getpid(),
        process=processes.identity(os.getpid()),
        holds=tuple(holds),
        foreign=place.foreign,
        salt=turn.salt,
        repeat=turn.number,
        repeats=turn.total,
        series=turn.series,
        purpose=turn.purpose,
        plan=turn.plan,
    )


def start(case: Case, run: StartedRun) -> StartedRun:
    """Record that a run starts, before its process exists, and return the record as it was written.

    The commit is copied to the records that clones share, if there are any; disk space for later
    records is reserved, the ``started`` line is written, and a ref keeps the commit; then the
    listener of the case is called. Raise RecordError or GitError if one of these cannot be written.
    """
    sharing.copy_commit(case, run.commit)
    _reserve_space(case, run.run)
    started = case.evidence.journal.append(run)
    sharing.keep_commit(case, started.tried_ref, started.commit)
    if case.listener is not None:
        case.listener.start(started)
    return started


def measured_run(started: StartedRun, seen: Measurement, *, level_why: str) -> MeasuredRun:
    """Return the record of a measurement, whose ``outcome``, ``value`` and verdict are not set yet;
    write nothing.

    ``level_why`` says why the level is not higher. The record has the first ``MAX_CLAIMS`` summary
    lines of the program and of its evaluation. A measured metric or a number of the judge that is
    infinite or NaN is recorded as None.
    """
    evaluated = seen.evaluation.claims if seen.evaluation else {}
    device_name = seen.environment.get("device_name") or started.device_name
    return MeasuredRun(
        **replace(started, device_name=device_name).shared(),
        time=started.time,
        tried=started.tried_ref,
        python=seen.environment.get("python", ""),
        torch=seen.environment.get("torch", ""),
        level=seen.level,
        level_why=level_why,
        judgment=_numbers(seen.judgment) if seen.judgment else None,
        rows=seen.judgment.rows if seen.judgment else None,
        caught=seen.findings,
        measured_value=_finite(seen.value),
        evaluations=seen.evaluations,
        generators=seen.generators,
        claimed=seen.reading.number,
        claim_agrees=seen.agrees,
        read_from=(seen.evaluation or seen).reading.line,
        window_seconds=None if seen.window_seconds is None else round(seen.window_seconds, 3),
        charged_seconds=round(seen.charged_seconds, 3),
        clock_start=seen.clock_start,
        clock_after=seen.clock_after,
        steps_served=seen.steps,
        pace=seen.pace,
        wall_seconds=round(seen.wall_seconds, 3),
        cpu_seconds=round(seen.cpu_seconds, 3),
        peak_mb=round(seen.peak_mb, 1),
        claims=dict(list(seen.claims.items())[:MAX_CLAIMS]),
        evaluated=dict(list(evaluated.items())[:MAX_CLAIMS]),
        guarded=seen.guarded,
    )


def _numbers(judgment: MetricScore) -> dict[str, float | None]:
    """Return the attributes of the judge's score by name, with None for infinity and NaN."""
    return {one.name: _finite(getattr(judgment, one.name)) for one in fields(type(judgment))}


def _finite(value: float | None) -> float | None:
    """Return the value; None if it is infinite or NaN, or None already."""
    return value if value is not None and math.isfinite(value) else None


def finish(case: Case, run: FinishedRun) -> FinishedRun:
    """Write the ``finished`` line to the journal, then the row to the ledger; return the record as
    it was written, with the present time and the text of its row, which the listener of the case is
    called with. The row of a placebo is left to `write_placebos`.

    The file that reserved disk space is emptied first, and deleted last. If this process is killed
    between line and row, that file is still there, by which :func:`recover` later finds and writes
    the missing row. Raise RecordError if the line or the row cannot be written, OuroError if the
    lock file of the ledger is not a regular file.
    """
    place = case.evidence.journal.place(run.run)
    with contextlib.suppress(OSError):
        os.close(open_plain(place.parent, place.name, os.O_WRONLY | os.O_TRUNC))
    written = case.evidence.journal.append(replace(run, time=now(), row=row_of(run)))
    if written.purpose != "placebo":
        _append(case, entry_of(written))
    place.unlink(missing_ok=True)
    if case.listener is not None:
        case.listener.finish(written)
    return written


def _reserve_space(case: Case, run: str) -> None:
    """Write a file of ``ROOM`` bytes, so that space for the records is left if the run fills the
    disk; :func:`finish` frees it.

    Raise RecordError if it cannot be written.
    """
    place = case.evidence.journal.place(run)
    try:
        make_folder(case.evidence.journal.common_dir, f"{place.parent.parent.name}/open")
        write_whole(place.parent, place.name, b"\n" * ROOM, mode=0o600)
    except OSError as error:
        place.unlink(missing_ok=True)
        raise messages.unwritable_journal(place.parent, error.strerror or str(error)) from None


def abandon(
    case: Case,
    started: StartedRun,
    outcome: Literal["lost", "not-started", "interrupted"],
    *,
    tried: str = "",
    message: str = "",
) -> FinishedRun:
    """Record a run that has no measurement as a crash, as `finish` does, and return the record as
    it was written. Raise what `finish` raises.

    ``outcome`` is "lost" if its supervisor was killed, "not-started" if its process was not
    started, and "interrupted" if something else than the run ended it. ``tried`` is the ref that
    keeps its commit, "" if there may be none, and ``message`` says what happened.
    """
    reason = RECORDED[outcome]
    return finish(
        case,
        FinishedRun(
            **started.shared(),
            time=started.time,
            tried=tried,
            outcome=outcome,
            status=reason.status,
            reason=reason,
            row="",
            message=message,
        ),
    )


def recover(case: Case, say: Callable[[str], None]) -> bool:
    """Let the clone join the records that it is to share. Complete those of this working tree's
    runs whose supervisor was killed: record a run without an end as a crash, and write a row that
    the ledger lacks. Return whether the case must be observed again: the clone joined, or one of
    these was written.

    If the folder of the journal does not exist, or the journal is not what was recorded, record
    nothing. Raise RecordError if something cannot be read or written, or if that folder is a
    symlink; OuroError if a lock file is not a regular file. ``say`` is called with a line about
    each run.
    """
    before, case = case, sharing.join_case(case)
    folder = case.evidence.journal.folder
    if folder.is_symlink():
        raise messages.no_folder_of_records(folder)
    if not folder.is_dir():
        return case is not before
    try:
        with hold_lock(folder / "recovery.lock"):  # one of several starts completes them
            case.evidence.journal.complete()
            if case.evidence.journal.fault():
                return case is not before  # the rules or demand_writable report it
            lost = record_lost_runs(case, say)
            return _write_missing_rows(case, say) or lost or case is not before
    except OSError as error:
        refuse_other(str(folder / "recovery.lock"))
        raise messages.unwritable_journal(folder, error.strerror or str(error)) from None


def record_lost_runs(case: Case, say: Callable[[str], None] = lambda text: None) -> bool:
    """Record as a crash each run of this working tree that did not finish and whose supervisor has
    ended; return whether there were any. Raise RecordError if the journal cannot be read, and what
    `abandon` raises.

    ``say`` is called with a line about each. Runs of other working trees are left to the next run
    there, since their rows belong to the ledgers there.
    """
    lost = [
        started
        for started in case.evidence.journal.unfinished()
        if started.worktree == case.evidence.worktree and _is_dead(started)
    ]
    for started in lost:
        abandon(case, started, "lost")
        say(
            f"ouro: the run of {started.commit[:7]} that started {started.time} "
            "was killed: recorded as a crash"
        )
    return bool(lost)


def _write_missing_rows(case: Case, say: Callable[[str], None]) -> bool:
    """Write the missing rows of finished runs whose supervisor was killed before it wrote them;
    return whether a row was written.

    Looked at are the runs of this working tree whose supervisor has ended and whose file of
    reserved disk space is still there; that file is deleted afterwards. ``say`` is called with a
    line about each row that was written. Raise RecordError if the ledger cannot be read, and what
    `_append` raises.
    """
    journal = case.evidence.journal
    try:
        reserved = os.listdir(journal.folder / "open")  # noqa: PTH208 - text
    except (FileNotFoundError, NotADirectoryError):  # no run was ever started
        return False
    if not reserved:
        return False
    runs = [run for run in journal.runs() if run.worktree == case.evidence.worktree]
    path = case.repository.git.top / case.bound.layout.ledger
    written = False
    for run in runs:
        place = journal.place(run.run)
        if not place.exists() or not _is_dead(run):
            continue
        rows = ledger.read(path, case.experiment.metric).rows
        if (
            run.purpose != "placebo"
            and entry_of(run) in ledger.pair(rows, [*map(entry_of, runs)])[1]
        ):
            _append(case, entry_of(run), torn=True)
            say(f"ouro: {path.name} lacked the row of the run of {run.commit[:7]}: written now")
            written = True
        place.unlink()
    return written


def _is_dead(run: StartedRun) -> bool:
    """Return whether the supervisor of a run has ended; True too for a record that does not
    identify its process."""
    return not run.process or processes.identity(run.pid) != run.process


def archive(case: Case, log: str, run: str) -> None:
    """Copy the log, which the next run overwrites, to ``runs/`` in the journal's folder, as
    ``RUN.log``.

    ``log`` is its path relative to the repository's top, ``run`` the run's id. No copy is made, and
    no error is raised, if the log cannot be read, or the copy exists or cannot be written; a copy
    that ends early may stay.
    """
    journal = case.evidence.journal
    name, new = f"{journal.folder.name}/runs/{run}.log", os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with contextlib.suppress(OSError):
        source = os.fdopen(open_plain(case.repository.git.top, log, os.O_RDONLY), "rb")
        with source, os.fdopen(open_plain(journal.common_dir, name, new), "wb") as copy:
            shutil.copyfileobj(source, copy)


def restore_rows(case: Case) -> int:
    """Append to the ledger the rows that it lacks of this working tree's runs under the present
    trust, except placebos, oldest run first; return their number.

    Raise RecordError if the journal or the ledger cannot be read, or if a row cannot be written:
    the rows that were written before it stay. Raise OuroError if the lock file of the ledger is not
    a regular file.
    """
    return _write_rows(case, [run for run in case.evidence.runs if run.purpose != "placebo"])


def write_placebos(case: Case) -> int:
    """Append to the ledger the rows of this working tree's placebos, except for those that it has
    already, and return how many were missing. It has none of a night that goes on. Raise what
    `restore_rows` raises."""
    case = case.again()  # which reads journal and ledger again
    return _write_rows(case, [run for run in case.evidence.all_runs if run.purpose == "placebo"])


def _write_rows(case: Case, runs: Sequence[FinishedRun]) -> int:
    """Append to the ledger the rows that it lacks of these runs, in their order; return their
    number. Raise what `restore_rows` raises."""
    lost = ledger.pair(case.evidence.ledger.rows, [*map(entry_of, runs)])[1] if runs else []
    for entry in lost:
        _append(case, entry)
    return len(lost)


def _append(case: Case, entry: Entry, *, torn: bool = False) -> None:
    """Add the row ``entry`` to the ledger of the bound. With ``torn``, if the ledger ends with the
    first bytes of this row, add only the rest of it; otherwise add the whole row. Raise what
    :func:`ledger_writer.append` raises."""
    top, metric = case.repository.git.top, case.experiment.metric
    path = top / case.bound.layout.ledger
    lock = case.evidence.journal.folder / "ledger.lock"
    ledger_writer.append(path, entry, top=top, metric=metric, lock=lock, torn=torn)


def now() -> str:
    """Return the present time as records have it: ISO 8601, UTC, in whole seconds."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
