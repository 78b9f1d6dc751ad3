"""``settled``: kept commits are on the branch, discarded ones are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.checks import Check
from pytest_ouro.checks._remedy import stash
from pytest_ouro.core.escape import quoted
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, count, several

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.records.run_record import FinishedRun


@dataclass(frozen=True, kw_only=True)
class Settled(Check):
    """Of the commits whose runs were recorded on the branch since the last blessing, the branch has
    each that was kept, and none that was discarded. Of the candidates of batches that were kept on
    one commit of the branch, it has the best, from the next try on. The last verdict on a commit
    counts. A keep may not stay either if it was refuted, or is void for a breach or because its
    reference, the keep that it was compared with, does not stand. The commit of the last run may
    still be at the tip, waiting for its revert. A discarded commit may stay if its editable files
    are the same as its reference's. Where runs are logged by hand, no kept commit may build on the
    change of a discarded row."""

    stage = "ledger"
    judges_claims = True

    def skipped(self, evidence: Evidence) -> str:
        """Return why the rule is skipped, `Evidence.only_claims`: no run was recorded in this
        working tree. "" if one was, if the journal is at fault or records are gone, or if there are
        rows to judge as claims."""
        return "" if evidence.claimed else evidence.only_claims

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about rows that are judged as claims, one if the branch has commits
        that may not stay, discarded or of keeps that do not stand, and one if it lacks kept ones.
        The last two are left out if no branch is checked out, or no run was recorded on it."""
        if evidence.claimed:
            from pytest_ouro.checks._claims import settled as claims
            from pytest_ouro.checks._claims.present import judge_present

            yield from judge_present(evidence, "settled", claims.judge)
        branch = evidence.branch
        runs = [run for run in evidence.runs if branch and run.branch == branch]
        if not runs:
            return
        from pytest_ouro.evidence.records.states import fallen, find_unwanted
        from pytest_ouro.evidence.records.verdicts import last_verdicts

        ancestors = evidence.repository.ancestors
        last = last_verdicts(runs).values()
        gone = fallen(evidence.all_runs, evidence.statements)
        stays = find_unwanted(runs, evidence.all_runs, evidence.statements, ancestors)
        tries = [run for run in runs if run.purpose == "search"]
        awaiting = tries[-1].commit if tries else ""
        if evidence.repository.head == awaiting:
            stays = [run for run in stays if run.commit != awaiting]
        if stays:
            commit = stays[-1].commit[:7]
            yield Finding(
                f"{branch} still has {_count_staying(stays)}",
                where=several([_name(run) for run in stays]),
                help="drop it: "
                + stash(
                    evidence.repository, f"git rebase --onto {commit}~1 {commit} {quoted(branch)}"
                ),
                facts={"commits": len(stays)},
            )
        lost = [
            run
            for run in last
            if run.status == "keep" and run.commit not in ancestors and run.commit not in gone
        ]
        lost = _leave_out_batches(lost, last, tries, ancestors)
        if lost:
            yield Finding(
                f"{branch} lacks {count(len(lost), 'kept commit')}",
                where=several([_name(run) for run in lost]),
                help="bring it back: "
                + stash(evidence.repository, f"git reset --keep {lost[-1].commit[:7]}"),
                facts={"commits": len(lost)},
            )


def _leave_out_batches(
    lost: list[FinishedRun],
    last: Collection[FinishedRun],
    tries: list[FinishedRun],
    ancestors: Collection[str],
) -> list[FinishedRun]:
    """Return those of the kept commits that the branch lacks (``lost``) which it must have. Of the
    candidates of batches that were kept on one reference it must have the best, unless it has
    another keep on that reference, or lacks the reference itself; not yet, if the batch made the
    last of the ``tries`` on the branch: then it may still wait to be moved there. ``last`` has the
    deciding run of each commit."""
    keeps = [run for run in last if run.status == "keep" and run.best_commit in ancestors]
    here = {run.best_commit for run in keeps if run.commit in ancestors}
    best: dict[str | None, FinishedRun] = {}
    for run in keeps:
        if run.plan and _is_better(run, best.get(run.best_commit)):
            best[run.best_commit] = run
    awaiting = tries[-1].plan if tries else None
    waits = [run for run in lost if run.plan and run.plan != awaiting]
    due = [run for run in waits if run is best.get(run.best_commit) and run.best_commit not in here]
    return [run for run in lost if not run.plan or run in due]


def _is_better(run: FinishedRun, other: FinishedRun | None) -> bool:
    """Return whether the value of a keep is better than that of another one; True without another
    one, or if one has no value."""
    value, than = run.mean_or_value, other.mean_or_value if other else None
    return value is None or than is None or run.metric.gain(value, than) > 0


def _count_staying(runs: list[FinishedRun]) -> str:
    """Return how many commits may not stay, in words; ``runs`` are their deciding runs."""
    if any(run.status == "keep" for run in runs):
        return f"{count(len(runs), 'commit')} whose keep does not stand, or that was discarded"
    return count(len(runs), "discarded commit")


def _name(run: FinishedRun) -> str:
    """Return a run's commit, cut to 7 digits, and the first 40 characters of its description:
    ``fc714de "wider layers"``."""
    return f'{run.commit[:7]} "{run.description[:40]}"'
