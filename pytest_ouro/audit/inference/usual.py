"""The files that the experiments of a loop usually change."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.evidence.languages.kinds import is_code

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Names of files that measure.
MEASURES = re.compile(
    r"(?i)(?:\w+_)?(?:bench|eval|judge|scor|grade|measur|harness|prepare|metric|verif)"
)
#: Files that experiments change beside what they try.
_ASIDE = re.compile(
    r"(?i)(?:.*/)?(?:readme|changelog|notes?|log|journal|ideas?|todo|memory|progress|results?|plan"
    r"|history)\b[^/]*|.*\.(?:tsv|csv|jsonl|ndjson|log|png|svg|pdf|lock)"
)


def usual_files(work: Sequence[tuple[str, ...]], ledger: str) -> tuple[str, ...]:
    """Return at most eight files of code that experiments usually change, the most frequent first:
    the files changed by the most experiments, and each other file that at least two experiments,
    and at least a fifth of all, change and whose name is not one of a file that measures. The
    ledger does not count. If a file that is not code is changed more than twice as often as any of
    code, as a prompt is, all files but notes, logs and pictures count as code. () if none that
    counts is changed. ``work`` has the changed files of each experiment."""
    everything = Counter(
        path
        for paths in work
        for path in paths
        if path != ledger and (is_code(path) or not _ASIDE.fullmatch(path))
    )
    counts = Counter({path: number for path, number in everything.items() if is_code(path)})
    if max(everything.values(), default=0) > 2 * max(counts.values(), default=0):
        counts = everything
    most = counts.most_common(8)
    top = most[0][1] if most else 0
    least = max(0.2 * len(work), 2)
    return tuple(
        path
        for path, number in most
        if number == top or (number >= least and not MEASURES.match(posixpath.basename(path)))
    )
