"""Code that was measured before is not run again: the record answers, and its value counts."""

import json
from pathlib import Path

import pytest

from pytest_ouro.core.errors import RecordError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.records import anchor
from tests.experiment.test_evaluate_command import EVALUATION, KEYS, OUT
from tests.experiment.test_repeat import seeded

#: Counts the runs of a script in a file of the home folder.
COUNTS = (
    "import os\nwith open(os.path.expanduser('~/runs'), 'a') as runs:\n    runs.write('one ')\n"
)


def counting(lab, value=2.0, **text):
    """A train.py that leaves a trace of each run."""
    return COUNTS + lab.script(value, **text)


@pytest.fixture
def runs_made(lab):
    """``runs_made()``: how often a script that counts was run."""
    place = Path("~/runs").expanduser()
    return lambda: len(place.read_text().split()) if place.exists() else 0


@pytest.fixture
def lost(lab):
    """A kept baseline with the value 2, and a discarded commit with 3; the branch is settled."""
    lab.run(counting(lab, 2.0))
    lab.run(counting(lab, 3.0), settle=True)
    return lab


@pytest.mark.tier(2)
def test_it_is_answered_from_the_record(lost, runs_made, last_line):
    first = lost.journal.runs()[1]
    kept = lost.project.git("rev-parse", "HEAD")
    commit = lost.commit(counting(lost, 3.0, after="# in other words"))

    done = lost.pytest("--ouro-settle", "-q")

    assert (runs_made(), done.returncode) == (2, 0)
    *_, run = lost.journal.runs()
    assert (run.measured_by, run.value, run.commit) == (first.run, 3.0, commit)
    line = (
        f"ouro: this code was measured before: commit {first.commit[:7]} val_bpb=3.000000 discard "
        "(worse); it was not run again (--ouro-again runs it)"
    )
    assert done.stdout.splitlines().count(line) == 1, done.stdout
    assert last_line(done) == (
        f"ouro: discard val_bpb=3.000000 best=2.000000 level=supervised commit={commit[:7]} "
        "reason=unchanged"
    )
    assert lost.project.git("rev-parse", "HEAD") == kept, "the branch was settled"
    assert lost.rows[-1] == [commit[:7], "3.000000", "0.0", "discard", "[measured before] an idea"]
    assert lost.project.git("rev-parse", run.tried) == commit
    assert lost.project.ouro("gate").returncode == 0
    lost.clean()


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("order", "runs"), [({"again": True}, 1), ({"repeat": 2}, 2), ({"budget": 0.2}, 1)]
)
def test_it_is_run_again_if_that_is_asked_for(lost, runs_made, order, runs):
    lost.commit(counting(lost, 2.0, after="# in other words"))

    result = lost.run(**order)

    assert runs_made() == 2 + runs
    assert result.record.measured_by is None


def test_the_option_asks_for_it(lost, runs_made):
    lost.commit(counting(lost, 3.0, after="# in other words"))
    done = lost.pytest("--ouro-again")
    assert (runs_made(), done.returncode) == (3, 0)
    assert "this code was measured before" in done.stdout
    assert "not run again" not in done.stdout


def test_the_same_commit_again_is_not_run(lost, runs_made):
    again = lost.run()

    assert (again.status, again.reason, again.value) == ("discard", "unchanged", 2.0)
    assert runs_made() == 2
    better = lost.run(counting(lost, 1.5))
    assert (better.status, better.best) == ("keep", 2.0)


def test_its_old_value_counts_against_another_reference(lost, runs_made):
    """Code that lost to a former keep is kept if it is better than the present one."""
    baseline = lost.project.git("rev-parse", "HEAD")
    lost.run(counting(lost, 1.0))
    lost.run(counting(lost, 1.5), settle=True)
    lost.project.git("reset", "-q", "--hard", baseline)  # a person takes the keep back

    result = lost.run(counting(lost, 1.5))

    assert (result.status, result.reason, result.best) == ("keep", "improved", 2.0)
    assert (result.value, runs_made()) == (1.5, 4)
    worse = lost.run(counting(lost, 1.7))
    assert (worse.best, worse.record.best_commit) == (1.5, result.commit)
    lost.clean()


@pytest.mark.tier(2)
def test_the_reference_is_not_measured_again_for_an_answer(lost, runs_made):
    lost.bound(("noise = 0.01", 'noise = 0.01\nremeasure = "kept"'))
    lost.run(counting(lost, 1.5))
    assert runs_made() == 3

    answered = lost.run(counting(lost, 3.0, after="# in other words"), settle=True)
    assert (answered.record.measured_by is not None, runs_made()) == (True, 3)

    lost.run(counting(lost, 1.0))
    assert runs_made() == 5, "the last keep, and the try"


