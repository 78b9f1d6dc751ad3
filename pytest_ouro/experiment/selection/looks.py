"""Count the looks of a night (its certificates, or its confirmations, …), by the journal and by
refs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.anchor import LOOKS
from pytest_ouro.experiment.records.editable import describe_files, files_at
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.records.statement import Statement


def count_look(
    case: Case, event: str, night: str, statements: Sequence[Statement], looks: int
) -> tuple[int, int]:
    """Return the number of the next look of the kind ``event`` in a night, given by its first
    commit, and how many looks were stated, now or before (0: none).

    ``statements`` are all of the journal, and ``looks`` is the number that the user states now (0:
    none). The looks that were begun are counted by the statements and by the names of refs; those
    of a night whose first commit is another one with the same code, not run under another blessing
    of the baseline, count too, so that a baseline that is committed again does not begin a night.
    Raise ExperimentError if ``looks`` differs from what was stated, or if no stated look is left;
    GitError or another OuroError if refs or the code of ``night`` cannot be read.
    """
    begun: dict[str, list[tuple[int, int]]] = {}
    counted = re.compile(
        rf"{LOOKS}{event}/([0-9a-f]+)/([1-9][0-9]{{0,15}})(?:-of-([0-9]{{1,16}}))?"
    )
    for name in anchor.refs(case.evidence.journal.common_dir):
        if match := counted.fullmatch(name):
            begun.setdefault(match[1], []).append((int(match[2]), int(match[3] or 0)))
    for one in statements:
        if one.event == event and one.night:
            begun.setdefault(one.night, []).append((one.look, one.looks))
    nights = _find_same(case, night, begun)
    known = [one for commit in nights for one in begun.get(commit, ())]
    look = 1 + max((number for number, _ in known), default=0)
    stated = max((count for _, count in known), default=looks)
    if looks not in (0, stated):
        raise messages.looks_stated_before(looks, stated, look)
    if stated and look > stated:
        raise messages.looks_used(stated, night)
    return look, stated


def _find_same(case: Case, night: str, others: Iterable[str]) -> set[str]:
    """Return ``night`` and those of the commits ``others`` that have the same code, and whose
    recorded run, if there is one, was made under the same blessing of a baseline."""
    if not (others := {*others} - {night}):
        return {night}
    blessed = {run.commit: run.baseline for run in case.evidence.journal.runs()}
    own = _read_code(case, night)
    assert own is not None
    found = {night}
    for commit in others:
        same = blessed.get(commit, blessed.get(night)) == blessed.get(night)
        if same and _is_same(case, own, _read_code(case, commit), commit):
            found.add(commit)
    return found


def _read_code(case: Case, commit: str) -> Mapping[str, str] | None:
    """Return git's ids of the editable files of a commit, by path; None if they cannot be read, as
    when git lacks the commit."""
    try:
        return files_at(case, commit)
    except OuroError:
        return None


def _is_same(
    case: Case, one: Mapping[str, str], other: Mapping[str, str] | None, commit: str
) -> bool:
    """Return whether the files of two commits, or the meanings of their code, are equal; False if
    ``other`` is None, or if files differ and a meaning cannot be found. ``commit`` is that of
    ``other``, which another clone may have."""
    if other is None or one == other:
        return other is not None
    try:
        meaning = describe_files(case, other, case.evidence.place.find_holder(commit)).meaning
        return describe_files(case, one).meaning == meaning
    except OuroError:
        return False
