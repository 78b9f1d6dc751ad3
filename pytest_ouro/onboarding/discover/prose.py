"""Read what the instructions for an agent state: program.md, autoresearch.md and the like.

Nothing in them is run or obeyed. They name the command, the metric, the files to edit and the
fixed ones, and the time of a run, mostly in the words of the original's program.md.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from pytest_ouro.bound.tables import METRIC
from pytest_ouro.onboarding import phrases

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The files in which people write instructions for the agent of a loop.
FILES = (
    *("program.md", "PROGRAM.md", "autoresearch.md", "AUTORESEARCH.md", "prompt.md", "loop.md"),
    *("instructions.md", "INSTRUCTIONS.md", "research.md", "agent.md", "TASK.md", "task.md"),
    *("CLAUDE.md", "AGENTS.md", "README.md"),
)
#: Programs that start an experiment, as the first word of a command.
_RUNNERS = re.compile(
    r"(?:python[\d.]*|uv|uvx|poetry|pixi|conda|bash|sh|zsh|make|just|task|cargo|go|node|npm|npx|pnpm"
    r"|yarn|bun|deno|tsx|julia|Rscript|ruby|bundle|rake|zig|swift|java|mvn|dotnet|php|perl|lua|mix"
    r"|stack|cabal|dune|ctest|pytest|torchrun|accelerate|\./[\w./-]+|[\w./-]+\.(?:sh|py))"
)
#: Words of commands that prepare, install or inspect, and run no experiment.
_ASIDE = re.compile(
    r"\b(?:install|sync|prepare\w*|setup\w*|download\w*|init|add|clean|lint|fmt|format|check|clippy"
    r"|--help|--stats|--history|--baseline|ls|test|tests|dashboard|watch|plot\w*|analy\w+)\b"
)
_REDIRECTED = re.compile(r"^(.*?)\s*(?:[12&]?>{1,2}\s*\S+|\|\s*tee\b).*$")
_RUN = re.compile(r"\b(?:run|launch|execute|start|evaluate|benchmark|command)\b", re.IGNORECASE)
_GREP = re.compile(r"""grep\s+(?:-\w+\s+)*["']\^?(?:METRIC )?([A-Za-z_][\w/]*)\s*[:=]""")
_NAME = r"[`*\"']*([A-Za-z_]\w*)[`*\"']*"
_METRIC = (
    _GREP,
    re.compile(rf"(?i)primary(?: metric)?[*`]*\s*[:—-]+\s*[*`]*\s*{_NAME}"),
    re.compile(r"(?i)\b(?:lowest|highest|maximi[sz]e|minimi[sz]e)[*]*\s+(?:the\s+)?`(\w+)`"),
    re.compile(r"(?i)\b(?:lowest|highest|maximi[sz]e|minimi[sz]e)\s+(?:the\s+)?([a-z]\w*_\w+)"),
    re.compile(r"METRIC ([A-Za-z_]\w*)="),
)
_UNIT = re.compile(r"(?i)metric unit:\s*`?([^\s`]+)")
#: Words that say which values are better: plainly, and beside the metric's name alone.
_PLAIN = (
    r"\b(lower|higher) (?:is|=|are) better|\bdirection\W{1,6}(?:to )?(lower|higher|minimi|maximi)"
)
_BESIDE = rf"{_PLAIN}|\b(lowest|highest|minimi|maximi|lower|higher|reduce|increase)"
_MEANS = {"lower": "lower", "lowest": "lower", "minimi": "lower", "reduce": "lower"}
_NOT = r"\b(?:cannot|can't|can not|not|never|off[- ]limits|read[- ]only|fixed|frozen|forbidden)\b"
_MAY = (
    r"\bcan (?:do|modify|edit|change)\b|^files? in scope|^in[- ]scope files?|\beditable\b"
    r"|\bmay (?:edit|modify|change)\b|\bcan modify\b|\bmutable\b|files? (?:you|to) (?:edit|modify)"
)
_EDITED = (
    r"\bfiles? (?:that )?you (?:may |can )?(?:modify|edit|change)\b|\byou (?:modify|edit) this"
)
_KEPT = (
    r"\b(?:do not|don't|never) (?:modify|edit|change|touch)|\bread[- ]only\b"
    r"|\bfixed (?:eval|harness)"
)
#: How many forbidden things, and how long ones, are taken as rules: longer lists are notes.
_MOST, _LONGEST = 24, 300
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(.*)$")
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Prose:
    """What instructions state, in the order in which they state it; what they leave out is empty.

    ``commands`` run an experiment, ``budget`` and ``limit`` are seconds of training and of a whole
    run, ``editable`` and ``fixed`` name files, ``forbidden`` are the words of what an agent may not
    do, each with its line. ``text`` is all of it without what is fenced; ``file`` is "" without
    instructions.
    """

    file: str = ""
    commands: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    unit: str = ""
    editable: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    budget: float | None = None
    limit: float | None = None
    forbidden: tuple[tuple[int, str], ...] = ()
    text: str = ""

    def direction(self, metric: str) -> str:
        """Return ``lower`` or ``higher``, as a sentence with the metric's name says, else as any
        sentence says plainly; "" if none does."""
        named = re.compile(rf"(?<!\w){re.escape(metric)}(?!\w)", re.IGNORECASE)
        sentences = re.split(r"(?<=[.!?])\s|\n", self.text)
        beside = [sentence for sentence in sentences if named.search(sentence)]
        for pattern, searched in ((_BESIDE, beside), (_PLAIN, sentences)):
            for sentence in searched:
                if found := re.search(pattern, sentence, re.IGNORECASE):
                    word = next(group for group in found.groups() if group).lower()
                    return _MEANS.get(word, "higher")
        return ""

    @property
    def is_loop(self) -> bool:
        """Whether the text is about an experiment: it names a metric, or files to edit."""
        return bool(self.metrics or self.editable)


