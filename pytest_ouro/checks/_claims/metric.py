"""What `metric` owns: kept values that are not better, cannot be true, or are within the noise."""

from __future__ import annotations

import math
import re
import statistics
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.checks._claims import AGAIN, Claimed
from pytest_ouro.checks._claims.excuses import Kept, excuse
from pytest_ouro.checks._claims.logged import turned_better
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.finding import Finding, count
from pytest_ouro.evidence.claims.rows import SENTINELS
from pytest_ouro.evidence.claims.versions import key_of
from pytest_ouro.evidence.instructions.noise import stated_noise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.rows import ClaimedRow

#: A kept value that is better by this factor is looked at twice.
_JUMP = 5.0


#: Names of metrics that no run can bring to 0.
_LOSS = re.compile(r"(?i)loss|bp[bc]\b|bits|ppl|perplex|nll|fid\b|entropy")


#: Names of metrics that are never below 0, and of shares.
_POSITIVE = re.compile(
    r"(?i)loss|bp[bc]\b|ppl|perplex|nll|fid\b|time|latency|delay|seconds|(?:^|_)[mun]?s(?:$|_per_)|bytes|size"
    r"|rmse|mae\b|mse\b|wer\b|cer\b|count|(?:^|_)speed_?up(?:_x)?$"
)
#: Names of times, which no run can bring to 0.
_TIME = re.compile(
    r"(?i)(?:^|_)(?:[mun]?s|secs?|seconds|time|runtime|latency|delay|duration|cycles)(?:$|_)"
)
_SHARE = re.compile(
    r"(?i)acc(?:uracy)?(?:$|_)|(?:^|_)(?:f1|auc|auroc|recall|precision|iou|win_?rate)(?:$|_)"
    r"|(?:^|_)(?:win|pass|hit|success|solved?|correct)_?(?:pct|percent|rate|share|ratio)(?:$|_)"
)


