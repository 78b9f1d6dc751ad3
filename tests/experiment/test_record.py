"""The records of a run, and which runs can be compared."""

import os
import subprocess
import sys

import pytest

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.line import VERSION
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
from pytest_ouro.experiment.devices.device import Surroundings
from pytest_ouro.experiment.records import editable, record
from pytest_ouro.experiment.steps import evaluate_command
from pytest_ouro.experiment.terms.setup import Setup
from pytest_ouro.experiment.terms.turns import Turn
from pytest_ouro.experiment.verdict.history import comparable


@pytest.fixture
def case(project):
    opened = open_case(project.path / "bound.toml")
    yield opened
    opened.close()


def start(case, *, rehearsal=False):
    harness = evaluate_command.digest(case, case.experiment)
    experiment = replace(case.experiment, budget=0.2) if rehearsal else case.experiment
    setup = Setup(case, experiment, "cpu", case.repository.git.top)
    run = record.describe(setup, Turn(), harness=harness, place=Surroundings(""), holds=())
    return record.start(setup.case, run)


@pytest.fixture
def started(case):
    return start(case, rehearsal=False)


def finished(started, reason, **facts):
    """Return the record of a run with this end."""
    shared = started.shared()
    return FinishedRun(
        **shared, time=started.time, status=reason.status, reason=reason, row="", **facts
    )


def test_code_in_an_older_form_is_described_again(case, started):
    """The digests and sizes of a record may be of another version of Python."""
    old = replace(started, code_meaning="old", code_sizes={"python": 1}, code_form="older")
    again = editable.describe_again(case, old)

    assert again == started
    assert again.code_size == sum(again.code_sizes.values())
    assert again.code_form.startswith(f"3 python {sys.version_info[0]}")


@pytest.mark.parametrize("files", [{}, {"train.py": "0" * 40}])
def test_code_that_is_gone_is_unknown(case, started, files):
    old = replace(started, code=files, code_form="older")
    again = editable.describe_again(case, old)
    assert (again.code_meaning, again.code_seedless, again.code_sizes) == ("", "", {})


def test_now_is_utc():
    assert record.now().endswith("+00:00")


def test_start_is_written_before_the_run(case, started, project):
    assert case.evidence.journal.records() == [started]
    assert (started.seq, started.event, started.version) == (1, "started", VERSION)
    assert started.pid == os.getpid()
    assert (started.worktree, started.ledger_rows) == ("", 0)
    assert started.tried_ref == "refs/ouro/tried/1"
    assert project.git("rev-parse", started.tried_ref) == started.commit


def test_finish_writes_record_and_row(case, started, project):
    run = finished(
        started, Reason.BASELINE, outcome="ok", measured_value=1.23456789, value=1.23456789,
        peak_mb=2048.0,
    )  # fmt: skip
    written = record.finish(case, run)
    assert written.seq == 2
    assert case.evidence.journal.records() == [started, written]
    assert not case.evidence.journal.unfinished()
    row = f"{started.commit[:7]}\t1.234568\t2.0\tkeep\tbless"
    assert written.row == row
    assert (project.path / "results.tsv").read_text().splitlines() == [
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        row,
    ]


def test_a_crash_has_no_value_in_its_row(case, started):
    run = finished(started, Reason.BREACH, outcome="breach", measured_value=1.5, peak_mb=2048.0)
    assert record.finish(case, run).row.split("\t")[1:4] == ["0.000000", "0.0", "crash"]


def test_a_rehearsal_says_so_in_its_row(case):
    ok = {"outcome": "ok", "measured_value": 1.5, "value": 1.5}
    run = finished(start(case, rehearsal=True), Reason.REHEARSAL, **ok)
    assert record.finish(case, run).row.endswith("[rehearsal 0.2s] bless")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("tab\there", "tab here"),
        ("\x1b[31mred", "[31mred"),
        ("ümlaut → €", "ümlaut → €"),
        ("first\n\nbody of the message", "first"),
    ],
)
def test_a_description_is_one_plain_cell(project, message, words):
    project.commit(message)
    case = open_case(project.path / "bound.toml")
    row = record.finish(case, finished(start(case), Reason.CRASH)).row
    assert row.count("\t") == 4
    assert row.split("\t")[4] == words


def test_rows_that_were_there_are_left_alone(case, started, project):
    path = project.path / "results.tsv"
    path.write_bytes(b"commit\tval_bpb\r\nabc\t1.0")
    record.finish(case, finished(started, Reason.CRASH))
    data = path.read_bytes()
    assert data.startswith(b"commit\tval_bpb\r\nabc\t1.0\r\n")
    assert data.count(b"\n") == 3


def test_abandon_is_a_crash_without_a_measurement(case, started):
    record.abandon(case, started, "not-started")
    (run,) = case.evidence.journal.runs()
    assert (run.status, run.reason, run.outcome) == ("crash", "not-started", "not-started")
    assert (run.value, run.window_seconds) == (None, None)


def test_a_lost_run_is_recorded_once(case, started):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    case.evidence.journal.append(replace(started, seq=None, run="dead" * 3, pid=dead.pid))
    record.record_lost_runs(case)
    record.record_lost_runs(case)
    runs = case.evidence.journal.runs()
    assert [(run.run, run.reason) for run in runs] == [("dead" * 3, "lost")]
    assert [run.run for run in case.evidence.journal.unfinished()] == [started.run]


def test_a_run_whose_record_names_no_process_is_lost(case, started):
    """Such a record is not from a supervisor of this version: none can still be at work."""
    case.evidence.journal.append(replace(started, seq=None, run="dead" * 3, pid=0, process=""))

    assert record.record_lost_runs(case)
    assert [run.run for run in case.evidence.journal.runs()] == ["dead" * 3]


def test_keys_of_the_end_in_a_started_line_are_not_recorded(case, started):
    """Keys of a finished line in a started one come from another program or version."""
    line = {**started.to_json(), "val_bpb": 0.1, "status": "keep", "level": "judged", "more": 1}
    record.abandon(case, StartedRun.from_json(line), "lost")
    [run] = case.evidence.journal.runs()
    assert (run.value, run.status, run.level, run.unknown) == (None, "crash", None, {"more": 1})


def test_archive_keeps_a_copy(case, project):
    (project.path / "run.log").write_text("words\n")
    record.archive(case, "run.log", "abc")
    assert (case.evidence.journal.folder / "runs" / "abc.log").read_text() == "words\n"


PAST = MeasuredRun(
    time="2025-01-01T00:00:00",
    run="0" * 12,
    commit="a" * 40,
    device="cuda",
    device_name="H100",
    budget=300.0,
    clock="wall",
    data="d",
    harness="h",
    metric_name="val_bpb",
    level="supervised",
    outcome="ok",
)


@pytest.mark.parametrize(
    ("change", "is_comparable"),
    [
        ({}, True),
        ({"commit": "another"}, True),
        ({"device": "cpu"}, False),
        ({"device_name": "H200"}, False),
        ({"budget": 20}, False),
        ({"clock": "cpu"}, False),
        ({"data": "e"}, False),
        ({"harness": "i"}, False),
        ({"metric_name": "val_loss"}, False),
        ({"level": "judged"}, False),
        ({"rows": 64}, False),
        ({"rehearsal": True}, False),
        ({"outcome": "nan"}, False),
    ],
)
def test_only_runs_under_equal_conditions_are_compared(change, is_comparable):
    assert comparable(replace(PAST, **change), PAST) is is_comparable


def test_unmeasured_conditions_of_a_crash_are_not_compared():
    assert comparable(PAST, replace(PAST, outcome="crash", level=None))
