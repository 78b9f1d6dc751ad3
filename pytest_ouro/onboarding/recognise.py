"""A rule in a person's words, and the check that judges it. What no check can judge is stated as
a rule for people, in the same words."""

from __future__ import annotations

import operator
import posixpath
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.evidence.paths import matches
from pytest_ouro.onboarding import ProjectError, Statement, Value, phrases, slug, stem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pytest_ouro.bound.tables import Experiment

Params = dict[str, Value]

#: Words that tell nothing in an id.
_DULL = re.compile("never|always|do|not|the|a|an|is|are|to|of|must|all")


@dataclass(frozen=True)
class Context:
    """What words are read against. ``tracked`` is what git holds, seen from the experiment's
    folder, and ``defines`` tells whether the harness has a name."""

    experiment: Experiment
    tracked: Collection[str]
    defines: Callable[[str], bool]

    def glob(self, path: str) -> str:
        """What to write for a path that words name from here or from the folder of bound.toml,
        a file, a folder or a glob; "" where git holds nothing of that name."""
        for one in (path, posixpath.relpath(path, self.experiment.root or ".")):
            folder = f"{one.removesuffix('*').rstrip('/')}/"
            for glob in (one.removesuffix("/"), folder):
                if any(matches(file, [glob]) for file in self.tracked):
                    return glob
        return ""

    def may_change(self, glob: str) -> bool:
        """Whether a run or an experiment may change one of the files."""
        free = (*self.experiment.editable, *self.experiment.allowed, self.experiment.ledger)
        return any(matches(file, free) for file in self.tracked if matches(file, [glob]))


