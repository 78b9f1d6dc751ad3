"""The journal: our append-only, hash-chained record of runs, shared by all working trees.

It is held twice: as a file, which is read, and by git (`anchor`). Git's copy says whether the file
is what was recorded, and `pytest-ouro log --restore` puts it back.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_ouro.core.errors import GitError, RecordError
from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.evidence.records import anchor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun

R = TypeVar("R", bound="StartedRun")

#: What is done about a file that is not what was recorded, where git holds what was.
RESTORE = "put back what was recorded: pytest-ouro log --restore"


@dataclass(frozen=True)
class Fault:
    """Why the file is not what was recorded; ``line`` counts from 1."""

    line: int
    headline: str
    expected: str = ""
    actual: str = ""
    help: str = ""


@dataclass(frozen=True)
class Journal:
    """``<git common dir>/ouro/journal.jsonl``: a ``started`` and a ``finished`` line a run."""

    common_dir: Path

    @property
    def folder(self) -> Path:
        return self.common_dir / "ouro"

    @property
    def path(self) -> Path:
        return self.folder / "journal.jsonl"

    def place(self, run: str) -> Path:
        """Holds room on the disk for the records of a run, until they are all written.

        RecordError where ``run`` is no id of a run: an id that was read may be any path.
        """
        from pytest_ouro.evidence.records.kinds import RUN

        if not RUN.holds(run):
            raise RecordError(f"{self.path}: {run!r:.40} is no id of a run", help=self._help())
        return self.folder / "open" / run

    def records(self) -> list[StartedRun]:
        """The record of every whole line, oldest first. A torn last line (no newline) is not one.

        RecordError names the first line that is no record of a run.
        """
        return self._records(self.lines())

    def _records(self, lines: list[bytes]) -> list[StartedRun]:
        if not lines:
            return []
        from pytest_ouro.evidence.records import record_format

        made: list[StartedRun] = []
        for number, line in enumerate(lines, start=1):
            try:
                made.append(record_format.read(line))
            except record_format.NewerVersion as error:
                raise self._newer(number, str(error)) from None
            except ValueError as error:
                raise self._damaged(number, str(error)) from None
        return made

    def _newer(self, number: int, why: str) -> RecordError:
        words = f"{self.path}:{number}: written by a later pytest-ouro: {why}"
        return RecordError(words, help="update pytest-ouro: pip install -U pytest-ouro")

    def _damaged(self, number: int, why: str) -> RecordError:
        words = f"{self.path}:{number}: not a record of a run: {why}"
        return RecordError(words, help=self._help())

    def _help(self) -> str:
        """What to do about a damaged journal."""
        if anchor.refs(self.common_dir).get(anchor.REF):
            return RESTORE
        return self._anew()

    def runs(self) -> list[FinishedRun]:
        """The finished runs, oldest first."""
        return finished(self.records())

    def unfinished(self) -> list[StartedRun]:
        """The started runs that have no ``finished`` line."""
        records = self.records()
        ended = {run.run for run in finished(records)}
        return [run for run in records if run.event == "started" and run.run not in ended]

    def broken_link(self) -> int:
        """The first line (from 1) whose ``prev`` is not the hash of the line before; 0: none."""
        return _broken_link(self.lines())

    def fault(self) -> Fault | None:
        """Why the file is not what was recorded; None where it is, or there is no journal.

        Others may write meanwhile: what differs is looked at until it stays the same.
        """
        if not os.path.lexists(self.path) and not anchor.exists(self.common_dir):
            return None
        while True:
            seen = self._look()
            found = self._fault(*seen)
            if found is None or seen == self._look():
                return found

    def _look(self) -> tuple[str, list[bytes]]:
        """What git holds, and the lines of the file."""
        return anchor.refs(self.common_dir).get(anchor.REF, ""), self.lines()

    def _fault(self, held: str, lines: list[bytes]) -> Fault | None:
        if not held:  # records from before git held a copy
            line = _broken_link(lines)
            headline = f"the chain is broken at line {line}: a record was changed or removed"
            return Fault(line, headline, help=self._help()) if line else self._conflict(lines)
        if anchor.tree(lines, len(held)) == held or self._awaited(held, lines):
            return self._conflict(lines)
        recorded = anchor.read(self.common_dir, held)
        if recorded is None:
            return Fault(1, "what git holds of the journal cannot be read", help=self._help_lost())
        pairs = enumerate(zip(lines, recorded, strict=False), start=1)
        line = next((n for n, (one, other) in pairs if one != other), 0)
        if line:
            return Fault(line, f"line {line} is not what was recorded", help=RESTORE)
        fewer = len(lines) < len(recorded)
        return Fault(
            min(len(lines), len(recorded)) + (not fewer),
            "lines that were recorded are gone" if fewer else "it has lines that nobody recorded",
            f"{len(recorded)} lines",
            f"{len(lines)} lines",
            RESTORE,
        )

    def _conflict(self, lines: list[bytes]) -> Fault | None:
        """The first fact that the records say twice and not the same: git's copy too was edited,
        or there is none."""
        if not lines:
            return None
        from pytest_ouro.evidence.records.conflicts import conflicts

        for found in conflicts(self._records(lines)):
            expected, actual = (f"{value!r:.100}" for value in (found.expected, found.actual))
            headline = f"'{found.field}' in line {found.line} contradicts what it follows from"
            return Fault(found.line, headline, expected, actual, self._anew())
        return None

    def _anew(self) -> str:
        """What a person does about a journal that cannot be put back."""
        old = self.path.with_name("journal.old.jsonl")
        forget = f"git update-ref -d {anchor.REF}; pytest-ouro bless"
        return f"a person moves it away, to start anew, and blesses: mv {self.path} {old}; {forget}"

    def _help_lost(self) -> str:
        return f"git fsck; a person takes the file as it is: git update-ref -d {anchor.REF}"

    def _awaited(self, held: str, lines: list[bytes]) -> list[bytes]:
        """The lines with the one that a writer was killed before, and which git has; else none.

        Its run still has its place: what is missing of a run that is all written was removed.
        """
        from pytest_ouro.evidence.records import record_format

        recorded = anchor.read(self.common_dir, held) or [b""]
        try:
            run = record_format.read(recorded[-1]).run
        except ValueError:
            return []
        return recorded if recorded[:-1] == lines and self.place(run).exists() else []

    def demand_whole(self) -> None:
        """RecordError where the file is not what was recorded: nothing may be built on it."""
        if fault := self.fault():
            raise self._refusal(fault)

    def _refusal(self, fault: Fault) -> RecordError:
        counts = f" (expected {fault.expected}, not {fault.actual})" if fault.expected else ""
        return RecordError(f"{self.path}:{fault.line}: {fault.headline}{counts}", help=fault.help)

    def append(self, record: R) -> R:
        """Write one line under the lock, flushed to disk; returns it with ``prev`` and ``seq``.

        A torn last line, left by a crash, is cut off first: its run stays known as started.
        RecordError where the file is not what was recorded.
        """
        with self.locked():
            return self._append(record)

    def complete(self) -> None:
        """Write the line that a writer was killed before, if there is one."""
        held, lines = self._look()
        if held and anchor.tree(lines, len(held)) != held:
            with self.locked():
                self.write_awaited()

    def write_awaited(self) -> list[bytes]:
        """The same; call it locked. Returns the lines of the file."""
        held, lines = self._look()
        awaited = self._awaited(held, lines) if held else []
        if awaited:
            self._write(lines, awaited[-1])
        return awaited or lines

    def restore(self) -> Path | None:
        """Make the file what git holds. Returns the file beside it that holds what was there, None
        where it is as it was recorded. RecordError where git holds nothing."""
        with self.locked():
            held = anchor.refs(self.common_dir).get(anchor.REF, "")
            if not held:
                raise RecordError(
                    f"git holds no copy of {self.path}: there is nothing to restore",
                    help=self._help(),
                )
            number = 1
            while (self.folder / f"journal.found-{number}.jsonl").exists():
                number += 1
            name = f"found-{number}"
            self.clear(name)
            if anchor.tree(self.lines(), len(held)) == held:
                return None
            recorded = anchor.read(self.common_dir, held)
            if recorded is None:
                fault = Fault(
                    1, "what git holds of the journal cannot be read", help=self._help_lost()
                )
                raise self._refusal(fault)
            return self._exchange(recorded, name=name)

    def clear(self, name: str) -> None:
        """Move aside what is no file in the journal's place: a folder, a pipe, a broken link."""
        if not self.path.is_file() and os.path.lexists(self.path):
            self.path.rename(self.folder / f"journal.{name}.other")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile; RecordError where the journal cannot be written."""
        from filelock import FileLock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "journal.lock"):
                yield
        except (OSError, GitError) as error:
            words = error.message if isinstance(error, GitError) else error.strerror or error
            raise RecordError(
                f"{self.path} cannot be written: {words}",
                help="free some space or mend the permissions: no run is made without its record",
            ) from None

    def _append(self, record: R) -> R:
        from pytest_ouro.evidence.records import record_format

        lines, refs = self.write_awaited(), anchor.refs(self.common_dir)
        held = refs.get(anchor.REF, "")
        if fault := self._fault(held, lines):
            raise self._refusal(fault)
        written = replace(
            record,
            prev=hashlib.sha256(lines[-1]).hexdigest() if lines else "",
            seq=self._next_number(lines, refs) if record.seq is None else record.seq,
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

    def _next_number(self, lines: list[bytes], refs: dict[str, str]) -> int:
        """The number of the line that follows these."""
        if lines:
            last = self._records(lines)[-1].seq
            return (len(lines) if last is None else last) + 1
        # The numbers of earlier tries are taken: their refs hold their commits.
        numbers = (ref.rpartition("/")[2] for ref in refs)
        return max((int(number) for number in numbers if number.isdigit()), default=0) + 1

    def _write(self, lines: list[bytes], line: bytes) -> None:
        """Write a line behind these, and flush it to disk; whole or not at all."""
        whole = sum(len(line) + 1 for line in lines)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
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
        """The lines that git holds; None where it holds none."""
        held = anchor.refs(self.common_dir).get(anchor.REF, "")
        return anchor.read(self.common_dir, held) if held else None

    def put_back(self, lines: list[bytes], others: list[bytes], *, name: str) -> Path:
        """Make these the lines again, with those of others chained to them, which keep their
        numbers; call it locked.

        Returns the file beside the journal that holds what was there instead.
        """
        from pytest_ouro.evidence.records import record_format

        anchor.write(self.common_dir, lines, "")
        aside = self._exchange(lines, name=name)
        for line in others:
            self._append(record_format.read(line))
        return aside

    def _exchange(self, lines: list[bytes], *, name: str) -> Path:
        """Make these the lines of the file; returns the file beside it with what was there."""
        aside = self.folder / f"journal.{name}.jsonl"
        aside.write_bytes(b"".join(line + b"\n" for line in self.lines()))
        part = self.folder / f"journal.{name}.part"
        part.write_bytes(b"".join(line + b"\n" for line in lines))
        part.replace(self.path)
        return aside

    def lines(self) -> list[bytes]:
        """The bytes of every whole line."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                regular = stat.S_ISREG(os.fstat(fd).st_mode)
                data = _contents(fd) if regular else None
            finally:
                os.close(fd)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RecordError(
                f"{self.path} cannot be read: {error.strerror}",
                help="mend its permissions, or move it away to start anew",
            ) from None
        if data is None:  # to read from a pipe could take for ever
            raise RecordError(f"{self.path} cannot be read: it is no file", help=self._help())
        return data.split(b"\n")[:-1]


def finished(records: Sequence[StartedRun]) -> list[FinishedRun]:
    """Of these records, those of finished runs."""
    if not records:
        return []
    from pytest_ouro.evidence.records.run_record import FinishedRun

    return [record for record in records if isinstance(record, FinishedRun)]


def _contents(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        return file.read()


def _broken_link(lines: list[bytes]) -> int:
    prev = ""
    for number, line in enumerate(lines, start=1):
        try:
            linked = _read(line).get("prev") == prev
        except (ValueError, AttributeError, RecursionError):
            linked = False
        if not linked:
            return number
        prev = hashlib.sha256(line).hexdigest()
    return 0


def _read(line: bytes) -> Any:
    """What a line says, whatever it is; ValueError where it is no JSON."""
    import json

    return json.loads(line)
