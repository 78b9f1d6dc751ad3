"""Detect and undo what a run changed in the journal, in the refs of tried commits and in git's
hooks and settings; detect what it changed in the data.

Below the level *sandboxed* a script may write every file of its user. Supervisors in other working
trees and on other devices add lines and refs during a run too. So the old lines and refs must still
exist, and no new line may claim the working tree and device that this run has locked.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence import data
from pytest_ouro.evidence.git.client import run_git, split
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.anchor import REF
from pytest_ouro.evidence.records.conflicts import conflicts
from pytest_ouro.evidence.records.journal import finished
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import TRIED, FinishedRun
from pytest_ouro.experiment.terms import repo
from pytest_ouro.experiment.terms.names import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.data import State
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.records.run_record import StartedRun

#: Settings that name a program, or a file of settings.
_RUNS = re.compile(
    r"core\.(?:fsmonitor|hookspath|sshcommand|editor|pager|askpass)\n"
    r"|(?:alias|filter|include|includeif|pager|credential|gpg)\.|sequence\.editor\n"
    r"|(?:diff|merge|mergetool|difftool)\..*(?:external|command|textconv|driver|cmd)\n"
)

_KEPT = "it is put back; what was found ends in .found"

#: A file's bytes and its mode.
_File = tuple[bytes, int]


@dataclass(frozen=True)
class GitFiles:
    """The hooks and the files of settings of a repository.

    Our git calls run none of the ``programs`` that settings name; those of a person or agent do.
    """

    git: Git
    hooks: dict[Path, _File]
    settings: dict[Path, _File]
    programs: list[str]

    @classmethod
    def read(cls, git: Git) -> GitFiles:
        """Read the files as they are now."""
        hooks = [p for p in git.common_dir.glob("hooks/*") if p.suffix != ".sample"]
        settings = [git.common_dir / "config", git.folder / "config.worktree"]
        return cls(git, _read(hooks), _read(settings), _programs(git))

    def restore(self) -> list[str]:
        """Restore the files and return a line for each change.

        The changed file is kept, since a person may have written it. Settings that name no program
        may change.
        """
        now = GitFiles.read(self.git)
        changes = []
        if changed := _restore(self.hooks, now.hooks):
            changes.append(f"the hook {changed[0].name}")
        if now.programs != self.programs:
            _restore(self.settings, now.settings)
            changes.append("a setting of git's that runs programs")
        return [f"{change} was changed while the run went on ({_KEPT})" for change in changes]


@dataclass(frozen=True)
class Snapshot:
    """The state after the ``started`` line of ``run`` was written, before its script starts.

    ``holds`` are the devices that the run has locked, ``lines`` those of the journal, ``tried`` the
    commits by their refs.
    """

    case: Case
    run: str
    holds: tuple[str, ...]
    patterns: tuple[str, ...]
    lines: list[bytes]
    tried: dict[str, str]
    data: dict[Path, State]
    git: GitFiles

    @classmethod
    def take(cls, case: Case, experiment: Experiment, started: StartedRun) -> Snapshot:
        """Observe the present state."""
        named = (*experiment.data, *experiment.validation)
        patterns = tuple(p for p in named if not p.startswith(PACKAGE))
        return cls(
            case,
            started.run,
            started.holds,
            patterns,
            case.evidence.journal.lines(),
            repo.refs(case.repository.git, TRIED),
            data.states(patterns, case.evidence.root),
            GitFiles.read(case.repository.git),
        )

    def restore(self, level: Level) -> list[str]:
        """Restore journal, refs, hooks and settings; return a line for each change, data included.

        Call it when no process of the run is left, while the devices are still locked. A sandboxed
        script cannot reach hooks and settings: there a person has changed them.
        """
        git = [] if level == "sandboxed" else self.git.restore()
        return [*self._restore_journal(), *self._restore_refs(), *self._find_written(), *git]

    def _restore_journal(self) -> list[str]:
        """Restore the journal's lines from before, followed by those that other runs added."""
        journal, start = self.case.evidence.journal, len(self.lines)
        with journal.locked():
            journal.clear(self.run)
            in_file, in_ref = journal.lines(), journal.recorded() or []
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
        """Return the added lines that contradict no line before them."""
        sound = list(self.lines)
        for one in added:
            if not _contradict([*sound, one]):
                sound.append(one)
        return sound[len(self.lines) :]

    def _is_alone(self, others: list[bytes]) -> bool:
        """Return whether no other run was under way, whose script could have added lines too."""
        begun = [record_format.read(line) for line in (*self.lines, *others)]
        ended = {run.run for run in finished(begun)}
        return not {record.run for record in begun} - ended - {self.run}

    def _claims_our_place(self, line: bytes) -> bool:
        """Return whether a line records a run in the working tree and on a device of this one."""
        try:
            record = record_format.read(line)
        except ValueError:
            return True  # a supervisor writes only records
        if isinstance(record, FinishedRun) and record.reason is Reason.LOST:
            return record.run == self.run  # a later start records other lost runs
        return record.worktree == self.case.evidence.worktree and bool(
            set(record.holds or self.holds) & set(self.holds)
        )

    def _restore_refs(self) -> list[str]:
        now = repo.refs(self.case.repository.git, TRIED)
        lost = {ref: commit for ref, commit in self.tried.items() if now.get(ref) != commit}
        for ref, commit in lost.items():
            repo.set_ref(self.case.repository.git, ref, commit)
        if not lost:
            return []
        first, *more = lost
        others = f" and {len(more)} more" if more else ""
        return [f"{first}{others} was moved or removed while the run went on (it is put back)"]

    def _find_written(self) -> list[str]:
        """Return a line for each data file that was written or removed."""
        now = data.states(self.patterns, self.case.evidence.root)
        written = [
            f"{path.name} was {'written' if path in now else 'removed'} while the run went on"
            for path, state in self.data.items()
            if path not in now or now[path].written_since(state)
        ]
        if written:  # the run may have changed the stored digests too
            self.case.evidence.fingerprints.memory.unlink(missing_ok=True)
        return written


def _contradict(lines: list[bytes]) -> bool:
    """Return whether two of the lines contradict each other, or one of them is not a record."""
    try:
        return any(True for _ in conflicts([record_format.read(line) for line in lines]))
    except ValueError:
        return True


def _forged(count: int) -> str:
    lines = "a line" if count == 1 else f"{count} lines"
    return (
        f"the journal got {lines} while the run went on, for this working tree and device, which "
        "only this run had"
    )


def _read(paths: list[Path]) -> dict[Path, _File]:
    """Return content and mode of those paths that are files."""
    return {p: (p.read_bytes(), p.stat().st_mode & 0o777) for p in paths if p.is_file()}


def _programs(git: Git) -> list[str]:
    """Return the settings that name programs, each as ``key``, a newline and its value."""
    try:
        listed = split(run_git("config", "--local", "--list", "-z", cwd=git.top))
    except GitError:
        return ["unreadable\n"]
    return sorted(line for line in listed if _RUNS.match(line if "\n" in line else line + "\n"))


def _restore(before: dict[Path, _File], now: dict[Path, _File]) -> list[Path]:
    """Restore the files that changed and return their paths; git runs no file ``*.found``."""
    changed = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    for path in changed:
        if os.path.lexists(path):  # possibly as a folder
            path.replace(path.with_name(f"{path.name}.found"))
        if path in before:
            data, mode = before[path]
            path.write_bytes(data)
            path.chmod(mode)
    return changed