@dataclass(frozen=True)
class _Rule:
    """One rule being read. ``place`` is where it stands: ``CLAUDE.md:12``."""

    section: str
    words: str
    place: str
    context: Context

    @cached_property
    def text(self) -> str:
        """The words in small letters, without marks of emphasis."""
        return " ".join(re.sub(r"[`]|\*\*|__", "", self.words).lower().split())

    @cached_property
    def subject(self) -> str:
        """The words up to the first explanation."""
        return re.split(r" [—–-]+ |: |; | \(", self.words, maxsplit=1)[0]

    def says(self, *patterns: str) -> bool:
        return all(re.search(pattern, self.text) for pattern in patterns)

    @property
    def protects(self) -> bool:
        """Whether it forbids a change, in these or those words."""
        begins = self.section == "never-do" and re.match(phrases.CHANGE, self.text)
        return (
            self.section == "danger-zone"
            or bool(begins)
            or self.says(f"{phrases.FORBIDDEN}|{phrases.FIXED}")
        )

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Files and folders that it is about: named in the subject, else anywhere in the words."""
        return self._paths(self.subject) or self._paths(self.words)

    def _paths(self, words: str) -> tuple[str, ...]:
        words = re.sub(r"\*\*([^*]+)\*\*", r"\1", words)  # bold
        quoted = [token for token in re.findall(r"`([^`]+)`", words) if self._is_path(token)]
        plain = re.findall(phrases.FILE, re.sub(r"`[^`]*`", " ", words))
        found = dict.fromkeys(path.removeprefix("./") for path in (*quoted, *plain))
        return tuple(path for path in found if not self._is_attribute(path))

    def _is_path(self, token: str) -> bool:
        """Whether a quoted token names files: ``prepare.py``, ``src/``, ``data/*.bin``."""
        if not re.fullmatch(r"[~\w*./@+-]+", token):
            return False
        return bool(re.search(r"[./]", token)) or bool(self.context.glob(token))

    def _is_attribute(self, path: str) -> bool:
        """``torch.compile`` and ``e.g`` are not files."""
        return not re.search(phrases.ENDING, path) and not self.context.glob(path)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Names of the harness in the words: ``evaluate_bpb()``, ```TIME_BUDGET```."""
        called = re.findall(r"\b([A-Za-z_]\w*)\(\)", self.words)
        quoted = re.findall(r"`([A-Za-z_]\w*)(?:\(\))?`", self.words)
        plain = re.findall(r"\b([A-Za-z]+_\w+)\b", self.subject)
        names = dict.fromkeys((*called, *quoted, *plain))
        return tuple(name for name in names if self.context.defines(name))


def recognise(section: str, words: str, context: Context, *, place: str) -> Statement:
    """The rule with its check; ``human`` where no check judges what it says.

    ProjectError where the words and the experiment contradict each other.
    """
    rule = _Rule(section, words, place, context)
    for check, ids, read in READERS:
        params = read(rule)
        if params is not None:
            id = ids[section != "never-do"].format(_about(check, rule, params))
            reason = _unguarded(rule, params)
            return Statement(section, id, words, check, params, reason=reason)
    return Statement(section, _words_id(rule.subject), words, "human", reason=_why_not(rule))


def unique(statements: Iterable[Statement]) -> list[Statement]:
    """The statements, later ones of the same id in a section numbered from 2."""
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


def _scope(rule: _Rule) -> Params | None:
    files = phrases.only_files(rule.words)
    if not files:
        return None
    editable = rule.context.experiment.editable
    if set(files) != set(editable):
        options = " ".join(f"--editable {path}" for path in files)
        raise ProjectError(
            f"{rule.place} lets only {', '.join(files)} change, not {', '.join(editable)}",
            help=f"give {options}, or fix the rule",
        )
    return {}


def _untracked(rule: _Rule) -> Params | None:
    stays_out = (
        rf"{phrases.NEVER}(?:be )?(?:committed|commit|pushed|push|tracked|track|added to git|add)\b"
    )
    ledger = rule.context.experiment.ledger
    paths: Value = [p for p in rule.paths if p == ledger or not rule.context.glob(p)]
    if not paths or not rule.says(rf"{stays_out}|\buntracked\b|\bout of git\b|\bgit-?ignored?\b"):
        return None
    return {"paths": paths}


def _frozen_symbol(rule: _Rule) -> Params | None:
    """A name of the harness, unless a file is named before it."""
    if not rule.symbols or not rule.protects:
        return None
    symbol = rule.symbols[0]
    before = rule.words[: rule.words.find(symbol)]
    if _guarded(rule) and any(path in before for path in rule.paths):
        return None
    return {"path": rule.context.experiment.harness, "symbol": symbol}


def _frozen(rule: _Rule) -> Params | None:
    paths: Value = _guarded(rule)
    if not paths or not rule.protects:
        return None
    return {"paths": paths, "history": True} if rule.section == "never-do" else {"paths": paths}


def _guarded(rule: _Rule) -> list[str]:
    """The named files that can be frozen: git holds them, and nobody may change them."""
    globs = dict.fromkeys(glob for path in rule.paths if (glob := rule.context.glob(path)))
    return [glob for glob in globs if not rule.context.may_change(glob)]


def _frozen_data(rule: _Rule) -> Params | None:
    outside: Value = [path for path in rule.paths if path.startswith(("~", "/"))]
    if outside and rule.protects:
        return {"paths": outside}
    if rule.paths or not rule.context.experiment.data:
        return None
    if rule.section == "danger-zone" and rule.says(phrases.DATA):
        return {}
    return {} if _guards(rule, phrases.DATA) else None


def _loader_code(rule: _Rule) -> Params | None:
    """The data pipeline where no files of data are known: its code is what can be guarded."""
    experiment = rule.context.experiment
    about = rule.section == "danger-zone" and rule.says(phrases.DATA)
    if experiment.data or rule.paths or not (about or _guards(rule, phrases.DATA)):
        return None
    if not rule.context.defines(experiment.loader):
        return None
    return {"path": experiment.harness, "symbol": experiment.loader}


def _log_schema(rule: _Rule) -> Params | None:
    metric = rf"\b{re.escape(rule.context.experiment.metric.lower())}\b"
    columns = sum(rule.says(pattern) for pattern in (*phrases.COLUMNS, metric))
    return {} if columns >= 2 and rule.says(rf"{phrases.LOG}|\brows?\b|\bcolumns?\b") else None


def _logged(rule: _Rule) -> Params | None:
    ledger = re.escape(rule.context.experiment.ledger.lower())
    if rule.says(ledger) and rule.protects:
        return {}
    if not rule.says(phrases.LOG, rf"{phrases.RUNS}|{ledger}"):
        return None
    return (
        {} if rule.says(r"\b(?:skip|omit|forget|without|every|each|all|always|fail to)") else None
    )


def _dependencies(rule: _Rule) -> Params | None:
    verbs = r"\b(?:install|add|introduc|upgrad|bump|chang|modif|new\b|uv add)\w*"
    gap = r"(?:\s+(?!without|before|after)\S+){0,5}?\s+"
    nouns = r"(?:packages?|dependenc(?:y|ies)|librar(?:y|ies)|requirements)\b"
    return {} if rule.says(f"{verbs}{gap}{nouns}", r"\b(?:never|no|not|nothing|only)\b") else None


def _budget_exact(rule: _Rule) -> Params | None:
    exact = rule.says(r"\bexact(?:ly)?\b|\bprecisely\b|\bto the second\b")
    always = rule.says(r"\balways\b|\bfixed\b|\bconstant\b") or _guards(rule, phrases.BUDGET)
    if not exact and (rule.says(phrases.MORE) or not always):
        return None
    return _budget(rule, operator.eq)


def _budget_limit(rule: _Rule) -> Params | None:
    return _budget(rule, operator.ge) if rule.says(phrases.MORE) else None


def _budget(rule: _Rule, agrees: Callable[[float, float], bool]) -> Params | None:
    """A rule about the time of training; ProjectError where it states other seconds."""
    said, budget = phrases.seconds(rule.text), rule.context.experiment.budget
    if said is None and not rule.says(phrases.BUDGET):
        return None
    if not rule.says(phrases.TRAINING) or rule.says(r"\b(?:memory|vram|tokens|parameters?) budget"):
        return None
    if said is not None and not agrees(said, budget):
        raise ProjectError(
            f"{rule.place} says {said:g} seconds, but the budget is {budget:g}",
            help=f"give --budget {said:g}, or fix the rule",
        )
    return {}


def _simplicity(rule: _Rule) -> Params | None:
    words = r"\bsimplicity\b|\bsimpler\b|\b(?:less|smaller) code\b|\bfewer (?:lines|tokens)\b"
    return {} if rule.says(words) else None


def _settled(rule: _Rule) -> Params | None:
    kept = r"\bkeeps?\b|\bkept\b|\badvances?\b"
    undone = r"\brevert|\breset|\bdiscard|\broll(?:ed)? back|\bundone\b|\bdropped\b"
    compared = r"\bimprov|\bregress|\bworse\b|\bbetter\b"
    both = rule.says(kept, undone) or rule.says(r"\bimprov", undone)
    worse = rule.section == "never-do" and rule.says(kept, r"\bworse\b|\bregress")
    return {} if (both and rule.says(compared)) or worse else None


def _metric(rule: _Rule) -> Params | None:
    metric, direction = rule.context.experiment.metric, rule.context.experiment.direction
    if not rule.says(rf"\b{re.escape(metric.lower())}\b|\bmetric\b"):
        return None
    only = r"\b(?:only|sole|alone)\b(?:\s+\w+){0,2}\s+metric\b|\bmetric\b.*\b(?:only|alone)\b"
    said = phrases.direction_of(rule.words)
    if not said and not rule.says(only):
        return None
    if said and said != direction:
        raise ProjectError(
            f"{rule.place} says that {said} is better, but the direction is {direction}",
            help=f"give --direction {said}, or fix the rule",
        )
    return {}


def _evaluation(rule: _Rule) -> Params | None:
    about = (
        rule.section == "danger-zone" and not rule.paths and rule.says(rf"\b{phrases.EVALUATION}")
    )
    return {} if about or _guards(rule, phrases.EVALUATION) else None


def _guards(rule: _Rule, nouns: str) -> bool:
    """Whether it forbids to change what the nouns name, or says that this is fixed."""
    changed = rule.says(rf"{phrases.CHANGE}{phrases.GAP}{nouns}") and rule.protects
    return changed or rule.says(
        rf"\b{nouns}.{{0,40}}(?:{phrases.FIXED}|\b(?:never|not)\b.{{0,12}}{phrases.CHANGE})"
    )


#: How the words of a rule are read, the more particular first: the check that judges it, what the
#: rule is called under NEVER DO and elsewhere ({} is the file or name that it guards), its reader.
READERS: tuple[tuple[str, tuple[str, str], Callable[[_Rule], Params | None]], ...] = (
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


def _about(check: str, rule: _Rule, params: Params) -> str:
    """What an id names: the file, the function or the metric."""
    experiment, paths = rule.context.experiment, params.get("paths")
    if isinstance(paths, list):
        return stem(paths[0])
    names = {"scope": experiment.editable[0], "metric": experiment.metric}
    return slug(names.get(check) or str(params.get("symbol", "")))


def _words_id(words: str) -> str:
    """The first few telling words of a rule as an id."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    telling = [word for word in slug(plain).split("-") if not _DULL.fullmatch(word)]
    return "-".join(telling[:5]) or slug(plain) or "rule"


def _unguarded(rule: _Rule, params: Params) -> str:
    """Which of the named files the check leaves open; "" where there are none."""
    paths = params.get("paths")
    if not isinstance(paths, list):
        return ""
    left = [path for path in rule.paths if not {path, rule.context.glob(path)} & {*paths}]
    return f"it does not guard {', '.join(left)}" if left else ""


def _why_not(rule: _Rule) -> str:
    absent = [path for path in rule.paths if not rule.context.glob(path)]
    if rule.protects and absent:
        return f"git holds no {' and no '.join(absent)}, so that no check can guard it"
    return "no check reads this rule"
