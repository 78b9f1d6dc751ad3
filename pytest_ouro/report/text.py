"""Render rule results and findings as plain text, whose first line can be understood alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import BoundError
from pytest_ouro.core.escape import escape_lines, quoted
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.finding import several

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.core.finding import Finding, RuleResult, Status
    from pytest_ouro.engine import Answer
    from pytest_ouro.evidence.trust import Trust

#: Findings of one rule that are shown; a rule takes a dozen lines at most.
SHOWN = 3
_WORDS = {"broken": "BROKEN", "warned": "WARNS", "holds": "HOLDS", "skipped": "SKIPPED"}


def render(answers: Sequence[Answer]) -> str:
    """Return the text of the rules that are broken or warn, and for each answer a line that sums it
    up. For an answer with a broken rule, a line before says how to get to the repository's top, if
    pytest-ouro was called outside of the repository. Without an answer, the text says that nothing
    is pushed that could be judged."""
    lines: list[str] = []
    for answer in answers:
        lines += _render_rules(answer.results)
        away = answer.case.repository.git.way_to_top
        if answer.broken and away:
            lines.append(f"paths and commands are for the top of the repository: cd {quoted(away)}")
        word = "broken" if answer.broken else "lawful"
        ref = f"{answer.ref}: " if answer.ref else ""
        lines.append(f"ouro: {ref}{word}: {count(answer.results)}, trust: {answer.case.trust}")
    return escape_lines(*lines) or "ouro: nothing is pushed that could be judged"


def _render_rules(results: Sequence[RuleResult]) -> Iterator[str]:
    """Yield the lines of each rule that is broken or warns, not yet escaped. A finding is left out
    if earlier broken rules have reported the same line of a file, or all the changed files that it
    is about (`_subjects`). If this leaves out all findings of a rule, yield one line for it, which
    names the first three files and counts the others."""
    reported: set[object] = set()
    for result in results:
        if result.status not in ("broken", "warned"):
            continue
        new = [finding for finding in result.findings if not _subjects(finding) <= reported]
        if new or not result.findings:
            yield from _result_lines(replace(result, findings=tuple(new)), "bound.toml")
        else:
            paths = sorted({str(finding.facts["path"]) for finding in result.findings})
            word = _WORDS[result.status]
            yield f"{result.rule} {word}: by the same change of {several(paths)}"
        if result.broken:
            reported = reported.union(*map(_subjects, result.findings))


def _subjects(finding: Finding) -> set[object]:
    """Return the set of what a finding is about, by which `_render_rules` finds out whether an
    earlier rule reported the same: its file and line if it names both; else its changed files if it
    names a file and has any; else Python's ``id`` of the finding, which no other finding has."""
    path, line = finding.facts.get("path"), finding.facts.get("line")
    if path and line:
        return {(path, line)}
    return set(finding.paths) if path and finding.paths else {id(finding)}


def render_error(error: OuroError) -> str:
    """Return "", the text for standard output: the command line prints the error to standard
    error."""
    return ""


def result_text(result: RuleResult, *, bound: str) -> str:
    """Return the result of one rule as escaped text: for each of the first SHOWN findings, a line
    with the rule and the headline, then a few details; without findings, one line. ``bound`` is the
    name of the file of rules."""
    return escape_lines(*_result_lines(result, bound))


def _result_lines(result: RuleResult, bound: str) -> list[str]:
    """Return the lines of one rule, not yet escaped: of at most SHOWN findings, then one with the
    number of the others, if any. A rule without findings has one line, with its reason if it has
    one."""
    title = f"{result.rule} {_WORDS[result.status]}"
    if not result.findings:
        return [f"{title}: {result.reason}" if result.reason else title]
    parts: list[str] = []
    for finding in result.findings[:SHOWN]:
        rule = f"{bound}:{result.line} [{result.check}]  why: {result.sentence}"
        warns = f"only warns: {result.reason}" if result.reason else ""
        help = f"help: {finding.help}" if finding.help else ""
        details = [f"  {line}" for line in (rule, finding.where, warns, help) if line]
        parts += [f"{title}: {finding.headline}", *details]
    more = len(result.findings) - SHOWN
    if more > 0:
        parts.append(f"  and {more} more: pytest-ouro gate --json shows all")
    return parts


def error_text(error: OuroError) -> str:
    """Return an error as escaped lines of one text: its message, or each problem of a BoundError,
    then its help if it has one."""
    problems = error.problems if isinstance(error, BoundError) else (error.message,)
    return escape_lines(*problems, *([f"  help: {error.help}"] if error.help else []))


def finding_text(finding: Finding, *, sentence: str = "", trust: Trust | None = None) -> str:
    """Return one finding as escaped lines of one text: what, where, why (the rule's ``sentence``,
    if given), by whose rules (``trust``, if given) and help. A part that is empty has no line."""
    why = f"why: {sentence}" if sentence else ""
    whose = f"trust: {trust}" if trust else ""
    help = f"help: {finding.help}" if finding.help else ""
    parts = filter(None, (finding.headline, finding.where, why, whose, help))
    return escape_lines(*parts)


def count(results: Sequence[RuleResult]) -> str:
    """Return the counts of the rules as ``12 rules hold, 1 broken, 2 skipped``. Those that hold are
    always counted, also 0. Another status is counted only if a rule has it. Rules that were judged
    from rows which the supervisor did not write follow, if any, as ``3 judged from claims``."""
    found = Counter(result.status for result in results)
    words = [f"{found['holds']} {'rule holds' if found['holds'] == 1 else 'rules hold'}"]
    others: tuple[Status, ...] = ("broken", "warned", "skipped")
    words += [f"{found[status]} {status}" for status in others if found[status]]
    claimed = sum(result.claimed for result in results)
    words += [f"{claimed} judged from claims"] if claimed else []
    return ", ".join(words)
