"""bound.toml: the rules of an experiment, read strictly, all faults at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pytest_ouro.bound.tables import PER_DEVICE, Experiment, RuleKeys, Title, VerdictRule
from pytest_ouro.checks import CHECKS, ENTRY_POINTS, load, registered
from pytest_ouro.core.errors import BoundError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.schema import (
    Problems,
    keys_of,
    line_numbers,
    nearest,
    read_table,
    read_values,
    shown,
    table_name,
    values_of,
)
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.paths import PathParameter, join

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ouro.checks import Check
    from pytest_ouro.core.schema import Where

NAME = "bound.toml"
#: A longer file is refused.
MAX_BYTES = 1_000_000
SECTIONS = ("danger-zone", "never-do", "iron-law")
#: The devices that may have tables of their own in [experiment] and [verdict].
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Rule:
    """One DANGER ZONE, NEVER DO or IRON LAW."""

    section: str
    id: str
    sentence: str
    line: int
    check: str
    checker: Check
    severity: Literal["error", "warn"] = "error"
    reason: str = ""

    @property
    def key(self) -> str:
        return f"{self.section}::{self.id}"


@dataclass(frozen=True)
class Bound:
    """A whole bound.toml. ``folder`` is its folder from the repository's top ("" for the top)."""

    name: str
    folder: str
    rules: tuple[Rule, ...]
    experiments: dict[str, Experiment]
    verdicts: dict[str, VerdictRule]

    def path(self, relative: str) -> str:
        """A path or glob of a rule, seen from the repository's top."""
        return join(self.root, relative)

    @property
    def files(self) -> tuple[str, ...]:
        """What makes a tree one of the experiment (globs, seen from the repository's top)."""
        names = (self.experiment.script, self.experiment.harness, *self.experiment.editable)
        return (join(self.folder, NAME), *(self.path(name) for name in names if name))

    @property
    def root(self) -> str:
        """The experiment's folder from the repository's top."""
        return join(self.folder, self.experiments["cpu"].root)

    @property
    def experiment(self) -> Experiment:
        """The experiment, for what does not depend on the device."""
        return self.experiments["cpu"]


def decode(data: bytes, name: str) -> str:
    """The text of a bound; BoundError where it is too long or no UTF-8."""
    if len(data) > MAX_BYTES:
        raise BoundError((f"{name}: {len(data)} bytes; a bound has at most {MAX_BYTES}",))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BoundError((f"{name}:{line}: not UTF-8",)) from None


def parse(
    text: str,
    *,
    folder: str = "",
    name: str = NAME,
    checks: Mapping[str, type[Check]] | None = None,
    help: str = "",
) -> Bound:
    """The Bound that ``text`` states; BoundError with every fault, each with its line.

    ``folder`` is bound.toml's folder from the repository's top, ``name`` how to call the file,
    ``checks`` what was registered beside ours, ``help`` what a person does about a fault.
    """
    try:
        table = toml.loads(text)
    except ValueError as error:
        raise BoundError((f"{name}: not TOML: {error}",), help=help) from None
    problems = Problems(name, line_numbers(text))
    known = ("bound", "experiment", "verdict", *SECTIONS)
    for key in table.keys() - set(known):
        problems.add((key,), f"unknown table '{key}'{nearest(key, known)}")
    title = read_table(Title, table.get("bound", {}), ("bound",), problems)
    experiments = _experiments(table, problems)
    verdicts = _verdicts(table, problems)
    rules = _rules(table, problems, checks or {})
    if experiments:
        _check_paths(folder, experiments, rules, problems)
    if problems.found or title is None:
        raise BoundError(problems.sorted(), help=help)
    return Bound(title.name, folder, tuple(rules.values()), experiments, verdicts)


def _experiments(table: dict[str, Any], problems: Problems) -> dict[str, Experiment]:
    if "experiment" not in table:
        problems.add((), "the table [experiment] is missing")
        return {}
    base = table["experiment"]
    whole = read_table(Experiment, base, ("experiment",), problems, also=DEVICES)
    if not isinstance(base, dict):
        return {}
    shared = {key: value for key, value in base.items() if key not in DEVICES}
    found = {}
    for device in DEVICES:
        where = ("experiment", device)
        override = _override(Experiment, base, where, PER_DEVICE, problems)
        if whole is None or override is None:
            continue
        if not override:
            found[device] = whole
            continue
        # Limits that were derived from another budget are not inherited with it.
        lost = ("tolerance", "timeout") if "budget" in override else ()
        kept = {key: value for key, value in shared.items() if key not in lost}
        if experiment := read_table(Experiment, {**kept, **override}, where, problems):
            found[device] = experiment
    return found if len(found) == 2 else {}


def _override(
    cls: type, base: dict[str, Any], where: Where, allowed: Iterable[str], problems: Problems
) -> dict[str, Any] | None:
    """The keys of one device's own table in ``base``; None with the reasons in ``problems``."""
    override = base.get(str(where[-1]), {})
    if not isinstance(override, dict):
        problems.add(where, f"[{table_name(where)}] must be a table")
        return None
    before = len(problems.found)
    for key in override.keys() - set(allowed):
        text = f"'{key}' cannot be set in [{table_name(where)}]{nearest(key, allowed)}"
        problems.add((*where, key), text)
    known = {key: value for key, value in override.items() if key in allowed}
    read_values(cls, known, where, problems)
    return known if len(problems.found) == before else None


