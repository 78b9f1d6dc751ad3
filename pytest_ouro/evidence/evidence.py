"""The evidence: all facts about one experiment that rules are checked against, each observed on its
first use."""

from __future__ import annotations

import math
import os
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass, replace
from pytest_ouro.evidence.git.files import packed_refs
from pytest_ouro.evidence.paths import join, matching
from pytest_ouro.evidence.records import anchor, journal
from pytest_ouro.evidence.shared.place import find_place

#: The rows of a ledger by hand that are judged, its last ones, so that a gate stays quick.
CLAIMS = 2000

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.claims.loop import Loop
    from pytest_ouro.evidence.claims.run_log import LoggedRun
    from pytest_ouro.evidence.data import Fingerprints
    from pytest_ouro.evidence.dependencies import DependencyFile
    from pytest_ouro.evidence.ledger.ledger import Ledger
    from pytest_ouro.evidence.records.anchor import Fault
    from pytest_ouro.evidence.records.journal import Journal
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.repository import Repository
    from pytest_ouro.evidence.shared.place import RecordPlace
    from pytest_ouro.evidence.trust import Trust


@dataclass(frozen=True)
class Layout:
    """The paths of an experiment as bound.toml states them, and the names that its checks look for.

    ``folder`` (of bound.toml), ``root`` (of the experiment) and ``ledger`` are repository-relative;
    other paths and globs are relative to ``root``. ``editable`` are the globs of what the agent may
    change, ``allowed`` of what a run may leave in the working tree, ``publish`` of what a report
    commit may add, ``data`` of what the run needs. ``evaluate`` is the function of the file
    ``harness`` that computes the metric, ``loader`` the one that yields training batches; without a
    harness, ``harness`` and ``evaluate`` are a name that no module or function can have. ``script``
    is the Python file to run ("" for a command). ``run_by_us`` are the files that pytest-ouro
    itself runs, outside of the experiment: the harness, and the script that prepares the data, if
    there are any. ``python`` is the command line of the project's interpreter. ``runs`` says
    whether rows of runs that were not recorded are judged; ``window`` are the fewest and the most
    seconds that a run may train on any device.
    """

    folder: str
    root: str
    editable: tuple[str, ...]
    allowed: tuple[str, ...]
    publish: tuple[str, ...]
    ledger: str
    harness: str
    evaluate: str
    loader: str
    metric: Metric
    data: tuple[str, ...]
    run_by_us: tuple[str, ...] = ()
    script: str = ""
    python: tuple[str, ...] = ("python",)
    runs: Literal["auto", "measured", "claimed"] = "auto"
    window: tuple[float, float] = (0.0, math.inf)

    @property
    def editable_globs(self) -> list[str]:
        """The globs of the editable files, relative to the repository's top. Raise ValueError if
        one leads out of the repository."""
        return [self.path(glob) for glob in self.editable]

    def path(self, relative: str) -> str:
        """Convert a path or glob that is relative to ``root`` to a repository-relative one. Raise
        ValueError if it leads out of the repository."""
        return join(self.root, relative)


