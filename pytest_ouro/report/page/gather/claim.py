"""Gather what may be believed of a night: its certificate, its keeps, placebos, vault and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.selection.ends import gain_between
from pytest_ouro.experiment.selection.selection import explain
from pytest_ouro.experiment.steps.night_end import certify_command
from pytest_ouro.experiment.verdict.history import comparable, expected_maximum
from pytest_ouro.experiment.verdict.night import keeps_of_night, sum_device_seconds
from pytest_ouro.experiment.verdict.placebos import count_placebos
from pytest_ouro.report.runs.times import describe_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.run_record import FinishedRun
    from pytest_ouro.evidence.records.statement import Statement
    from pytest_ouro.evidence.records.states import State
    from pytest_ouro.report.page.facts import Answer, Claim, ClaimState, Count
    from pytest_ouro.report.page.source import Source

_STATES: dict[State, str] = {
    "provisional": "better in one run, or as good with less code",
    "confirmed": "was better on fresh pairs",
    "refuted": "was not, on fresh pairs",
    "void": "its code, its reference or its rules fell",
}


@dataclass(frozen=True)
class Night:
    """The night that a page is about: its ``runs`` for any purpose, oldest first, its ``baseline``
    and ``tip``, the last keep that stands (both None if nothing is kept)."""

    runs: tuple[FinishedRun, ...]
    baseline: FinishedRun | None
    tip: FinishedRun | None

    @property
    def gain(self) -> float | None:
        """The gain of the tip over the baseline by their runs in the search; None if the tip is the
        baseline, or there is none."""
        if self.baseline is None or self.tip is None or self.tip is self.baseline:
            return None
        return gain_between(self.baseline, self.tip)

    @property
    def tries(self) -> list[FinishedRun]:
        """The tries that are compared with each other, the baseline as the first of them; [] if
        nothing is kept."""
        like = self.tip
        return [
            run
            for run in self.runs
            if like is not None
            and run.reason.counts_as_try
            and run.mean_or_value is not None
            and comparable(run, like)
        ]

    @property
    def luck(self) -> float | None:
        """The gain that noise alone would give the best of as many tries, which `history.tally`
        states too; None if the noise is 0 or not known."""
        tries = self.tries
        noise = tries[-1].noise if tries else None
        return noise * expected_maximum(len(tries)) if noise else None

    @property
    def is_exact(self) -> bool:
        """Whether the noise of the last try is 0: the rules state that runs of one code do not
        differ. False if there is no try."""
        return bool(self.tries) and self.tries[-1].noise == 0


def find_night(source: Source, curve: Sequence[FinishedRun]) -> Night:
    """Return the last night of a curve, with the runs of its working tree for any purpose until
    now; one without a run for an empty curve."""
    if not curve:
        return Night((), None, None)
    starts = [run for run in curve if run.reason is Reason.BASELINE and run.status == "keep"]
    ids = {run.run for run in curve}
    kept = [run for run in source.kept if run.run in ids]
    baseline = tip = None
    if kept:
        tip, baseline = kept[0], keeps_of_night(kept, kept[0])[-1]
    first = baseline or (starts[-1] if starts else curve[0])
    series = [run for run in curve if first.series and run.series == first.series]
    start = [run.run for run in source.runs].index((series or [first])[0].run)
    runs = tuple(run for run in source.runs[start:] if run.worktree == first.worktree)
    return Night(runs, baseline, tip)


def find_certificate(source: Source, night: Night) -> Statement | None:
    """Return the certificate of a night that counts: the last with a result, else the last that is
    begun; None if there is none."""
    if night.baseline is None:
        return None
    kept = {run.commit for run in source.kept}
    found = [
        one
        for one in source.statements
        if one.event == "certificate" and one.baseline == night.baseline.commit and one.tip in kept
    ]
    ended = [one for one in found if one.result != "stated"]
    return next(reversed(ended or found), None)


def make_claim(source: Source, night: Night) -> Claim:
    """Return what may be believed of the night's gain."""
    command = certify_command(source.bound) if source.bound else "pytest --ouro-certify"
    tip, gain = night.tip, night.gain
    if not source.runs:
        return _state_claim("empty", "No run is recorded yet", "", "", "pytest --ouro-experiment")
    if tip is None or gain is None:
        words = "Nothing is kept" if tip is None else "No gain: nothing is kept but the baseline"
        meaning = "There is no gain to be certified." if tip else "No run gave a lawful result yet."
        return _state_claim("nothing", words, _write_runs(night), meaning, "")
    text = tip.metric.text
    one = find_certificate(source, night)
    if one is None and night.is_exact and night.baseline:
        numbers = (
            f"from {text(night.baseline.mean_or_value)} to {text(tip.mean_or_value)}; "
            "the rules say that runs of one code do not differ (noise = 0)"
        )
        meaning = "A value without noise is not luck: where that is true, no certificate is needed."
        return _state_claim("exact", f"Exact gain {text(gain)}", numbers, meaning, "")
    if one is None:
        luck = night.luck
        alone = (
            f"noise alone would give about {text(luck)}"
            if luck is not None
            else "the noise is not known, so all of it may be luck"
        )
        numbers = f"{alone} as the best of {_write_tries(night)}"
        meaning = "A search keeps what looks better: its claim is too high. Pairs measure the gain."
        if luck is None:
            meaning = "pytest-ouro calibrate measures the noise."
        return _state_claim(
            "open", f"Not certified: claimed gain {text(gain)}", numbers, meaning, command
        )
    meaning = explain(one)
    numbers = (
        f"gain {text(one.gain)}, at least {text(one.low)}, over {_write_pairs(one)}; "
        f"the log claimed {text(one.claimed)}"
    )
    later = "" if one.tip == tip.commit else f", as of {one.tip[:7]}: later keeps are not"
    if one.result == "granted":
        return _state_claim(
            "certified",
            f"Certified gain {text(one.gain)}{later}",
            numbers.partition(", ")[2],
            meaning,
            command if later else "",
        )
    if one.result == "stated":
        words = f"Not certified: claimed gain {text(gain)}"
        return _state_claim(
            "unfinished", words, "a certificate is begun and has no result", "", command
        )
    return _state_claim(
        "not-certified", f"Not certified: claimed gain {text(gain)}", numbers, meaning, command
    )


