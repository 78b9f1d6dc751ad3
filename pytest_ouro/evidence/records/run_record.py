"""The records of a run: as it was started, measured and finished.

The classes are the format of the journal's lines: each field states its key, its kind, its unit,
its meaning and the version that brought it. docs/journal.md is written from them.

A field that is None is null in the line where the format has null, and left out where it has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pytest_ouro.core.fast_dataclass import dataclass, field, fields
from pytest_ouro.core.metric import Direction, Metric
from pytest_ouro.evidence.records.kinds import (
    COMMIT,
    COUNT,
    DIGEST,
    DIRECTION,
    EVENT,
    FLAG,
    LEVEL,
    NUMBER,
    OUTCOME,
    REASON,
    RUN,
    STATUS,
    TABLE,
    TABLES,
    TEXT,
    TEXT_TABLE,
    TEXTS,
    TIME,
    TRIED_REF,
    TRUST,
    about,
    keys_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.evidence.records.reasons import Reason, Status

#: The version of the lines that are written now. Lines without one are of version 1.
VERSION = 2
#: The ref that keeps the commit of a run reachable: this, and the number of its started line.
TRIED = "refs/ouro/tried/"

Event = Literal["started", "measured", "finished"]
Outcome = Literal[
    "ok", "crash", "oom", "nan", "timeout", "breach", "interrupted", "lost", "not-started"
]
T = TypeVar("T", bound="StartedRun")


class NewerVersion(ValueError):
    """A line was written by a later version of this program."""


@dataclass(frozen=True, kw_only=True)
class StartedRun:
    """A run as it is known before its process exists."""

    # What every line has of its own: finished lines do not repeat it from the started one.
    prev: str = field(
        default="", metadata=about(DIGEST, "sha256 of the line before; empty in the first")
    )
    seq: int | None = field(
        default=None, metadata=about(COUNT, "number of the line; it only grows")
    )
    event: Event = field(
        default="started", metadata=about(EVENT, "which of a run's two lines it is")
    )
    version: int = field(
        default=VERSION,
        metadata=about(COUNT, "version of the format; without it, 1", since=2),
    )
    time: str = field(metadata=about(TIME, "when the line was written, UTC"))
    # Which code is run.
    run: str = field(metadata=about(RUN, "id of the run"))
    commit: str = field(metadata=about(COMMIT, "the commit that is measured"))
    description: str = field(
        default="", metadata=about(TEXT, "the first line of the commit's message")
    )
    code: Mapping[str, str] = field(
        default_factory=dict, metadata=about(TEXT_TABLE, "git's id of each editable file")
    )
    code_size: int = field(
        default=0,
        metadata=about(
            COUNT,
            "size of the editable code: nodes of Python's syntax trees, and two for each word of a "
            "file in another language",
            unit="nodes",
        ),
    )
    code_meaning: str = field(
        default="",
        metadata=about(TEXT, "digest of the editable code without comments and layout"),
    )
    code_seedless: str = field(
        default="", metadata=about(TEXT, "the same without the values of seeds")
    )
    # Under which rules and conditions.
    trust: str = field(default="", metadata=about(TRUST, "the trusted commit"))
    trust_source: str = field(default="", metadata=about(TEXT, "what named that commit"))
    harness: str | None = field(
        default=None,
        metadata=about(TEXT.or_null(), "digest of what measures the metric"),
    )
    data: str | None = field(default=None, metadata=about(TEXT.or_null(), "digest of the data"))
    metric_name: str = field(default="", metadata=about(TEXT, "name of the metric", key="metric"))
    direction: Direction = field(
        default="lower", metadata=about(DIRECTION, "which values of the metric are better")
    )
    device: str = field(default="", metadata=about(TEXT, "profile: cpu or cuda"))
    device_name: str = field(
        default="",
        metadata=about(TEXT, "model of the device; the finished line has what torch says of it"),
    )
    budget: float = field(
        default=0.0, metadata=about(NUMBER, "training time that is allowed", unit="s")
    )
    clock: str = field(
        default="", metadata=about(TEXT, "what the budget is measured by: wall or cpu")
    )
    tolerance: float = field(
        default=0.0,
        metadata=about(NUMBER, "allowed difference from the budget", unit="s"),
    )
    rehearsal: bool = field(
        default=False, metadata=about(FLAG, "run with a shorter budget than the bound's")
    )
    # Where it is run.
    worktree: str | None = field(
        default=None,
        metadata=about(TEXT, "name of the linked working tree; empty for the main one"),
    )
    branch: str = field(
        default="", metadata=about(TEXT, "branch that was checked out; empty for none")
    )
    ledger_rows: int = field(default=0, metadata=about(COUNT, "rows of the ledger before the run"))
    pid: int = field(default=0, metadata=about(COUNT, "process id of the supervisor"))
    process: str = field(
        default="",
        metadata=about(TEXT, "what tells that process from a later one with its id"),
    )
    holds: tuple[str, ...] = field(
        default=(), metadata=about(TEXTS, "names of the devices that are locked")
    )
    foreign: tuple[Mapping[str, Any], ...] | None = field(
        default=None,
        metadata=about(TABLES, "other programs that compute on the card: pid, name, memory in MB"),
    )
    # As a part of repeats.
    salt: int = field(default=0, metadata=about(COUNT, "what is mixed into the seeds; 0: nothing"))
    repeat: int | None = field(default=None, metadata=about(COUNT, "number of the repeat, from 1"))
    repeats: int | None = field(default=None, metadata=about(COUNT, "how many repeats there are"))
    series: str | None = field(
        default=None, metadata=about(RUN, "id that the repeats have in common")
    )
    #: Fields that this version does not know; they are written back as they were read.
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metric(self) -> Metric:
        """What the run is measured by."""
        return Metric.named(self.metric_name, self.direction)

    @property
    def tried_ref(self) -> str:
        """The ref for the commit of a run whose started line this is."""
        return f"{TRIED}{self.seq}"

    @property
    def is_early(self) -> bool:
        """Whether the run belongs to a series that goes on after it."""
        return (self.repeat or 1) < (self.repeats or 1)

    def shared(self) -> dict[str, Any]:
        """The attributes that the later records of this run repeat."""
        names = [made.name for made in fields(type(self)) if made.name not in OWN]
        finished = keys_of(FinishedRun)  # what a started line says of the end is no part of it
        unknown = {key: value for key, value in self.unknown.items() if key not in finished}
        return {**{name: getattr(self, name) for name in names}, "unknown": unknown}

    def to_json(self) -> dict[str, Any]:
        """The record as a line of the journal states it."""
        made: dict[str, Any] = {}
        for key, known in keys_of(type(self)).items():
            value = getattr(self, known.attribute)
            if value is not None or known.about.kind.nullable:
                made[key] = list(value) if isinstance(value, tuple) else value
        return {**made, **self.unknown}

    @classmethod
    def from_json(cls: type[T], table: Mapping[str, Any]) -> T:
        """The record that a line states. ValueError says what is wrong with the line."""
        keys, every = keys_of(cls), keys_of(FinishedRun)
        for key, known in keys.items():
            if known.required and key not in table:
                raise ValueError(f"it lacks '{key}'")
        values: dict[str, Any] = {"version": 1}
        unknown: dict[str, Any] = {}
        for key, value in table.items():
            stated = every.get(key)
            if stated is None:
                unknown[key] = value
                continue
            kind = stated.about.kind
            if not kind.holds(value):
                raise ValueError(f"'{key}' must be {kind.words}")
            if key not in keys:
                unknown[key] = value
            else:
                values[stated.attribute] = kind.convert(value) if kind.convert else value
        if values["version"] > VERSION:
            raise NewerVersion(f"its version is {values['version']}, and {VERSION} is known here")
        return cls(**values, unknown=unknown)

    if not TYPE_CHECKING:  # tests of users may ask for keys; type checkers refuse it in our code

        def __getitem__(self, key: str) -> Any:
            return self.to_json()[key]


@dataclass(frozen=True, kw_only=True)
class MeasuredRun(StartedRun):
    """A run whose process has ended. What was not measured is None, zero or empty."""

    event: Event = field(default="measured", metadata=about(EVENT, ""))
    tried: str = field(default="", metadata=about(TRIED_REF, "ref that keeps the commit reachable"))
    python: str = field(default="", metadata=about(TEXT, "version of Python"))
    torch: str = field(default="", metadata=about(TEXT, "version of torch"))
    level: str | None = field(
        default=None, metadata=about(LEVEL, "level of assurance of the measurement")
    )
    level_why: str = field(
        default="", metadata=about(TEXT, "why the level is no higher; empty at the highest")
    )
    judgment: Mapping[str, Any] | None = field(
        default=None,
        metadata=about(
            TABLE.or_null(),
            "the judge's score, with its standard error, its rows, questions, tokens and seconds",
        ),
    )
    rows: int | None = field(
        default=None, metadata=about(COUNT.or_null(), "rows that the judge scored")
    )
    caught: tuple[str, ...] = field(default=(), metadata=about(TEXTS, "what the run was caught at"))
    outcome: Outcome | None = field(
        default=None,
        metadata=about(OUTCOME, "`ok`, or the reason why there is no lawful measurement"),
    )
    measured_value: float | None = field(
        default=None,
        metadata=about(
            NUMBER.or_null(), "the metric as it was measured, lawful or not", key="value"
        ),
    )
    value: float | None = field(
        default=None,
        metadata=about(
            NUMBER.or_null(),
            "the metric of a lawful run, whatever its name; null for a crash",
            key="val_bpb",
        ),
    )
    evaluations: int = field(
        default=0, metadata=about(COUNT, "how often the evaluation was called")
    )
    claimed: float | None = field(
        default=None, metadata=about(NUMBER.or_null(), "the metric that the script printed")
    )
    claim_agrees: bool | None = field(
        default=None,
        metadata=about(FLAG.or_null(), "whether that is the measured one, as far as printed"),
    )
    window_seconds: float | None = field(
        default=None,
        metadata=about(
            NUMBER.or_null(), "training time on the bound's clock; null: none", unit="s"
        ),
    )
    charged_seconds: float = field(
        default=0.0,
        metadata=about(NUMBER, "of it, time in which the judge waited", unit="s"),
    )
    wall_seconds: float | None = field(
        default=None,
        metadata=about(NUMBER.or_null(), "time from start to end of the process", unit="s"),
    )
    cpu_seconds: float | None = field(
        default=None,
        metadata=about(NUMBER.or_null(), "CPU time of the process and its children", unit="s"),
    )
    peak_mb: float | None = field(
        default=None,
        metadata=about(NUMBER.or_null(), "peak of the device's memory", unit="MB"),
    )
    claims: Mapping[str, str] = field(
        default_factory=dict,
        metadata=about(TEXT_TABLE, "`key: value` lines that the script printed"),
    )
    evaluated: Mapping[str, str] = field(
        default_factory=dict,
        metadata=about(TEXT_TABLE, "`key: value` lines that the evaluate-command printed"),
    )


@dataclass(frozen=True, kw_only=True)
class FinishedRun(MeasuredRun):
    """A run with its verdict, and with what it was compared with: the *reference*."""

    event: Event = field(
        default="finished", metadata=about(EVENT, "which of a run's two lines it is")
    )
    status: Status = field(metadata=about(STATUS, "the verdict"))
    reason: Reason = field(
        metadata=about(REASON, "why; the [reasons](experiment.md#the-last-line)")
    )
    row: str = field(metadata=about(TEXT, "the run's line in the ledger"))
    message: str = field(
        default="", metadata=about(TEXT, "in words, why there is no lawful measurement")
    )
    findings: tuple[str, ...] = field(
        default=(), metadata=about(TEXTS, "the rules that the run broke")
    )
    mean: float | None = field(
        default=None, metadata=about(NUMBER, "mean of the series that this run ended")
    )
    sd: float | None = field(
        default=None, metadata=about(NUMBER, "standard deviation of one run of that series")
    )
    n: int | None = field(
        default=None, metadata=about(COUNT, "how many runs of the series were measured")
    )
    incumbent: str | None = field(
        default=None,
        metadata=about(COMMIT.or_null(), "the last keep of the branch after this verdict"),
    )
    best: float | None = field(
        default=None, metadata=about(NUMBER.or_null(), "value of the reference")
    )
    best_commit: str | None = field(
        default=None, metadata=about(COMMIT.or_null(), "commit of the reference")
    )
    best_code_size: int | None = field(
        default=None,
        metadata=about(COUNT.or_null(), "size of the reference's code", unit="nodes"),
    )
    best_peak_mb: float | None = field(
        default=None,
        metadata=about(NUMBER.or_null(), "peak memory of the reference", unit="MB"),
    )
    noise: float | None = field(
        default=None, metadata=about(NUMBER.or_null(), "standard deviation of one run")
    )
    gain: float | None = field(
        default=None,
        metadata=about(NUMBER.or_null(), "how much better than the reference"),
    )
    gain_on_peak: float | None = field(
        default=None,
        metadata=about(
            NUMBER.or_null(), "how much better than the best value ever kept on the branch"
        ),
    )
    margin: float | None = field(
        default=None,
        metadata=about(NUMBER.or_null(), "what a gain must exceed to be an improvement"),
    )
    band: float | None = field(
        default=None,
        metadata=about(
            NUMBER.or_null(), "how far apart two runs may lie to tie; older lines lack it"
        ),
    )
    apart: str = field(
        default="",
        metadata=about(TEXT, "what kept all earlier runs from being compared with it"),
    )

    @property
    def mean_or_value(self) -> float | None:
        """What the run stands for: the mean of the series that it ended, else its metric."""
        return self.value if self.mean is None else self.mean

    @property
    def tie_band(self) -> float:
        """How far a tie may lie from the reference; in older records, the whole margin."""
        return (self.margin if self.band is None else self.band) or 0.0


#: Attributes of a line that are not those of the run: each record of it has its own.
OWN = ("prev", "seq", "event", "version", "time")
