"""The file of a run's losses by row: one line of JSON, then numbers.

The line states the ``format``, the number of ``rows`` and the names of the ``columns``. The rest is
compressed by zlib. It has the indexes of all rows, then their bytes and then their nats, each
column by column; 4 bytes a number, little-endian: whole numbers without sign, and floats for the
nats.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = 1
#: The quarters of a row, by the position of a target in it.
QUARTERS = ("first", "second", "third", "fourth")
#: What is summed up of each row: the targets of each quarter, and those of rare bytes, which are in
#: a quarter too.
COLUMNS = (*QUARTERS, "rare")
#: The most rows of a file that is read.
MOST = 1 << 22
#: The largest finite 4-byte float.
_LARGEST = float.fromhex("0x1.fffffep127")


class RowLosses(NamedTuple):
    """The losses of one model on the judged rows.

    ``rows`` are the indexes of the rows in the harness's validation data, ascending. ``num_bytes``
    and ``nats`` have, for each of ``COLUMNS``, the number of bytes of the targets there and their
    summed loss in nats, a number for each row. The targets of ``rare`` are in a quarter too: a
    row's total is the sum of its quarters (`row_bytes`, `row_nats`).
    """

    rows: Sequence[int]
    num_bytes: Mapping[str, Sequence[int]]
    nats: Mapping[str, Sequence[float]]

    @property
    def row_bytes(self) -> list[int]:
        """The number of bytes of each row's targets."""
        return [sum(parts) for parts in zip(*(self.num_bytes[q] for q in QUARTERS), strict=True)]

    @property
    def row_nats(self) -> list[float]:
        """The summed loss of each row's targets, in nats."""
        return [sum(parts) for parts in zip(*(self.nats[q] for q in QUARTERS), strict=True)]


def pack(losses: RowLosses) -> bytes:
    """Return the content of the file. Raise struct.error for a row or a number of bytes that is
    not an int from 0 to 2**32 - 1; losses are rounded to 4-byte floats, beyond their range to
    infinity."""
    count = len(losses.rows)
    whole = [*losses.rows, *(size for name in COLUMNS for size in losses.num_bytes[name])]
    nats = [_narrow(value) for name in COLUMNS for value in losses.nats[name]]
    data = struct.pack(f"<{len(whole)}I{len(nats)}f", *whole, *nats)
    first = {"format": FORMAT, "rows": count, "columns": list(COLUMNS)}
    return json.dumps(first).encode() + b"\n" + zlib.compress(data)


def _narrow(value: float) -> float:
    """Return the value; if it is too large for a 4-byte float, infinity of its sign."""
    return value if abs(value) <= _LARGEST or value != value else value * float("inf")


def unpack(content: bytes) -> RowLosses:
    """Return the losses in the content of a file. Raise ValueError if it is not one, or has another
    format, other columns or more than ``MOST`` rows."""
    line, found, _ = content[:4096].partition(b"\n")
    try:
        stated = json.loads(line) if found else None
    except RecursionError:
        stated = None
    if not isinstance(stated, dict) or stated.get("format") != FORMAT:
        raise ValueError("it is not a file of losses by row, or one of another format")
    count = stated.get("rows")
    if type(count) is not int or not 0 <= count <= MOST or stated.get("columns") != list(COLUMNS):
        raise ValueError("its rows or columns are not known here")
    wide = len(COLUMNS)
    size = 4 * count * (1 + 2 * wide)
    expand = zlib.decompressobj()
    try:
        data = expand.decompress(content[len(line) + 1 :], size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(data) != size or not expand.eof or expand.unused_data:
        raise ValueError(f"it does not have the numbers of {count} rows")
    numbers = struct.unpack(f"<{count * (1 + wide)}I{count * wide}f", data)
    columns = [numbers[start : start + count] for start in range(0, len(numbers), count or 1)]
    columns = columns or [()] * (1 + 2 * wide)
    return RowLosses(
        columns[0],
        dict(zip(COLUMNS, columns[1 : 1 + wide], strict=True)),
        dict(zip(COLUMNS, columns[1 + wide :], strict=True)),
    )
