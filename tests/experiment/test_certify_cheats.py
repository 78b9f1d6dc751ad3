"""Ways to a certificate that the pairs do not deserve, each of which must fail."""

import json
from functools import partial
from types import SimpleNamespace

import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.core.errors import RecordError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.statistics.pairs import confirm, grant
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records import anchor, record_format
from pytest_ouro.evidence.records.conflicts import conflicts
from pytest_ouro.experiment import measure
from pytest_ouro.experiment.measure import measure_commit
from pytest_ouro.experiment.selection.attempts import count_attempts
from pytest_ouro.experiment.selection.certify import certify
from pytest_ouro.experiment.selection.confirm import confirm_edit
from pytest_ouro.experiment.selection.plan import Plan
from pytest_ouro.experiment.steps import evaluate_command
from pytest_ouro.experiment.terms import repo
from pytest_ouro.experiment.terms.turns import Turn
from tests.experiment.test_certify import case_of, noisy

pytestmark = pytest.mark.usefixtures("fixed_salts")

GUARD = """
[[guard]]
id = "size"
rule = "The model stays small."
metric = "size"
at-most = 10
"""


COMMAND = (
    ('script    = "train.py"\n', ""),
    ('harness   = "prepare.py"\n', 'command = ["python", "train.py"]\n'),
    ('evaluate  = "evaluate_bpb"', 'evaluate-command = ["python", "prepare.py"]'),
)
EVALUATE = """\
import os, pathlib, random
words = pathlib.Path(os.environ["OURO_CANDIDATE"], "train.py").read_text().split()
salt = int(os.environ.get("OURO_SALT", 0))
print("size:", words[-2 if salt else -3])
print("val_bpb:", float(words[-1]) + random.Random(salt).random() / 100)
"""


def crashes_if(path):
    """A line of a script that ends it while a file exists."""
    return f"import os\nif os.path.exists({str(path)!r}): raise SystemExit(3)\n"


@pytest.fixture
def mark(lab):
    return lab.path.parent / "mark"


def two_keeps(lab, baseline, tip):
    """Keep two scripts, and return their commits."""
    lab.run(baseline)
    lab.run(tip)
    assert [run.status for run in lab.journal.runs()] == ["keep", "keep"]
    return [run.commit for run in lab.journal.runs()]


@pytest.mark.tier(2)
def test_a_tip_that_crashes_until_it_is_lucky_is_granted_nothing(lab, mark):
    two_keeps(lab, noisy(2.0), crashes_if(mark) + noisy(1.5, own=2))
    mark.touch()
    assert certify(case_of(lab), pairs=2).statement is None
    mark.unlink()

    found = certify(case_of(lab), pairs=2)

    one = found.statement
    assert one.result == "not-granted"
    assert one.gain == pytest.approx(0.5, abs=0.02), "the numbers are shown all the same"
    assert one.against == "runs of the tip failed by themselves (crash 1), and 0 of the baseline"
    assert one.failed == (lab.journal.runs()[2].run,)
    assert "nothing is granted, whatever the values show: runs of the tip" in found.lines()[0]


@pytest.mark.tier(2)
def test_a_tip_that_crashes_is_not_confirmed(lab, mark):
    two_keeps(lab, noisy(2.0), crashes_if(mark) + noisy(1.0, own=2))
    mark.touch()
    assert confirm_edit(case_of(lab), "HEAD").statement is None
    mark.unlink()
    assert confirm_edit(case_of(lab), "HEAD").statement.result == "undecided"


@pytest.mark.tier(2)
def test_a_crash_of_the_baseline_halves_alpha(lab, mark):
    two_keeps(lab, crashes_if(mark) + noisy(2.0), noisy(1.5, own=2))
    mark.touch()
    assert certify(case_of(lab), pairs=3).statement is None
    mark.unlink()

    found = certify(case_of(lab), pairs=3)

    one = found.statement
    assert (one.result, one.against, len(one.failed)) == ("granted", "", 1)
    assert one.alpha == pytest.approx(lab.journal.statements()[0].alpha / 2)
    assert "1 run gave no value and counted against the error" in found.lines()[1]


