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

from pytest_ouro.bound.relations import TAKEN
from pytest_ouro.core.schema import NAME
from pytest_ouro.onboarding import phrases
from pytest_ouro.onboarding.file_words import BULLET, NOT, SPAN, files, holds, paths_in, says
from pytest_ouro.onboarding.languages import in_english

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The files in which people write instructions for the agent of a loop.
FILES = (
    *("program.md", "PROGRAM.md", "autoresearch.md", "AUTORESEARCH.md", "prompt.md", "loop.md"),
    *("instructions.md", "INSTRUCTIONS.md", "research.md", "agent.md", "TASK.md", "task.md"),
)
#: Programs that start an experiment, as the first word of a command.
_RUNNERS = re.compile(
    r"(?:(?:[\w.-]+/)*python[\d.]*|uv|uvx|poetry|pixi|conda|bash|sh|zsh|make|just|task|cargo|go|node|npm|npx|pnpm"
    r"|yarn|bun|deno|tsx|julia|Rscript|ruby|bundle|rake|zig|swift|java|mvn|dotnet|php|perl|lua|mix"
    r"|stack|cabal|dune|ctest|pytest|torchrun|accelerate|\./[\w./-]+|[\w./-]+\.(?:sh|py))"
)
#: Words of commands that prepare, install or inspect, and run no experiment.
_ASIDE = re.compile(
    r"\b(?:install|sync|prepare\w*|setup\w*|download\w*|refresh\w*|ingest\w*|init|add|clean|lint|fmt|format|checks?|clippy"
    r"|ls|test|tests|dashboard|watch|plot\w*|analy\w+|\w*_?(?:loop|forever|campaign|sweep))\b(?!/)|(?<!\S)--(?:help|stats|history|baseline)\b"
)
_REDIRECTED = re.compile(r"^(.*?)\s*(?:[12&]?>{1,2}\s*\S+|\|\s*tee\b).*$")
_RUN = re.compile(
    r"(?i)\b(?:run(?:s with)?|launch|execute|start|evaluate|benchmark|command|usage|example"
    r"|train)\b"
)
#: Words of a comment in a fence that is about measuring.
_MEASURING = re.compile(r"(?i)\b(?:benchmark|evaluat|experiment|train)\w*")
#: Words that forbid to run what follows them.
_NOT_RUN = re.compile(r"(?i)\b(?:do not|don't|never)[\s*_]+(?:run|use|start|launch|execute)\b")
#: A formula of a score in a fence, and the words above it that say that it is one.
_FORMULA = re.compile(r"([A-Za-z_]\w*)\s*=\s*[\w(]")
_SCORED = re.compile(r"(?i)\b(?:scor(?:e|ing)|rank|metric|goal|formula|maximi[sz]e|minimi[sz]e)")
#: Words of a sentence that says what a loop is for.
_GOAL = re.compile(
    r"(?i)\b(?:primary|objective|goal|optimi[sz]\w*|maximi[sz]\w*|minimi[sz]\w*|highest|lowest|target|better"
    r"|the (?:\w+ )?metric|metric(?= is\b|\W{0,4}[:=]))\b"
)
_AIMS = re.compile(r"(?i)\b(?:maximi[sz]|minimi[sz]|highest|lowest|(?:higher|lower)\b.*\bbetter)")
_ASIDE_GOAL = re.compile(r"(?i)\b(?:secondary|supporting|tertiary|diagnostic)\b")
#: The head of a table of results, in which the metric follows the commit.
_HEAD = re.compile(r"(?m)^[ `|]*commit(?:\t| ?\| ?|\\t)((?:\w+(?:\t|\\t| ?\| ?))+)")
_GREP = re.compile(r"""grep\s+(?:-\w+\s+)*["']\^?(?:METRIC )?([A-Za-z_][\w/]*)\s*[:=]""")
_NAME = r"[`*\"']*([A-Za-z_]\w*(?:@\w+)?)[`*\"']*"
_METRIC = (
    _GREP,
    re.compile(rf"(?i)primary(?: metric)?[*`]*\s*[:—-]+\s*[*`]*\s*{_NAME}"),
    re.compile(
        r"(?i)\b(?:lowest|highest|maximi[sz]e|minimi[sz]e)[*]*\s+(?:the\s+)?[`*]+(\w+(?:@\w+)?)[`*]"
    ),
    re.compile(r"(?i)\b(?:lowest|highest|maximi[sz]e|minimi[sz]e)\s+(?:the\s+)?([a-z]\w*_\w+)"),
    re.compile(r"(?i)\b(?:maximi[sz]e|minimi[sz]e)[*]*\s+(?:[\w-]+\s+){1,4}`(\w+(?:@\w+)?)`"),
    re.compile(r"(?i)\b(?:gain|improvement|reduction|increase)s? (?:in|of) [`*]+(\w+)[`*]"),
    re.compile(r"METRIC ([A-Za-z_]\w*)="),
    re.compile(r"(?i)\bmetric\b[*`]*(?:\s*[:=]|\s+is)\s*[*`]+([A-Za-z_]\w*)"),
    # the first item of a list in the order of importance
    re.compile(
        r"(?i)\b(?:priority|priorities|importance|lexicographic\w*)\b[^\n]*:\s*\n\s*(?:1[.)]|[-*])"
        r"\s+[*]*`(\w+)`"
    ),
)
#: A fence, and lines of one that states a loop by its ``Scope:``, ``Metric:`` and ``Verify:``.
_FENCE = re.compile(r"(?m)^[ \t]*```.*\n((?:(?![ \t]*```).*\n)*)[ \t]*```")
_FIELD = re.compile(r"(?m)^[ \t]*(Scope|Metric|Verify):[ \t]+(\S.*)$")
_UNIT = re.compile(r"(?i)metric unit:\s*`?([^\s`]+)")
#: Words that say which values are better: plainly, and beside the metric's name alone.
_PLAIN = (
    r"\b(lower|higher|fewer|smaller|less|more|larger)(?: [\w@-]+){0,2} (?:is|=|are) better"
    r"|\bthe (lower|higher|fewer|smaller|less|more|larger|bigger|faster),? the better"
    r"|\bdirection\W{1,6}(?:to )?(lower|higher|minimi|maximi)"
)
_BESIDE = rf"{_PLAIN}|\b(lowest|highest|minimi|maximi|lower|higher|reduce|increase)"
_LOWER = ("lower", "lowest", "minimi", "reduce", "fewer", "smaller", "less")
#: Characters of a line behind which a paragraph may go on.
_WRAPPED = 60
#: How many forbidden things, and how long ones, are taken as rules: longer lists are notes.
_MOST, _LONGEST = 24, 300


