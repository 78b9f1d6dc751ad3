"""Look into the vault: compare a night's gain on the scored rows with that on the rows that the
loop is not shown. Each look is recorded and counted, since a loop can select for what it is
shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.row_losses import read_losses
from pytest_ouro.experiment.selection.ends import find_ends
from pytest_ouro.experiment.selection.holding import hold_plan
from pytest_ouro.experiment.selection.pairs import digest_of
from pytest_ouro.experiment.selection.plan import open_plan
from pytest_ouro.experiment.verdict.rows_error import find_gap
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from pytest_ouro.child.losses.file import RowLosses
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.row_losses import Kind
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement


@dataclass(frozen=True)
class VaultLook:
    """A recorded look: its ``statement``, and the numbers of ``scored`` rows and of rows in the
    ``vault``."""

    statement: Statement
    scored: int
    vault: int

    def lines(self) -> tuple[str, ...]:
        """Return the lines that explain the numbers of the last line to a person."""
        one = self.statement
        text = one.metric.text
        assert one.low is not None
        found = (
            "part of the gain is made for the scored rows: it is smaller on the vault's"
            if one.low > 0
            else "the gain is not shown to be smaller on the vault's rows; a gap of "
            f"{text(one.detectable)} would be, in 4 of 5 cases"
        )
        return (
            f"ouro: {found}",
            f"ouro: this was look {one.look} of this night: each further one is less sharp",
        )

    @property
    def last_line(self) -> str:
        """The stable line ``ouro: vault gap=0.0004 low=-0.0007 high=0.0015 detectable=0.0017
        claimed=0.0102 …``."""
        one = self.statement
        text = one.metric.text
        facts = {name: text(getattr(one, name)) for name in ("gap", "low", "high", "detectable")}
        facts |= {"claimed": text(one.claimed), "rows": f"{self.scored}+{self.vault}"}
        facts |= {"look": str(one.look), "baseline": one.baseline[:7], "commit": one.tip[:7]}
        return f"ouro: vault {' '.join(f'{name}={value}' for name, value in facts.items())}"


def look_into_vault(case: Case) -> VaultLook:
    """Compare the gain of the last keep over the night's baseline on the scored rows with that on
    the vault's, by the losses of their kept runs; record the look, and return it.

    Raise ExperimentError if there is no gain yet, if one of the two runs has no vault, if their
    losses are gone, or if another process records this look; RecordError if a file of losses is not
    what was recorded, or if the look cannot be recorded.
    """
    runs = find_ends(case)
    baseline, tip = runs
    for run in runs:
        if not run.vault_losses:
            raise messages.no_vault(run.commit, run.rows)
    scored, vault = (_losses(case, *runs, kind=kind) for kind in ("rows", "vault"))
    if find_gap(scored, vault, 0.5) is None:
        raise messages.vault_gone(tip.commit)
    ends = (baseline.commit, tip.commit)
    plan, _ = open_plan(case, "look", *ends, night=baseline.commit, pairs=0)
    with hold_plan(case, plan.id):
        gap = find_gap(scored, vault, plan.alpha)
        assert gap is not None
        statement = plan.statement(
            case,
            result="measured",
            runs=tuple(run.run for run in runs),
            gap=gap.gap,
            se=gap.se,
            low=gap.low,
            high=gap.high,
            detectable=gap.detectable,
            claimed=gap.gain,
            level=tip.level,
            harness=tip.harness or "",
            data=tip.data or "",
            device=tip.device,
            device_name=tip.device_name,
            evidence=digest_of(case.evidence.journal, runs),
        )
        written = case.evidence.journal.append(statement)
    return VaultLook(written, len(scored[0].rows), len(vault[0].rows))


def _losses(
    case: Case, earlier: FinishedRun, later: FinishedRun, *, kind: Kind
) -> tuple[RowLosses, RowLosses]:
    """Return the losses of two runs on the rows of this kind. Raise ExperimentError if they are
    gone, and as `read_losses` does."""
    found = []
    for run in (earlier, later):
        losses = read_losses(case.evidence.journal, run, kind)
        if losses is None:
            raise messages.vault_gone(run.commit)
        found.append(losses)
    return found[0], found[1]
