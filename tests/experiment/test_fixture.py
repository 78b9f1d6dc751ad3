"""The ``experiment`` fixture in a person's own tests: one run, shared with the item."""

import pytest

USES = """\
def test_score(experiment):
    assert experiment.val_bpb < 3
    assert experiment.level == "supervised"
    assert experiment.status == "keep"

def test_again(experiment):
    assert experiment.record["run"]
    assert experiment.last_line.startswith("ouro: keep")

def test_other():
    pass
"""


@pytest.fixture
def mine(lab):
    """The toy project with its own test, blessed."""
    ignore = "run.log\nresults.tsv\n__pycache__\n"
    lab.bound(test_mine_py=USES, **{".gitignore": ignore})
    lab.commit(lab.script())
    return lab


def test_with_the_flag_item_and_fixture_share_one_run(mine, last_line):
    done = mine.pytest("test_mine.py")
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout
    assert [record["event"] for record in mine.journal.records()] == ["started", "finished"]
    assert last_line(done).startswith("ouro: keep")
    mine.clean()


def test_without_the_flag_it_skips(mine):
    done = mine.project.pytest("test_mine.py", "-rs")
    assert done.returncode == 0
    assert "1 passed, 2 skipped" in done.stdout
    assert "needs --ouro-experiment" in done.stdout
    assert mine.journal.records() == []


@pytest.mark.tier(2)
def test_the_run_is_made_though_only_the_test_is_selected(mine):
    done = mine.pytest("test_mine.py", "-k", "test_score")
    assert done.returncode == 0, done.stdout
    assert len(list(mine.journal.runs())) == 1


def test_a_closed_gate_fails_the_test(mine):
    mine.project.write({"stray.py": ""})
    done = mine.pytest("test_mine.py")
    assert done.returncode == 1
    assert "no experiment was run: rules are broken" in done.stdout
    assert mine.journal.records() == []


def test_a_run_that_cannot_be_made_fails_the_test(mine):
    mine.project.edit("train.py", "2.0", "1.0")
    done = mine.pytest("test_mine.py")
    assert done.returncode == 1
    assert done.stdout.count("train.py has changes that are not committed") >= 2
    assert mine.journal.records() == []


def test_a_crash_reaches_the_test_as_a_result(mine):
    mine.commit(mine.script(before="1 / 0"))
    done = mine.project.pytest("--ouro-experiment", "test_mine.py")
    assert done.returncode == 1
    assert "TypeError" in done.stdout, "None < 3: there is no value"
    assert len(list(mine.journal.runs())) == 1


@pytest.mark.tier(2)
def test_bytecode_that_pytest_writes_is_not_a_stray_file(mine):
    """Collecting a person's tests compiles them, before any rule is judged."""
    mine.bound(**{".gitignore": "run.log\nresults.tsv\n"})
    done = mine.pytest("test_mine.py")
    assert done.returncode == 0, done.stdout


@pytest.mark.tier(2)
def test_a_failing_test_does_not_change_the_verdict(mine, last_line):
    mine.bound(test_mine_py="def test_strict(experiment):\n    assert experiment.val_bpb < 1\n")
    mine.commit(mine.script(1.5))
    done = mine.project.pytest("--ouro-experiment", "test_mine.py")
    assert done.returncode == 1
    assert last_line(done).startswith("ouro: keep val_bpb=1.500000")
