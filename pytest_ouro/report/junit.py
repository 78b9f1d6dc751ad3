"""Render rule results as JUnit XML, which CI servers show beside the tests.

pytest's own writer is not used: the gate must not load pytest and the project's settings of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from pytest_ouro.core.escape import escape
from pytest_ouro.report import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.engine import Answer


#: The attributes of a suite that count elements, with the tag of these.
_COUNTS = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}


def render(answers: Sequence[Answer]) -> str:
    """Return JUnit XML as text, with a suite for each answer and a test case for each rule."""
    suites = Element("testsuites")
    for answer in answers:
        name = f"ouro {answer.ref}".strip()
        suite = SubElement(suites, "testsuite", name=name, time="0")
        for result in answer.results:
            _add_case(suite, result)
    return _serialise(suites)


def render_error(error: OuroError) -> str:
    """Return JUnit XML as text, with one suite and an error in it that says why nothing could be
    judged."""
    suites = Element("testsuites")
    suite = SubElement(suites, "testsuite", name="ouro", time="0")
    case = SubElement(suite, "testcase", classname="ouro", name="could not judge", time="0")
    SubElement(case, "error", message=error.message).text = text.error_text(error)
    return _serialise(suites)


def _serialise(suites: Element) -> str:
    """Set the counts of each suite, escape every attribute, and return the XML as text."""
    for suite in suites:
        for attribute, tag in _COUNTS.items():
            suite.set(attribute, str(len(list(suite.iter(tag)))))
    for element in suites.iter():
        element.attrib = {name: escape(value) for name, value in element.attrib.items()}
    return ElementTree.tostring(suites, encoding="unicode")


def _add_case(suite: Element, result: RuleResult) -> None:
    """Add the test case of a rule: with a failure if the rule is broken, as skipped with the reason
    if it is skipped, and with its text as the output if it only warns."""
    section, _, name = result.rule.partition("::")
    case = SubElement(suite, "testcase", classname=section, name=name, time="0")
    words = text.result_text(result, bound="bound.toml")
    if result.broken:
        SubElement(case, "failure", message=result.findings[0].headline).text = words
    elif result.status == "skipped":
        SubElement(case, "skipped", message=result.reason)
    elif result.status == "warned":
        SubElement(case, "system-out").text = words
