"""What the code of experiments asks of the modules that measure it: held-out data, or the
measurement itself, again and again."""

from __future__ import annotations

import ast
import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.checks._claims import Claimed
from pytest_ouro.child.harness import HELD_OUT
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.finding import Finding
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step

#: Names of functions that measure, or that are given a split to measure on.
_MEASURES = re.compile(
    r"(?i)(?:^|_)(?:eval\w*|scor\w*|metrics?|report|valid\w*|measure|submit|judge|grade|test\w*)"
    r"(?:_|$)"
)
#: Words of a module that measures on data which no experiment may fit.
_UNSEEN = re.compile(
    r"(?i)(?<![a-z])(?:val|valid|validation|hold-?out|held[- ]out|unseen|hidden|test (?:set|data))"
    r"(?![a-z])"
)


class _Request(NamedTuple):
    """What a Python file of the experiment asks of the modules that measure it: to load held-out
    data, or to measure in a loop.

    ``words`` says that as what follows the file's path in a sentence. ``sure`` is whether it has no
    innocent explanation, since the text of these modules shows that they measure on held-out data.
    """

    words: str
    sure: bool


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding for each file in which a commit of the loop, not a merge, newly loads
    held-out data by a function of the modules that no experiment may change, or newly measures in a
    loop: an error if the commit was kept (`Claims.is_kept`) and the evaluation itself uses these
    data."""
    modules = _Modules(claims)
    for step in claims.loop.steps:
        if len(step.parents) != 1:
            continue
        for path in claims.loop.history.changes(step):
            if path.endswith(".py") and matches(path, claims.editable):
                yield from _judge_file(claims, modules, step, path)


def _judge_file(claims: Claims, modules: _Modules, step: Step, path: str) -> Iterator[Claimed]:
    """Yield a finding for each thing that a commit newly asks of the measuring modules in the file
    at ``path``."""
    if not modules.telling.search(claims.edit(step.parent, step.id, path).added):
        return
    before, after = claims.text(step.parent, path), claims.text(step.id, path)
    known = {one.words for one in modules.find_requests(path, before)}
    kept = claims.is_kept(step.id)
    for one in dict.fromkeys(modules.find_requests(path, after)):
        if one.words not in known:
            yield Claimed(
                "evaluation",
                Finding(
                    f"{path} {one.words}",
                    where=str(step) + (", which was kept" if kept else ""),
                    help="train and choose on the training data alone, and measure again",
                    facts={"path": path},
                    warns=not (one.sure and kept),
                ),
                (step.id,),
            )


class _Modules:
    """The Python modules of the project that no experiment may change, as the loop starts."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        try:
            tree = claims.loop.history.git.tree(claims.loop.start) if claims.loop.start else {}
        except OuroError:
            tree = {}
        paths = [path for path in tree if path.endswith(".py")]
        self._paths = {path for path in paths if not matches(path, claims.editable)}
        self._frozen = [path for path in paths if matches(path, claims.frozen)][:20]

    @cached_property
    def telling(self) -> re.Pattern[str]:
        """A pattern for the lines that a commit adds, which tells quickly whether the file must be
        parsed: it matches a quoted name of a held-out split, and the name of a measuring
        function."""
        names = "|".join(sorted({re.escape(name) for _, name in self._measuring})) or "(?!)"
        splits = "|".join(sorted(HELD_OUT))
        return re.compile(rf"""["'](?:{splits})["']|\b(?:{names})\b""")

    @cached_property
    def _texts(self) -> dict[str, str]:
        """A dict from the paths of the files that measure, the frozen Python files, 20 at most, to
        their texts as the loop starts."""
        return {path: self._claims.text(self._claims.loop.start, path) for path in self._frozen}

    @cached_property
    def _measuring(self) -> set[tuple[str, str]]:
        """The functions of the frozen modules that measure, as pairs of file and name: those whose
        result is printed as the metric, those that have the metric's name, and those whose name
        has the first word ``eval`` or ``evaluate``."""
        metric = self._claims.metric.name if self._claims.metric else ""
        found: set[tuple[str, str]] = set()
        for path, text in self._texts.items():
            defined = set(re.findall(r"(?m)^(?:async )?def (\w+)", text))
            label = rf"""{re.escape(metric)}["']?\s*[:=][^\n]*?\{{\s*(\w+)\("""
            printed = set(re.findall(label, text)) if metric else set()
            named = {name for name in defined if re.match(r"eval(?:uate)?(?:_|$)", name)}
            found |= {(path, name) for name in defined & (printed | named | {metric})}
        return found

    def find_requests(self, path: str, text: str) -> Iterator[_Request]:
        """Find calls by which the Python file at ``path`` with this ``text`` could cheat. Yield an
        item for each held-out split that a call of a function of these modules loads, unless its
        name says that it measures, and one if the file calls a measuring function in a loop. Yield
        nothing if the text cannot be parsed as Python."""
        from pytest_ouro.checks.evaluation.loaded_splits import Splits
        from pytest_ouro.checks.evaluation.repetition import repetitions
        from pytest_ouro.evidence.python.source import dotted, source

        try:
            read = source(text)
            names = self._imported(path, read.tree)
        except (SyntaxError, ValueError, RecursionError, OuroError):
            return

        def is_loader(node: ast.expr) -> bool:
            origin = names.get(dotted(node))
            return origin is not None and not _MEASURES.search(origin[1])

        splits = Splits(read)
        calls = read.of(ast.Call)
        for call in calls:
            for split in splits.loaded(call, is_loader):
                if split in HELD_OUT:
                    used = re.compile(rf"""["']{split}["']""")
                    sure = any(map(used.search, self._texts.values()))
                    yield _Request(f"loads the held-out data {split!r}", sure)
        measuring = [call for call in calls if names.get(dotted(call.func)) in self._measuring]
        if any(one.in_loop for one in repetitions(read, measuring)):
            origin = names[dotted(measuring[0].func)]
            sure = bool(_UNSEEN.search(self._texts.get(origin[0], "")))
            yield _Request(f"calls {origin[1]} of {origin[0]} in a loop", sure)

    def _imported(self, path: str, tree: ast.Module) -> dict[str, tuple[str, str]]:
        """Return a dict from names, as the file at ``path`` writes them, to the file and the name
        of what each stands for: what ``from MODULE import`` takes from these modules, and each
        top-level ``def`` of a module that ``import`` names. ``*``, ``from . import`` and
        ``async def`` are not followed."""
        found: dict[str, tuple[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (module := self._file(path, node.module)):
                for alias in node.names:
                    found[alias.asname or alias.name] = (module, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if module := self._file(path, alias.name):
                        for name in re.findall(r"(?m)^def (\w+)", self._text(module)):
                            found[f"{alias.asname or alias.name}.{name}"] = (module, name)
        return found

    def _file(self, path: str, module: str | None) -> str:
        """Return the path of a module that the file at ``path`` imports; "" if it is not one of the
        project that stays as it is."""
        name = (module or "").replace(".", "/") + ".py"
        places = (posixpath.join(posixpath.dirname(path), name), name)
        return next((place for place in places if place in self._paths), "")

    def _text(self, path: str) -> str:
        """Return the text of a module as the loop starts; "" if it is absent or cannot be read."""
        return self._texts.get(path) or self._claims.text(self._claims.loop.start, path)
