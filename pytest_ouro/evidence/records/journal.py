"""The journal: an append-only, hash-chained record of runs, shared by all working trees.

It is stored twice: as a file, which is read, and in git (see `anchor`). Git's copy shows whether
the file is what was recorded, and `pytest-ouro log --restore` restores the file from it.
"""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pytest_ouro.core import limits
from pytest_ouro.core.advice import start_again
from pytest_ouro.core.errors import GitError
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.core.plain_file import make_folder, open_plain, write_whole
from pytest_ouro.evidence.content import SPECIAL, kind_of, read_regular, refuse_other
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.anchor import Fault, lost
from pytest_ouro.messages import records as messages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_ouro.core.errors import RecordError
    from pytest_ouro.evidence.records.line import Line
    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
    from pytest_ouro.evidence.records.statement import Statement

R = TypeVar("R", bound="Line")


@dataclass(frozen=True)
class Journal:
    """``<git common dir>/ouro/journal.jsonl``: a ``started`` line for each run, and a ``finished``
    one once it has ended; also statements about several runs, such as certificates.

    Methods that read raise RecordError if the file is damaged or cannot be read, LimitError if it
    is too large, GitError if git fails. Those that write also raise RecordError if it cannot be
    written; `append` also if it is not what was recorded (see `fault`).
    """

    common_dir: Path

    @cached_property
    def folder(self) -> Path:
        """The folder of pytest-ouro's files in the shared git folder; it may not exist."""
        return self.common_dir / "ouro"

    @cached_property
    def path(self) -> Path:
        """The path of the journal's file; it may not exist."""
        return self.folder / "journal.jsonl"

    def place(self, run: str) -> Path:
        """Return the path of the file that reserves disk space for the records of a run, or of a
        plan, until all are written. Raise RecordError if ``run`` is not a valid id of one: an id
        from a record could be any path."""
        from pytest_ouro.evidence.records.kinds import RUN

        if not RUN.holds(run):
            raise messages.not_a_run_id(self.path, run, self._read_ref())
        return self.folder / "open" / run

    def records(self) -> list[StartedRun]:
        """Return the records of runs, oldest first; [] if there are none. Raise RecordError for an
        invalid line."""
        found = self._records(self.lines())
        if not found:
            return []
        from pytest_ouro.evidence.records.run_record import StartedRun

        return [record for record in found if isinstance(record, StartedRun)]

    def statements(self) -> list[Statement]:
        """Return the statements, such as certificates, oldest first; [] if there are none. Raise
        RecordError if the journal cannot be read."""
        found = self._records(self.lines())
        if not found:
            return []
        from pytest_ouro.evidence.records.statement import Statement

        return [record for record in found if isinstance(record, Statement)]

    def _records(self, lines: list[bytes]) -> list[Line]:
        """Return the records of these lines. Raise RecordError for the first invalid one."""
        if not lines:
            return []
        from pytest_ouro.evidence.records import record_format

        found = record_format.read_known(lines)
        for number, line in enumerate(lines[len(found) :], start=len(found) + 1):
            try:
                found.append(record_format.read(line))
            except record_format.NewerVersion as error:
                raise messages.newer_record(self.path, number, str(error)) from None
            except ValueError as error:
                facts = (number, str(error), self._read_ref())
                raise messages.damaged_record(self.path, *facts) from None
        return record_format.keep(lines, found)

    def runs(self) -> list[FinishedRun]:
        """Return the finished runs, oldest first; [] if there are none. Raise RecordError if the
        journal cannot be read."""
        return finished(self.records())

    def unfinished(self) -> list[StartedRun]:
        """Return the ``started`` records of runs without a ``finished`` line, oldest first. Raise
        RecordError if the journal cannot be read."""
        records = self.records()
        ended = {run.run for run in finished(records)}
        return [run for run in records if run.event == "started" and run.run not in ended]

    def broken_link(self) -> int:
        """Return the number of the first line (from 1) whose ``prev`` is not the sha256 of the line
        before ("" in the first line), or that is not a JSON object; 0 if all are linked."""
        from pytest_ouro.evidence.records.conflicts import broken_link

        return broken_link(self.lines())

    def fault(self) -> Fault | None:
        """Return how the file differs from git's copy, or contradicts itself; None if it does
        neither, or there is no journal.

        Others may write meanwhile: a fault is returned only if two looks in a row show it.
        """
        if not os.path.lexists(self.path) and not anchor.exists(self.common_dir):
            return None
        while True:
            seen = self._look()
            found = self._fault(*seen)
            if found is None or seen == self._look():
                return found

    def _read_ref(self) -> str:
        """Return the id of the tree that is git's copy; "" if there is none."""
        return anchor.read_held(self.common_dir)

    def _look(self) -> tuple[str, list[bytes]]:
        """Return the id of git's copy ("" if there is none) and the lines of the file."""
        return self._read_ref(), self.lines()

    def _fault(self, held: str, lines: list[bytes]) -> Fault | None:
        """Return how ``lines`` differ from git's copy, a tree with the id ``held``, or contradict
        each other; None if they do neither. Without a copy (""), check the ``prev`` of each line. A
        last line that a killed writer did not write to the file may be missing."""
        if not held and not lines:
            return None
        if not held:  # records from before git held a copy
            from pytest_ouro.evidence.records.conflicts import broken_link

            line = broken_link(lines)
            headline = f"the chain is broken at line {line}: a record was changed or removed"
            help = start_again(str(self.path))
            return Fault(line, headline, help=help) if line else self._conflict(lines)
        if anchor.tree(lines, like=held) == held or self._awaited(held, lines):
            return self._conflict(lines)
        recorded = anchor.read(self.common_dir, held)
        if recorded is None:
            return lost()
        for number, (one, other) in enumerate(zip(lines, recorded, strict=False), start=1):
            if one != other:
                headline = f"line {number} is not what was recorded"
                return Fault(number, headline, help=messages.RESTORE)
        counts = (f"{len(recorded)} lines", f"{len(lines)} lines", messages.RESTORE)
        if len(lines) < len(recorded):
            return Fault(len(lines), "lines that were recorded are gone", *counts)
        return Fault(len(recorded) + 1, "it has lines that nobody recorded", *counts)

    def _conflict(self, lines: list[bytes]) -> Fault | None:
        """Return the first contradiction among these lines as a fault; None if there is none. Raise
        RecordError for an invalid line."""
        if not self._records(lines):
            return None
        from pytest_ouro.evidence.records.conflicts import first_conflict

        if found := first_conflict(lines):
            expected, actual = (f"{value!r:.100}" for value in (found.expected, found.actual))
            headline = f"'{found.field}' in line {found.line} contradicts what it follows from"
            help = start_again(str(self.path))
            return Fault(found.line, headline, expected, actual, help)
        return None

    def _awaited(self, held: str, lines: list[bytes]) -> list[bytes]:
        """Return these lines and the last one of git's copy, if only that is missing in the file
        because its writer was killed: the `place` of the line's run or plan still exists.
        Otherwise, as when the line was removed later, return []."""
        from pytest_ouro.evidence.records import record_format

        recorded = anchor.read(self.common_dir, held) or [b""]
        try:
            owner = record_format.read(recorded[-1]).owner
        except ValueError:
            return []
        return recorded if recorded[:-1] == lines and self.place(owner).exists() else []

    def demand_whole(self) -> None:
        """Raise RecordError if the journal has a fault (see `fault`); otherwise return."""
        if fault := self.fault():
            raise self._refusal(fault)

    def _refusal(self, fault: Fault) -> RecordError:
        """Return the error that reports a fault."""
        facts = (fault.line, fault.headline, fault.expected, fault.actual, fault.help)
        return messages.altered_journal(self.path, *facts)

    def append(self, record: R) -> R:
        """Write a record as a new line, under the lock and flushed to disk; return it with its
        ``prev``, and a ``seq`` if it had none. Raise RecordError if the journal has a fault, or
        would have one with this line.

        An incomplete last line, left by a crash, is cut off first.
        """
        with self.locked():
            return self._append(record)

    def complete(self) -> None:
        """If a killed writer wrote the last line to git's copy only, write it to the file, under
        the lock. If the file differs in another way, do nothing."""
        held, lines = self._look()
        if held and anchor.tree(lines, like=held) != held:
            with self.locked():
                self.write_awaited()

    def write_awaited(self) -> list[bytes]:
        """If a killed writer wrote the last line to git's copy only, write it to the file; the
        caller holds the lock. Return the lines that the file has then."""
        held, lines = self._look()
        whole = not held or anchor.tree(lines, like=held) == held
        awaited = [] if whole else self._awaited(held, lines)
        if awaited:
            self._write(lines, awaited[-1])
        return awaited or lines

    def restore(self) -> Path | None:
        """Replace the file by git's copy, and keep its bytes (none without a file) in
        ``journal.found-N.jsonl`` beside it, whose path is returned. What is not a regular file
        is renamed to ``journal.found-N.other`` first.

        Return None, and change nothing, if the file's complete lines are those of the copy.
        Raise RecordError if there is no copy, or it cannot be read.
        """
        with self.locked():
            held = self._read_ref()
            if not held:
                raise messages.no_copy(self.path, there=os.path.lexists(self.path))
            name = self._free_name()
            self.clear(name)
            if anchor.tree(self.lines(), like=held) == held:
                return None
            recorded = anchor.read(self.common_dir, held)
            if recorded is None:
                raise self._refusal(lost())
            return self._exchange(recorded, name=name)

    def _free_name(self) -> str:
        """Return the first of "found-1", "found-2", … of which the folder has no
        ``journal.NAME.*``."""
        number = 1
        while any(self.folder.glob(f"journal.found-{number}.*")):
            number += 1
        return f"found-{number}"

    def clear(self, name: str) -> None:
        """If the journal's path is neither a file nor a link to one (a folder, a broken link),
        rename it to ``journal.NAME.other``; otherwise do nothing."""
        if not self.path.is_file() and os.path.lexists(self.path):
            self.path.rename(self.folder / f"journal.{name}.other")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the journal's lock during the block, so that no other process writes. Raise
        RecordError for an OSError or GitError in it or while locking; OuroError, whose help removes
        it, if something other than a file is in the place of the lock's file."""
        from pytest_ouro.core.lock_file import hold_lock  # a gate locks nothing

        try:
            make_folder(self.common_dir, self.folder.name)
            with hold_lock(self.folder / "journal.lock"):
                yield
        except (OSError, GitError) as error:
            refuse_other(str(self.folder / "journal.lock"))
            why = error.message if isinstance(error, GitError) else str(error.strerror or error)
            raise messages.unwritable_journal(self.path, why) from None

    def _append(self, record: R) -> R:
        """Append a record to git's copy, then to the file, and return it with ``prev`` and ``seq``;
        the caller holds the lock. Raise RecordError as `append` does."""
        from pytest_ouro.evidence.records import record_format

        lines, held = self.write_awaited(), self._read_ref()
        if fault := self._fault(held, lines):
            raise self._refusal(fault)
        written = replace(
            record,
            prev=hashlib.sha256(lines[-1]).hexdigest() if lines else "",
            seq=self._next_number(lines) if record.seq is None else record.seq,
        )
        line = record_format.write(written)
        if fault := self._conflict([*lines, line]):  # it would close the journal for ever
            raise self._refusal(fault)
        anchor.write(self.common_dir, [*lines, line], held)
        try:
            self._write(lines, line)
        except OSError:
            anchor.name(self.common_dir, held)
            raise
        return written

    def _next_number(self, lines: list[bytes]) -> int:
        """Return the ``seq`` of the next line: one more than the last line's. In an empty journal
        it is one more than the highest number in the names of refs/ouro/tried/, or 1."""
        if lines:
            last = self._records(lines)[-1].seq
            return (len(lines) if last is None else last) + 1
        # The numbers of earlier tries are taken: their refs hold their commits.
        numbers = map(anchor.tried_number, anchor.refs(self.common_dir))
        return max((number for number in numbers if number), default=0) + 1

    def _write(self, lines: list[bytes], line: bytes) -> None:
        """Write ``line`` to the file after ``lines``, overwriting whatever follows them, and flush
        it to disk. Raise OSError if that fails; a partly written line is removed."""
        whole = sum(len(line) + 1 for line in lines)
        name = f"{self.folder.name}/{self.path.name}"
        handle = open_plain(self.common_dir, name, os.O_RDWR | os.O_CREAT)
        try:
            os.ftruncate(handle, whole)
            os.lseek(handle, 0, os.SEEK_END)
            data = line + b"\n"
            if os.write(handle, data) != len(data):
                os.ftruncate(handle, whole)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)

    def recorded(self) -> list[bytes] | None:
        """Return the lines of git's copy; None if there is no copy, or it cannot be read."""
        held = self._read_ref()
        return anchor.read(self.common_dir, held) if held else None

    def is_recorded(self, lines: list[bytes]) -> bool:
        """Return whether git's copy has exactly these lines; False if there is no copy."""
        held = self._read_ref()
        return bool(held) and anchor.tree(lines, like=held) == held

    def put_back(self, lines: list[bytes], others: list[bytes], *, name: str) -> Path:
        """Replace the lines of the file and of git's copy by ``lines``, then append the records of
        the lines ``others`` with their own ``seq``: this takes back what a run did, where other
        runs wrote ``others`` meanwhile. The caller holds the lock. Return ``journal.NAME.jsonl``
        beside the file, which has its former bytes."""
        from pytest_ouro.evidence.records import record_format

        anchor.write(self.common_dir, lines, "")
        aside = self._exchange(lines, name=name)
        for line in others:
            self._append(record_format.read(line))
        return aside

    def _exchange(self, lines: list[bytes], *, name: str) -> Path:
        """Replace the lines of the file. Return the path of ``journal.NAME.jsonl`` beside it, which
        has the former bytes."""
        aside = self.folder / f"journal.{name}.jsonl"
        for path, kept in ((aside, self._bytes()), (self.path, b"\n".join([*lines, b""]))):
            write_whole(self.folder, path.name, kept, mode=0o600)
        return aside

    def lines(self) -> list[bytes]:
        """Return the file's complete lines, without newlines; what follows the last newline is left
        out. [] if there is no file. Raise RecordError if it cannot be read."""
        return self._bytes().split(b"\n")[:-1]

    def _bytes(self) -> bytes:
        """Return the bytes of the file, b"" if there is none. Raise RecordError or LimitError."""
        try:
            path, too_large = str(self.path), messages.journal_too_large
            return read_regular(path, limits.JOURNAL, too_large=too_large)
        except FileNotFoundError:
            return b""
        except OSError as error:
            if error.errno in SPECIAL:
                kind = kind_of(str(self.path))
                raise messages.journal_not_a_file(self.path, kind, self._read_ref()) from None
            if error.errno == errno.ENOTDIR:
                raise messages.no_folder_of_records(self.folder) from None
            raise messages.unreadable_journal(self.path, str(error.strerror)) from None


def finished(records: Sequence[StartedRun]) -> list[FinishedRun]:
    """Return those of the records that are of finished runs, in the same order."""
    if not records:
        return []
    from pytest_ouro.evidence.records.run_record import FinishedRun

    return [record for record in records if isinstance(record, FinishedRun)]
