"""The reasons of verdicts (keep, discard, crash, closed): each has its status and meaning, and says
whether it decides about the run's commit, counts as a try, or comes from comparing metrics."""

from __future__ import annotations

from enum import Enum
from typing import Literal

Status = Literal["keep", "discard", "crash", "closed"]


class Reason(str, Enum):
    """Why a run got its verdict. The value is the word in the journal and in the last line,
    ``status`` the verdict itself, and ``meaning`` the explanation in the docs."""

    status: Status
    meaning: str

    BASELINE = "baseline", "keep", "the first run that can be compared, on this line of commits"
    IMPROVED = "improved", "keep", "better by more than noise explains, and by more than the margin"
    MARGINAL = "marginal", "keep", "better by more than the margin, and noise may explain it"
    NOISE_UNKNOWN = (
        "noise-unknown",
        "keep",
        "better, but nothing tells by how much runs of one code differ: `noise` is `auto`, and no "
        "code was run twice",
    )
    SIMPLER = "simpler", "keep", "a tie, with less code by more than a literal"
    EQUAL = "equal", "discard", "the same value"
    WITHIN_NOISE = (
        "within-noise",
        "discard",
        "better by no more than the margin, or worse by no more than noise explains",
    )
    WORSE = "worse", "discard", "worse by more than noise explains"
    UNCHANGED = (
        "unchanged",
        "discard",
        "the code means the same as the reference's, or as code that lost to it before; this "
        "decides about a commit only if no other run did",
    )
    SEED_ONLY = "seed-only", "discard", "the same with other seeds"
    STALE = (
        "stale",
        "discard",
        "better than its reference, but not clearly better than another candidate of its batch "
        "that was kept meanwhile",
    )
    ON_DISCARD = (
        "on-discard",
        "discard",
        "better than its reference, but a commit between the two was discarded",
    )
    GUARD = (
        "guard",
        "discard",
        "it would be a keep, but it breaks a `[[guard]]`, or that could not be judged",
    )
    REHEARSAL = "rehearsal", "discard", "run with `--ouro-budget`: never kept"
    REPEAT = "repeat", "discard", "one of `--ouro-repeat`, not the last: decides nothing"
    PAIR = "pair", "discard", "one side of a pair of a certificate or confirmation: decides nothing"
    REFERENCE = (
        "reference",
        "discard",
        "the last keep, measured again with the salt of the search: decides nothing",
    )
    PLACEBO = "placebo", "discard", "the last keep's own code, as if it were a try: decides nothing"
    CALIBRATE = "calibrate", "discard", "one of `pytest-ouro calibrate`: decides nothing"
    LEVEL = "level", "discard", "measured at a lower level than the bound asks for"
    CRASH = "crash", "crash", "an exception, a bad exit status, a signal, no metric"
    OOM = "oom", "crash", "out of memory; the message says whether in training or in evaluation"
    NAN = "nan", "crash", "the metric, or the loss at which the script gave up, is not a number"
    TIMEOUT = "timeout", "crash", "killed at the timeout"
    BREACH = (
        "breach",
        "crash",
        "a rule about the run is broken, a script printed another metric than was measured, or "
        "evaluated twice",
    )
    INTERRUPTED = (
        "interrupted",
        "crash",
        "Ctrl-C or TERM, or the evaluation of a command that ran could not be started",
    )
    LOST = "lost", "crash", "the supervisor was killed; the next start records it"
    NOT_STARTED = (
        "not-started",
        "crash",
        "the process could not be started, or its interpreter ended at once",
    )
    RULES_BROKEN = "rules-broken", "closed", "a rule is broken: nothing was run"
    CANNOT_RUN = (
        "cannot-run",
        "closed",
        "uncommitted work, no trust, a record that cannot be written: the message says what",
    )

    def __new__(cls, word: str, status: Status, meaning: str) -> Reason:
        """Make a member from its word (its value), its status and its meaning."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.status, reason.meaning = status, meaning
        return reason

    def __str__(self) -> str:
        """Return the reason's word."""
        return str(self.value)

    @property
    def decides(self) -> bool:
        """Whether the verdict decides about the run's commit. False for a crash, a rehearsal, a
        repeat that is not the last of its series, a run for another purpose than to try a commit, a
        run at too low a level, a candidate that is better and cannot follow its reference on the
        branch (``stale``, ``on-discard``), and if nothing was run."""
        return self.status in ("keep", "discard") and self not in _PRELIMINARY

    @property
    def decides_only_alone(self) -> bool:
        """Whether the verdict decides only if no earlier run decided about the same commit: True
        for ``unchanged`` alone."""
        return self is Reason.UNCHANGED

    @property
    def counts_as_try(self) -> bool:
        """Whether the run counts as a try of new code: its verdict decides (see `decides`), or is
        ``stale`` or ``on-discard``, and its code was not measured before, that is, the reason is
        neither ``unchanged`` nor ``seed-only``."""
        return (self.decides or self in _ASIDE) and self not in _KNOWN_CODE

    @property
    def compares(self) -> bool:
        """Whether the verdict comes from comparing the metric with the reference's; False for a
        first run, for a run that only a guard (a limit that the bound sets for another number) kept
        from being a keep, and for any run that does not count as a try."""
        return self.counts_as_try and self not in (Reason.BASELINE, Reason.GUARD)

    @property
    def unsettled(self) -> str:
        """Why a run with this reason leaves the branch where it is, as a clause without a full
        stop; "" if the branch may be set to the last keep or left at the run's commit, as the
        verdict says."""
        return _UNSETTLED.get(self, "")


#: The candidate is better than its reference, and the branch cannot be moved to it as it is.
_ASIDE = (Reason.STALE, Reason.ON_DISCARD)
#: The verdict follows from the kind of the run, or from what came of other candidates.
_PRELIMINARY = (
    *_ASIDE,
    *(Reason.REHEARSAL, Reason.REPEAT, Reason.LEVEL),
    *(Reason.PAIR, Reason.REFERENCE, Reason.PLACEBO, Reason.CALIBRATE),
)
#: The code was measured before.
_KNOWN_CODE = (Reason.UNCHANGED, Reason.SEED_ONLY)
_UNSETTLED = {
    Reason.REHEARSAL: "a rehearsal decides nothing",
    Reason.INTERRUPTED: "the run was interrupted",
    Reason.NOT_STARTED: "the run was not started",
}
#: The reasons of records, by word: nothing is recorded if the gate is closed.
RECORDED = {reason.value: reason for reason in Reason if reason.status != "closed"}
