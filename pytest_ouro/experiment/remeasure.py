"""Find the salt of the next try; measure the last keep again, on a new salt, if that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.engine import check_before_run
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.devices import device as devices
from pytest_ouro.experiment.known import find_earlier
from pytest_ouro.experiment.measure import measure_commit
from pytest_ouro.experiment.steps import preconditions
from pytest_ouro.experiment.terms.turns import Turn, draw_salt
from pytest_ouro.experiment.verdict.history import comparable
from pytest_ouro.experiment.verdict.search_salt import find_search

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.experiment.terms.job import Progress
    from pytest_ouro.experiment.terms.setup import Profile


def find_last_keep(case: Case, profile: Profile) -> FinishedRun | None:
    """Return the last keep on the branch, among the runs on ``profile``; None if there is none, or
    if a person began another baseline since. Raise RecordError if the journal cannot be read."""
    journal = case.evidence.journal
    runs = [run for run in journal.runs() if run.device == profile]
    kept = standing_keeps(case.repository.history, runs, journal.statements())
    return kept[0] if kept and kept[0].baseline == case.trust.baseline else None


def will_run(case: Case, profile: Profile, *, again: bool) -> bool:
    """Return whether HEAD is about to be run on ``profile``: no rule is broken and, unless
    ``again``, no earlier run of the same code answers (`find_earlier`). Raise OuroError if a rule
    cannot be checked, or HEAD cannot be run."""
    if any(result.broken for result in check_before_run(case)):
        return False
    preconditions.demand_committed(case)
    return again or find_earlier(case, case.bound.experiments[profile], profile) is None


def find_salt(
    case: Case,
    device: Device | None,
    progress: Progress | None,
    say: Callable[[str], None],
    *,
    again: bool = False,
) -> tuple[int, bool]:
    """Return the salt of the next try, and whether a run was made to find it.

    The salt is that of the last keep on the branch, for the device that is used; 0 if there is
    none. If it is due (`find_search`), the last keep is first measured with a new salt, which the
    try has then too; a line says so. It is not measured if HEAD will not be run then (`will_run`,
    which ``again`` is for). If the run of the last keep gives no value that can be compared, the
    salt stays as it was. Raise OuroError if a rule cannot be checked, or HEAD or the last keep
    cannot be run; raise the exception that kept its run from being started, or ended it from
    outside, such as KeyboardInterrupt.
    """
    profile = devices.choose(device or case.experiment.device)
    best = find_last_keep(case, profile)
    if best is None:
        return 0, False
    runs = [run for run in case.evidence.journal.runs() if run.device == profile]
    search = find_search(case.bound.verdicts[profile], best, runs)
    if not search.due or not will_run(case, profile, again=again):
        return search.salt, False
    turn = Turn(salt=draw_salt(), purpose="reference")
    say(f"ouro: the last keep, {best.commit[:7]}, is measured again first, on a new salt")
    result, _ = measure_commit(
        case.at(best.commit), turn, device=device, progress=progress, say=say
    )
    if result.ended_by is not None or result.interrupted:
        raise result.ended_by or KeyboardInterrupt
    run, text = result.record, best.metric.text
    if run is None or run.value is None or not comparable(run, best):
        say(f"ouro: it gave no value that can be compared ({result.reason}): the salt stays")
        return search.salt, True
    say(
        f"ouro: {best.metric.name}={text(run.value)} ({text(best.mean_or_value)} when it was kept):"
        " the next tries are compared with this, on its salt"
    )
    return turn.salt, True
