"""Convert a line of the journal to a record, and a record to a line."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_ouro.evidence.records.kinds import STATEMENT_EVENT
from pytest_ouro.evidence.records.line import NewerVersion
from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
from pytest_ouro.evidence.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ouro.evidence.records.line import Line

__all__ = ["NewerVersion", "digest_of", "from_json", "read", "write"]

#: The deepest nesting of values in a record. Ours are nested twice.
_DEPTH = 6


@lru_cache(maxsize=1 << 14)
def read(line: bytes) -> Line:
    """Parse a line of the journal to its record: a `FinishedRun`, a `StartedRun` for a started
    line, or a `Statement`. Raise ValueError if it is invalid, and its subclass `NewerVersion` if
    a later version of this program wrote it.

    Results are cached, since a journal is read many times in a run.
    """
    return from_json(_parse(line))


#: The lines that were read last as a journal, and their records.
_journal: tuple[list[bytes], list[Line]] = ([], [])


def read_known(lines: list[bytes]) -> list[Line]:
    """Return the records of those lines, from the first on, that `keep` was called with last; []
    if ``lines`` do not begin like those. A journal is read often, and only grows."""
    known, records = _journal
    common = min(len(lines), len(known))
    return records[:common] if lines[:common] == known[:common] else []


def keep(lines: list[bytes], records: list[Line]) -> list[Line]:
    """Keep the records of all lines of a journal for `read_known`, and return them."""
    global _journal
    _journal = [*lines], [*records]
    return records


def from_json(table: Mapping[str, object]) -> Line:
    """Convert the JSON object of a line to its record: a `FinishedRun`, a `StartedRun` for a
    started line, or a `Statement`. Raise ValueError if it is invalid, and its subclass
    `NewerVersion` if a later version wrote it."""
    if "event" not in table:
        raise ValueError("it lacks 'event'")
    event = table["event"]
    if isinstance(event, str) and STATEMENT_EVENT.holds(event):
        return Statement.from_json(table)
    cls = FinishedRun if event == "finished" else StartedRun  # it refuses other events
    return cls.from_json(table)


def write(record: Line) -> bytes:
    """Return the journal line of a record, without a newline. Raise ValueError if it has a value
    that JSON does not allow, such as NaN."""
    return json.dumps(record.to_json(), ensure_ascii=False, allow_nan=False).encode()


def digest_of(lines: Iterable[bytes]) -> str:
    """Return the sha256 of lines of the journal, each followed by a newline, as 64 hexadecimal
    digits."""
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()


def _parse(line: bytes) -> dict[str, object]:
    """Parse a line to a JSON object. Raise ValueError if it is not one, has a key twice, or
    contains a value that no record may have, such as NaN or deep nesting."""
    try:
        table = json.loads(line, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except _DuplicateKey:
        raise
    except ValueError:
        raise ValueError("it is not JSON in UTF-8") from None
    if not isinstance(table, dict):
        raise ValueError("it is not a JSON object")
    if not _is_plain(table, _DEPTH):
        raise ValueError("it holds what no record holds: NaN, a huge number, deep nesting")
    return table


class _DuplicateKey(ValueError):
    """Raised if a JSON object has a key twice."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the pairs of a JSON object as a dict. Raise ValueError if a key occurs twice."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise _DuplicateKey("it holds a key twice")
    return table


def _is_plain(value: Any, depth: int) -> bool:
    """Return whether a parsed JSON value can be written and printed: its numbers are finite, its
    texts have no lone surrogates, and its lists and objects are nested at most ``depth`` deep."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, (int, float)):
        return -1.7e308 < value < 1.7e308  # not true of NaN
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(part, depth - 1) for part in value)
    return True
