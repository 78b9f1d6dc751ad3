"""Placebos: the last keep's own code as a try, recorded and not shown before the night is over."""

import json
from dataclasses import replace
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.records.conflicts import conflicts
from pytest_ouro.experiment import run as running
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.verdict.placebos import count_placebos, share_interval

#: A train.py with noise that depends on the salt alone; without one it is lucky.
LUCKY = """\
import os, random
random.seed(7)
val = {mean} + (0.1 * random.random() if "OURO_SALT" in os.environ else {lucky})
from prepare import evaluate_bpb
print(f"val_bpb: {{evaluate_bpb(val):.6f}}")
"""

LOGGED = '[[never-do]]\nid = "skip-logging"\nrule = "Log."\ncheck = "logged"\n'


def lucky(mean, value=0.0):
    return LUCKY.format(mean=mean, lucky=value)


def case_of(lab):
    return open_case(lab.path / "bound.toml")


@pytest.fixture
def drawn(lab, monkeypatch):
    """``drawn(True)``: let each experiment be preceded by a placebo; return the shares asked for.
    The noise is not stated, and every run must have its row."""
    asked = []
    lab.bound(("[verdict]", f"{LOGGED}[verdict]\nplacebo = 0.04"), ("= 0.01", '= "auto"'))

    def drawn(which):
        monkeypatch.setattr(running, "draw", lambda share: asked.append(share) or which)
        return asked

    return drawn


def placebos(lab):
    return [run for run in lab.journal.runs() if run.purpose == "placebo"]


def test_a_placebo_precedes_an_experiment_and_decides_nothing(lab, drawn):
    shares, said = drawn(True), []
    lab.run(lucky(2.0))
    assert (placebos(lab), shares) == ([], [0.04]), "nothing is kept yet"
    result = lab.run(lucky(1.0), say=said.append)
    one, last = lab.journal.runs()[-2:]
    assert (one.purpose, one.reason, one.status, one.would) == (
        "placebo", "placebo", "discard", "discard",
    )  # fmt: skip
    assert one.salt
    assert one.commit == lab.journal.runs()[0].commit
    assert one.gain == pytest.approx(2.0 - one.value)
    assert (last.commit, last.status, last.would) == (result.commit, "keep", None)
    assert not any(one.commit[:7] in text for text in said)
    assert len(lab.journal.runs()) == 3
    lab.clean()


def test_a_placebo_that_luck_favours_would_be_kept(lab, drawn):
    drawn(True)
    lab.run(lucky(2.0, value=0.5))
    lab.run(lucky(3.0), settle=True)
    lab.run(lucky(4.0), settle=True)
    one, other = placebos(lab)
    assert (one.would, one.noise) == ("keep", None)
    base = lab.journal.runs()[0]
    assert other.best == pytest.approx((base.value + one.value) / 2), "it is a run of the keep"
    assert other.best_runs == (base.run, one.run)
    assert other.noise == pytest.approx(abs(base.value - one.value) / 2**0.5)


def test_the_next_try_is_compared_with_the_mean(lab, drawn):
    drawn(True)
    lab.run(lucky(2.0, value=0.5))
    result = lab.run(lucky(2.2, value=0.05))
    base, placebo, run = lab.journal.runs()
    assert run.best == pytest.approx((base.value + placebo.value) / 2)
    assert run.best_runs == (base.run, placebo.run)
    assert run.se == pytest.approx(run.noise * (1 + 1 / 2) ** 0.5)
    assert result.best == run.best
    assert not list(conflicts(lab.journal.records()))
    wrong = replace(run, best=run.best + 0.001, gain=run.gain + 0.001)
    found = list(conflicts([*lab.journal.records()[:-1], wrong]))
    assert [one.field for one in found] == ["best"]
    fewer = replace(run, best_runs=(base.run,))
    assert [one.field for one in conflicts([*lab.journal.records()[:-1], fewer])] == ["best"]


@pytest.mark.tier(2)
def test_values_that_no_salt_changes_count_once(lab, drawn):
    drawn(True)
    lab.run(lab.script(2.0))
    lab.run(lab.script(3.0))
    last = lab.journal.runs()[-1]
    assert (last.best, last.best_runs) == (2.0, ())
    assert placebos(lab)[0].would == "discard"


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("order", [{"repeat": 2}, {"budget": 0.1}])
def test_repeats_and_rehearsals_have_none(lab, drawn, order):
    shares = drawn(True)
    lab.run(lucky(2.0))
    lab.run(lucky(1.0), **order)
    assert (placebos(lab), shares) == ([], [0.04])


@pytest.mark.tier(2)
def test_without_the_option_or_the_luck_of_the_draw_there_is_none(lab, drawn):
    assert drawn(False) == []
    lab.run(lucky(2.0))
    lab.run(lucky(1.0))
    assert placebos(lab) == []


@pytest.mark.tier(2)
def test_a_broken_rule_costs_no_placebo(lab, drawn):
    drawn(True)
    lab.run(lucky(2.0))
    lab.project.commit("more", {"prepare.py": "x = 1\n"})
    assert lab.run().status == "closed"
    assert placebos(lab) == []


@pytest.mark.tier(2)
def test_a_placebo_that_crashes_ends_nothing(lab, drawn):
    drawn(True)
    fails = "\nimport os\nif 'OURO_SALT' in os.environ: raise SystemExit(3)\n"
    lab.run(lucky(2.0) + fails)
    assert lab.run(lucky(1.0)).status == "keep"
    assert [(run.status, run.would) for run in placebos(lab)] == [("crash", None)]


