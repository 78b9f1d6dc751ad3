"""Follow the journal while others write it: only what was added is read, and nothing is locked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_ouro.core.plain_file import open_plain
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
from pytest_ouro.evidence.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.line import Line


class Follower:
    """The records of a journal, as far as they are read: ``runs`` are the finished ones and
    ``statements`` the statements, oldest first; ``going`` are the runs without an end, by id."""

    def __init__(self, journal: Journal) -> None:
        """Follow ``journal``; nothing is read yet."""
        self._journal = journal
        self._seen: tuple[int, ...] = ()
        self._read = 0
        self._forget()

    def _forget(self) -> None:
        """Forget what was read."""
        self.runs: list[FinishedRun] = []
        self.statements: list[Statement] = []
        self.going: dict[str, StartedRun] = {}

    def grew(self) -> bool:
        """Read what was added to the journal since the last call; the whole, if it is read for the
        first time or was replaced. Return whether that was the whole, or a finished run or a
        statement was added. If the journal is gone, forget all, and return whether any such record
        was known. Raise RecordError if the journal cannot be read."""
        try:
            found = self._journal.path.stat()
        except FileNotFoundError:
            had = bool(self.runs or self.statements)
            self._seen = ()
            self._forget()
            return had
        seen = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if seen == self._seen:
            return False
        is_longer = seen[:2] == self._seen[:2] and found.st_size >= self._read
        self._seen = seen
        if is_longer:
            lines = self._added()
        else:
            self._forget()
            self._read, lines = 0, self._journal.lines()
        self._read += sum(len(line) + 1 for line in lines)
        known = len(self.runs) + len(self.statements)
        try:
            self._take(record_format.read(line) for line in lines)
        except ValueError:
            self._journal.records()  # raises the error that names the line
            self._seen = ()  # the file was replaced meanwhile: the next call reads all of it
        return len(self.runs) + len(self.statements) > known or not is_longer

    def _added(self) -> list[bytes]:
        """Return the complete lines behind those that were read; [] if the file is gone meanwhile.
        Raise RecordError if it cannot be read."""
        name = f"{self._journal.folder.name}/{self._journal.path.name}"
        try:
            handle = open_plain(self._journal.common_dir, name, os.O_RDONLY)
        except OSError:
            self._journal.lines()  # raises the error for people, unless the file is gone
            return []
        with os.fdopen(handle, "rb") as file:
            file.seek(self._read)
            return file.read().split(b"\n")[:-1]

    def _take(self, records: Iterable[Line]) -> None:
        """Add records to those that are known."""
        for record in records:
            if isinstance(record, FinishedRun):
                self.runs.append(record)
                self.going.pop(record.run, None)
            elif isinstance(record, StartedRun):
                self.going[record.run] = record
            elif isinstance(record, Statement):
                self.statements.append(record)
