"""Read and write the BOUND section of a Markdown file: DANGER ZONES, NEVER DO and IRON LAWS as
bullets.

`init --render` adds to each bullet how it is judged, as in
``(enforced: modify-prepare, frozen {paths = ["prepare.py"]})``; that is read back as the same rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pytest_ouro.checks import load
from pytest_ouro.core.problems import Problems
from pytest_ouro.core.schema import read_table
from pytest_ouro.evidence import toml
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import Statement
from pytest_ouro.onboarding.document import inline_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_ouro.onboarding import Value

BEGIN = "<!-- pytest-ouro: bound (written by `pytest-ouro init --render`) -->"
END = "<!-- pytest-ouro: end -->"
TITLES = {"danger-zone": "DANGER ZONES", "never-do": "NEVER DO", "iron-law": "IRON LAWS"}

_KINDS = {
    "danger-zone": re.compile(r"\bdanger[\W_]*zones?\b", re.IGNORECASE),
    "never-do": re.compile(r"\bnever[\W_]*do\b", re.IGNORECASE),
    "iron-law": re.compile(r"\biron[\W_]*laws?\b", re.IGNORECASE),
}
_BOUND = re.compile(r"\W*(?:BOUND\b|(?i:(?:the )?bound)\W*$)")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_BULLET = re.compile(r"\s*(?:[-*+•]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?(.*\w.*)$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_JUDGED = re.compile(
    r"\((enforced|warns|judged by people): ([a-z0-9-]+)(?:, ([a-z0-9-]+))?((?: \{|; ).*)?\)$"
)
_INTRO = (
    "These rules are stated in bound.toml and judged by `pytest-ouro gate` and in every run.",
    "What is marked enforced fails; to change this text changes nothing.",
)


@dataclass(frozen=True)
class Bullet:
    """One rule of a section in its own words, which begin in the line with this number, from 1.
    ``section`` is its table in bound.toml, such as ``never-do``. ``statement`` is the rule with the
    check that the bullet itself names; None if it names none."""

    section: str
    words: str
    line: int
    statement: Statement | None = None


@dataclass(frozen=True)
class Section:
    """The rules that people stated in the Markdown file ``file``. ``orphan_lines`` are the numbers,
    from 1, of the lines of bullets below a heading BOUND that are under none of the three
    headings."""

    file: str
    bullets: tuple[Bullet, ...]
    orphan_lines: tuple[int, ...]


@dataclass(frozen=True)
class _Line:
    """One line of Markdown with its number, from 1; ``level`` is 0 unless it is a heading."""

    number: int
    text: str
    level: int = 0  # of a heading


def read(text: str, file: str) -> Section | None:
    """Return the rules that a Markdown text states; None if it has neither a heading BOUND nor one
    of the three headings. With headings BOUND, only what is below them counts. ``file`` is the name
    for messages.

    OuroError if there is such a heading and no rule, or if a bullet names a check that does not
    exist or cannot be imported, or parameters that are not TOML or that the check does not take.
    """
    lines = list(_lines(text))
    titled = [line for line in lines if line.level and _BOUND.match(line.text)]
    if not titled and not any(line.level and _kind(line.text) for line in lines):
        return None
    if titled:
        below = {line for title in titled for line in _under(title, lines)}
        lines = [line for line in lines if line in below]
    found: list[tuple[str, int, list[str]]] = []
    orphan_lines: list[int] = []
    kind, level, is_open = "", 0, False
    for line in lines:
        bullet = _BULLET.match(line.text)
        if line.level:
            is_open = False
            if named := _kind(line.text):
                kind, level = named, line.level
            elif line.level <= level:
                kind, level = "", 0
        elif bullet and kind:
            found.append((kind, line.number, [bullet[1].strip()]))
            is_open = True
        elif bullet:
            orphan_lines += [line.number] if titled else []
        elif not line.text.strip():
            is_open = False
        elif found and kind and (is_open or line.text.startswith(("  ", "\t"))):
            found[-1][2].append(line.text.strip())
    if not found:
        raise messages.no_rule(file)
    return Section(file, tuple(_bullet(file, *one) for one in found), tuple(orphan_lines))


def states_rules(heading: str) -> bool:
    """Return whether a heading, without its marks ``#``, begins a BOUND section or one of its three
    kinds of rules."""
    return bool(_BOUND.match(heading) or _kind(heading))


def has_bound(text: str) -> bool:
    """Return whether a Markdown text has a heading BOUND, or the marker at the start of a rendered
    section."""
    return BEGIN in text or any(line.level and _BOUND.match(line.text) for line in _lines(text))


def render(statements: Iterable[Statement], before: Iterable[str] = ()) -> list[str]:
    """Return the section of the rules as lines, with its markers; a heading without rules is left
    out. The lines ``before`` stand between the first marker and the heading BOUND."""
    lines = [BEGIN, *before, "## BOUND", "", *_INTRO]
    statements = list(statements)
    for section, title in TITLES.items():
        own = [statement for statement in statements if statement.section == section]
        if own:
            lines += ["", f"### {title}", ""]
        for statement in own:
            lines += [f"- {' '.join(statement.words.split())}", f"  {_judged(statement)}"]
    return [*lines, "", END]


def replace(text: str, section: list[str], file: str) -> str:
    """Return the text with ``section`` (its lines) in place of the two markers and what is between
    them, else of the heading BOUND and what is under it; if the text has neither, ``section`` is
    added at the end.

    All other text stays the same. OuroError, with ``file`` as the name, if the markers are not one
    pair, or, without markers, if there are several headings BOUND, or rules under none.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    kept = text.split("\n")
    start, end = _place(kept, text, file)
    new = [line + newline.removesuffix("\n") for line in section]
    if start == len(kept):  # at the end, with an empty line before
        body = text if not text or text.endswith("\n") else text + newline
        gap = newline if body else ""
        return body + gap + newline.join(section) + newline
    return "\n".join([*kept[:start], *new, *kept[end:]])


