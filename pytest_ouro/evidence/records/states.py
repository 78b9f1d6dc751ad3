"""The states of keeps (provisional, confirmed, refuted, void), which follow from the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.evidence.records.verdicts import kept_in, last_verdicts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement

State = Literal["provisional", "confirmed", "refuted", "void"]


class KeepState(NamedTuple):
    """The state of one keep, and ``why`` in words ("" while it is provisional).

    ``stands`` says whether it is a keep still, which later runs in its conditions are compared
    with, and to which a branch returns. A keep that is void since the harness or the data changed
    stands, as nothing is wrong with its code, and so does a baseline, before which there is nothing
    to return to. ``lost``: the keep does not stand for what its own code did.
    """

    state: State = "provisional"
    why: str = ""
    stands: bool = True
    lost: bool = False


def keep_states(
    runs: Sequence[FinishedRun], statements: Iterable[Statement] = ()
) -> dict[str, KeepState]:
    """Return the state of each keep, by its commit. A keep is a commit whose last verdict is one;
    ``runs`` are all finished runs of the journal, oldest first, ``statements`` its statements.

    A statement decides about a keep if it is a confirmation with a decision, or a granted
    certificate of the keep against its reference, the keep that it was compared with; the last such
    statement counts. A keep is *refuted* if this statement refutes it. Otherwise it is *void* if a
    later run of the same code, under the same harness, was a breach (one of its time alone does not
    count, since that depends on the machine), if the last run in its place has another harness,
    other data or another baseline, or if its reference does not stand. Otherwise it is *confirmed*
    if the statement confirms it. All others are *provisional*.
    """
    return _find_states(last_verdicts(runs), runs, statements)


def _find_states(
    verdicts: dict[str, FinishedRun],
    runs: Sequence[FinishedRun],
    statements: Iterable[Statement],
) -> dict[str, KeepState]:
    """Return what `keep_states` does; ``verdicts`` has the run that decided about each commit."""
    keeps = {commit: run for commit, run in verdicts.items() if run.status == "keep"}
    said = _read_statements(statements, keeps)
    places = _last_in_each_place(runs)
    order = {run.run: number for number, run in enumerate(runs)}
    breaches = [run for run in runs if _is_breach_of_code(run)]
    found: dict[str, KeepState] = {}
    for commit, keep in keeps.items():
        state = said.get(commit, KeepState())
        if state.state != "refuted":
            later = [run for run in breaches if order[run.run] > order[keep.run]]
            state = _breached(keep, later) or _outdated(keep, places) or state
        found[commit] = state
    _void_children(keeps, found)
    return found


def states_by_run(
    runs: Sequence[FinishedRun], statements: Iterable[Statement] = ()
) -> dict[str, KeepState]:
    """Return the state of each keep by the id of the run that decided about its commit. Runs that
    decided nothing, or that a later run of their commit replaced, are absent."""
    verdicts = last_verdicts(runs)
    states = _find_states(verdicts, runs, statements)
    return {verdicts[commit].run: state for commit, state in states.items()}


def fallen(runs: Sequence[FinishedRun], statements: Iterable[Statement] = ()) -> set[str]:
    """Return the commits of the keeps that do not stand any more (see `KeepState.stands`)."""
    return {commit for commit, one in keep_states(runs, statements).items() if not one.stands}


def standing_keeps(
    history: Iterable[str], runs: Sequence[FinishedRun], statements: Iterable[Statement] = ()
) -> list[FinishedRun]:
    """Return the keeps in ``history`` (ids, newest first) that stand, in its order: the first is
    the incumbent, the last keep of the branch. [] if nothing is kept. The other arguments are those
    of `keep_states`."""
    return kept_in(history, runs, fallen(runs, statements))


def find_unwanted(
    runs: Iterable[FinishedRun],
    every: Sequence[FinishedRun],
    statements: Iterable[Statement],
    among: Collection[str],
) -> list[FinishedRun]:
    """Return those of ``runs`` (the ones that count on a branch) that decided about a commit of
    ``among`` which may not stay on the branch: it was discarded, or its keep does not stand. A
    commit with the editable files of its reference changes no code of the experiment, such as one
    that commits a new bound.lock, and may stay. ``every`` are all finished runs of the working
    tree, oldest first, ``statements`` those of the journal."""
    gone = fallen(every, statements)
    code = {run.commit: run.code for run in every}

    def is_kept_code(run: FinishedRun) -> bool:
        return bool(run.code) and code.get(run.best_commit or "") == run.code

    return [
        run
        for run in last_verdicts(runs).values()
        if run.commit in among
        and (run.status == "discard" or run.commit in gone)
        and not is_kept_code(run)
    ]


def _read_statements(
    statements: Iterable[Statement], keeps: dict[str, FinishedRun]
) -> dict[str, KeepState]:
    """Return the states that statements give to keeps, by commit. The last statement that decides
    about a keep counts."""
    found: dict[str, KeepState] = {}
    for one in statements:
        pairs = "a fresh pair" if len(one.pairs) == 1 else f"{len(one.pairs)} fresh pairs"
        if one.event == "confirmation" and one.result == "confirmed":
            found[one.tip] = KeepState("confirmed", f"confirmed on {pairs}")
        elif one.event == "confirmation" and one.result == "refuted":
            less = "it was worse" if one.margin is not None else "its gain did not show"
            why = f"{less} on {pairs}"
            found[one.tip] = KeepState("refuted", why, stands=False, lost=True)
        elif one.event == "certificate" and one.result == "granted":
            keep = keeps.get(one.tip)
            if keep is not None and keep.best_commit == one.baseline:
                found[one.tip] = KeepState("confirmed", f"certified on {pairs}")
    return found


def _is_breach_of_code(run: FinishedRun) -> bool:
    """Return whether a run was a breach for what its code did, not only for the time it took."""
    if run.outcome != "breach":
        return False
    seconds = run.window_seconds
    in_time = seconds is None or abs(seconds - run.budget) <= run.tolerance
    return in_time or bool(run.caught) or run.claim_agrees is False or run.evaluations > 1


def _breached(keep: FinishedRun, breaches: Iterable[FinishedRun]) -> KeepState | None:
    """Return the state of a keep if one of ``breaches`` is a run of its code under the same
    harness; otherwise None."""
    for run in breaches:
        meant = bool(run.code_meaning) and run.code_meaning == keep.code_meaning
        same = run.commit == keep.commit or meant or (bool(run.code) and run.code == keep.code)
        if same and run.harness == keep.harness:
            why, stands = f"its code was a breach in run {run.run}", keep.best_commit is None
            return KeepState("void", why, stands=stands, lost=not stands)
    return None


def _last_in_each_place(
    runs: Sequence[FinishedRun],
) -> dict[tuple[object, ...], list[FinishedRun]]:
    """Return by working tree, device and metric the last run of each set of editable files, newest
    first: several experiments of one repository have different files."""
    found: dict[tuple[object, ...], list[FinishedRun]] = {}
    for run in reversed(runs):
        last = found.setdefault(_place(run), [])
        if all(one.code.keys() != run.code.keys() for one in last):
            last.append(run)
    return found


def _place(run: FinishedRun) -> tuple[object, ...]:
    """Return the working tree, the device and the metric of a run."""
    return run.worktree, run.device, run.metric_name


def _outdated(
    keep: FinishedRun, places: dict[tuple[object, ...], list[FinishedRun]]
) -> KeepState | None:
    """Return the state of a keep if the last run in its place that may share an editable file with
    it had another harness, other data or another baseline; None if it had not."""
    for last in places[_place(keep)]:
        if keep.code and last.code and keep.code.keys().isdisjoint(last.code):
            continue
        pairs = {
            "the harness": (keep.harness, last.harness),
            "the data": (keep.data, last.data),
        }
        changed = [name for name, (one, other) in pairs.items() if one and other and one != other]
        if last.baseline != keep.baseline:
            changed.append("the blessed baseline")
        if not changed:
            return None
        return KeepState("void", f"{' and '.join(changed)} changed after its run")
    return None


def _void_children(keeps: dict[str, FinishedRun], found: dict[str, KeepState]) -> None:
    """Make void, in ``found``, each keep whose reference does not stand, unless it does not stand
    itself already."""
    children: dict[str, list[str]] = {}
    for commit, keep in keeps.items():
        if keep.best_commit and keep.best_commit != commit:
            children.setdefault(keep.best_commit, []).append(commit)
    waiting = [commit for commit, state in found.items() if not state.stands]
    while waiting:
        parent = waiting.pop()
        for commit in children.get(parent, ()):
            if found[commit].stands:
                why = f"its reference {parent[:7]} is {found[parent].state}"
                found[commit] = KeepState("void", why, stands=False)
                waiting.append(commit)
