"""Why a value that is worse than the one kept before may be kept all the same."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.checks._claims import REASONS
from pytest_ouro.evidence.ledger.metric_names import named_direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.loop import Experiment
    from pytest_ouro.evidence.claims.rows import ClaimedRow

#: A kept value that is worse by less, as a share of the one before, may be a tie.
TIE = 0.001
#: By which factor values in two units differ at least.
_UNIT = 5.0
#: Names of columns that are not an objective of their own.
_ASIDE = re.compile(r"step|epoch|time|second|iter|date|budget|seed|delta|gain|(?:^|_|run)id(?:_|$)")
#: Names of metrics whose values are differences from a moving reference.
_RELATIVE = re.compile(
    r"(?i)(?:^|_)(?:vs|versus|against|relative|rel|delta|diff|gain|improvement|lift)(?:_|$)"
)
#: What a measurement relative to itself gives: a difference, a share, a ratio, per cent.
_SELF = (0.0, 0.5, 1.0, 50.0, 100.0)


class Kept(NamedTuple):
    """A kept experiment, its row and its value, and the row kept before it, None for the first."""

    one: Experiment
    row: ClaimedRow
    value: float
    before: ClaimedRow | None


def excuse(claims: Claims, metric: Metric, one: Kept, kept: Sequence[Kept], noise: float) -> str:
    """Return in words what may explain that the value of ``one`` was kept although it is worse than
    that of the row kept before, which must have a value; "" if nothing does. ``kept`` are all kept
    rows, ``noise`` is the standard deviation of a value."""
    before = one.before
    assert before is not None
    assert before.value is not None
    loss = -metric.gain(one.value, before.value)
    if loss <= TIE * abs(before.value) or loss <= noise * 2:
        return "by less than may be noise"
    if word := REASONS.search(one.row.description):
        return f"the row says {word[0]!r}"
    if _is_relative(claims, metric):
        return "its values seem to be relative to the result kept before"
    if one.row.subject != before.subject:
        return f"it is about {one.row.subject[:40] or 'something else'}, not {before.subject[:40]}"
    if _gains_elsewhere(claims, one.row, before):
        return "another column became better"
    if elsewhere := _measured_elsewhere(claims, one):
        return elsewhere
    after = [other for other in kept if other.row.line > one.row.line]
    if (
        not claims.bound
        and after
        and all(metric.gain(other.value, before.value) < 0 for other in after)
        and metric.gain(after[0].value, one.value) > 0
    ):
        return "all later ones are worse as well: the conditions may have changed"
    if not one.row.description:
        return "the row has no description"
    if one.one.commit and not one.one.code:
        return "its commit changes no editable file"
    if abs(loss) > 0.5 * abs(before.value) and not _is_same_scale(claims, metric, one):
        return "the scale may have changed"
    return ""


def _is_same_scale(claims: Claims, metric: Metric, one: Kept) -> bool:
    """Return whether later rows show that a kept value, although much worse than the one kept
    before, has the same scale: a later row was discarded that is better than this value and not
    better than the one before, so that the loop still compares with that. False if the two values
    differ by a factor of `_UNIT` or more, as one in another unit does."""
    before = one.before.value if one.before else None
    if before is None or not 1 / _UNIT < one.value / (before or math.inf) < _UNIT:
        return False
    return any(
        row.status == "discard"
        and row.line > one.row.line
        and row.value is not None
        and row.subject == one.row.subject
        and metric.gain(row.value, one.value) > 0 >= metric.gain(row.value, before)
        for row in claims.loop.rows
    )


def _measured_elsewhere(claims: Claims, one: Kept) -> str:
    """Return in words why the value of a kept row need not be better than the one kept before: its
    commit was measured once more, or the one before it is on another branch. Else ""."""
    commit, before = one.one.commit, one.before
    if commit and claims.first_kept[commit] < one.row.line:
        return "its commit was measured before"
    other = claims.commit_of.get(before.line, "") if before else ""
    if commit and other and not claims.loop.history.is_ancestor(other, commit):
        return "the one before is on another branch"
    return ""


def _gains_elsewhere(claims: Claims, row: ClaimedRow, before: ClaimedRow) -> bool:
    """Return whether a row needs less memory than the one before, by more than 2 %, is better in
    another column whose name says which values are better, or differs in one whose name does not
    say it. Columns of times, steps, dates and the like, and counters of rows, are not looked at."""
    if row.memory is not None and before.memory is not None and row.memory < 0.98 * before.memory:
        return True
    earlier = dict(before.others)
    for name, value in row.others:
        change = value - earlier.get(name, value)
        if not change or _ASIDE.search(name) or name in claims.counting:
            continue
        direction = named_direction(name)
        if not direction or (change > 0) == (direction == "higher"):
            return True
    return False


def _is_relative(claims: Claims, metric: Metric) -> bool:
    """Return whether the values are measured against the result kept before, as an elo against the
    champion is: the metric's name says so; or the first row is kept with what a measurement against
    itself gives, and of the later rows those kept, of which there are some, are better than that,
    and those discarded, of which there are some, are not."""
    if _RELATIVE.search(metric.name):
        return True
    rows = [row for row in claims.loop.rows if row.value is not None]
    if not rows or rows[0].value not in _SELF or not rows[0].is_kept:
        return False
    first = rows[0].value
    later = [
        (row.status, metric.gain(row.value, first) > 0)
        for row in rows[1:]
        if row.value is not None and row.status in ("keep", "discard")
    ]
    return len(set(later)) == 2 and set(later) == {("keep", True), ("discard", False)}
