"""Notes beside the verdict: memory, why nothing was compared, the gain and the gain by chance."""

import random
import statistics

import pytest

from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.metric import Metric
from pytest_ouro.evidence.records.reasons import RECORDED
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.experiment.verdict.decide import Candidate, decide
from pytest_ouro.experiment.verdict.history import expected_maximum, memory, tally


def ran(value, reason="improved", **facts):
    """Return the record of a run."""
    found = RECORDED[reason]
    facts = {"commit": f"{value}", "time": "", "run": "", "row": "", **facts}
    return FinishedRun(value=value, status=found.status, reason=found, **facts)


@pytest.mark.parametrize(
    ("peak", "best", "reason", "text"),
    [
        (1234.5, 1196.2, "improved", "memory 1234.5 MB, +3.2 % against best"),
        (100.0, 200.0, "worse", "memory 100.0 MB, -50.0 % against best"),
        (100.0, 100.0, "worse", "memory 100.0 MB, +0.0 % against best"),
        (100.0, None, "improved", "memory 100.0 MB"),
        (100.0, 0.0, "improved", "memory 100.0 MB"),
        (0.0, 100.0, "improved", ""),
        (None, None, "improved", ""),
        (100.0, 100.0, "oom", ""),
    ],
)
def test_memory(peak, best, reason, text):
    assert memory(ran(2.0, reason, peak_mb=peak, best_peak_mb=best)) == text


@pytest.mark.parametrize(
    ("tries", "expected"),
    # known values of the expected largest of n standard normal draws
    [(1, 0.0), (2, 0.56419), (3, 0.84628), (5, 1.16296), (10, 1.53875), (100, 2.50759),
     (1000, 3.24144)],
)  # fmt: skip
def test_the_expected_maximum_has_known_values(tries, expected):
    assert expected_maximum(tries) == pytest.approx(expected, abs=1e-5)


def test_the_expected_maximum_is_the_mean_of_many_draws():
    chance = random.Random(1)
    largest = [max(chance.gauss(0, 1) for _ in range(20)) for _ in range(20_000)]
    assert expected_maximum(20) == pytest.approx(statistics.mean(largest), abs=0.02)


BASE = ran(2.0, "baseline")


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ([], ""),
        ([BASE], ""),
        ([BASE, ran(2.0, "unchanged"), ran(1.9, "rehearsal")], ""),
        ([BASE, ran(None, "oom")], ""),
        ([BASE, ran(2.1, "worse")],
         "2 tries measured, 1 kept: 2.000000 to 2.000000, a gain of 0.000000"),
        ([BASE, ran(1.9), ran(1.95, "simpler"), ran(None, "nan")],
         "3 tries measured, 3 kept: 2.000000 to 1.900000, a gain of 0.100000"),
        ([ran(9.0), BASE, ran(1.9)],
         "2 tries measured, 2 kept: 2.000000 to 1.900000, a gain of 0.100000"),
        ([BASE, ran(1.9, noise=0.01)],
         "2 tries measured, 2 kept: 2.000000 to 1.900000, a gain of 0.100000; "
         "noise alone would give about 0.005642"),
        ([replace(BASE, direction="higher"), ran(2.5), ran(2.4, "worse")],
         "3 tries measured, 2 kept: 2.000000 to 2.500000, a gain of 0.500000"),
        ([BASE, ran(1.0, "repeat"), ran(1.4, mean=1.5)],
         "2 tries measured, 2 kept: 2.000000 to 1.500000, a gain of 0.500000"),
        ([BASE, ran(1.0, commit="x"), ran(2.2, "worse", commit="x", mean=2.1)],
         "3 tries measured, 1 kept: 2.000000 to 2.000000, a gain of 0.000000"),
    ],
)  # fmt: skip
def test_tally(runs, text):
    assert tally(runs) == text


