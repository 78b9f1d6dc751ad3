"""Add rows to the ledger, by the names of its columns, in its format; never rewrite one."""

from __future__ import annotations

import errno
import os
from io import FileIO
from typing import TYPE_CHECKING

from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.core.plain_file import open_plain
from pytest_ouro.evidence.content import refuse_other
from pytest_ouro.evidence.ledger import ledger, ledger_format
from pytest_ouro.evidence.ledger.ledger_table import Table
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.evidence.ledger.ledger_table import Entry


def append(
    path: Path,
    entry: Entry,
    *,
    metric: str,
    lock: Path,
    top: Path | None = None,
    torn: bool = False,
) -> None:
    """Add one row for ``entry`` at the end of the ledger ``path``, and the header first if there is
    none; flush both to disk.

    ``metric`` names the column of the value. A file that does not exist is created; one that exists
    is cut back to what it was if the row cannot be written whole. No link below ``top``, the
    repository's top folder (None: the file's folder), is followed. ``lock`` is the lock file of all
    writers of this ledger. With ``torn``, the file may end with the first bytes of this row, from a
    writer that was killed, and then only the rest is added. Raise RecordError if the file cannot be
    read or written, or lacks a column that the row needs; OuroError if ``lock`` is not a regular
    file.
    """
    try:
        with hold_lock(lock), _open(path, top or path.parent) as handle:
            handle.seek(0)
            there = handle.read()
            missing = _missing(there, path, entry, metric, torn)
            try:
                if handle.write(missing) != len(missing):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle.fileno())
            except OSError:
                handle.truncate(len(there))
                raise
    except OSError as error:
        refuse_other(str(lock))
        raise messages.unwritable_ledger(path, str(error.strerror or error)) from None


def _open(path: Path, top: Path) -> FileIO:
    """Return the ledger below ``top``, opened unbuffered to read and append, and created, with its
    folders, if needed.

    Raise OSError if a link is on its path below ``top``, or if it is not a regular file.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    name = path.relative_to(top).as_posix()
    return FileIO(open_plain(top, name, flags, 0o666), "a+b")


def _missing(there: bytes, path: Path, entry: Entry, metric: str, torn: bool) -> bytes:
    """Return the bytes to add to a ledger that holds the bytes ``there``, so that ``entry`` is its
    last row.

    Before the row they have a header if the ledger is empty or has none, and a line end before both
    if its last line lacks one. With ``torn``, if ``there`` ends with the first bytes of the row,
    they are the rest of the row. The name of ``path`` decides the format of a new file. Raise
    RecordError if the ledger cannot be parsed or lacks a column.
    """
    new = Table.new(ledger_format.of_name(path.name), metric)
    whole = "".join(f"{line}\n" for line in (*new.header, new.text(entry))).encode()
    if not there or (torn and whole.startswith(there)):
        return whole[len(there) :]

    def row_below(data: bytes) -> bytes:
        """Return the row of ``entry`` in the form of the table that the ledger ``data`` ends with,
        as bytes to add to ``data``; a header is before it if ``data`` has none. Raise
        RecordError if the table lacks a column."""
        found = ledger.parse(data, path, metric)
        if fault := ledger.column_fault(found, metric):
            raise fault
        lines = [*([] if found.table else new.header), (found.table or new).text(entry)]
        return "".join(line + found.text.end for line in lines).encode(found.text.codec)

    read = ledger_format.Text.decode(there)
    text, codec, end = read.text, read.codec, read.end
    if torn and (begun := _last_line(there, end[-1:].encode(codec))):
        row = row_below(there[: -len(begun)])
        if row.startswith(begun):
            return row[len(begun) :]
    if not text or text.endswith(end[-1]):
        return row_below(there)
    return ("\n" if text.endswith("\r") else end).encode(codec) + row_below(there)


def _last_line(there: bytes, end: bytes) -> bytes:
    """Return the bytes after the last line end in ``there``; all of them if there is none.

    ``end`` is the line end in the file's encoding. Every character of that encoding has as many
    bytes as ``end``, so that a match at another offset is not a line end.
    """
    at = there.rfind(end)
    while at >= 0 and at % len(end):
        at = there.rfind(end, 0, at + len(end) - 1)
    return there[at + len(end) :] if at >= 0 else there
