"""What a run is compared with: the last keep, its further runs, the salt that both have."""

import math

import pytest

from pytest_ouro.bound.read import parse
from pytest_ouro.bound.tables import VerdictRule
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.records.conflicts import conflicts
from pytest_ouro.evidence.records.run_record import MeasuredRun
from pytest_ouro.evidence.records.statement import Statement
from pytest_ouro.experiment.verdict import search_salt
from pytest_ouro.experiment.verdict.compare import compare
from pytest_ouro.experiment.verdict.decide import noise_of
from pytest_ouro.experiment.verdict.reference import find_shared, weigh_reference
from tests.experiment.test_search_salt import KEPT, run

#: A train.py whose value is ``mean`` plus noise that depends on its seed alone.
NOISY = """\
import random
random.seed(1)
val = {mean} + 0.01 * random.random(){more}
from prepare import evaluate_bpb, make_dataloader
next(make_dataloader())
val_bpb = evaluate_bpb(val)
print(f"val_bpb: {{val_bpb:.6f}}")
"""

DRAWS = {"torch at the first batch": "0", "torch draws at the first batch": "1"}


def noisy(mean, more=""):
    return NOISY.format(mean=mean, more=more)


def again(value, salt, **facts):
    return run("reference", "a", purpose="reference", salt=salt, value=value, **facts)


def test_without_further_runs_the_keep_counts_alone():
    other = run("worse", salt=5)
    assert weigh_reference(KEPT, [KEPT], other) == (1.0, 1, (), "")


def test_a_run_on_the_salt_of_the_try_counts_alone():
    first, second = again(3.0, 7), again(5.0, 9, generators=DRAWS)
    past = [KEPT, first, second]
    try_ = run("worse", salt=9, generators=DRAWS)
    assert weigh_reference(KEPT, past, try_) == (5.0, 1, (second.run,), "all")
    larger = replace(try_, generators={**DRAWS, "torch draws at the first batch": "2"})
    assert weigh_reference(KEPT, past, larger).draws == "other"
    assert weigh_reference(KEPT, past, replace(try_, generators={})).draws == ""


def test_a_value_of_several_references_without_the_keep_is_a_conflict():
    first, second = again(3.0, 7), again(5.0, 9)
    past = [KEPT, first, second]

    def is_believed(best, *named):
        stated = run("worse", salt=9, best_runs=tuple(one.run for one in named))
        found = conflicts([*past, replace(stated, best=best)])
        return "best" not in [one.field for one in found if one.line == len(past) + 1]

    assert is_believed(1.0)
    assert is_believed(5.0, second)
    assert is_believed(3.0, KEPT, first, second)
    assert not is_believed(3.0, first, second)
    assert not is_believed(4.0, first, second), "nor is their mean"


def test_on_another_salt_all_runs_of_the_keep_count():
    first, second = again(3.0, 7), again(5.0, 9)
    placebo = run("placebo", "a", purpose="placebo", salt=11, value=7.0)
    stranger = run("placebo", "c", purpose="placebo", salt=12, value=99.0)
    past = [KEPT, first, second, placebo, stranger]
    ids = (KEPT.run, first.run, second.run, placebo.run)
    assert weigh_reference(KEPT, past, run("worse", salt=5)) == (4.0, 4, ids, "")
    series = run("worse", salt=9, series="f" * 12)
    assert weigh_reference(KEPT, past, series).size == 4, "a mean over several salts"


def test_runs_that_ignore_the_salt_are_not_further_ones():
    past = [replace(KEPT, evaluations=1), again(1.0, 7, evaluations=1)]
    assert weigh_reference(past[0], past, run("worse", salt=5)) == (1.0, 1, (), "")


def test_the_keep_itself_may_have_the_salt():
    kept = replace(KEPT, generators=DRAWS)
    assert weigh_reference(kept, [kept], run("worse", salt=3, generators=DRAWS)).draws == "all"


@pytest.fixture
def searching(lab):
    """A project that measures each keep again, on a new salt."""
    lab.bound(("noise = 0.01", 'noise = "auto"\nremeasure = "kept"'))
    return lab


def test_the_last_keep_is_measured_again_and_the_next_tries_have_its_salt(searching):
    lab, said = searching, []
    first = lab.run(noisy(2.0), say=said.append)
    second = lab.run(noisy(1.5), say=said.append)
    assert (first.record.salt, second.record.salt, second.status) == (0, 0, "keep")
    assert not [line for line in said if "measured again" in line], "the baseline was not chosen"

    third = lab.run(noisy(1.2), say=said.append)
    reference, tried = lab.journal.runs()[-2:]

    assert (reference.purpose, reference.reason.value, reference.status) == (
        *("reference", "reference"),
        "discard",
    )
    assert (reference.commit, reference.salt > 0) == (second.commit, True)
    assert reference.value != second.value
    assert (tried.commit, tried.salt) == (third.commit, reference.salt)
    assert (tried.best, tried.best_runs) == (reference.value, (reference.run,))
    assert tried.best_commit == second.commit
    assert tried.gain == pytest.approx(0.3, abs=1e-6), "the noise of the salt is in both"
    assert (tried.shared_draws, tried.status) == ("all", "keep")
    assert [line for line in said if "is measured again first, on a new salt" in line]
    assert [line for line in said if f"({second.value:.6f} when it was kept)" in line]
    assert lab.rows[2][4].startswith("[reference] ")
    assert [r.rule for r in check_all(open_case(lab.path / "bound.toml")) if r.broken] == []

    fourth = lab.run(noisy(1.3, " + random.random() * 0"))
    latest = lab.journal.runs()[-2]
    assert (latest.purpose, latest.commit) == ("reference", third.commit)
    assert fourth.record.salt == latest.salt != reference.salt
    assert (fourth.record.shared_draws, fourth.status) == ("other", "discard")
    lab.run(noisy(1.4))
    assert lab.journal.runs()[-1].salt == latest.salt
    assert lab.journal.runs()[-2].run == fourth.record.run, "it is measured once for each keep"
    lab.clean()


