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
    """What the log of one run says. ``name`` is the log's path in the record, and ``digest`` the
    SHA-256 of its bytes. ``source`` is the source code at its start: None if its end was not found,
    "" if the policy asks for none.

    ``values`` maps the name of each number to its different values, in the order of their last
    lines; ``shared`` maps each pattern of ``same`` to what it matched, line by line; ``progress``
    is what the pattern of lines of progress matched.
    """

    name: str
    digest: str
    source: str | None
    values: dict[str, tuple[float, ...]]
    shared: dict[str, tuple[str, ...]]
    progress: tuple[str, ...]

    def value(self, number: str) -> float | None:
        """Return the last value of the number with this name; None if the log states none."""
        found = self.values.get(number, ())
        return found[-1] if found else None


@dataclass(frozen=True)
class Logs:
    """The logs of a record: ``runs`` are those that were read, ``unread`` the names of those that
    could not be read (links, binary files, too large), and ``excluded`` the names of those that the
    policy excludes."""

    runs: tuple[Run, ...]
    unread: tuple[str, ...]
    excluded: tuple[str, ...]

    def collect(self, number: str) -> list[float]:
        """Return the last value of the number with this name in each run that states it, in the
        order of the runs."""
        found = (run.value(number) for run in self.runs)
        return [value for value in found if value is not None]


def read_logs(asked: Runs, numbers: tuple[Number, ...], submission: Submission) -> Logs:
    """Read the logs of a submission: the files of the record that the globs of ``asked`` match,
    without those that it excludes. ``numbers`` are the numbers to find in them."""
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
    """Return what the log ``name`` with the bytes ``data`` says. Patterns are tried on each line
    after the source code at the log's start."""
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
    """Return the source code at the start of a log, and the lines of the log after it. The code
    ends before the first line in which the pattern ``ends`` is found; that line is in neither part.
    Return None and all lines if there is no such line, "" and all lines if ``ends`` is ""."""
    if not ends:
        return "", lines
    pattern = re.compile(ends)
    for number, line in enumerate(lines):
        if pattern.search(line[:_LINE]):
            return "\n".join(lines[:number]), lines[number + 1 :]
    return None, lines


def _find_values(number: Number, lines: list[str]) -> tuple[float, ...]:
    """Return the finite values of a number, times its scale: the first match in each of the lines,
    without commas. A value that occurs several times is in the result once, at the place of its
    last line. A match that is not a number is ignored."""
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
    """Return the text that a pattern matches first in each line, for the lines in which it is
    found; () if there are none."""
    compiled = re.compile(pattern)
    return tuple(match[0] for line in lines if (match := compiled.search(line)))
