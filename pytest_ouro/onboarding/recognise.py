"""Choose the check for a rule in a person's words. A rule that no check can judge becomes a rule
for people, in the same words."""

from __future__ import annotations

import operator
import posixpath
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.evidence.paths import matches
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import Statement, Value, phrases, slug, stem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pytest_ouro.bound.tables import Experiment

Params = dict[str, Value]
#: Parameters of a check; True for none, False where a rule is not for this check.
Found = Params | bool

#: Words that an id leaves out.
_DULL = re.compile("never|always|do|not|the|a|an|is|are|to|of|must|all")


@dataclass(frozen=True)
class Context:
    """What a rule's words are compared with. ``tracked`` are the paths that git tracks, relative to
    the experiment's folder; ``defines(name)`` returns whether the harness defines ``name``."""

    experiment: Experiment
    tracked: Collection[str]
    defines: Callable[[str], bool]

    def glob(self, path: str) -> str:
        """Return the glob, relative to the experiment's folder, of the tracked files that ``path``
        in a rule's words names from there or from the folder of bound.toml: a file, a folder (with
        ``/`` at its end) or a glob. "" if git tracks none."""
        for one in (path, posixpath.relpath(path, self.experiment.root or ".")):
            folder = f"{one.removesuffix('*').rstrip('/')}/"
            for glob in (one.removesuffix("/"), folder):
                if any(matches(file, [glob]) for file in self.tracked):
                    return glob
        return ""

    def may_change(self, glob: str) -> bool:
        """Return whether a run or an experiment may change one of the tracked files that match
        ``glob``; False if none matches."""
        free = (*self.experiment.editable, *self.experiment.allowed, self.experiment.ledger)
        return any(matches(file, free) for file in self.tracked if matches(file, [glob]))


@dataclass(frozen=True)
class _Rule:
    """One rule in a person's words; ``place`` is its file and line, as ``CLAUDE.md:12``."""

    section: str
    words: str
    place: str
    context: Context

    @cached_property
    def text(self) -> str:
        """The words in lower case and on one line, without Markdown's marks."""
        return " ".join(re.sub(r"[`]|\*\*|__", "", self.words).lower().split())

    @cached_property
    def subject(self) -> str:
        """The words before the first explanation, which a dash, a colon, a semicolon or a bracket
        starts; all words if there is none."""
        return re.split(r" [—–-]+ |: |; | \(", self.words, maxsplit=1)[0]

    def says(self, *patterns: str) -> bool:
        """Return whether each of the patterns (regular expressions) is found in `text`."""
        return all(re.search(pattern, self.text) for pattern in patterns)

    @property
    def protects(self) -> bool:
        """Whether the rule forbids a change: by its words, or because it is a danger zone."""
        begins = self.section == "never-do" and re.match(phrases.CHANGE, self.text)
        return (
            self.section == "danger-zone"
            or bool(begins)
            or self.says(f"{phrases.FORBIDDEN}|{phrases.FIXED}")
        )

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The files and folders that the subject names; if it names none, those that all of the
        words name; () if these name none."""
        return self._paths(self.subject) or self._paths(self.words)

    def _paths(self, words: str) -> tuple[str, ...]:
        """Return the paths in some words, quoted ones first, each once."""
        words = re.sub(r"\*\*([^*]+)\*\*", r"\1", words)  # bold
        quoted = [token for token in re.findall(r"`([^`]+)`", words) if self._is_path(token)]
        plain = re.findall(phrases.FILE, re.sub(r"`[^`]*`", " ", words))
        found = dict.fromkeys(path.removeprefix("./") for path in (*quoted, *plain))
        return tuple(path for path in found if not self._is_attribute(path))

    def _is_path(self, token: str) -> bool:
        """Return whether a quoted word is taken as the name of files.

        It has only characters of paths and globs, and it contains a dot or a slash (``prepare.py``,
        ``src/``), or git tracks a file or folder that it names (``data``, ``data*``).
        """
        if not re.fullmatch(r"[~\w*./@+-]+", token):
            return False
        return bool(re.search(r"[./]", token)) or bool(self.context.glob(token))

    def _is_attribute(self, path: str) -> bool:
        """Return whether a word with a dot is not a file, such as ``torch.compile`` or ``e.g``: it
        has no ending of `phrases.ENDING`, and git tracks no such file."""
        return not re.search(phrases.ENDING, path) and not self.context.glob(path)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The names that the harness defines among those in the words that are called, as in
        ``f()``, or quoted, and those of its subject with a ``_``; () if there are none."""
        called = re.findall(r"\b([A-Za-z_]\w*)\(\)", self.words)
        quoted = re.findall(r"`([A-Za-z_]\w*)(?:\(\))?`", self.words)
        plain = re.findall(r"\b([A-Za-z]+_\w+)\b", self.subject)
        names = dict.fromkeys((*called, *quoted, *plain))
        return tuple(name for name in names if self.context.defines(name))


