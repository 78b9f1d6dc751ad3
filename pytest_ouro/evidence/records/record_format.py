"""One record of the journal: what each field may hold, and what the records hold twice."""

from __future__ import annotations

import json
import math
import re
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ouro.evidence.records import ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Record = dict[str, Any]

#: How deep values may be nested in a record. Ours are nested twice.
_DEPTH = 6


class Kind(NamedTuple):
    """What a field may hold, in words and as a test."""

    words: str
    holds: Callable[[Any], bool]

    def or_none(self) -> Kind:
        return Kind(f"{self.words} or null", lambda value: value is None or self.holds(value))


def _like(pattern: str, words: str) -> Kind:
    whole = re.compile(pattern, re.ASCII)
    return Kind(words, lambda value: isinstance(value, str) and bool(whole.fullmatch(value)))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


TEXT = Kind("text", lambda value: isinstance(value, str))
TEXTS = Kind("a list of texts", lambda v: isinstance(v, list) and all(map(TEXT.holds, v)))
TABLE = Kind("a table", lambda value: isinstance(value, dict))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind("a whole number, 0 or more", _is_count)
NUMBER = Kind("a number", lambda v: isinstance(v, (int, float)) and not isinstance(v, bool))
WORD = _like(r"[a-z][a-z-]{0,30}", "a word")
RUN = _like(r"[0-9a-f]{12}", "12 hexadecimal digits")
COMMIT = _like(r"[0-9a-f]{40}|[0-9a-f]{64}", "the full id of a commit")

#: What the fields that our code uses may hold. Any other field may hold any JSON.
FIELDS = {
    "prev": _like(r"|[0-9a-f]{64}", "a sha256, or empty in the first line"),
    "event": _like(r"started|finished", "'started' or 'finished'"),
    "time": _like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.:Z+-]{0,16}", "a time, ISO 8601"),
    "status": _like(r"keep|discard|crash", "'keep', 'discard' or 'crash'"),
    "trust": _like(r"[0-9a-f]{0,64}", "the id of a commit"),
    "level": _like(r"[a-z]{1,20}", "a level"),
    **dict.fromkeys(("run", "series"), RUN),
    **dict.fromkeys(("reason", "outcome"), WORD),
    "commit": COMMIT,
    "best_commit": COMMIT.or_none(),
    **dict.fromkeys(
        (
            *("description", "trust_source", "metric", "direction", "device", "device_name"),
            *("clock", "worktree", "branch", "process", "row", "message", "level_why", "apart"),
            *("code_meaning", "code_seedless", "tried", "python", "torch"),
        ),
        TEXT,
    ),
    **dict.fromkeys(("harness", "data"), TEXT.or_none()),
    **dict.fromkeys(("seq", "pid", "salt", "repeat", "repeats", "n"), COUNT),
    **dict.fromkeys(("ledger_rows", "code_size", "evaluations"), COUNT),
    **dict.fromkeys(("best_code_size", "rows"), COUNT.or_none()),
    **dict.fromkeys(("budget", "tolerance"), NUMBER),
    **dict.fromkeys(
        (
            *("val_bpb", "value", "claimed", "window_seconds", "wall_seconds", "cpu_seconds"),
            *("peak_mb", "best", "best_peak_mb", "gain", "margin", "noise", "mean", "sd"),
        ),
        NUMBER.or_none(),
    ),
    "rehearsal": FLAG,
    "claim_agrees": FLAG.or_none(),
    **dict.fromkeys(("holds", "findings", "caught"), TEXTS),
    **dict.fromkeys(("code", "claims", "evaluated"), TABLE),
    "judgment": TABLE.or_none(),
}
#: The fields that every record has, and those that a finished run has beside them.
REQUIRED = ("event", "run", "commit", "time")
FINISHED = ("status", "reason", "row")


