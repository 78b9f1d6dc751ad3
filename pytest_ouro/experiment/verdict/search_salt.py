"""Decide when the search draws another salt and measures its reference again."""

from __future__ import annotations

#: After how many discards in a row the reference is measured again. Fewer cost more runs than they
#: are worth, and more leave a value that was lucky in place for longer (docs/selection.md).
STANDS = 30


def is_due(discards: int) -> bool:
    """Return whether the search draws a new salt, and measures its reference once with it, before
    the next try. ``discards`` is the number of tries that were discarded since the reference was
    kept or last measured; crashes, and runs that try no code, do not count."""
    return discards >= STANDS