def _state_claim(
    state: ClaimState, headline: str, numbers: str, meaning: str, command: str
) -> Claim:
    """Return a claim; its ``meaning`` begins with a capital, and a minus behind a blank in its
    ``numbers`` is typographic."""
    return {
        "state": state,
        "headline": headline,
        "numbers": numbers.replace(" -", " \u2212"),
        "meaning": meaning[:1].upper() + meaning[1:],
        "command": command,
    }


def _write_tries(night: Night) -> str:
    """Return the number of tries in words, as ``3 measured tries``."""
    count = len(night.tries)
    return f"{count} measured {'try' if count == 1 else 'tries'}"


def _write_runs(night: Night) -> str:
    """Return the number of runs in words, and what went wrong in how many of them, as ``5 runs, 2
    crashed``."""
    count = len(night.runs)
    words = f"{count} {'run' if count == 1 else 'runs'}"
    return ", ".join([words, *_list_faults(night.runs)[0]])


def _list_faults(runs: Sequence[FinishedRun]) -> tuple[list[str], bool]:
    """Return in words what went wrong in how many runs, each counted once, and whether any of it is
    more than a mistake: a printed number that is not the measured one, or a broken rule."""
    lies = [run.claim_agrees is False and run.measured_value is not None for run in runs]
    others = [run for run, lie in zip(runs, lies, strict=True) if not lie]
    untrue = sum(lies)
    broke = sum(run.outcome == "breach" for run in others)
    crashed = sum(run.status == "crash" for run in others) - broke
    guards = sum(run.reason is Reason.GUARD for run in others)
    counts = [
        (untrue, "printed an untrue number"),
        (broke, "broke a rule"),
        (guards, "broke a guard"),
        (crashed, "crashed"),
    ]
    return [f"{count} {words}" for count, words in counts if count], bool(broke or untrue)