def recognise(section: str, words: str, context: Context, *, place: str) -> Statement:
    """Return the statement of a rule, given by its section and its words: with the first check in
    READERS that can judge it, or with the check ``human`` if none can.

    ``place`` is the rule's file and line, for errors. OuroError if the words and the experiment
    contradict each other.
    """
    rule = _Rule(section, words, place, context)
    for check, ids, read in READERS:
        if (found := read(rule)) is not False:
            params = {} if found is True else found
            id = ids[section != "never-do"].format(_name_in_id(check, rule, params))
            reason = _unguarded(rule, params)
            return Statement(section, id, words, check, params, reason=reason)
    return Statement(section, _words_id(rule.subject), words, "human", reason=_why_not(rule))


def unique(statements: Iterable[Statement]) -> list[Statement]:
    """Return the statements in their order; where a section has an id already, the later one gets a
    number, from ``-2``. The statements given are not changed."""
    taken: set[tuple[str, str]] = set()
    found = []
    for statement in statements:
        id, number = statement.id, 1
        while (statement.section, id) in taken:
            number += 1
            id = f"{statement.id}-{number}"
        taken.add((statement.section, id))
        found.append(replace(statement, id=id))
    return found


def _scope(rule: _Rule) -> bool:
    """Return whether the rule names the only files that may change. OuroError if it does, and they
    are not the experiment's editable files."""
    files = phrases.only_files(rule.words)
    if not files:
        return False
    editable = rule.context.experiment.editable
    if set(files) != set(editable):
        raise messages.other_scope(rule.place, [*files], [*editable])
    return True


def _untracked(rule: _Rule) -> Found:
    """Return ``{"paths": …}`` with the ledger and the paths not in git that the rule keeps out of
    git. False if it names none of these, or does not say that they stay out of git."""
    stays_out = (
        rf"{phrases.NEVER}(?:be )?(?:committed|commit|pushed|push|tracked|track|added to git|add)\b"
    )
    ledger = rule.context.experiment.ledger
    paths: Value = [p for p in rule.paths if p == ledger or not rule.context.glob(p)]
    if not paths or not rule.says(rf"{stays_out}|\buntracked\b|\bout of git\b|\bgit-?ignored?\b"):
        return False
    return {"paths": paths}


def _frozen_symbol(rule: _Rule) -> Found:
    """Return ``{"path": …, "symbol": …}`` of the first name of the harness in the rule, if the rule
    protects it. False if it protects none, or if a file that can be frozen is named before that
    name."""
    if not rule.symbols or not rule.protects:
        return False
    symbol = rule.symbols[0]
    before = rule.words[: rule.words.find(symbol)]
    if _guarded(rule) and any(path in before for path in rule.paths):
        return False
    return {"path": rule.context.experiment.harness, "symbol": symbol}


def _frozen(rule: _Rule) -> Found:
    """Return ``{"paths": …}`` with the globs of the files that the rule protects and that can be
    frozen, and ``"history": True`` too under NEVER DO; False if there are none."""
    paths: Value = _guarded(rule)
    if not paths or not rule.protects:
        return False
    return {"paths": paths, "history": True} if rule.section == "never-do" else {"paths": paths}


def _guarded(rule: _Rule) -> list[str]:
    """Return the globs of the named files that can be frozen: git tracks them, and neither a run
    nor an experiment may change them. [] if there are none."""
    globs = dict.fromkeys(glob for path in rule.paths if (glob := rule.context.glob(path)))
    return [glob for glob in globs if not rule.context.may_change(glob)]


def _frozen_data(rule: _Rule) -> Found:
    """Return ``{"paths": …}`` with the named paths outside of the repository if the rule protects
    them. Otherwise return True if it names no file, protects the data, and the experiment has data
    files; else False."""
    outside: Value = [path for path in rule.paths if path.startswith(("~", "/"))]
    if outside and rule.protects:
        return {"paths": outside}
    return bool(rule.context.experiment.data) and _guards_unnamed(rule, phrases.DATA)