@pytest.mark.tier(2)
def test_a_keep_that_stands_long_is_measured_again(lab, monkeypatch):
    monkeypatch.setattr(search_salt, "STANDS", 2)
    lab.run(noisy(2.0))
    lab.run(noisy(2.5))
    lab.run(noisy(2.6))
    assert {run.salt for run in lab.journal.runs()} == {0}
    result = lab.run(noisy(2.7))
    reference = lab.journal.runs()[-2]
    assert (reference.purpose, result.record.best) == ("reference", reference.value)
    lab.run(noisy(2.8))
    assert [run.purpose for run in lab.journal.runs()].count("reference") == 1


@pytest.mark.tier(2)
def test_repeats_and_rehearsals_measure_nothing_again(searching):
    searching.run(noisy(2.0))
    searching.run(noisy(1.5))
    searching.run(noisy(1.2), budget=0.1)
    assert searching.journal.runs()[-1].salt == 0
    result = searching.run(repeat=2)
    assert "reference" not in {run.purpose for run in searching.journal.runs()}
    assert result.record.n == 2


def test_nothing_is_measured_again_before_a_broken_rule(searching):
    searching.run(noisy(2.0))
    searching.run(noisy(1.5))
    searching.project.commit("touch it", {"prepare.py": "def evaluate_bpb(x): return 0\n"})
    result = searching.run()
    assert (result.status, len(searching.journal.runs())) == ("closed", 2)


def test_a_reference_that_fails_is_not_repeated_at_each_try(searching, tmp_path):
    flag = tmp_path / "fails"
    searching.run(noisy(2.0))
    fragile = f"\nimport pathlib\nif pathlib.Path({str(flag)!r}).exists(): raise SystemExit(3)"
    kept = searching.run(noisy(1.5, fragile))
    assert kept.status == "keep"
    flag.touch()
    said = []
    result = searching.run(noisy(1.4), say=said.append)
    assert (result.status, result.record.best, result.record.salt) == ("keep", kept.value, 0)
    assert [line for line in said if "gave no value that can be compared (crash)" in line]
    runs = searching.journal.runs()
    assert [run.purpose for run in runs] == ["search", "search", "reference", "search"]
    assert (runs[2].status, runs[2].reason.value) == ("crash", "crash")


EXPERIMENT = parse(
    """
[bound]
name = "a search"
[experiment]
script = "train.py"
harness = "prepare.py"
evaluate = "evaluate_bpb"
editable = ["train.py"]
budget = 20
[[iron-law]]
id = "settled"
rule = "Improvements stay."
check = "settled"
""",
    folder="",
    name="bound.toml",
).experiment


def compared(rule, past, try_, statements=()):
    return compare(
        past,
        [try_.commit, KEPT.commit],
        try_,
        experiment=EXPERIMENT,
        rule=rule,
        statements=statements,
    )


def test_noise_that_was_estimated_is_that_of_what_is_compared():
    """A calibration showed that two runs with one salt share three quarters of the variance."""
    plan = "e" * 12
    values = ((1.0, 21), (1.1, 21), (1.4, 22), (1.3, 22))
    facts = {"purpose": "calibrate", "plan": plan, "code_meaning": "m"}
    measured = [run("calibrate", "d", value=v, salt=s, **facts) for v, s in values]
    statement = Statement(
        event="calibration",
        time="2026-01-01T00:00:00+00:00",
        plan=plan,
        result="measured",
        baseline="d" * 40,
        tip="d" * 40,
        shared=0.75,
    )
    past = [*measured, KEPT, again(3.0, 9, generators=DRAWS)]
    past = [replace(one, level="judged") for one in past]
    try_ = MeasuredRun(
        time="2026-01-01T00:00:00+00:00",
        run="f" * 12,
        commit="b" * 40,
        outcome="ok",
        value=2.0,
        level="judged",
        salt=9,
        generators=DRAWS,
    )
    sd = noise_of([("m", 1.0), ("m", 1.4)])
    auto = VerdictRule()

    paired = compared(auto, past, try_, [statement])
    assert (paired.shared_draws, paired.best, paired.best_runs) == ("all", 3.0, (past[-1].run,))
    assert paired.noise == pytest.approx(sd / 2)
    assert paired.se == pytest.approx(sd / 2 * math.sqrt(2))
    assert compared(auto, past, try_).noise == pytest.approx(sd), "nothing was calibrated"
    stated = compared(VerdictRule(noise=0.3), past, try_, [statement])
    assert stated.noise == 0.3, "a number is taken as it is"
    larger = replace(try_, generators=dict.fromkeys(DRAWS, "9"))
    assert compared(auto, past, larger, [statement]).noise == pytest.approx(sd)
    unpaired = compared(auto, past, replace(try_, salt=5), [statement])
    assert (unpaired.noise, unpaired.shared_draws) == (pytest.approx(sd), "")
    assert unpaired.best == 2.0, "the mean of both runs"
    assert find_shared([statement], [KEPT]) == 0.0, "under other conditions"


def test_a_line_says_that_a_salt_is_not_shared(searching):
    searching.run(noisy(2.0))
    searching.run(noisy(1.5))
    said = searching.run(noisy(1.4, " + random.random() * 0")).notes
    assert len([line for line in said if "drew other random numbers" in line]) == 1
    said = searching.run(noisy(1.3, " + random.random() * 0")).notes
    assert not [line for line in said if "drew other random numbers" in line]