@dataclass(frozen=True)
class Prose:
    """What a file of instructions states; a part that it does not state is empty. ``file`` is its
    name, "" without instructions; ``whole`` is its text, ``text`` the text outside of fences.

    ``commands`` run an experiment, ``builds`` build a program, and ``examples`` are the commands in
    sentences, which may be among ``commands`` too, and those of a README; ``not_run`` are files
    that an agent must not run. ``metrics`` are names, ``unit`` is the metric's unit. ``editable``
    and ``fixed`` are paths of files or folders, and globs. ``more`` says that a bullet begins with
    "new files" or the like, so that an agent may perhaps add files which have no path yet.
    ``budget`` is the seconds of training, ``limit`` those of a whole run. ``forbidden`` are pairs
    of a line number and the words of what an agent must not do. ``metric_from`` and ``plausible``
    are as in bound.toml.
    """

    file: str = ""
    commands: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    unit: str = ""
    editable: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    budget: float | None = None
    limit: float | None = None
    forbidden: tuple[tuple[int, str], ...] = ()
    more: bool = False
    text: str = ""
    whole: str = ""
    metric_from: str = ""
    plausible: tuple[float, ...] = ()

    def aims_at(self, words: str) -> bool:
        """Return whether a sentence that says what the loop is for has these words, in any case."""
        named = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)
        return any(
            named.search(sentence) and _GOAL.search(sentence) and not _ASIDE_GOAL.search(sentence)
            for sentence in map(_aim, phrases.sentences(self.text))
        )

    def direction(self, metric: str) -> phrases.Said:
        """Return ``lower`` or ``higher`` by the first telling word of a sentence with the metric's
        name, else as any sentence says plainly; "" if none does."""
        named = re.compile(rf"(?<!\w){re.escape(metric)}(?!\w)", re.IGNORECASE)
        sentences = [_aim(sentence) for sentence in phrases.sentences(in_english(self.text))]
        beside = [sentence for sentence in sentences if named.search(sentence)]
        for pattern, searched in ((_BESIDE, beside), (_PLAIN, sentences)):
            for sentence in searched:
                if found := re.search(pattern, sentence, re.IGNORECASE):
                    word = next(group for group in found.groups() if group).lower()
                    return "lower" if word in _LOWER else "higher"
        return ""

    @property
    def loops(self) -> bool:
        """Whether the text has words such as "never stop", "loop" or "repeat forever", as
        instructions for a loop have."""
        return says(r"never stop|\bloop\b|repeat (?:forever|indefinitely)", self.text)

    @property
    def is_loop(self) -> bool:
        """Whether the text is about an experiment: it names a metric, or files to edit, or states a
        command and a goal or fixed files."""
        goal = self.fixed or any(map(_AIMS.search, phrases.sentences(self.text)))
        return bool(self.metrics or self.editable or (goal and self.commands))


