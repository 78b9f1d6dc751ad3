"""The measurement of one run, and the outcome that follows from it."""

from __future__ import annotations

import math
import signal
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.evidence.records.pace import describe_pace
from pytest_ouro.experiment.terms.console_text import clean
from pytest_ouro.experiment.terms.printed import Reading

if TYPE_CHECKING:
    from pytest_ouro.bound.tables import Level
    from pytest_ouro.core.metric import Metric
    from pytest_ouro.evidence.records.run_record import Outcome

#: Share of a value that its last bits are, beside half a unit of the last printed digit.
CLAIM_TOLERANCE = 1e-9
#: The largest unit of the last printed digit, as a share of the printed value.
_COARSE = 0.01
_ELSEWHERE = " (the editable files are in the folder OURO_CANDIDATE, not beside the evaluation)"
_HIDDEN = (
    " (the sandbox hides validation data: open it in the evaluation, neither at import nor with "
    'the training data; or set highest = "judged" in bound.toml, and bless it)'
)
_OR_PERSON = 'or a person sets highest = "judged" in bound.toml, and blesses it'
_DENIED = {
    "write": " (a sandboxed run writes nothing beside the script: write checkpoints, plots, logs "
    f"and folders such as wandb's below tempfile.gettempdir(), {_OR_PERSON})",
    "read": " (a sandboxed run reads the data alone that bound.toml names: a person adds this to "
    f"'data', {_OR_PERSON})",
    "lock": " (a sandboxed run has no locks, queues and pools of multiprocessing: "
    f"DataLoader(num_workers=0), {_OR_PERSON})",
    "git": " (a sandboxed run reads no repository: leave the call out, the record has the commit)",
    "network": f" (a sandboxed run has no network: keep what it needs in 'data', {_OR_PERSON})",
}
_STILL = "{} batches were counted, and time stands still between them: clock = 'steps'"
_CONFINED = " (a confined program reaches little but its own tree: docs/sandbox.md says what)"