@pytest.mark.tier(2)
def test_runs_that_are_ended_from_outside_halve_alpha_each(lab, monkeypatch):
    two_keeps(lab, noisy(2.0), noisy(1.0, own=2))
    with monkeypatch.context() as patch:
        patch.setattr(measure, "supervise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        for _ in range(2):
            found = certify(case_of(lab), pairs=3)
            assert found.result.interrupted
    one = certify(case_of(lab), pairs=3).statement
    assert (one.against, len(one.failed)) == ("", 2)
    assert one.alpha == pytest.approx(lab.journal.statements()[0].alpha / 4)


@pytest.mark.tier(2)
def test_a_process_that_could_not_be_started_costs_nothing(lab, monkeypatch):
    two_keeps(lab, noisy(2.0), noisy(1.0, own=2))
    with monkeypatch.context() as patch:
        patch.setattr(measure, "supervise", lambda *_: (_ for _ in ()).throw(OSError("no room")))
        assert certify(case_of(lab), pairs=2).result.reason == "not-started"
    one = certify(case_of(lab), pairs=2).statement
    assert (one.failed, one.alpha) == ((), lab.journal.statements()[0].alpha)


@pytest.mark.tier(2)
def test_a_command_that_keeps_its_evaluation_from_being_started_halves_alpha(lab, monkeypatch):
    """It may fill the disk once it knows that it was slow, and would be run again."""
    lab.bound(*COMMAND, prepare_py=EVALUATE)
    two_keeps(lab, "x = 0  # 5 5 2.0\n", "x = 1  # 5 5 1.0\n")
    with monkeypatch.context() as patch:
        full = OSError("No space left on device")
        patch.setattr(evaluate_command, "evaluate", lambda *_: (_ for _ in ()).throw(full))
        found = certify(case_of(lab), pairs=2)
    assert found.result.reason == "interrupted"
    assert found.result.ended_by is full
    assert found.result.message == "the evaluation could not be started: No space left on device"
    one = certify(case_of(lab), pairs=2).statement
    assert one.failed == (found.result.record.run,)
    assert one.alpha == pytest.approx(lab.journal.statements()[0].alpha / 2)


@pytest.mark.tier(2)
def test_the_first_value_of_a_side_counts(lab, mark):
    """Two sessions at once, or a forged call, measure one side of a pair twice."""
    random = "import os\nval_luck = int.from_bytes(os.urandom(2)) / 65536\n"
    lucky = noisy(1.5, own=2).replace("val =", f"{random}val = val_luck +")
    _, tip = two_keeps(lab, crashes_if(mark) + noisy(9.0), lucky)
    mark.touch()
    certify(case_of(lab), pairs=2)
    mark.unlink()
    plan = lab.journal.statements()[0]
    turn = Turn(salt=plan.pairs[0]["salt"], purpose="pair", plan=plan.plan)
    for _ in range(2):
        measure_commit(case_of(lab).at(tip), turn)

    pair = certify(case_of(lab), pairs=2).statement.pairs[0]

    values = [r.value for r in lab.journal.runs() if r.commit == tip and r.salt == pair["salt"]]
    assert len(values) >= 2
    assert pair["tip"] == values[0]


@pytest.mark.tier(2)
def test_a_baseline_that_is_committed_again_begins_no_night(lab):
    baseline, tip = two_keeps(lab, noisy(2.0), noisy(1.5, own=2))
    certify(case_of(lab), pairs=2)
    git = lab.project.git
    git("checkout", "-q", "-b", "again", f"{baseline}^")
    lab.run("# no other code\n" + noisy(2.0))
    other = git("rev-parse", "HEAD").strip()
    git("checkout", "-q", tip, "--", "train.py")
    git("commit", "-qm", "the same tip")
    lab.run()

    one = certify(case_of(lab), pairs=2).statement

    assert (one.night, one.look) == (other, 2)
    lab.journal.path.unlink()
    git("update-ref", "-d", anchor.REF)
    git("checkout", "-q", other)
    lab.run()
    git("checkout", "-q", "again")
    lab.run()
    assert certify(case_of(lab), pairs=2).statement.look == 3


@pytest.mark.tier(2)
def test_a_person_s_new_baseline_is_a_new_night(lab):
    two_keeps(lab, noisy(2.0), noisy(1.5, own=2))
    certify(case_of(lab), pairs=2)
    lab.project.write({"train.py": noisy(2.0)})
    lab.project.git("add", "-A")
    bless(lab.path / "bound.toml", new_baseline=True)
    lab.project.commit("a new baseline")
    lab.run()
    lab.run(noisy(1.5, own=2))
    assert certify(case_of(lab), pairs=2).statement.look == 1


@pytest.mark.tier(2)
def test_other_code_is_another_baseline(lab):
    baseline, _ = two_keeps(lab, noisy(2.0), noisy(1.5, own=2))
    certify(case_of(lab), pairs=2)
    lab.project.git("checkout", "-q", "-b", "other", f"{baseline}^")
    lab.run(noisy(2.5))
    lab.run(noisy(1.5, own=3))
    assert certify(case_of(lab), pairs=2).statement.look == 1


@pytest.mark.tier(2)
def test_a_deleted_ref_of_a_look_is_set_again(lab, mark):
    baseline, tip = two_keeps(lab, noisy(2.0), crashes_if(mark) + noisy(1.5, own=2))
    mark.touch()
    certify(case_of(lab), pairs=2)
    ref = f"{anchor.LOOKS}certificate/{baseline}/1"
    lab.project.git("update-ref", "-d", ref)
    certify(case_of(lab), pairs=2)
    assert lab.project.git("rev-parse", ref).strip() == tip


@pytest.mark.tier(2)
def test_a_guard_that_a_pair_breaks_forbids_the_certificate(lab):
    """Each script ends with its size without a salt, its size with one, and its value."""
    lab.bound(*COMMAND, ("[verdict]", f"{GUARD}\n[verdict]"), prepare_py=EVALUATE)
    two_keeps(lab, "x = 0  # 5 5 2.0\n", "x = 1  # 5 25 1.0\n")

    found = certify(case_of(lab), pairs=3)
    one = found.statement

    assert (one.result, one.counts_as_one) == ("not-granted", "")
    assert one.against.startswith("guard size is broken: size 25, at most 10")
    (why,) = found.lines(quiet=True)
    assert why.startswith("ouro: nothing is granted, whatever the values show: guard size is")


@pytest.mark.tier(2)
def test_a_guard_of_the_best_is_not_compared_with_the_tip_itself(lab):
    limit = GUARD.replace("at-most = 10", 'at-most = 1.0\nof = "best"')
    limit = limit.replace('metric = "size"', 'metric = "code-size"')
    lab.bound(("[verdict]", f"{limit}\n[verdict]"))
    two_keeps(lab, "longer = 1\n" + noisy(2.0), noisy(1.0, own=2))
    one = certify(case_of(lab), pairs=3).statement
    assert (one.result, one.against) == ("granted", "")
    first, last = (run.guards[0]["value"] for run in lab.journal.runs()[:2])
    guards = [run.guards[0] for run in lab.journal.runs() if run.purpose == "pair"]
    assert {(guard["value"], guard["limit"]) for guard in guards} == {(first, None), (last, first)}


@pytest.mark.tier(2)
def test_pairs_below_the_level_of_the_search_are_granted_nothing(lab):
    two_keeps(lab, noisy(2.0), noisy(1.0, own=2))
    one = certify(case_of(lab), pairs=2).statement
    runs = {run.run: run for run in lab.journal.runs()}
    pairs = [
        SimpleNamespace(baseline=runs[a], tip=replace(runs[b], level="claimed"))
        for a, b in (pair["runs"] for pair in one.pairs)
    ]
    plan = Plan.stated_by(lab.journal.statements()[0])
    found = count_attempts(case_of(lab), plan, pairs, level="judged").against
    assert found == "the pairs were measured at the level claimed, and the search at judged"


@pytest.mark.parametrize("direction", [1, -1])
def test_equal_gains_of_few_pairs_are_not_granted(direction):
    """A metric with two decimals often shows one gain in all of two or three pairs by chance."""
    for count in (2, 3, 4):
        assert not grant([0.01 * direction] * count, 0.05).granted
        assert not grant([0.91 - 0.9, 0.81 - 0.8] * count, 0.001).granted
    assert grant([0.01 * abs(direction)] * 5, 0.05).granted, "five signs tell"
    assert not grant([0.0] * 9).granted
    assert confirm([0.01] * 2) == "undecided"
    assert confirm([0.0] * 2) == "refuted"


EDITS = {
    "low": lambda table: table.update(low=0.4),
    "high": lambda table: table.update(high=9.0),
    "se": lambda table: table.update(se=0.0),
    "alpha": lambda table: table.update(alpha=0.5),
    "look": lambda table: table.update(look=7),
    "looks": lambda table: table.update(looks=1),
    "night": lambda table: table.update(night="a" * 40),
    "pairs": lambda table: table["pairs"].reverse(),
    "result": lambda table: table.update(against="a reason"),
    "failed": lambda table: table.update(failed=[]),
    "evidence": lambda table: table.update(evidence="f" * 64),
    "claimed": lambda table: table.update(claimed=9.0),
    "level": lambda table: table.update(level="judged"),
    "harness": lambda table: table.update(harness="another"),
    "p_flip": lambda table: table.update(p_flip=0.01),
}
#: As `EDITS`, of a confirmation.
CONFIRMATION = {
    "result": lambda table: table.update(result="refuted"),
    "alpha": lambda table: table.update(alpha=3 * table["alpha"]),
}


@pytest.mark.tier(2)
def test_an_edited_statement_contradicts_what_it_follows_from(lab, mark):
    two_keeps(lab, crashes_if(mark) + noisy(2.0), noisy(1.5, own=2))
    mark.touch()
    certify(case_of(lab), pairs=3)
    mark.unlink()
    assert certify(case_of(lab), pairs=3).statement.result == "granted"
    demand_conflicts(lab, EDITS)
    with pytest.raises(RecordError):
        lab.journal.demand_whole()


def test_an_edited_confirmation_contradicts_what_it_follows_from(lab):
    two_keeps(lab, noisy(2.0), noisy(1.5, own=2))
    assert confirm_edit(case_of(lab), "HEAD").statement.result == "confirmed"
    demand_conflicts(lab, CONFIRMATION)


def demand_conflicts(lab, edits):
    """Each edit of the journal's last line is found, by the key that contradicts."""
    lines = lab.journal.lines()
    lab.project.git("update-ref", "-d", anchor.REF)
    assert lab.journal.fault() is None
    for field, edit in edits.items():
        table = json.loads(lines[-1])
        edit(table)
        lab.journal.path.write_bytes(b"\n".join([*lines[:-1], json.dumps(table).encode(), b""]))
        assert f"'{field}' in line {len(lines)} contradicts" in lab.journal.fault().headline, field


@pytest.mark.tier(2)
def test_a_command_without_noise_shows_nothing(lab):
    """Its equal values do not tell whether it has no noise or ignores the salts."""
    lab.bound(*COMMAND, prepare_py=EVALUATE.replace("random.Random(salt).random()", "0"))
    two_keeps(lab, "x = 0  # 5 5 2.0\n", "x = 1  # 5 5 1.0\n")
    one = certify(case_of(lab), pairs=5, looks=1).statement
    assert (one.gain, one.result) == (1.0, "not-granted")
    assert "measured exactly the same value" in one.counts_as_one


@pytest.mark.tier(2)
def test_higher_is_better(lab):
    lab.bound(("[experiment]", '[experiment]\ndirection = "higher"'))
    two_keeps(lab, noisy(1.5), noisy(2.0, own=2))
    one = certify(case_of(lab), pairs=3).statement
    assert (one.result, one.gain) == ("granted", pytest.approx(0.5, abs=0.02))


@pytest.mark.tier(2)
def test_a_tip_that_moves_meanwhile_begins_another_look(lab, mark):
    two_keeps(lab, crashes_if(mark) + noisy(2.0), noisy(1.5, own=2))
    mark.touch()
    certify(case_of(lab), pairs=2)
    mark.unlink()
    lab.run(noisy(1.0, own=3))
    one = certify(case_of(lab), pairs=2).statement
    assert one.look == 2
    assert open_case(lab.path / "bound.toml").repository.head == one.tip
    assert len(repo.refs(case_of(lab).repository.git, anchor.LOOKS)) == 2


FORGED = {
    "plan": {"plan": "f" * 12},
    "result": {"pairs": (), "gain": None, "se": None, "low": 0.4, "high": None, "detectable": None},
    "low": {"low": 0.4, "se": None},
    "se": {"se": None},
    "gain": {"gain": None},
}


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("result", ["granted", "confirmed"])
def test_a_statement_is_not_believed_without_its_plan_and_its_pairs(lab, result):
    """A run that writes a line for another working tree cannot leave out what it would rest on."""
    two_keeps(lab, noisy(2.0), noisy(1.5, own=2))
    find = {
        "granted": partial(certify, pairs=2),
        "confirmed": partial(confirm_edit, revision="HEAD"),
    }
    assert find[result](case_of(lab)).statement.result == result
    *before, honest = (record_format.read(line) for line in lab.journal.lines())
    assert list(conflicts([*before, honest])) == []
    for field, facts in FORGED.items():
        found = [one.field for one in conflicts([*before, replace(honest, **facts)])]
        assert field in found, facts
    found = [one.field for one in conflicts([*before, replace(honest, alpha=None, low=0.4)])]
    assert "result" in found
