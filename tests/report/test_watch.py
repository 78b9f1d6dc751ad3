"""``pytest-ouro watch``: a night in progress, shown without a write, a lock or a cost."""

import datetime
import json
import os
import pty
import signal
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from pytest_ouro.bound.night import Night
from pytest_ouro.cli.watch import Watch
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.kinds import keys_of
from pytest_ouro.evidence.records.record_format import from_json
from pytest_ouro.evidence.records.run_record import StartedRun
from pytest_ouro.experiment.records.heartbeat import Beating
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms.job import Position
from pytest_ouro.report.runs.columns import width_of
from pytest_ouro.report.runs.follow import Follower
from pytest_ouro.report.runs.frame import render
from pytest_ouro.report.runs.night_view import NightView
from tests.evidence.test_states import run

COMMITS = [f"{number:040x}" for number in range(1, 40)]
NOW = datetime.datetime(2025, 1, 1, 3, 0, tzinfo=datetime.timezone.utc)


def night(count=6, **facts):
    """A baseline and tries 20 minutes apart, every second of which is kept."""
    runs = [run(COMMITS[0], "baseline", value=2.0, wall_seconds=600.0, worktree="", **facts)]
    kept = COMMITS[0]
    for number in range(1, count):
        reason = "worse" if number % 2 else "improved"
        time = f"2025-01-01T{number // 3:02d}:{number % 3 * 20:02d}:00+00:00"
        others = {"time": time, "wall_seconds": 600.0, "worktree": "", "gain": 0.1, "best": 2.0}
        value = 2.0 - number / 10
        one = run(*(COMMITS[number], reason, kept), value=value, incumbent=kept, **others, **facts)
        kept = kept if number % 2 else one.commit
        runs.append(one)
    return runs


def view(runs, limits=None):
    return NightView.of(runs, runs, (), "", limits, NOW)


def frame(runs, beats=(), limits=None, **size):
    return render(view(runs, limits), beats, name="toy", price=None, now=NOW, **size)


def estimate(found, now=NOW):
    return [(limit.text, found.estimate(limit, now)) for limit in found.limits]


def test_the_best_is_the_last_keep_that_stands():
    runs = night()

    assert view(runs).best.commit == COMMITS[4]
    broken = run(COMMITS[4], "breach", code={"train.py": COMMITS[4]}, worktree="",
                 code_meaning=f"meaning of {COMMITS[4]}", incumbent=COMMITS[2])  # fmt: skip
    assert view([*runs, broken]).best.commit == COMMITS[2]
    assert view([]).best is None


def test_rate_limits_and_cost():
    limits = Night(until="2025-01-01T07:30Z", tries=12, cost=50.0, price=20.0, plateau=4)
    found = view(night(), limits)

    assert found.rate == pytest.approx(3.0)
    assert found.device_seconds == 3600.0
    assert estimate(found) == [
        ("until 2025-01-01T07:30Z", 4.5 * 3600),
        ("6 of 12 tries", 2 * 3600),
        ("cost 20.00 of 50", pytest.approx(3 * 3600)),
        ("1 of 4 tries in a row without a keep", 3600),
    ]
    assert estimate(found, NOW + datetime.timedelta(hours=5))[0][1] == -1800.0
    assert estimate(view(night())) == []
    assert estimate(view(night(1), limits))[1] == ("1 of 12 tries", None)
    assert estimate(view(night(), Night(tries=6))) == [("6 of 6 tries", 0.0)]


def test_a_frame_shows_the_night():
    lines = frame(night(), limits=Night(tries=12))

    text = "\n".join(lines)
    assert lines[0] == "toy  03:00:00"
    assert "no run goes on; the last one ended 1 h 20 min ago" in text
    assert f"best   loss 1.6 of {COMMITS[4][:7]}, provisional" in text.replace("1.600000", "1.6")
    assert "runs   6 tonight: 3 keep, 3 discard, 0 crash; 3 an hour" in text
    assert "night  6 of 12 tries: about 2 h left" in text
    assert "cost   1 h of the device" in text
    assert lines[-1].split()[2] == COMMITS[5][:7]


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (200, 60), (1, 1)])
def test_a_frame_fits_the_terminal(tmp_path, size):
    width, height = size
    hostile = "模型 \x1b[31m\u202e" + "x" * 300
    with Beating(Journal(tmp_path), alive(description=hostile), None) as beating:
        beating.show(Position(8.0, 20.0, 9.0, hostile))
        lines = frame(night(20, description=hostile), [beating._beat], width=width, height=height)

    assert len(lines) <= height
    assert all(width_of(line) <= width and line.isprintable() for line in lines)


