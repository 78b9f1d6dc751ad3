"""Judge each commit of a loop by the checks that exist, against the commit the loop starts from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.engine import check_rule
from pytest_ouro.evidence.evidence import Evidence
from pytest_ouro.evidence.paths import matching
from pytest_ouro.evidence.repository import Repository
from pytest_ouro.evidence.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_ouro.bound.read import Bound, Rule
    from pytest_ouro.core.finding import Finding
    from pytest_ouro.evidence.claims.commits import History, Step
    from pytest_ouro.evidence.claims.loop import Loop

    _State = tuple[object, frozenset[tuple[str, object]]]

#: The checks that judge commits, and by which an audit judges them.
CHECKS = ("scope", "frozen", "frozen-symbol", "dependencies", "evaluation")
#: The checks that look at editable code alone, by its shape.
_LOOKS = ("dependencies", "evaluation")
_IMPORTS = re.compile(rb"(?m)^.*(?:import|kernel).*$|^#.*$")
#: Words of lines that may interfere with an evaluation.
_TELLING = (
    rb"\b(?:import|exec|eval|getattr|setattr|globals|locals|vars|open|print|sys|os|main|val|valid"
    rb"|validation|def|class|lambda|with|__\w+|subprocess|ctypes|inspect|gc|builtins|torch\.save)\b"
)
#: How many bytes of code are compared whole, before only new lines that may matter are.
_EXACT = 1 << 20
_NUMBER = re.compile(rb"(?<![\w.])\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Judged:
    """What a commit of the loop newly breaks: the check, the rule, the commit and the finding."""

    check: str
    rule: str
    step: Step
    finding: Finding


@dataclass(frozen=True)
class Judgement:
    """What the commits of a loop break, the checks that were applied, and by check, in words, why
    some commit could not be judged by it."""

    broken: tuple[Judged, ...]
    applied: tuple[str, ...]
    faults: dict[str, str]


def judge(loop: Loop, bound: Bound) -> Judgement:
    """Return what each commit of the loop breaks that its parent does not break yet, and which
    checks were applied. Commits without a parent, and merges, are not judged."""
    rules = [rule for rule in bound.rules if rule.check in CHECKS]
    judge = _Judge(loop.history, loop.start, bound, rules)
    found: list[Judged] = []
    for step in loop.steps:
        if len(step.parents) == 1:
            found += judge.judge(step)
        else:
            judge.merge(step)
    return Judgement(tuple(found), tuple(dict.fromkeys(rule.check for rule in rules)), judge.faults)


class _Judge:
    """Applies rules to commits one after another; what a tree breaks is computed once."""

    def __init__(self, history: History, start: str, bound: Bound, rules: Iterable[Rule]) -> None:
        self._history, self._git, self._bound = history, history.git, bound
        self._trust = Trust(history.git, "the commit that the loop starts from", start)
        self._rules = {rule.key: rule for rule in rules}
        self._layout = bound.layout
        self._editable = self._layout.editable_globs
        self._frozen = {
            key: rule.checker.protects(self._layout).frozen for key, rule in self._rules.items()
        }
        self._known: dict[tuple[str, object], tuple[Finding, ...]] = {}
        self._standing: dict[str, frozenset[str]] = {}
        self._shapes: dict[tuple[str, str], int] = {}
        self._states: dict[str, dict[str, _State]] = {}
        self._left = _EXACT
        names = (self._layout.evaluate, self._layout.loader, self._layout.metric.name)
        module = self._layout.harness.removesuffix(".py").rpartition("/")[2]
        self._telling = re.compile(
            b"|".join(re.escape(word.encode()) for word in (*names, module)) + b"|" + _TELLING
        )
        self.faults: dict[str, str] = {}

    def judge(self, step: Step) -> Iterator[Judged]:
        """Yield what a commit breaks, without what its parent, if that was judged, breaks too."""
        for rule in self._rules.values():
            before = self._standing.get(f"{rule.key} {step.parent}", frozenset())
            findings = self._findings(rule, step)
            here = {part for finding in findings for part in finding.identity}
            self._standing[f"{rule.key} {step.id}"] = frozenset(here)
            for finding in findings:
                if not finding.identity <= before:
                    yield Judged(rule.check, rule.key, step, finding)

    def merge(self, step: Step) -> None:
        """Remember that a merge breaks what its parents break, so that it is not reported again for
        a later commit."""
        for rule in self._rules.values():
            before = (self._standing.get(f"{rule.key} {one}") for one in step.parents)
            known = frozenset[str]().union(*filter(None, before))
            self._standing[f"{rule.key} {step.id}"] = known

    def _findings(self, rule: Rule, step: Step) -> tuple[Finding, ...]:
        """Return the findings of a rule about a commit, from memory if another commit is the same
        in all that the rule looks at."""
        key = (rule.key, self._key(rule, step))
        if key not in self._known:
            self._known[key] = self._apply(rule, step)
        return self._known[key]

    def _key(self, rule: Rule, step: Step) -> object:
        """Return what the findings of a rule about a commit depend on: for `scope` the commit; for
        other checks the tree in which a file that the rule protects was last changed, and for those
        that look at editable code what they look at in it."""
        if rule.check == "scope":
            return step.id
        known = self._states.setdefault(rule.key, {})
        if step.id not in known:
            known[step.id] = self._state(rule, step, known.get(step.parent))
        return known[step.id]

    def _state(self, rule: Rule, step: Step, before: _State | None) -> _State:
        """Return, for `_key`, what the findings of a rule about a commit depend on: the tree in
        which a file that the rule protects was last changed, and the shapes of the editable files
        that changed since. ``before`` is the value that this method returned for the commit's
        parent, None if the parent is not in the loop."""
        paths = self._history.changes(step)
        if before is None or matching(paths, self._frozen[rule.key]):
            return step.tree, frozenset()
        if rule.check not in _LOOKS:
            return before
        old = dict(before[1])
        for path in matching(paths, self._editable):
            old[path] = self._shape(step, path, rule.check, old.get(path))
        return before[0], frozenset(old.items())

    def _shape(self, step: Step, path: str, check: str, before: object) -> object:
        """Return what stands for the file ``path`` of a commit when findings are reused: its blob
        id, or a hash of what ``check`` looks at in it; "" if there is no such file. ``before`` is
        the file's shape in the parent commit. Once files of `_EXACT` bytes in all have been hashed,
        the check `evaluation` returns ``before`` for a file without a new line that may matter to
        it, to save time."""
        entry = self._history.entry(step.id, path)
        if entry is None or entry.is_submodule:
            return entry.blob if entry else ""
        key = (check, entry.blob)
        if key not in self._shapes:
            try:
                data = self._git.store.read(entry.blob, path=path)
            except OuroError:
                return entry.blob
            if check == "dependencies":
                self._shapes[key] = hash(tuple(_IMPORTS.findall(data)))
            elif self._left < 0 and before is not None and not self._may_matter(step, path, data):
                return before
            else:
                self._left -= len(data)
                self._shapes[key] = hash(_NUMBER.sub(b"0", data))
        return self._shapes[key]

    def _may_matter(self, step: Step, path: str, data: bytes) -> bool:
        """Return whether a version of a file has a new line that names what interferes with an
        evaluation, or code that could hide it. True if the parent has no such file, or its version
        cannot be read."""
        entry = self._history.entry(step.parent, path)
        if entry is None or entry.is_submodule:
            return True
        try:
            old = self._git.store.read(entry.blob, path=path)
        except OuroError:
            return True
        new = set(data.splitlines()) - set(old.splitlines())
        return any(map(self._telling.search, new))

    def _apply(self, rule: Rule, step: Step) -> tuple[Finding, ...]:
        """Return the findings of a rule about a commit; () if it cannot be judged, which is noted
        in `faults`."""
        repository = Repository(
            self._git, trust=step.parent, subject="commit", head=step.id, tip=self._history.head
        )
        try:
            return check_rule(rule, Evidence(self._layout, repository, self._trust)).findings
        except OuroError as error:
            self.faults.setdefault(rule.check, f"{step.id[:7]}: {error.message.splitlines()[0]}")
            return ()
