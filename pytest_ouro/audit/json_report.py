"""The audit as one JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape_json
from pytest_ouro.report.redact import redact

if TYPE_CHECKING:
    from pytest_ouro.audit.result import Audit, AuditFinding, KeptResult
    from pytest_ouro.core.errors import OuroError

VERSION = 1


def render(audit: Audit) -> str:
    """Return the audit as the text of a JSON object with all of its facts, redacted and escaped.
    ``broken`` is null if nothing could be judged and no error was found."""
    metric = audit.metric
    facts = {
        "version": VERSION,
        "subject": audit.subject,
        "head": audit.head,
        "start": audit.start,
        "end": audit.end,
        "ledger": audit.ledger,
        "metric": metric.name if metric else None,
        "direction": metric.direction if metric else None,
        "inferences": [vars(one) for one in audit.inferences],
        "statements": [vars(one) for one in audit.statements],
        "findings": [_finding(one) for one in audit.findings],
        "kept": [vars(one) for one in audit.kept],
        "claimed_best": _best(audit.claimed_best),
        "honest_best": _best(audit.honest_best),
        "curve": [vars(one) for one in audit.curve],
        "counts": vars(audit.counts),
        "notes": list(audit.notes),
        "reach": audit.reach,
        "broken": audit.broken if audit.exit_status != 2 else None,
    }
    return _serialise(facts)


def render_error(error: OuroError) -> str:
    """Return a JSON object with the message of an error in ``error``, and its ``help``; ``broken``
    is null, since nothing could be judged."""
    return _serialise({"broken": None, "error": error.message, "help": error.help})


def _serialise(facts: object) -> str:
    """Return facts as the text of an indented JSON object: escaped, and without homes, hosts and
    secrets."""
    return escape_json(json.dumps(_redact(facts), indent=2, ensure_ascii=False, default=str))


def _redact(value: object) -> object:
    """Return a value with each text in it redacted, and a number that JSON lacks (infinite or NaN)
    as None. Keys stay as they are; a tuple becomes a list."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: _redact(part) for key, part in value.items()}
    return [_redact(part) for part in value] if isinstance(value, list | tuple) else value


def _finding(one: AuditFinding) -> dict[str, object]:
    """Return a finding as JSON values."""
    finding = one.finding
    return {
        "check": one.check,
        "severity": one.severity,
        "headline": finding.headline,
        "where": finding.where,
        "expected": finding.expected,
        "actual": finding.actual,
        "help": finding.help,
        "paths": list(finding.paths),
        "facts": dict(finding.facts),
        "commits": list(one.commits),
        "lines": list(one.lines),
    }


def _best(one: KeptResult | None) -> dict[str, object] | None:
    """Return a kept result as JSON values; None if there is none."""
    return vars(one) if one is not None else None
