"""Plain sentences about verdicts: what each reason says of a run, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.records.reasons import Reason

if TYPE_CHECKING:
    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.states import KeepState

#: What a reason says of its run.
SENTENCES = {
    Reason.BASELINE: "Nothing comparable was kept before it: it is what later runs are compared "
    "with.",
    Reason.IMPROVED: "It is better than the last keep by more than noise explains, and by more "
    "than the margin asks for.",
    Reason.MARGINAL: "It is better than the last keep by more than the margin asks for, but noise "
    "may explain it: it may be luck.",
    Reason.NOISE_UNKNOWN: "It is better than the last keep. How much runs of one code differ is "
    "not known, so any gain is kept, and may be luck.",
    Reason.SIMPLER: "It is as good as the last keep, within the band of a tie, and its code is "
    "smaller.",
    Reason.EQUAL: "It has the same value as the last keep, and its code is not smaller.",
    Reason.WITHIN_NOISE: "It differs from the last keep by no more than the margin or noise "
    "explain: nothing shows that it is better.",
    Reason.WORSE: "It is worse than the last keep by more than noise explains.",
    Reason.UNCHANGED: "Its code means the same as code that was measured before: there was "
    "nothing to try.",
    Reason.SEED_ONLY: "Its code is code that was measured before, with other seeds: another draw "
    "of luck is not an idea.",
    Reason.STALE: "It is better than the last keep that it is based on, but not clearly better "
    "than another candidate of its batch that was kept before it.",
    Reason.ON_DISCARD: "It is better than the last keep that it is based on, but the branch cannot "
    "be moved to it: a commit between the two was discarded.",
    Reason.GUARD: "Its metric would make it a keep, but it breaks a guard: a limit that the rules "
    "set for another number.",
    Reason.REHEARSAL: "It ran with another budget than the rules state: such a run is never kept.",
    Reason.REPEAT: "It is one of several runs of one commit; the last of them decides.",
    Reason.PAIR: "It is one side of a pair of a certificate or confirmation: it decides nothing "
    "by itself.",
    Reason.REFERENCE: "The last keep was measured again, with the salt of the search: it decides "
    "nothing.",
    Reason.PLACEBO: "It is the code of the last keep, judged as if it was another idea, to show "
    "how often luck is kept: it decides nothing.",
    Reason.CALIBRATE: "It measures how much runs of one code differ: it decides nothing.",
    Reason.LEVEL: "It was measured at a lower level of assurance than the rules ask for.",
    Reason.CRASH: "The program failed, or printed no metric: there is no measurement.",
    Reason.OOM: "The memory did not suffice: there is no measurement.",
    Reason.NAN: "The loss or the metric was not a number: there is no measurement.",
    Reason.TIMEOUT: "It took longer than the timeout and was ended: there is no measurement.",
    Reason.BREACH: "It broke a rule about runs: its measurement does not count.",
    Reason.INTERRUPTED: "It was ended from outside: nothing was learnt about its code.",
    Reason.LOST: "Its supervisor was killed: nothing was learnt about its code.",
    Reason.NOT_STARTED: "Its process could not be started: nothing was learnt about its code.",
}

_AGAIN = (Reason.INTERRUPTED, Reason.LOST, Reason.NOT_STARTED)
_FIX = (Reason.CRASH, Reason.OOM, Reason.NAN, Reason.TIMEOUT)
_OTHER = {
    Reason.BREACH: "read which rule it broke, and do not try it this way again",
    Reason.STALE: "put it on top of the last keep (git rebase), and try it there",
    Reason.ON_DISCARD: "put it on top of the last keep (git rebase --onto), without the discarded "
    "commit, and try it there",
    Reason.GUARD: "keep the idea, and bring the guarded number within its limit",
    Reason.REHEARSAL: "run it with the whole budget: pytest --ouro-experiment",
    Reason.LEVEL: "see what the level lacks here: pytest-ouro doctor",
    Reason.WITHIN_NOISE: "try another idea; to tell smaller gains apart, see what a night can "
    "find: pytest-ouro calibrate",
    Reason.UNCHANGED: "try a change of what the code does",
    Reason.SEED_ONLY: "try a change of what the code does",
}


def describe_claim(run: FinishedRun) -> str:
    """Return the value that the program of a run printed, with whether it is the measured one, if
    that is known; "" if it printed none."""
    agrees = {None: "", True: ", as measured", False: ", which is not what was measured"}
    compared = run.claim_agrees if run.measured_value is not None else None
    return "" if run.claimed is None else f"{run.claimed:.12g}{agrees[compared]}"


def advise(run: FinishedRun, state: KeepState | None) -> str:
    """Return what to do after a run, in words with commands; "" if it calls for nothing. ``state``
    is that of a keep, None for another run."""
    commit = run.commit[:7]
    if state is not None:
        if state.state == "provisional":
            if run.best_commit is None:
                return "it is the start of a night: nothing is to be confirmed"
            if run.noise == 0:
                return "build on it: where runs of one code do not differ, a gain is not luck"
            return (
                f"it may be luck: pytest --ouro-confirm {commit} measures it again on fresh pairs, "
                "and pytest --ouro-certify all keeps together at the end"
            )
        if state.state == "confirmed":
            return "build on it"
        return "do not build on it" if not state.stands else "measure it again before a claim"
    if run.reason in _AGAIN:
        return f"run {commit} again"
    if run.reason in _FIX:
        return "read the end of its log; fix the program if the idea is worth another run"
    if run.claim_agrees is False and run.measured_value is not None:
        return "read its diff: it printed a number that is not the measured one"
    if run.reason in _OTHER:
        return _OTHER[run.reason]
    return "try another idea" if run.reason.counts_as_try else ""
