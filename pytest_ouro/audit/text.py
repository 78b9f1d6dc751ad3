"""The audit as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.words import count_reached, describe_place, list_bests, number, why_not
from pytest_ouro.core.escape import escape_lines
from pytest_ouro.report.redact import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.audit.result import Audit, AuditFinding
    from pytest_ouro.core.errors import OuroError

#: How many results and findings are printed.
_MOST = 40


def render(audit: Audit) -> str:
    """Return the audit as escaped text, without homes, hosts and secrets. At most `_MOST` findings,
    `_MOST` results that do not stand, and 1,000 characters of a line are shown. The last line is
    that of `last_line`, for programs."""
    return escape_lines(*(shorten(line, 1_000) for line in _lines(audit)))


def render_error(error: OuroError) -> str:
    """Return "", the text for standard output: the command line prints the error to standard
    error."""
    return ""


def _lines(audit: Audit) -> Iterator[str]:
    """Yield the lines of the text."""
    yield f"audit of {audit.subject}" + (f" up to commit {audit.head[:7]}" if audit.head else "")
    yield ""
    yield "inferred:"
    for inference in audit.inferences:
        yield f"  {inference.what}: {inference.value or '(nothing)'}   [{inference.why}]"
    for note in audit.notes:
        yield f"  note: {note}"
    yield ""
    for finding in audit.findings[:_MOST]:
        yield from _finding(finding)
    if len(audit.findings) > _MOST:
        yield f"and {len(audit.findings) - _MOST} more findings (--json has all)"
    if audit.findings:
        yield ""
    yield from _show_kept(audit)
    yield "how far this reaches:"
    for statement in audit.statements:
        yield f"  {statement.name}: {statement.state} ({statement.why})"
    yield ""
    yield last_line(audit)


def _finding(one: AuditFinding) -> Iterator[str]:
    """Yield the lines of a finding. What was expected and found is shown only if both are stated,
    and not as digests."""
    finding = one.finding
    yield f"{one.severity} [{one.check}] {finding.headline}"
    if place := describe_place(one):
        yield f"  where: {place}"
    if finding.expected and finding.actual and not finding.expected.startswith("sha256:"):
        yield f"  expected: {finding.expected}"
        yield f"  found: {finding.actual}"
    if finding.help:
        yield f"  help: {finding.help}"


def _show_kept(audit: Audit) -> Iterator[str]:
    """Yield the lines about kept results: their number, that of those that stand, at most `_MOST`
    of the others, and the claimed and the honest best; nothing without a kept result."""
    if not audit.kept:
        return
    stands = sum(one.verdict == "stands" for one in audit.kept)
    yield f"kept results: {len(audit.kept)}, of which {stands} stand"
    shown = [one for one in audit.kept if one.verdict != "stands"]
    for one in shown[:_MOST]:
        value = one.value if one.value is not None else "no value"
        yield f"  line {one.row}: {one.commit[:7] or 'no commit'} {value} {one.verdict}: {one.why}"
    if len(shown) > _MOST:
        yield f"  and {len(shown) - _MOST} more"
    yield from (f"  {name}: {words}" for name, words in list_bests(audit))
    yield ""


def last_line(audit: Audit) -> str:
    """Return the last line, for programs that search for it: ``broken`` if there is an error, ``not
    judged`` if nothing could be judged, ``partly judged`` if little was, else ``no error``."""
    counts = audit.counts
    state = "broken" if audit.broken else "no error"
    scope = ""
    if not audit.broken and audit.reach == "nothing":
        state, scope = "not judged", f"; nothing could be judged{why_not(audit)}"
    elif not audit.broken and audit.reach == "part":
        state, scope = "partly judged", f"; {count_reached(audit)}"
    read = f"; {number(counts.rows, 'row')}, {number(counts.commits, 'commit')}"
    return (
        f"ouro: audit: {state}: {number(len(audit.errors), 'error')}, "
        f"{number(len(audit.warnings), 'warning')}{read if counts.rows or counts.commits else ''}"
        f"{scope}"
    )
