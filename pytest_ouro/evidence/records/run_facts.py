"""What is known of a run before its process starts: its code, its conditions, its place."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.core.metric import DECIMALS, Direction, Metric
from pytest_ouro.evidence.records.anchor import TRIED
from pytest_ouro.evidence.records.kinds import (
    COMMIT,
    COUNT,
    COUNT_TABLE,
    DIRECTION,
    FLAG,
    NUMBER,
    PURPOSE,
    RUN,
    SHOWN_DECIMALS,
    TABLES,
    TEXT,
    TEXT_TABLE,
    TEXTS,
    TRUST,
    about,
    optional,
)
from pytest_ouro.evidence.records.line import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a run is for. All but those of the search decide nothing about a commit.
Purpose = Literal["search", "reference", "pair", "placebo", "calibrate"]


@dataclass(frozen=True, kw_only=True)
class RunFacts(Line):
    """The facts of a run that each of its records states: its id and code, the rules and conditions
    under which it is made, where, as which repeat and for what."""

    # The code.
    run: str = field(metadata=about(RUN, "id of the run"))
    commit: str = field(metadata=about(COMMIT, "the measured commit"))
    description: str = optional("", TEXT, "the first line of the commit's message")
    code: Mapping[str, str] = field(
        default_factory=dict, metadata=about(TEXT_TABLE, "git's id of each editable file")
    )
    code_size: int = optional(
        0,
        COUNT,
        "size of the editable code: the sum of `code_sizes`",
    )
    code_sizes: Mapping[str, int] = field(
        default_factory=dict,
        metadata=about(
            COUNT_TABLE,
            "its size by kind: nodes of Python's syntax trees (`python`), twice the words "
            "and signs of keys and values (`data`) and of other text (`text`)",
            since=2,
        ),
    )
    code_meaning: str = optional(
        "", TEXT, "digest of the editable code without comments and layout"
    )
    code_seedless: str = optional("", TEXT, "the same without its seeds, see seed-only")
    code_form: str = optional(
        "",
        TEXT,
        "version of the form that sizes and digests are of; those of another version are computed "
        "again from git's objects before they are compared",
        since=2,
    )
    # The rules and conditions.
    trust: str = optional("", TRUST, "the trusted commit")
    trust_source: str = optional(
        "", TEXT, "source of its name: bound.lock, an option, OURO_TRUST or git config"
    )
    baseline: str = optional(
        "",
        TEXT,
        "id of the blessing with `--new-baseline` since which runs are compared; empty for all",
        since=3,
    )
    harness: str | None = optional(
        None, TEXT.or_null(), "digest of the code that measures the metric"
    )
    data: str | None = optional(None, TEXT.or_null(), "digest of the data")
    metric_name: str = optional("", TEXT, "name of the metric", key="metric")
    direction: Direction = optional("lower", DIRECTION, "direction in which the metric is better")
    unit: str = optional("", TEXT, "unit of the metric; empty if it is not stated", since=3)
    decimals: int | None = optional(
        DECIMALS,
        SHOWN_DECIMALS.or_null(),
        "decimals of the metric that are shown; null for as many as a value needs, absent for 6",
        since=3,
    )
    device: str = optional("", TEXT, "profile: cpu or cuda")
    device_name: str = optional(
        "", TEXT, "model of the device; in the finished line, as torch reports it"
    )
    budget: float = optional(0.0, NUMBER, "allowed training time", unit="s")
    clock: str = optional("", TEXT, "clock of the budget: wall, cpu or steps")
    steps: int = optional(
        0, COUNT, "training batches that use the budget up; 0 unless the clock is steps", since=4
    )
    tolerance: float = optional(0.0, NUMBER, "allowed difference from the budget", unit="s")
    rehearsal: bool = optional(False, FLAG, "whether the budget was shorter than the bound's")
    # The place.
    worktree: str | None = optional(
        None,
        TEXT,
        "name of the clone, where clones share records, and of the linked working tree, with "
        "/ between; empty for the main one of a clone that shares none",
    )
    branch: str = optional("", TEXT, "branch that is checked out; empty for none")
    ledger_rows: int = optional(0, COUNT, "rows of the ledger before the run")
    pid: int = optional(0, COUNT, "process id of the supervisor")
    process: str = optional(
        "", TEXT, "identity of that process, unlike that of a later one with its id"
    )
    holds: tuple[str, ...] = optional((), TEXTS, "names of the locked devices")
    foreign: tuple[Mapping[str, object], ...] | None = optional(
        None, TABLES, "other programs that compute on the card: pid, name, memory in MB"
    )
    # The repeats.
    salt: int = optional(0, COUNT, "number that is mixed into the seeds; 0 for none")
    repeat: int | None = optional(None, COUNT, "number of the repeat, from 1")
    repeats: int | None = optional(None, COUNT, "how many repeats were asked for")
    series: str | None = optional(None, RUN, "id of the series of repeats")
    # The purpose.
    purpose: Purpose = optional(
        "search",
        PURPOSE,
        "what the run is for: `search` tries a commit; the others decide nothing by themselves: "
        "`reference` (the incumbent with the salt of the search), `pair` (one side of a pair of a "
        "certificate or confirmation), `placebo` (the incumbent's code as a try) and `calibrate`",
        since=4,
    )
    plan: str | None = optional(
        None, RUN, "id of the plan, or of the batch, that the run is part of", since=4
    )

    @cached_property
    def metric(self) -> Metric:
        """The run's metric as recorded; its ``plausible`` range is not recorded."""
        return Metric(self.metric_name, self.direction, self.unit, decimals=self.decimals)

    @property
    def tried_ref(self) -> str:
        """The name of the ref that keeps the run's commit, ``refs/ouro/tried/SEQ``. ``seq`` must be
        set: the line was written."""
        return f"{TRIED}{self.seq}"