@dataclass(frozen=True)
class Evidence:
    """The facts about one experiment, each observed when it is first used; most are then kept.
    Modules that only few rules need are imported at that time, too.

    ``measured`` is the run that has just ended; None if there was none. With ``rehash`` every data
    file is read again, even if its size and times are unchanged. ``run_commands`` is whether the
    user allowed in this session to run the commands that the bound names.
    """

    layout: Layout
    repository: Repository
    trust: Trust
    measured: MeasuredRun | None = None
    rehash: bool = False
    run_commands: bool = False

    @cached_property
    def may_run_commands(self) -> bool:
        """Whether commands that the bound names, which are the repository's code, may be run: the
        user allowed it in this session, or approved these rules before (`consent.is_given`). Raise
        TrustError if the bound.lock in the trusted commit is damaged, GitError or LimitError if it
        cannot be read."""
        from pytest_ouro.evidence import consent  # most rules name no command

        return self.run_commands or consent.is_given(self.trust)

    @cached_property
    def dependency_files(self) -> tuple[DependencyFile, ...]:
        """Python's manifests and lock files that are trusted or in a checked place (commit, index,
        working tree), sorted by path; () if there are none. Raise LimitError if one is too large,
        OuroError if one cannot be read."""
        from pytest_ouro.evidence import dependencies

        near = self._near_dependencies
        return dependencies.observe(near, self.repository, self.trust, self.layout.root)

    @cached_property
    def foreign_dependency_files(self) -> list[str]:
        """The sorted repository-relative paths of manifests and lock files of other languages than
        Python, in the experiment's folder or above it, in the trusted commit or in a checked place
        (commit, index, working tree)."""
        from pytest_ouro.evidence import dependencies

        return dependencies.foreign_files(self._near_dependencies, self.trust, self.layout.root)

    @cached_property
    def _near_dependencies(self) -> set[str]:
        """The repository-relative paths of all files, in the checked places, in the folders that
        may have dependency files (see `dependencies.present_near`)."""
        from pytest_ouro.evidence import dependencies

        return dependencies.present_near(self.repository, self.layout.root)

    @cached_property
    def installed(self) -> dict[str, str]:
        """The installed version of each distribution, by normalised name, in the ``.venv`` of the
        experiment's folder, or else of the repository's top; without tools such as pip. {} if
        neither has a ``.venv`` with ``site-packages``, or if only a commit is checked."""
        if self.repository.subject == "commit":
            return {}
        from pytest_ouro.evidence.python import installed

        return installed.installed([self.root, self.repository.git.top])

    @cached_property
    def place(self) -> RecordPlace:
        """Where the records are kept: in the repository, or where its clones share them. Raise what
        `find_place` raises."""
        return find_place(self.repository.git)

    @property
    def journal(self) -> Journal:
        """The journal of the repository or of all its clones, not read yet; its file may not exist.
        Raise what `find_place` raises."""
        return self.place.journal

    @cached_property
    def journal_fault(self) -> Fault | None:
        """How the journal differs from what was recorded (see `Journal.fault`); None if it does
        not, or there is no journal. Raise RecordError if it cannot be read, LimitError if it is too
        large, GitError if git fails."""
        return self.journal.fault()

    @cached_property
    def records(self) -> tuple[StartedRun, ...]:
        """All records of the journal, finished runs or only started ones, of every working tree,
        oldest first; () without a journal. Raise RecordError if it cannot be read, LimitError if it
        is too large."""
        return tuple(self.journal.records())

    @cached_property
    def has_ledger(self) -> bool:
        """Whether the working tree has a ledger. Without one, this does not import the module that
        reads it. Raise RecordError if the ledger cannot be read, LimitError if it is too large."""
        place = self.repository.git.top / self.layout.ledger
        return os.path.lexists(place) and self.ledger.exists

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger (results table) on disk, even if only a commit is checked; its ``exists`` is
        False if there is no file. Raise RecordError if it cannot be read, LimitError if it is too
        large."""
        from pytest_ouro.evidence.ledger import ledger

        return ledger.read(self.repository.git.top / self.layout.ledger, self.layout.metric.name)

    @property
    def root(self) -> Path:
        """The absolute path of the experiment's folder."""
        return self.repository.git.top / self.layout.root

    @cached_property
    def fingerprints(self) -> Fingerprints:
        """What computes the digests of data files, with its cache in git's folder."""
        from pytest_ouro.evidence.data import Fingerprints

        folder = self.repository.git.common_dir / "ouro"
        return Fingerprints(folder / "fingerprints.json", rehash=self.rehash)

    @cached_property
    def shadows(self) -> list[tuple[str, str]]:
        """Files that Python may import or run in place of the harness or of a package, or at each
        start: pairs of the repository-relative path and the effect in words. [] if there are none,
        or if the working tree is not checked. Raise OuroError if an editable script cannot be
        decoded, LimitError if it is too large."""
        if self.repository.subject != "working tree":
            return []
        folder = f"{self.layout.root}/" if self.layout.root else ""
        editable = matching(self.repository.index, self.layout.editable_globs)
        own = {p[len(folder) :].split("/")[0] for p in editable if p.startswith(folder)}
        own |= self.trust.names_in(self.layout.root)
        from pytest_ouro.evidence.python import shadows

        found = shadows.shadows(self.root, self.layout.harness, own)
        return [(folder + name, effect) for name, effect in found]

    @cached_property
    def all_runs(self) -> tuple[FinishedRun, ...]:
        """The finished runs of this working tree, under any trust, oldest first. Raise RecordError
        if the journal cannot be read, LimitError if it is too large."""
        finished = journal.finished(self.records)
        return tuple(run for run in finished if run.worktree == self.worktree)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The statements of the journal, such as confirmations, oldest first; () if there are none.
        Raise RecordError if the journal cannot be read, LimitError if it is too large."""
        return tuple(self.journal.statements())

    @cached_property
    def runs(self) -> tuple[FinishedRun, ...]:
        """The finished runs of this working tree that were recorded under the present trust, oldest
        first. Rules about runs apply to these alone. Raise RecordError if the journal cannot be
        read, LimitError if it is too large."""
        return tuple(run for run in self.all_runs if run.trust == self.trust.commit)

    @cached_property
    def tried(self) -> dict[int, str]:
        """The full ids of tried commits (of runs that started), as the refs refs/ouro/tried/<n>
        keep them, by n, the ``seq`` of the run's ``started`` line. Only the trusted commit and its
        descendants are included. {} if there are none, or if bound.lock was written by ``bless``
        and is not committed yet. Raise GitError if git fails, OuroError if a file of refs cannot be
        read."""
        if self.trust.blessing_pending:
            return {}
        from pytest_ouro.evidence.git.ancestry import list_descendants

        git = self.place.store
        if self.place.folder is not None and not self.place.keeps(self.trust.commit):
            return {}  # nothing that descends from it was tried
        held = anchor.refs(self.place.common_dir)
        numbers = {ref: number for ref in held if (number := anchor.tried_number(ref))}
        refs = {ref: held[ref] for ref in numbers}
        found = list_descendants(git, self.trust.commit, start=anchor.TRIED, refs=refs)
        return {numbers[ref]: commit for ref, commit in found.items()}

    @cached_property
    def only_claims(self) -> str:
        """The text "no run recorded yet", followed by ": the N rows of LEDGER are claims" if the
        ledger has rows; "" if this working tree has recorded runs, the journal has a fault, or
        refs of tried commits show that records are gone.

        Raise RecordError if the journal or ledger cannot be read, LimitError if one is too
        large, GitError if git fails, OuroError if packed-refs cannot be read.
        """
        if self.journal_fault or any(r.worktree == self.worktree for r in self.records):
            return ""
        if self._has_tried and self.tried:
            return ""
        rows = len(self.ledger.rows) if self.has_ledger else 0
        claims = f": the {rows} rows of {self.layout.ledger} are claims" if rows else ""
        return f"no run recorded yet{claims}"

    @cached_property
    def claimed(self) -> Loop | None:
        """The loop since the trusted commit as the ledger claims it, for rules to judge in place of
        recorded runs; None if they must not judge claims.

        The attribute ``runs`` of ``layout`` decides. "claimed": this is `by_hand`. "measured": this
        is None. "auto": this is `by_hand` if no run is recorded yet (`only_claims`) and a row is
        linked to a commit that was made since trust, otherwise None. Errors as of
        `only_claims`.
        """
        runs = self.layout.runs
        if runs == "measured" or (runs == "auto" and not self.only_claims):
            return None
        loop = self.by_hand
        since = loop is not None and loop.first_line is not None
        return loop if since or runs == "claimed" else None

    @cached_property
    def by_hand(self) -> Loop | None:
        """The loop since the trusted commit, with the last 2000 of those rows of the ledger that
        match no recorded run of this working tree. Its ``end`` is "" if no such row is linked to a
        commit since trust. None if the ledger has no rows at all, or if only a commit is checked.
        Errors as of `claimed`."""
        if self.repository.subject == "commit" or not self.has_ledger or not self.ledger.rows:
            return None
        # Imported only where runs may be logged by hand.
        from pytest_ouro.evidence.claims.present import rebuild
        from pytest_ouro.evidence.ledger.ledger import pair
        from pytest_ouro.evidence.records.rows import entry_of

        rows = pair(self.ledger.rows, [*map(entry_of, self.all_runs)])[0]
        return rebuild(
            self.repository.git,
            self.repository.head,
            self.trust.commit,
            replace(self.ledger, rows=tuple(rows[-CLAIMS:])),
            self.layout.metric.name,
            self.layout.editable_globs,
        )

    @cached_property
    def logged_run(self) -> LoggedRun | None:
        """What ``run.log`` says of the last run; None if it has no training time or cannot be
        read."""
        from pytest_ouro.evidence.claims.run_log import read_log

        return read_log(self.root / "run.log", self.layout.metric.name)

    @property
    def _has_tried(self) -> bool:
        """Whether there may be refs of tried commits, as far as git's files show without calling
        git; if False, there are none. Raise OuroError if packed-refs cannot be read."""
        folder = self.place.common_dir
        if (folder / "refs/ouro/tried").is_dir() or (folder / "reftable").exists():
            return True
        return bool(packed_refs(folder, anchor.TRIED))

    @property
    def branch(self) -> str:
        """The name of the branch that is checked out; "" if HEAD is detached."""
        return self.repository.git.branch

    @cached_property
    def inherited_rows(self) -> int:
        """The number of ledger rows that existed before the first run of this working tree under
        the present trust. All rows of the ledger count if there is no such run, or if ``runs`` of
        the layout is "claimed"; 0 without a ledger. Raise RecordError if the journal or ledger
        cannot be read, LimitError if one is too large."""
        for record in self.records if self.layout.runs != "claimed" else ():
            if (record.worktree, record.trust) == (self.worktree, self.trust.commit):
                return record.ledger_rows
        return len(self.ledger.rows)

    @cached_property
    def run(self) -> MeasuredRun | None:
        """The run to judge. This is ``measured`` if that is not None. Otherwise it is the last of
        `runs` that has the checked commit, or None if there is no such run or a tracked editable
        file has uncommitted changes. Raise RecordError if the journal cannot be read, LimitError if
        it is too large."""
        if self.measured is not None:
            return self.measured
        of_head = [run for run in self.runs if run.commit == self.repository.head]
        return of_head[-1] if of_head and not self._edited else None

    @property
    def _edited(self) -> bool:
        """Whether a tracked editable file differs from HEAD in what is checked: in the index, and
        on the disk if the working tree is checked. False if only a commit is checked. In a merge, a
        staged file that is equal to that of a merged commit does not count."""
        changes = (*self.repository.staged, *self.repository.unstaged(self.layout.root))
        return bool(matching([change.path for change in changes], self.layout.editable_globs))

    @cached_property
    def worktree(self) -> str:
        """The name of this working tree in the records (`RecordPlace.worktree`)."""
        return self.place.worktree
