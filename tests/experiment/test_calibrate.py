"""Calibration: by how much runs of one code differ, and what share a common salt cancels."""

import itertools
import math
import random
import re
import statistics
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.core.metric import Metric
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.statement import Statement, paired_gain
from pytest_ouro.experiment.devices.speed import combine, probe_speed
from pytest_ouro.experiment.selection.calibrate import Calibration, Noise, calibrate, find_slope
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.selection.plan import open_plan

pytestmark = pytest.mark.usefixtures("fixed_salts")

#: A train.py whose value has noise from its seed (``salted``) and from elsewhere (``machine``).
SCRIPT = """\
import os, random
from prepare import evaluate_bpb
random.seed(5)
own = {salted} * random.gauss(0, 1)
other = {machine} * random.Random(os.urandom(8)).gauss(0, 1)
val_bpb = evaluate_bpb(3 + own + other)
print(f"val_bpb: {{val_bpb:.6f}}")
"""


def script(salted=0.1, machine=0.0):
    return SCRIPT.format(salted=salted, machine=machine)


def case_of(lab):
    return open_case(lab.path / "bound.toml")


def command(lab, *args):
    words = [sys.executable, "-m", "pytest_ouro", "calibrate", *args]
    return subprocess.run(words, cwd=lab.path, capture_output=True, text=True, check=False)


def test_both_parts_of_the_noise_are_found():
    draw = random.Random(4)
    pairs = []
    for _ in range(4000):
        common = draw.gauss(0, 3)
        pairs.append((common + draw.gauss(0, 4), common + draw.gauss(0, 4)))
    noise = Noise.of(pairs)
    assert noise.sd == pytest.approx(5, rel=0.03)
    assert noise.shared == pytest.approx(9 / 25, abs=0.03)
    assert noise.of_pair == pytest.approx(4 * math.sqrt(2), rel=0.03)
    gains = [one - other for one, other in pairs]
    assert noise.of_pair == pytest.approx(statistics.stdev(gains), rel=0.03)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=9))
def test_a_share_is_from_0_to_1(pairs):
    noise = Noise.of(pairs)
    assert noise.sd >= 0
    assert 0 <= noise.shared <= 1


@pytest.mark.tier(2)
def test_noise_by_the_salt_alone_is_shared_wholly(lab):
    commit = lab.commit(script(salted=0.1))
    said = []
    found = calibrate(case_of(lab), runs=6, say=said.append)

    one = found.statement
    assert (one.event, one.result, one.baseline, one.tip) == (
        "calibration",
        "measured",
        commit,
        commit,
    )
    runs = lab.journal.runs()
    assert [run.reason.value for run in runs] == ["calibrate"] * 6
    assert len({run.salt for run in runs}) == 3
    values = {run.salt: run.value for run in runs}
    assert found.noise.sd == pytest.approx(statistics.stdev(values.values()), rel=1e-6)
    assert found.noise.shared == 1
    *_, shown = found.lines()
    assert "shows any gain of an edit that draws the same random numbers; of one that" in shown
    unshared = re.search(r"shares nothing, (\S+) or more", shown)
    assert float(unshared[1]) > found.noise.sd
    assert re.fullmatch(
        r"ouro: calibrated noise=0\.\d+ shared=1\.00 detectable=any unshared=0\.\d+ runs=6 "
        r"commit=\w{7}",
        found.last_line,
    )
    assert "0.000000" not in f"{found.lines()} {found.last_line}"
    assert "2 runs with each of 3 salts" in said[0]
    assert lab.project.git("for-each-ref", "refs/ouro/looks") == "", "a calibration is not a look"
    lab.clean()


def test_a_metric_without_noise_detects_any_gain():
    one = SimpleNamespace(sd=0.0, shared=0.0, slope=None, tip="a" * 40)
    found = Calibration(Metric("score"), 4, one)
    assert found.last_line == (
        "ouro: calibrated noise=0 shared=none detectable=any unshared=any runs=4 commit=aaaaaaa"
    )
    assert found.lines() == (
        "ouro: runs of this code are equal: any difference that a try shows is real",
    )