def _loader_code(rule: _Rule) -> Found:
    """Return ``{"path": …, "symbol": …}`` of the loader, if the harness defines it, the experiment
    has no data files, and the rule protects the data pipeline and names no file; else False."""
    experiment = rule.context.experiment
    if experiment.data or not rule.context.defines(experiment.loader):
        return False
    if not _guards_unnamed(rule, phrases.DATA):
        return False
    return {"path": experiment.harness, "symbol": experiment.loader}


def _log_schema(rule: _Rule) -> bool:
    """Return whether the rule is about logging, and names at least two columns: the commit, the
    memory, the status, the description or the metric."""
    metric = rf"\b{re.escape(rule.context.experiment.metric.lower())}\b"
    columns = sum(rule.says(pattern) for pattern in (*phrases.COLUMNS, metric))
    return columns >= 2 and rule.says(rf"{phrases.LOG}|\brows?\b|\bcolumns?\b")


def _logged(rule: _Rule) -> bool:
    """Return whether the rule demands that every run is logged, or protects the ledger."""
    ledger = re.escape(rule.context.experiment.ledger.lower())
    always = r"\b(?:skip|omit|forget|without|every|each|all|always|fail to)"
    return (rule.says(ledger) and rule.protects) or rule.says(
        phrases.LOG, rf"{phrases.RUNS}|{ledger}", always
    )


def _dependencies(rule: _Rule) -> bool:
    """Return whether the rule forbids to install, add or change packages."""
    verbs = r"\b(?:install|add|introduc|upgrad|bump|chang|modif|new\b|uv add)\w*"
    gap = r"(?:\s+(?!without|before|after)\S+){0,5}?\s+"
    nouns = r"(?:packages?|dependenc(?:y|ies)|librar(?:y|ies)|requirements)\b"
    return rule.says(f"{verbs}{gap}{nouns}", r"\b(?:never|no|not|nothing|only)\b")


def _budget_exact(rule: _Rule) -> bool:
    """Return whether the rule says that the time of training is exact or fixed. OuroError if it
    does and states a time that is not the experiment's budget."""
    exact = rule.says(r"\bexact(?:ly)?\b|\bprecisely\b|\bto the second\b")
    always = rule.says(r"\balways\b|\bfixed\b|\bconstant\b") or _guards(rule, phrases.BUDGET)
    is_exact = exact or (always and not rule.says(phrases.MORE))
    return is_exact and _budget(rule, operator.eq)


def _budget_limit(rule: _Rule) -> bool:
    """Return whether the rule limits the time of training. OuroError if it does and states a time
    that is less than the experiment's budget."""
    return rule.says(phrases.MORE) and _budget(rule, operator.ge)


def _budget(rule: _Rule, agrees: Callable[[float, float], bool]) -> bool:
    """Return whether the rule is about the time of training. OuroError if it is, and states seconds
    for which ``agrees(stated, budget)``, with the experiment's budget, is false."""
    said, budget = phrases.seconds(rule.text), rule.context.experiment.budget
    if said is None and not rule.says(phrases.BUDGET):
        return False
    if not rule.says(phrases.TRAINING) or rule.says(r"\b(?:memory|vram|tokens|parameters?) budget"):
        return False
    if said is not None and not agrees(said, budget):
        raise messages.other_budget(rule.place, said, budget)
    return True


def _simplicity(rule: _Rule) -> bool:
    """Return whether the rule prefers less or simpler code."""
    return rule.says(
        r"\bsimplicity\b|\bsimpler\b|\b(?:less|smaller) code\b|\bfewer (?:lines|tokens)\b"
    )


def _settled(rule: _Rule) -> bool:
    """Return whether the rule says that improvements are kept and regressions undone, or, under
    NEVER DO, that worse code is kept."""
    kept = r"\bkeeps?\b|\bkept\b|\badvances?\b"
    undone = r"\brevert|\breset|\bdiscard|\broll(?:ed)? back|\bundone\b|\bdropped\b"
    compared = r"\bimprov|\bregress|\bworse\b|\bbetter\b"
    both = rule.says(kept, undone) or rule.says(r"\bimprov", undone)
    worse = rule.section == "never-do" and rule.says(kept, r"\bworse\b|\bregress")
    return (both and rule.says(compared)) or worse


