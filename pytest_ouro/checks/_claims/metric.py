"""What `metric` owns: kept values that are not better, cannot be true, or are within the noise."""

from __future__ import annotations

import math
import re
import statistics
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.checks._claims import AGAIN, REASONS, Claimed
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.finding import Finding, count
from pytest_ouro.evidence.claims.rows import SENTINELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.loop import Experiment
    from pytest_ouro.evidence.claims.rows import ClaimedRow

#: A kept value that is worse by less, as a share of the one before, may be a tie.
TIE = 0.001
#: A kept value that is better by this factor is looked at twice.
_JUMP = 5.0


#: Names of metrics that no run can bring to 0.
_LOSS = re.compile(r"(?i)loss|bp[bc]\b|bits|ppl|perplex|nll|fid\b|entropy")


#: Names of metrics that are never below 0, and of shares.
_POSITIVE = re.compile(
    r"(?i)loss|bp[bc]\b|ppl|perplex|nll|fid\b|time|latency|delay|seconds|(?:^|_)[mun]?s$|bytes|size"
    r"|rmse|mae\b|mse\b|wer\b|cer\b|count"
)
_SHARE = re.compile(
    r"(?i)acc(?:uracy)?(?:$|_)|(?:^|_)(?:f1|auc|auroc|recall|precision|iou|win_?rate)(?:$|_)"
)


class _Values(NamedTuple):
    """The values of a ledger that stand for a result, sorted, and whether one of them has a
    fraction."""

    real: list[float]
    have_fractions: bool

    @classmethod
    def of(cls, claims: Claims) -> _Values:
        """Return the values of all rows."""
        found = (row.value for row in claims.loop.rows)
        real = sorted(value for value in found if value is not None and value not in SENTINELS)
        return cls(real, any(value % 1 for value in real))

    def without(self, value: float) -> tuple[float, float] | None:
        """Return the least and the greatest value without that of one row; None if fewer than two
        are left."""
        real = self.real
        own = value not in SENTINELS
        if len(real) - own < 2:
            return None
        return real[own and value == real[0]], real[-1 - (own and value == real[-1])]

    def range(self, metric: Metric) -> str:
        """Return the range of the values, for words."""
        real = self.real
        return f"others are {metric.text(real[0])} to {metric.text(real[-1])}" if real else ""