@dataclass(frozen=True)
class _Line:
    """A line of a text with its number, the heading above it, and whether it is in a fence."""

    number: int
    text: str
    heading: str
    fenced: bool


def read(text: str, file: str) -> Prose:
    """Return what a text of instructions states, each part empty if it states none; ``file`` is its
    name. A file that may be edited is not among the fixed ones, and only the first `_MOST` things
    that are forbidden are kept."""
    lines = list(_lines(text))
    plain = "\n".join(line.text for line in lines if not line.fenced)
    whole = "\n".join(line.text for line in lines)
    editable, fixed = _files(lines)
    return Prose(
        file=file,
        commands=tuple(_commands(lines)),
        metrics=tuple(name for name in _found(_METRIC, whole) if re.fullmatch(METRIC[0], name)),
        unit=next(iter(_UNIT.findall(plain)), ""),
        editable=tuple(dict.fromkeys(editable)),
        fixed=tuple(path for path in dict.fromkeys(fixed) if path not in editable),
        budget=_seconds(plain, r"budget|wall[- ]clock|training time"),
        limit=_seconds(plain, r"\bexceeds?\b|timeout|time limit|\bkill it\b"),
        forbidden=tuple(islice(_forbidden(lines), _MOST)),
        text=plain,
    )


def read_settings(table: dict[str, object], file: str) -> Prose:
    """Return what the table of autoresearch.toml states: ``eval_command``, ``target_file``,
    ``metric_name``, ``metric_direction`` and ``time_budget_seconds``, which is the ``limit``. A
    value of another type than text, or for the time a number above 0, is left out."""

    def text(key: str) -> str:
        value = table.get(key)
        return value if isinstance(value, str) else ""

    limit = table.get("time_budget_seconds")
    return Prose(
        file=file,
        commands=tuple(filter(None, [text("eval_command")])),
        metrics=tuple(filter(None, [text("metric_name")])),
        editable=tuple(filter(None, [text("target_file")])),
        limit=float(limit) if isinstance(limit, int | float) and limit > 0 else None,
        text=f"direction: {text('metric_direction')}",
    )


def _lines(text: str) -> Iterator[_Line]:
    """Yield the lines of a Markdown text, without those that begin or end a fence. A line in bold,
    or a short one that begins with a capital letter and ends with a colon, is a heading too."""
    heading, fenced = "", False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            continue
        bold = re.fullmatch(r"\s*\*\*(.+?):?\*\*:?\s*|\s*([A-Z][^`.]{3,60}):\s*", line)
        if not fenced and (found := re.match(r"#+\s+(.*)", line)):
            heading = found[1]
        elif not fenced and bold:
            heading = bold[1] or bold[2]
        yield _Line(number, line, heading, fenced)


