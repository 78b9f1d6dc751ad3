"""Define the tables of bound.toml as dataclasses: keys, types, defaults and meanings."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.schema import FILLED, NAME, Relation, option
from pytest_ouro.evidence.paths import BoundFolder, DataGlob, Glob, RepoPath, matches

Level = Literal["claimed", "supervised", "judged", "sandboxed", "sealed", "attested"]
LEVELS: tuple[Level, ...] = get_args(Level)

Device = Literal["auto", "cpu", "cuda"]

#: The longest time that a bound may state, in seconds: a year.
YEAR = 31_536_000.0
#: A tolerance below this many seconds is allowed even if the budget is shorter.
SHORT = 10.0

#: An experiment is a script that calls its harness, or a command that is evaluated afterwards.
KINDS = (("script", "harness", "evaluate"), ("command", "evaluate-command"))


@dataclass(frozen=True, kw_only=True)
class Title:
    """``[bound]``."""

    name: str = option("the name of the experiment", default="experiment", pattern=FILLED)


@dataclass(frozen=True, kw_only=True)
class RuleKeys:
    """The keys that every rule has, beside the parameters of its check."""

    id: str = option(
        "part of the item's name",
        pattern=(r"[a-z0-9]+(-[a-z0-9]+)*", "words of a-z and 0-9 with `-` between"),
    )
    rule: str = option("the rule in plain words, printed when it is broken", pattern=FILLED)
    check: str = option("the check that judges it", pattern=FILLED)
    severity: Literal["error", "warn"] = option('`"warn"` reports without failing', default="error")
    reason: str = option("why it only warns, or why only a person can judge it", default="")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """``[experiment]``: the program to run, the files that may change, and how to measure.

    Paths are relative to ``root``, which is relative to the folder of bound.toml. Times are in
    seconds.
    """

    root: BoundFolder = option("the experiment's folder, from the folder of bound.toml", default="")
    script: RepoPath = option(
        "the Python file to run; or use `command`", default="", pattern=FILLED
    )
    editable: tuple[Glob, ...] = option(
        "the only files that an experiment may change (globs)", items=1, pattern=FILLED
    )
    allowed: tuple[Glob, ...] = option(
        "files that a run may leave in the working tree; they are never committed (globs)",
        default=("run.log", "results.tsv"),
        pattern=FILLED,
    )
    publish: tuple[Glob, ...] = option(
        "files that a report commit may add at the end of a session: a commit that changes nothing "
        "else, with no other work after it (globs)",
        default=(),
        pattern=FILLED,
    )
    harness: RepoPath = option(
        "the fixed module; the script imports it by its name", default="", pattern=FILLED
    )
    evaluate: str = option(
        "the harness's function that returns the metric", default="", pattern=NAME
    )
    command: tuple[str, ...] = option(
        "instead of `script`, `harness` and `evaluate`: the program to run, and its arguments; no "
        "shell",
        default=(),
        items=1,
    )
    evaluate_command: tuple[str, ...] = option(
        "prints `metric: value`; run after `command`, from the trusted commit; `OURO_CANDIDATE` is "
        "the folder to measure",
        default=(),
        items=1,
    )
    loader: str = option(
        "the harness's function that yields training batches; the clock starts at the first one",
        default="make_dataloader",
        pattern=NAME,
    )
    prepare: RepoPath = option(
        "a script that makes the data, run once from its trusted bytes when `data` is missing",
        default="",
        pattern=FILLED,
    )
    data: tuple[DataGlob, ...] = option(
        "files the run needs (globs, `~` allowed); runs on other data are never compared",
        default=(),
        pattern=FILLED,
    )
    validation: tuple[DataGlob, ...] = option(
        "files that only the evaluation may read: in a sandbox the script is denied them (globs, "
        "`~` allowed; `package:NAME` is an installed package)",
        default=(),
        pattern=FILLED,
    )
    python: tuple[str, ...] = option(
        'the command that starts the interpreter; `"python"` is the one that runs pytest',
        default=("python",),
        items=1,
    )
    metric: str = option(
        "the name of the metric, in the output and in the ledger", default="val_bpb", pattern=NAME
    )
    direction: Literal["lower", "higher"] = option("which values are better", default="lower")
    budget: float = option(
        "seconds of training, to which the harness's `TIME_BUDGET` is set; the most that `command` "
        "may take",
        above=0,
        max=YEAR,
    )
    clock: Literal["wall", "cpu"] = option(
        '`"cpu"` counts CPU seconds of the run and its children', default="wall"
    )
    tolerance: float | None = option(
        "seconds below and above the budget that still count as exact (2 % of it, at least 1)",
        default=None,
        min=0,
        max=YEAR,
    )
    timeout: float | None = option(
        "wall seconds after which the run is killed (twice the budget, or the budget, "
        "`warmup-seconds` and 30, whichever is more)",
        default=None,
        above=0,
        max=YEAR,
    )
    warmup_tokens: int = option(
        "tokens that may be served before the clock starts, for warm-up steps",
        default=0,
        min=0,
        max=1e15,
    )
    warmup_seconds: float = option(
        "the clock starts at the latest this long after the first batch",
        default=0.0,
        min=0,
        max=YEAR,
    )
    startup_seconds: float | None = option(
        "the clock starts at the latest this long after the script, with or without a batch "
        "(20 % of the budget, at least 10, and `warmup-seconds` more)",
        default=None,
        min=0,
        max=YEAR,
    )
    device: Device = option('`"auto"` is CUDA if the machine has a card', default="auto")
    level: Literal["claimed", "supervised", "judged", "sandboxed"] = option(
        "the lowest level of assurance at which a run may be kept", default="supervised"
    )
    highest: Literal["supervised", "judged", "sandboxed"] = option(
        "the highest level to try; a model without logits can only be supervised",
        default="sandboxed",
    )
    judged_rows: int = option(
        "validation rows that the judge scores, always the same; 0: as many as are quickly "
        "scored, or all of them if there are few",
        default=0,
        min=0,
        max=1_000_000_000,
    )
    ledger: RepoPath = option(
        "the table of results, a file of the experiment's folder for rows alone",
        default="results.tsv",
        pattern=FILLED,
    )

    relations: ClassVar[tuple[Relation, ...]]

    def __post_init__(self) -> None:
        startup = max(10.0, self.budget * 0.2) + self.warmup_seconds
        derived = {
            # 6 s of 300 s, as in autoresearch; a shorter budget has the same share.
            "tolerance": max(self.budget * 0.02, 1.0),
            "timeout": max(self.budget * 2, self.budget + self.warmup_seconds + 30),
            "startup_seconds": startup,
        }
        for name, seconds in derived.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, seconds)

    @property
    def program(self) -> str:
        """The script or the command, as a person writes it."""
        return self.script or " ".join(self.command)

    @property
    def module(self) -> str:
        """The module name of the harness, by which the script imports it."""
        return self.harness.removesuffix(".py").replace("/", ".")

    def seconds(self, name: Literal["tolerance", "timeout", "startup_seconds"]) -> float:
        """Return a time whose default `__post_init__` has filled in."""
        value: float = getattr(self, name)
        return value


def _kind_fault(e: Any) -> str:
    kinds = " or ".join(", ".join(kind) for kind in KINDS)
    script, command = ([key for key in kind if getattr(e, key.replace("-", "_"))] for kind in KINDS)
    if script and command:
        return f"'{script[0]}' and '{command[0]}' exclude each other: an experiment has {kinds}"
    lacking = [k for k in (KINDS[1] if command else KINDS[0]) if k not in (*script, *command)]
    return f"lacks the key '{lacking[0]}': an experiment has {kinds}" if lacking else ""


def _program_fault(e: Any) -> str:
    programs = {"command": e.command, "evaluate-command": e.evaluate_command, "python": e.python}
    empty = [key for key, words in programs.items() if words and not words[0].strip()]
    return f"the first word of '{empty[0]}' is empty: write the program to start" if empty else ""


def _publish_fault(e: Any) -> str:
    own = (path for path in (e.script, e.harness, *e.editable) if matches(path, e.publish))
    path = next(own, "")
    return f"'publish' names {path}, which is not a result: leave it out" if path else ""


def _tolerance_fault(e: Any) -> str:
    most = max(e.budget, SHORT)
    if e.tolerance == 0 and not e.command:
        return (
            "'tolerance' is 0, but no script trains for exactly its budget: write a number above "
            "0, or leave it out"
        )
    if e.tolerance is None or e.tolerance < most:
        return ""
    return (
        f"'tolerance' is {e.tolerance:g}, so a run of 0 seconds would count as exact: write "
        f"less than {most:g}, or leave it out"
    )


def _timeout_fault(e: Any) -> str:
    if e.timeout is None or e.timeout > e.budget:
        return ""
    return (
        f"'timeout' is {e.timeout:g} and 'budget' {e.budget:g}: every run would be killed; write "
        f"a 'timeout' above {e.budget:g}, or leave it out"
    )


def _warmup_fault(e: Any) -> str:
    if e.command and (e.warmup_tokens or e.warmup_seconds):
        return (
            "'warmup-tokens' and 'warmup-seconds' have no effect with 'command', all of which is "
            "timed: leave them out"
        )
    if bool(e.warmup_tokens) == bool(e.warmup_seconds):
        return ""
    stated, other = ("tokens", "seconds") if e.warmup_tokens else ("seconds", "tokens")
    return (
        f"'warmup-{stated}' has no effect without 'warmup-{other}': write both above 0, or neither"
    )


def _startup_fault(e: Any) -> str:
    if e.startup_seconds is None or e.startup_seconds >= e.warmup_seconds:
        return ""
    return (
        f"'startup-seconds' is {e.startup_seconds:g} and cuts 'warmup-seconds', "
        f"{e.warmup_seconds:g}: write 'startup-seconds' of at least {e.warmup_seconds:g}, or "
        "leave it out"
    )


def _level_fault(e: Any) -> str:
    if e.command and LEVELS.index(e.level) > LEVELS.index("supervised"):
        return (
            f"'level' is '{e.level}', which no command reaches, so no run could be kept: write "
            "level = 'supervised', or leave it out"
        )
    if LEVELS.index(e.level) > LEVELS.index(e.highest):
        return (
            f"'level' is '{e.level}' and above 'highest', '{e.highest}', so no run could be "
            f"kept: write level = '{e.highest}', or raise 'highest'"
        )
    return ""


#: The relation of the warm-up keys as JSON Schema: if one is above 0, both must be.
_WARMUP_SCHEMA = {
    "if": {
        "anyOf": [
            {"required": [key], "properties": {key: {"exclusiveMinimum": 0}}}
            for key in ("warmup-tokens", "warmup-seconds")
        ]
    },
    "then": {
        "required": ["warmup-tokens", "warmup-seconds"],
        "not": {"required": ["command"]},
        "properties": {
            "warmup-tokens": {"exclusiveMinimum": 0},
            "warmup-seconds": {"exclusiveMinimum": 0},
        },
    },
}
_LEVEL_SCHEMA = {
    "allOf": [
        {
            "if": {"required": ["level"], "properties": {"level": {"const": level}}},
            "then": {
                "properties": {"highest": {"enum": list(LEVELS[LEVELS.index(level) : 4])}},
                "not": {"required": ["command"]},
            },
        }
        for level in ("judged", "sandboxed")
    ]
}

Experiment.relations = (
    Relation(
        ("command", "evaluate-command", "script", "harness", "evaluate"),
        "either `script`, `harness` and `evaluate`, or `command` and `evaluate-command`",
        _kind_fault,
    ),
    Relation(
        ("command", "evaluate-command", "python"),
        "the first word of `command`, `evaluate-command` and `python` is not empty",
        _program_fault,
    ),
    Relation(
        ("publish", "script", "harness", "editable"),
        "`publish` names neither `script` nor `harness` nor an `editable` file",
        _publish_fault,
    ),
    Relation(
        ("tolerance", "budget", "command"),
        f"`tolerance` is less than `budget`, or than {SHORT:g} where the budget is shorter; above "
        "0 with a `script`",
        _tolerance_fault,
    ),
    Relation(("timeout", "budget"), "`timeout` is more than `budget`", _timeout_fault),
    Relation(
        ("warmup-tokens", "warmup-seconds", "command"),
        "`warmup-tokens` and `warmup-seconds` are both above 0, or neither is; with a `command` "
        "neither is",
        _warmup_fault,
        _WARMUP_SCHEMA,
    ),
    Relation(
        ("startup-seconds", "warmup-seconds"),
        "`startup-seconds` is at least `warmup-seconds`",
        _startup_fault,
    ),
    Relation(
        ("level", "highest", "command"),
        "`level` is not above `highest`; with a `command` it is at most `supervised`",
        _level_fault,
        _LEVEL_SCHEMA,
    ),
)


#: The keys of ``[experiment]`` that ``[experiment.cpu]`` and ``[experiment.cuda]`` may replace.
PER_DEVICE = (
    *("budget", "clock", "tolerance", "timeout"),
    *("warmup-tokens", "warmup-seconds", "startup-seconds"),
    *("level", "highest", "judged-rows", "data", "validation"),
)


@dataclass(frozen=True, kw_only=True)
class VerdictRule:
    """``[verdict]``: which differences of the metric decide a verdict."""

    noise: float | Literal["auto"] = option(
        'the standard deviation of one run\'s metric; `"auto"`: from repeats of one code',
        default="auto",
        min=0,
        max=1e18,
    )
    sigmas: float = option(
        "an improvement below `sigmas` × `noise` is within noise", default=2.0, min=0, max=100
    )
    hard: bool = option(
        "`true`: within noise is a discard; `false`: a keep with the reason `marginal`",
        default=False,
    )
