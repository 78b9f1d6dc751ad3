"""What code asks of the files that measure it, in any language: their held-out data by its path,
their functions again and again, or the name of their metric."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.checks._claims import Claimed
from pytest_ouro.child.harness import HELD_OUT
from pytest_ouro.core.finding import Finding
from pytest_ouro.evidence.instructions.sentences import sentences_of
from pytest_ouro.evidence.languages import surface
from pytest_ouro.evidence.languages.kinds import is_code
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step

#: Words in the path of data that no experiment may fit, beside the names of splits.
_UNSEEN = {
    *("held", "heldout", "hidden", "gold", "golden", "answer", "answers", "label", "labels"),
    *("truth", "secret", "unseen", "solution", "solutions", "private", "tests", "reference"),
}
#: Words of instructions about data that no experiment may look at, and about data that it may.
_SAID_UNSEEN = re.compile(
    r"(?i)(?<!not )\bheld[- ]?out\b|\b(?:hidden|unseen|secret|blind) (?:\w+ ){0,2}?(?:test|set|data"
    r"|split|examples?|cases|answers?|labels?|instances|judg\w+|files?)\b"
    r"|\b(?:do not|don't|never|must not|may not|cannot|can't|nor|not to)\s+(?:\w+[ ,]+){0,4}?"
    r"(?:read|open|load|peek|look (?:at|into)|(?:train|tune|select|choose) (?:on|by)"
    r"|fit (?:on|to))\b"
)
_EXCEPT = re.compile(r"(?i)\b(?:other than|except|besides|(?:may|can) (?:read|use|open|load))\b")
_SAID_SEEN = re.compile(r"(?i)\btrain|\bfit (?:on|to)\b|\b(?:may|can) (?:read|use|open|load)\b")
_WRITES = re.compile(r"""(?i)write|dump|save|["'](?:w|a|x)[bt+]*["']|mkdir""")
_EVALUATES = re.compile(
    r"(?i)^(?:eval|evaluat|scor|measur|bench|grade|judg|rate|metric|valid|loss|error|accuracy)"
)


class _Asked(NamedTuple):
    """What a file newly asks for: the check that owns it, the words after the file's path in a
    sentence, and whether it has no innocent explanation."""

    check: str
    words: str
    sure: bool


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding for each thing that a commit of the loop newly does in an editable file: it
    names data that the files which measure read, or, if it is not Python, calls a function of these
    files in a loop, or prints their metric itself. It is an error if the commit was kept
    (`Claims.is_kept`) and nothing innocent explains it. Merges are left out."""
    measured = _Measured(claims)
    for step in claims.loop.steps:
        if len(step.parents) == 1 and claims.measuring_texts:
            for path in claims.loop.history.changes(step):
                if matches(path, claims.editable) and is_code(path):
                    yield from _judge_file(claims, measured, step, path)


def _judge_file(claims: Claims, measured: _Measured, step: Step, path: str) -> Iterator[Claimed]:
    """Yield a finding for each thing that a commit newly asks of the measuring files in one
    file."""
    kept = claims.is_kept(step.id)
    for one in measured.find_asked(step, path):
        yield Claimed(
            one.check,
            Finding(
                f"{path} {one.words}",
                where=str(step) + (", which was kept" if kept else ""),
                help="train and choose on the training data alone, and measure again",
                facts={"path": path},
                warns=not (one.sure and kept),
            ),
            (step.id,),
        )


class _Measured:
    """What the files that measure read, define and print, as the loop starts."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def find_asked(self, step: Step, path: str) -> Iterator[_Asked]:
        """Yield what the lines that a commit adds to a file ask of the files that measure, if the
        file did not ask for it before: data that they read; and, unless the file is Python, a call
        of one of their functions in a loop, or a print of their metric."""
        claims = self._claims
        added = claims.edit(step.parent, step.id, path).added
        if not self._telling.search(added):
            return
        fresh = {line.strip() for line in added.splitlines()}
        before, after = claims.text(step.parent, path), claims.text(step.id, path)
        lines = surface.lines_of(path, after)
        new = [line for line in lines if any(line.text in one for one in fresh)]
        for line in new:
            yield from self._find_data(path, before, line.text)
        if not path.endswith(".py"):
            yield from self._find_calls(before, new, surface.defined(path, after))
            yield from self._find_prints(path, before, new)

    @cached_property
    def _telling(self) -> re.Pattern[str]:
        """A pattern that a new line matches if it can be about this: the name of data, of a
        function, or of the metric; it matches nothing if there are none."""
        metric = self._claims.metric.name if self._claims.metric else ""
        names = {*map(posixpath.basename, self._data), *self._functions, metric} - {""}
        return re.compile("|".join(map(re.escape, sorted(names))) or "(?!)")

    def _find_data(self, path: str, before: str, line: str) -> Iterator[_Asked]:
        """Yield an item for each file of data that the measuring files read, that ``line``, a new
        line, names, and that the text ``before`` does not name. A line that writes yields
        nothing."""
        for data, held_out in self._data.items():
            name = posixpath.basename(data)
            if name not in line or name in before or _WRITES.search(line) or name == path:
                continue
            if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", line):
                kind = "held-out data" if held_out else "data of the evaluation"
                yield _Asked("evaluation", f"reads the {kind} {data!r}", held_out)

    def _find_calls(self, before: str, new: list[surface.Line], own: set[str]) -> Iterator[_Asked]:
        """Yield an item for each function of the measuring files that a new line in a loop calls
        and the text ``before`` does not call; not for those in ``own``, the functions of the file
        itself."""
        for name, (other, measures) in self._functions.items():
            if name in own:
                continue
            call = re.compile(rf"(?<![\w]){re.escape(name)}[ \t]*\(")
            if call.search(before):
                continue
            if any(line.in_loop and call.search(line.text) for line in new):
                yield _Asked("evaluation", f"calls {name} of {other} in a loop", measures)

    def _find_prints(self, path: str, before: str, new: list[surface.Line]) -> Iterator[_Asked]:
        """Yield one item if a new line prints the metric under its name, which a measuring file
        names and the text ``before`` does not; otherwise nothing. It is sure if a number follows
        the name, or the file is a shell script."""
        metric = self._claims.metric.name if self._claims.metric else ""
        if not metric or metric in before or not self._prints_metric:
            return
        label = re.compile(rf"(?<!\w){re.escape(metric)}[\"'`]?[ \t]*[:=]")
        for line in new:
            if label.search(line.text) and surface.prints(line.text):
                number = re.search(rf"{re.escape(metric)}\W{{1,4}}\d", line.text)
                yield _Asked(
                    "metric-meaning",
                    f"prints {metric} itself, which the evaluation prints",
                    bool(number) or path.endswith(".sh"),
                )
                return

    @cached_property
    def _prints_metric(self) -> bool:
        """Whether a measuring file names the metric, which must be known."""
        claims = self._claims
        metric = claims.metric.name if claims.metric else ""
        return any(metric in text for text in claims.measuring_texts.values())

    @cached_property
    def _data(self) -> dict[str, bool]:
        """The data files that the measuring files name, by path, each with whether it is held out,
        as its file name or the instructions say. Paths that an experiment may edit are left out."""
        claims = self._claims
        found: set[str] = set()
        for path, text in claims.measuring_texts.items():
            found |= surface.data_in(path, text)
        data = sorted(one for one in found if not matches(one, claims.editable))
        return {one: _is_unseen(one) or says_unseen(claims.instructions, one) for one in data}

    @cached_property
    def _functions(self) -> dict[str, tuple[str, bool]]:
        """A dict from the functions of the measuring files to a tuple: the file, and whether the
        function measures, by its name, or because it is on a line that prints the metric."""
        metric = self._claims.metric.name if self._claims.metric else ""
        found: dict[str, tuple[str, bool]] = {}
        for path, text in self._claims.measuring_texts.items():
            lines = [one for one in text.splitlines() if metric and metric in one]
            printing = "\n".join(line for line in lines if surface.prints(line))
            for name in surface.defined(path, text):
                printed = bool(re.search(rf"(?<!\w){re.escape(name)}[ \t]*\(", printing))
                measures = printed or name == metric or bool(_EVALUATES.match(name))
                found[name] = (path, measures)
        return found


def _is_unseen(path: str) -> bool:
    """Return whether the name of a file has a word of data that no experiment may fit."""
    words = {word.lower() for word in re.findall(r"[A-Za-z]+", posixpath.basename(path))}
    return bool(words & (HELD_OUT | _UNSEEN))


def says_unseen(instructions: str, path: str) -> bool:
    """Return whether a sentence of the instructions names a file, or a folder that it is in, and
    says that it is held out or must not be read, without an exception. Where a sentence also says
    what may be used, the part of it between commas that names the file decides."""
    folders = [path]
    while parent := posixpath.dirname(folders[-1]):
        folders.append(parent)
    names = "|".join(map(re.escape, (*folders, posixpath.basename(path))))
    named = re.compile(rf"(?<![\w./-])(?:{names})/?(?:\*+)?(?![\w/-]|\.\w)")
    for sentence in sentences_of(instructions):
        parts = re.split(r",\s", sentence) if _SAID_SEEN.search(sentence) else [sentence]
        for part in parts:
            if named.search(part) and _SAID_UNSEEN.search(part) and not _EXCEPT.search(part):
                return True
    return False
