"""The tables of bound.toml as dataclasses: their keys, types, defaults and meanings."""

from __future__ import annotations

from typing import Literal, get_args

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.schema import option
from pytest_ouro.evidence.paths import BoundFolder, DataGlob, Glob, RepoPath, matches

Level = Literal["claimed", "supervised", "judged", "sandboxed", "sealed", "attested"]
LEVELS: tuple[Level, ...] = get_args(Level)

Device = Literal["auto", "cpu", "cuda"]

#: An experiment is a script that calls its harness, or a command that is evaluated afterwards.
KINDS = (("script", "harness", "evaluate"), ("command", "evaluate-command"))


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


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """``[experiment]``: what is run, what it may change, and how it is measured.

    Paths are relative to ``root``, which is relative to the folder of bound.toml. Seconds.
    """

    root: BoundFolder = option("the experiment's folder, from the folder of bound.toml", default="")
    script: RepoPath = option("the Python file that is run; or else `command`", default="")
    editable: tuple[Glob, ...] = option("all that an experiment may change (globs)")
    allowed: tuple[Glob, ...] = option(
        "what a run may leave in the working tree, never committed (globs)",
        default=("run.log", "results.tsv"),
    )
    publish: tuple[Glob, ...] = option(
        "what a report commit may put into git at the end of a session: one that changes nothing "
        "else, with no other work after it (globs)",
        default=(),
    )
    harness: RepoPath = option("the fixed module; the script imports it by its name", default="")
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
    prepare: RepoPath = option(
        "a script that makes the data, run once from its trusted bytes when `data` is missing",
        default="",
    )
    data: tuple[DataGlob, ...] = option(
        "files the run needs (globs, `~` allowed); runs on other data are never compared",
        default=(),
    )
    validation: tuple[DataGlob, ...] = option(
        "files that only the evaluation may read: in a sandbox the script is denied them (globs, "
        "`~` allowed; `package:NAME` is an installed package)",
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
    startup_seconds: float | None = option(
        "the clock starts at the latest this long after the script, with or without a batch "
        "(20 % of the budget, at least 10)",
        default=None,
    )
    device: Device = option('`"auto"` is CUDA where there is a card', default="auto")
    level: Level = option(
        "the lowest level of assurance at which a run may be kept", default="supervised"
    )
    highest: Literal["supervised", "judged", "sandboxed"] = option(
        "the highest level that is tried; a model without logits can only be supervised",
        default="sandboxed",
    )
    judged_rows: int = option(
        "validation rows that the judge scores, always the same; 0: as many as are quickly "
        "asked, all of them where there are few",
        default=0,
    )
    ledger: RepoPath = option("the table of results", default="results.tsv")

    def __post_init__(self) -> None:
        self._demand_one_kind()
        if not self.editable:
            raise ValueError("'editable' is empty: an experiment must be able to change something")
        for path in (self.script, self.harness, *self.editable):
            if matches(path, self.publish):
                raise ValueError(f"'publish' names {path}, which is no report of results")
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
        startup = max(10.0, self.budget * 0.2)
        object.__setattr__(
            self,
            "startup_seconds",
            startup if self.startup_seconds is None else self.startup_seconds,
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

    def seconds(self, name: Literal["tolerance", "timeout", "startup_seconds"]) -> float:
        """One of the seconds that have their defaults filled in by now."""
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
        "startup-seconds",
        "level",
        "highest",
        "judged-rows",
        "data",
        "validation",
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
