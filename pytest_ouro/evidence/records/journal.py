"""The journal: our append-only, hash-chained record of runs, shared by all working trees."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.errors import RecordError
from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Record = dict[str, Any]


class _Line(Record):
    """A record as it was read: a fact that it lacks is damage, not a mistake of whoever asks."""

    def __missing__(self, key: str) -> Any:
        raise RecordError(
            f"journal.jsonl: the record of run {self.get('run', '?')} lacks '{key}'",
            help="the journal was edited: restore it, or move it away to start anew",
        )


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
        """Holds room on the disk for the records of a run, until they are all written."""
        return self.folder / "open" / run

    def records(self) -> list[Record]:
        """Every whole line, oldest first. A torn last line (no newline) is not a record.

        RecordError names the first line that is not JSON.
        """
        records: list[Record] = []
        for number, line in enumerate(self.lines(), start=1):
            try:
                record = _read(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise RecordError(
                    f"{self.path}:{number}: not a record of a run",
                    help="the journal was edited: restore it, or move it away to start anew",
                )
            records.append(_Line(record))
        return records

    def runs(self) -> Iterator[Record]:
        """The finished runs, oldest first."""
        return (record for record in self.records() if record.get("event") == "finished")

    def unfinished(self) -> list[Record]:
        """``started`` lines whose run has no ``finished`` line."""
        records = self.records()
        ended = {r.get("run") for r in records if r.get("event") == "finished"}
        return [r for r in records if r.get("event") == "started" and r.get("run") not in ended]

    def broken_link(self) -> int:
        """The first line (from 1) whose ``prev`` is not the hash of the line before; 0: none."""
        prev = ""
        for number, line in enumerate(self.lines(), start=1):
            try:
                linked = _read(line).get("prev") == prev
            except (ValueError, AttributeError):
                linked = False
            if not linked:
                return number
            prev = hashlib.sha256(line).hexdigest()
        return 0

    def append(self, record: Record) -> Record:
        """Write one line under the lock, flushed to disk; returns it with ``prev`` and ``seq``.

        A torn last line, left by a crash, is cut off first: its run stays known as started.
        """
        with self.locked():
            return self._append(record)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile; RecordError where the journal cannot be written."""
        from filelock import FileLock

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "journal.lock"):
                yield
        except OSError as error:
            raise RecordError(
                f"{self.path} cannot be written: {error.strerror or error}",
                help="free some space or mend the permissions: no run is made without its record",
            ) from None

    def _append(self, record: Record) -> Record:
        import json

        lines = self.lines()
        whole = sum(len(line) + 1 for line in lines)
        prev = hashlib.sha256(lines[-1]).hexdigest() if lines else ""
        written = {"prev": prev, "seq": len(lines) + 1, **record}
        line = json.dumps(written, ensure_ascii=False, allow_nan=False, sort_keys=False)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.ftruncate(handle, whole)
            os.lseek(handle, 0, os.SEEK_END)
            data = line.encode() + b"\n"
            if os.write(handle, data) != len(data):
                os.ftruncate(handle, whole)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
        return written

    def put_back(self, lines: list[bytes], others: list[bytes], *, name: str) -> Path:
        """Make these the lines again, with those of others chained to them; call it locked.

        Returns the file beside the journal that holds what was there instead.
        """
        aside = self.folder / f"journal.{name}.jsonl"
        aside.write_bytes(b"".join(line + b"\n" for line in self.lines()))
        part = self.folder / f"journal.{name}.part"
        part.write_bytes(b"".join(line + b"\n" for line in lines))
        part.replace(self.path)
        for line in others:
            self._append({k: v for k, v in _read(line).items() if k not in ("prev", "seq")})
        return aside

    def lines(self) -> list[bytes]:
        """The bytes of every whole line."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RecordError(
                f"{self.path} cannot be read: {error.strerror}",
                help="mend its permissions, or move it away to start anew",
            ) from None
        return data.split(b"\n")[:-1]


def _read(line: bytes) -> Any:
    """What a line says; ValueError where it is no JSON. Most repositories have no line."""
    import json

    return json.loads(line)
