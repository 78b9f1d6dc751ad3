"""Find what a Markdown text of people says against the loop: to run the script by hand, to write
rows, to reset the branch. In a file that stays, each section that says so is marked; of what a
rendered program keeps, such words are left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.onboarding.section import BEGIN, END, states_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.bound.tables import Experiment

#: Stands below the heading of a section that says something against the loop.
NOTE = (
    "> pytest-ouro runs, records and settles. Where this section says otherwise, the loop in "
    "{place} counts."
)
_NOTED = re.compile(r"> pytest-ouro runs, records and settles\.")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*)")
_FENCE = re.compile(r"\s*(```|~~~)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s")
_LAUNCH = r"(?:\b(?:python[\d.]*|uv run|torchrun|accelerate launch|bash|sh)\b[^\n`]*[\s/]|\./)"
_READS_LOG = r"(?:\b(?:grep|tail|head|cat|less)\b[^\n]*|>\s*)\brun\.log\b"
_MOVES_BRANCH = r"\bgit[\s_-]?(?:reset|revert)\b"
_WRITES = r"\b(?:log|record|append|write|add|create|initiali[sz]e|update)(?:s|ed|ing|e)?\b"
#: Sections about how a run is made and recorded; of these only advice is kept.
_ABOUT_RUNS = re.compile(r"\b(?:loop|log|logging|output|results?|run|running)\b", re.IGNORECASE)
_ADVICE = re.compile(
    r"never stop|do not (?:stop|pause|ask)|don't (?:stop|pause|ask)|memory|vram|\bbranch\b"
    r"|simplicity",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Block:
    """A part of a Markdown text: a heading, a list item, a paragraph or fenced code. ``lines`` are
    its lines, ``level`` is the level of a heading and 0 for all else. ``gap`` says whether an empty
    line stands before it; it is True for a heading and for what follows one."""

    lines: list[str]
    level: int = 0
    gap: bool = False

    @property
    def text(self) -> str:
        """The lines joined by line ends."""
        return "\n".join(self.lines)

    @property
    def advises(self) -> bool:
        """Whether it has words of advice (never to stop, memory, the branch, simplicity) and is not
        code."""
        return bool(_ADVICE.search(self.text)) and not _FENCE.match(self.lines[0])


def mark(text: str, experiment: Experiment, place: str) -> str:
    """Return the text with a note in each section that contradicts the loop (says to run the script
    by hand, to write rows or to move the branch); the note says that the loop in ``place`` counts.
    It stands below the section's heading, or at its start if it has none. A section that has the
    note already, or that lies between the markers of the rendered rules, is unchanged."""
    newline = "\r\n" if "\r\n" in text else "\n"
    against = _against(experiment)
    new: list[str] = []
    ours = False
    for section in _sections(text.split(newline)):
        body = "\n".join(section)
        ours = ours or BEGIN in body
        if not ours and against.search(body) and not _NOTED.search(body):
            title = [line for line in section[:1] if _HEADING.match(line)]
            rest = section[len(title) :]
            gap = [] if rest[:1] == [""] else [""]
            new += [*title, *[""][: len(title)], NOTE.format(place=place), *gap, *rest]
        else:
            new += section
        ours = ours and END not in body
    return newline.join(new)


def keep(text: str, experiment: Experiment) -> str:
    """Return the parts that stay valid beside the rendered loop and rules, of a program that people
    wrote: ``text``, instructions for an agent. Headings are one level lower; "" if nothing is left.

    Left out are headings of level 1, sections of rules, each paragraph, list item or code block
    that contradicts the loop (`_against`), and each one that ends with a colon directly before one
    that does. Of a section about runs whose text contradicts the loop, only advice is kept, as in
    `_Block.advises`.
    """
    against = _against(experiment)
    parts: list[list[_Block]] = [[]]
    for block in _blocks(text.replace("\r\n", "\n").split("\n")):
        parts += [[]] if block.level else []
        parts[-1].append(block)
    found = [left for part in parts if (left := _select(part, against))]
    return "\n".join(_text(found))


def _select(part: list[_Block], against: re.Pattern[str]) -> list[_Block]:
    """Return the blocks of the section ``part`` that `keep` keeps, its heading first and one level
    lower (a heading of level 1 is left out); [] for a section of rules, or if only its heading
    would be kept. ``against`` matches words that contradict the loop, see `_against`."""
    title = part[:1] if part and part[0].level else []
    if title and states_rules(title[0].lines[0].lstrip("# ")):
        return []
    body = part[len(title) :]
    bad = [bool(against.search(block.text)) for block in body]
    if any(bad) and title and _ABOUT_RUNS.search(title[0].text):
        left = [b for b, no in zip(body, bad, strict=True) if not no and b.advises]
    else:
        left = []
        for n, block in enumerate(body):
            leads = block.text.rstrip().endswith(":")  # to code or a list that is left out
            if not bad[n] and not (leads and bad[n + 1 : n + 2] == [True]):
                left.append(block)
    lower = [_Block(["#" + block.lines[0].strip()], block.level) for block in title]
    return [*(block for block in lower if block.level > 1), *left] if left else []


def _text(parts: list[list[_Block]]) -> Iterator[str]:
    """Yield the lines of sections, with an empty line where the text had one, and around a
    heading."""
    for number, part in enumerate(parts):
        for place, block in enumerate(part):
            after_title = place > 0 and part[place - 1].level
            if (number or place) and (block.gap or place == 0 or after_title):
                yield ""
            yield from block.lines


def _against(experiment: Experiment) -> re.Pattern[str]:
    """Return a regular expression for words that contradict the loop of this experiment: to start
    its program, to read its log, to move the branch, or to write rows into its ledger."""
    program = re.escape(experiment.program)
    launch = _LAUNCH + program if experiment.script else program
    ledger = re.escape(experiment.ledger.rpartition("/")[2])
    rows = f"{_WRITES}[^#]{{0,80}}{ledger}"
    patterns = (rf"{launch}\b", _READS_LOG, _MOVES_BRANCH, rows)
    return re.compile("|".join(patterns), re.IGNORECASE)


def _sections(lines: list[str]) -> Iterator[list[str]]:
    """Yield the lines of each section, its heading first; the lines before the first heading are
    one too. Fenced code has no headings. One empty list for no lines."""
    found: list[str] = []
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
        elif not fence and _HEADING.match(line) and found:
            yield found
            found = []
        found.append(line)
    yield found


def _blocks(lines: list[str]) -> Iterator[_Block]:
    """Yield the blocks of a Markdown text, given by its lines, in their order; code that is not
    closed reaches to the end."""
    found: list[str] = []
    fence, gap = "", False
    for line in [*lines, ""]:
        mark = _FENCE.match(line)
        if fence:
            found.append(line)
            if mark and mark[1] == fence:
                yield _Block(found, gap=gap)
                found, fence, gap = [], "", False
            continue
        heading = _HEADING.match(line)
        if found and (not line.strip() or mark or heading or _ITEM.match(line)):
            yield _Block(found, gap=gap)
            found, gap = [], False
        if heading:
            yield _Block([line], len(heading[1]), True)
            gap = True
        elif line.strip():
            found.append(line)
            fence = mark[1] if mark else ""
        else:
            gap = True
    if found:  # code that is not closed
        yield _Block(found, gap=gap)
