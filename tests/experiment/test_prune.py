"""``log --prune`` removes logs and refs of old runs; records, rows and the gate stay the same."""

import pytest

from pytest_ouro.evidence.records.journal import Journal


@pytest.fixture
def three_runs(project, recorded):
    """A keep and two discards, each with its ref and log; return the journal."""
    journal = Journal(project.path / ".git")
    (journal.folder / "runs").mkdir(parents=True)
    for number, status in ((1, "keep"), (3, "discard"), (5, "discard")):
        run = recorded(status, 2.0, tried=f"refs/ouro/tried/{number}")
        (journal.folder / "runs" / f"{run.run}.log").write_text("x" * 1000)
    for started in (record for record in journal.records() if record.event == "started"):
        project.git("update-ref", started.tried_ref, started.commit)
    return journal


def refs(project):
    return project.git("for-each-ref", "--format=%(refname)", "refs/ouro/tried").splitlines()


def test_logs_and_refs_of_old_runs_go_and_records_stay(project, ouro, three_runs):
    lines, rows = three_runs.lines(), (project.path / "results.tsv").read_text()
    before = ouro("gate")[0], ouro("log")
    assert len(refs(project)) == 3

    status, said, err = ouro("log", "--prune", "0")

    assert (status, err) == (0, "")
    assert said.startswith("ouro: removed 3 logs (0.0 MB) and 1 refs of runs before ")
    assert refs(project) == ["refs/ouro/tried/1", "refs/ouro/tried/5"]  # the keep, the newest
    assert (three_runs.lines(), (project.path / "results.tsv").read_text()) == (lines, rows)
    assert (ouro("gate")[0], ouro("log")) == before
    assert ouro("log", "--prune", "0")[1].startswith("ouro: removed 0 logs (0.0 MB) and 0 refs")


def test_runs_that_are_not_old_stay(project, ouro, three_runs):
    assert ouro("log", "--prune", "1e9")[1].startswith("ouro: removed 0 logs")
    assert len(refs(project)) == 3


def test_a_ref_without_a_number_is_left_alone(project, ouro, three_runs):
    project.git("update-ref", "refs/ouro/tried/mine", "HEAD")

    assert ouro("log", "--prune", "0")[0] == 0
    assert refs(project) == [f"refs/ouro/tried/{name}" for name in ("1", "5", "mine")]


@pytest.mark.parametrize("days", ["-1", "nan", "inf"])
def test_days_must_be_a_number_of_days(ouro, days):
    status, _, err = ouro("log", f"--prune={days}")
    assert status == 2
    assert "--prune must be 0 days or more" in err
