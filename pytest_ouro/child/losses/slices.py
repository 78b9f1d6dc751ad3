"""Sum up a model's losses by row, by quarters of a row and by rare bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from .file import COLUMNS, QUARTERS, RowLosses

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The share of all bytes that rare tokens hold at most.
RARE = 0.1


def sum_up(
    rows: Sequence[int], nats: torch.Tensor, num_bytes: torch.Tensor, rare: torch.Tensor
) -> RowLosses:
    """Return the losses of the rows by the columns of `file.COLUMNS`.

    ``rows`` are the N indexes of the rows. ``nats`` has the losses of their targets in nats,
    ``num_bytes`` their numbers of bytes, and ``rare`` whether a target is rare, all of the shape
    (N, T). The loss of a target without bytes counts as 0, as in the score.
    """
    length = nats.shape[1]
    nats = torch.where(num_bytes > 0, nats.double(), 0.0)
    ends = [-(-number * length // len(QUARTERS)) for number in range(len(QUARTERS) + 1)]
    quarters = [slice(*between) for between in pairwise(ends)]
    sizes = [num_bytes[:, part].sum(1) for part in quarters] + [(num_bytes * rare).sum(1)]
    sums = [nats[:, part].sum(1) for part in quarters] + [torch.where(rare, nats, 0.0).sum(1)]
    return RowLosses(
        list(rows),
        {name: column.tolist() for name, column in zip(COLUMNS, sizes, strict=True)},
        {name: column.tolist() for name, column in zip(COLUMNS, sums, strict=True)},
    )


def find_rare(targets: torch.Tensor, num_bytes: torch.Tensor) -> torch.Tensor:
    """Return a mask of the shape of ``targets``, token ids: True for those of rare tokens.

    Tokens with bytes are taken from the least frequent among ``targets`` on (of equally frequent
    ones, the lower id first), as long as all targets of those taken hold at most ``RARE`` of all
    bytes. ``num_bytes`` has the number of bytes of each token, by its id.
    """
    often = torch.bincount(targets.flatten(), minlength=len(num_bytes))
    order = torch.argsort(often, stable=True)
    held = (often * num_bytes)[order].cumsum(0)
    taken = (held <= RARE * held[-1]) & (num_bytes[order] > 0)
    chosen = torch.zeros(len(often), dtype=torch.bool)
    chosen[order[taken]] = True
    return chosen[targets]
