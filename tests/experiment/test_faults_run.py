"""Two runs at once, a clock that jumps, endless output: the record stays correct."""

import re
import sys
import time
from pathlib import Path

import pytest

from pytest_ouro.experiment.supervision import run_log

#: Waits until the test lets it continue.
WAITS = (
    "import pathlib, time\n"
    "home = pathlib.Path.home()\n"
    "(home / 'here').write_text('true\\n')\n"
    "while not (home / 'go').exists():\n"
    "    time.sleep(0.01)\n"
)


@pytest.mark.tier(2)
def test_one_of_two_runs_waits_and_both_are_recorded(lab, wait_for_json):
    lab.commit(lab.script(before=WAITS))
    first = lab.start()
    wait_for_json(Path.home() / "here")
    second = lab.start()
    said = lab.line(second, "waiting")
    assert re.search(
        rf"ouro: waiting for this working tree, held by process {first.pid} since \S+, for \d+ s$",
        said.rstrip(),
    )
    assert [record["event"] for record in lab.journal.records()] == ["started"]
    (Path.home() / "go").touch()
    outs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], outs
    assert [out.rstrip().rpartition("=")[2] for out in outs] == ["baseline", "unchanged"]
    lab.whole("baseline", "unchanged")
    assert {run["pid"] for run in lab.journal.runs()} == {first.pid, second.pid}


@pytest.mark.tier(2)
def test_a_run_that_waited_is_judged_again(lab, wait_for_json):
    """The rules are broken while it waits: it does not run."""
    lab.commit(lab.script(before=WAITS))
    first = lab.start()
    wait_for_json(Path.home() / "here")
    second = lab.start()
    lab.line(second, "waiting")
    lab.project.write({"stray.py": ""})
    (Path.home() / "go").touch()
    outs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert outs[1].rstrip().endswith("reason=rules-broken")
    assert "the gate is closed by iron-law::only-train-py" in outs[1]
    (lab.path / "stray.py").unlink()
    lab.whole("baseline")


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_jump_of_the_systems_clock_changes_no_window(lab, monkeypatch, jump):
    """The system clock is set during the training, as by NTP or a resumed machine."""
    now = time.time
    jumped = []

    def set_the_clock(position):
        if position.window and not jumped:
            jumped.append(position.window)
            monkeypatch.setattr(time, "time", lambda: now() + jump)

    lab.bound(("tolerance = 0.3", "tolerance = 9.0"), ("budget    = 0.3", "budget    = 0.9"))
    result = lab.run(lab.trains("time.sleep(0.9)"), progress=set_the_clock)
    assert jumped
    assert abs(time.time() - now()) > 80000
    assert result.reason == "baseline"
    assert 0.85 <= result.record["window_seconds"] <= result.record["wall_seconds"] < 80000
    lab.whole("baseline")


@pytest.mark.tier(2)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_gigabytes_of_output_fill_neither_disk_nor_memory(lab):
    """2 GB in blocks of a megabyte."""
    prints = (
        "import os\n"
        "block = (b'x' * 99 + b'\\n') * 10_000\n"
        "for _ in range(2000):\n"
        "    left = block\n"
        "    while left: left = left[os.write(1, left):]\n"
    )
    lab.bound(("timeout   = 20", "timeout   = 100\nstartup-seconds = 90"))
    memory = resident()
    result = lab.run(lab.script(before=prints))
    assert (result.status, result.message) == ("keep", "")
    assert resident() - memory < 60
    log = (lab.path / "run.log").read_bytes()
    assert len(log) < run_log.HEAD + run_log.TAIL + 100
    assert log.endswith(b"val_bpb: 2.000000\n")
    left_out = re.search(rb"\n\.\.\. (\d+) bytes left out \.\.\.\n", log)
    assert int(left_out[1]) + len(log) - len(left_out[0]) == 2_000_000_000 + 18
    lab.whole("baseline")


def test_a_line_without_end_leaves_progress_and_memory_right(bench):
    """A progress bar without any newline, during the whole training, that stands still for longer
    than the supervisor waits for output."""
    body = (
        "for step in range(10):\n"
        "    print('#' * 800_000 + f' step {step} loss 1.5 ', end='', flush=True)\n"
        "    time.sleep(0.5)\n"
    )
    positions = []
    memory = resident()
    seen = bench.train(bench.trains(body), progress=positions.append, budget=30.0)
    assert (seen.exit_code, seen.value, seen.stopped) == (0, 2.0, "")
    assert any(re.fullmatch(r"step \d+ loss 1.5", position.text) for position in positions)
    assert positions[-1].window is not None
    assert max(map(len, seen.tail)) <= 200
    assert resident() - memory < 60


def resident():
    """Return the resident megabytes of this process."""
    if sys.platform != "linux":
        return 0.0
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
