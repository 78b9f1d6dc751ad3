"""State for each check how far the audit reaches, so that an audit without data does not look
clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.result import Statement
from pytest_ouro.audit.verdict.judge import CHECKS
from pytest_ouro.core.finding import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.audit.inference.layout import Layout
    from pytest_ouro.audit.result import State
    from pytest_ouro.audit.verdict.judge import Judgement
    from pytest_ouro.evidence.claims.claims import Claims


#: Why nothing is said of commits.
_NO_COMMIT = "no row is linked to a commit that changes the code on the branch"
#: Checks that read the code of commits.
_CODE = ("generated-code", "metric-meaning", "budget-exact", "seed-only", "settled")


def make_statements(
    claims: Claims, layout: Layout, judged: Judgement | None
) -> tuple[Statement, ...]:
    """Return one statement for each check of an audit, those about commits first; ``untracked``,
    which is judged with ``log-schema``, has none. ``judged`` is None if the loop has no commit or
    its rules are not known: then no check that applies rules is reached. If a file cannot be read,
    those of `_CODE` count as not checked."""
    found = (*_commits(claims, layout, judged), *_rows(claims, layout))
    if not claims.unread:
        return found
    why = f"{count(len(claims.unread), 'file')} cannot be read, such as {next(iter(claims.unread))}"
    return tuple(
        Statement(one.name, "not checked", why) if one.name in _CODE else one for one in found
    )


def _commits(claims: Claims, layout: Layout, judged: Judgement | None) -> Iterator[Statement]:
    """Yield the statements of the checks that judge commits."""
    loop = claims.loop
    covered = f"{count(len(loop.steps), 'commit')} of the loop, against {loop.start[:7]}"
    for name in CHECKS:
        if not loop.steps:
            yield Statement(name, "not reached", _NO_COMMIT)
        elif judged is None or name not in judged.applied:
            yield Statement(name, "not checked", _why_not(name, layout))
        elif name in judged.faults:
            yield Statement(name, "not checked", f"in part: {judged.faults[name]}")
        else:
            yield Statement(name, "reached", covered)
    for name in ("generated-code", "metric-meaning", "budget-exact"):
        state: State = "reached" if loop.steps else "not reached"
        why = covered if loop.steps else _NO_COMMIT
        if name == "budget-exact" and loop.steps:
            why = f"constants of the training time in {covered}; the time of runs is not known"
        yield Statement(name, state, why)


def _why_not(name: str, layout: Layout) -> str:
    """Return why the check ``name``, which judges commits, was not applied to a loop with commits:
    the editable files are not known, the files that measure were not found (for ``frozen`` and
    ``frozen-symbol``), or the rules could not be inferred."""
    if not layout.editable:
        return "it is not known which files an experiment may change: --editable GLOB"
    if name in ("frozen", "frozen-symbol"):
        return "no file that measures was found: --harness PATH"
    return "the rules could not be inferred"


def _rows(claims: Claims, layout: Layout) -> Iterator[Statement]:
    """Yield the statements of the checks that judge rows."""
    loop, rows = claims.loop, f"{count(len(claims.loop.rows), 'row')}"
    yield Statement("log-schema", "reached", f"{rows} of {claims.ledger}")
    if claims.metric is None:
        yield Statement(
            "metric",
            "not checked",
            "the metric or its direction is not known: --metric NAME, --direction",
        )
    else:
        better = f"{claims.metric.direction} {claims.metric.name} is better"
        yield Statement("metric", "reached", f"{count(len(claims.keeps), 'kept row')}; {better}")
    linked = [one for one in loop.logged if one.commit]
    if loop.steps:
        yield Statement("logged", "reached", f"{len(linked)} of {rows} are linked to commits")
        left = [one for one in linked if one.row and one.row.status == "discard"]
        yield Statement("settled", "reached", f"{count(len(left), 'discarded row')} with a commit")
        kept = [one for one in claims.keeps if one.commit and one.code]
        yield Statement("seed-only", "reached", f"{count(len(kept), 'kept commit')}")
    else:
        for name in ("logged", "settled", "seed-only"):
            yield Statement(name, "not reached", _NO_COMMIT)
    timed = sum(row.seconds is not None for row in loop.rows)
    if claims.budget is not None and timed:
        words = f"{count(timed, 'row')} with seconds, against {claims.budget:g} s"
        yield Statement("budget-limit", "reached", words)
    else:
        why = "no column has the seconds of runs" if not timed else "no budget is stated"
        yield Statement("budget-limit", "not checked", why)
    compared = [one for one in claims.keeps if one.row and one.row.value is not None and one.code]
    if compared:
        words = f"{count(len(compared), 'kept commit')}, of which a tie must not be larger"
        yield Statement("simplicity", "reached", words)
    else:
        yield Statement("simplicity", "not checked", "no kept row with a value has a commit")