def _aim(sentence: str) -> str:
    """Return the part of a sentence before words such as ``while`` or ``without``, which begin a
    condition and are not a part of its goal."""
    return re.split(r"\s(?:while|subject to|without|as long as|provided)\b", sentence)[0]


@dataclass(frozen=True)
class _Line:
    """A line of a Markdown text: its number, from 1, its text, the heading above it (its own, if it
    is one), and whether it is in a fence. ``lead`` introduces a line in a fence: the last line of
    text before the fence, then, if the last comment above in the fence is about measuring, that
    comment. Lines in a fence that end with a backslash are joined with the next."""

    number: int
    text: str
    heading: str
    fenced: bool
    lead: str


def read(text: str, file: str) -> Prose:
    """Return what a text of instructions states, each part empty if it states none; ``file`` is its
    name. A file that may be edited is not among the fixed ones, and only the first `_MOST` things
    that are forbidden are kept."""
    lines = list(_lines(_FENCE.sub(_as_sentences, text)))
    plain = "\n".join(line.text for line in lines if not line.fenced)
    whole = "\n".join(line.text for line in lines)
    editable, fixed = files((in_english(words), above) for words, above in _unwrapped(lines))
    metrics = dict.fromkeys([*_found(_METRIC, whole), *_columns(whole), *_formulas(lines)])
    return Prose(
        file=file,
        commands=tuple(_commands(lines)),
        examples=tuple(_examples(lines)),
        builds=tuple(_builds(lines)),
        not_run=tuple(path for line in lines for path in _not_run(line)),
        metrics=tuple(m for m in metrics if m not in TAKEN and re.fullmatch(NAME[0], m)),
        unit=next(iter(_UNIT.findall(plain)), ""),
        editable=tuple(dict.fromkeys(editable)),
        fixed=tuple(path for path in dict.fromkeys(fixed) if not holds(path, editable)),
        budget=_seconds(plain, r"budget|wall[- ]clock|training time") or _setting(whole),
        limit=_seconds(plain, r"\bexceeds?\b|\bkill it\b")
        or _seconds(plain, r"timeout|time limit"),
        more=says(r"(?m)^\s*[-*] (?:any )?new (?:\w+ )?files?\b", plain),
        forbidden=tuple(islice(_forbidden(lines), _MOST)),
        text=plain,
        whole=whole,
    )


def _as_sentences(fence: re.Match[str]) -> str:
    """Return the text that replaces a matched fence: if the fence states a loop by the field
    ``Verify:`` and ``Scope:`` or ``Metric:``, its lines with each field as a sentence of
    instructions; else the fence unchanged."""
    fields = {name for name, _ in _FIELD.findall(fence[1])}
    if "Verify" not in fields or len(fields) < 2:
        return fence[0]
    return f"\n{_FIELD.sub(_sentence, fence[1])}"


