"""One line of the journal: from its bytes to the record that it states, and back."""

from __future__ import annotations

import json
from typing import Any

from pytest_ouro.evidence.records.run_record import FinishedRun, NewerVersion, StartedRun

__all__ = ["NewerVersion", "from_json", "read", "write"]

#: How deep values may be nested in a record. Ours are nested twice.
_DEPTH = 6
_CLASSES: dict[object, type[StartedRun]] = {"started": StartedRun, "finished": FinishedRun}


def read(line: bytes) -> StartedRun:
    """The record of a line, a `FinishedRun` where it is one. ValueError says what is wrong."""
    return from_json(_table(line))


def from_json(table: dict[str, Any]) -> StartedRun:
    """The record that a table states, a `FinishedRun` where it is one. ValueError says what is
    wrong with the table."""
    if "event" not in table:
        raise ValueError("it lacks 'event'")
    event = table["event"]
    cls = _CLASSES.get(event if isinstance(event, str) else "", StartedRun)  # refuses the event
    return cls.from_json(table)


def write(record: StartedRun) -> bytes:
    """The line of a record, without its end. ValueError where JSON cannot hold it."""
    return json.dumps(record.to_json(), ensure_ascii=False, allow_nan=False).encode()


def _table(line: bytes) -> dict[str, Any]:
    """The JSON object of a line, if a record may hold what it holds."""
    try:
        table = json.loads(line, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except ValueError as error:
        own = isinstance(error, _DuplicateKey)
        raise ValueError(str(error) if own else "it is not JSON in UTF-8") from None
    if not isinstance(table, dict):
        raise ValueError("it is no JSON object")
    if not _is_plain(table, _DEPTH):
        raise ValueError("it holds what no record holds: NaN, a huge number, deep nesting")
    return table


class _DuplicateKey(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
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
