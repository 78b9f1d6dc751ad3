"""Find the salt of a search, the one with which its reference was measured last, and decide when to
draw a new one.

A try that has the salt of its reference is compared without the part of the noise that a salt gives
to both. The reference is the last keep: it was chosen for its value on its own salt, so that now
and then it is run once more, on a new salt, which the next tries have too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.verdict.history import comparable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ouro.bound.tables import Remeasure, VerdictRule
    from pytest_ouro.evidence.records.run_record import FinishedRun

#: After how many discards in a row the reference is measured again. Fewer cost more runs than they
#: are worth, and more leave a value that was lucky in place for longer (docs/selection.md).
STANDS = 30

Draws = Literal["", "all", "start", "other"]


class Search(NamedTuple):
    """The ``salt`` that a try should have, 0 for the script's own seeds; and whether a run of the
    reference on a new salt is ``due`` before the try."""

    salt: int = 0
    due: bool = False


def is_due(remeasure: Remeasure, discards: int, *, chosen: bool) -> bool:
    """Return whether the search draws a new salt, and measures its reference once with it, before
    the next try.

    ``remeasure`` is the bound's: "never"; "standing", after `STANDS` discards; or "kept", also if
    the reference is ``chosen``: it was kept for its value, and not measured since. ``discards`` is
    the number of tries that were discarded since the reference was kept or last measured; crashes,
    and runs that try no code, do not count.
    """
    if remeasure == "never":
        return False
    return discards >= STANDS or (chosen and remeasure == "kept")


def find_search(rule: VerdictRule, kept: FinishedRun, runs: Sequence[FinishedRun]) -> Search:
    """Return the salt of a try whose reference is ``kept``, the last keep, and whether that is to
    be measured again first. The salt is that of the last run of the reference that has a value
    (`find_reference`), else that of the keep; 0 if that is one of several repeats. ``runs`` are all
    finished runs, oldest first.

    A run of the reference that gave no value is not repeated before `STANDS` further discards. A
    keep by the mean of independent repeats is not measured again, since it was not chosen for one
    salt; nor is one where the bound says that there is no noise.
    """
    latest = find_reference(kept, [run for run in runs if comparable(run, kept)]) or kept
    chosen, discards = kept.reason is not Reason.BASELINE, 0
    for run in reversed(runs):
        if run.run == kept.run:
            break
        if run.purpose == "reference" and run.commit == kept.commit:
            chosen = False
            break
        mine = run.best_commit == kept.commit and run.status == "discard"
        discards += mine and run.reason.counts_as_try
    due = is_due(rule.remeasure, discards, chosen=chosen)
    single = kept.independent_runs == 1
    salt = latest.salt if latest.series is None else 0
    return Search(salt, due and single and rule.noise != 0)


def find_reference(kept: FinishedRun, runs: Sequence[FinishedRun]) -> FinishedRun | None:
    """Return the last run of the purpose "reference" of the code that was ``kept``, with a value;
    None if there is none after the run ``kept``. ``runs`` are comparable with it, oldest first."""
    for run in reversed(runs):
        if run.run == kept.run:
            return None
        if run.purpose == "reference" and run.commit == kept.commit and run.value is not None:
            return run
    return None


def compare_draws(one: Mapping[str, str], other: Mapping[str, str]) -> Draws:
    """Return how far two runs with one salt drew the same random numbers, by the digests of their
    generators (`MeasuredRun.generators`): "all" of them, those before the first batch ("start", so
    that their models began alike), "other" ones, or "" if nothing tells.

    The digests state what was drawn before a point: equal ones mean the same numbers in the same
    shapes, or as many of them.
    """
    if not one or not other:
        return ""
    if one.keys() != other.keys():
        return "other"
    differ = {name for name in one if one[name] != other[name]}
    if not differ:
        return "all"
    begun = {name for name in one if name.endswith(" at the first batch")}
    return "start" if begun and not begun & differ else "other"
