"""What must be after a run as it was before it: the journal's lines, the refs of what was tried,
the data, and what git would run.

Below the level *sandboxed* a script may write whatever its user may. Others write too while a run
goes on: supervisors in other working trees and on other devices add to the journal and to the refs.
So what was there must be there still, and what was added must not claim to be this run's place.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.evidence import data
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.experiment.records.git_settings import Hooks
from pytest_ouro.experiment.terms.names import PACKAGE, TRIED

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment, Level
    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.data import State
    from pytest_ouro.evidence.records.journal import Record


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
    def look(cls, case: Case, experiment: Experiment, facts: Record) -> Before:
        """To be called before the script is started."""
        named = (*experiment.data, *experiment.validation)
        patterns = tuple(p for p in named if not p.startswith(PACKAGE))
        return cls(
            case,
            facts["run"],
            tuple(facts["holds"]),
            patterns,
            case.evidence.journal.lines(),
            _tried(case),
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
        journal = self.case.evidence.journal
        with journal.locked():
            if not journal.path.is_file() and os.path.lexists(journal.path):
                journal.path.rename(journal.folder / f"journal.{self.run}.other")
            now = journal.lines()
            whole = now[: len(self.lines)] == self.lines
            known = set(self.lines)
            added = now[len(self.lines) :] if whole else [one for one in now if one not in known]
            forged = [one for one in added if self._claims_our_place(one)]
            if whole and not forged:
                return []
            others = [one for one in added if one not in forged]
            if whole and others:  # their place in the chain is taken: a person must judge
                return [_forged(len(forged))]
            kept = journal.put_back(self.lines, others, name=self.run)
        further = f" (it is put back; what was found is kept as {kept.name})"
        if not whole:
            what = "removed" if not now else "changed"
            return [f"the journal was {what} while the run went on{further}"]
        return [_forged(len(forged)) + further]

    def _claims_our_place(self, line: bytes) -> bool:
        """Whether a line says that a run was made where only this one can have been."""
        try:
            record = json.loads(line)
            if record.get("status") == "crash" and record["outcome"] == "lost":
                return bool(record["run"] == self.run)  # else who starts later buried the dead
            return bool(
                record.get("worktree") == self.case.evidence.worktree
                and set(record.get("holds", self.holds)) & set(self.holds)
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            return True  # none of our writers leaves a line that is no record

    def _refs(self) -> list[str]:
        now = _tried(self.case)
        lost = {ref: commit for ref, commit in self.tried.items() if now.get(ref) != commit}
        for ref, commit in lost.items():
            run_git("update-ref", ref, commit, cwd=self.case.repository.git.top)
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


def _forged(count: int) -> str:
    lines = "a line" if count == 1 else f"{count} lines"
    return (
        f"the journal got {lines} while the run went on, for this working tree and device, which "
        "only this run had"
    )


def _tried(case: Case) -> dict[str, str]:
    """The commits that the refs of what was tried hold, by ref."""
    wanted = ("for-each-ref", "--format=%(refname) %(objectname)", TRIED)
    found = run_git(*wanted, cwd=case.repository.git.top).decode()
    return dict(line.split(" ", 1) for line in found.splitlines())
