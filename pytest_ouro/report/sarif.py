"""Render rule results as SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_ouro.checks import CHECKS
from pytest_ouro.core.escape import escape_lines
from pytest_ouro.report.place import place
from pytest_ouro.report.text import error_text, finding_text

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
    """Return the text of a SARIF log with every rule of all answers, and a SARIF result for each of
    their findings."""
    rules: dict[str, dict[str, object]] = {}
    for result in (result for answer in answers for result in answer.results):
        rules.setdefault(result.rule, _describe_rule(result))
    numbers = {rule: number for number, rule in enumerate(rules)}
    results = [
        _describe(answer, result, finding, numbers[result.rule])
        for answer in answers
        for result in answer.results
        for finding in result.findings
    ]
    whose = sorted({str(answer.case.trust) for answer in answers})
    invocation = {"executionSuccessful": True, "properties": {"trust": whose}}
    return serialise(list(rules.values()), results, invocation)


def _describe_rule(result: RuleResult) -> dict[str, object]:
    """Return the rule of a result as an object of SARIF."""
    sentence = result.sentence or result.rule
    return {
        "id": result.rule,
        "shortDescription": {"text": sentence},
        "fullDescription": {"text": f"{sentence} (check: {result.check})"},
        "help": {"text": f"Each finding has its remedy; {_name_page(result.check)}."},
        "properties": {"check": result.check},
    }


def _name_page(check: str) -> str:
    """Return in words which page explains a check."""
    if check in CHECKS:
        return f"docs/checks/{check}.md explains {check}"
    return f"the package that provides {check} explains it"


def render_error(error: OuroError) -> str:
    """Return the text of a SARIF log that says that nothing could be judged, and why."""
    notification = {"level": "error", "message": {"text": error_text(error)}}
    invocation = {"executionSuccessful": False, "toolExecutionNotifications": [notification]}
    return serialise([], [], invocation)


def serialise(
    rules: list[dict[str, object]], results: list[dict[str, object]], invocation: dict[str, object]
) -> str:
    """Return the text of the log, in JSON. It has one SARIF run (one call of a tool), with these
    rules, results and facts of the call; each text in it is escaped."""
    run = {
        "tool": {"driver": {"name": "pytest-ouro", **_read_version(), "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": results,
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_escape(run)]}
    return json.dumps(log, indent=2)


def _read_version() -> dict[str, str]:
    """Return the version of this package as SARIF names it; {} if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {"semanticVersion": version("pytest-ouro")}
    except PackageNotFoundError:
        return {}


def _escape(value: Any) -> Any:
    """Return a value with each text escaped, also those in its lists and the values of its dicts;
    line ends stay."""
    if isinstance(value, dict):
        return {key: _escape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_escape(part) for part in value]
    return escape_lines(*value.split("\n")) if isinstance(value, str) else value


def _describe(
    answer: Answer, result: RuleResult, finding: Finding, number: int
) -> dict[str, object]:
    """Return a finding as a SARIF result. ``number`` is the place of its rule in the list of rules,
    from 0. The fingerprint depends on the ref, the rule, the path and the headline without its
    numbers, and not on the line."""
    path, line = place(answer, result, finding)
    return make_result(
        (result.rule, number),
        _LEVELS[result.status],
        finding_text(finding, trust=answer.case.trust),
        (path, line),
        same=f"{answer.ref}\0{result.rule}\0{path}\0{finding.stable_headline}",
    )


def make_result(
    rule: tuple[str, int], level: str, message: str, place: tuple[str, int], *, same: str
) -> dict[str, object]:
    """Return a SARIF result. ``rule`` is the id of its rule and its place, from 0, in the list of
    rules; ``place`` a path relative to the repository's top, "" for none, and a line from 1;
    ``level`` is "error" or "warning". ``same`` is a text by which a reader of SARIF recognises the
    result on another commit."""
    path, line = place
    location = {
        "physicalLocation": {
            "artifactLocation": {
                "uri": quote(path.encode(errors="surrogateescape")),
                "uriBaseId": "%SRCROOT%",
            },
            "region": {"startLine": line},
        }
    }
    return {
        "ruleId": rule[0],
        "ruleIndex": rule[1],
        "level": level,
        "message": {"text": message},
        "locations": [location] if path else [],
        "partialFingerprints": {
            "ouroFinding/v1": hashlib.sha256(same.encode(errors="surrogateescape")).hexdigest()
        },
    }