def _verdicts(table: dict[str, Any], problems: Problems) -> dict[str, VerdictRule]:
    base = table.get("verdict", {})
    whole = read_table(VerdictRule, base, ("verdict",), problems, also=DEVICES)
    if not isinstance(base, dict):
        return {}
    shared = {key: value for key, value in base.items() if key not in DEVICES}
    found = {}
    for device in DEVICES:
        where = ("verdict", device)
        override = _override(VerdictRule, base, where, keys_of(VerdictRule), problems)
        if whole is None or override is None:
            continue
        if verdict := read_table(VerdictRule, {**shared, **override}, where, problems):
            found[device] = verdict
    return found


def _rules(
    table: dict[str, Any], problems: Problems, checks: Mapping[str, type[Check]]
) -> dict[Where, Rule]:
    """The sound rules, each by its table and its number there."""
    rules: dict[Where, Rule] = {}
    stated = 0
    for section in SECTIONS:
        entries = table.get(section, [])
        if not isinstance(entries, list):
            problems.add((section,), f"write [[{section}]], with two brackets: rules are a list")
            continue
        stated += len(entries)
        seen: dict[str, int] = {}
        for number, entry in enumerate(entries):
            where = (section, number)
            rule = _rule(section, entry, where, problems, checks)
            if rule is None:
                continue
            if rule.id in seen:
                problems.add(
                    (*where, "id"), f"'{rule.id}' is already a rule at line {seen[rule.id]}"
                )
            seen[rule.id] = rule.line
            rules[where] = rule
    if not stated:
        problems.add((), f"no rules: state at least one [[{']], [['.join(SECTIONS)}]]")
    elif len(rules) == stated and all(rule.check == "human" for rule in rules.values()):
        problems.add(
            (), 'no rule can be judged: each has check = "human"; state one with another check'
        )
    return rules


def _check(
    name: object, where: Where, problems: Problems, checks: Mapping[str, type[Check]]
) -> type[Check] | None:
    """The class that a rule's ``check`` names."""
    if isinstance(name, str):
        if name in checks and name not in CHECKS:  # nothing replaces a check of ours
            return checks[name]
        try:
            return load(name)
        except ImportError as error:
            problems.add((*where, "check"), f"the check {name!r} cannot be used: {error}")
            return None
        except KeyError:
            pass
    hint = nearest(str(name), [*CHECKS, *checks, *registered()]) or (
        f" (a check of your own must be an entry point of the group {ENTRY_POINTS}: "
        "the gate runs no conftest.py)"
    )
    problems.add((*where, "check"), f"unknown check {name!r}{hint}")
    return None


def _rule(
    section: str,
    entry: object,
    where: Where,
    problems: Problems,
    checks: Mapping[str, type[Check]],
) -> Rule | None:
    known = keys_of(RuleKeys)
    if not isinstance(entry, dict):
        problems.add(where, f"[[{section}]] must be a table")
        return None
    if "check" not in entry:
        problems.add(
            where,
            f"the rule '{entry.get('id', '?')}' has no check: a law nobody can check is not a law "
            '(check = "human" states one openly)',
        )
        return None
    check = _check(entry["check"], where, problems, checks)
    if check is None:
        return None
    common = {key: value for key, value in entry.items() if key in known}
    params = {key: value for key, value in entry.items() if key not in known}
    keys = read_table(RuleKeys, common, where, problems)
    checker = _checker(entry["check"], check, params, where, problems)
    if keys is None or checker is None:
        return None
    if (keys.severity == "warn" or check.stage == "human") and not keys.reason:
        problems.add(where, f"the rule '{keys.id}' is weakened and must state a reason")
        return None
    line = problems.lines.get(where, 0)
    return Rule(section, keys.id, keys.rule, line, keys.check, checker, keys.severity, keys.reason)


def _checker(
    name: str, check: type[Check], params: dict[str, Any], where: Where, problems: Problems
) -> Check | None:
    """The check with its parameters; a package's class may be faulty in any way."""
    try:
        return read_table(check, params, where, problems)
    except Exception as error:
        if name in CHECKS:
            raise
        fault = f"{check.__module__}.{check.__qualname__}: {type(error).__name__}: {error}"
        problems.add((*where, "check"), f"the check {name!r} cannot be used: {fault}")
        return None


def _check_paths(
    folder: str,
    experiments: dict[str, Experiment],
    rules: dict[Where, Rule],
    problems: Problems,
) -> None:
    """Refuse a path that no rule can be about: outside of the repository, absolute or empty.

    What is a path is told by the types of the tables' fields, also of checks of packages.
    """
    try:
        root = join(folder, experiments["cpu"].root)
    except ValueError:
        root = folder  # its own fault is found below
    tables: list[tuple[Where, object]] = [(("experiment", d), e) for d, e in experiments.items()]
    tables += [(where, rule.checker) for where, rule in rules.items()]
    found = {}
    for where, table in tables:
        for key, path in values_of(table, PathParameter):
            if fault := path.fault(folder, root):
                text = f"must be {path.wanted}, not {shown(path)}: {fault}"
                stated = (*where, key)
                if where[0] == "experiment" and stated not in problems.lines:
                    stated = ("experiment", key)
                found[stated, path] = f"'{key}' in [{where[0]}] {text}"
    for (stated, _), text in found.items():
        problems.add(stated, text)
