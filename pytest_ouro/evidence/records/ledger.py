"""The ledger results.tsv for people: read tolerantly, written strictly, never rewritten."""

from __future__ import annotations

import errno
import os
import re
from io import FileIO
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.plain_file import open_plain
from pytest_ouro.evidence.content import SPECIAL, read_regular
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from pathlib import Path

STATUSES = ("keep", "discard", "crash")
COLUMNS = ("commit", "metric", "memory_gb", "status", "description")

#: Names of the columns in other tools, in our order; the name of the metric is not among them.
_ALIASES = (
    ("commit", "git_commit", "sha", "hash", "head_commit"),
    ("val_bpb", "metric", "score", "bpb", "metric_after", "val_loss", "new_value"),
    ("memory_gb", "memory", "memory_mb", "mem_gb", "vram_gb", "peak_vram_gb"),
    ("status",),
    ("description", "notes", "hypothesis", "experiment", "param_changed"),
)


class Row(NamedTuple):
    """One line of the ledger: its number, and its text without the line ending."""

    line: int
    text: str


@dataclass(frozen=True)
class Ledger:
    """``exists`` is False if there is no file; ``problems`` are ``(line, text)``. ``swapped`` is
    the line of a header whose columns are in another order than those of rows; 0 for none."""

    path: Path
    exists: bool
    rows: tuple[Row, ...] = ()
    problems: tuple[tuple[int, str], ...] = ()
    swapped: int = 0


def read(path: Path) -> Ledger:
    """Read the ledger, with or without a header; comments and blank lines are skipped.

    A line behind ``#`` or ``===`` that has the columns of a row is a row: other programs, pandas
    among them, read it as one. RecordError if the file cannot be read.
    """
    try:
        text = read_regular(str(path), limits.LEDGER, follow=True).decode(errors="replace")
    except FileNotFoundError:
        return Ledger(path, exists=False)
    except OSError as error:
        if error.errno in SPECIAL:
            raise messages.ledger_not_a_file(path) from None
        raise messages.unreadable_ledger(path, str(error.strerror)) from None
    width = swapped = 0
    rows: list[Row] = []
    problems: list[tuple[int, str]] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip("\r")
        cells = line.split("\t")
        marked = line.lstrip().startswith(("#", "==="))
        if not line.strip() or (marked and len(cells) != (width or len(COLUMNS))):
            continue
        if not width:
            width = len(COLUMNS)
            names = [cell.strip(" #=").lower() for cell in cells]
            if "commit" in names or "status" in names:
                width, swapped = len(cells), 0 if _is_ordered(names) else number
                continue
        if len(cells) == 1:
            cells = line.split("\\t")
        if len(cells) != width:
            problems.append((number, f"{len(cells)} columns, not {width}"))
        rows.append(Row(number, line))
    return Ledger(path, True, tuple(rows), tuple(problems), swapped)


def _is_ordered(names: list[str]) -> bool:
    """Return whether the columns of a header that we know are in our order. A metric of another
    name is assumed to be the second column."""
    found = [next((names.index(a) for a in column if a in names), None) for column in _ALIASES]
    if found[1] is None:
        found[1] = min(1, len(names) - 1)
    places = [place for place in found if place is not None]
    return places == sorted(places)


def strict_fault(text: str) -> str:
    """Return why a line is not a row as we write it; "" if it is."""
    cells = text.split("\t")
    if len(cells) != len(COLUMNS):
        return f"{len(cells)} columns, not {len(COLUMNS)}"
    commit, metric, memory, status, _ = cells
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        return f"'{commit[:20]}' is not a commit hash"
    if status not in STATUSES:
        return f"the status is '{status[:20]}', not one of {', '.join(STATUSES)}"
    if not re.fullmatch(r"-?[0-9]+\.[0-9]{6}", metric):
        return f"the metric is '{metric[:20]}', not a number with six decimals"
    if status != "crash" and float(metric) == 0:
        return f"a {status} with the metric 0.000000: only a crash has none"
    if not re.fullmatch(r"[0-9]+\.[0-9]+", memory):
        return f"the memory is '{memory[:20]}', not a number of GB"
    return ""


def row(commit: str, value: float | None, memory_gb: float, status: str, description: str) -> str:
    """Return the line of one run, with ``0.000000`` and ``0.0`` if it has no value (a crash).

    Control characters in the description become spaces.
    """
    words = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", description).split())
    if value is None:
        return f"{commit[:7]}\t0.000000\t0.0\t{status}\t{words}"
    return f"{commit[:7]}\t{value:.6f}\t{memory_gb:.1f}\t{status}\t{words}"


def append(
    path: Path, line: str, *, metric: str, lock: Path, top: Path | None = None, torn: bool = False
) -> None:
    """Add one row and flush it to disk, whole or not at all; add the header to an empty file.

    No link below ``top``, the repository's top folder, is followed. ``lock`` is the lock file of
    all writers of this ledger. ``torn``: the row may have been cut off
    while it was written, and its beginning is completed. RecordError if it cannot be written.
    """
    from filelock import FileLock

    header = "\t".join(metric if name == "metric" else name for name in COLUMNS)
    try:
        with FileLock(lock), _open(path, top or path.parent) as handle:
            handle.seek(0)
            there = handle.read()
            missing = _missing(there, f"{header}\n", f"{line}\n", torn)
            try:
                if handle.write(missing) != len(missing):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle.fileno())
            except OSError:
                handle.truncate(len(there))
                raise
    except OSError as error:
        raise messages.unwritable_ledger(path, str(error.strerror or error)) from None


def _open(path: Path, top: Path) -> FileIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    name = path.relative_to(top).as_posix()
    return FileIO(open_plain(top, name, flags, 0o666), "a+b")


def _missing(there: bytes, header: str, row: str, torn: bool) -> bytes:
    """Return the bytes to add to the file, so that its last row is this one."""
    whole = (header + row).encode()
    if torn and whole.startswith(there):
        return whole[len(there) :]
    if not there:
        return whole
    end = there[there.rindex(b"\n") + 1 :] if b"\n" in there else there
    if torn and end and row.encode().startswith(end):
        return row.encode()[len(end) :]
    return b"\n" * bool(end) + row.encode()