def alive(**facts):
    pid = os.getpid()
    facts = {"pid": pid, "process": processes.identity(pid), "budget": 20.0, **facts}
    return run(COMMITS[30], **{"device": "cpu", "device_name": "a chip", **facts})


def begin(journal, **facts):
    """Record that a run starts, which this process supervises; return its record."""
    table = alive(**facts).to_json()
    started = {key: table[key] for key in keys_of(StartedRun) if key in table}
    return journal.append(from_json({**started, "event": "started"}))


def test_only_the_journal_says_which_run_goes_on_and_what_it_tries(project, recorded):
    recorded("keep", 2.0, reason="baseline")
    journal = Journal(project.path / ".git")
    run = begin(journal, description="an idea", run="b" * 12)

    def watch(**facts):
        with Beating(journal, replace(run, **facts), None):
            found = Watch(project.path / "bound.toml")
            found.look()
            return found

    (beat,) = watch(description="a lie", time="2001-01-01T00:00:00+00:00").beats
    assert (beat.description, beat.began, beat.phase) == ("an idea", run.time, "starting")
    assert watch(run="c" * 12).beats == []
    assert watch(commit=COMMITS[2]).beats == []
    assert watch(pid=os.getppid(), process=processes.identity(os.getppid())).beats == []
    recorded("crash", run=run.run, commit=run.commit)
    assert watch().beats == []


def test_a_run_that_goes_on_has_a_bar(tmp_path, monkeypatch):
    monkeypatch.setattr("pytest_ouro.experiment.records.heartbeat._EVERY", 0.0)
    with Beating(Journal(tmp_path), alive(description="an idea"), None) as beating:
        beating.show(Position(8.0, 20.0, 9.0, "step 123 loss 4.56"))
        lines = frame([], [beating._beat])

    assert lines[2] == f"run {COMMITS[30][:7]} an idea"
    assert lines[3] == f"[{'#' * 12}{'.' * 18}]  40%  8.0/20 s  step 123 loss 4.56  left 12 s"
    assert lines[4] == "running on a chip, 9 s so far"


def test_the_follower_reads_what_is_added(tmp_path):
    journal = Journal(tmp_path)
    follower = Follower(journal)
    assert not follower.grew()
    journal.folder.mkdir()
    lines = [record_format.write(one) + b"\n" for one in night(3)]
    journal.path.write_bytes(lines[0])
    assert follower.grew()
    assert not follower.grew()
    with journal.path.open("ab") as file:
        started = {key: night(1)[0].to_json()[key] for key in ("run", "commit", "time")}
        file.write(json.dumps({"event": "started", **started}).encode() + b"\n")
        file.flush()
        assert not follower.grew()  # nothing that is shown
        file.write(lines[1][:50])  # a writer is not done
        file.flush()
        assert not follower.grew()
        file.write(lines[1][50:])
    assert follower.grew()
    assert [one.commit for one in follower.runs] == COMMITS[:2]
    other = tmp_path / "other"
    other.write_bytes(lines[2])
    other.rename(journal.path)  # restored
    assert follower.grew()
    assert [one.commit for one in follower.runs] == COMMITS[2:3]
    journal.path.unlink()
    assert follower.grew()
    assert follower.runs == []


def test_the_follower_survives_a_journal_that_is_replaced_or_removed_meanwhile(
    tmp_path, monkeypatch
):
    journal = Journal(tmp_path)
    journal.folder.mkdir()
    lines = [record_format.write(one) + b"\n" for one in night(3)]
    journal.path.write_bytes(lines[0])
    follower = Follower(journal)
    assert follower.grew()
    journal.path.write_bytes(lines[0] + lines[1])
    with monkeypatch.context() as patch:
        patch.setattr(follower, "_added", lambda: [b"the middle of a line"])
        follower.grew()
    assert follower.grew()
    assert [one.commit for one in follower.runs] == COMMITS[:2]
    journal.path.write_bytes(b"".join(lines))
    with monkeypatch.context() as patch:
        found = journal.path.stat()
        patch.setattr(type(journal.path), "stat", lambda path: found)
        journal.path.unlink()
        assert not follower.grew()
    assert follower.grew()
    assert follower.runs == []


def test_once_prints_one_frame(project, recorded, ouro):
    recorded("keep", 2.0, reason="baseline")

    status, out, err = ouro("watch", "--once")

    assert (status, err) == (0, "")
    assert out.splitlines()[0].startswith("toy  ")
    assert "runs   1 tonight: 1 keep, 0 discard, 0 crash" in out
    assert "2.000000" in out