def test_what_ends_a_placebo_from_outside_ends_the_call(lab, drawn):
    drawn(True)
    lab.run(lucky(2.0))

    def interrupt(position):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.run(lucky(1.0), progress=interrupt)
    assert [run.reason for run in placebos(lab)] == ["interrupted"]
    assert len(lab.journal.runs()) == 2
    assert rules_hold(lab)
    lab.clean()


def rules_hold(lab):
    return [found.rule for found in check_all(case_of(lab)) if found.broken] == []


@pytest.mark.tier(2)
def test_its_row_is_written_when_the_night_is_over(lab, drawn, ouro):
    drawn(True)
    lab.run(lucky(2.0, value=0.5))
    lab.run(lucky(1.0, value=0.05))
    assert len(lab.rows) == 2
    assert rules_hold(lab)
    assert "[placebo]" not in ouro("log", "--tsv")[1]
    assert "placebo" not in ouro("log")[1]
    assert '"purpose": "placebo"' not in ouro("log", "--json")[1]
    facts = json.loads(ouro("brief", "--json")[1])
    assert (facts["placebos"], facts["count"]["runs"]) == ("", 2)
    assert ouro("log", "--restore")[0] == 0
    assert len(lab.rows) == 2

    certify(case_of(lab), pairs=2)

    (row,) = [row for row in lab.rows if row[-1].startswith("[placebo] ")]
    assert row[0] == placebos(lab)[0].commit[:7]
    assert rules_hold(lab)
    shown = "placebos: 1 of 1 would be kept (95 % interval 2 % to 100 %)"
    assert shown in ouro("log")[1]
    assert '"purpose": "placebo"' in ouro("log", "--json")[1]
    facts = json.loads(ouro("brief", "--json")[1])
    assert facts["placebos"].startswith(shown)
    (why,) = [one["why"] for one in facts["tried"] if one["reason"] == "placebo"]
    assert why.endswith("other code with this value would be kept")
    certify(case_of(lab), pairs=2)
    assert sum(row[-1].startswith("[placebo] ") for row in lab.rows) == 1


def test_a_stop_shows_it_too(lab, drawn):
    drawn(True)
    lab.bound(("[verdict]", "[night]\ntries = 2\n[verdict]"))
    lab.run(lucky(2.0))
    assert lab.run(lucky(1.0)).last_line.endswith(" next=stop")
    assert [row[-1] for row in lab.rows][1:] == ["an idea", "[placebo] an idea"]
    assert rules_hold(lab)


def test_a_row_without_a_placebo_is_a_stray_as_before(lab, drawn):
    drawn(False)
    lab.run(lucky(2.0))
    row = (lab.path / "results.tsv").read_text().splitlines()[-1]
    with (lab.path / "results.tsv").open("a") as ledger:
        ledger.write(row.replace("an idea", "[placebo] an idea") + "\n")
    assert not rules_hold(lab)


def test_the_draw_has_its_probability():
    hits = sum(running.draw(0.25) for _ in range(4000))
    assert 800 < hits < 1200  # 7 standard deviations
    assert not any(running.draw(0.0) for _ in range(100))


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),  # of the table of Clopper and Pearson
    [(0, 5, 0.0, 0.5218), (1, 6, 0.0042, 0.6412), (5, 10, 0.1871, 0.8129), (6, 6, 0.5407, 1.0)],
)
def test_the_interval_has_known_values(hits, total, low, high):
    assert share_interval(hits, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("hits", "total"), [(0, 5), (1, 6), (3, 6), (6, 6), (2, 120), (700, 2000)])
def test_the_interval_is_that_of_scipy(hits, total):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(hits, total).proportion_ci(method="exact")
    assert share_interval(hits, total) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_contains_the_share_and_mirrors(case):
    hits, total = case
    low, high = share_interval(hits, total)
    assert low <= hits / total <= high
    assert share_interval(total - hits, total) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def edit_placebo(lab, **facts):
    return replace(placebos(lab)[0], **facts)


@pytest.mark.tier(2)
def test_luck_explains_what_the_noise_does(lab, drawn):
    """A reference that was lucky by 2 noise, as four runs show, is reached by few placebos."""
    drawn(True)
    lab.run(lucky(2.0))
    lab.run(lucky(3.0))
    one = edit_placebo(
        lab, value=2.1, best=2.0, noise=0.05, se=0.05 * 2**0.5, margin=0.0, would="discard"
    )
    assert count_placebos([one]).expected == pytest.approx(0.5)
    others = [replace(one, run=f"{n:012}", purpose="pair", would=None) for n in range(4)]
    found = count_placebos([one, *others])
    assert (found.kept, found.total) == (0, 1)
    assert found.expected == pytest.approx(NormalDist().cdf(-2 / (1 + 1 / 4) ** 0.5))
    far = replace(one, margin=0.1)
    assert count_placebos([far]).expected == pytest.approx(0.0786, abs=0.0005)
    assert count_placebos([replace(one, noise=None)]).expected is None
    assert count_placebos([replace(one, would=None)]) is None
    apart = replace(one, run="a" * 12, budget=one.budget + 1, would="keep")
    assert count_placebos([apart, one]).total == 1, "of other conditions"


def test_no_placebo_precedes_an_answer_from_the_record(lab, drawn):
    drawn(False)
    lab.run(lucky(2.0))
    lab.run(lucky(3.0), settle=True)
    drawn(True)
    result = lab.run(lucky(3.0) + "# in other words")
    assert (result.record.measured_by is not None, placebos(lab)) == (True, [])
    lab.run(again=True)
    assert len(placebos(lab)) == 1
