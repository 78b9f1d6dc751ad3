"""What `seed-only` owns: a result that was kept for another seed alone."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import AGAIN, Claimed
from pytest_ouro.core.finding import Finding
from pytest_ouro.evidence.languages import surface
from pytest_ouro.evidence.languages.kinds import is_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.loop import Experiment


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding for each kept experiment, not a baseline, whose commit changes seeds and no
    other code; comments and layout do not count. It only warns if the row says that it measures
    again."""
    seen: set[str] = set()
    for one in claims.keeps:
        if one.commit not in seen:
            seen.add(one.commit)
            yield from _seed_only(claims, one)


def _seed_only(claims: Claims, one: Experiment) -> Iterator[Claimed]:
    """Yield a finding if a kept experiment, not a baseline, changes seeds and no other code."""
    if one.row is None or one.row.status != "keep" or not one.code or not one.parent:
        return
    if len(one.code) < len(_code(claims, one)):
        return
    if all(_differs_in_seeds(claims, one, path) for path in one.code):
        said = AGAIN.search(one.row.description)
        yield Claimed(
            "seed-only",
            Finding(
                "a result was kept whose commit changes only the seed"
                + (f" (the row says {said[0]!r})" if said else ""),
                where=f"{claims.loop.history.find(one.commit)}, {claims.place([one.row.line])}",
                help="discard it; compare versions by the same seeds, or by the mean of several",
                facts={"line": one.row.line},
                warns=bool(said),
            ),
            (one.commit,),
            (one.row.line,),
        )


def _code(claims: Claims, one: Experiment) -> list[str]:
    """Return the files of code that an experiment changes, without the ledger."""
    return [path for path in one.paths if is_code(path) and path != claims.ledger]


def _differs_in_seeds(claims: Claims, one: Experiment, path: str) -> bool:
    """Return whether a file of an experiment differs from its parent's in seeds alone. False for a
    new file, and for a Python file that cannot be parsed, or in which more than 12 lines, or none
    with the word seed, were added or removed."""
    from pytest_ouro.evidence.python.seedless import seedless

    if path.endswith(".py"):
        changed = claims.edit(one.parent, one.commit, path).changed
        if changed.count("\n") > 12 or "seed" not in changed.lower():
            return False
    before, after = claims.text(one.parent, path), claims.text(one.commit, path)
    if not before or not after or before == after:
        return False
    if not path.endswith(".py"):
        return surface.differs_in_seeds(path, before, after)
    try:
        first, second = ast.parse(before), ast.parse(after)
        if ast.dump(first) == ast.dump(second):
            return False
        return seedless(first) == seedless(second)
    except (SyntaxError, ValueError, RecursionError):
        return False
