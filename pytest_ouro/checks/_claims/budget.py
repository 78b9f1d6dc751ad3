"""What the budget rules own: a run that trained too long, or not enough, as its own log or the
ledger says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import Claimed
from pytest_ouro.core.finding import Finding, count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.evidence import Evidence


def judge_log(evidence: Evidence, *, short: bool = False) -> Iterator[Finding]:
    """Yield a finding if the last run, by its ``run.log``, trained too long: more seconds than the
    greatest budget plus tolerance of any device. With ``short``, yield one instead if it trained
    fewer seconds than the least budget minus tolerance of any device. Yield nothing if the evidence
    has no claimed loop (`Evidence.claimed`) or no log. The finding only warns unless a row added
    since trust has the metric of that log."""
    loop, run = evidence.claimed, evidence.logged_run
    if loop is None or run is None:
        return
    least, most = evidence.layout.window
    if not (run.seconds < least if short else run.seconds > most):
        return
    first = loop.first_line
    logged = first is not None and any(
        row.line >= first and row.metric == run.metric for row in loop.rows
    )
    words = "less" if short else "more"
    yield Finding(
        f"run.log says that {run.seconds:.1f} s were trained, {words} than the budget allows",
        where=f"claimed, run.log:{run.line}",
        expected=f"{least:g} to {most:g} s" if least else f"at most {most:g} s",
        actual=f"{run.seconds:.1f}",
        help="run the commit again with the budget that bound.toml states: "
        "pytest --ouro-experiment",
        facts={"line": run.line, "claimed": True},
        warns=not logged,
    )


#: How many times the budget a run may take in all, as the gate allows it.
_WHOLE = 2.0


def judge_rows(claims: Claims) -> Iterator[Claimed]:
    """Yield one warning about all kept rows whose seconds are more than twice the stated budget;
    nothing if none is stated, or if more than half of all rows with seconds are above that, since
    the column is then about something else."""
    rows = [row for row in claims.loop.rows if row.seconds is not None]
    if claims.budget is None or not rows:
        return
    most = _WHOLE * claims.budget
    over = [row for row in rows if row.seconds is not None and row.seconds > most]
    kept = [row for row in over if row.status == "keep"]
    if not kept or 2 * len(over) > len(rows):
        return
    yield Claimed(
        "budget-limit",
        Finding(
            f"{count(len(kept), 'kept row')} took more than twice the budget of "
            f"{claims.budget:g} s",
            where=claims.place([row.line for row in kept]),
            expected=f"at most {most:g} s",
            actual=f"{max(row.seconds or 0.0 for row in kept):g} s",
            help="run them again with the stated budget",
            facts={"rows": len(kept)},
            warns=True,
        ),
        lines=tuple(row.line for row in kept),
    )