def read(line: bytes) -> Record:
    """The record of a line. ValueError says what is wrong with it."""
    try:
        record = json.loads(line, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except ValueError as error:
        own = isinstance(error, _DuplicateKey)
        raise ValueError(str(error) if own else "it is not JSON in UTF-8") from None
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    if not _is_plain(record, _DEPTH):
        raise ValueError("it holds what no record holds: NaN, a huge number, deep nesting")
    finished = FINISHED if record.get("event") == "finished" else ()
    for name in (*REQUIRED, *finished):
        if name not in record:
            raise ValueError(f"it lacks '{name}'")
    for name, value in record.items():
        kind = FIELDS.get(name)
        if kind and not kind.holds(value):
            raise ValueError(f"'{name}' must be {kind.words}")
    return record


class _DuplicateKey(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> Record:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _DuplicateKey("it holds a key twice")
    return made


def _is_plain(value: Any, depth: int) -> bool:
    """Whether a value can be written and printed: finite numbers, real characters, few levels."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, (int, float)):
        return -1.7e308 < value < 1.7e308  # not true of NaN
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(part, depth - 1) for part in value)
    return True


def row_of(record: Record) -> str:
    """The line of a finished run in the ledger, which follows from its record."""
    value = record.get("val_bpb") if record["status"] != "crash" else None
    prefix = f"[rehearsal {record['budget']:g}s] " if record.get("rehearsal") else ""
    if "repeat" in record:
        prefix += f"[repeat {record['repeat']}/{record['repeats']}] "
    memory = float(record.get("peak_mb") or 0.0) / 1024
    words = prefix + record["description"]
    return ledger.row(record["commit"], value, memory, record["status"], words)


class Conflict(NamedTuple):
    """Two places that hold one fact and disagree; ``line`` counts from 1."""

    line: int
    field: str
    expected: object
    actual: object


#: What a finished line may say otherwise than the started line of its run.
_OWN = ("prev", "seq", "event", "time", "device_name")


def conflicts(records: Sequence[Record]) -> Iterator[Conflict]:
    """Where the records say one fact twice, and not the same."""
    started: dict[str, Record] = {}
    finished: list[Record] = []
    seq = 0
    for line, record in enumerate(records, start=1):
        if record.get("seq", line) <= seq:  # what was forged between two was taken out
            yield Conflict(line, "seq", f"more than {seq}", record["seq"])
        seq = record.get("seq", line)
        if record["event"] == "started":
            started[record["run"]] = record
            continue
        begun = started.get(record["run"], {})
        expected = {name: begun[name] for name in begun if name in record and name not in _OWN}
        expected |= _derived(record, begun, finished)
        for name, value in expected.items():
            if not _same(record[name], value):
                yield Conflict(line, name, value, record[name])
        finished.append(record)


def _derived(record: Record, begun: Record, before: Sequence[Record]) -> Record:
    """The fields of a finished run that follow from others, as they must be."""
    facts: Record = {"row": row_of(record)}
    if "value" in record and "val_bpb" in record:
        facts["val_bpb"] = record["value"] if record.get("outcome") == "ok" else None
    if "tried" in record and "seq" in begun:
        facts["tried"] = f"refs/ouro/tried/{begun['seq']}"
    best, gain = record.get("best"), record.get("gain")
    value = _value_of(record)
    if best is not None and gain is not None and value is not None:
        sign = -1 if record.get("direction") == "higher" else 1
        facts["gain"] = sign * (best - value)
    if best is not None and record.get("best_commit") is not None:
        facts |= _best(record, before)
    return facts | _series(record, before)


def _best(record: Record, before: Sequence[Record]) -> Record:
    """What is repeated of the best run; nothing where one of its commit's runs is meant."""
    runs = [run for run in before if run["commit"] == record["best_commit"]]
    repeated = [
        {
            "best": _value_of(run),
            "best_code_size": run.get("code_size", 0),
            "best_peak_mb": run.get("peak_mb"),
        }
        for run in runs
        if run["status"] == "keep"
    ]
    if any(all(_same(record.get(k), v) for k, v in facts.items()) for facts in repeated):
        return {}
    last = repeated[-1] if repeated else {"best_commit": "the commit of a kept run"}
    return {name: value for name, value in last.items() if name in record}


def _series(record: Record, before: Sequence[Record]) -> Record:
    """Number, mean and deviation of the series that a run ended."""
    if "n" not in record or "series" not in record:
        return {}
    runs = [run for run in (*before, record) if run.get("series") == record["series"]]
    values = [float(run["val_bpb"]) for run in runs if run.get("val_bpb") is not None]
    if record["n"] != len(values) or len(values) < 2:  # a run on other hardware does not count
        return {"n": len(values)} if record["n"] > len(values) else {}
    facts = {"mean": statistics.fmean(values), "sd": statistics.stdev(values)}
    return {name: value for name, value in facts.items() if name in record}


def _value_of(record: Record) -> float | None:
    """What a run stands for: its metric, or the mean of the series that it ended."""
    mean = record.get("mean")
    return record.get("val_bpb") if mean is None else mean


def _same(one: object, other: object) -> bool:
    """Equal; numbers to the six decimals that are logged, whatever rounding did to them."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1.5e-6)
    return one == other
