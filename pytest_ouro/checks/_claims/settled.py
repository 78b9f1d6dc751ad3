"""What `settled` owns: discarded experiments whose change is still in the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import Claimed, commits_of, lines_of
from pytest_ouro.core.finding import Finding, count, several
from pytest_ouro.evidence.claims.link import alike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.loop import Experiment


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield at most two findings, none if many rows name one commit (`Claims.per_commit`), about
    the discarded or crashed experiments whose change of the editable files no later commit of the
    branch took back. One is an error, about discarded experiments with a later kept result on top
    of their change; the other is a warning, about the rest."""
    loop = claims.loop
    if not claims.per_commit:
        return
    places = {step.id: n for n, step in enumerate(loop.steps)}
    kept = [places[one.commit] for one in claims.keeps if one.commit in places]
    last = max(kept, default=-1)
    found = [one for one in loop.logged if one.commit in places and _is_left(claims, one)]
    sure = [
        one
        for one in found
        if one.standing == "on the branch"
        and _is_its_own(claims, one)
        and one.row is not None
        and one.row.status == "discard"
        and places.get(one.commit, last) < last
    ]
    for group, warns in ((sure, False), ([one for one in found if one not in sure], True)):
        if group:
            yield Claimed(
                "settled",
                Finding(
                    f"the change of {count(len(group), 'discarded experiment')} is still in the "
                    "editable files"
                    + ("" if warns else ", below results that were kept")
                    + (", in part" if all(one.standing == "in part" for one in group) else ""),
                    where=several([str(loop.history.find(one.commit)) for one in group]),
                    help=f"take it out: git revert {group[-1].commit[:7]}; then measure again what "
                    "was kept since",
                    facts={"commits": len(group)},
                    warns=warns,
                ),
                commits_of(group),
                lines_of(group),
            )


def _is_its_own(claims: Claims, one: Experiment) -> bool:
    """Return whether a row is surely about its commit: it names the commit, or is added by it and
    described as that is."""
    if one.how != "added" or one.row is None:
        return one.how == "hash"
    subject = claims.loop.history.find(one.commit).subject
    return claims.ledger in one.paths and alike(one.row.description, subject)


def _is_left(claims: Claims, one: Experiment) -> bool:
    """Return whether all rows about the commit of an experiment say that it was discarded or
    crashed, and its change of editable files, or of some of them, stands at the end of the loop."""
    if one.row is None or one.row.status not in ("discard", "crash") or not one.code:
        return False
    statuses = {row.status for row in claims.rows_of.get(one.commit, ())}
    return statuses <= {"discard", "crash"} and one.standing in ("on the branch", "in part")