def _write_pairs(one: Statement) -> str:
    """Return the number of pairs in words, as ``5 fresh pairs``."""
    return "1 fresh pair" if len(one.pairs) == 1 else f"{len(one.pairs)} fresh pairs"


def list_answers(source: Source, night: Night) -> list[Answer]:
    """Return the short answers beside the claim: what was tried, what went wrong, the cost, and
    what placebos and vault show, where there is something to say of them."""
    answers = [
        _describe_tries(night),
        _describe_faults(night),
        _describe_cost(source, night),
        _describe_placebos(source, night),
        _describe_vault(source, night),
    ]
    return [one for one in answers if one is not None]


def count_keeps(source: Source, night: Night) -> list[Count]:
    """Return how many keeps of the night have each state, without the baseline."""
    states = [
        state.state
        for run in night.runs
        if (state := source.states.get(run.run)) and run.reason is not Reason.BASELINE
    ]
    return [
        {"name": name, "count": states.count(name), "meaning": meaning}
        for name, meaning in _STATES.items()
    ]


def _describe_tries(night: Night) -> Answer:
    """Return the answer on how many runs there were, and how many of them measured new and known
    code."""
    runs, tries = len(night.runs), len(night.tries)
    known = sum(run.outcome == "ok" and not run.reason.counts_as_try for run in night.runs)
    note = f"{tries} measured new code" + (", the baseline first" if tries else "")
    note += f"; {known} known code" if known else ""
    return _make_answer("Tried", "1 run" if runs == 1 else f"{runs} runs", note)


def _describe_faults(night: Night) -> Answer:
    """Return what went wrong: crashes, broken rules and guards, and untrue numbers."""
    faults, bad = _list_faults(night.runs)
    note = ", ".join(faults[1:]) if faults else "no crash, no broken rule, no untrue number"
    return _make_answer("Went wrong", faults[0] if faults else "nothing", note, bad=bad)


def _describe_placebos(source: Source, night: Night) -> Answer | None:
    """Return what the placebos of the night show; None without any, unless the rules ask for
    them."""
    found = count_placebos(night.runs)
    if found is None:
        rules = source.bound.verdicts.values() if source.bound else ()
        if not any(rule.placebo for rule in rules):
            return None
        return _make_answer("Placebos", "none yet", "they are shown once the night is over")
    note = f"95 % interval {100 * found.low:.0f} % to {100 * found.high:.0f} %"
    if found.expected is not None:
        note += f"; luck explains {found.expected:.1f}"
    words = f"{found.kept} of {found.total} would be kept"
    bad = found.expected is not None and found.kept > 2 * max(found.expected, 1)
    return _make_answer("Placebos", words, note, bad=bad)


def _describe_vault(source: Source, night: Night) -> Answer | None:
    """Return what the last look of the night into the vault shows; None without a vault."""
    commits = {run.commit for run in night.runs}
    looks = [one for one in source.statements if one.event == "look" and one.tip in commits]
    if looks:
        one = looks[-1]
        text = one.metric.text
        words = f"gap {text(one.gap)}"
        note = f"from {text(one.low)} to {text(one.high)}; {text(one.detectable)} would show"
        return _make_answer("Vault", words, note, bad=one.low is not None and one.low > 0)
    if any(run.vault_losses for run in night.runs):
        return _make_answer("Vault", "not looked", "pytest-ouro vault compares the rows kept aside")
    return None


def _describe_cost(source: Source, night: Night) -> Answer:
    """Return the device time of the night, and its price if the rules state one."""
    seconds = sum_device_seconds(night.runs)
    words = f"{seconds:,.0f} s".replace(",", "\u202f")
    note = f"of device time: {describe_duration(seconds)}" if seconds >= 60 else "of device time"
    price = source.bound.night.price if source.bound and source.bound.night else None
    if price is not None:
        note += f", {seconds / 3600 * price:.2f} at {price:g} an hour"
    return _make_answer("Cost", words, note)


def _make_answer(name: str, words: str, note: str, *, bad: bool = False) -> Answer:
    """Return a short answer, whose mood is "bad" if ``bad``, else "plain"."""
    return {"name": name, "words": words, "note": note, "mood": "bad" if bad else "plain"}
