"""Read the logs of a record: the numbers that they state, their source code, and what all of them
must share."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.paths import matching

if TYPE_CHECKING:
    from pytest_ouro.audit.policy.submission import Submission
    from pytest_ouro.audit.policy.tables import Number, Runs

#: The characters of a line that a pattern is tried on.
_LINE = 2_000


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a log says. ``name`` is its path in the record, ``digest`` that of its bytes, ``source``
    the source code that it begins with (None: not found, "" : the policy asks for none), ``values``
    the numbers by name, each different one once, in their order, ``shared`` what each pattern of
    ``same`` matched, and ``progress`` the lines of progress."""

    name: str
    digest: str
    source: str | None
    values: dict[str, tuple[float, ...]]
    shared: dict[str, tuple[str, ...]]
    progress: tuple[str, ...]

    def value(self, number: str) -> float | None:
        """Return the last value of a number; None if the log states none."""
        found = self.values.get(number, ())
        return found[-1] if found else None


@dataclass(frozen=True)
class Logs:
    """The logs of a record: those that were read as ``runs``, the names of those that were not
    (links, no text, too large), and of those that the policy excludes."""

    runs: tuple[Run, ...]
    unread: tuple[str, ...]
    excluded: tuple[str, ...]

    def collect(self, number: str) -> list[float]:
        """Return the values of a number, of all runs that state it."""
        found = (run.value(number) for run in self.runs)
        return [value for value in found if value is not None]


def read_logs(asked: Runs, numbers: tuple[Number, ...], submission: Submission) -> Logs:
    """Return the logs of a submission, by the policy's tables."""
    named = matching(submission.names, asked.logs)
    excluded = set(matching(named, asked.exclude))
    runs: list[Run] = []
    unread: list[str] = []
    for name in named:
        if name in excluded:
            continue
        data = submission.read_inside(name)
        if data is None or b"\0" in data[:8000]:
            unread.append(name)
        else:
            runs.append(_read_log(asked, numbers, name, data))
    return Logs(tuple(runs), tuple(unread), tuple(sorted(excluded)))


def _read_log(asked: Runs, numbers: tuple[Number, ...], name: str, data: bytes) -> Run:
    """Return what a log says; the patterns are tried on each line after its source code."""
    lines = data.decode("utf-8-sig", errors="replace").splitlines()
    source, lines = _split_source(asked.source_ends, lines)
    lines = [line[:_LINE] for line in lines]
    return Run(
        name=name,
        digest=hashlib.sha256(data).hexdigest(),
        source=source,
        values={one.name: _find_values(one, lines) for one in numbers},
        shared={pattern: _find_all(pattern, lines) for pattern in asked.same},
        progress=_find_all(asked.progress, lines) if asked.progress else (),
    )


def _split_source(ends: str, lines: list[str]) -> tuple[str | None, list[str]]:
    """Return the source code before the first line that the pattern ``ends`` matches, and the lines
    after it; None and all lines if none does; "" and all lines without a pattern."""
    if not ends:
        return "", lines
    pattern = re.compile(ends)
    for number, line in enumerate(lines):
        if pattern.search(line[:_LINE]):
            return "\n".join(lines[:number]), lines[number + 1 :]
    return None, lines


def _find_values(number: Number, lines: list[str]) -> tuple[float, ...]:
    """Return the different values of a number in the order of their last lines; a text that is not
    a finite number is left out."""
    pattern = re.compile(number.pattern)
    group: str | int = "value" if "value" in pattern.groupindex else 1
    found: dict[float, None] = {}
    for line in lines:
        if match := pattern.search(line):
            try:
                value = float((match[group] or "").replace(",", "")) * number.scale
            except ValueError:
                continue
            if abs(value) < float("inf"):
                found.pop(value, None)
                found[value] = None
    return tuple(found)


def _find_all(pattern: str, lines: list[str]) -> tuple[str, ...]:
    """Return what a pattern matches in the lines, one text for each line that it matches."""
    compiled = re.compile(pattern)
    return tuple(match[0] for line in lines if (match := compiled.search(line)))
