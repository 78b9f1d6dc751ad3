"""Runs of a commit that is not HEAD, for another purpose than to try it; and statements on them."""

import json

import pytest

from pytest_ouro.core.errors import RecordError
from pytest_ouro.engine import check_all, open_case
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import anchor
from pytest_ouro.evidence.records.statement import Statement
from pytest_ouro.experiment.measure import measure_commit
from pytest_ouro.experiment.terms.turns import Turn

PLAN = "0123456789ab"
DRAWS = "import random\nrandom.seed({seed})\n"


def drawing(lab, seed=1):
    """A train.py whose value depends on the salt."""
    return (
        lab.script(0)
        .replace("evaluate_bpb(0)", "evaluate_bpb(2 + random.random())")
        .replace("val_bpb =", DRAWS.format(seed=seed) + "val_bpb =", 1)
    )


def pair(lab, baseline, tip, salt=7):
    """Run both sides of a pair, and return their records."""
    turn = Turn(salt=salt, purpose="pair", plan=PLAN)
    case = open_case(lab.path / "bound.toml")
    return [measure_commit(case.at(commit), turn)[0].record for commit in (baseline, tip)]


def statement(baseline, tip, /, **changes):
    """A certificate over one pair of runs."""
    values = {"baseline": baseline.value, "tip": tip.value} | changes.pop("values", {})
    salts = {"salt": baseline.salt, "first": "baseline", "runs": [baseline.run, tip.run]}
    facts = {
        "event": "certificate",
        "time": baseline.time,
        "plan": PLAN,
        "result": "not-granted",
        "baseline": baseline.commit,
        "tip": tip.commit,
        "pairs": (salts | values,),
        "gain": baseline.value - tip.value,
        "metric_name": "val_bpb",
    }
    return Statement(**facts | changes)


@pytest.fixture
def two(lab):
    """A baseline and a later keep, both tried."""
    first = lab.commit(drawing(lab))
    lab.run()
    lab.run(lab.script(1.0))
    return first, lab.project.git("rev-parse", "HEAD").strip()


@pytest.mark.tier(2)
def test_an_earlier_commit_is_measured_and_nothing_else_changes(lab, two):
    first, tip = two
    (lab.path / "train.py").write_text("raise SystemExit('not committed')\n")

    baseline, other = pair(lab, first, tip)

    assert lab.project.git("rev-parse", "HEAD").strip() == tip
    assert (lab.path / "train.py").read_text().startswith("raise")
    assert (baseline.commit, baseline.salt, baseline.plan) == (first, 7, PLAN)
    assert (baseline.reason.value, baseline.status, other.value) == ("pair", "discard", 1.0)
    assert (other.gain, other.purpose) == (None, "pair")
    assert baseline.value != lab.journal.runs()[0].value, "the salt changes the seeds"
    assert [row[4][:7] for row in lab.rows[2:]] == ["[pair] ", "[pair] "]


@pytest.mark.tier(2)
def test_a_side_of_a_pair_decides_nothing(lab, two):
    first, tip = two
    pair(lab, first, tip)

    again = lab.run(lab.script(0.5))

    assert (again.status, again.record.best_commit, again.record.best) == ("keep", tip, 1.0)
    broken = [r.rule for r in check_all(open_case(lab.path / "bound.toml")) if r.broken]
    assert broken == []
    lab.clean()


def test_a_side_that_breaks_a_rule_about_runs_is_a_breach(lab, two):
    first, _ = two
    bad = lab.commit(lab.trains("time.sleep(0.01)").replace("2.0", "float('1e9')"))
    baseline, other = pair(lab, first, bad)
    assert baseline.outcome == "ok"
    assert (other.status, other.outcome) == ("crash", "breach")


def test_a_commit_that_breaks_a_rule_is_not_run(lab, two):
    first, _ = two
    lab.project.commit("touch the harness", {"prepare.py": "def evaluate_bpb(x): return 0\n"})
    bad = lab.project.git("rev-parse", "HEAD").strip()
    case = open_case(lab.path / "bound.toml")
    before = len(lab.journal.records())

    result, _ = measure_commit(case.at(bad), Turn(salt=7, purpose="pair", plan=PLAN))

    assert (result.status, len(lab.journal.records())) == ("closed", before)
    assert measure_commit(case.at(first), Turn(salt=7, purpose="pair", plan=PLAN))[0].value


@pytest.mark.tier(2)
def test_a_statement_is_a_line_of_the_journal(lab, two):
    runs = pair(lab, *two)
    written = lab.journal.append(statement(*runs))

    assert lab.journal.statements() == [written]
    assert lab.journal.fault() is None
    assert len(lab.journal.runs()) == 4
    lab.run(lab.script(0.9))
    lab.clean()


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"values": {"tip": 0.0}}, "pairs.tip"),
        ({"values": {"salt": 8}}, "pairs.salt"),
        ({"values": {"runs": ["f" * 12, "f" * 12]}}, "pairs.baseline"),
        ({"gain": 9.0}, "gain"),
        ({"tip": "a" * 40}, "tip"),
    ],
)
def test_a_statement_that_its_runs_contradict_is_refused(lab, two, changes, field):
    runs = pair(lab, *two)
    with pytest.raises(RecordError, match=field):
        lab.journal.append(statement(*runs, **changes))
    assert lab.journal.statements() == []


@pytest.mark.tier(2)
def test_a_changed_value_of_a_pair_is_found_in_the_file(lab, two):
    runs = pair(lab, *two)
    lab.journal.append(statement(*runs))
    lines = lab.journal.lines()
    table = json.loads(lines[-1])
    table["pairs"][0]["tip"] = 0.25
    lab.journal.path.write_bytes(b"\n".join([*lines[:-1], json.dumps(table).encode(), b""]))

    assert "is not what was recorded" in lab.journal.fault().headline
    run_git("update-ref", "-d", anchor.REF, cwd=lab.path)
    assert "pairs.tip" in lab.journal.fault().headline
