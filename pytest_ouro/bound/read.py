"""Read bound.toml, the rules of an experiment: strictly, reporting all faults at once."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Literal

from pytest_ouro.bound.ledger import ledger_fault
from pytest_ouro.bound.profiles import DEVICES, read_profiles
from pytest_ouro.bound.tables import PER_DEVICE, VERSION, Experiment, RuleKeys, Title, VerdictRule
from pytest_ouro.checks import CHECKS, ENTRY_POINTS, load, registered
from pytest_ouro.core import limits
from pytest_ouro.core.errors import nearest
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.problems import Problems
from pytest_ouro.core.schema import keys_of, read_table, shown, values_of
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.evidence import Layout
from pytest_ouro.evidence.paths import PathParameter, join
from pytest_ouro.messages import bound as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.bound.guards import Guard
    from pytest_ouro.bound.night import Night
    from pytest_ouro.checks import Check
    from pytest_ouro.core.problems import Where

NAME = "bound.toml"
SECTIONS = ("danger-zone", "never-do", "iron-law")
#: The harness and the function of an experiment without them: no code can have this name.
_EVALUATION = "evaluate-command"


class _CheckFault(Exception):
    """Raised if the check that a rule names cannot be used; the message says why."""


@dataclass(frozen=True)
class Rule:
    """One rule, an entry of a table such as ``[[never-do]]``. ``section`` is the table's name,
    ``sentence`` the rule in words, ``line`` its line in bound.toml (0: unknown), ``check`` the name
    of its check, ``checker`` that check with its parameters. ``reason`` says why the rule only
    warns, or why only a person can judge it; it may be "" for any other rule."""

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
        """The table and the id of the rule, as in ``never-do::edit-harness``."""
        return f"{self.section}::{self.id}"


@dataclass(frozen=True)
class Bound:
    """The content of one bound.toml. ``name`` is the experiment's name, ``folder`` the file's
    folder, repository-relative. ``rules`` are ordered by table (danger-zone, never-do, iron-law),
    then as in the file. ``experiments`` and ``verdicts`` have the keys "cpu" and "cuda". ``night``
    says when a night is over; None without the table."""

    name: str
    folder: str
    rules: tuple[Rule, ...]
    experiments: dict[str, Experiment]
    verdicts: dict[str, VerdictRule]
    guards: tuple[Guard, ...] = ()
    night: Night | None = None

    def path(self, relative: str) -> str:
        """Convert a path or glob relative to the experiment's folder to a repository-relative one.
        Raise ValueError if it is absolute or leads out of the repository."""
        return join(self.root, relative)

    @property
    def files(self) -> tuple[str, ...]:
        """The repository-relative paths and globs of bound.toml, the script, the harness and the
        editable files, without those that the experiment does not have."""
        names = (self.experiment.script, self.experiment.harness, *self.experiment.editable)
        return (join(self.folder, NAME), *(self.path(name) for name in names if name))

    @property
    def root(self) -> str:
        """The experiment's folder, relative to the repository's top ("" for the top): `folder`
        joined with the key ``root`` of ``[experiment]``."""
        return join(self.folder, self.experiments["cpu"].root)

    @property
    def experiment(self) -> Experiment:
        """The experiment of the ``cpu`` profile, for the keys that are the same on every device."""
        return self.experiments["cpu"]

    @property
    def layout(self) -> Layout:
        """The paths of the experiment and the names that its checks look for. Its ``data`` is that
        of all devices together."""
        experiment = self.experiment
        return Layout(
            folder=self.folder,
            root=self.root,
            editable=experiment.editable,
            allowed=experiment.allowed,
            publish=experiment.publish,
            ledger=self.path(experiment.ledger),
            harness=experiment.harness or _EVALUATION,
            evaluate=experiment.evaluate or _EVALUATION,
            loader=experiment.loader,
            metric=experiment.described_metric,
            data=tuple(dict.fromkeys(p for e in self.experiments.values() for p in e.data)),
            run_by_us=tuple(filter(None, (experiment.harness, experiment.prepare))),
            script=experiment.script,
            python=experiment.python,
            runs=experiment.runs,
            window=self._window,
        )

    @property
    def _window(self) -> tuple[float, float]:
        """The fewest and the most seconds that a run may train, over all devices: the least of
        budget minus tolerance (0 for a command, which may take any shorter time), and the greatest
        of budget plus tolerance."""
        spans = [(e.budget, e.seconds("tolerance")) for e in self.experiments.values()]
        least = 0.0 if self.experiment.command else min(a - b for a, b in spans)
        return least, max(a + b for a, b in spans)


def read(
    data: bytes,
    path: str,
    *,
    checks: Mapping[str, type[Check]] | None = None,
    remedy: str = "",
) -> Bound:
    """Return the bound that the bytes of the bound.toml at the repository-relative ``path`` state.
    Raise BoundError if they are too many, are not UTF-8, or have faults. The other arguments are
    those of `parse`."""
    if len(data) > limits.BOUND:
        raise messages.too_long(path, len(data), limits.BOUND, remedy)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise messages.not_utf8(path, line, remedy) from None
    folder = path.rpartition("/")[0]
    return parse(text, folder=folder, name=path, checks=checks, remedy=remedy)


def parse(
    text: str,
    *,
    folder: str = "",
    name: str = NAME,
    checks: Mapping[str, type[Check]] | None = None,
    remedy: str = "",
) -> Bound:
    """Return the bound that the text of a bound.toml states. Raise BoundError if it has faults,
    with a list of all of them and their lines if known. If the text is not TOML or is of a later
    version, the list has only that fault. Paths are checked only if [experiment] has no other
    fault, the ledger only if nothing else has one.

    ``folder`` is bound.toml's repository-relative folder, ``name`` the file's name in messages.
    ``checks`` are classes, by name, that rules may name besides pytest-ouro's own checks;
    ``remedy`` is the help of a BoundError.
    """
    try:
        table = toml.loads(text)
    except ValueError as error:
        raise messages.not_toml(name, str(error), remedy) from None
    _demand_known(table, name, remedy)
    problems = Problems(name, text)
    known = ("bound", "experiment", "verdict", "night", "guard", *SECTIONS)
    for key in table.keys() - set(known):
        problems.add((key,), f"unknown table '{key}'{nearest(key, known)}")
    title = read_table(Title, table.get("bound", {}), ("bound",), problems)
    experiments: dict[str, Experiment] = {}
    if "experiment" in table:
        experiments = read_profiles(
            Experiment, table["experiment"], "experiment", PER_DEVICE, problems
        )
    else:
        problems.add((), "the table [experiment] is missing")
    verdict = table.get("verdict", {})
    verdicts = read_profiles(VerdictRule, verdict, "verdict", keys_of(VerdictRule), problems)
    rules = _read_rules(table, problems, checks or {})
    guards: tuple[Guard, ...] = ()
    if "guard" in table:
        from pytest_ouro.bound.guards import read_guards  # most bounds have none

        guards = read_guards(table, experiments.get("cpu"), problems)
    night: Night | None = None
    if "night" in table:
        from pytest_ouro.bound.night import NIGHT, Night  # most bounds have none

        night = read_table(Night, table[NIGHT], (NIGHT,), problems)
    if len(experiments) == len(DEVICES):
        _check_paths(folder, experiments, rules, problems)
    if problems.found or title is None:
        raise messages.faulty(problems.sorted(), remedy)
    bound = Bound(title.name, folder, tuple(rules.values()), experiments, verdicts, guards, night)
    _check_ledger(bound, name, problems)
    if problems.found:
        raise messages.faulty(problems.sorted(), remedy)
    return bound


def _demand_known(table: dict[str, object], name: str, remedy: str) -> None:
    """Raise BoundError, with the help ``remedy``, if the parsed bound ``table`` states a later
    version of the format than pytest-ouro knows, since its keys may then be unknown. ``name`` is
    bound.toml's path in the message."""
    title = table.get("bound")
    version = title.get("version") if isinstance(title, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise messages.newer_bound(name, version, VERSION, remedy)


def _check_ledger(bound: Bound, name: str, problems: Problems) -> None:
    """Add a problem if `ledger_fault` refuses the bound's ledger. Of the rules, only those with a
    check of pytest-ouro are asked what they freeze. ``name`` is bound.toml's path."""
    own = [rule.checker for rule in bound.rules if rule.check in CHECKS]
    experiment = bound.experiment
    programs = (experiment.script, *experiment.command, *experiment.evaluate_command)
    if fault := ledger_fault(bound.layout, programs, posixpath.basename(name), own):
        ledger = shown(bound.experiment.ledger)
        text = f"'ledger' in [experiment] must be a file for rows alone, not {ledger}: {fault}"
        problems.add(("experiment", "ledger"), text)


def _read_rules(
    table: dict[str, object], problems: Problems, checks: Mapping[str, type[Check]]
) -> dict[Where, Rule]:
    """Return the valid rules by place, ``(table name, index from 0)``. Add all faults to
    ``problems``. Faults are also a repeated id in a table (both rules are returned), no rule at
    all, and only rules that a person must judge."""
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
            rule = _read_rule(entry, where, problems, checks)
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
    elif len(rules) == stated and all(r.checker.stage == "human" for r in rules.values()):
        problems.add(
            (), 'no rule can be judged: each has check = "human"; state one with another check'
        )
    return rules


def _read_rule(
    entry: object, where: Where, problems: Problems, checks: Mapping[str, type[Check]]
) -> Rule | None:
    """Return the rule that the TOML table ``entry`` at ``where`` states; None, with the faults
    added to ``problems``, if it is invalid. A rule that only warns, or that only a person can
    judge, must have a reason."""
    section, known = str(where[0]), keys_of(RuleKeys)
    if not isinstance(entry, dict):
        problems.add(where, f"[[{section}]] must be a table")
        return None
    if "check" not in entry:
        text = (
            f"the rule '{entry.get('id', '?')}' has no check: a law nobody can check is not a law"
        )
        problems.add(where, f'{text} (check = "human" states one openly)')
        return None
    common = {key: value for key, value in entry.items() if key in known}
    params = {key: value for key, value in entry.items() if key not in known}
    try:
        check = _load_check(entry["check"], checks)
        keys = read_table(RuleKeys, common, where, problems)
        checker = _read_check(entry["check"], check, params, where, problems)
    except _CheckFault as error:
        problems.add((*where, "check"), str(error))
        return None
    if keys is None or checker is None:
        return None
    if (keys.severity == "warn" or check.stage == "human") and not keys.reason:
        problems.add(where, f"the rule '{keys.id}' is weakened and must state a reason")
        return None
    line = problems.lines.get(where, 0)
    return Rule(section, keys.id, keys.rule, line, keys.check, checker, keys.severity, keys.reason)


def _load_check(name: object, checks: Mapping[str, type[Check]]) -> type[Check]:
    """Return the class that a rule's key ``check`` names: pytest-ouro's own, otherwise one of
    ``checks``, otherwise one that an installed package registers. Raise _CheckFault if there is
    none, or it cannot be imported."""
    if isinstance(name, str) and name in checks and name not in CHECKS:
        return checks[name]  # it never replaces a check of ours
    try:
        return load(str(name))
    except ImportError as error:
        raise _CheckFault(f"the check {name!r} cannot be used: {error}") from None
    except KeyError:
        hint = nearest(str(name), [*CHECKS, *checks, *registered()]) or (
            f" (a check of your own must be an entry point of the group {ENTRY_POINTS}: "
            "the gate runs no conftest.py)"
        )
        raise _CheckFault(f"unknown check {name!r}{hint}") from None


def _read_check(
    name: str, check: type[Check], params: dict[str, object], where: Where, problems: Problems
) -> Check | None:
    """Return the check with its parameters; None, with the faults added to ``problems``, if they
    are invalid. Raise _CheckFault if a package's class raises an exception; one from a class of
    pytest-ouro is not caught."""
    try:
        return read_table(check, params, where, problems)
    except Exception as error:  # the class of a package may raise any exception
        if name in CHECKS:
            raise
        fault = f"{check.__module__}.{check.__qualname__}: {type(error).__name__}: {error}"
        raise _CheckFault(f"the check {name!r} cannot be used: {fault}") from error


def _check_paths(
    folder: str,
    experiments: dict[str, Experiment],
    rules: dict[Where, Rule],
    problems: Problems,
) -> None:
    """Add a problem for each path of the experiments or rules that its type refuses
    (`PathParameter.fault`), also in checks of packages. A fault that both devices have from a key
    of [experiment] is added once."""
    try:
        root = join(folder, experiments["cpu"].root)
    except ValueError:
        root = folder  # the fault of `root` is reported below
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
