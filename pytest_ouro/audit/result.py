"""The result of an audit, as every renderer and every policy reads it. Nothing here is computed
from files or git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass

if TYPE_CHECKING:
    from pytest_ouro.core.finding import Finding
    from pytest_ouro.core.metric import Metric

#: How far a statement reaches: the evidence for it is there and was judged; the evidence that
#: would be needed is not there; it was there and was not judged.
State = Literal["reached", "not reached", "not checked"]
#: Of a kept result: nothing speaks against it; there is a warning about it, or it cannot be
#: verified; an error is about its own commit or one that it builds on.
Verdict = Literal["stands", "doubtful", "void"]
#: How far a whole audit reaches: ``all`` and ``part`` by the number of its checks, ``nothing`` if
#: only the form of the log was read.
Reach = Literal["all", "part", "nothing"]
#: Checks about the form of the log alone, which say nothing of its results.
FORMAL = ("log-schema", "untracked")
#: Checks that read the code of commits.
OF_CODE = ("scope", "frozen", "evaluation", "metric-meaning")
#: What a row says about its experiment; "other" for a status that has no known meaning.
StatusClass = Literal["keep", "discard", "crash", "baseline", "other"]


@dataclass(frozen=True)
class Inference:
    """One inferred fact about the audited loop: ``what`` it is (``metric``, ``ledger``,
    ``editable`` …), its ``value`` as text ("" if nothing was found), and ``why`` in words. A value
    that an option gave has ``why`` such as ``given by --metric``."""

    what: str
    value: str
    why: str


@dataclass(frozen=True)
class Statement:
    """What the audit can say under one ``name``, which is that of the check. ``state`` is how far
    it reaches, ``why`` in words what it covers, or why it covers nothing."""

    name: str
    state: State
    why: str


@dataclass(frozen=True)
class AuditFinding:
    """A finding with the name of the ``check`` that it is from. ``commits`` are the full ids of the
    commits that it is about, and ``lines`` the numbers of the ledger's lines that it is about; each
    is () if there are none. Its severity is "error" if the evidence is conclusive, otherwise
    "warning"."""

    check: str
    finding: Finding
    commits: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()

    @property
    def severity(self) -> Literal["error", "warning"]:
        """The severity: "warning" if the finding has innocent explanations."""
        return "warning" if self.finding.warns else "error"


@dataclass(frozen=True)
class KeptResult:
    """A result that the ledger says was kept. ``commit`` is a full id, or "" if the row is linked
    to none; ``row`` is the number of its line in the ledger, ``value`` the claimed metric (None:
    not readable), ``description`` the row's own words. ``verdict`` and ``why`` say what the
    evidence shows about it."""

    commit: str
    row: int
    value: float | None
    description: str
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Point:
    """One experiment in the order of the ledger: the row's line, its commit ("": none), its status
    class, and its claimed value. ``best`` is the best claimed value so far among kept results (None
    before the first, and without a metric). ``honest_best`` is the best so far among the kept
    results that stand, of several measurements of one code the first; if no result of the audit
    stands, among those that are doubtful (None before the first of them)."""

    row: int
    commit: str
    status: StatusClass
    value: float | None
    best: float | None
    honest_best: float | None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of what was read. ``rows`` counts the rows of the ledger; ``kept``, ``discarded``,
    ``crashed`` and ``other`` those of each status class, baselines as kept, and ``unreadable``
    those that cannot be read. ``unverifiable`` counts kept rows linked to no commit. ``commits``
    counts the commits of the loop, and ``unlogged`` those of them that are experiments without a
    row."""

    rows: int = 0
    kept: int = 0
    discarded: int = 0
    crashed: int = 0
    other: int = 0
    unreadable: int = 0
    unverifiable: int = 0
    commits: int = 0
    unlogged: int = 0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The result of an audit.

    ``subject`` names what was audited, as the user gave it (``.`` for the current folder); ``head``
    is the full id of the last commit that was read, ``start`` and ``end`` those of the commit from
    which the loop starts and of its last commit ("": unknown). ``ledger`` is the path of the ledger
    ("": none), ``metric`` the metric with its direction (None: one of them is not known).
    ``claimed_best`` and ``honest_best`` are the best kept result as the ledger has it, and the best
    that stands or, if none stands, that is doubtful (None: none). ``notes`` are whole sentences on
    what limits the audit, such as a shallow clone.
    """

    subject: str
    head: str
    start: str = ""
    end: str = ""
    ledger: str = ""
    metric: Metric | None = None
    inferences: tuple[Inference, ...] = ()
    statements: tuple[Statement, ...] = ()
    findings: tuple[AuditFinding, ...] = ()
    kept: tuple[KeptResult, ...] = ()
    claimed_best: KeptResult | None = None
    honest_best: KeptResult | None = None
    curve: tuple[Point, ...] = ()
    counts: Counts = Counts()
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[AuditFinding, ...]:
        """The findings whose evidence is conclusive."""
        return tuple(one for one in self.findings if one.severity == "error")

    @property
    def warnings(self) -> tuple[AuditFinding, ...]:
        """The findings that have innocent explanations."""
        return tuple(one for one in self.findings if one.severity == "warning")

    @property
    def broken(self) -> bool:
        """Whether an error was found, for which the exit status is 1."""
        return bool(self.errors)

    @property
    def judging(self) -> tuple[Statement, ...]:
        """The statements about results and code, without those about the form of the log."""
        return tuple(one for one in self.statements if one.name not in FORMAL)

    @property
    def reach(self) -> Reach:
        """How far the audit reaches: ``nothing`` if no statement about results and code is reached,
        ``part`` if fewer than a third of them are, or none of those about code, else ``all``."""
        reached = [one.name for one in self.judging if one.state == "reached"]
        if not reached:
            return "nothing"
        code = [one.name for one in self.judging if one.name in OF_CODE]
        without_code = bool(code) and not set(code) & set(reached)
        return "part" if without_code or 3 * len(reached) < len(self.judging) else "all"

    @property
    def exit_status(self) -> int:
        """1 if an error was found; else 2 if nothing could be judged, otherwise 0."""
        if self.broken:
            return 1
        return 2 if self.reach == "nothing" else 0