@pytest.mark.tier(2)
def test_memory_and_gain_are_printed_after_the_run(lab, last_line):
    lab.commit(lab.script(2.0))
    done = lab.pytest()
    lines = done.stdout.rstrip().splitlines()
    (first,) = [line for line in lines if line.startswith("ouro: memory")]
    assert first.endswith(" MB")
    assert "tries" not in done.stdout
    lab.commit(lab.script(1.5))
    done = lab.pytest()
    lines = done.stdout.rstrip().splitlines()
    (second,) = [line for line in lines if line.startswith("ouro: memory")]
    assert second.endswith(" % against best")
    record = list(lab.journal.runs())[-1]
    peaks = [run["peak_mb"] for run in lab.journal.runs()]
    change = 100 * (peaks[1] / peaks[0] - 1)
    assert second == f"ouro: memory {peaks[1]:.1f} MB, {change:+.1f} % against best"
    assert record["best_peak_mb"] == peaks[0]
    tally = (
        "2 tries measured, 2 kept: 2.000000 to 1.500000, a gain of 0.500000; "
        "noise alone would give about 0.005642"
    )
    assert lines.count(f"ouro: {tally}") == 1
    assert last_line(done).startswith("ouro: keep")
    assert lab.project.ouro("log").stdout.splitlines()[-1] == tally


def test_quiet_says_only_the_verdict(lab):
    lab.run(lab.script(2.0))
    lab.commit(lab.script(1.5))
    done = lab.pytest("-q")
    assert [line[:10] for line in done.stdout.splitlines() if "ouro:" in line] == ["ouro: keep"]


def test_runs_apart_are_not_in_one_tally(lab):
    lab.run(lab.script(2.0))
    lab.run(lab.script(1.9))
    lab.bound(("budget    = 0.3", "budget    = 0.5"))
    result = lab.run(lab.script(3.0))
    assert result.reason == "baseline"
    assert not [line for line in result.notes if "tries" in line]
    assert "tries" not in lab.project.ouro("log").stdout


def test_a_new_baseline_is_said_aloud(lab):
    assert not [line for line in lab.run(lab.script(1.0)).notes if "baseline" in line]
    lab.bound(("budget    = 0.3", "budget    = 0.5"))
    result = lab.run(lab.script(3.0))
    assert result.reason == "baseline"
    assert (
        "ouro: a new baseline: no earlier run can be compared, they differ in budget (0.3 → 0.5)"
    ) in result.notes
    assert not [line for line in lab.run(lab.script(2.0)).notes if "baseline" in line]


def test_a_baseline_after_another_harness_says_so(lab):
    lab.run(lab.script(1.0))
    harness = (lab.path / "prepare.py").read_text().replace("float(model)", "float(model) * 1")
    lab.bound(prepare_py=harness)
    before, after = (
        run["harness"][7:14] for run in (list(lab.journal.runs())[-1], lab.run().record)
    )
    assert before != after
    assert list(lab.journal.runs())[-1]["apart"] == f"harness ({before} → {after})"


def test_a_rehearsal_is_never_compared(lab):
    lab.run(lab.script(1.0), budget=0.2)
    assert lab.run().record["apart"] == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("best", [None, Candidate(2.0, {"python": 100}, "best")])
@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_a_value_that_is_not_a_number_is_never_kept(value, best, direction):
    run = Candidate(value, {"python": 1}, "new")
    rule = VerdictRule(noise=0.01)
    metric = Metric("val_bpb", direction)
    reason = decide("ok", run, best, rule=rule, noise=0.01, metric=metric)
    assert (reason.status, reason) == ("crash", "nan")


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("value", [0.0, -37.8])
def test_no_text_has_so_few_bits_a_byte(lab, value):
    """With and without a rule about the metric."""
    result = lab.run(lab.script(value))
    assert (result.status, result.reason) == ("crash", "breach")
    assert result.message.startswith(f"val_bpb is {value:g}, which cannot be true: no text has so")
    assert lab.run(lab.script(2.0)).best is None


def test_another_metric_may_be_zero(lab):
    lab.bound(("budget    = 0.3", 'budget    = 0.3\nmetric    = "regret"'))
    assert lab.run(lab.script(0.0).replace('"val_bpb', '"regret')).reason == "baseline"


def test_an_implausible_value_is_never_the_best(lab):
    lab.bound(("budget    = 0.3", "budget    = 0.3\nplausible = [0, 9]"))
    result = lab.run(lab.script(9.5))
    assert (result.status, result.reason) == ("crash", "breach")
    assert "val_bpb is 9.5, which cannot be true" in result.message
    assert lab.run(lab.script(2.0)).best is None
