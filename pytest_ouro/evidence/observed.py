"""Evidence: everything a rule may be judged from, gathered when first asked for, once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from pytest_ouro.evidence import dependencies, journal, ledger

if TYPE_CHECKING:
    from pytest_ouro.evidence.dependencies import DependencyFile
    from pytest_ouro.evidence.journal import Journal, Record
    from pytest_ouro.evidence.ledger import Ledger
    from pytest_ouro.evidence.repository import Repository
    from pytest_ouro.evidence.trust import Trust


class Layout(Protocol):
    """What evidence needs to know of a bound: where the experiment's files lie."""

    @property
    def folder(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def editable(self) -> tuple[str, ...]: ...
    @property
    def allowed(self) -> tuple[str, ...]: ...
    @property
    def ledger(self) -> str: ...
    def path(self, relative: str) -> str: ...


@dataclass(frozen=True)
class Evidence:
    """``layout`` says where to look, ``repository`` and ``trust`` what is there and what was.

    ``measured`` is a run that has just ended and is not recorded yet.
    """

    layout: Layout
    repository: Repository
    trust: Trust
    measured: Record | None = None

    @cached_property
    def dependency_files(self) -> tuple[DependencyFile, ...]:
        return dependencies.observe(self.repository, self.trust, self.layout.root)

    @cached_property
    def journal(self) -> Journal:
        return journal.Journal(self.repository.git.common_dir)

    @cached_property
    def ledger(self) -> Ledger:
        return ledger.read(self.repository.git.top / self.layout.ledger)

    @cached_property
    def inherited_rows(self) -> int:
        """How many rows the ledger had before our first record: claims, by hand or other tools."""
        for record in self.journal.records():
            if record.get("worktree") == self.worktree:
                return int(record.get("ledger_rows", 0))
        return len(self.ledger.rows)

    @cached_property
    def run(self) -> Record | None:
        """The run just measured, or the last finished one of this working tree in the journal."""
        if self.measured is not None:
            return self.measured
        finished = [r for r in self.journal.runs() if r.get("worktree") == self.worktree]
        return finished[-1] if finished else None

    @cached_property
    def worktree(self) -> str:
        """Which of the repository's working trees this is: "" for the main one."""
        return worktree_name(self.repository)


def worktree_name(repository: Repository) -> str:
    """The name of a linked working tree as git keeps it, "" for the main one."""
    git = repository.git
    folder = git.line("rev-parse", "--absolute-git-dir")
    return folder.rpartition("/")[2] if folder != str(git.common_dir) else ""
