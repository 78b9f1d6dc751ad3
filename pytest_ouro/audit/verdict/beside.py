"""What a commit without a row, which changes what measures, means for the results after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.claims.statuses import says_again
from pytest_ouro.evidence.languages.text import without_comments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.audit.inference.layout import Layout
    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step


def find_compared(step: Step, paths: Sequence[str], claims: Claims, layout: Layout) -> str:
    """Return the short id of the next kept commit after ``step`` if it was measured with the
    changed files ``paths`` and its value is better than the last kept one before it; otherwise "",
    also if ``step`` may have an innocent explanation.

    The change is not a person's repair if its author is that of the experiment, and not that of the
    commit that the loop starts from. It counts if the instructions call one of the files fixed, the
    change is not one of comments alone, and the next kept row states no new baseline.
    """
    history, loop = claims.loop.history, claims.loop
    fixed = [path for path in paths if is_below(path, layout.prose.fixed)]
    if not any(_differs(claims, step, path) for path in fixed):
        return ""
    author = history.author(step.id)
    if not author or author == history.author(loop.start):
        return ""
    places = {one.id: n for n, one in enumerate(loop.steps)}
    after = [
        one
        for one in claims.keeps
        if one.row is not None and places.get(one.commit, -1) > places.get(step.id, len(places))
    ]
    if not after or after[0].row is None:
        return ""
    kept, row = after[0], after[0].row
    same = all(history.entry(step.id, path) == history.entry(kept.commit, path) for path in fixed)
    again = row.status != "keep" or says_again(row.description)
    if again or not same or history.author(kept.commit) != author:
        return ""
    earlier = [one.row.value for one in claims.keeps if one.row and one.row.line < row.line]
    before = next((value for value in reversed(earlier) if value is not None), None)
    if claims.metric is None or before is None or row.value is None:
        return ""
    return kept.commit[:7] if claims.metric.gain(row.value, before) > 0 else ""


def _differs(claims: Claims, step: Step, path: str) -> bool:
    """Return whether a commit changes more of a file than its comments and white space. A change of
    indentation does not count, not even in Python."""
    before, after = claims.text(step.parent, path), claims.text(step.id, path)
    return "".join(without_comments(path, before).split()) != "".join(
        without_comments(path, after).split()
    )


def is_below(path: str, named: Iterable[str]) -> bool:
    """Return whether a path is one of those that are named, or lies in a folder of them at any
    depth. ``data``, ``data/``, ``data/*``, ``data/**`` and ``data*`` name the same folder: slashes
    and stars at the end are dropped. No other glob is matched, and paths are not normalised."""
    return any(path == one or path.startswith(f"{one.rstrip('/*')}/") for one in named)