def _place(lines: list[str], text: str, file: str) -> tuple[int, int]:
    """Return which lines of a text the section replaces, as a tuple of two line numbers from 0: the
    first line, and the line after the last. They are the lines of the two markers and between, else
    the heading BOUND and what is under it, without empty lines at its end; if there is neither,
    both are the number of lines. OuroError as in `replace`; ``file`` is the name for messages."""
    begins = [n for n, line in enumerate(lines) if line.strip() == BEGIN]
    ends = [n for n, line in enumerate(lines) if line.strip() == END]
    if begins or ends:
        if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
            raise messages.unpaired_markers(file, len(begins), len(ends))
        return begins[0], ends[0] + 1
    read_lines = list(_lines(text))
    titled = [line for line in read_lines if line.level and _BOUND.match(line.text)]
    if len(titled) > 1:
        raise messages.several_sections(file, [line.number for line in titled])
    if not titled:
        if any(line.level and _kind(line.text) for line in read_lines):
            raise messages.rules_outside_section(file)
        return len(lines), len(lines)
    title, end = titled[0], len(lines)
    for line in read_lines:
        if line.number > title.number and 0 < line.level <= title.level:
            end = line.number - 1
            break
    while end > title.number and not lines[end - 1].strip():
        end -= 1
    return title.number - 1, end


def _lines(text: str) -> Iterator[_Line]:
    """Yield the lines outside of fenced code and comments; a heading with its level, without its
    marks ``#``. A fence or comment that is never closed reaches to the end."""
    fence, comment = "", False
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.rstrip("\r")
        if comment:
            comment = "-->" not in line
        elif fence:
            fence = "" if line.strip().startswith(fence) else fence
        elif opened := _FENCE.match(line):
            fence = opened[1]
        elif line.strip().startswith("<!--"):
            comment = "-->" not in line
        elif heading := _HEADING.match(line):
            yield _Line(number, heading[2], len(heading[1]))
        else:
            yield _Line(number, line)


def _under(title: _Line, lines: list[_Line]) -> Iterator[_Line]:
    """Yield the lines below a heading, up to the next heading of its level or of a higher one, or
    to the end."""
    for line in lines[lines.index(title) + 1 :]:
        if line.level and line.level <= title.level:
            return
        yield line


def _kind(heading: str) -> str:
    """Return the section of the bound that a heading names, such as ``never-do``; "" if it names
    none."""
    return next((kind for kind, words in _KINDS.items() if words.search(heading)), "")


def _bullet(file: str, section: str, line: int, parts: list[str]) -> Bullet:
    """Return the bullet that consists of the lines ``parts``, the first of which is ``line`` of
    ``file``. If the last of several lines says how the rule is judged, it gets that statement;
    OuroError if that is not valid."""
    said = _JUDGED.match(parts[-1]) if len(parts) > 1 else None
    if said is None:
        return Bullet(section, " ".join(parts), line)
    how, id, check, rest = said.groups("")
    params, reason = _params(rest, f"{file}:{line}")
    words = " ".join(parts[:-1])
    statement = Statement(
        section,
        id,
        words,
        "human" if how == "judged by people" else check,
        params,
        "warn" if how == "warns" else "error",
        reason.removeprefix("; "),
    )
    _validate(statement, file, line)
    return Bullet(section, words, line, statement)


def _params(rest: str, place: str) -> tuple[Mapping[str, Value], str]:
    """Return a tuple: the table in a text such as ``" {paths = []}; why"``, and the text after it;
    both may contain braces. ({}, the whole text) if it does not begin with a table; OuroError, with
    ``place``, its file and line, if that is not TOML. A value may still have a type that no
    parameter has, such as a date; `_validate` refuses it."""
    if not rest.startswith(" {"):
        return {}, rest
    for brace in re.finditer("}", rest):
        try:
            table = toml.loads(f"x = {rest[: brace.end()]}")["x"]
        except ValueError:
            continue
        return cast("Mapping[str, Value]", table), rest[brace.end() :]
    raise messages.not_a_table(place, rest.strip())


def _validate(statement: Statement, file: str, line: int) -> None:
    """Raise OuroError, with the line, if the check does not exist, cannot be imported or does not
    take the parameters."""
    problems, place = Problems(file, "", line), f"{file}:{line}"
    try:
        read_table(load(statement.check), dict(statement.params), (statement.section,), problems)
    except KeyError:
        raise messages.no_such_check(place, statement.check) from None
    except ImportError as error:
        raise messages.unusable_check(place, statement.check, str(error)) from None
    if problems.found:
        raise messages.invalid_parameters([*problems.sorted()])


def _judged(statement: Statement) -> str:
    """Return how a rule is judged, as the line below its words, without its indentation."""
    if statement.check == "human":
        return f"(judged by people: {statement.id}; {statement.reason})"
    how = "warns" if statement.severity == "warn" else "enforced"
    check = f"{statement.check} {inline_table(statement.params)}".rstrip()
    reason = f"; {statement.reason}" if statement.reason else ""
    return f"({how}: {statement.id}, {check}{reason})"
