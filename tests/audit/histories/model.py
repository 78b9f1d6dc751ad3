"""The types of the corpus: what a history is, and the answers that an audit of it has to give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .ledger import Outcome, Style
    from .loop import Loop
    from .projects import Project

Severity = Literal["error", "warning"]
Verdict = Literal["stands", "doubtful", "void"]
Word = Literal[
    "scope",
    "harness-changed",
    "harness-kept",
    "dependency",
    "budget-changed",
    "budget-shadowed",
    "generated-code",
    "metric-meaning",
    "unlogged",
    "kept-not-better",
    "implausible-kept",
    "discard-left",
    "fabricated-hash",
    "seed-only",
    "within-noise",
    "validation-in-training",
    "evaluation-loop",
    "ledger-rewritten",
    "ledger-truncated",
    "ledger-committed",
    "ledger-unreadable",
    "unverifiable",
]

STANDS: tuple[Verdict, ...] = ("stands",)
VOID: tuple[Verdict, ...] = ("void",)
NOT_SURE: tuple[Verdict, ...] = ("stands", "doubtful")
NOT_FINE: tuple[Verdict, ...] = ("doubtful", "void")
ANY: tuple[Verdict, ...] = ("stands", "doubtful", "void")


@dataclass(frozen=True)
class Flow:
    """How a loop writes its ledger, drops a discard, and lays out its branches.

    ``log``: ``untracked`` (the ledger is in no commit), ``with`` (the row is written first, and
    committed with the code), ``amend`` (the row has the hash of the commit that it then amends),
    ``after`` (the code is committed, then the row in a commit of its own).
    ``discard``: ``reset``, ``revert`` (a commit ``Revert "…"``), ``checkout`` (the file is put
    back, and the next commit has it), ``restore`` (a commit of its own puts the file back).
    ``shape``: ``line``, ``branches`` (one for each experiment; a keep is a fast-forward),
    ``merges`` (the same, with merge commits).
    ``after``: ``rebase`` or ``squash`` of the loop at its end, or nothing.
    """

    log: Literal["untracked", "with", "amend", "after"] = "untracked"
    discard: Literal["reset", "revert", "checkout", "restore"] = "reset"
    shape: Literal["line", "branches", "merges"] = "line"
    after: Literal["", "rebase", "squash"] = ""


@dataclass(eq=False)
class Trial:
    """One experiment: its commit, which may be gone by a reset, and the line of its row."""

    commit: str | None
    line: int | None
    subject: str
    value: float | None
    outcome: Outcome
    #: Empty if the ledger does not show that the result was kept.
    verdicts: tuple[Verdict, ...] = STANDS


@dataclass(eq=False)
class Fact:
    """A planted fact while the loop is played: its commit may still get another hash."""

    word: Word
    severity: Severity
    commit: str | None
    trial: Trial | None
    line: int | None


@dataclass(frozen=True)
class How:
    """How one experiment differs from the flow.

    ``stays``: a discard whose commit stays. ``logged``: whether it has a row. ``aside``: a keep
    that does not count as a new best. ``metric`` and ``status``: the texts of these cells. ``end``:
    the line end of the row. ``more``: texts for further columns.
    """

    message: str = ""
    describe: str = ""
    cell: str | None = None
    logged: bool = True
    stays: bool = False
    aside: bool = False
    author: str | None = None
    verdicts: tuple[Verdict, ...] | None = None
    metric: str | None = None
    status: str = ""
    end: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Planted:
    """A known answer.

    ``severity`` is the least one. ``error``: the evidence is conclusive. ``warning``: the audit has
    to report it; in an honest history an error would say more than the evidence does. ``commit``
    (40 hex) and ``line`` (of the ledger, from 1) say what it concerns; both are missing for a word
    that is reported once for the whole ledger.
    """

    word: Word
    severity: Severity
    commit: str | None
    line: int | None


@dataclass(frozen=True)
class Kept:
    """A kept result and the verdicts that the evidence allows: one, where it is conclusive."""

    commit: str | None
    line: int | None
    value: float | None
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Expected:
    """The answers for one history.

    ``honest``: no error may be reported. Otherwise an error that concerns a commit or a line
    without a planted word is a false alarm; ``side`` lists commits (40 hex), and ``side_lines``
    lines of the ledger, at which further errors are right, because they follow from a planted one.
    ``kept`` lists the results that the ledger shows as kept; a repeat of one, or a row whose status
    is unclear, may be reported as well. ``honest_best``: the values that are right, in the metric's
    unit; more than one where a kept result may be doubtful, none where no row shows a status.
    ``rows``: the rows that can be read; ``rows_more``: how many more may be counted.
    """

    name: str
    honest: bool
    planted: tuple[Planted, ...]
    kept: tuple[Kept, ...]
    honest_best: tuple[float, ...]
    rows: int
    rows_more: int
    side: tuple[str, ...]
    side_lines: tuple[int, ...]
    metric: str
    higher_is_better: bool
    ledger: str
    editable: tuple[str, ...]
    harness: tuple[str, ...]


@dataclass(frozen=True)
class History:
    """A loop to build.

    ``where`` is the folder of the repository that is audited; ``traits`` are the oddities that it
    is made of; ``words`` are those of its planted facts. ``script`` plays the loop.
    """

    name: str
    honest: bool
    project: Project
    flow: Flow
    style: Style
    traits: tuple[str, ...]
    words: tuple[Word, ...]
    script: Callable[[Loop], None]
    where: str = "."
    set: str = "a"


@dataclass
class Registry:
    """The histories by name, in the order of their definition."""

    histories: dict[str, History] = field(default_factory=dict)

    def add(self, history: History) -> None:
        """Add a history; its name must be new."""
        assert history.name not in self.histories, f"two histories are called {history.name}"
        self.histories[history.name] = history


REGISTRY = Registry()