def test_a_mean_counts_as_such(lab):
    lab.run(lab.script(2.0))
    lab.run(seeded(lab, 2.0, 0.001), repeat=3, settle=True)
    mean = lab.journal.runs()[-1].mean

    result = lab.run(seeded(lab, 2.0, 0.001))

    assert (result.record.n, result.record.mean, result.value) == (3, mean, mean)
    assert result.record.se == pytest.approx(0.01 * (1 + 1 / 3) ** 0.5)
    lab.clean()


def test_what_was_not_measured_tells_nothing_about_noise(lab):
    lab.bound(("noise = 0.01", 'noise = "auto"'))
    lab.run(lab.script(2.0))
    for _ in range(3):
        lab.run()

    assert lab.run(lab.script(1.9)).reason == "noise-unknown"


def test_code_with_other_seeds_is_run(lost, runs_made):
    lost.run(counting(lost, 2.5, before="seed = 1"), settle=True)
    said = []

    result = lost.run(counting(lost, 2.5, before="seed = 2"), say=said.append)

    assert (result.reason, runs_made()) == ("seed-only", 4)
    assert "except for its seeds" in said[0]
    assert "not run again" not in said[0]


def test_after_a_crash_of_the_same_code_it_is_run(lab, runs_made):
    once = "if os.path.exists(os.path.expanduser('~/broken')): raise SystemExit(3)"
    lab.run(counting(lab, 2.0))
    lab.run(counting(lab, 2.5, before=once), settle=True)
    lab.project.git("reset", "-q", "--hard", lab.journal.runs()[1].commit)
    Path("~/broken").expanduser().touch()
    assert lab.run(again=True).status == "crash"
    assert lab.run().status == "crash"
    assert runs_made() == 4


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "change",
    [
        {"prepare.py": "# another harness\n"},
        {"helper.py": "x = 1\n"},
    ],
)
def test_other_conditions_are_measured(lost, runs_made, change):
    [(name, text)] = change.items()
    place = lost.path / name
    before = place.read_text() if place.exists() else ""
    lost.bound(**{name.replace(".", "_"): text + before})

    result = lost.run(counting(lost, 3.0, after="# in other words"))

    assert (result.record.measured_by, runs_made()) == (None, 3)


def test_the_first_run_after_a_blessing_is_made(lost, runs_made):
    """It shows whether the blessing changed what is measured; then old values count again."""
    lost.bound(("noise = 0.01", "noise = 0.02"))

    first = lost.run(counting(lost, 3.0, after="# in other words"), settle=True)
    second = lost.run(counting(lost, 3.0, after="# and again"))

    assert (first.record.measured_by, runs_made()) == (None, 3)
    assert second.record.measured_by == first.record.run
    assert second.record.noise == 0.02


def test_a_rule_that_the_old_run_breaks_now_is_judged_by_a_run(lost, runs_made):
    lost.bound(("[verdict]", "plausible = [0.0, 2.5]\n\n[verdict]"))
    lost.run(counting(lost, 1.9))

    result = lost.run(counting(lost, 3.0, after="# in other words"))

    assert (result.status, result.reason, runs_made()) == ("crash", "breach", 4)


def test_a_broken_rule_comes_first(lost, runs_made):
    lost.commit(counting(lost, 3.0, after="# in other words"))
    (lost.path / "stray.py").write_text("")

    assert (lost.run().status, runs_made()) == ("closed", 2)


@pytest.mark.parametrize(("text", "measured"), [("# words\n", True), ("", False)])
def test_files_that_a_command_measures_must_be_the_same(lab, text, measured):
    """What measures the files may read comments."""
    lab.bound(*KEYS, train_py=OUT, prepare_py=EVALUATION)
    first = lab.run()
    lab.project.commit("no change of the code")

    result = lab.run(text + OUT) if text else lab.run()

    assert result.record.measured_by == (None if measured else first.record.run)
    assert result.reason == "unchanged"


def test_a_changed_value_is_refused(lost):
    lost.run(counting(lost, 3.0, after="# in other words"))
    *_, run = lost.journal.runs()
    forged = replace(run, run="f" * 12, value=1.0, measured_value=1.0, seq=None)
    with pytest.raises(RecordError, match="value"):
        lost.journal.append(forged)

    lines = lost.journal.lines()
    table = json.loads(lines[-1])
    table |= {"val_bpb": 1.0, "value": 1.0, "gain": 1.0}
    table["row"] = table["row"].replace("3.000000", "1.000000")
    lost.journal.path.write_bytes(b"\n".join([*lines[:-1], json.dumps(table).encode(), b""]))
    run_git("update-ref", "-d", anchor.REF, cwd=lost.path)
    assert "'value'" in lost.journal.fault().headline
