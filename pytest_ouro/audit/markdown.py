"""Render an audit as Markdown, for a comment on a pull request: the verdicts on the kept results,
the findings, and how far the audit reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.inert import code, prose
from pytest_ouro.audit.words import conclude, count_rows, describe_place, list_bests, show_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.audit.result import Audit, AuditFinding, KeptResult
    from pytest_ouro.core.errors import OuroError

#: GitHub refuses a comment of more characters than 65,536.
CHARACTERS = 60_000
#: How each report begins.
START = "### ouro audit: "
#: The most entries of each list; less if the whole is too long.
_MOST = (60, 30, 12, 4, 1)


def render(audit: Audit) -> str:
    """Return the audit as Markdown of at most `CHARACTERS` characters, in which no text of the
    repository is interpreted. If there are many kept results or findings, the last lines of a list
    count those that are left out; if even short lists are too long, only the conclusion stays."""
    texts = ("\n".join(_render(audit, most)) for most in _MOST)
    return next((text for text in texts if len(text) <= CHARACTERS), f"{START}{conclude(audit)}\n")


def render_error(error: OuroError) -> str:
    """Return Markdown that says why nothing could be audited."""
    help = f"- help: {code(error.help, width=1_000)}\n" if error.help else ""
    return f"{START}could not judge\n\n- why: {prose(error.message, width=1_000)}\n{help}"


def _render(audit: Audit, most: int) -> Iterator[str]:
    """Yield the lines, with at most ``most`` kept results, errors and warnings each."""
    yield f"{START}{conclude(audit)}"
    yield ""
    yield from _list_facts(audit)
    yield from _list_kept(audit, most)
    for title, found in (("Errors", audit.errors), ("Warnings", audit.warnings)):
        yield from _list_findings(title, found, most)
    rows = [(code(s.name), s.state, prose(s.why)) for s in audit.statements]
    yield from _fold("What was judged", ("statement", "state", "why"), rows)
    facts = [(code(one.what), code(one.value), prose(one.why)) for one in audit.inferences]
    yield from _fold("What was inferred", ("fact", "value", "why"), facts)


def _list_facts(audit: Audit) -> Iterator[str]:
    """Yield a list with what was audited, the ledger, the metric, the claimed and the honest best,
    the counts and the notes."""
    yield f"- audited: {code(audit.subject)} {code(audit.head[:7])}"
    if audit.ledger:
        metric = audit.metric
        measured = f", {code(metric.name)}, {metric.direction} is better" if metric else ""
        yield f"- ledger: {code(audit.ledger)}{measured}"
    for name, words in list_bests(audit):
        yield f"- {name}: {prose(words)}"
    if counts := count_rows(audit.counts):
        yield f"- counts: {counts}"
    yield from (f"- note: {prose(note)}" for note in audit.notes)
    yield ""


def _list_kept(audit: Audit, most: int) -> Iterator[str]:
    """Yield a table of at most ``most`` kept results, in the order of the ledger, and a line that
    counts the rest; nothing without any. If there are too many, those that stand are left out
    first."""
    if not audit.kept:
        return
    ranked = sorted(audit.kept, key=lambda one: one.verdict == "stands")[:most]
    shown = sorted(ranked, key=lambda one: one.row)
    yield "#### Kept results"
    yield ""
    head = ("verdict", "line", "commit", "metric", "description", "why")
    yield from _table(head, [_describe(audit, one) for one in shown])
    yield from _count_rest(len(audit.kept) - len(shown))


def _describe(audit: Audit, kept: KeptResult) -> tuple[str, ...]:
    """Return the cells of a kept result as Markdown: verdict, line, commit, metric, description and
    why."""
    return (
        kept.verdict if kept.verdict == "stands" else f"**{kept.verdict}**",
        str(kept.row),
        code(kept.commit[:7]),
        code(show_value(audit, kept.value)),
        code(kept.description, width=80),
        prose(kept.why, width=240),
    )


def _list_findings(title: str, found: Sequence[AuditFinding], most: int) -> Iterator[str]:
    """Yield a title with the number of findings of one severity, a list of at most ``most`` of
    them, and a line that counts the rest; nothing if there are none."""
    if not found:
        return
    yield f"#### {title} ({len(found)})"
    yield ""
    for one in found[:most]:
        finding = one.finding
        yield f"- {code(one.check)}: {prose(finding.headline)}"
        place = describe_place(one)
        where = place and f"where: {place}"
        expected = finding.expected and f"expected: {finding.expected}"
        actual = finding.actual and f"found: {finding.actual}"
        for detail in filter(None, (where, expected, actual)):
            yield f"  - {prose(detail)}"
        if finding.help:
            yield f"  - help: {code(finding.help)}"
    yield from _count_rest(len(found) - most)
    yield ""


def _count_rest(left: int) -> Iterator[str]:
    """Yield a paragraph that counts the entries that are left out, if there are any."""
    if left > 0:
        yield ""
        yield f"and {left} more: `pytest-ouro audit --json` shows all"


def _fold(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield a table that a reader unfolds; nothing without rows."""
    if rows:
        yield f"<details><summary>{title}</summary>"
        yield ""
        yield from _table(head, rows)
        yield "</details>"
        yield ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield a table and an empty line; the cells are escaped already."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
