"""A whole night: after each run all rules hold and the branch is at its last keep."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_ouro.bound.read import parse
from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.checks.metric import Metric
from pytest_ouro.checks.settled import Settled
from pytest_ouro.checks.simplicity import Simplicity
from pytest_ouro.core import metric
from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun
from pytest_ouro.evidence.records.states import standing_keeps
from pytest_ouro.experiment.verdict.compare import compare

BOUND = b"""
[bound]
name = "a night"
[experiment]
script = "train.py"
harness = "prepare.py"
evaluate = "evaluate_bpb"
editable = ["train.py"]
budget = 20
direction = "%s"
level = "%s"
[[iron-law]]
id = "settled"
rule = "Improvements stay."
check = "settled"
"""
NOISE = 0.25
RULES = {
    "none": VerdictRule(noise=0.0),
    "soft": VerdictRule(noise=NOISE),
    "hard": VerdictRule(noise=NOISE, margin=2.0),
}


class Night:
    """A branch and its journal, without git and without a process; runs are settled at once."""

    def __init__(self, direction: str, rule: str, level: str) -> None:
        text = (BOUND % (direction.encode(), level.encode())).decode()
        self.experiment = parse(text, folder="", name="bound.toml").experiment
        self.rule = RULES[rule]
        self.branch: list[str] = []
        self.runs: list[FinishedRun] = []
        self.codes: list[tuple[str, str, int]] = []

    @property
    def keeps(self) -> list[str]:
        """The commits that are kept, stand and are on the branch, oldest first."""
        return [run.commit for run in standing_keeps(self.branch[::-1], self.runs)][::-1]

    def run(
        self,
        value: float,
        size: int,
        *,
        ended: str = "ok",
        again: int | None = None,
        seed: bool = False,
        head: bool = False,
        level: str = "sandboxed",
    ) -> FinishedRun:
        """Make and settle one try.

        Its code is new, that of an earlier try (``again``), that with another seed, or that of the
        current commit.
        """
        number = len(self.runs)
        code = (f"code {number}", f"seedless {number}", size)
        if again is not None and self.codes:
            code = self.codes[again % len(self.codes)]
            if seed:
                code = (f"code {number}", code[1], code[2])
        if not (head and self.branch):
            self.branch.append(f"{number:040x}")
        elif self.codes:
            before = next(run for run in self.runs if run.commit == self.branch[-1])
            code = (before.code_meaning, before.code_seedless, before.code_size)
        self.codes.append(code)
        measured = ended == "ok"
        ran = MeasuredRun(
            time="",
            run=f"{number:012x}",
            commit=self.branch[-1],
            description=f"try {number}",
            branch="main",
            metric_name="val_bpb",
            direction=self.experiment.direction,
            device="cpu",
            level=level,
            rows=64 if measured and level != "supervised" else None,
            outcome=ended,
            value=value if measured else None,
            measured_value=value,
            code_meaning=code[0],
            code_seedless=code[1],
            code_size=code[2],
        )
        record = compare(
            self.runs, self.branch[::-1], ran, experiment=self.experiment, rule=self.rule
        )
        self.runs.append(record)
        if record.status != "keep" and record.incumbent is not None:
            assert record.incumbent in self.branch
            del self.branch[self.branch.index(record.incumbent) + 1 :]
        return record

    def is_gate_open(self) -> bool:
        evidence = SimpleNamespace(
            claimed=None,
            branch="main",
            layout=SimpleNamespace(metric=metric.Metric("score")),
            runs=tuple(self.runs),
            all_runs=tuple(self.runs),
            statements=(),
            run=self.runs[-1],
            repository=SimpleNamespace(head=self.branch[-1], ancestors=frozenset(self.branch)),
        )
        checks = (Settled(), Metric(), Simplicity())
        return not [finding for check in checks for finding in check.findings(evidence)]


TRIES = st.lists(
    st.tuples(
        st.integers(-8, 8).map(lambda n: n / 8),  # many ties
        st.integers(1, 12),
        st.sampled_from(["ok"] * 8 + ["crash", "breach", "nan", "timeout"]),
        st.none() | st.integers(0, 29),
        st.booleans(),
        st.integers(0, 9).map(lambda n: n == 0),
        st.sampled_from(["sandboxed"] * 5 + ["judged", "supervised"]),
    ),
    min_size=1,
    max_size=30,
)


@pytest.mark.tier(2)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    tries=TRIES,
    direction=st.sampled_from(["lower", "higher"]),
    rule=st.sampled_from(sorted(RULES)),
    level=st.sampled_from(["supervised", "judged"]),
)
@example(
    tries=[(0.0, size, "ok", None, False, False, "sandboxed") for size in range(12, 0, -1)],
    direction="lower",
    rule="soft",
    level="judged",
)
def test_any_night_ends_on_its_last_keep(tries, direction, rule, level):
    night = Night(direction, rule, level)
    peaks: dict[str, float] = {}
    for value, size, ended, again, seed, head, at in tries:
        before = night.keeps
        record = night.run(value, size, ended=ended, again=again, seed=seed, head=head, level=at)
        assert night.is_gate_open()
        kept = night.keeps
        if record.status == "keep":
            assert kept[: len(before)] == before
            assert kept[-1] == record.commit
        elif record.outcome == "breach":  # it takes back keeps of the same code, and what followed
            assert kept == before[: len(kept)]
            assert kept[:1] == before[:1]
        else:
            again = record.commit if head and record.reason != "unchanged" else ""
            assert [c for c in kept if c != again] == [c for c in before if c != again]
        if kept:
            assert night.branch[-1] == kept[-1]
        if record.status == "keep" and record.best is not None:
            sign = 1 if direction == "lower" else -1
            band = NOISE if rule != "none" else 0.0
            loss = sign * (record.value - record.best)
            assert loss <= band + 1e-9
            peak = peaks.get(at, record.best)
            assert sign * (record.value - peak) <= band + 1e-9 or loss < 0
        if record.status == "keep":
            choose = min if direction == "lower" else max
            peaks[at] = choose(peaks.get(at, record.value), record.value)


def test_a_crash_names_the_last_keep_at_every_level():
    for level in ("supervised", "judged", "sandboxed"):
        night = Night("lower", "soft", "supervised")
        kept = night.run(2.0, 10, level=level)
        crashed = night.run(0.0, 10, ended="crash", level=level)
        assert (crashed.best, crashed.incumbent) == (2.0, kept.commit)


def test_a_keep_at_another_level_is_never_dropped():
    night = Night("lower", "none", "supervised")
    night.run(1.0, 10)
    other = night.run(9.0, 10, level="judged")
    assert (other.status, other.reason) == ("keep", "baseline")
    worse = night.run(2.0, 10)
    assert (worse.status, worse.best) == ("discard", 1.0)
    assert night.branch[-1] == other.commit


def test_code_that_lost_elsewhere_is_compared_again():
    """Code that lost to a former keep may be better than the present one."""
    night = Night("lower", "none", "supervised")
    baseline = night.run(2.0, 10)
    night.run(1.0, 10)
    lost = night.run(1.5, 10)
    assert lost.reason == "worse"
    night.branch = [baseline.commit]  # a person takes the keep back
    assert night.run(1.5, 10, again=2).reason == "improved"


def test_a_superseded_code_is_not_kept_by_luck():
    night = Night("lower", "none", "supervised")
    night.run(2.0, 10)
    night.run(1.0, 10)
    assert night.run(0.5, 10, again=0).reason == "unchanged"


# The same with commits and processes, through pytest.

KINDS = ("new",) * 4 + ("tie", "simpler", "again", "seed", "comment", "crash", "breach", "measure")


def _script(lab, value: float, filler: int, seed: int, *, before: str = "", words: str = "") -> str:
    lines = [f"filler_{n} = {n}" for n in range(filler)]
    text = "\n".join([f"seed = {seed}", *lines, before])
    return lab.script(value, before=text, after=f"# {words}" if words else "")


@pytest.mark.tier(2)
def test_a_scripted_night(lab):
    """Make 30 random runs whose verdicts are known beforehand."""
    lab.bound(("noise = 0.01", "noise = 0.25"))
    chance = random.Random(12)
    state = (2.0, 12, 1)
    tried = [state]
    kept: list[tuple[str, float]] = []
    kinds = ["new", *(chance.choice(KINDS) for _ in range(25)), "crash", "breach", "seed", "again"]
    for number, kind in enumerate(kinds):
        value, filler, seed = state
        before, words = "", ""
        if kind == "new":
            value, filler = value + chance.randint(-4, 4) / 4, chance.randint(6, 14)
        elif kind == "tie":
            value += chance.choice([-1, 1]) / 8
        elif kind == "simpler":
            value, filler = value + chance.choice([0, 1]) / 8, max(0, filler - 2)
        elif kind == "again":
            value, filler, seed = chance.choice(tried)
        elif kind == "seed":
            seed += number + 1
        elif kind == "comment":
            words = f"try {number}"
        elif kind == "crash":
            before = "raise SystemExit(3)"
        elif kind == "breach":
            before = "print('val_bpb: 0.1')\nprint = lambda *_: None"
        if kind != "measure":
            script = _script(lab, value, filler, seed, before=before, words=words)
            lab.project.write({"train.py": script})
            lab.project.git("add", "-A")
            lab.project.git("commit", "-q", "--allow-empty", "-m", f"{number} {kind}")
        result = lab.run(settle=True)
        if result.status == "keep":
            state = (value, filler, seed)
            if kept:
                assert value <= kept[-1][1] + 0.25
                assert value <= min(v for _, v in kept) + 0.25 or value < kept[-1][1]
            kept.append((result.commit, value))
        else:
            assert result.best == kept[-1][1], (number, kind)
            assert kind not in ("crash", "breach") or result.status == "crash"
        tried.append((value, filler, seed))
        assert lab.project.git("rev-parse", "HEAD") == kept[-1][0], (number, kind, result)
        gate = lab.project.ouro("gate")
        assert gate.returncode == 0, (number, kind, gate.stdout)
    reasons = {run["reason"] for run in lab.journal.runs()}
    assert {"baseline", "improved", "simpler", "unchanged", "seed-only", "worse"} <= reasons
    assert {"breach", "crash"} <= reasons
    assert len(lab.rows) == len(kinds)