class _Kept(NamedTuple):
    """A kept experiment, its row and its value, and the row kept before it."""

    one: Experiment
    row: ClaimedRow
    value: float
    before: ClaimedRow | None


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield what the kept values of a ledger show; nothing if the metric or its direction is not
    known."""
    if claims.metric is None:
        return
    implausible = list(_implausible(claims, claims.metric))
    yield from implausible
    lines = {line for claimed in implausible for line in claimed.lines}
    yield from _not_better(claims, claims.metric, lines)
    yield from _within_noise(claims, claims.metric, lines)


def _list_kept(claims: Claims, without: set[int]) -> list[_Kept]:
    """Return the kept experiments with a value, each with the row that was kept before it."""
    found: list[_Kept] = []
    for one in claims.keeps:
        row = one.row
        if row is None or row.value is None or row.line in without:
            continue
        found.append(_Kept(one, row, row.value, found[-1].row if found else None))
    return found


def _implausible(claims: Claims, metric: Metric) -> Iterator[Claimed]:
    """Yield a finding for each kept row whose value is doubtful: an error if `_fault` is sure that
    the value cannot be true, else a warning, as for a value far better than every other."""
    values = _Values.of(claims)
    for one in claims.keeps:
        row = one.row
        if row is None:
            continue
        words, sure = _fault(row, values, metric, bound=claims.bound)
        if words:
            yield Claimed(
                "metric",
                Finding(
                    f"a kept result has the {metric.name} {row.metric[:20] or '(empty)'}: {words}",
                    where=claims.place([row.line]),
                    expected=values.range(metric),
                    actual=row.metric[:40],
                    help="measure the commit again, and find out why the value was logged as kept",
                    facts={"line": row.line},
                    warns=not sure,
                ),
                (one.commit,) if one.commit else (),
                (row.line,),
            )


def _fault(row: ClaimedRow, values: _Values, metric: Metric, *, bound: bool) -> tuple[str, bool]:
    """Return in words why the value of a kept row cannot be true, or "", and whether that is
    sure. A row without a number is at fault if a bound (``bound``) names the ledger and other rows
    have one."""
    if row.value is None:
        if row.metric.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
            return "it is not a number", row.status == "keep"
        if bound and values.real:
            return "it has no number", row.status == "keep"
        return "", False
    if metric.is_impossible(row.value) or not metric.is_plausible(row.value):
        return "it cannot be true", True
    others = values.without(row.value)
    if others is None:
        return "", False
    low, high = others
    if row.value in SENTINELS and not low <= row.value <= high and low > 0:
        lower = metric.direction == "lower"
        if (row.value <= 0) == lower or row.value >= 10 * high:
            zero = bool(_LOSS.search(metric.name)) and values.have_fractions
            return "it stands for no result elsewhere", row.value >= 10 * high or zero
    if low > 0 and row.value < 0:
        return "all others are positive", bool(_POSITIVE.search(metric.name))
    if _SHARE.search(metric.name) and low >= 0:
        for most in (1, 100):
            if high <= most < row.value:
                return f"a share is at most {most}", True
    better = row.value < low / _JUMP if metric.direction == "lower" else row.value > high * _JUMP
    if low > 0 and better:
        return f"more than {_JUMP:g} times better than every other value", False
    return "", False


def _not_better(claims: Claims, metric: Metric, without: set[int]) -> Iterator[Claimed]:
    """Yield a finding for each kept row that is worse than the one kept before it: an error if it
    is clearly worse and nothing explains it. Many such rows are one warning: another value, or
    another order, decides then."""
    kept = _list_kept(claims, without)
    worse = [
        one
        for one in kept
        if one.before is not None
        and one.before.value is not None
        and one.row.status == "keep"
        and metric.gain(one.value, one.before.value) < 0
    ]
    if not worse:
        return
    if len(worse) >= max(3, 0.4 * (len(kept) - 1)):
        lines = tuple(one.row.line for one in worse)
        yield Claimed(
            "metric",
            Finding(
                f"{len(worse)} of {len(kept)} kept results have a worse {metric.name} than the one "
                "kept before: another value decides what is kept, or the metric is another column",
                where=claims.place(lines),
                help="name the metric and its direction: --metric NAME --direction lower|higher",
                facts={"rows": len(worse)},
                warns=True,
            ),
            lines=lines,
        )
        return
    noise = _noise(claims, metric)[0]
    found = [_report_worse(claims, metric, one, kept, noise) for one in worse]
    sure = [one for one in found if not one.finding.warns]
    if len(sure) > 3 or len(worse) > max(3, 0.25 * len(kept)) or not claims.per_commit:
        sure = []
    yield from sure
    excused = [one for one in found if one not in sure]
    if len(excused) > 3:
        lines = tuple(line for one in excused for line in one.lines)
        yield Claimed(
            "metric",
            Finding(
                f"{len(excused)} results were kept although their {metric.name} is worse than the "
                "one kept before: with so many, another reason may have decided",
                where=claims.place(lines),
                help="measure them again, with the ones before",
                facts={"rows": len(excused)},
                warns=True,
            ),
            tuple(commit for one in excused for commit in one.commits),
            lines,
        )
    else:
        for one in excused:
            yield one._replace(finding=replace(one.finding, warns=True))


def _report_worse(
    claims: Claims, metric: Metric, one: _Kept, kept: Sequence[_Kept], noise: float
) -> Claimed:
    """Return the finding about a kept row that is worse than the one kept before; ``noise`` is the
    standard deviation of a value."""
    assert one.before is not None
    assert one.before.value is not None
    excuse = _excuse(claims, metric, one, kept, noise)
    value, best = metric.texts(one.value, one.before.value)
    return Claimed(
        "metric",
        Finding(
            f"a result was kept although its {metric.name} is worse than the one kept before"
            + (f" ({excuse})" if excuse else ""),
            where=claims.place([one.row.line]),
            expected=f"better than {best}",
            actual=value,
            help=_remedy(claims, one),
            facts={"line": one.row.line},
            warns=bool(excuse),
        ),
        (one.one.commit,) if one.one.commit else (),
        (one.row.line,),
    )


def _remedy(claims: Claims, one: _Kept) -> str:
    """Return what to do about a kept row that is worse than the one kept before."""
    if claims.bound and one.one.commit:
        return (
            f"log it as a discard and take it out: git revert {one.one.commit[:7]}; a second "
            "baseline is called so in its row"
        )
    return "discard it and what builds on it, or measure both again"


def _excuse(claims: Claims, metric: Metric, one: _Kept, kept: Sequence[_Kept], noise: float) -> str:
    """Return in words what may explain that a worse value was kept; "" if nothing does."""
    before = one.before
    assert before is not None
    assert before.value is not None
    loss = -metric.gain(one.value, before.value)
    if loss <= TIE * abs(before.value) or loss <= noise * 2:
        return "by less than may be noise"
    if word := REASONS.search(one.row.description):
        return f"the row says {word[0]!r}"
    if one.row.subject != before.subject:
        return f"it is about {one.row.subject[:40] or 'something else'}, not {before.subject[:40]}"
    if _gains_elsewhere(one.row, before):
        return "another column became better"
    if elsewhere := _measured_elsewhere(claims, one):
        return elsewhere
    after = [other for other in kept if other.row.line > one.row.line]
    if (
        not claims.bound
        and after
        and all(metric.gain(other.value, before.value) < 0 for other in after)
    ):
        return "all later ones are worse as well: the conditions may have changed"
    if not one.row.description:
        return "the row has no description"
    if one.one.commit and not one.one.code:
        return "its commit changes no editable file"
    if abs(loss) > 0.5 * abs(before.value):
        return "the scale may have changed"
    return ""


def _measured_elsewhere(claims: Claims, one: _Kept) -> str:
    """Return in words why the value of a kept row need not be better than the one kept before: its
    commit was measured once more, or the one before it is on another branch. Else ""."""
    commit, before = one.one.commit, one.before
    if commit and claims.first_kept[commit] < one.row.line:
        return "its commit was measured before"
    other = claims.commit_of.get(before.line, "") if before else ""
    if commit and other and not claims.loop.history.is_ancestor(other, commit):
        return "the one before is on another branch"
    return ""


def _gains_elsewhere(row: ClaimedRow, before: ClaimedRow) -> bool:
    """Return whether a row needs less memory than the one before, or is better in a column whose
    name says which values are better."""
    if row.memory is not None and before.memory is not None and row.memory < 0.98 * before.memory:
        return True
    earlier = dict(before.others)
    return any(
        name in earlier and value != earlier[name] for name, value in row.others if _counts(name)
    )


def _counts(name: str) -> bool:
    """Return whether a column may be an objective of its own."""
    aside = (
        "step",
        "epoch",
        "time",
        "second",
        "id",
        "iter",
        "date",
        "budget",
        "seed",
        "delta",
        "gain",
    )
    return not any(word in name for word in aside)


def _noise(claims: Claims, metric: Metric) -> tuple[float, int]:
    """Return the standard deviation of the values of repeated measurements of one commit, pooled,
    and their number; 0.0 and 0 without repeats."""
    groups = [
        values
        for rows in claims.rows_of.values()
        for values in _repeats(rows)
        if len(values) >= 2 and len(set(values)) >= 2 and all(map(metric.is_plausible, values))
    ]
    degrees = sum(len(values) - 1 for values in groups)
    if not degrees:
        return 0.0, 0
    total = sum(statistics.variance(values) * (len(values) - 1) for values in groups)
    return math.sqrt(total / degrees), sum(map(len, groups))


def _repeats(rows: Sequence[ClaimedRow]) -> Iterator[list[float]]:
    """Yield the values of those rows of one commit that measure the same: baselines one after
    another, and rows that say that they repeat."""
    whole = [row for row in rows if row.value is not None and row.cell == rows[0].cell]
    base = [row for row in whole if row.status == "baseline"]
    yield [row.value for row in base if row.value is not None] if len(base) == len(whole) else []
    whole = [row for row in whole if row.status != "baseline"]
    again = [row for row in whole if AGAIN.search(row.description)]
    if again:
        first = [row for row in whole if row not in again][:1]
        yield [row.value for row in (*first, *again) if row.value is not None]


def _within_noise(claims: Claims, metric: Metric, without: set[int]) -> Iterator[Claimed]:
    """Yield one warning about all kept gains that are below two standard deviations of a
    difference, as far as the ledger has measurements of one commit to know them by."""
    noise, repeats = _noise(claims, metric)
    if not noise or not claims.per_commit:
        return
    least = 2 * noise * math.sqrt(2)
    kept = _list_kept(claims, without)
    small = [
        one
        for one in kept
        if one.before is not None
        and one.before.value is not None
        and one.row.status == "keep"
        and 0 < metric.gain(one.value, one.before.value) < least
        and one.one.commit != ""
    ]
    if small:
        lines = tuple(one.row.line for one in small)
        yield Claimed(
            "metric",
            Finding(
                f"the gain of {count(len(small), 'kept result')} is within the noise: below "
                f"{metric.text(least)}, twice the spread of a difference ({repeats} repeated "
                "measurements)",
                where=claims.place(lines),
                help="measure the result and its parent again, several times",
                facts={"rows": len(small), "noise": noise},
                warns=True,
            ),
            tuple(one.one.commit for one in small),
            lines,
        )
