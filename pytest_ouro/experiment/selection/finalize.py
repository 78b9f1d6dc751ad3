"""Make a branch of what a night kept, which people can review: the kept commits, from the commit of
the baseline on, with the certificates in the last one's message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.paths import matches
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.records.record import write_placebos
from pytest_ouro.experiment.selection.ends import gain_between
from pytest_ouro.experiment.selection.selection import Selection
from pytest_ouro.experiment.terms import commits
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.verdict.night import keeps_of_night
from pytest_ouro.messages import selection as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.git.objects import Entry
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement


@dataclass(frozen=True)
class Winner:
    """What a night kept. ``baseline`` and ``tip`` are the kept runs of the first and the last
    commit, ``keeps`` those after the baseline, oldest first, the tip's last. ``certificates`` are
    those of the tip against the baseline that have a result, granted or not, oldest first.
    ``later`` are the keeps after the tip, also oldest first, which are not part of it."""

    baseline: FinishedRun
    tip: FinishedRun
    keeps: tuple[FinishedRun, ...]
    certificates: tuple[Statement, ...]
    later: tuple[FinishedRun, ...]

    @property
    def state(self) -> Literal["certified", "provisional"]:
        """The state of the tip: "certified" if one of the certificates was granted, otherwise
        "provisional"."""
        granted = any(one.result == "granted" for one in self.certificates)
        return "certified" if granted else "provisional"


@dataclass(frozen=True)
class Final:
    """The branch ``branch`` of ``winner``: its last commit, and ``commits``, the number of commits
    after the baseline's. ``left_out`` are the paths of files that differ between the baseline and
    the tip, and that no experiment may edit: the branch has them as the baseline had them.
    ``is_new``: the branch was not there before."""

    winner: Winner
    branch: str
    commit: str
    commits: int
    left_out: tuple[str, ...]
    is_new: bool


def find_winner(case: Case) -> Winner:
    """Return what the night of a branch kept: up to the newest keep that has a granted certificate
    against the baseline or, if there is none, up to the last keep, which is provisional.

    Raise ExperimentError if nothing is kept, or nothing after the baseline; RecordError if the
    journal cannot be read or is not what was recorded.
    """
    journal = case.evidence.journal
    journal.demand_whole()
    runs, statements = journal.runs(), journal.statements()
    kept = standing_keeps(case.repository.history, runs, statements)
    if not kept:
        raise messages.nothing_to_finalize("no run is kept on this line of commits")
    *night, baseline = keeps_of_night(kept, kept[0])
    if not night:
        why = f"the baseline {baseline.commit:.7} is still the last keep"
        raise messages.nothing_to_finalize(why)
    ended = [
        one
        for one in statements
        if one.event == "certificate"
        and one.result in ("granted", "not-granted")
        and one.baseline == baseline.commit
    ]
    granted = {one.tip for one in ended if one.result == "granted"}
    first = next((number for number, run in enumerate(night) if run.commit in granted), 0)
    tip, later = night[first], night[:first]
    certificates = tuple(one for one in ended if one.tip == tip.commit)
    return Winner(baseline, tip, tuple(night[first:][::-1]), certificates, tuple(later[::-1]))


def finalize(case: Case, *, branch: str = "", squash: bool = False) -> Final:
    """Make a branch of what the night of the current branch kept (`find_winner`), and return it.

    It begins at the baseline's commit. Each kept commit that changes editable files follows with
    its own message, author and times, or with ``squash`` one commit for all. Their trees have the
    editable files of the kept commits, and all other files as the baseline has them. The last
    message ends with the trailers ``Ouro-Certificate`` and ``Ouro-Runs``. ``branch`` is the name;
    "" for ``ouro/TIP``, with the first seven digits of the tip.

    The rows of the night's placebos are written to the ledger, which is all that changes besides:
    HEAD, the index and the current branch stay as they are, and no hook runs. A branch of this name
    that is exactly what would be made stays. Raise ExperimentError if the name is impossible, or
    taken by another branch, or if the last keep has the editable files of the baseline; also what
    `find_winner` raises, and GitError if git fails.
    """
    winner, git = find_winner(case), case.repository.git
    name = branch or f"ouro/{winner.tip.commit:.7}"
    if not commits.is_branch_name(git, name):
        raise messages.invalid_branch(name)
    last, count = _write_commits(case, winner, squash=squash)
    is_new = not commits.has_branch(git, name)
    if is_new:
        commits.create_branch(git, name, last)
    elif git.commit(f"refs/heads/{name}") != last:
        raise messages.branch_exists(name)
    write_placebos(case)
    return Final(winner, name, last, count, _left_out(case, winner), is_new)


def _write_commits(case: Case, winner: Winner, *, squash: bool) -> tuple[str, int]:
    """Write the commits of a branch; return the id of the last one, and their number. A keep whose
    editable files are those of the keep before it has no commit of its own. Raise ExperimentError
    if the last keep has the editable files of the baseline."""
    git, base = case.repository.git, winner.baseline.commit
    trees = [git.store.commit(base)[0]]
    changed: list[FinishedRun] = []
    for run in winner.keeps:
        tree = commits.write_tree(git, base, _changes(case, base, run.commit))
        if tree != trees[-1]:
            trees.append(tree)
            changed.append(run)
    if trees[-1] == trees[0]:
        raise messages.nothing_to_finalize("the last keep has the files of the baseline")
    trailers = _trailers(winner)
    tip = changed[-1].commit
    if squash:
        message = commits.add_trailers(_summary(winner).encode(), trailers)
        return commits.write_commit(git, tree=trees[-1], parent=base, like=tip, message=message), 1
    last = base
    for run, tree in zip(changed[:-1], trees[1:], strict=False):
        last = commits.write_commit(git, tree=tree, parent=last, like=run.commit)
    message = commits.add_trailers(commits.message_of(git, tip), trailers)
    last = commits.write_commit(git, tree=trees[-1], parent=last, like=tip, message=message)
    return last, len(changed)


def _changes(case: Case, base: str, commit: str) -> dict[str, Entry | None]:
    """Return the entry of each editable file in ``commit``, by its path, and None for each editable
    file of ``base`` that ``commit`` lacks."""
    git, globs = case.repository.git, case.evidence.layout.editable_globs
    before, after = (
        {path: entry for path, entry in git.tree(one).items() if matches(path, globs)}
        for one in (base, commit)
    )
    return {**dict.fromkeys(before), **after}


def _left_out(case: Case, winner: Winner) -> tuple[str, ...]:
    """Return the paths of the files that differ between the commits of the baseline and of the tip,
    and are not editable."""
    git, globs = case.repository.git, case.evidence.layout.editable_globs
    old, new = (git.store.commit(run.commit)[0] for run in (winner.baseline, winner.tip))
    paths = (path for path, _ in git.store.difference(old, new))
    return tuple(sorted(path for path in paths if not matches(path, globs)))


def _summary(winner: Winner) -> str:
    """Return the message of a commit for all keeps: the state and the gain in its first line, then
    a line for each keep. The gain is the lower bound of the last certificate that was granted or,
    without one, that which the search claims."""
    metric, edits = winner.tip.metric, len(winner.keeps)
    word = "1 edit" if edits == 1 else f"{edits} edits"
    granted = [one for one in winner.certificates if one.result == "granted"]
    if granted:
        gain = f"a gain of at least {metric.text(granted[-1].low)}"
    else:
        gain = f"a claimed gain of {metric.text(gain_between(winner.baseline, winner.tip))}"
    subject = f"{word}, {winner.state}: {gain} in {metric.name}"
    keeps = [
        f"- {run.commit:.7} {metric.text(run.mean_or_value)} {clean(run.description, width=72)}"
        for run in winner.keeps
    ]
    return "\n".join((subject, "", *keeps))


def certificate_texts(statements: Iterable[Statement]) -> list[str]:
    """Return the last line of each certificate, without the word ``ouro:`` in front."""
    made = (Selection("certificate", len(one.pairs), len(one.pairs), one) for one in statements)
    return [selection.last_line.removeprefix("ouro: ") for selection in made]


def _trailers(winner: Winner) -> list[str]:
    """Return the trailers of the last commit: each certificate of the tip, or that there are none,
    and the ids of the runs by which the baseline and the keeps were kept."""
    said: Sequence[str] = certificate_texts(winner.certificates) or ["provisional, not certified"]
    runs = " ".join(run.run for run in (winner.baseline, *winner.keeps))
    return [*(f"Ouro-Certificate: {text}" for text in said), f"Ouro-Runs: {runs}"]
