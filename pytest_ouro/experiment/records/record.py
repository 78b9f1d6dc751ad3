"""What is written down of a run: the journal's lines, the ledger's row, a copy of the log."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.errors import RecordError
from pytest_ouro.evidence.paths import matches
from pytest_ouro.evidence.python.source import Source, decode
from pytest_ouro.evidence.records import ledger, record_format
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms import repo
from pytest_ouro.experiment.terms.names import TRIED, now

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.journal import Record

#: Bytes that are held on the disk for the records of a run.
ROOM = 1 << 18


def start(
    case: Case,
    experiment: Experiment,
    *,
    harness: str,
    profile: str,
    rehearsal: bool,
    **further: Any,
) -> Record:
    """Write the ``started`` line, before the child exists; returns what is known of the run.

    ``harness`` is the digest of what measures the metric.
    """
    repository, git = case.repository, case.repository.git
    globs = [case.bound.path(glob) for glob in experiment.editable]
    code = {
        path: entry.blob
        for path, entry in sorted(repository.head_tree.items())
        if matches(path, globs)
    }
    facts: Record = {
        "run": uuid.uuid4().hex[:12],
        "commit": repository.head,
        "description": git.line("show", "-s", "--format=%s", repository.head),
        "code": code,
        **described(dict(zip(code, git.blobs(code.values()), strict=True))),
        "trust": case.trust.commit,
        "trust_source": case.trust.source,
        "harness": harness,
        "data": case.evidence.fingerprints.total(experiment.data, case.evidence.root),
        "metric": experiment.metric,
        "direction": experiment.direction,
        "device": profile,
        "budget": experiment.budget,
        "clock": experiment.clock,
        "tolerance": experiment.seconds("tolerance"),
        "rehearsal": rehearsal,
        "worktree": case.evidence.worktree,
        "branch": case.evidence.branch,
        "ledger_rows": len(case.evidence.ledger.rows),
        "pid": os.getpid(),
        "process": processes.identity(os.getpid()),
        **further,
    }
    _hold(case, facts["run"])
    started = case.evidence.journal.append({"event": "started", "time": now(), **facts})
    return {**facts, "tried": remember(case, started["seq"])}


def finish(case: Case, facts: Record, verdict: dict[str, Any]) -> Record:
    """Write the ``finished`` line and the ledger's row; returns the whole record.

    Whoever is killed between the two leaves the run's place, and :func:`recover` writes the row.
    """
    record = {"event": "finished", "time": now(), **facts, **verdict}
    row = record["row"] = record_format.row_of(record)
    place = case.evidence.journal.place(facts["run"])
    with contextlib.suppress(OSError):
        os.truncate(place, 0)
    written = case.evidence.journal.append(record)
    _append_row(case, row)
    place.unlink(missing_ok=True)
    return written


def _hold(case: Case, run: str) -> None:
    """Take the room for the run's records before it can fill the disk."""
    place = case.evidence.journal.place(run)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"\n" * ROOM)
    except OSError as error:
        place.unlink(missing_ok=True)
        raise RecordError(
            f"{place.parent} cannot be written: {error.strerror or error}",
            help="free some space or mend the permissions: no run is made without its record",
        ) from None


def abandon(case: Case, facts: Record, reason: str) -> None:
    """Record a run that has no measurement as a crash."""
    unmeasured = {"outcome": reason, "val_bpb": None, "window_seconds": None}
    finish(case, facts, {**unmeasured, "status": "crash", "reason": reason})


def recover(case: Case, say: Callable[[str], None]) -> bool:
    """Complete the records of runs whose supervisor was killed; whether there were any."""
    from filelock import FileLock

    folder = case.evidence.journal.folder
    if not folder.is_dir():
        return False
    try:
        with FileLock(folder / "recovery.lock"):  # who starts at the same time finds nothing
            case.evidence.journal.complete()
            if case.evidence.journal.fault():
                return False  # whoever refuses to run says why
            buried = bury_the_dead(case, say)
            return _write_rows(case, say) or buried
    except OSError as error:
        raise RecordError(
            f"{folder} cannot be written: {error.strerror or error}",
            help="free some space or mend the permissions: no run is made without its record",
        ) from None


def bury_the_dead(case: Case, say: Callable[[str], None] = lambda text: None) -> bool:
    """A run whose supervisor was killed becomes a crash; whether there was one."""
    own = ("prev", "seq", "event", "time")
    buried = False
    for started in case.evidence.journal.unfinished():
        if started.get("worktree") != case.evidence.worktree:
            continue  # its row belongs into that working tree's ledger: the next run there does it
        if _is_dead(started):
            facts = {key: value for key, value in started.items() if key not in own}
            abandon(case, facts, "lost")
            buried = True
            say(
                f"ouro: the run of {facts['commit'][:7]} that started {started.get('time') or '?'} "
                "was killed: recorded as a crash"
            )
    return buried


def _write_rows(case: Case, say: Callable[[str], None]) -> bool:
    """Write the rows of recorded runs whose supervisor did not come to it."""
    journal = case.evidence.journal
    runs = [run for run in journal.runs() if run.get("worktree") == case.evidence.worktree]
    path = case.repository.git.top / case.bound.path(case.experiment.ledger)
    written = False
    for run in runs:
        place = journal.place(run["run"])
        if not place.exists() or not _is_dead(run):
            continue
        rows = [row.text for row in ledger.read(path).rows]
        if rows.count(run["row"]) < sum(other["row"] == run["row"] for other in runs):
            _append_row(case, run["row"], torn=True)
            say(f"ouro: {path.name} lacked the row of the run of {run['commit'][:7]}: written now")
            written = True
        place.unlink()
    return written


def _is_dead(run: Record) -> bool:
    """Whether the process that supervised the run is gone."""
    return processes.identity(int(run.get("pid", 0))) != str(run.get("process", ""))


def archive(case: Case, log: Path, run: str) -> None:
    """Keep a copy of the log beside the journal, if there is room: the next run overwrites it."""
    folder = case.evidence.journal.folder / "runs"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, folder / f"{run}.log")


def described(files: dict[str, bytes]) -> Record:
    """What the editable code is: its size, and digests of its meaning with and without seeds.

    The size is that of Python's syntax trees; a file in another language counts two for each word,
    so that a dropped word is more than a literal.
    """
    size, code, seedless = 0, hashlib.sha256(), hashlib.sha256()
    for path, blob in files.items():
        try:
            if not path.endswith((".py", ".pyi", ".pyw")):
                raise SyntaxError("another language")
            source = Source(decode(blob))
            size += source.size
            code.update(source.code.encode())
            seedless.update(source.seedless.encode())
        except (SyntaxError, ValueError, RecursionError):  # no Python: its bytes are its meaning
            size += 2 * len(blob.split())
            code.update(blob)
            seedless.update(blob)
    return {
        "code_size": size,
        "code_meaning": code.hexdigest(),
        "code_seedless": seedless.hexdigest(),
    }


def _append_row(case: Case, row: str, *, torn: bool = False) -> None:
    path = case.repository.git.top / case.bound.path(case.experiment.ledger)
    lock = case.evidence.journal.folder / "ledger.lock"
    ledger.append(path, row, metric=case.experiment.metric, lock=lock, torn=torn)


def remember(case: Case, number: int) -> str:
    """Make the tried commit reachable under its number; returns the ref."""
    ref = f"{TRIED}{number}"
    repo.set_ref(case.repository.git, ref, case.repository.head)
    return ref
