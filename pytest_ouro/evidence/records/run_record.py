"""The records of a run: started, measured and finished.

The classes define the journal's lines: each field states its kind, meaning, key, unit and the
version that introduced it; docs/journal.md is generated from them. None is written as null if
the kind allows null; otherwise the key is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pytest_ouro.core.fast_dataclass import dataclass, field, fields
from pytest_ouro.evidence.records.kinds import (
    COMMIT,
    COUNT,
    COUNT_TABLE,
    DIGEST,
    EVENT,
    FLAG,
    LEVEL,
    NUMBER,
    NUMBER_TABLE,
    OUTCOME,
    REASON,
    RUN,
    STATUS,
    TABLE,
    TABLES,
    TEXT,
    TEXT_TABLE,
    TEXTS,
    TRIED_REF,
    about,
    keys_of,
    optional,
)
from pytest_ouro.evidence.records.line import OWN, Event
from pytest_ouro.evidence.records.run_facts import Purpose as Purpose
from pytest_ouro.evidence.records.run_facts import RunFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.evidence.records.kinds import Key
    from pytest_ouro.evidence.records.reasons import Reason, Status

Outcome = Literal[
    "ok", "crash", "oom", "nan", "timeout", "breach", "interrupted", "lost", "not-started"
]


@dataclass(frozen=True, kw_only=True)
class StartedRun(RunFacts):
    """What is recorded about a run before its process starts: the started line of the journal."""

    event: Event = optional("started", EVENT, "which of the two lines of a run it is")

    def shared(self) -> dict[str, Any]:
        """Return the attributes, by name, that a later record of the same run takes over: all but
        those of the line itself (`OWN`). ``unknown``, the keys that a started line does not define,
        is taken over without keys that a finished line defines: the finished line has values of its
        own for these."""
        names = [field.name for field in fields(type(self)) if field.name not in OWN]
        finished = keys_of(FinishedRun)  # no started line may decide keys of the end
        unknown = {key: value for key, value in self.unknown.items() if key not in finished}
        return {**{name: getattr(self, name) for name in names}, "unknown": unknown}

    @property
    def owner(self) -> str:
        """The id of the run."""
        return self.run

    @classmethod
    def family(cls) -> Mapping[str, Key]:
        """Return the keys that a line of a run may have, by name: those of a finished line."""
        return keys_of(FinishedRun)


@dataclass(frozen=True, kw_only=True)
class MeasuredRun(StartedRun):
    """A run whose process has ended, without a verdict. What was not measured is None, 0 or
    empty."""

    event: Event = optional("measured", EVENT, "")
    tried: str = optional("", TRIED_REF, "ref that keeps the commit reachable")
    python: str = optional("", TEXT, "version of Python")
    torch: str = optional("", TEXT, "version of torch")
    level: str | None = optional(None, LEVEL, "level of assurance of the measurement")
    level_why: str = optional("", TEXT, "why the level is not higher; empty at the highest")
    judgment: Mapping[str, object] | None = optional(
        None,
        TABLE.or_null(),
        "the judge's score, with its standard error, its rows, questions, tokens and seconds; from "
        "version 4 on also the rows of the `vault`, and the `decimals` of a rounded score",
    )
    rows: int | None = optional(None, COUNT.or_null(), "rows that the judge scored")
    row_losses: str = optional(
        "",
        DIGEST,
        "sha256 of the file of [losses by row](records.md#losses-by-row); empty if there is none",
        since=4,
    )
    vault_losses: str = optional("", DIGEST, "the same for the rows of the vault", since=4)
    caught: tuple[str, ...] = optional((), TEXTS, "forbidden actions that were observed in the run")
    outcome: Outcome | None = optional(
        None, OUTCOME, "`ok`, or the reason why there is no lawful measurement"
    )
    measured_value: float | None = optional(
        None, NUMBER.or_null(), "the measured metric, lawful or not", key="value"
    )
    value: float | None = optional(
        None,
        NUMBER.or_null(),
        "the metric of a lawful run, whatever its name; null for a crash",
        key="val_bpb",
    )
    evaluations: int = optional(0, COUNT, "how often the evaluation was called")
    generators: Mapping[str, str] = field(
        default_factory=dict,
        metadata=about(
            TEXT_TABLE,
            "in a run with a salt, digests of the global random generators, reported by the "
            "script's process: `torch at the evaluation`",
            since=2,
        ),
    )
    claimed: float | None = optional(None, NUMBER.or_null(), "the metric that the script printed")
    read_from: str = optional("", TEXT, "the line that the printed metric was read from", since=3)
    claim_agrees: bool | None = optional(
        None, FLAG.or_null(), "whether that is the measured metric, to the printed digits"
    )
    window_seconds: float | None = optional(
        None,
        NUMBER.or_null(),
        "training time on the bound's clock; null if it never started; under the clock steps the "
        "share of the budget that the batches used up",
        unit="s",
    )
    charged_seconds: float = optional(0.0, NUMBER, "part of it in which the judge waited", unit="s")
    clock_start: str = optional("", TEXT, "what started the clock; empty if nothing did", since=3)
    clock_after: float = optional(
        0.0,
        NUMBER,
        "time from the script's start to that, on the bound's clock; under the clock steps in CPU "
        "seconds on the CPU profile, else by the wall clock",
        unit="s",
        since=3,
    )
    steps_served: int | None = optional(
        None,
        COUNT.or_null(),
        "training batches since the clock started, as the script's process counted them; null "
        "unless the clock is steps",
        since=4,
    )
    pace: Mapping[str, float] = field(
        default_factory=dict,
        metadata=about(
            NUMBER_TABLE,
            "training batches as the script's process reports them, for messages and the report "
            "alone: how many, how many before the clock, tokens of one, seconds, and slow ones at "
            "the start",
            since=3,
        ),
    )
    speed: float | None = optional(
        None,
        NUMBER.or_null(),
        "speed of the machine before and after the run: fixed computations per CPU second; null if "
        "it was not measured",
        since=4,
    )
    wall_seconds: float | None = optional(
        None, NUMBER.or_null(), "time from start to end of the process", unit="s"
    )
    cpu_seconds: float | None = optional(
        None, NUMBER.or_null(), "CPU time of the process and its children", unit="s"
    )
    peak_mb: float | None = optional(
        None, NUMBER.or_null(), "peak of the device's memory", unit="MB"
    )
    claims: Mapping[str, str] = field(
        default_factory=dict,
        metadata=about(TEXT_TABLE, "`key: value` lines that the script printed"),
    )
    evaluated: Mapping[str, str] = field(
        default_factory=dict,
        metadata=about(TEXT_TABLE, "`key: value` lines that the evaluate-command printed"),
    )
    guarded: Mapping[str, float] = field(
        default_factory=dict,
        metadata=about(
            NUMBER_TABLE,
            "the printed numbers that guards limit, and exit statuses, by their source",
            since=2,
        ),
    )

    @property
    def is_rounded(self) -> bool:
        """Whether the judge rounded the score."""
        return (self.judgment or {}).get("decimals") is not None


@dataclass(frozen=True, kw_only=True)
class FinishedRun(MeasuredRun):
    """A run with its verdict and facts about its *reference*, the run that it was compared with."""

    event: Event = optional("finished", EVENT, "which of the two lines of a run it is")
    status: Status = field(metadata=about(STATUS, "the verdict"))
    reason: Reason = field(metadata=about(REASON, "why; the [reasons](verdicts.md#the-last-line)"))
    row: str = field(metadata=about(TEXT, "the run's line in the ledger"))
    message: str = optional("", TEXT, "why there is no lawful measurement, in words")
    findings: tuple[str, ...] = optional((), TEXTS, "the rules that the run broke")
    measured_by: str | None = optional(
        None, RUN, "id of the earlier run of the same code that measured; nothing was run", since=4
    )
    mean: float | None = optional(None, NUMBER, "mean of the series that ended with this run")
    sd: float | None = optional(None, NUMBER, "standard deviation of one run of that series")
    n: int | None = optional(None, COUNT, "how many runs of the series were measured")
    counts_as_one: str = optional(
        "",
        TEXT,
        "why the runs of the series count as one run and tell nothing about noise; empty if they "
        "are independent",
        since=2,
    )
    incumbent: str | None = optional(
        None,
        COMMIT.or_null(),
        "the last keep of the branch after this verdict; if that is this run, the keep before it",
    )
    best: float | None = optional(None, NUMBER.or_null(), "value of the reference")
    best_runs: tuple[str, ...] = optional(
        (),
        TEXTS,
        "if `best` is a mean, the ids of the run by which the reference was kept and of further "
        "runs of it; or the id of the one that has the salt of this run; empty if it is the value "
        "of the kept run alone",
        since=4,
    )
    shared_draws: str = optional(
        "",
        TEXT,
        "if this run had the salt of its reference, in how far both drew the same random numbers: "
        "`all`, `start` (up to the first batch) or `other`; empty if nothing tells",
        since=4,
    )
    best_commit: str | None = optional(None, COMMIT.or_null(), "commit of the reference")
    best_code_size: int | None = optional(
        None, COUNT.or_null(), "size of the reference's code, in the form of this record"
    )
    best_code_sizes: Mapping[str, int] = field(
        default_factory=dict, metadata=about(COUNT_TABLE, "the same by kind", since=2)
    )
    best_peak_mb: float | None = optional(
        None, NUMBER.or_null(), "peak memory of the reference", unit="MB"
    )
    noise: float | None = optional(None, NUMBER.or_null(), "standard deviation of one run")
    gain: float | None = optional(None, NUMBER.or_null(), "how much better than the reference")
    gain_on_peak: float | None = optional(
        None, NUMBER.or_null(), "how much better than the best value ever kept on the branch"
    )
    se: float | None = optional(
        None, NUMBER.or_null(), "standard error of `gain`; 0 without a known noise", since=4
    )
    margin: float | None = optional(None, NUMBER.or_null(), "gain that a keep must exceed")
    band: float | None = optional(
        None, NUMBER.or_null(), "largest difference of a tie; absent from older lines"
    )
    guards: tuple[Mapping[str, object], ...] = optional(
        (),
        TABLES,
        "what each guard came to: id, holds, value, limit, text; brief as in the last line",
        since=2,
    )
    would: Status | None = optional(
        None,
        STATUS.or_null(),
        "of a placebo: the verdict that it would have had as a try of other code; null if it could "
        "not be compared",
        since=4,
    )
    apart: str = optional("", TEXT, "why no earlier run could be compared with it")

    @property
    def mean_or_value(self) -> float | None:
        """The value to compare: the mean of the series that this run ended, otherwise its own
        metric; None if it has neither."""
        return self.value if self.mean is None else self.mean

    @property
    def broken_guards(self) -> list[Mapping[str, object]]:
        """The items of ``guards`` (limits that the bound sets for other numbers than the metric)
        that the run broke or that could not be judged; [] if there are none."""
        return [guard for guard in self.guards if not guard.get("holds")]

    @property
    def reason_text(self) -> str:
        """The reason's word; for ``guard`` followed by the broken guards and their numbers."""
        briefs = [str(guard.get("brief")) for guard in self.broken_guards]
        is_guard = self.reason.value == "guard"
        return f"{self.reason} guard={','.join(briefs)}" if is_guard else str(self.reason)

    @property
    def independent_runs(self) -> int:
        """The number of independent runs that the value to compare is the mean of: 1 without a
        series, or if ``counts_as_one`` says why its runs depend on each other."""
        return 1 if self.counts_as_one else self.n or 1
