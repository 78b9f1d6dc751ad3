"""Write run.log: the output of a run, written at once, with a limit on its size."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_ouro.core.plain_file import keep_private
from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from pathlib import Path

#: Bytes that are written at once; of later output only the last TAIL bytes are kept.
HEAD = 32 << 20
TAIL = 1 << 20


class RunLog:
    """A log file of a run: new (what was there is lost), or continued with ``append``. It is made
    private to this user, and never opened through a symlink.

    Raise ExperimentError if it cannot be opened. A run that prints without end fills neither the
    disk nor the memory: its first ``HEAD`` and last ``TAIL`` bytes are kept, with a line between
    them that says how many were left out. The last bytes are written when the context ends.
    """

    def __init__(self, path: Path, *, append: bool = False) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        flags |= os.O_APPEND if append else os.O_TRUNC
        try:
            self._file = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0)
        except OSError as error:
            raise messages.not_a_plain_file(path, error.strerror or str(error)) from None
        keep_private(self._file.fileno())
        self._written = 0
        self._recent = bytearray()
        self._late = 0

    def write(self, chunk: bytes) -> None:
        """Write ``chunk``, output of the run, to the file at once, until the file has ``HEAD``
        bytes of this run. Of the output after these, keep the last ``TAIL`` bytes in memory until
        the context ends, which writes them.

        A write that fails, as on a full disk, raises no error. What it did not write, and all
        output after it, is kept in memory like output after the first ``HEAD`` bytes.
        """
        self._recent += chunk
        if len(self._recent) > 2 * TAIL:
            del self._recent[:-TAIL]
        now = chunk[: max(0, HEAD - self._written)]
        self._late += len(chunk) - len(now)
        self._put(now)

    @property
    def end(self) -> bytes:
        """The last bytes of the output of this run, at most ``TAIL``; b"" if there is none."""
        return bytes(self._recent[-TAIL:])

    def __enter__(self) -> RunLog:
        """Return this log."""
        return self

    def __exit__(self, *error: object) -> None:
        """Write the end of an output that was longer than ``HEAD``, and close the file."""
        tail = self.end[-self._late :] if self._late else b""
        if self._late > len(tail):
            self._put(b"\n... %d bytes left out ...\n" % (self._late - len(tail)))
        self._put(tail)
        self._file.close()

    def _put(self, data: bytes) -> None:
        """Write bytes to the file. If that fails, raise nothing, count what was not written as
        late, and set ``_written`` to ``HEAD``, so that later output stays in memory."""
        try:
            while data:
                written = self._file.write(data) or 0
                self._written += written
                data = data[written:]
        except OSError:
            self._late += len(data)
            self._written = HEAD  # write no more at once; the end stays in memory
