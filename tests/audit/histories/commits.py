"""The commits of a loop while it is played: branches, time, the ledger in them, rewriting."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .ledger import Ledger
from .model import STANDS, Trial
from .objects import Objects

if TYPE_CHECKING:
    from .edits import Edit, Files
    from .model import Fact, History, Verdict

AGENT = "Night Agent <agent@example.org>"
PERSON = "Kim Person <kim@example.org>"
_MINUTE = 60


@dataclass
class Commits:
    """The state of a loop while it is played; `start` makes the first commit.

    ``files`` is the working tree without the ledger; ``head`` the commit that is checked out.
    """

    history: History
    objects: Objects = field(default_factory=Objects)
    files: Files = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    branch: str = "main"
    author: str = AGENT
    zone: str = "+0000"
    trials: list[Trial] = field(default_factory=list)
    #: The verdicts of the keeps to come; a changed harness, for one, makes them doubtful.
    verdicts: tuple[Verdict, ...] = STANDS
    #: Files that are in the working tree and in no commit.
    loose: Files = field(default_factory=dict)
    #: Experiments and commits at which errors follow from a planted fact.
    side: list[Trial | str] = field(default_factory=list)
    #: The results to come rest on a planted fact, so that errors about them follow from it.
    tainted: bool = False
    #: The ledger is neither in the tip nor in the working tree.
    lost: bool = False

    def __post_init__(self) -> None:
        self.project = self.history.project
        self.flow = self.history.flow
        self.style = self.history.style
        self.ledger = Ledger(self.style)
        self.path = f"{self.project.folder}/{self.style.path}".lstrip("/")
        self.random = random.Random(self.history.name)
        self.time = 1_772_960_000 + self.random.randrange(120) * 86_400
        self.best = self.project.first
        self.count = 0
        self.facts: list[Fact] = []
        self.ledger_in_git = False
        self._turn: dict[str, int] = {}
        self.moved: dict[str, str] = {}

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.refs[self.branch]

    @property
    def main(self) -> str:
        """The file that experiments edit first."""
        return self.project.editable[0]

    def tick(self, minutes: float = 7) -> None:
        """Let time pass."""
        self.time += int(minutes * _MINUTE)

    def commit(
        self,
        subject: str,
        *edits: Edit,
        author: str | None = None,
        parents: tuple[str, ...] | None = None,
        ledger: bool = False,
    ) -> str:
        """Edit files and commit them; ``ledger`` says that the ledger goes with them."""
        for edit in edits:
            edit(self.files)
        self.ledger_in_git |= ledger
        if parents is None:
            parents = (self.head,) if self.branch in self.refs else ()
        self.tick(1 + self.random.random())
        files = dict(self.files)
        if self.ledger_in_git:
            files[self.path] = self._committed_ledger(ledger, parents)
        made = self.objects.commit(
            files, parents, subject, author or self.author, (self.time, self.zone)
        )
        self.refs[self.branch] = made
        return made

    def _committed_ledger(self, now: bool, parents: tuple[str, ...]) -> bytes:
        """The ledger's bytes for a commit: those of now, or those of the parent."""
        if now or not parents:
            return self.ledger.render()
        return self.objects.files(parents[0]).get(self.path, b"") or self.ledger.render()

    def save(self, subject: str = "Update the results", author: str | None = None) -> str:
        """Commit the ledger alone, whatever the flow does with it."""
        return self.commit(subject, author=author, ledger=True)

    def forget(self) -> None:
        """Take the ledger out of the next commits; it stays in the working tree."""
        self.ledger_in_git = False

    def person(self, subject: str, *edits: Edit) -> str:
        """A person's commit, some time later."""
        self.tick(55)
        return self.commit(subject, *edits, author=PERSON)

    def start(self, *edits: Edit, subject: str = "Initial commit") -> str:
        """Commit the project as a person has written it."""
        self.files = self.first_files()
        made = self.commit(subject, *edits, author=PERSON)
        self.tick(40)
        return made

    def first_files(self) -> Files:
        """The project's files; its instructions name the ledger that there is."""
        name = self.path.rpartition("/")[2] if self.project.folder else self.path
        return {
            path: text.replace("results.tsv", name).encode()
            for path, text in self.project.files.items()
        }

    def replay(self, base: str, onto: str) -> None:
        """Rebase the branch: the commits after ``base`` are made again on ``onto``."""
        chain = []
        at = self.head
        while at != base:
            chain.append(at)
            at = self.objects.parents(at)[0]
        fresh = {
            path: data
            for path, data in self.objects.files(onto).items()
            if self.objects.files(base).get(path) != data
        }
        tip = onto
        for old in reversed(chain):
            self.tick(0.05)
            files = {**self.objects.files(old), **fresh}
            tip = self.objects.commit(
                files, (tip,), self.objects.message(old), self.author, (self.time, self.zone)
            )
            self.moved[old] = tip
        self.files.update(fresh)
        self.refs[self.branch] = tip

    def squash(self, base: str, subject: str) -> str:
        """Make one commit of all after ``base``; the experiments' own commits are gone."""
        tip_files = self.objects.files(self.head)
        made = self.objects.commit(tip_files, (base,), subject, PERSON, (self.time, self.zone))
        self.refs[self.branch] = made
        return made

    def finish(self) -> None:
        """Commit what a loop leaves at its end: the restored code, and rows of discards."""
        tip = self.objects.files(self.head)
        in_git = self.flow.log != "untracked" and self.ledger_in_git
        if {**tip, **self.files} != tip or (in_git and tip.get(self.path) != self.ledger.render()):
            self.commit(
                "Restore the best code"
                if self.flow.discard == "checkout"
                else "Update the results",
                ledger=in_git,
            )

    def worktree(self) -> Files:
        """The files to check out: those of the tip, and what is in no commit."""
        files = {**self.objects.files(self.head), **self.loose}
        if self.flow.log == "untracked" and not self.lost:
            files[self.path] = self.ledger.render()
        return files
