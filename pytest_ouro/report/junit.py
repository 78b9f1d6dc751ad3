"""Render rule results as JUnit XML, which CI servers show beside the tests.

pytest's own writer is not used: the gate must not load pytest and the project's settings of it.
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
    """Render a suite for each answer, with a test case for each rule."""
    suites = Element("testsuites")
    for answer in answers:
        results = answer.judgements
        suite = _suite(
            suites,
            f"ouro {answer.ref}".strip(),
            tests=len(results),
            failures=sum(result.broken for result in results),
            skipped=len(results) - len(answer.ran),
        )
        for result in results:
            _case(suite, result)
    return ElementTree.tostring(suites, encoding="unicode")


def render_error(error: OuroError) -> str:
    """Render a suite with an error in it: nothing could be judged."""
    suites = Element("testsuites")
    suite = _suite(suites, "ouro", tests=1, errors=1)
    case = SubElement(suite, "testcase", classname="ouro", name="could not judge", time="0")
    SubElement(case, "error", message=text.printable(error.message)).text = _lines(str(error))
    return ElementTree.tostring(suites, encoding="unicode")


def _suite(suites: Element, name: str, **counts: int) -> Element:
    attributes = {"name": text.printable(name), "time": "0"}
    for key in ("tests", "failures", "errors", "skipped"):
        attributes[key] = str(counts.get(key, 0))
    return SubElement(suites, "testsuite", attributes)


def _case(suite: Element, result: RuleResult) -> None:
    section, _, name = result.rule.partition("::")
    case = SubElement(suite, "testcase", classname=section, name=name, time="0")
    words = text.result_text(result, bound="bound.toml")
    if result.broken:
        message = text.printable(result.findings[0].headline)
        SubElement(case, "failure", message=message).text = words
    elif result.status == "skipped":
        SubElement(case, "skipped", message=text.printable(result.reason))
    elif result.status == "warned":
        SubElement(case, "system-out").text = words


def _lines(words: str) -> str:
    return "\n".join(text.printable(line) for line in words.splitlines())