class _Values(NamedTuple):
    """The values of a ledger that stand for a result, sorted, and whether one of them has a
    fraction."""

    real: list[float]
    have_fractions: bool

    @classmethod
    def of(cls, claims: Claims) -> _Values:
        """Return the values of all rows, without those that stand for no result (`SENTINELS`);
        negative ones only of a metric that may be below 0."""
        positive = claims.metric is not None and _POSITIVE.search(claims.metric.name)
        values = (row.value for row in claims.loop.rows)
        found = (value for value in values if value is None or value >= 0 or not positive)
        real = sorted(value for value in found if value is not None and value not in SENTINELS)
        return cls(real, any(value % 1 for value in real))

    def without(self, value: float) -> tuple[float, float] | None:
        """Return the least and the greatest value without that of one row; None if fewer than two
        are left."""
        real = self.real
        own = bool(real) and real[0] <= value <= real[-1] and value not in SENTINELS
        if len(real) - own < 2:
            return None
        return real[own and value == real[0]], real[-1 - (own and value == real[-1])]

    def range(self, metric: Metric) -> str:
        """Return the range of the values in words, ``others are 1.2 to 3.4``; "" if there are
        none."""
        real = self.real
        return f"others are {metric.text(real[0])} to {metric.text(real[-1])}" if real else ""


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield the findings about kept values of a ledger that are doubtful, worse than the one kept
    before, or better by no more than the noise; nothing if the metric or its direction is not
    known."""
    if claims.metric is None:
        return
    implausible = list(_implausible(claims, claims.metric))
    yield from implausible
    lines = {line for claimed in implausible for line in claimed.lines}
    changed = {key_of(row) for row in turned_better(claims)}  # nothing is compared with these
    lines |= {row.line for row in claims.loop.rows if changed and key_of(row) in changed}
    yield from _not_better(claims, claims.metric, lines)
    yield from _within_noise(claims, claims.metric, lines)


def _list_kept(claims: Claims, without: set[int]) -> list[Kept]:
    """Return the kept experiments that have a value, each with the row that was kept before it.
    Rows on the lines ``without`` are left out, and nothing is compared with them; so are rows that
    say of a commit what an earlier one says, as a merge leaves them."""
    found: list[Kept] = []
    said: set[tuple[str, ...]] = set()
    for one in claims.keeps:
        row = one.row
        if row is None or row.value is None or row.line in without:
            continue
        words = (one.commit, row.metric, row.status, row.description)
        if one.commit and row.description and words in said:
            continue
        said.add(words)
        found.append(Kept(one, row, row.value, found[-1].row if found else None))
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
    """Return in words why the value of a kept row is doubtful, or "", and whether it surely cannot
    be true. NaN and infinity are at fault; a row without any number is so only if a bound
    (``bound``) names the ledger and other rows have one."""
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
            zero = zero or (bool(_TIME.search(metric.name)) and low >= 20 * _unit(row.metric))
            return "it stands for no result elsewhere", row.value >= 10 * high or zero
    if low > 0 and row.value < 0:
        sure = _POSITIVE.search(metric.name) or _SHARE.search(metric.name)
        if not sure and metric.direction == "higher" and row.status == "baseline":
            return "", False  # a loop may begin below 0
        return "all others are positive", bool(sure)
    if _SHARE.search(metric.name) and low >= 0:
        for most in (1, 100):
            if high <= most < row.value:
                return f"a share is at most {most}", True
    better = row.value < low / _JUMP if metric.direction == "lower" else row.value > high * _JUMP
    if low > 0 and better:
        return f"more than {_JUMP:g} times better than every other value", False
    return "", False


def _unit(text: str) -> float:
    """Return the least number that the decimals of a number can tell from 0: 0.001 for ``1.234``, 1
    for ``12``."""
    return 10.0 ** -len(re.findall(r"\d", text.partition(".")[2]))


def _not_better(claims: Claims, metric: Metric, without: set[int]) -> Iterator[Claimed]:
    """Yield a finding for each kept row that is worse than the one kept before it: an error if it
    is clearly worse and nothing explains it. Many errors become warnings, and more than three
    warnings one. Rows on the lines ``without`` do not count. If very many kept rows are worse,
    yield one warning instead, because the loop then seems to keep by another column or not in the
    order of the rows."""
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
    said = stated_noise(claims.instructions, metric.name)
    found = [
        _report_worse(
            claims,
            metric,
            one,
            kept,
            max(noise, said.least(one.value, metric.name) / 2 if said else 0),
        )
        for one in worse
    ]
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
    claims: Claims, metric: Metric, one: Kept, kept: Sequence[Kept], noise: float
) -> Claimed:
    """Return the finding about a kept row that is worse than the one kept before; ``noise`` is the
    standard deviation of a value. It only warns if something may explain the row (`excuse`)."""
    assert one.before is not None
    assert one.before.value is not None
    reason = excuse(claims, metric, one, kept, noise)
    value, best = metric.texts(one.value, one.before.value)
    return Claimed(
        "metric",
        Finding(
            f"a result was kept although its {metric.name} is worse than the one kept before"
            + (f" ({reason})" if reason else ""),
            where=claims.place([one.row.line]),
            expected=f"better than {best}",
            actual=value,
            help=_remedy(claims, one),
            facts={"line": one.row.line},
            warns=bool(reason),
        ),
        (one.one.commit,) if one.one.commit else (),
        (one.row.line,),
    )


def _remedy(claims: Claims, one: Kept) -> str:
    """Return what to do about a kept row that is worse than the one kept before."""
    if claims.bound and one.one.commit:
        return (
            f"log it as a discard and take it out: git revert {one.one.commit[:7]}; a second "
            "baseline is called so in its row"
        )
    return "discard it and what builds on it, or measure both again"


def _noise(claims: Claims, metric: Metric) -> tuple[float, int]:
    """Return a tuple: the pooled standard deviation of the values that were measured repeatedly for
    one commit, and the number of all these values. Only plausible repeats that are not all equal
    count; (0.0, 0) without any."""
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
    """Yield lists of values that measure the same code again. ``rows`` are the rows of one commit;
    those with another commit cell than the first are left out. The first list has its baselines
    (empty if it has other rows too); a second one has the rows that say that they repeat, after the
    first row that does not."""
    whole = [row for row in rows if row.value is not None and row.cell == rows[0].cell]
    base = [row for row in whole if row.status == "baseline"]
    yield [row.value for row in base if row.value is not None] if len(base) == len(whole) else []
    whole = [row for row in whole if row.status != "baseline"]
    again = [row for row in whole if AGAIN.search(row.description)]
    if again:
        first = [row for row in whole if row not in again][:1]
        yield [row.value for row in (*first, *again) if row.value is not None]


def _within_noise(claims: Claims, metric: Metric, without: set[int]) -> Iterator[Claimed]:
    """Yield one warning about all kept gains that are smaller than two standard deviations of the
    difference of two values. The standard deviation is that of repeated measurements of one commit
    (`_noise`); if the ledger has none, a gain is compared with the noise that the instructions
    state; without either, yield nothing. Rows on the lines ``without`` do not count."""
    noise, repeats = _noise(claims, metric)
    said = None if noise else stated_noise(claims.instructions, metric.name)
    if not (noise or said) or not claims.per_commit:
        return

    def least(value: float) -> float:
        return said.least(value, metric.name) if said else 2 * noise * math.sqrt(2)

    small = [
        one
        for one in _list_kept(claims, without)
        if one.before is not None
        and one.before.value is not None
        and one.row.status == "keep"
        and 0 < metric.gain(one.value, one.before.value) < least(one.before.value)
        and one.one.commit != ""
    ]
    if small:
        lines = tuple(one.row.line for one in small)
        amount = least(small[0].value)
        why = f"twice the spread of a difference ({repeats} repeated measurements)"
        yield Claimed(
            "metric",
            Finding(
                f"the gain of {count(len(small), 'kept result')} is within the noise: below "
                f"{metric.text(amount)}, {'as the instructions state it' if said else why}",
                where=claims.place(lines),
                help="measure the result and its parent again, several times",
                facts={"rows": len(small), "noise": amount if said else noise},
                warns=True,
            ),
            tuple(one.one.commit for one in small),
            lines,
        )
