"""The tables of bound.toml as dataclasses: their keys, types, defaults and meanings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pytest_ouro.bound.relations import KINDS as KINDS
from pytest_ouro.bound.relations import LEVELS as LEVELS
from pytest_ouro.bound.relations import OPTIONAL as OPTIONAL
from pytest_ouro.bound.relations import RELATIONS
from pytest_ouro.bound.relations import Level as Level
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.metric import Metric
from pytest_ouro.core.schema import FILLED, ID, NAME, Relation, Retired, option
from pytest_ouro.evidence.paths import (  # noqa: TC001  # the schema reads the types
    BoundFolder,
    DataGlob,
    Glob,
    RepoPath,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: When the reference of a search is measured again, on a new salt.
Remeasure = Literal["never", "standing", "kept"]
Device = Literal["auto", "cpu", "cuda"]

#: The longest time that a bound may state, in seconds: a year.
YEAR = 31_536_000.0

#: The version of the format of bound.toml.
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Title:
    """``[bound]``: the name of the experiment, and the version of the format."""

    name: str = option("the name of the experiment", default="experiment", pattern=FILLED)
    version: int = option(
        "the version of the format; a later one than pytest-ouro knows is refused",
        default=VERSION,
        min=1,
        max=VERSION,
    )


@dataclass(frozen=True, kw_only=True)
class RuleKeys:
    """The keys that every rule has, besides the parameters of its check."""

    id: str = option("part of the item's name", pattern=ID)
    rule: str = option("the rule in plain words, printed when it is broken", pattern=FILLED)
    check: str = option("the check that judges it", pattern=FILLED)
    severity: Literal["error", "warn"] = option('`"warn"` reports without failing', default="error")
    reason: str = option("why it only warns, or why only a person can judge it", default="")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """``[experiment]``: the program to run, the files that may change, and how to measure.

    Relative paths start from ``root``, which is relative to the folder of bound.toml. Times are in
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
        "the folder to measure (without it, `command` prints the metric itself)",
        default=(),
        items=1,
    )
    artefacts: tuple[Glob, ...] = option(
        "the files that `command` leaves for `evaluate-command`, which from the level `judged` on "
        "gets copies of only these (globs; all of them)",
        default=(),
        pattern=FILLED,
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
        "the name of the metric, in all output and in the ledger", default="val_bpb", pattern=NAME
    )
    direction: Literal["lower", "higher"] = option("which values are better", default="lower")
    unit: str = option(
        "the unit of the metric, such as `ms`: it may be printed behind the number",
        default="",
        pattern=(r"[^\s0-9](?:.{0,30}[^\s0-9])?", "1 to 32 characters, no digit first or last"),
    )
    decimals: int | None = option(
        "decimals in all output (as many as a value needs; 6 where the metric's name ends in "
        "`bpb`); verdicts compare what is not rounded",
        default=None,
        min=0,
        max=15,
    )
    metric_from: str = option(
        "where the metric is printed: `line` is `name: value` or `name=value`, `json:PATH` the "
        "value at these keys, with dots between, in printed JSON, `regex:PATTERN` the first group "
        "of a regular expression of Python",
        default="line",
        pattern=(
            r"line|json:\S(?:.{0,198}\S)?|regex:.{1,1000}",
            "line, json:PATH or regex:PATTERN",
        ),
    )
    metric_which: Literal["only", "last", "first", "min", "max"] = option(
        "which of several different printed values counts; `only`: they are an error (what a "
        "script prints beside its measured value: the last one)",
        default="only",
    )
    plausible: tuple[float, ...] = option(
        "`[low, high]`: a run with another value is a breach (`[0, 20]` where the metric's name "
        "ends in `bpb`)",
        default=(),
        items=2,
    )
    budget: float = option(
        "seconds of training, to which the harness's `TIME_BUDGET` is set; the most that `command` "
        "may take",
        above=0,
        max=YEAR,
    )
    clock: Literal["wall", "cpu", "steps"] = option(
        '`"cpu"` counts CPU seconds of the run and its children; `"steps"` training batches, each '
        "of which advances the time that the script reads by `budget` / `steps`",
        default="wall",
    )
    steps: int | None = option(
        'with `clock = "steps"`: how many batches of `loader` use the budget up; a run has exactly '
        "so many",
        default=None,
        min=1,
        max=1_000_000_000,
    )
    tolerance: float | None = option(
        "seconds below and above the budget that still count as exact (2 % of it, at least 1; with "
        "`steps` nothing but the budget does)",
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
    slots: int = option(
        "into how many equal parts the cores of the processor are divided; a run on the `cpu` "
        "profile takes one, so that as many experiments run side by side",
        default=1,
        min=1,
        max=1024,
    )
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
        "the table of results, a file of the experiment's folder that holds only rows",
        default="results.tsv",
        pattern=FILLED,
    )

    runs: Literal["auto", "measured", "claimed"] = option(
        '`"measured"`: only runs that the supervisor recorded count; `"claimed"`: rows written by '
        "hand are judged as claims; `auto`: they are until the first recorded run",
        default="auto",
    )

    relations: ClassVar[tuple[Relation, ...]]

    def __post_init__(self) -> None:
        """Fill in the times that are None: ``tolerance`` from the budget, ``timeout`` and
        ``startup_seconds`` from the budget and ``warmup_seconds``."""
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
        """The path of the script, or the words of the command joined by spaces (not quoted for a
        shell), to name the program in messages."""
        return self.script or " ".join(self.command)

    @property
    def described_metric(self) -> Metric:
        """The metric with its direction, unit, decimals and plausible range; keys that the bound
        omits have the defaults of `Metric.named`."""
        plausible = (self.plausible[0], self.plausible[1]) if self.plausible else None
        return Metric.named(
            self.metric,
            self.direction,
            unit=self.unit,
            plausible=plausible,
            decimals=self.decimals,
        )

    @property
    def module(self) -> str:
        """The dotted module name by which the script imports the harness: ``a.prepare`` for
        ``a/prepare.py``; "" without a harness. For a path with ``../`` it is a text that no script
        can import."""
        return self.harness.removesuffix(".py").replace("/", ".")

    def seconds(self, name: Literal["tolerance", "timeout", "startup_seconds"]) -> float:
        """Return one of the times that a bound may omit, in seconds: as stated, or the default that
        `__post_init__` filled in."""
        value: float = getattr(self, name)
        return value


