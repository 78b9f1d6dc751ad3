"""Write a whole night of experiments into a repository without running one, for tests of what reads
the records.

The records are made by the functions that make those of real runs, from measurements that are drawn
at random: no line of the journal is written by hand. The commits are real, with real diffs.
"""

from __future__ import annotations

from .night import Shape, write_night

__all__ = ["Shape", "write_night"]