def test_a_damaged_journal_is_reported(project, recorded, ouro):
    recorded("keep", 2.0)
    with Journal(project.path / ".git").path.open("a") as file:
        file.write("[]\n")

    status, _, err = ouro("watch", "--once")

    assert status == 2
    assert "journal.jsonl:3: not a record" in err


def test_a_placebo_is_not_shown_while_its_night_goes_on(project, recorded, ouro):
    recorded("keep", 2.0, reason="baseline")
    recorded("discard", 2.0, reason="placebo", purpose="placebo", row="")

    assert "runs   1 tonight" in ouro("watch", "--once")[1]


WATCH = [sys.executable, "-m", "pytest_ouro", "watch"]


def test_a_pipe_gets_a_line_for_each_change_and_ctrl_c_ends_it(project, recorded):
    recorded("keep", 2.0, reason="baseline")
    journal = Journal(project.path / ".git")
    with subprocess.Popen(
        WATCH, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        with Beating(journal, begin(journal, description="an idea"), None):
            assert process.stdout.readline().endswith(f"started {COMMITS[30][:7]} an idea\n")
        recorded("discard", 2.5, gain=-0.5, best_commit=project.git("rev-parse", "HEAD"))
        line = process.stdout.readline()
        assert "discard val_bpb=2.500000 gain=-0.500000 commit=" in line
        assert "reason=worse" in line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_it_ends_when_its_output_is_closed(project, recorded):
    recorded("keep", 2.0, reason="baseline")
    command = [*WATCH[:1], "-c", "import os, sys; os.close(1); os.execv(sys.argv[1], sys.argv[1:])"]

    done = subprocess.run(
        [*command, *WATCH], cwd=project.path, stderr=subprocess.PIPE, timeout=60, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith(b"ouro: error: standard output is closed")


def test_it_ends_when_the_reader_of_its_pipe_has_gone(project, recorded):
    recorded("keep", 2.0, reason="baseline")
    ours, theirs = os.pipe()
    with subprocess.Popen(WATCH, cwd=project.path, stdout=theirs) as process:
        os.close(theirs)
        os.close(ours)
        assert process.wait(timeout=60) == 2


def test_a_terminal_gets_frames_in_place_and_ctrl_c_ends_it(project, recorded):
    recorded("keep", 2.0, reason="baseline")
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(WATCH, cwd=project.path, stdout=theirs, env=env) as process:
        os.close(theirs)
        seen = b""
        deadline = time.monotonic() + 120
        while seen.count(b"toy  ") < 3 and time.monotonic() < deadline:
            seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    os.close(ours)
    frames = seen.split(b"\x1b[J")
    assert len(frames) >= 3
    for one, other in pairwise(frames):
        count = other.count(b"\r\n")
        if other is not frames[-1]:
            assert one.endswith(b"\x1b[%dF" % one.count(b"\r\n"))
            assert count


#: Run a command, and print what of the repository it opened for writing, changed or locked.
TRACED = """
import os, sys
found, top = [], os.path.realpath(sys.argv[1])
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def hook(event, args):
    if event == "open" and not isinstance(args[0], int) and (args[2] or 0) & WRITES:
        found.append((event, str(args[0])))
    elif event in ("fcntl.flock", "fcntl.lockf", "os.rename", "os.remove", "os.mkdir", "os.rmdir",
                   "os.link", "os.symlink", "os.chmod", "os.truncate"):
        found.append((event, str(args[0])))

sys.dont_write_bytecode = True
import pytest_ouro.cli
sys.addaudithook(hook)
pytest_ouro.cli.run(sys.argv[2:])
print(*(f"TRACED {event} {path}" for event, path in found), sep="\\n")
"""


def traced(project, *words):
    command = [sys.executable, "-c", TRACED, str(project.path), *words]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("TRACED ")]


def test_nothing_is_written_and_nothing_is_locked(project, recorded):
    recorded("keep", 2.0, reason="baseline")
    before = {path: path.stat().st_mtime_ns for path in (project.path / ".git").rglob("*")}

    with Beating(Journal(project.path / ".git"), alive(purpose="placebo"), None):
        assert traced(project, "watch", "--once") == []

    assert {path: path.stat().st_mtime_ns for path in (project.path / ".git").rglob("*")} == before


def test_the_trace_sees_a_lock(project, recorded):
    recorded("keep", 2.0, reason="baseline")

    assert any("flock" in line or "lockf" in line for line in traced(project, "log", "--restore"))


def test_states_of_the_runs_are_those_of_log():
    runs = night()
    states = view(runs).states
    assert {states[one.run].state for one in runs if one.status == "keep"} == {"provisional"}
    assert view([*runs, replace(runs[-1], run="0" * 12, harness="other")]).best is not None
