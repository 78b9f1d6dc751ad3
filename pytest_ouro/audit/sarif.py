"""Render an audit as SARIF 2.1.0, by the writer of the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.audit.words import conclude, describe_place
from pytest_ouro.report.redact import shorten
from pytest_ouro.report.sarif import make_result, render_error, serialise

if TYPE_CHECKING:
    from pytest_ouro.audit.result import Audit, AuditFinding

__all__ = ["render", "render_error"]


def render(audit: Audit) -> str:
    """Return the text of a SARIF log: a rule for each statement and each check that found
    something, and a SARIF result for each finding, redacted and escaped. Each note of the audit and
    each check that was not judged is a notification of the SARIF invocation, so that a log without
    results is not taken for a verdict that all is well."""
    states = {one.name: f"{one.state}: {one.why}" for one in audit.statements}
    names = list(dict.fromkeys([*states, *(one.check for one in audit.findings)]))
    rules = [_describe_rule(name, states.get(name, "")) for name in names]
    results = [_describe(audit, one, names.index(one.check)) for one in audit.findings]
    notes = [
        {"level": "note", "message": {"text": shorten(text)}}
        for text in (
            *audit.notes,
            *(f"{s.name}: {s.state}: {s.why}" for s in audit.statements if s.state != "reached"),
        )
    ]
    call: dict[str, object] = {
        "executionSuccessful": True,
        "toolExecutionNotifications": notes,
        "properties": {"conclusion": conclude(audit), "head": audit.head},
    }
    return serialise(rules, results, call)


def _describe_rule(name: str, state: str) -> dict[str, object]:
    """Return a check as a rule of SARIF; ``state`` says how far it reaches ("": unknown)."""
    text = shorten(state) or "how far it reaches is not stated"
    return {
        "id": f"audit::{name}",
        "shortDescription": {"text": name},
        "fullDescription": {"text": f"{name} ({text})"},
        "properties": {"check": name},
    }


def _describe(audit: Audit, found: AuditFinding, number: int) -> dict[str, object]:
    """Return a finding as a SARIF result, at the file that it names, else in the ledger. ``number``
    is the place of its check in the list of rules."""
    finding = found.finding
    path, line = finding.facts.get("path"), finding.facts.get("line")
    if not isinstance(path, str) or path.startswith(("~", "/")):
        path, line = audit.ledger, found.lines[0] if found.lines else 1
    parts = (
        finding.headline,
        describe_place(found),
        finding.expected and f"expected: {finding.expected}",
        finding.actual and f"found: {finding.actual}",
        finding.help and f"help: {finding.help}",
    )
    return make_result(
        (f"audit::{found.check}", number),
        found.severity,
        "\n".join(shorten(part, 600) for part in parts if part),
        (shorten(path), max(line if isinstance(line, int) else 1, 1)),
        same="\0".join(("audit", found.check, path, finding.stable_headline)),
    )
