"""Judgements as JUnit XML: what CI servers show beside the tests.

pytest's own writer would bring pytest, and with it what a project configures for it, into the gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from pytest_ouro.report import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Answer


def render(answers: Sequence[Answer]) -> str:
    """One suite for each case, one test case for each rule."""
    suites = Element("testsuites")
    for answer in answers:
        judged = answer.judgements
        counts = {
            "tests": len(judged),
            "failures": sum(judgement.broken for judgement in judged),
            "errors": 0,
            "skipped": len(judged) - len(answer.ran),
        }
        suite = _suite(suites, " ".join(filter(None, ("ouro", answer.ref))), counts)
        for judgement in judged:
            _case(suite, judgement)
    return ElementTree.tostring(suites, encoding="unicode")


def render_error(error: OuroError) -> str:
    """One suite with an error in it: nothing could be judged."""
    suites = Element("testsuites")
    suite = _suite(suites, "ouro", {"tests": 1, "failures": 0, "errors": 1, "skipped": 0})
    case = SubElement(suite, "testcase", classname="ouro", name="could not judge", time="0")
    SubElement(case, "error", message=text.printable(error.message)).text = _lines(str(error))
    return ElementTree.tostring(suites, encoding="unicode")


def _suite(suites: Element, name: str, counts: dict[str, int]) -> Element:
    attributes = {"name": text.printable(name), "time": "0"}
    attributes.update((key, str(value)) for key, value in counts.items())
    return SubElement(suites, "testsuite", attributes)


def _case(suite: Element, judgement: RuleResult) -> None:
    section, _, name = judgement.rule.partition("::")
    case = SubElement(suite, "testcase", classname=section, name=name, time="0")
    said = text.judgement_text(judgement, bound="bound.toml")
    if judgement.broken:
        message = text.printable(judgement.findings[0].headline)
        SubElement(case, "failure", message=message).text = said
    elif judgement.status == "skipped":
        SubElement(case, "skipped", message=text.printable(judgement.reason))
    elif judgement.status == "warned":
        SubElement(case, "system-out").text = said


def _lines(words: str) -> str:
    return "\n".join(text.printable(line) for line in words.splitlines())