def _sentence(field: re.Match[str]) -> str:
    """Return one matched field of a loop as a sentence: ``Scope:`` as the files to edit,
    ``Verify:`` as the command to run, without a pipe after it, and ``Metric:`` as the metric."""
    name, words = field[1], field[2].replace("`", "")
    if name == "Scope":
        return "Files in scope: " + ", ".join(f"`{p}`" for p in re.findall(r"[\w./*-]+", words))
    if name == "Verify":
        command = re.split(r"\s(?:2>&1\s+)?\|\s", words)[0]
        return f"Run `{command} > run.log`: {words}"
    is_name = re.match(r"[A-Za-z_]\w*\s*(?:[(,;]|$)", words)
    return f"Primary metric: {words}" if is_name else f"Metric: {words}"


def _lines(text: str) -> Iterator[_Line]:
    """Yield the lines of a Markdown text, without those that begin or end a fence. A bold line, or
    a short one that ends with a colon, is a heading too; a comment in a fence that is about
    measuring leads what follows it there."""
    heading, lead, fenced, begun, comment = "", "", False, "", ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced, begun, comment = not fenced, "", ""
            continue
        if fenced and line.lstrip().startswith("# "):
            comment = line if _MEASURING.search(line) else ""
        if fenced and line.rstrip().endswith("\\"):
            begun += f"{line.rstrip()[:-1].strip()} "
            continue
        bold = re.fullmatch(r"\s*\*\*(.+?):?\*\*:?\s*|\s*([A-Z][^`.]{3,60}):\s*", line)
        if not fenced and (found := re.match(r"#+\s+(.*)", line)):
            heading = found[1]
        elif not fenced and bold:
            heading = bold[1] or bold[2]
        if not fenced and line.strip():
            lead = line
        yield _Line(number, begun + line, heading, fenced, f"{lead} {comment}".rstrip())
        begun = ""


def _unwrapped(lines: list[_Line]) -> Iterator[tuple[str, str]]:
    """Yield the lines outside of fences, each as a pair of its text and the heading above it.
    Wrapped lines are joined to one: a line of at least `_WRAPPED` characters, unless it is a
    heading or a row of a table, with the next, unless that is empty or begins a heading, a row, a
    quotation or an item. The first pair has two empty texts."""
    text, above, goes_on = "", "", False
    for line in lines:
        if line.fenced:
            continue
        begins = not line.text.strip() or re.match(r"\s*(?:[#|>*+-]|\d+[.)])", line.text)
        if goes_on and not begins:
            text += f" {line.text.strip()}"
        else:
            yield text, above
            text, above = line.text, line.heading
        goes_on = len(line.text) >= _WRAPPED and not line.text.lstrip().startswith(("#", "|"))
    yield text, above


def _found(patterns: tuple[re.Pattern[str], ...], text: str) -> tuple[str, ...]:
    """Return what the patterns find in a text, each match once, ordered by pattern; () if they find
    nothing."""
    return tuple(dict.fromkeys(name for pattern in patterns for name in pattern.findall(text)))


def _seconds(text: str, about: str) -> float | None:
    """Return the first duration, in seconds, in a sentence that matches the pattern ``about``; None
    if there is none."""
    for sentence in phrases.sentences(text):
        if re.search(about, sentence, re.IGNORECASE) and (found := phrases.seconds(sentence)):
            return found
    return None


def _columns(text: str) -> Iterator[str]:
    """Yield the names of the columns after the column ``commit`` in each head of a table of results
    that a text shows."""
    for columns in _HEAD.findall(text):
        yield from re.findall(r"\w+", columns.replace("\\t", " "))


def _formulas(lines: list[_Line]) -> Iterator[str]:
    """Yield the name before ``=`` in each formula in a fence, if the heading or the line above the
    fence is about scoring."""
    for line in lines:
        found = _FORMULA.match(line.text) if line.fenced else None
        if found and _SCORED.search(f"{line.heading} {line.lead}"):
            yield found[1]


