"""Render rule results as one JSON object, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import escape_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.engine import Answer


def render(answers: Sequence[Answer]) -> str:
    """Return a JSON object: for one answer without a ref, ``lawful`` and the facts of `_describe`;
    for a push, ``lawful`` (also true if there is no answer) and the list ``refs``, which has an
    object with ``ref``, ``lawful`` and those facts for each ref."""
    lawful = not any(answer.broken for answer in answers)
    if len(answers) == 1 and not answers[0].ref:
        return _serialise({"lawful": lawful, **_describe(answers[0])})
    refs = [{"ref": a.ref, "lawful": not a.broken, **_describe(a)} for a in answers]
    return _serialise({"lawful": lawful, "refs": refs})


def render_error(error: OuroError) -> str:
    """Return a JSON object with the message of an error in ``error``, and its ``help``; ``lawful``
    is null, since nothing could be judged."""
    return _serialise({"lawful": None, "error": error.message, "help": error.help})


def _describe(answer: Answer) -> dict[str, object]:
    """Return the facts of an answer: ``trust``, the ``subject`` and ``head`` that were checked, the
    names of the rules that ``ran``, and every result as a dict in ``rules``."""
    case = answer.case
    return {
        "trust": {"source": case.trust.source, "commit": case.trust.commit},
        "subject": case.repository.subject,
        "head": case.repository.head,
        "ran": [result.rule for result in answer.ran],
        "rules": [asdict(result) for result in answer.results],
    }


def _serialise(table: dict[str, object]) -> str:
    """Return a table as the text of an indented JSON object, escaped."""
    return escape_json(json.dumps(table, ensure_ascii=False, indent=2))
