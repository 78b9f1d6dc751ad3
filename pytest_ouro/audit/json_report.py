"""The audit as one JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ouro.audit.result import Audit, AuditFinding, KeptResult

VERSION = 1


def render(audit: Audit) -> str:
    """Return the audit as a JSON object with all of its facts."""
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
        "broken": audit.broken,
    }
    return json.dumps(facts, indent=2, ensure_ascii=True)


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