@dataclass(frozen=True, kw_only=True)
class MetricScore:
    """The judge's score: ``value`` in bits per byte and its standard error ``se``, over ``rows``
    scored rows. The value is rounded to ``decimals``, unless that is None; ``vault`` further rows
    are not part of it.

    ``questions`` is the number of questions that the judge asked the model: one for each scored
    row, and those that only test whether the model predicts (`child.scoring.plan`). ``tokens`` is
    the number of tokens in all of them. Asking and scoring took ``seconds`` of wall time, of which
    the judge computed for ``scoring`` CPU seconds. The run took ``answering`` seconds on the
    bound's clock for its answers.
    """

    value: float
    se: float
    decimals: int | None = None
    rows: int
    vault: int = 0
    questions: int
    tokens: int
    seconds: float
    scoring: float
    answering: float


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured of one run of ``program``, in seconds and megabytes, and what its process
    reported.

    ``exit_code`` is negative for a signal. ``stopped`` says why the supervisor ended the run, "" if
    the run ended by itself. ``evaluations`` is how often the script called the evaluation,
    ``exception`` describes what it raised, and ``tail`` are the last lines of its output.
    ``window_seconds`` is the training time on the bound's clock, None if it never began;
    ``charged_seconds`` of it passed while the judge waited for answers. ``value`` is the metric
    that the trusted harness returned, ``claims`` has all ``name: value`` lines that the script
    printed, ``reading`` what it printed as the metric. ``environment`` names Python, torch and the
    device, as the launcher reported them.

    ``judgment`` is the judge's score, if there was a judge; then ``value`` is its value, and
    ``losses`` has the contents of the files of losses by row (`child.losses.file`): "rows" of those
    that are scored, "vault" of the others, if there are any. ``unable`` says why the judge cannot
    score this harness; then the script was not run. ``findings`` are faults of the model or the run
    found by the judge, the probes or the supervisor, ``judge_failed`` the last line of a judge that
    gave no score. ``level`` is the level that was achieved. ``generators`` are digests of the
    global random generators in a run with a salt, as claimed by the script. ``evaluation`` is the
    run of the bound's evaluate-command; then ``value`` is the metric that it printed. ``exposed``
    is for such a run itself: how the evaluation ran the candidate's code in its own process, "" if
    it did not. ``pace`` says how the training batches went, ``clock_start`` what began the window,
    and ``clock_after`` how many seconds after the script that was; see `evidence.records.pace`.
    ``steps`` is how many batches were counted under the clock ``steps``, None under another.
    ``numbers`` are those that the program printed for guards, by name, None if one was not read;
    ``guarded`` has the numbers that guards limit, by `Guard.source`, as far as they were read.
    ``launched`` is False if the process ended before the launcher reported anything. ``alone``: the
    program is a command without an evaluation, and ``value`` is the metric that it printed.
    """

    program: str
    exit_code: int
    launched: bool = True
    wall_seconds: float
    cpu_seconds: float = 0.0
    window_seconds: float | None = None
    charged_seconds: float = 0.0
    value: float | None = None
    evaluations: int = 0
    claims: dict[str, str] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    peak_mb: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)
    exception: dict[str, str] = field(default_factory=dict)
    generators: dict[str, str] = field(default_factory=dict)
    stopped: Literal["", "timeout", "overrun", "interrupted", "unjudged"] = ""
    tail: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    judgment: MetricScore | None = None
    losses: dict[str, bytes] = field(default_factory=dict)
    unable: str = ""
    level: Level = "supervised"
    judge_failed: str = ""
    evaluation: Measurement | None = None
    exposed: str = ""
    pace: dict[str, float] = field(default_factory=dict)
    clock_start: str = ""
    clock_after: float = 0.0
    steps: int | None = None
    numbers: dict[str, float | None] = field(default_factory=dict)
    guarded: dict[str, float] = field(default_factory=dict)
    alone: bool = False

    @property
    def agrees(self) -> bool:
        """Whether the printed metric equals the measured one, up to half a unit of the last printed
        digit.

        If half a unit is more than half a per cent of the printed value, as for ``35``, the two may
        differ by no more than that half per cent, or by 0.005 if the printed value is below 1. A
        difference of 1e-9 of the measured value, by rounding, is allowed in addition. False if one
        of the two is missing or not finite.
        """
        claimed = self.reading.number
        if claimed is None or self.value is None:
            return False
        if not (math.isfinite(claimed) and math.isfinite(self.value)):
            return False
        mantissa, _, exponent = self.reading.text.partition("e")
        last = float(f"1e{int(exponent or 0) - len(mantissa.partition('.')[2])}")
        size = max(1.0, abs(claimed))
        tolerance = min(last, size * _COARSE) / 2
        return abs(claimed - self.value) <= tolerance + CLAIM_TOLERANCE * abs(self.value)

    def claim(self, name: str) -> float | None:
        """Return the number that the script printed as ``name: value``; None if there is no such
        line, or no finite number on it. Of several lines the last counts."""
        try:
            value = float(self.claims[name])
        except (KeyError, ValueError):
            return None
        return value if math.isfinite(value) else None


def outcome(seen: Measurement, metric: Metric) -> tuple[Outcome, str]:
    """Return a tuple: the outcome of the run, and a line that says why ("" for "ok"). ``metric`` is
    the bound's.

    If the outcome would be "ok" but the value is outside the metric's plausible range, it is
    "breach". The line is cleaned of control characters, and cut at 600 characters.
    """
    ended, message = _outcome(seen, metric)
    if ended == "ok" and seen.value is not None and not metric.is_plausible(seen.value):
        ended, few = "breach", "no text has so few bits a byte"
        why = few if metric.is_impossible(seen.value) else f"'plausible' is {metric.range}"
        message = f"{metric.name} is {seen.value:g}, which cannot be true: {why}"
    return ended, clean(message, width=600)  # it quotes the script


def _outcome(seen: Measurement, metric: Metric) -> tuple[Outcome, str]:
    """Return the outcome and the reason ("" for "ok") as `outcome` does, without regard to the
    range in which the metric is plausible.

    What `_find_failure` finds comes first, then a finding, which is a breach. A command has the
    outcome of its evaluation; a command without one has the outcome of reading its metric. A script
    crashes if it does not finish its first evaluation, or does not print the metric. It is a breach
    if a script calls the evaluation again, or prints another metric than the measured one.
    """
    if failed := _find_failure(seen, metric):
        return failed
    if seen.findings:
        return "breach", seen.findings[0]
    if seen.evaluation is not None:
        return _outcome_of_evaluation(seen.evaluation, metric)
    if seen.alone:
        return _find_unread(seen) or ("ok", "")
    if seen.value is None:
        what = "ended without calling the evaluation"
        if seen.evaluations:  # a retry is not measured
            what = "did not finish its first evaluation, which alone counts"
        return "crash", f"{seen.program} {what}: there is no {metric.name}"
    script, measured = seen.program, metric.text(seen.value)
    if not seen.reading.is_there:
        return "crash", f"{script} printed {seen.reading.fault} (measured {measured})"
    if seen.evaluations != 1:
        return "breach", f"{script} called the evaluation {seen.evaluations} times, not once"
    if unread := _find_unread(seen):
        return unread
    if not seen.agrees:
        claimed = seen.reading.text
        words = f"{script} printed {metric.name} {claimed}, but {measured} was measured"
        return "breach", words
    return "ok", ""


def _outcome_of_evaluation(seen: Measurement, metric: Metric) -> tuple[Outcome, str]:
    """Return the outcome of a command that succeeded, and the reason ("" for "ok"), by ``seen``,
    the measurement of its evaluate-command. They are what `_find_failure` returns, with a hint if
    the evaluation was exposed, or if it crashed since a file or a module is missing. If that finds
    nothing, they are what `_find_unread` returns; if that finds nothing either, ("ok", "")."""
    if failed := _find_failure(seen, metric):
        ended, message = failed
        if seen.exposed:
            return ended, f"{message} (it {seen.exposed}: docs/levels.md has how to do that)"
        missing = any("No such file" in line or "No module named" in line for line in seen.tail)
        return ended, message + (_ELSEWHERE if ended == "crash" and missing else "")
    return _find_unread(seen) or ("ok", "")


def _find_unread(seen: Measurement) -> tuple[Outcome, str] | None:
    """Return the outcome and the reason if no finite metric was read from the output; None if one
    was.

    The outcome is "nan" if the metric's name was printed, but with no finite number that counts;
    "crash" if the name was not printed, or if ``metric-which`` is "only" and different numbers
    were.
    """
    reading = seen.reading
    if reading.fault:
        several = reading.text or not reading.is_there
        return "crash" if several else "nan", f"{seen.program} printed {reading.fault}"
    if reading.number is None:
        return "nan", f"{seen.program} printed {' '.join(reading.line.split())}"
    return None


def _find_failure(seen: Measurement, metric: Metric) -> tuple[Outcome, str] | None:
    """Return the outcome and the reason if the run was ended, its process or its judge failed,
    memory ran out, or its value is not finite; None otherwise.

    A run that was ended beyond its budget, and a process that failed after a finding, are breaches.
    """
    script = seen.program
    where = f" at {seen.exception['place']}" if seen.exception.get("place") else ""
    if seen.stopped == "interrupted":
        return "interrupted", "interrupted by a person"
    if seen.stopped == "timeout":
        still = f" ({_STILL.format(seen.steps)})" if seen.steps is not None else ""
        return "timeout", f"{script} was killed after {seen.wall_seconds:.0f} s, the timeout{still}"
    if seen.stopped == "overrun":
        phase = " while the judge waited for its answers" if seen.charged_seconds else ""
        course = "" if phase else describe_pace(seen)
        return "breach", f"{script} was killed: it went on beyond its budget{phase}{course}"
    if not seen.launched and seen.exit_code >= 0:
        why = f": {seen.tail[-1]}" if seen.tail else ""
        return (
            "not-started",
            f"{script} was not started: its 'python' {_describe_end(seen.exit_code)}{why}",
        )
    if _out_of_memory(seen):
        phase = "evaluation" if seen.evaluations else "training"
        return "oom", f"out of memory in {phase}{where}"
    if seen.value is not None and not math.isfinite(seen.value):
        return "nan", f"{metric.name} is {seen.value}"
    if seen.judge_failed:
        return "crash", f"the judge gave no score: {seen.judge_failed}"
    if seen.exit_code:
        if seen.findings:
            return "breach", seen.findings[0]
        if _nan_in(seen.tail[-3:]):
            return "nan", f"{script} stopped: {seen.tail[-1]}"
        if seen.exception:
            kind, text = seen.exception["type"], seen.exception["text"]
            first = text.splitlines()[0][:160] if text else ""
            crash = f"{script} raised {kind}: {first}{where}".rstrip(": ")
            lacks = seen.exception.get("denied", "")
            advice = _HIDDEN if seen.exception.get("hidden") else _DENIED.get(lacks, "")
            return "crash", crash + (advice if seen.level == "sandboxed" else "")
        denied = seen.level != "supervised" and any("ermission denied" in s for s in seen.tail)
        return "crash", f"{script} {_describe_end(seen.exit_code)}{_CONFINED if denied else ''}"
    return None


def _describe_end(code: int) -> str:
    """Return how a process ended, as the end of a sentence (``exited with status 1``, ``was killed
    by SIGTERM``; for SIGKILL with a hint at memory). ``code`` is its exit status, or minus the
    number of a signal."""
    if code < 0:
        named = {number.value: number.name for number in signal.Signals}
        name = named.get(-code, f"signal {-code}")
        hint = " (often: the system ran out of memory)" if -code == signal.SIGKILL else ""
        return f"was killed by {name}{hint}"
    return f"exited with status {code}"


def _out_of_memory(seen: Measurement) -> bool:
    """Return whether the process failed (its exit status is not 0) because memory ran out, as its
    exception or one of its last five lines says."""
    if not seen.exit_code:
        return False
    if seen.exception.get("type") in ("OutOfMemoryError", "MemoryError"):
        return True
    return any("out of memory" in line.lower() for line in seen.tail[-5:])


def _nan_in(tail: tuple[str, ...]) -> bool:
    """Return whether one of the lines begins with the letters FAIL, or has FAIL among its words: a
    script prints it if its loss is NaN."""
    return any(line.startswith("FAIL") or "FAIL" in line.split() for line in tail)