def _not_run(line: _Line) -> list[str]:
    """Return the paths behind words that forbid to run them; [] if the line has no such words, or
    is in a fence."""
    found = _NOT_RUN.search(line.text)
    return paths_in(line.text[found.end() :]) if found and not line.fenced else []


def _spans(line: _Line) -> Iterator[tuple[str, str]]:
    """Yield a tuple for each text of a line that may be a command: the text, and the words around
    it. In a fence that is the whole line, with the heading and the line's ``lead``; elsewhere each
    backquoted text, with the heading and the rest of the line."""
    if line.fenced:
        yield line.text, f"{line.heading} {line.lead}"
        return
    beside = f"{line.heading} {SPAN.sub(' ', line.text)}"
    yield from ((span, beside) for span in SPAN.findall(line.text))


def _setting(text: str) -> float | None:
    """Return the seconds that a text assigns to a variable of the time limit, as in
    ``MAX_WALLCLOCK_SECONDS=600``; None if there is no such variable, or for 0."""
    found = re.search(r"\b\w*(?:WALL_?CLOCK|BUDGET|TIME_LIMIT)\w*SECONDS=(\d+)", text)
    return float(found[1]) if found and int(found[1]) else None


def _commands(lines: list[_Line]) -> Iterator[str]:
    """Yield the commands that run an experiment, each once, except on lines that forbid to run
    something. First come those whose output is redirected to a file, then those whose heading or
    line has a word such as "run"; of these, a single file name comes last."""
    redirected, called = [], []
    for line in lines:
        if _not_run(line):
            continue
        for span, beside in _spans(line):
            command = span.strip().removeprefix("$ ").removeprefix("> ")
            found = None if re.search(r"<[\w .-]+>", command) else _REDIRECTED.match(command)
            plain = (found[1] if found else command).strip()
            if not _is_command(plain):
                continue
            if found:
                redirected.append(plain)
            elif _RUN.search(beside):
                called.append(plain)
    called.sort(key=lambda words: " " not in words and not words.startswith("./"))
    yield from dict.fromkeys([*redirected, *called])


def _examples(lines: list[_Line]) -> Iterator[str]:
    """Yield the backquoted commands of several words outside of fences, each once, whether or not
    the text says to run them; lines that forbid to run something are left out."""
    plain = [line for line in lines if not line.fenced and not _not_run(line)]
    spans = [span.strip() for line in plain for span in SPAN.findall(line.text)]
    yield from dict.fromkeys(span for span in spans if " " in span and _is_command(span))


def _builds(lines: list[_Line]) -> Iterator[str]:
    """Yield the commands that build a program, those with an option ``-o NAME``, each once."""
    spans = [span.strip() for line in lines for span, _ in _spans(line)]
    yield from dict.fromkeys(span for span in spans if re.search(r"\s-o\s+[\w./-]+", span))


def _is_command(words: str) -> bool:
    """Return whether the words are a command that may run an experiment: a known runner with an
    argument, or a script, perhaps behind settings of variables, and no word that prepares or
    inspects."""
    try:
        parts = shlex.split(words)
    except ValueError:
        return False
    while parts and re.match(r"\w+=", parts[0]):
        parts = parts[1:]
    is_call = len(parts) > 1 or bool(parts and re.search(r"[./]", parts[0]))
    words = re.sub(r"\bgo test(?=.*\s-bench[= ]\S)", "go", words)
    starts = [*parts[:1], *words.rpartition("&& ")[2].split()[:1]]
    return is_call and any(map(_RUNNERS.fullmatch, starts)) and not _ASIDE.search(words)


def _forbidden(lines: list[_Line]) -> Iterator[tuple[int, str]]:
    """Yield the line and the words of each bullet under a heading of what an agent may not do, or
    of rules or constraints; bullets of more than _LONGEST characters are left out."""
    for line in lines:
        bullet = None if line.fenced else BULLET.match(line.text)
        is_rule = re.search(rf"{NOT}|\brules?\b|\bconstraints?\b", line.heading, re.IGNORECASE)
        if bullet and is_rule and len(bullet[1]) <= _LONGEST:
            yield line.number, bullet[1].strip()
