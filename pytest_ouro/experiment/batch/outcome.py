"""What came of a batch: its best candidate, how easily luck gives as much, and what is stale."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_ouro.core.escape import quoted
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.verdict.history import comparable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.experiment.batch.candidates import Candidate
    from pytest_ouro.experiment.result import Result

#: A mapping without items.
EMPTY: Mapping[str, str] = MappingProxyType({})
#: The words of the last line, in their order.
_WORDS = ("keep", "discard", "crash", "closed")


@dataclass(frozen=True)
class Outcome:
    """The ``results`` of the candidates of a batch that had one, in their order. ``runs`` are all
    finished runs of the journal, oldest first. ``unmade`` is the number of candidates without a
    result: they could not be measured, or the batch was interrupted. ``discarded`` has, for a
    candidate that cannot be kept for it, the newest commit below it that was discarded.
    ``settlement`` and ``over`` are lines about the branch, and about the end of the night.
    ``fault`` is the error by which `Batch.finish` failed, or None."""

    results: Sequence[tuple[Candidate, Result]]
    runs: Sequence[FinishedRun] = ()
    unmade: int = 0
    discarded: Mapping[str, str] = EMPTY
    settlement: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    fault: OuroError | None = None

    @property
    def best(self) -> FinishedRun | None:
        """The best keep of the batch, which its branch may be moved to; None if nothing was kept,
        or if runs that cannot be compared with each other were."""
        kept = [one.record for _, one in self.results if one.record and one.status == "keep"]
        if not kept or not all(comparable(run, kept[0]) for run in kept):
            return None
        best = kept[0]
        for run in kept[1:]:
            value, top = run.mean_or_value, best.mean_or_value
            assert value is not None
            assert top is not None
            best = run if run.metric.gain(value, top) > 0 else best
        return best

    @property
    def rivals(self) -> int:
        """How many tries were compared with the reference of the best candidate, in this batch and
        before it, itself included; 0 without a best candidate, or if that is a baseline."""
        best = self.best
        return sum(
            run.best_commit == best.best_commit and run.reason.compares and comparable(run, best)
            for run in self.runs
            if best
        )

    @property
    def chance(self) -> float | None:
        """The probability that the best of as many tries (`rivals`) gains at least as much if none
        of them has an effect; None if there is no gain, or the noise is 0 or not known."""
        best = self.best
        if best is None or best.gain is None or not best.noise or not best.se:
            return None
        reference = math.sqrt(max(best.se**2 - best.noise**2, 0.0))  # of a single run each
        return chance_of_best(best.gain, self.rivals, noise=best.noise, reference=reference)

    def lines(self, *, quiet: bool = False) -> tuple[str, ...]:
        """Return the lines before the last one: one for each result, and unless ``quiet`` what the
        best candidate is worth; then those about stale candidates, the branch and the night."""
        lines = [result.last_line for _, result in self.results]
        if not quiet:
            lines += self._describe_best()
        return (*lines, *self._describe_aside(), *self.settlement, *self.over)

    def _describe_best(self) -> list[str]:
        """Return a line on how much of the best candidate's gain may be luck; [] without a gain."""
        best = self.best
        if best is None or best.gain is None or best.best_commit is None:
            return []
        gain = f"{best.commit[:7]} gains {best.metric.text(best.gain)} on {best.best_commit[:7]}"
        if self.chance is not None:
            tries = "the one try" if self.rivals == 1 else f"the best of {self.rivals} tries"
            luck = f"{tries} without any effect would gain as much"
            return [f"ouro: {gain}, provisionally: {luck} {_percent(self.chance)} of the time"]
        if best.noise == 0:
            return [f"ouro: {gain}: the rules state no noise"]
        return [f"ouro: {gain}, provisionally: the noise is not known, so any gain may be luck"]

    def _describe_aside(self) -> list[str]:
        """Return a line for each candidate that is better than its reference, and to which the
        branch cannot be moved, with the commands that put it on the best one and try it again; []
        if there are none. Without a best one, it is put on its reference."""
        lines = []
        for candidate, result in self.results:
            run = result.record
            if run is None or run.reason not in (Reason.STALE, Reason.ON_DISCARD):
                continue
            base = (run.best_commit or "")[:7]
            better = f"it is better than {base}, on which it is based, but"
            best = f"the best is {self.best.commit[:7]}; on top of that" if self.best else ""
            if run.reason is Reason.STALE:
                start = base
                why = f"is stale: {better} not clearly better than another that was kept before it"
            else:
                start = self.discarded.get(run.commit, base)[:7]
                why = f"cannot be kept: {better} {start} below it was discarded"
                best = best if self.best else f"on top of {base} alone"
            top, name = self.best.commit[:7] if self.best else base, f"ouro-{run.commit[:7]}"
            back = (
                f"git switch {quoted(run.branch)}" if run.branch else f"git switch --detach {base}"
            )
            commands = (
                f"git branch {name} {run.commit[:7]} && git rebase --onto {top} {start} {name} && "
                f"{back} && pytest --ouro-experiment --ouro-candidates {name}"
            )
            lines.append(f"ouro: {quoted(candidate.word)} {why}; {best}: {commands}")
        return lines

    @property
    def last_line(self) -> str:
        """The stable line of a batch: how many candidates got which verdict, and the best."""
        counts = dict.fromkeys(_WORDS, 0)
        for _, result in self.results:
            counts[result.status] += 1
        words = [f"{word}={count}" for word, count in counts.items()]
        words += [f"unmade={self.unmade}"] if self.unmade else []
        if best := self.best:
            value = best.metric.text(best.mean_or_value)
            words.append(f"best={best.commit[:7]} {best.metric.name}={value} state=provisional")
            if self.chance is not None:
                words.append(f"chance={self.chance:.2g}")
        stop = " next=stop" if self.over else ""
        return f"ouro: batch {' '.join(words)}{stop}"


def chance_of_best(gain: float, rivals: int, *, noise: float, reference: float) -> float:
    """Return the probability that the best of ``rivals`` single runs, whose standard deviation is
    ``noise``, is better by at least ``gain`` than a reference of the same mean, whose standard
    error is ``reference``.

    The reference is one number for all of them. The integral over its error is computed by
    Simpson's rule between ±8 standard errors.
    """
    from statistics import NormalDist

    normal, steps = NormalDist(), 400
    width = 16 / steps
    total = 0.0
    for step in range(steps + 1):
        z = -8 + step * width
        weight = 1 if step in (0, steps) else 4 if step % 2 else 2
        best = 1 - normal.cdf((gain + reference * z) / noise) ** rivals
        total += weight * normal.pdf(z) * best
    return min(1.0, max(0.0, total * width / 3))


def _percent(share: float) -> str:
    """Return a share in percent, rounded to two digits that count; a small one as ``less than 0.01
    %``, also 0."""
    return f"{100 * share:.2g} %" if share >= 1e-4 else "less than 0.01 %"
