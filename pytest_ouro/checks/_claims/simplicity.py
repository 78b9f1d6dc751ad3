"""What `simplicity` owns: a result that was kept although it only ties, with more code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import REASONS, Claimed
from pytest_ouro.core.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.loop import Experiment


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding for each kept row with exactly the value of the one kept before, whose commit
    makes the editable code larger and whose description gives no reason for that."""
    for before, one in zip(claims.keeps, claims.keeps[1:], strict=False):
        if before.row is None or one.row is None or one.row.status != "keep":
            continue
        ties = one.row.value is not None and one.row.value == before.row.value
        if not ties or REASONS.search(one.row.description):
            continue
        if (more := _growth(claims, one)) > 0:
            yield Claimed(
                "simplicity",
                Finding(
                    f"a result was kept without a gain and with {more} more bytes of code",
                    where=claims.place([one.row.line]),
                    expected=f"better than {before.row.metric}, or less code",
                    actual=one.row.metric,
                    help=f"log it as a discard, and take it out: git revert {one.commit[:7]}",
                    facts={"line": one.row.line},
                ),
                (one.commit,),
                (one.row.line,),
            )


def _growth(claims: Claims, one: Experiment) -> int:
    """Return by how many bytes, in UTF-8, an experiment makes the editable files larger, negative
    if smaller; white space does not count. Return 0 if its commit is not known or changes none of
    these files."""
    return sum(
        len("".join(claims.text(commit, path).split()).encode()) * sign
        for path in one.code
        for commit, sign in ((one.commit, 1), (one.parent, -1))
    )