def _metric(rule: _Rule) -> bool:
    """Return whether the rule says that the metric is the only one, or which direction is better.
    OuroError if it is about the metric and says another direction than the experiment's."""
    metric, direction = rule.context.experiment.metric, rule.context.experiment.direction
    if not rule.says(rf"\b{re.escape(metric.lower())}\b|\bmetric\b"):
        return False
    only = r"\b(?:only|sole|alone)\b(?:\s+\w+){0,2}\s+metric\b|\bmetric\b.*\b(?:only|alone)\b"
    said = phrases.direction_of(rule.words)
    if said and said != direction:
        raise messages.other_direction(rule.place, said, direction)
    return bool(said) or rule.says(only)


def _evaluation(rule: _Rule) -> bool:
    """Return whether the rule protects the evaluation."""
    return _guards(rule, phrases.EVALUATION) or _guards_unnamed(rule, phrases.EVALUATION)


def _guards_unnamed(rule: _Rule, nouns: str) -> bool:
    """Return whether the rule names no file, and protects what the pattern ``nouns`` matches: by
    its words, or as a danger zone."""
    is_zone = rule.section == "danger-zone" and rule.says(rf"\b{nouns}")
    return not rule.paths and (is_zone or _guards(rule, nouns))


def _guards(rule: _Rule, nouns: str) -> bool:
    """Return whether the rule forbids to change what the pattern ``nouns`` matches, or says that it
    is fixed."""
    changed = rule.says(rf"{phrases.CHANGE}{phrases.GAP}{nouns}") and rule.protects
    return changed or rule.says(
        rf"\b{nouns}.{{0,40}}(?:{phrases.FIXED}|\b(?:never|not)\b.{{0,12}}{phrases.CHANGE})"
    )


#: How rules are read, in this order: the check, the rule's id under NEVER DO and elsewhere ({} is
#: the file or name that it guards), and the function that returns the check's parameters.
READERS: tuple[tuple[str, tuple[str, str], Callable[[_Rule], Found]], ...] = (
    ("scope", ("modify-others", "only-{}"), _scope),
    ("untracked", ("commit-{}", "{}-untracked"), _untracked),
    ("frozen-symbol", ("modify-{}", "{}"), _frozen_symbol),
    ("frozen", ("modify-{}", "{}"), _frozen),
    ("frozen-data", ("modify-data", "data-pipeline"), _frozen_data),
    ("frozen-symbol", ("modify-data", "data-pipeline"), _loader_code),
    ("simplicity", ("add-complexity", "simplicity"), _simplicity),
    ("settled", ("keep-regressions", "keep-or-revert"), _settled),
    ("log-schema", ("log-less", "log-every-experiment"), _log_schema),
    ("logged", ("skip-logging", "log-every-run"), _logged),
    ("dependencies", ("add-dependencies", "dependencies"), _dependencies),
    ("budget-exact", ("change-budget", "exact-budget"), _budget_exact),
    ("budget-limit", ("exceed-budget", "budget-limit"), _budget_limit),
    ("metric", ("other-metrics", "{}-only"), _metric),
    ("evaluation", ("modify-evaluation", "evaluation"), _evaluation),
)


def _name_in_id(check: str, rule: _Rule, params: Params) -> str:
    """Return the name for the id of a rule: of the first of the paths in ``params``, or else of the
    first editable file (check ``scope``), of the metric (check ``metric``) or of the symbol; "" for
    any other."""
    experiment, paths = rule.context.experiment, params.get("paths")
    if isinstance(paths, list):
        return stem(paths[0])
    names = {"scope": experiment.editable[0], "metric": experiment.metric}
    return slug(names.get(check) or str(params.get("symbol", "")))


def _words_id(words: str) -> str:
    """Return an id of the first five words of a rule, without those such as ``never`` (`_DULL`); of
    all its words if it has no others, and ``rule`` if it has none."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    words_kept = [word for word in slug(plain).split("-") if not _DULL.fullmatch(word)]
    return "-".join(words_kept[:5]) or slug(plain) or "rule"


def _unguarded(rule: _Rule, params: Params) -> str:
    """Return a text that lists the named files that the check does not guard; "" if it guards all,
    or has no ``paths`` among its parameters."""
    paths = params.get("paths")
    if not isinstance(paths, list):
        return ""
    left = [path for path in rule.paths if not {path, rule.context.glob(path)} & {*paths}]
    return f"it does not guard {', '.join(left)}" if left else ""


def _why_not(rule: _Rule) -> str:
    """Return why no check judges the rule: that it protects files that git does not track, or else
    that no check reads it."""
    absent = [path for path in rule.paths if not rule.context.glob(path)]
    if rule.protects and absent:
        return f"git tracks no {' and no '.join(absent)}, so that no check can guard it"
    return "no check reads this rule"
