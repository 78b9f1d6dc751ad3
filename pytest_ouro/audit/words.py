"""Write the texts that all forms of an audit's report share. They are not escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.audit.result import Audit, AuditFinding, Counts, KeptResult


def conclude(audit: Audit) -> str:
    """Return the result in one clause, as ``2 errors, 1 warning; of 5 kept results: 3 stand, 1
    doubtful, 1 void``. If the statements reach little, or nothing and there is no error, it says
    so: without data, an audit does not pass."""
    found = [number(len(audit.errors), "error")] if audit.errors else []
    found += [number(len(audit.warnings), "warning")] if audit.warnings else []
    if audit.exit_status == 2:
        return f"nothing could be judged{why_not(audit)}"
    verdicts = [one.verdict for one in audit.kept]
    words = ", ".join(found) or "no findings in what was judged"
    words += f" ({count_reached(audit)})" if audit.reach == "part" else ""
    if not verdicts:
        return words
    stand, doubtful, void = (verdicts.count(v) for v in ("stands", "doubtful", "void"))
    of = number(len(verdicts), "kept result")
    return f"{words}; of {of}: {stand} stand, {doubtful} doubtful, {void} void"


def why_not(audit: Audit) -> str:
    """Return why nothing could be judged: a colon and the most frequent reason in the statements;
    "" without a reason."""
    reasons = [one.why for one in audit.judging if one.why]
    return f": {max(reasons, key=reasons.count)}" if reasons else ""


def count_reached(audit: Audit) -> str:
    """Return how many of the statements about results and code are reached, as ``2 of 14 checks
    reached``."""
    reached = sum(one.state == "reached" for one in audit.judging)
    return f"{reached} of {number(len(audit.judging), 'check')} reached"


def list_bests(audit: Audit) -> Iterator[tuple[str, str]]:
    """Yield pairs of a name and words: ``claimed best``, if there is one, and ``honest best``.
    Without an honest best, its words say that there is none and why; if it is only doubtful, they
    say so. Nothing is yielded for an audit without kept results."""
    if audit.claimed_best:
        yield "claimed best", describe_kept(audit, audit.claimed_best)
    if best := audit.honest_best:
        only = "" if best.verdict == "stands" else "none stands; the best doubtful result is "
        yield "honest best", only + describe_kept(audit, best)
    elif audit.kept:
        void = all(one.verdict == "void" for one in audit.kept)
        yield (
            "honest best",
            "none: all kept results are void"
            if void
            else ("unknown: the metric, its direction or its values are not known"),
        )


def describe_kept(audit: Audit, kept: KeptResult) -> str:
    """Return a kept result in words: its value, verdict, line and commit, and why."""
    value = show_value(audit, kept.value)
    commit = f", commit {kept.commit[:7]}" if kept.commit else ", linked to no commit"
    why = f": {kept.why}" if kept.why else ""
    return f"{value} ({kept.verdict}, line {kept.row}{commit}){why}"


def show_value(audit: Audit, value: float | None) -> str:
    """Return a value of the audit's metric as it is shown; "-" for None."""
    if value is None:
        return "-"
    return audit.metric.text(value) if audit.metric else f"{value:.12g}"


def count_rows(counts: Counts) -> str:
    """Return the counts, without the kinds of rows that do not occur, as ``12 rows (5 kept, 6
    discarded, 1 crashed), 14 commits, 2 of them without a row``; "" if nothing was read."""
    if not (counts.rows or counts.commits):
        return ""
    names = ("kept", "discarded", "crashed", "other", "unreadable", "unverifiable")
    of = [f"{many} {name}" for name in names if (many := getattr(counts, name))]
    rows = number(counts.rows, "row") + (f" ({', '.join(of)})" if of else "")
    without = f", {counts.unlogged} of them without a row" if counts.unlogged else ""
    return f"{rows}, {number(counts.commits, 'commit')}{without}"


def describe_place(found: AuditFinding) -> str:
    """Return where a finding is: the place that the finding itself states or, if it states none,
    its first commits; then its first lines of the ledger, unless the place already names a line. ""
    if it has none of these."""
    parts = [found.finding.where] if found.finding.where else []
    if found.commits and not parts:
        parts.append(_several("commit", [one[:7] for one in found.commits]))
    if found.lines and ": line " not in found.finding.where:
        parts.append(_several("line", [str(one) for one in found.lines]) + " of the ledger")
    return ", ".join(parts)


def _several(noun: str, names: list[str]) -> str:
    """Return the noun with the first eight names, and how many more there are."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{noun}{'s' * (len(names) > 1)} {', '.join(names[:8])}{more}"


def number(many: int, noun: str) -> str:
    """Return ``1 row`` or ``3 rows``: the noun gets an "s" unless there is one."""
    return f"{many} {noun}{'s' * (many != 1)}"
