"""Give a verdict on each kept result, find the claimed and the honest best, and list the points of
the curve of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.result import KeptResult, Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.audit.result import AuditFinding, Verdict
    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.loop import Experiment

#: Checks whose errors also concern the results that build on the commit.
_LASTS = (
    "frozen",
    "frozen-symbol",
    "evaluation",
    "budget-exact",
    "generated-code",
    "settled",
    "metric-meaning",
)
#: Checks whose warnings are about the log as a whole.
_WHOLE = ("log-schema", "untracked", "simplicity")


def judge_kept(
    claims: Claims, findings: Sequence[AuditFinding], unjudged: str
) -> tuple[KeptResult, ...]:
    """Return a verdict on each kept row, in the order of the ledger. ``unjudged`` says in words why
    the code of commits was not judged ("": it was)."""
    places = {step.id: n for n, step in enumerate(claims.loop.steps)}
    own: dict[object, list[AuditFinding]] = {}
    for finding in findings:
        for about in (*finding.commits, *finding.lines):
            own.setdefault(about, []).append(finding)
    lasting = [
        (places[finding.commits[0]], finding)
        for finding in findings
        if finding.check in _LASTS and finding.commits and _counts(claims, finding)
        if finding.commits[0] in places
    ]
    baselines = [
        (one.row.line, places[one.commit])
        for one in claims.keeps
        if one.row is not None and one.row.status == "baseline" and one.commit in places
    ]
    return tuple(
        _verdict(claims, one, own, lasting, places, baselines, unjudged) for one in claims.keeps
    )


def _counts(claims: Claims, finding: AuditFinding) -> bool:
    """Return whether a finding concerns what builds on its commit: one of `metric-meaning` does if
    its commit was kept, any other if it is an error."""
    if finding.check == "metric-meaning":
        return claims.is_kept(finding.commits[0])
    return finding.severity == "error"


def _verdict(
    claims: Claims,
    one: Experiment,
    own: dict[object, list[AuditFinding]],
    lasting: Iterable[tuple[int, AuditFinding]],
    places: dict[str, int],
    baselines: Sequence[tuple[int, int]],
    unjudged: str,
) -> KeptResult:
    """Return the verdict on the kept experiment ``one``. ``own`` has the findings about each commit
    id and each line of the ledger. ``lasting`` are findings that also concern what builds on their
    commit, each with the place of that commit in the loop. ``places`` maps commit ids to places in
    the loop. ``baselines`` are pairs of a baseline's line and its commit's place: lasting findings
    up to the last baseline before the row do not count. ``unjudged`` is as in `judge_kept`."""
    row = one.row
    assert row is not None
    measured = bool(one.commit) and row.status != "baseline"
    about = [*own.get(row.line, ()), *(own.get(one.commit, ()) if measured else ())]
    # a commit that changes other rows of the log says nothing of what it measured
    about = [found for found in about if not _is_elsewhere(found, row.line)]
    about = [finding for finding in about if finding.check not in _WHOLE]
    # nor is it certain what a commit measured that takes rows out
    errors = [one for one in about if one.severity == "error" and not _is_about_rows(one)]
    place = places.get(one.commit, -1)
    base = max((at for line, at in baselines if line <= row.line), default=-1)
    below = [finding for at, finding in lasting if base < at < place]
    verdict: Verdict = "stands"
    why = "no finding is about it"
    if errors:
        verdict, why = "void", f"{errors[0].check}: {errors[0].finding.headline}"
    elif below:
        commit = below[0].commits[0][:7]
        verdict, why = "doubtful", f"it builds on commit {commit}: {below[0].finding.headline}"
    elif about:
        verdict, why = "doubtful", f"{about[0].check}: {about[0].finding.headline}"
    elif unjudged and one.commit:
        verdict, why = "doubtful", unjudged
    elif measured and one.commit not in (*places, claims.loop.start):
        verdict, why = "doubtful", "its commit is not among those that were judged"
    elif not one.commit:
        verdict, why = "doubtful", "no commit is linked to the row"
    return KeptResult(one.commit, row.line, row.value, row.description, verdict, why)


def _is_elsewhere(finding: AuditFinding, line: int) -> bool:
    """Return whether a finding of `logged` names lines of the ledger, and not this one."""
    return finding.check == "logged" and bool(finding.lines) and line not in finding.lines


def _is_about_rows(finding: AuditFinding) -> bool:
    """Return whether a finding of `logged` is about rows that are gone from the ledger."""
    return finding.check == "logged" and not finding.lines and "rows" in finding.finding.facts


def find_best(
    claims: Claims, kept: Sequence[KeptResult], metric: Metric | None
) -> tuple[KeptResult | None, KeptResult | None]:
    """Return a tuple: the kept result with the best claimed value, and the honest best. The honest
    best is the best kept result that stands or, if none stands, that is doubtful; only the first of
    several measurements of one code can be it, since the luckiest says little. It is None without
    such a result; both are None without a metric or a plausible value."""
    valued = [
        one
        for one in kept
        if one.value is not None and (metric is None or metric.is_plausible(one.value))
    ]
    if metric is None or not valued:
        return None, None
    sign = 1 if metric.direction == "lower" else -1

    def order(one: KeptResult) -> float:
        return sign * (one.value or 0.0)

    claimed = min(valued, key=order)
    for verdict in ("stands", "doubtful"):
        found = [one for one in valued if one.verdict == verdict and not _repeats(claims, one)]
        if found:
            return claimed, min(found, key=order)
    return claimed, None


def _repeats(claims: Claims, one: KeptResult) -> bool:
    """Return whether a kept result measures the code of an earlier one again, in a loop that has a
    commit for each experiment."""
    first = claims.first_kept.get(one.commit, one.row) if one.commit else one.row
    return claims.per_commit and first < one.row


def draw_curve(
    claims: Claims, kept: Sequence[KeptResult], metric: Metric | None
) -> tuple[Point, ...]:
    """Return a point for each row, in the order of the ledger, with the best kept value so far as
    claimed, and the honest one: of those kept results that stand or, if none of the audit stands,
    that are doubtful. A repeated measurement of one code does not count for the honest one."""
    _, last = find_best(claims, kept, metric)
    honest_rows = {
        one.row
        for one in kept
        if last and one.verdict == last.verdict and not _repeats(claims, one)
    }
    best: float | None = None
    honest: float | None = None
    points = []
    for one in claims.loop.logged:
        row = one.row
        assert row is not None
        counts = row.is_kept and row.value is not None and metric is not None
        if counts and metric is not None and row.value is not None:
            best = metric.best([row.value] if best is None else [best, row.value])
            if row.line in honest_rows:
                honest = metric.best([row.value] if honest is None else [honest, row.value])
        points.append(Point(row.line, one.commit, row.status, row.value, best, honest))
    return tuple(points)