@pytest.mark.tier(2)
def test_noise_of_the_machine_is_not_shared(lab):
    lab.commit(script(salted=0.0, machine=0.1))
    found = calibrate(case_of(lab), runs=8)
    assert found.noise.sd > 0.01
    assert found.noise.shared < 0.95


def speeds(pairs):
    """Pairs of runs with these values and speeds: (baseline's value, its speed, tip's, its)."""
    return [
        SimpleNamespace(
            baseline=SimpleNamespace(value=one, speed=slow),
            tip=SimpleNamespace(value=other, speed=fast),
        )
        for one, slow, other, fast in pairs
    ]


def test_a_slope_is_found_where_the_speed_explains_the_values():
    draw = random.Random(6)
    pairs = []
    for _ in range(6):
        slow, fast = draw.uniform(90, 110), draw.uniform(90, 110)
        noise = draw.gauss(0, 0.001)
        pairs.append((2 - 0.2 * math.log(slow), slow, 2 - 0.2 * math.log(fast) + noise, fast))
    assert find_slope(speeds(pairs)) == pytest.approx(-0.2, abs=0.02)
    assert find_slope(speeds(pairs[:3])) is None, "too few pairs"


def test_no_slope_is_found_in_noise():
    draw = random.Random(7)
    found = 0
    for _ in range(300):
        pairs = [
            (draw.gauss(0, 1), draw.uniform(90, 110), draw.gauss(0, 1), draw.uniform(90, 110))
            for _ in range(4)
        ]
        found += find_slope(speeds(pairs)) is not None
    assert found < 45
    assert find_slope(speeds([(1.0, 100.0, 2.0, 100.0)] * 5)) is None, "the speed never differs"


@pytest.mark.parametrize(("direction", "gain"), [("lower", 0.5), ("higher", -0.5)])
def test_gains_are_corrected_to_the_speed_of_the_baseline(direction, gain):
    metric = Metric("score", direction)
    baseline = SimpleNamespace(value=2.0, speed=100.0)
    # The machine was e times as fast for the tip, which by itself changes the value by -0.2.
    tip = SimpleNamespace(value=1.3, speed=100.0 * math.e, metric=metric)
    assert paired_gain(baseline, tip, -0.2) == pytest.approx(gain)
    assert paired_gain(baseline, tip) == pytest.approx(gain * 0.7 / 0.5)
    tip.speed = None
    assert paired_gain(baseline, tip, -0.2) == pytest.approx(gain * 0.7 / 0.5)
    tip.value = None
    assert paired_gain(baseline, tip) is None


def test_a_certificate_uses_the_slope_that_was_measured_before(lab, monkeypatch):
    ticks = itertools.cycle([90.0, 90.0, 110.0, 110.0, 95.0, 95.0, 100.0, 100.0])
    monkeypatch.setattr("pytest_ouro.experiment.measure.probe_speed", lambda: next(ticks))
    lab.commit(script(salted=0.1, machine=0.0))
    assert lab.run().record.speed is None, "an ordinary run is not slowed down by it"
    lab.run(script(salted=0.1).replace("3 +", "2 +"))
    monkeypatch.setattr("pytest_ouro.experiment.selection.calibrate.find_slope", lambda done: -0.5)
    calibration = calibrate(case_of(lab), runs=8)
    assert "the speed of the machine explains part of it" in calibration.lines()[2]

    one = certify(case_of(lab), pairs=2).statement

    assert one.slope == -0.5
    runs = {run.run: run for run in lab.journal.runs()}
    corrected = [
        (b.value - t.value) - 0.5 * math.log(t.speed / b.speed)
        for b, t in ([runs[name] for name in pair["runs"]] for pair in one.pairs)
    ]
    assert one.gain == pytest.approx(statistics.mean(corrected), rel=1e-9)
    assert lab.journal.fault() is None


