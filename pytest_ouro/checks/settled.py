"""``settled``: improvements are on the branch, regressions are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.records.run_record import FinishedRun


@dataclass(frozen=True, kw_only=True)
class Settled(Check):
    """Of the runs recorded on this branch since the last blessing, every kept commit is in its
    history and no discarded one is. The last verdict on a commit counts. The last run may still
    await its revert."""

    stage = "ledger"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        branch = evidence.branch
        runs = [run for run in evidence.runs if branch and run.branch == branch]
        if not runs:
            return
        from pytest_ouro.evidence.records.verdicts import last_verdicts

        ancestors = evidence.repository.ancestors
        verdicts = last_verdicts(runs)
        stays = [
            run for run in verdicts.values() if run.status == "discard" and run.commit in ancestors
        ]
        awaiting = runs[-1].commit
        if evidence.repository.head == awaiting:
            stays = [run for run in stays if run.commit != awaiting]
        if stays:
            yield Finding(
                f"{_commits(stays)} discarded and still on {branch}",
                where=several([_name(run) for run in stays]),
                help=f"drop it: git rebase --onto {stays[-1].commit[:7]}~1 "
                f"{stays[-1].commit[:7]} {branch}",
                facts={"commits": len(stays)},
            )
        gone = [
            run for run in verdicts.values() if run.status == "keep" and run.commit not in ancestors
        ]
        if gone:
            yield Finding(
                f"{_commits(gone)} kept and no longer on {branch}",
                where=several([_name(run) for run in gone]),
                help=f"bring it back: git reset --keep {gone[-1].commit[:7]}",
                facts={"commits": len(gone)},
            )


def _commits(runs: list[FinishedRun]) -> str:
    count = len({run.commit for run in runs})
    return "a commit was" if count == 1 else f"{count} commits were"


def _name(run: FinishedRun) -> str:
    return f'{run.commit[:7]} "{run.description[:40]}"'