Experiment.relations = RELATIONS


#: The keys of ``[experiment]`` that ``[experiment.cpu]`` and ``[experiment.cuda]`` may replace.
PER_DEVICE = (
    *("budget", "clock", "steps", "tolerance", "timeout"),
    *("warmup-tokens", "warmup-seconds", "startup-seconds"),
    *("level", "highest", "judged-rows", "data", "validation"),
)


@dataclass(frozen=True, kw_only=True)
class VerdictRule:
    """The table ``[verdict]``: by how much runs of one code differ, when a run is kept, and what
    else is measured or withheld."""

    noise: float | Literal["auto"] = option(
        'the standard deviation of one run\'s metric; `"auto"`: from repeats of one code',
        default="auto",
        min=0,
        max=1e18,
    )
    margin: float = option(
        "a gain must exceed this many standard errors of the difference to be kept, each √2 × "
        "`noise` for two single runs; 0 keeps any gain",
        default=0.0,
        min=0,
        max=100,
    )
    remeasure: Remeasure = option(
        "when the last keep is run once more, on a new salt that the next tries have too: "
        '`"standing"`: after 30 discards in a row; `"kept"`: after each keep as well; `"never"`',
        default="standing",
    )
    told: Literal["exact", "rounded"] = option(
        'the score that the judge gives to the script and the record: `"exact"`, or `"rounded"` to '
        "the largest power of ten that is not above `noise` (to 0.001 where that is `auto` or 0)",
        default="exact",
    )
    vault: float = option(
        "the share of the judged rows that the score leaves out, and whose losses only "
        "`pytest-ouro vault` shows; without effect on fewer than 512 rows, and below the level "
        "`judged`",
        default=0.0,
        min=0,
        max=0.5,
    )
    placebo: float = option(
        "the probability that an experiment is preceded by a placebo, a run of the last keep's own "
        "code with other seeds, which shows how often luck alone is kept; 0 for none",
        default=0.0,
        min=0,
        max=0.5,
    )
    retired: ClassVar[tuple[Retired, ...]]

    @property
    def score_decimals(self) -> int | None:
        """The number of decimals, 0 or more, to which the judge rounds its score; None if ``told``
        is "exact", so that it does not round."""
        if self.told == "exact":
            return None
        noise = self.noise if self.noise != "auto" and self.noise > 0 else 1e-3
        return max(0, -math.floor(math.log10(noise) + 1e-9))


def _margin_instead(table: Mapping[str, object]) -> str:
    """Return what to write in place of ``sigmas`` and ``hard``, the keys of earlier versions, in
    the table ``table`` that has one of them. There ``sigmas`` counted the noise of a single run,
    √2 of which are one standard error of a difference, and without ``hard`` any gain was kept."""
    sigmas = table.get("sigmas", 2.0)
    if table.get("hard") is True and isinstance(sigmas, int | float) and 0 <= sigmas <= 100:
        return (
            f"write margin = {sigmas / 2**0.5:.2g} in place of 'sigmas' and 'hard', a gain in "
            "standard errors of the difference (√2 × noise for two single runs)"
        )
    return (
        "write margin = 0 in place of 'sigmas' and 'hard', which keeps any gain as before, or the "
        "gain that a keep must exceed, in standard errors of the difference (√2 × noise for two "
        "single runs)"
    )


VerdictRule.retired = (Retired(("sigmas", "hard"), _margin_instead),)
