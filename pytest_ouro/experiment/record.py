"""What is written down of a run: the journal's lines, the ledger's row, a copy of the log."""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import uuid
from typing import TYPE_CHECKING, Any

from pytest_ouro.evidence import ledger
from pytest_ouro.evidence.paths import matches
from pytest_ouro.evidence.source import Source, decode
from pytest_ouro.experiment import evaluating, processes
from pytest_ouro.experiment.settle import remember

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ouro.evidence.journal import Record
    from pytest_ouro.judge import Case
    from pytest_ouro.tables import Experiment

#: What two runs must have in common for their metrics to be compared.
_COMPARED = (
    "device",
    "device_name",
    "budget",
    "clock",
    "data",
    "harness",
    "metric",
    "level",
    "rows",
)


def now() -> str:
    """The time of a record: ISO 8601, UTC, seconds."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def start(case: Case, experiment: Experiment, *, profile: str, rehearsal: bool) -> Record:
    """Write the ``started`` line, before the child exists; returns what is known of the run."""
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
        **described(git.blobs(code.values())),
        "trust": case.trust.commit,
        "trust_source": case.trust.source,
        "harness": evaluating.digest(case, experiment),
        "data": case.evidence.fingerprints.total(experiment.data, case.evidence.root),
        "metric": experiment.metric,
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
    }
    started = case.evidence.journal.append({"event": "started", "time": now(), **facts})
    return {**facts, "tried": remember(case, started["seq"])}


def finish(case: Case, facts: Record, verdict: dict[str, Any]) -> Record:
    """Write the ``finished`` line and the ledger's row; returns the whole record."""
    value = facts.get("val_bpb") if verdict["status"] != "crash" else None
    prefix = f"[rehearsal {facts['budget']:g}s] " if facts["rehearsal"] else ""
    row = ledger.row(
        facts["commit"],
        value,
        float(facts.get("peak_mb") or 0.0) / 1024,
        verdict["status"],
        prefix + facts["description"],
    )
    record = {"event": "finished", "time": now(), **facts, **verdict, "row": row}
    written = case.evidence.journal.append(record)
    _append_row(case, row)
    return written


def abandon(case: Case, facts: Record, reason: str) -> None:
    """Record a run that has no measurement as a crash."""
    unmeasured = {"outcome": reason, "val_bpb": None, "window_seconds": None}
    finish(case, facts, {**unmeasured, "status": "crash", "reason": reason})


def bury_the_dead(case: Case, say: Callable[[str], None] = lambda text: None) -> None:
    """A run whose supervisor was killed becomes a crash before the next one starts."""
    own = ("prev", "seq", "event", "time")
    for started in case.evidence.journal.unfinished():
        if started.get("worktree") != case.evidence.worktree:
            continue  # its row belongs into that working tree's ledger: the next run there does it
        if processes.identity(int(started.get("pid", 0))) != started.get("process", ""):
            facts = {key: value for key, value in started.items() if key not in own}
            abandon(case, facts, "lost")
            say(
                f"ouro: the run of {facts['commit'][:7]} that started {started.get('time') or '?'} "
                "was killed: recorded as a crash"
            )


def archive(case: Case, log: Path, run: str) -> None:
    """Keep a copy of the log beside the journal: run.log is overwritten by the next run."""
    folder = case.evidence.journal.folder / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(log, folder / f"{run}.log")


def comparable(past: Record, facts: Record) -> bool:
    """Whether the same thing was measured in the same way on the same kind of device."""
    return (
        all(past.get(key) == facts.get(key) for key in _COMPARED)
        and not past.get("rehearsal")
        and past.get("outcome") == "ok"
    )


def described(blobs: list[bytes]) -> Record:
    """What the editable code is: its size, and digests of its meaning with and without seeds."""
    size, code, seedless = 0, hashlib.sha256(), hashlib.sha256()
    for blob in blobs:
        source = Source(decode(blob))
        try:
            size += source.size
            code.update(source.code.encode())
            seedless.update(source.seedless.encode())
        except (SyntaxError, ValueError, RecursionError):  # no Python: its bytes are its meaning
            size += len(blob.split())
            code.update(blob)
            seedless.update(blob)
    return {
        "code_size": size,
        "code_meaning": code.hexdigest(),
        "code_seedless": seedless.hexdigest(),
    }


def _append_row(case: Case, row: str) -> None:
    path = case.repository.git.top / case.bound.path(case.experiment.ledger)
    lock = case.evidence.journal.folder / "ledger.lock"
    ledger.append(path, row, metric=case.experiment.metric, lock=lock)
