"""What must be after a run as it was before it: the journal's lines, the refs of what was tried,
the data, and what git would run.

Below the level *sandboxed* a script may write whatever its user may. Others write too while a run
goes on: supervisors in other working trees and on other devices add to the journal and to the refs.
So what was there must be there still, and what was added must not claim to be this run's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.evidence import data
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.anchor import REF
from pytest_ouro.evidence.records.conflicts import conflicts
from pytest_ouro.evidence.records.journal import finished
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import TRIED, FinishedRun
from pytest_ouro.experiment.records.git_settings import Hooks
from pytest_ouro.experiment.terms import repo
from pytest_ouro.experiment.terms.names import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.data import State
    from pytest_ouro.evidence.records.run_record import StartedRun


@dataclass(frozen=True)
class Before:
    """What there was when the run had been written down as started; ``holds`` are the devices that
    nobody else can hold meanwhile."""

    case: Case
    run: str
    holds: tuple[str, ...]
    patterns: tuple[str, ...]
    lines: list[bytes]
    tried: dict[str, str]
    data: dict[Path, State]
    hooks: Hooks

    @classmethod
    def look(cls, case: Case, experiment: Experiment, started: StartedRun) -> Before:
        """To be called before the script is started."""
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
            Hooks.look(case.repository.git),
        )

    def mended(self, level: Level) -> list[str]:
        """What is other than it was, a line each. Records, refs and hooks are put back.

        To be called when no process of the run is left, and before the devices are given back. No
        script that is sandboxed reaches the hooks: there a person has changed them.
        """
        hooks = [] if level == "sandboxed" else self.hooks.mended()
        return [*self._journal(), *self._refs(), *self._written(), *hooks]

    def _journal(self) -> list[str]:
        journal, start = self.case.evidence.journal, len(self.lines)
        with journal.locked():
            journal.clear(self.run)
            now, held = journal.lines(), journal.recorded() or []
            kept_ref = held[:start] == self.lines
            if kept_ref and len(held) > start and now == held[:-1]:
                now = journal.write_awaited()  # another supervisor was killed meanwhile
            added = held[start:] if kept_ref else [one for one in now if one not in self.lines]
            others = [one for one in added if not self._claims_our_place(one)]
            if kept_ref and now == held and not _contradict(held) and (others or not added):
                # What others wrote follows what is forged: a person must judge.
                return [] if added == others else [_forged(len(added) - len(others))]
            others = self._sound(others)
            as_held = (held, []) if kept_ref and others == added else (self.lines, others)
            kept = journal.put_back(*as_held, name=self.run)
        further = f" (it is put back; what was found is kept as {kept.name})"
        ours = {*self.lines, *others}
        bad = [one for one in now if one not in ours]
        if now[:start] != self.lines or not ours <= {*now}:
            what = "changed" if now else "removed"
            return [f"the journal was {what} while the run went on{further}"]
        if any(map(self._claims_our_place, bad)):
            return [_forged(len(bad)) + further]
        if bad and self._is_alone(others):
            return [f"the journal got lines while the run went on that nobody recorded{further}"]
        return [] if kept_ref else [f"{REF} was moved or removed while the run went on{further}"]

    def _sound(self, added: list[bytes]) -> list[bytes]:
        """Of the lines that others added, those that contradict nothing before them."""
        sound = list(self.lines)
        for one in added:
            if not _contradict([*sound, one]):
                sound.append(one)
        return sound[len(self.lines) :]

    def _is_alone(self, others: list[bytes]) -> bool:
        """Whether no other run was under way, whose script could have done it as well."""
        begun = [record_format.read(line) for line in (*self.lines, *others)]
        ended = {run.run for run in finished(begun)}
        return not {record.run for record in begun} - ended - {self.run}

    def _claims_our_place(self, line: bytes) -> bool:
        """Whether a line says that a run was made where only this one can have been."""
        try:
            record = record_format.read(line)
        except ValueError:
            return True  # none of our writers leaves a line that is no record
        if isinstance(record, FinishedRun) and record.reason is Reason.LOST:
            return record.run == self.run  # else who starts later buried the dead
        return record.worktree == self.case.evidence.worktree and bool(
            set(record.holds or self.holds) & set(self.holds)
        )

    def _refs(self) -> list[str]:
        now = repo.refs(self.case.repository.git, TRIED)
        lost = {ref: commit for ref, commit in self.tried.items() if now.get(ref) != commit}
        for ref, commit in lost.items():
            repo.set_ref(self.case.repository.git, ref, commit)
        if not lost:
            return []
        first, *more = lost
        others = f" and {len(more)} more" if more else ""
        return [f"{first}{others} was moved or removed while the run went on (it is put back)"]

    def _written(self) -> list[str]:
        now = data.states(self.patterns, self.case.evidence.root)
        written = [
            f"{path.name} was {'written' if path in now else 'removed'} while the run went on"
            for path, state in self.data.items()
            if path not in now or now[path].written_since(state)
        ]
        if written:  # what was remembered of them may have been written too
            self.case.evidence.fingerprints.memory.unlink(missing_ok=True)
        return written


def _contradict(lines: list[bytes]) -> bool:
    """Whether lines say one fact twice, and not the same, or are no records."""
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
