"""Detect and undo what a run changed in the journal, in the refs of tried commits and in files that
later programs start from; detect what it changed in the data.

Below the level *sandboxed* a script may write every file of its user. Supervisors in other working
trees and on other devices add lines and refs during a run too. So the old lines and refs must still
exist, and no new line may claim the working tree and device that this run has locked.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence import data
from pytest_ouro.evidence.records import anchor, record_format
from pytest_ouro.evidence.records.anchor import LOOKS, REF, TRIED
from pytest_ouro.evidence.records.conflicts import first_conflict
from pytest_ouro.evidence.records.journal import finished
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun, StartedRun
from pytest_ouro.evidence.records.statement import Statement
from pytest_ouro.experiment.records.start_files import StartFiles
from pytest_ouro.experiment.terms import repo
from pytest_ouro.experiment.terms.names import LOG, PACKAGE

if TYPE_CHECKING:
    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.data import State


@dataclass(frozen=True)
class Snapshot:
    """What a run could tamper with, as it was after the run's ``started`` line was written and
    before its script starts. After the run, `restore` finds what the run changed, and restores the
    records.

    ``run`` is the id of the run, ``holds`` are the devices that the run has locked, and
    ``patterns`` the globs of its data files. ``lines`` are the lines of the journal. ``tried`` maps
    the full name of each ref of a tried commit, and of each look, to the commit's id. ``data`` maps
    the path of each data file to its metadata; the content is not read. ``modes`` maps each file
    and folder in which records are written to its permissions. ``start_files`` are the files that
    later programs start from.
    """

    case: Case
    run: str
    holds: tuple[str, ...]
    patterns: tuple[str, ...]
    lines: list[bytes]
    tried: dict[str, str]
    data: dict[Path, State]
    modes: dict[str, int]
    start_files: StartFiles

    @classmethod
    def take(cls, case: Case, experiment: Experiment, started: StartedRun) -> Snapshot:
        """Return a snapshot of the present state; ``started`` is the record of the run's start, as
        it was written, ``experiment`` names the data files. Raise OuroError or OSError if the
        journal, a ref or a data file cannot be read."""
        named = (*experiment.data, *experiment.validation)
        patterns = tuple(p for p in named if not p.startswith(PACKAGE))
        return cls(
            case,
            started.run,
            started.holds,
            patterns,
            case.evidence.journal.lines(),
            _tried(case),
            data.states(patterns, case.evidence.root),
            _modes(case),
            StartFiles.read(case.repository.git, case.evidence.place),
        )

    def restore(self, level: Level) -> list[str]:
        """Restore what the run changed of permissions, journal, refs of tried commits and start
        files; return lines about what it changed, [] if nothing.

        A data file that was written is reported and not restored. Call this when no process of the
        run is left, while the devices are still locked. At the level *sandboxed* the start files
        are neither compared nor restored: the script cannot reach them, so that a change of them is
        a person's. Raise RecordError or GitError if the journal or a ref cannot be restored,
        OuroError or OSError if a data file cannot be examined.
        """
        closed = self._restore_modes()  # first: without them nothing else could be read
        changed = [] if level == "sandboxed" else self.start_files.restore()
        records = [*self._restore_journal(), *self._restore_refs()]
        return [*closed, *records, *self._find_written(), *changed]

    def _restore_modes(self) -> list[str]:
        """Give back the permissions of the snapshot to each path from which the run took a
        permission of the owner's; return a list of one line that names the first of them, or [] if
        there are none.

        Links, and paths whose permissions cannot be read or changed, are ignored.
        """
        closed = []
        for path, mode in self.modes.items():
            with contextlib.suppress(OSError):
                now = os.lstat(path).st_mode
                if not stat.S_ISLNK(now) and mode & ~now & stat.S_IRWXU:
                    Path(path).chmod(mode)
                    closed.append(Path(path).name)
        if not closed:
            return []
        others = f" and {len(closed) - 1} more" if len(closed) > 1 else ""
        return [f"permissions of {closed[0]}{others} were taken away during the run (put back)"]

    def _restore_journal(self) -> list[str]:
        """Restore the journal: its lines from before the run, followed by the sound lines that
        other runs added. Return a list of one line about what the run changed, [] if it changed
        nothing, or another run may have done it.

        The journal is not written if it has all old lines, its file and git's copy agree, no record
        contradicts another, and either no line is new or at least one new line is of another run.
        In the latter case, new lines that claim to be of this run, which it forged, are reported
        and stay. In all other cases the journal is written again, and what was found is kept in a
        file; a returned line names that file.
        """
        journal, start = self.case.evidence.journal, len(self.lines)
        with journal.locked():
            journal.clear(self.run)
            in_file = journal.lines()
            in_ref = in_file if journal.is_recorded(in_file) else journal.recorded() or []
            ref_intact = in_ref[:start] == self.lines
            if ref_intact and len(in_ref) > start and in_file == in_ref[:-1]:
                in_file = journal.write_awaited()  # another supervisor was killed meanwhile
            added = in_ref[start:] if ref_intact else [x for x in in_file if x not in self.lines]
            others = [line for line in added if not self._claims_our_place(line)]
            agree = ref_intact and in_file == in_ref and not _contradict(in_ref)
            if agree and (others or not added):
                # Forged lines stay if lines of other runs may follow them: a person decides.
                return [] if added == others else [_forged(len(added) - len(others))]
            others = self._sound(others)
            lines = (in_ref, []) if ref_intact and others == added else (self.lines, others)
            kept = journal.put_back(*lines, name=self.run)
        further = f" (it is put back; what was found is kept as {kept.name})"
        ours = {*self.lines, *others}
        bad = [line for line in in_file if line not in ours]
        if in_file[:start] != self.lines or not ours <= {*in_file}:
            what = "changed" if in_file else "removed"
            return [f"the journal was {what} while the run went on{further}"]
        if any(map(self._claims_our_place, bad)):
            return [_forged(len(bad)) + further]
        if bad and self._is_alone(others):
            return [f"the journal got lines while the run went on that nobody recorded{further}"]
        return [] if ref_intact else [f"{REF} was moved or removed while the run went on{further}"]

    def _sound(self, added: list[bytes]) -> list[bytes]:
        """Return those of the added lines that are records and contradict neither the old lines nor
        a sound added line before them."""
        sound = list(self.lines)
        for one in added:
            if not _contradict([*sound, one]):
                sound.append(one)
        return sound[len(self.lines) :]

    def _is_alone(self, others: list[bytes]) -> bool:
        """Return whether every other run in the journal than that of this snapshot has ended, so
        that no other script could have added lines.

        ``others`` are the lines that other runs added. They and the lines of the snapshot are
        looked at.
        """
        records = [record_format.read(line) for line in (*self.lines, *others)]
        begun = [record for record in records if isinstance(record, StartedRun)]
        ended = {run.run for run in finished(begun)}
        return not {record.run for record in begun} - ended - {self.run}

    def _claims_our_place(self, line: bytes) -> bool:
        """Return whether a line of the journal records a run, or a statement, in this run's working
        tree and on one of its devices, where no other run can be meanwhile.

        True for a line that is not a record, since a supervisor writes only records. A record that
        names no devices counts as one on this run's devices. A record that a run was lost, which a
        later run may have written, counts only if it is about this run.
        """
        try:
            record = record_format.read(line)
        except ValueError:
            return True  # a supervisor writes only records
        assert isinstance(record, StartedRun | Statement)
        if isinstance(record, FinishedRun) and record.reason is Reason.LOST:
            return record.run == self.run  # a later start records other lost runs
        return record.worktree == self.case.evidence.worktree and bool(
            set(record.holds or self.holds) & set(self.holds)
        )

    def _restore_refs(self) -> list[str]:
        """Restore the refs of tried commits and of looks that were moved or removed; return a list
        of one line if there were any, or an empty one.

        Refs that were added stay. Raise GitError if a ref cannot be set.
        """
        now = _tried(self.case)
        lost = {ref: commit for ref, commit in self.tried.items() if now.get(ref) != commit}
        for ref, commit in lost.items():
            repo.set_ref(self.case.evidence.place.store, ref, commit)
        if not lost:
            return []
        first, *more = lost
        others = f" and {len(more)} more" if more else ""
        return [f"{first}{others} was moved or removed while the run went on (it is put back)"]

    def _find_written(self) -> list[str]:
        """Return a line for each data file that was written or removed since the snapshot; new
        files do not count. [] if there is none.

        If there is one, the file in which digests of data files are stored is deleted, since the
        run may have changed it. Raise OuroError or OSError if a file cannot be examined.
        """
        now = data.states(self.patterns, self.case.evidence.root)
        written = [
            f"{path.name} was {'written' if path in now else 'removed'} while the run went on"
            for path, state in self.data.items()
            if path not in now or now[path].written_since(state)
        ]
        if written:  # the run may have changed the stored digests too
            self.case.evidence.fingerprints.memory.unlink(missing_ok=True)
        return written


def _modes(case: Case) -> dict[str, int]:
    """Return the permissions of the files and folders that recording a run needs, by path.

    They are the top folders of the repository and of the experiment, the git folders, also that of
    the records, what lies directly in the git folders and in the journal's, the folders in
    ``refs/ouro``, the ledger and the log. A folder precedes what lies in it. Links are left out.
    """
    git, journal = case.repository.git, case.evidence.journal
    ledger, log = case.bound.path(case.experiment.ledger), case.bound.path(LOG)
    of_git = (git.common_dir, git.folder, journal.common_dir)
    folders = [git.top, *dict.fromkeys(of_git), case.evidence.root]
    parents = dict.fromkeys((*of_git, journal.folder))
    inside = [str(path) for folder in parents if folder.is_dir() for path in folder.iterdir()]
    refs = [at for at, *_ in os.walk(journal.common_dir / "refs" / "ouro")]
    found = {}
    for path in (*map(str, folders), *inside, *refs, f"{git.top}/{ledger}", f"{git.top}/{log}"):
        with contextlib.suppress(OSError):
            if not stat.S_ISLNK(mode := os.lstat(path).st_mode):
                found[path] = stat.S_IMODE(mode)
    return found


def _contradict(lines: list[bytes]) -> bool:
    """Return whether a line contradicts another or itself, or is not a record. A line contradicts
    itself if its status or row does not follow from its values."""
    try:
        return first_conflict(lines) is not None
    except ValueError:
        return True


def _tried(case: Case) -> dict[str, str]:
    """Return a dict from the full name of each ref of a tried commit, and of each look, to the
    commit's id; {} if there are none."""
    found = anchor.refs(case.evidence.journal.common_dir)
    return {ref: commit for ref, commit in found.items() if ref.startswith((TRIED, LOOKS))}


def _forged(count: int) -> str:
    """Return a text for people: ``count`` lines were added to the journal for this working tree and
    device, which only this run can have written."""
    lines = "a line" if count == 1 else f"{count} lines"
    return (
        f"the journal got {lines} while the run went on, for this working tree and device, which "
        "only this run had"
    )
