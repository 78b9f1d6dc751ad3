"""Evidence: all facts that rules are checked against. Each is observed once, on its first use."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence import dependencies
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.data import Fingerprints
from pytest_ouro.evidence.git.ancestry import list_descendants
from pytest_ouro.evidence.paths import join, matching
from pytest_ouro.evidence.python import installed, shadows
from pytest_ouro.evidence.records import anchor, journal

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.dependencies import DependencyFile
    from pytest_ouro.evidence.records.journal import Fault, Journal
    from pytest_ouro.evidence.records.ledger import Ledger
    from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
    from pytest_ouro.evidence.repository import Repository
    from pytest_ouro.evidence.trust import Trust


@dataclass(frozen=True)
class Layout:
    """The paths of an experiment, and the names that its checks look for.

    ``folder`` (of bound.toml), ``root`` and ``ledger`` are relative to the repository's top; other
    paths and globs, as of the keys of ``[experiment]``, are relative to ``root``. ``evaluate`` is
    the function of the ``harness`` that measures, ``loader`` the one that yields training batches;
    without a harness, ``harness`` and ``evaluate`` name no file and no function. ``script`` is the
    Python file to run ("" for a command), ``run_by_us`` the harness and the script that prepares
    the data, and ``python`` the command that starts the project's interpreter.
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

    @property
    def editable_globs(self) -> list[str]:
        """The globs of the editable files, relative to the repository's top. ValueError if one
        leaves the repository."""
        return [self.path(glob) for glob in self.editable]

    def path(self, relative: str) -> str:
        """Return a path or glob of the experiment, which is relative to ``root``, made relative to
        the repository's top. ValueError if it leaves the repository."""
        return join(self.root, relative)