def test_a_slope_of_another_device_is_not_used(lab):
    lab.commit(script())
    case = case_of(lab)
    head = case.repository.head
    for device, slope in (("cpu", -0.5), ("cuda", -0.1)):
        facts = {"sd": 1.0, "shared": 0.5, "slope": slope, "device": device}
        lab.journal.append(
            Statement(
                event="calibration",
                time="2026-01-01T00:00:00+00:00",
                plan="0123456789ab",
                result="measured",
                baseline=head,
                tip=head,
                trust=case.trust.commit,
                **facts,
            )
        )
    plan, _ = open_plan(case, "certificate", head, head, night=head, pairs=2, device="cpu")
    assert plan.slope == -0.5


def test_the_speed_of_the_machine_is_a_positive_number():
    assert combine([probe_speed(), probe_speed()]) > 0
    assert combine([]) is None
    assert combine([1.0, 4.0]) == pytest.approx(2.0)


@pytest.mark.tier(2)
def test_later_verdicts_use_the_noise(lab):
    lab.bound(("noise = 0.01", 'noise = "auto"'))
    lab.commit(script(salted=0.1))
    assert lab.run().record.noise is None
    found = calibrate(case_of(lab), runs=6)
    later = lab.run(script(salted=0.1).replace("3 +", "2 +"))
    assert later.record.noise == pytest.approx(found.noise.sd, rel=1e-6)


def test_the_command(lab):
    lab.commit(script(salted=0.1, machine=0.05))
    done = command(lab, "--runs", "4")
    assert done.returncode == 0, done.stderr
    *_, last = done.stdout.splitlines()
    assert re.fullmatch(
        r"ouro: calibrated noise=0\.\d+ shared=[01]\.\d\d detectable=\d\.\d+ "
        r"unshared=\d\.\d+ runs=4 commit=\w{7}",
        last,
    )
    assert "a certificate of 5 pairs shows" in done.stdout


@pytest.mark.tier(2)
def test_values_that_no_salt_changes_calibrate_nothing(lab):
    lab.commit(lab.script(2.0))
    done = command(lab, "--runs", "4")
    assert done.returncode == 1
    assert "does not depend on the salted seeds: the noise cannot be measured" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ouro: not-calibrated runs=4 ")


@pytest.mark.tier(2)
def test_a_crash_is_resumed(lab):
    mark = lab.path.parent / "mark"
    stops = f"if os.path.exists({str(mark)!r}): raise SystemExit(3)\n"
    lab.commit(script() + stops)
    mark.touch()
    done = command(lab, "--runs", "4")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("ouro: calibration-unfinished runs=0 ")
    assert "ouro: the pairs that are complete stay: give the same command again" in done.stdout
    stated = lab.journal.statements()[-1]
    mark.unlink()
    again = calibrate(case_of(lab)).statement
    assert again.plan == stated.plan
    assert [pair["salt"] for pair in again.pairs] == [pair["salt"] for pair in stated.pairs]


def test_a_closed_gate_is_named(lab):
    lab.project.commit("no", {"prepare.py": "broken\n"})
    done = command(lab, "--runs", "4")
    assert (done.returncode, done.stderr) == (1, "")
    why = r"ouro: a run gave no value that counts: it breaks .+: prepare\.py changed .+; help: .+"
    assert re.fullmatch(why, done.stdout.splitlines()[-3])
    assert " reason=rules-broken" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("runs", ["3", "2", "5", "100000"])
def test_a_number_of_runs_that_does_not_fit(lab, runs):
    done = command(lab, "--runs", runs)
    assert done.returncode == 2
    assert "--runs must be an even number from 4 to 2000" in done.stderr
    assert "help: pytest-ouro calibrate --runs 8" in done.stderr
