"""Rebuild the loop that the ledger of a working tree claims, where runs are logged by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.claims import loop as loops
from pytest_ouro.evidence.claims.commits import History
from pytest_ouro.evidence.claims.link import Linker
from pytest_ouro.evidence.claims.rewritten import relink
from pytest_ouro.evidence.claims.rows import read_rows
from pytest_ouro.evidence.paths import matching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.claims.commits import Step
    from pytest_ouro.evidence.claims.loop import Loop
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.ledger.ledger import Ledger


def rebuild(
    git: Git, head: str, trusted: str, ledger: Ledger, metric: str, editable: Sequence[str]
) -> Loop:
    """Return the loop of the commits that ``head`` reaches and ``trusted`` does not (full ids),
    with the rows of a ledger. ``metric`` is the name of its metric, ``editable`` are globs relative
    to the repository's top. The loop's ``end`` is "" if no row is linked to such a commit. Raise
    GitError if git fails, LimitError if a commit's trees are too large."""
    history = History(git, head, since=trusted)

    def is_work(step: Step) -> bool:
        return len(step.parents) == 1 and bool(matching(history.changes(step), editable))

    read = read_rows(ledger, metric)
    links = relink(history, Linker(history, {}, is_work).link(read.rows), editable)
    end = loops.extent(history, read.rows, links, is_work)[1]
    return loops.build(history, (trusted, end), read, links, editable=editable)
