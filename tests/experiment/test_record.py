"""The records of a run, and which runs can be compared."""

import os
import subprocess
import sys

import pytest

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.engine import open_case
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.evidence.records.run_record import FinishedRun, MeasuredRun, StartedRun
from pytest_ouro.evidence.records.verdicts import LITERAL
from pytest_ouro.experiment.devices.device import Surroundings
from pytest_ouro.experiment.records import record
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
    return record.start(setup, Turn(), harness=harness, place=Surroundings(""), holds=())


@pytest.fixture
def started(case):
    return start(case, rehearsal=False)


def finished(started, reason, **facts):
    """Return the record of a run with this end."""
    shared = started.shared()
    return FinishedRun(
        **shared, time=started.time, status=reason.status, reason=reason, row="", **facts
    )


SAME = [
    "x = f(1, 2)\n",
    "x = f(1, 2)  # words\n",
    "\n\n# words\nx = f(\n    1,\n    2,\n)\n\n",
    '"""A docstring."""\nx = f(1, 2)\n',
]


def test_formatting_and_comments_change_neither_size_nor_meaning():
    assert len({str(record.describe({"train.py": source.encode()})) for source in SAME}) == 1


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("SEED = 42", "SEED = 137", True),
        ("torch.manual_seed(42)", "torch.manual_seed(7)", True),
        ("f(seed=1)", "f(seed=2)", True),
        ("LR = 1", "LR = 2", False),
        ("SEED = 42\nLR = 1", "SEED = 43\nLR = 2", False),
        ("manual_seed(f(1))", "manual_seed(f(2))", False),
    ],
)
def test_a_seed_has_no_meaning(before, after, same):
    one, two = (record.describe({"train.py": source.encode()}) for source in (before, after))
    assert one.meaning != two.meaning
    assert (one.seedless == two.seedless) is same


@pytest.mark.parametrize(
    "source", [b"x = (", b"'unclosed", b"\xff\xfe", b"x\x00 = 1 2", b"  x\n y"]
)
def test_what_is_not_python_is_counted_in_words(source):
    assert record.describe({"train.py": source}).size >= 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 0.004", "x = LR"),
        ("x = -7", "x = 7"),
        ("x = f(cfg.model.lr)", "x = f(0.1)"),
        ("x = 1  # words", "x = 1"),
    ],
)
def test_a_literal_is_as_large_as_a_name(one, other):
    one, other = (record.describe({"train.py": text.encode()}) for text in (one, other))
    assert one.size == other.size


@pytest.mark.parametrize(
    ("path", "more", "less"),
    [
        ("train.py", "UNUSED = 1\nx = 2", "x = 2"),
        ("train.py", "import os\nx = 2", "x = 2"),
        ("train.py", "f(x, eps=1e-6)", "f(x)"),
        ("flags.txt", "-O2 -flto", "-O2"),
    ],
)
def test_removed_code_is_larger_than_a_literal(path, more, less):
    more, less = (record.describe({path: text.encode()}) for text in (more, less))
    assert more.size - less.size > LITERAL


def test_other_languages_are_not_read_as_python():
    one, two = (record.describe({"k.h": f"#define TILE {n}".encode()}) for n in (8, 64))
    assert one.meaning != two.meaning
    assert one.size == two.size == 6


def test_now_is_utc():
    assert record.now().endswith("+00:00")


def test_start_is_written_before_the_run(case, started, project):
    assert case.evidence.journal.records() == [started]
    assert (started.seq, started.event, started.version) == (1, "started", 2)
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
    assert data.startswith(b"commit\tval_bpb\r\nabc\t1.0\n")
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
