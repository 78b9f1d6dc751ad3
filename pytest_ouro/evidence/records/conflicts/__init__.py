"""Find facts that the journal states in two places and differently, which shows that a record was
edited."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core.statistics.spread import deviation, mean
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.conflicts.fact import Fact, Past, same
from pytest_ouro.evidence.records.kinds import keys_of
from pytest_ouro.evidence.records.line import OWN
from pytest_ouro.evidence.records.rows import row_of
from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
from pytest_ouro.evidence.records.statement import Statement
from pytest_ouro.evidence.records.verdicts import mean_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.evidence.records.line import Line

#: Attributes that may differ between the started and the finished line of a run.
_MAY_DIFFER = (*OWN, "device_name")
#: Attributes that a run repeats from the earlier run that measured its code.
_MEASUREMENT = (
    *("measured_value", "value", "mean", "sd", "n", "level", "rows", "harness", "data"),
    *("device_name", "budget", "clock", "salt", "peak_mb", "window_seconds"),
)


#: The purposes of further runs of a keep, by which its value is known better.
_FURTHER = ("placebo", "reference")


class Conflict(NamedTuple):
    """A contradiction in the journal: the record in ``line`` (from 1) has the value ``actual`` for
    the key ``field``, but ``expected`` follows from other facts."""

    line: int
    field: str
    expected: object
    actual: object


#: The attributes by which runs are looked up (see `Past`).
_LOOKED_UP = ("run", "commit", "series", "plan")


class _Walk:
    """A walk over the lines of a journal, oldest first. ``lines`` are those passed so far; the
    other attributes are what a later line is compared with."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._started: dict[str, StartedRun] = {}
        self._plans: dict[tuple[str, str], Statement] = {}
        self._finished: Past = {}
        self._written: dict[str, bytes] = {}
        self._last = 0

    def step(self, line: bytes, record: Line) -> Iterator[Conflict]:
        """Pass the next line, whose record this is: yield each contradiction in it, or with a line
        before it."""
        self.lines.append(line)
        at = len(self.lines)
        number = at if record.seq is None else record.seq
        if number <= self._last:  # gaps are allowed: forged lines between two were removed
            yield Conflict(at, "seq", f"more than {self._last}", number)
        self._last = number
        if isinstance(record, Statement):
            if record.result == "stated":  # its runs are still to come
                self._plans[record.plan, record.baseline] = record
                return
            # Most journals state nothing, and need no statistics.
            from pytest_ouro.evidence.records.conflicts.statements import facts_of_statement

            plan = self._plans.get((record.plan, record.baseline))
            for fact in facts_of_statement(record, plan, self._finished, self._written):
                if not same(fact.actual, fact.expected, rounded=False):
                    yield Conflict(at, *fact)
            return
        assert isinstance(record, StartedRun)
        if not isinstance(record, FinishedRun):
            self._started[record.run] = record
            return
        begun = self._started.get(record.run)
        for fact in (*_repeated(record, begun), *_derived(record, begun, self._finished)):
            if not same(fact.actual, fact.expected, rounded=record.version < 3):
                yield Conflict(at, *fact)
        self._written[record.run] = line
        for name in _LOOKED_UP:
            self._finished.setdefault((name, getattr(record, name)), []).append(record)


#: The walk that passed the most lines without a contradiction in the last call of `first_conflict`:
#: a journal is asked about often, and only grows.
_kept = _Walk()


def first_conflict(lines: list[bytes]) -> Conflict | None:
    """Return the first contradiction in these lines, which are all of a journal; None if there is
    none. Raise ValueError for an invalid line. Of the lines that an earlier call passed without
    one, none is compared again if the journal still begins with them."""
    global _kept
    common = min(len(lines), len(_kept.lines))
    if lines[:common] != _kept.lines[:common]:
        common = 0
    if common == len(lines):
        return None
    walk = _kept if 0 < common == len(_kept.lines) else _Walk()
    further = lines[len(walk.lines) :]
    records = [record_format.read(line) for line in further]
    _kept = _Walk()  # a line that contradicts another is not kept
    for line, record in zip(further, records, strict=True):
        if found := next(walk.step(line, record), None):
            return found
    _kept = walk
    return None


def conflicts(records: Sequence[Line]) -> Iterator[Conflict]:
    """Yield each contradiction in the records (all of a journal, oldest first), in their order: a
    fact stated in two places and differently, or a ``seq`` that is not more than the one before."""
    walk = _Walk()
    for record in records:
        yield from walk.step(record_format.write(record), record)


def _repeated(run: FinishedRun, begun: StartedRun | None) -> Iterator[Fact]:
    """Yield a fact for each known key that the finished line should repeat from the started line
    ``begun`` but states differently, and for each key that this version of pytest-ouro does not
    know and that both lines have, even if equal. Yield nothing if ``begun`` is None."""
    if begun is None:
        return
    for key, known in keys_of(StartedRun).items():
        if known.attribute not in _MAY_DIFFER:
            expected, actual = getattr(begun, known.attribute), getattr(run, known.attribute)
            stated = begun.version > 1 or (expected and actual)  # lines of version 1 may lack it
            if expected != actual and stated:
                yield Fact(key, expected, actual)
    for key in begun.unknown.keys() & run.unknown.keys():
        yield Fact(key, begun.unknown[key], run.unknown[key])