@dataclass(frozen=True)
class Evidence:
    """The facts about one experiment: its ``layout``, its ``repository`` now, and its ``trust``.

    ``measured`` is the run that has just ended, recorded or not; None if there was none. With
    ``rehash`` every data file is read again, even if its size and times are unchanged.
    ``run_commands``: the user of this session allowed the commands that the bound names. Each fact
    is observed when it is first asked for, and kept.
    """

    layout: Layout
    repository: Repository
    trust: Trust
    measured: MeasuredRun | None = None
    rehash: bool = False
    run_commands: bool = False

    @cached_property
    def may_run_commands(self) -> bool:
        """Whether programs that the bound names, which are code of the repository, may be started:
        the user allowed it in this session, or consent is given, with errors as in
        `consent.is_given`."""
        from pytest_ouro.evidence import consent  # most rules name no command

        return self.run_commands or consent.is_given(self.trust)

    @cached_property
    def dependency_files(self) -> tuple[DependencyFile, ...]:
        """The manifests and lock files of Python, as `dependencies.observe` returns them, with its
        errors; () if there are none."""
        return dependencies.observe(self.repository, self.trust, self.layout.root)

    @cached_property
    def foreign_dependency_files(self) -> list[str]:
        """The paths of files, in the trusted commit or in a place that is checked, that declare
        dependencies of other languages than Python, in the experiment's folder or above it; sorted,
        [] if there are none."""
        return dependencies.foreign_files(self.repository, self.trust, self.layout.root)

    @cached_property
    def installed(self) -> dict[str, str]:
        """The versions of the distributions in the project's ``.venv``, by normalised name, without
        `installed.TOOLS` such as pip. It is the ``.venv`` of the experiment's folder, or else of
        the repository's top; one without ``site-packages`` does not count. {} if there is none, or
        a commit alone is checked."""
        if self.repository.subject == "commit":
            return {}
        return installed.installed([self.root, self.repository.git.top])

    @cached_property
    def journal(self) -> Journal:
        """The journal of the repository, which may not exist yet; it is not read here."""
        return journal.Journal(self.repository.git.common_dir)

    @cached_property
    def journal_fault(self) -> Fault | None:
        """Why the journal is not what was recorded; None if it is, or there is no journal.
        RecordError if it cannot be read, LimitError if it is too large, GitError if git fails."""
        return self.journal.fault()

    @cached_property
    def records(self) -> tuple[StartedRun, ...]:
        """Every record of the journal, of all working trees, oldest first; () without a journal.
        RecordError if it cannot be read, LimitError if it is too large."""
        return tuple(self.journal.records())

    @cached_property
    def has_ledger(self) -> bool:
        """Whether the working tree has a ledger. Unlike ``ledger``, it does not import the reader
        of ledgers if there is no file. Errors as of ``ledger``."""
        place = self.repository.git.top / self.layout.ledger
        return os.path.lexists(place) and self.ledger.exists

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger in the working tree, whatever is checked; ``exists`` is False if there is no
        file. RecordError if it cannot be read, LimitError if it is too large."""
        from pytest_ouro.evidence.records import ledger

        return ledger.read(self.repository.git.top / self.layout.ledger, self.layout.metric.name)

    @property
    def root(self) -> Path:
        """The experiment's folder on the disk, as an absolute path."""
        return self.repository.git.top / self.layout.root

    @cached_property
    def fingerprints(self) -> Fingerprints:
        """The object that computes the digests of data files, with its cache beside the journal."""
        return Fingerprints(self.journal.folder / "fingerprints.json", rehash=self.rehash)

    @cached_property
    def shadows(self) -> list[tuple[str, str]]:
        """Files that would be imported or run in place of the harness or a package, or by every
        interpreter: pairs of the path, from the repository's top, and the effect in words. [] if
        there are none, or unless the working tree is checked. Errors as in `shadows.shadows`."""
        if self.repository.subject != "working tree":
            return []
        folder = f"{self.layout.root}/" if self.layout.root else ""
        editable = matching(self.repository.index, self.layout.editable_globs)
        own = {p[len(folder) :].split("/")[0] for p in editable if p.startswith(folder)}
        own |= self.trust.names_in(self.layout.root)
        found = shadows.shadows(self.root, self.layout.harness, own)
        return [(folder + name, effect) for name, effect in found]

    @cached_property
    def all_runs(self) -> tuple[FinishedRun, ...]:
        """Every finished run of this working tree, oldest first; errors as of ``records``."""
        finished = journal.finished(self.records)
        return tuple(run for run in finished if run.worktree == self.worktree)

    @cached_property
    def runs(self) -> tuple[FinishedRun, ...]:
        """The finished runs of this working tree under this trust, oldest first; () if there are
        none. Rules apply to no run that was recorded under another trust. Errors as of
        ``records``."""
        return tuple(run for run in self.all_runs if run.trust == self.trust.commit)

    @cached_property
    def tried(self) -> dict[int, str]:
        """The tried commits that have the trusted commit in their history, from refs/ouro/tried/: a
        dict from the number of the ``started`` line to the commit's id; {} if there are none, and
        while a blessing is pending. GitError if git fails."""
        if self.trust.blessing_pending:
            return {}
        git = self.repository.git
        refs = {ref: one for ref, one in anchor.refs(git.common_dir).items() if _is_tried(ref)}
        found = list_descendants(git, self.trust.commit, start=anchor.TRIED, refs=refs)
        return {int(ref.removeprefix(anchor.TRIED)): commit for ref, commit in found.items()}

    @cached_property
    def only_claims(self) -> str:
        """The text "no run recorded yet", for a working tree without a record; if the ledger has
        rows, with ": the N rows of LEDGER are claims" behind it.

        "" if a run was recorded in this working tree, or the journal has a fault, or refs of tried
        commits show that records are gone. Errors as of ``journal_fault``, ``tried`` and
        ``ledger``.
        """
        if self.journal_fault or any(r.worktree == self.worktree for r in self.records):
            return ""
        if self._has_tried and self.tried:
            return ""
        rows = len(self.ledger.rows) if self.has_ledger else 0
        claims = f": the {rows} rows of {self.layout.ledger} are claims" if rows else ""
        return f"no run recorded yet{claims}"

    @property
    def _has_tried(self) -> bool:
        """Whether git's files show that it may have refs of tried commits. Git is asked for them
        only then."""
        folder = self.repository.git.common_dir
        if (folder / "refs/ouro/tried").is_dir() or (folder / "reftable").exists():
            return True
        packed = read_file(folder / "packed-refs")
        return packed is not None and b" refs/ouro/tried/" in packed

    @property
    def branch(self) -> str:
        """The branch that is checked out; "" if HEAD is detached."""
        return self.repository.git.branch

    @cached_property
    def inherited_rows(self) -> int:
        """The number of rows that the ledger had when the first run of this working tree under this
        trust started: claims, and older runs. If there is no such run, the number of all rows; 0
        without a ledger. Errors as of ``records`` and ``ledger``."""
        for record in self.records:
            if (record.worktree, record.trust) == (self.worktree, self.trust.commit):
                return record.ledger_rows
        return len(self.ledger.rows)

    @cached_property
    def run(self) -> MeasuredRun | None:
        """The run that was just measured; else the last of ``runs`` whose commit is the checked
        one, if no tracked editable file has uncommitted changes; else None. Errors as of
        ``records``."""
        if self.measured is not None:
            return self.measured
        of_head = [run for run in self.runs if run.commit == self.repository.head]
        return of_head[-1] if of_head and not self._edited else None

    @property
    def _edited(self) -> bool:
        """Whether a tracked editable file has staged or unstaged changes; untracked files do not
        count."""
        changes = (*self.repository.staged, *self.repository.unstaged(self.layout.root))
        return bool(matching([change.path for change in changes], self.layout.editable_globs))

    @cached_property
    def worktree(self) -> str:
        """The name of this working tree, as git's folder ``worktrees`` has it; "" for the main
        one."""
        git = self.repository.git
        return "" if git.folder == git.common_dir else git.folder.name


def _is_tried(ref: str) -> bool:
    """Return whether a ref, by its full name, is that of a tried commit."""
    return ref.startswith(anchor.TRIED) and ref.removeprefix(anchor.TRIED).isdigit()