def _found(patterns: tuple[re.Pattern[str], ...], text: str) -> tuple[str, ...]:
    """Return what the patterns find in a text, those of the first pattern first, each once; () if
    nothing."""
    return tuple(dict.fromkeys(name for pattern in patterns for name in pattern.findall(text)))


def _seconds(text: str, about: str) -> float | None:
    """Return the first duration, in seconds, in a sentence that matches the pattern ``about``; None
    if there is none."""
    for sentence in re.split(r"(?<=[.!?])\s|\n", text):
        if re.search(about, sentence, re.IGNORECASE) and (found := phrases.seconds(sentence)):
            return found
    return None


def _commands(lines: list[_Line]) -> Iterator[str]:
    """Yield the commands that run an experiment, each once, without prompt and redirection: first
    those whose output goes to a file or to ``tee``, then those whose line or heading has a word
    such as run, launch or benchmark; in a fence the heading alone counts. Outside of fences only
    text in backquotes is read."""
    redirected, called = [], []
    for line in lines:
        spans = [line.text] if line.fenced else _SPAN.findall(line.text)
        for span in spans:
            command = span.strip().removeprefix("$ ").removeprefix("> ")
            found = None if re.search(r"<[\w .-]+>", command) else _REDIRECTED.match(command)
            plain = (found[1] if found else command).strip()
            if not _is_command(plain):
                continue
            if found:
                redirected.append(plain)
            elif _RUN.search(line.heading if line.fenced else f"{line.heading} {line.text}"):
                called.append(plain)
    yield from dict.fromkeys([*redirected, *called])


def _is_command(words: str) -> bool:
    """Return whether the words are a command that may run an experiment: a known runner with an
    argument, or the path of a script; and no word that prepares or inspects."""
    try:
        parts = shlex.split(words)
    except ValueError:
        return False
    is_call = len(parts) > 1 or bool(parts and re.search(r"[./]", parts[0]))
    return is_call and bool(_RUNNERS.fullmatch(parts[0])) and not _ASIDE.search(words)


def _files(lines: list[_Line]) -> tuple[list[str], list[str]]:
    """Return a tuple: the paths that may be edited, and those that are fixed, by the words of a
    line, else by the heading above a bullet; fenced lines are not read. A line that lets files be
    edited gives its first path alone, unless it says ``only a.py and b.py``. A path may be in a
    list twice, or in both."""
    editable: list[str] = []
    fixed: list[str] = []
    for line in lines:
        if line.fenced:
            continue
        bullet = _BULLET.match(line.text)
        words = bullet[1] if bullet else line.text
        above = line.heading if bullet else ""
        paths = _paths(words)
        if only := phrases.only_files(words):
            editable += only
        elif paths and _says(_EDITED, words):
            editable.append(paths[0])
        elif paths and (_says(_KEPT, words) or _says(_NOT, above)):
            fixed += paths
        elif paths and _says(_MAY, above):
            editable.append(paths[0])
    return editable, fixed


def _says(pattern: str, text: str) -> bool:
    """Return whether the pattern is found in a text, in any case."""
    return bool(re.search(pattern, text, re.IGNORECASE))


def _paths(words: str) -> list[str]:
    """Return the paths in some words: words in backquotes with a dot or a slash, else plain files
    before the first `` — ``. Absolute ones, and those that begin with ``~`` or ``..``, are left
    out."""
    quoted = [
        span for span in _SPAN.findall(words) if re.fullmatch(r"[\w*./-]*[./][\w*./-]*", span)
    ]
    found = quoted or re.findall(phrases.FILE, re.sub(r"`[^`]*`", " ", words.partition(" — ")[0]))
    return [path.removeprefix("./") for path in found if not path.startswith(("/", "~", ".."))]


def _forbidden(lines: list[_Line]) -> Iterator[tuple[int, str]]:
    """Yield the line and the words of each bullet under a heading of what an agent may not do, or
    of rules or constraints; bullets of more than _LONGEST characters are left out."""
    for line in lines:
        bullet = None if line.fenced else _BULLET.match(line.text)
        is_rule = re.search(rf"{_NOT}|\brules?\b|\bconstraints?\b", line.heading, re.IGNORECASE)
        if bullet and is_rule and len(bullet[1]) <= _LONGEST:
            yield line.number, bullet[1].strip()
