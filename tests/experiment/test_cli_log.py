"""``pytest-ouro log``: the journal as a table, as rows, as JSON."""

import json

import pytest

from pytest_ouro.evidence.records.record_format import from_json


@pytest.fixture
def two_runs(lab):
    lab.run(lab.script(2.0))
    lab.commit(lab.script(before="1 / 0"), message="divide \x1b[31mby zero")
    lab.run()
    return lab


def test_table(two_runs):
    done = two_runs.project.ouro("log")
    assert (done.returncode, done.stderr) == (0, "")
    head, kept, crashed = done.stdout.splitlines()
    assert head.split()[2:8] == ["val_bpb", "gain", "against", "status", "state", "level"]
    assert kept.split()[2:6] == ["2.000000", "keep", "provisional", "supervised"]
    assert crashed.split()[2:6] == ["-", kept.split()[1], "crash", "supervised"]
    assert crashed.endswith("divide by zero")
    assert "\x1b" not in done.stdout


def test_json_is_one_record_a_line(two_runs):
    done = two_runs.project.ouro("log", "--json")
    assert done.returncode == 0
    records = [json.loads(line) for line in done.stdout.splitlines()]
    kept, crashed = two_runs.journal.runs()
    state = {"state": "provisional", "state_why": ""}
    assert records == [{**kept.to_json(), **state}, crashed.to_json()]


def test_tsv_is_the_ledger(two_runs):
    done = two_runs.project.ouro("log", "--tsv")
    assert done.stdout == (two_runs.path / "results.tsv").read_text()


def test_no_run_yet(project):
    done = project.ouro("log")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "ouro: no run is recorded yet: pytest --ouro-experiment makes one\n"
    assert project.ouro("log", "--tsv").stderr == ""
    assert project.ouro("log", "--tsv", "--json").returncode == 2


def test_a_run_without_an_end_is_shown(lab):
    lab.journal.append(
        from_json(
            {
                "event": "started",
                "run": "0123456789ab",
                "time": "2025-01-01T00:00:00",
                "commit": "a" * 40,
            }
        )
    )
    assert (
        "no end is recorded: it was killed, or is on another machine"
        in lab.project.ouro("log").stdout
    )


def test_a_changed_record_is_reported(two_runs):
    text = two_runs.journal.path.read_text()
    two_runs.journal.path.write_text(text.replace('"val_bpb": 2.0,', '"val_bpb": 1.0,'))
    done = two_runs.project.ouro("log")
    assert done.returncode == 2
    assert "journal.jsonl:2: line 2 is not what was recorded" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["[]\n", "\n"])
def test_a_damaged_journal_is_reported(lab, text):
    lab.journal.folder.mkdir()
    lab.journal.path.write_text(text)
    done = lab.project.ouro("log")
    assert done.returncode == 2
    assert done.stderr.count("journal.jsonl:1: not a record of a run") == 1
    assert "Traceback" not in done.stderr


def test_without_rules_there_is_no_log(lab):
    (lab.path / "bound.toml").unlink()
    done = lab.project.ouro("log")
    assert done.returncode == 2
    assert "no bound.toml in" in done.stderr
