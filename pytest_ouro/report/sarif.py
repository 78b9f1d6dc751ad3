"""Judgements as SARIF 2.1.0: what code scanning services read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_ouro.report.place import place
from pytest_ouro.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import Finding, RuleResult
    from pytest_ouro.engine import Answer

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"broken": "error", "warned": "warning"}


def render(answers: Sequence[Answer]) -> str:
    """One run: every rule of the bound, and a result for each finding."""
    stated: dict[str, RuleResult] = {}
    for answer in answers:
        for judgement in answer.judgements:
            stated.setdefault(judgement.rule, judgement)
    numbers = {rule: number for number, rule in enumerate(stated)}
    results = [
        _result(answer, judgement, finding, numbers)
        for answer in answers
        for judgement in answer.judgements
        for finding in judgement.findings
    ]
    rules = [
        {
            "id": rule,
            "shortDescription": {"text": judgement.sentence or rule},
            "properties": {"check": judgement.check},
        }
        for rule, judgement in stated.items()
    ]
    return _log(rules, results, {"executionSuccessful": True})


def render_error(error: OuroError) -> str:
    """A run that did not succeed, and why."""
    notification = {"level": "error", "message": {"text": str(error)}}
    invocation = {
        "executionSuccessful": False,
        "toolExecutionNotifications": [notification],
    }
    return _log([], [], invocation)


def _log(rules: list[Any], results: list[Any], invocation: dict[str, Any]) -> str:
    driver = {"name": "pytest-ouro", "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(
    answer: Answer, judgement: RuleResult, finding: Finding, numbers: dict[str, int]
) -> dict[str, Any]:
    path, line = place(answer, judgement, finding)
    said = (finding.headline, finding.where, f"help: {finding.help}" if finding.help else "")
    same = f"{answer.ref}\0{judgement.rule}\0{path}\0{finding.headline}"
    return {
        "ruleId": judgement.rule,
        "ruleIndex": numbers[judgement.rule],
        "level": _LEVELS[judgement.status],
        "message": {"text": "\n".join(printable(part) for part in said if part)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": quote(path.encode(errors="surrogateescape")),
                        "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": line},
                }
            }
        ],
        "partialFingerprints": {
            "ouroFinding/v1": hashlib.sha256(same.encode(errors="surrogateescape")).hexdigest()
        },
    }
