"""bound.toml: the rules of an experiment, read strictly, all faults at once."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_ouro.checks import CHECKS, ENTRY_POINTS, load
from pytest_ouro.errors import BoundError
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.paths import join
from pytest_ouro.schema import Problems, line_numbers, nearest, option, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.checks import Check
    from pytest_ouro.schema import Where

NAME = "bound.toml"
#: Beyond this it is no file of rules.
MAX_BYTES = 1_000_000
SECTIONS = ("danger-zone", "never-do", "iron-law")
LEVELS = ("claimed", "supervised", "judged", "sandboxed", "sealed", "attested")

Level = Literal["claimed", "supervised", "judged", "sandboxed", "sealed", "attested"]
Device = Literal["auto", "cpu", "cuda"]

#: An experiment is a script that calls its harness, or a command that is evaluated afterwards.
KINDS = (("script", "harness", "evaluate"), ("command", "evaluate-command"))


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """``[experiment]``: what is run, what it may change, and how it is measured.

    Paths are relative to ``root``, which is relative to the folder of bound.toml. Seconds.
    """

    root: str = option("the experiment's folder, from the folder of bound.toml", default="")
    script: str = option("the Python file that is run; or else `command`", default="")
    editable: tuple[str, ...] = option("all that an experiment may change (globs)")
    allowed: tuple[str, ...] = option(
        "what a run may leave in the working tree, never committed (globs)",
        default=("run.log", "results.tsv"),
    )
    harness: str = option("the fixed module; the script imports it by its name", default="")
    evaluate: str = option("the harness's function that returns the metric", default="")
    command: tuple[str, ...] = option(
        "instead of `script`, `harness` and `evaluate`: the program that is run, and its "
        "arguments; no shell",
        default=(),
    )
    evaluate_command: tuple[str, ...] = option(
        "prints `metric: value`; run after `command`, from the trusted commit, with the folder of "
        "what is measured in `OURO_CANDIDATE`",
        default=(),
    )
    loader: str = option(
        "the harness's function that yields training batches; the clock starts at the first one",
        default="make_dataloader",
    )
    prepare: str = option(
        "a script that makes the data, run once from its trusted bytes when `data` is missing",
        default="",
    )
    data: tuple[str, ...] = option(
        "files the run needs (globs, `~` allowed); runs on other data are never compared",
        default=(),
    )
    python: tuple[str, ...] = option(
        'the command that starts the interpreter; `"python"` is the one that runs pytest',
        default=("python",),
    )
    metric: str = option("its name where it is printed and in the ledger", default="val_bpb")
    direction: Literal["lower", "higher"] = option("which is better", default="lower")
    budget: float = option(
        "seconds of training, the harness's `TIME_BUDGET` is set to it; the most that `command` "
        "may take"
    )
    clock: Literal["wall", "cpu"] = option(
        '`"cpu"` counts CPU seconds of the run and its children', default="wall"
    )
    tolerance: float | None = option(
        "seconds either side of the budget that still count as exact (2 % of it)", default=None
    )
    timeout: float | None = option(
        "wall seconds for the whole run, then it is killed (twice the budget)", default=None
    )
    warmup_tokens: int = option(
        "tokens that may be served before the clock starts, for warm-up steps", default=0
    )
    warmup_seconds: float = option(
        "the clock starts at the latest this long after the first batch", default=0.0
    )
    device: Device = option('`"auto"` is CUDA where there is a card', default="auto")
    level: Level = option(
        "the lowest level of assurance at which a run may be kept", default="supervised"
    )
    ledger: str = option("the table of results", default="results.tsv")

    def __post_init__(self) -> None:
        self._demand_one_kind()
        if not self.editable:
            raise ValueError("'editable' is empty: an experiment must be able to change something")
        if self.budget <= 0:
            raise ValueError("'budget' must be more than 0 seconds")
        if not self.python:
            raise ValueError("'python' is empty: it is the command that starts an interpreter")
        # The seed's law allows 6 s of 300; a shorter budget has the same share.
        object.__setattr__(
            self, "tolerance", self.budget * 0.02 if self.tolerance is None else self.tolerance
        )
        object.__setattr__(
            self, "timeout", self.budget * 2 if self.timeout is None else self.timeout
        )
        if self.seconds("timeout") <= self.budget:
            raise ValueError("'timeout' must leave time beyond 'budget'")

    def _demand_one_kind(self) -> None:
        kinds = " or ".join(", ".join(kind) for kind in KINDS)
        script, command = (
            [key for key in kind if getattr(self, key.replace("-", "_"))] for kind in KINDS
        )
        if script and command:
            raise ValueError(
                f"'{script[0]}' and '{command[0]}' exclude each other: an experiment has {kinds}"
            )
        for key in KINDS[1] if command else KINDS[0]:
            if key not in (*script, *command):
                raise ValueError(f"lacks the key '{key}': an experiment has {kinds}")

    @property
    def program(self) -> str:
        """What is run, as a person calls it."""
        return self.script or " ".join(self.command)

    @property
    def module(self) -> str:
        """The name by which the script imports the harness."""
        return self.harness.removesuffix(".py").replace("/", ".")

    def seconds(self, name: Literal["tolerance", "timeout"]) -> float:
        """``tolerance`` or ``timeout``, which have their defaults filled in by now."""
        value: float = getattr(self, name)
        return value


#: The keys of ``[experiment]`` that ``[experiment.cpu]`` and ``[experiment.cuda]`` may replace.
PER_DEVICE = (
    *(
        "budget",
        "clock",
        "tolerance",
        "timeout",
        "warmup-tokens",
        "warmup-seconds",
        "level",
        "data",
    ),
)


@dataclass(frozen=True, kw_only=True)
class VerdictRule:
    """``[verdict]``: when a difference of the metric counts.

    ``noise`` is the standard deviation of one run's metric, or "auto": from repeats.
    """

    noise: float | Literal["auto"] = option(
        'the standard deviation of one run\'s metric; `"auto"`: from repeats of one code',
        default="auto",
    )
    sigmas: float = option("an improvement below `sigmas` × `noise` is within noise", default=2.0)
    hard: bool = option(
        "`true`: within noise is a discard; `false`: a keep with the reason `marginal`",
        default=False,
    )


@dataclass(frozen=True)
class Rule:
    """One DANGER ZONE, NEVER DO or IRON LAW."""

    section: str
    id: str
    sentence: str
    line: int
    check: str
    judge: Check
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
    def root(self) -> str:
        """The experiment's folder from the repository's top."""
        return join(self.folder, self.experiments["cpu"].root)

    @property
    def experiment(self) -> Experiment:
        """The experiment, for what does not depend on the device."""
        return self.experiments["cpu"]


@dataclass(frozen=True, kw_only=True)
class Title:
    """``[bound]``."""

    name: str = option("how the experiment is called", default="experiment")


@dataclass(frozen=True, kw_only=True)
class RuleKeys:
    """What every rule states, beside the parameters of its check."""

    id: str = option("words of a-z and 0-9 with `-` between; part of the item's name")
    rule: str = option("the rule in a person's words, printed when it is broken")
    check: str = option("what judges it")
    severity: Literal["error", "warn"] = option('`"warn"` reports without failing', default="error")
    reason: str = option("why it only warns, or why only a person can judge it", default="")


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
) -> Bound:
    """The Bound that ``text`` states; BoundError with every fault, each with its line.

    ``folder`` is bound.toml's folder from the repository's top, ``name`` how to call the file,
    ``checks`` what was registered beside ours.
    """
    try:
        table = toml.loads(text)
    except ValueError as error:
        raise BoundError((f"{name}: not TOML: {error}",)) from None
    problems = Problems(name, line_numbers(text))
    known = ("bound", "experiment", "verdict", *SECTIONS)
    for key in table.keys() - set(known):
        problems.add((key,), f"unknown table '{key}'{nearest(key, known)}")
    title = read_table(Title, table.get("bound", {}), ("bound",), problems)
    experiments = _experiments(table, problems)
    verdicts = _verdicts(table, problems)
    rules = _rules(table, problems, checks or {})
    if experiments:
        _check_paths(folder, experiments["cpu"], rules, problems)
    if problems.found or title is None:
        raise BoundError(problems.sorted())
    return Bound(title.name, folder, tuple(rules.values()), experiments, verdicts)


def _experiments(table: dict[str, Any], problems: Problems) -> dict[str, Experiment]:
    if "experiment" not in table:
        problems.add((), "the table [experiment] is missing")
        return {}
    base = table["experiment"]
    whole = read_table(Experiment, base, ("experiment",), problems, also=("cpu", "cuda"))
    if not isinstance(base, dict):
        return {}
    shared = {key: value for key, value in base.items() if key not in ("cpu", "cuda")}
    found = {}
    for device in ("cpu", "cuda"):
        override = base.get(device, {})
        where = ("experiment", device) if override else ("experiment",)
        if not isinstance(override, dict):
            problems.add(("experiment", device), f"[experiment.{device}] must be a table")
            continue
        for key in override.keys() - set(PER_DEVICE):
            problems.add(
                ("experiment", device, key),
                f"'{key}' cannot be set in [experiment.{device}]{nearest(key, PER_DEVICE)}",
            )
        if whole is None:
            continue
        # Limits that were derived from another budget are not inherited with it.
        kept = dict(shared)
        if "budget" in override:
            kept = {k: v for k, v in shared.items() if k not in ("tolerance", "timeout")}
        known = {key: value for key, value in override.items() if key in PER_DEVICE}
        if experiment := read_table(Experiment, {**kept, **known}, where, problems):
            found[device] = experiment
    return found if len(found) == 2 else {}


def _verdicts(table: dict[str, Any], problems: Problems) -> dict[str, VerdictRule]:
    base = table.get("verdict", {})
    if read_table(VerdictRule, base, ("verdict",), problems, also=("cpu", "cuda")) is None:
        return {}
    shared = {key: value for key, value in base.items() if key not in ("cpu", "cuda")}
    found = {}
    for device in ("cpu", "cuda"):
        where = ("verdict", device) if device in base else ("verdict",)
        override = base.get(device, {})
        merged = {**shared, **override} if isinstance(override, dict) else override
        if verdict := read_table(VerdictRule, merged, where, problems):
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
    return rules


def _check(
    name: object, where: Where, problems: Problems, checks: Mapping[str, type[Check]]
) -> type[Check] | None:
    """The class that a rule's ``check`` names."""
    if isinstance(name, str):
        if name in checks and name not in CHECKS:  # nothing stands in for a check of ours
            return checks[name]
        try:
            return load(name)
        except ImportError as error:
            problems.add((*where, "check"), f"the check {name!r} of a package: {error}")
            return None
        except KeyError:
            pass
    hint = nearest(str(name), [*CHECKS, *checks]) or (
        f" (a check of your own must be an entry point of the group {ENTRY_POINTS}: "
        "the gate sees no conftest.py)"
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
    known = {f.name for f in dataclasses.fields(RuleKeys)}
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
    judge = read_table(check, params, where, problems)
    if keys is None or judge is None:
        return None
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", keys.id):
        problems.add(
            (*where, "id"), f"the id '{keys.id}' must be words of a-z and 0-9 with - between"
        )
        return None
    if (keys.severity == "warn" or keys.check == "human") and not keys.reason:
        problems.add(where, f"the rule '{keys.id}' is weakened and must state a reason")
        return None
    line = problems.lines.get(where, 0)
    return Rule(section, keys.id, keys.rule, line, keys.check, judge, keys.severity, keys.reason)


def _check_paths(
    folder: str,
    experiment: Experiment,
    rules: dict[Where, Rule],
    problems: Problems,
) -> None:
    """Every path must stay in the repository: a rule about anything else protects nothing."""
    try:
        root = join(folder, experiment.root)
    except ValueError as error:
        problems.add(("experiment", "root"), str(error))
        return
    for key in ("script", "harness", "ledger", "prepare"):
        _check_path(root, getattr(experiment, key), ("experiment", key), problems)
    for key in ("editable", "allowed"):
        for path in getattr(experiment, key):
            _check_path(root, path, ("experiment", key), problems)
    for where, rule in rules.items():
        for path in getattr(rule.judge, "paths", ()):
            _check_path(root, path, (*where, "paths"), problems)


def _check_path(root: str, path: str, where: Where, problems: Problems) -> None:
    try:
        join(root, path)
    except ValueError as error:
        problems.add(where, f"{error}, in '{where[-1]}'")
