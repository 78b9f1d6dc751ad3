"""The result of an experiment: its verdict, its metric, and the lines that are printed about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.reasons import Reason

if TYPE_CHECKING:
    from pytest_ouro.bound.tables import Level
    from pytest_ouro.core.finding import RuleResult
    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.records.reasons import Status
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.experiment.verdict.repeats import Repeats


@dataclass(frozen=True)
class Result:
    """The result of an experiment: its verdict, its metric and its record.

    ``reason`` is that of the verdict, ``commit`` the full id of the tried commit. ``closed`` holds
    the results of the broken rules if a rule is broken; then nothing was run, ``record`` is None
    and ``level`` is "". ``value`` is the measured metric, None for a crash or without a run; after
    repeats it is their mean. ``best`` is the value of the reference, None if there is none.
    ``peak_vram_mb`` is the peak of memory in MB: of CUDA's or of resident memory, whichever is
    larger. ``record`` is the run's last record in the journal. ``message`` says what went wrong, ""
    if nothing did. ``tail`` are the last lines of output of a crash. ``repeats`` has the values of
    a series, None if there are fewer than two. ``stopped`` is a line that says why repeats were not
    made, or "". ``settlement`` and ``notes`` are lines about the branch and about earlier runs;
    ``before`` is one about an earlier run of the same code, or "". ``ended_by`` is the exception by
    which the run was not started, or ended from outside; None for every other run. ``over`` are
    lines that say why the night is over and what to do; () if it is not over.
    """

    reason: Reason
    commit: str
    metric: Metric
    value: float | None = None
    best: float | None = None
    level: Level | Literal[""] = ""
    message: str = ""
    peak_vram_mb: float = 0.0
    record: FinishedRun | None = None
    closed: tuple[RuleResult, ...] = ()
    tail: tuple[str, ...] = ()
    settlement: tuple[str, ...] = ()
    repeats: Repeats | None = None
    stopped: str = ""
    notes: tuple[str, ...] = ()
    before: str = ""
    ended_by: BaseException | None = None
    over: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The verdict ("keep", "discard" or "crash"), or "closed" if a rule is broken."""
        return self.reason.status

    @property
    def state(self) -> str:
        """The state of a keep, which is "provisional" right after its run; "" for any other
        verdict."""
        return "provisional" if self.status == "keep" else ""

    @property
    def interrupted(self) -> bool:
        """Whether something else than the run ended it, such as Ctrl-C, TERM, or an exception of
        another plugin of pytest."""
        return self.reason is Reason.INTERRUPTED

    @property
    def val_bpb(self) -> float | None:
        """The ``value`` (None for a crash) where the metric is val_bpb. Raise AttributeError for
        another metric."""
        if self.metric.name != "val_bpb":
            raise AttributeError(f"the metric is {self.metric.name}: its value is `value`")
        return self.value

    def lines(self, *, quiet: bool = False) -> tuple[str, ...]:
        """Return the lines that are printed before the last line: the notes (not if ``quiet``), the
        broken guards, an earlier run of the same code, the repeats with their warning, why others
        were not made, the settlement, and why the night is over. () if there is nothing to say
        about any of these."""
        lines = [] if quiet else [*self.notes]
        if self.record:
            lines += [f"ouro: {guard['text']}" for guard in self.record.broken_guards]
        if self.before:
            lines.append(self.before)
        if self.repeats and self.record:
            lines.append(self.repeats.line(self.commit, self.metric))
            lines += [warning] if (warning := self.repeats.warning) else []
        lines += [self.stopped] if self.stopped else []
        return (*lines, *self.settlement, *self.over)

    @property
    def last_line(self) -> str:
        """The stable line that people and agents grep for: verdict, value, the reference's value if
        there is one, level if the run was started, commit and reason.

        If a rule is broken, it has only the word "closed", the commit and the reason. It ends with
        ``next=stop`` if the night is over.
        """
        stop = " next=stop" if self.over else ""
        if self.record is None:
            return f"ouro: closed commit={self.commit[:7]} reason={self.reason}{stop}"
        value, best = self.metric.text(self.value), ""
        if self.best is not None:
            value, best = self.metric.texts(self.value, self.best)
            best = f" best={best}"
        level = f" level={self.level}" if self.level else ""  # a run that was not started has none
        return (
            f"ouro: {self.status} {self.metric.name}={value}{best}{level} "
            f"commit={self.commit[:7]} reason={self.record.reason_text}{stop}"
        )