def _derived(run: FinishedRun, begun: StartedRun | None, before: Past) -> Iterator[Fact]:
    """Yield each fact of a finished line that follows from other keys of the line, from its started
    line ``begun`` or from the runs ``before``; expected and recorded value may be equal."""
    yield Fact("status", run.reason.status, run.status)
    yield Fact("row", row_of(run), run.row)
    lawful = run.measured_value if run.outcome == "ok" else None
    lacks = run.outcome is None or run.value is None or (run.outcome == "ok" and lawful is None)
    if run.version > 1 or not lacks:  # lines of version 1 may lack some of it
        yield Fact("val_bpb", lawful, run.value)
    if run.tried and begun is not None and begun.seq is not None:
        yield Fact("tried", begun.tried_ref, run.tried)
    value = run.mean_or_value
    if run.best is not None and run.gain is not None and value is not None:
        yield Fact("gain", run.metric.gain(value, run.best), run.gain)
    yield from _reference(run, before)
    yield from _series(run, before)
    yield from _measured_before(run, before)


def _reference(run: FinishedRun, before: Past) -> Iterator[Fact]:
    """Yield what the run states about its reference (the kept run with which its verdict compares
    it) as facts, expected from the last kept run of that commit among ``before``; nothing if it has
    no reference, or agrees with any kept run of that commit. If no run of the commit was kept,
    yield only the fact ``best_commit``."""
    if run.best is None or run.best_commit is None:
        return
    tried = before.get(("commit", run.best_commit), [])
    kept = [one for one in tried if one.status == "keep"]
    if not kept:
        yield Fact("best_commit", "the commit of a kept run", run.best_commit)
    repeated = [
        (
            Fact("best", _value_of_best(run, one, before), run.best),
            Fact("best_peak_mb", one.peak_mb, run.best_peak_mb),
            *_size(run, one),
        )
        for one in kept
    ]
    rounded = run.version < 3
    if any(all(same(f.actual, f.expected, rounded=rounded) for f in facts) for facts in repeated):
        return
    for fact in repeated[-1] if repeated else ():
        if fact.actual is not None or run.version > 1:  # lines of version 1 may lack it
            yield fact


def _value_of_best(run: FinishedRun, kept: FinishedRun, before: Past) -> float | None:
    """Return the value that ``run`` must state for its reference, if that is the keep ``kept``. It
    depends on the runs that ``run`` names (``best_runs``). If it names none, return
    ``kept.mean_or_value``. If it names one run of the commit with the purpose "reference", and no
    other, return the value of that run. If it names ``kept`` and placebos or references of the
    commit, return the mean of all (`mean_with`). Return None if it names anything else, or a run
    that is not among those ``before``."""
    if not run.best_runs:
        return kept.mean_or_value
    named = [
        one
        for one in before.get(("commit", kept.commit), [])
        if one.run in run.best_runs and one.purpose in _FURTHER
    ]
    if len(run.best_runs) == 1 and [one.purpose for one in named] == ["reference"]:
        return named[0].value
    if sorted(run.best_runs) != sorted([kept.run, *(one.run for one in named)]):
        return None
    return mean_with(kept, named)[0]


def _size(run: FinishedRun, best: FinishedRun) -> Iterator[Fact]:
    """Yield two facts about the reference of ``run``: its code size, and its code sizes by kind.
    The expected value is from ``best``, the record of the reference; the actual value is what
    ``run`` states. Yield nothing if the ``code_form`` of the two records differs, since their
    sizes cannot be compared then."""
    if run.code_form == best.code_form:
        yield Fact("best_code_size", best.code_size, run.best_code_size)
        yield Fact("best_code_sizes", best.code_sizes, run.best_code_sizes)


def _series(run: FinishedRun, before: Past) -> Iterator[Fact]:
    """Yield facts about the series of repeats that the run ended; nothing if it ended none. ``n``,
    how many values the verdict counted, may be less than the number of measured values in the
    series, since runs on other hardware do not count; it is yielded only if it is more. ``mean``
    and ``sd``, as computed from these values, are yielded only if ``n`` is that number and at least
    two."""
    if run.n is None or run.series is None:
        return
    runs = [*before.get(("series", run.series), []), run]
    values = [one.value for one in runs if one.value is not None]
    if run.n > len(values):
        yield Fact("n", len(values), run.n)
    if run.n != len(values) or len(values) < 2:  # runs on other hardware do not count
        return
    yield Fact("mean", mean(values), run.mean)
    yield Fact("sd", deviation(values), run.sd)


def _measured_before(run: FinishedRun, before: Past) -> Iterator[Fact]:
    """Yield facts about the measurement that the run has from an earlier one, ``measured_by``, as
    that run, one of ``before``, states them; nothing if it was measured itself."""
    if run.measured_by is None:
        return
    found = before.get(("run", run.measured_by), [])
    if not found:
        yield Fact("measured_by", "the id of an earlier run", run.measured_by)
    for one in found[-1:]:
        for key, known in keys_of(FinishedRun).items():
            if known.attribute in _MEASUREMENT:
                yield Fact(key, getattr(one, known.attribute), getattr(run, known.attribute))


def broken_link(lines: list[bytes]) -> int:
    """Return the number of the first line (from 1) whose ``prev`` is not the sha256 of the line
    before ("" in the first line), or that is not a JSON object; 0 if all are linked."""
    prev = ""
    for number, line in enumerate(lines, start=1):
        try:
            linked = json.loads(line).get("prev") == prev
        except (ValueError, AttributeError, RecursionError):
            linked = False
        if not linked:
            return number
        prev = hashlib.sha256(line).hexdigest()
    return 0
