"""What ``pytest-ouro watch`` costs beside a run: CPU seconds of the process on a terminal, while
runs end that are recorded into a journal of many.

python benchmarks/watch.py --runs 4000 --seconds 60
"""

from __future__ import annotations

import argparse
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from pytest_ouro.evidence.records import record_format
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.reasons import RECORDED
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.experiment.records.heartbeat import Beating
from pytest_ouro.experiment.supervision import processes
from pytest_ouro.experiment.terms.job import Position

#: The CPU seconds of a run of the CPU profile, and the share of them that watching may cost.
RUN, SHARE = 20.0, 0.005
BOUND = """\
[bound]
name = "night"

[experiment]
command = ["python", "work.py"]
metric = "loss"
direction = "lower"
budget = 20
editable = ["work.py"]

[night]
tries = 5000
"""


def record(number: int) -> FinishedRun:
    """Return the record of one of many runs, of which every twentieth is a keep."""
    reason = RECORDED["baseline" if number == 0 else "worse" if number % 20 else "improved"]
    minutes, seconds = divmod(number * 20, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    kept = f"{number - 1 - (number - 1) % 20:040x}"
    return FinishedRun(
        time=f"2026-01-{1 + days:02d}T{hours:02d}:{minutes:02d}:{seconds:02d}+00:00",
        run=f"{number:012x}",
        commit=f"{number:040x}",
        description=f"try {number}: a description of the usual length, of what was changed",
        code={"work.py": f"{number:040x}"},
        code_meaning=f"{number:064x}",
        harness="harness",
        data="data",
        device="cpu",
        clock="cpu",
        budget=20.0,
        worktree="",
        branch="night",
        metric_name="loss",
        outcome="ok",
        level="sandboxed",
        value=2.0 - number / 1e5,
        wall_seconds=20.0,
        status=reason.status,
        reason=reason,
        row="",
        gain=0.001,
        best=2.0,
        best_commit=kept if number else None,
        incumbent=kept if number else None,
        noise=0.002,
        peak_mb=400.0,
        pid=os.getpid(),
        process=processes.identity(os.getpid()),
    )


def measure(folder: Path, runs: int, seconds: int, every: int) -> None:
    """Watch for ``seconds`` while a run ends every ``every`` seconds; print the costs."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / "bound.toml").write_text(BOUND)
    journal = Journal(folder / ".git")
    journal.folder.mkdir()
    journal.path.write_bytes(b"".join(record_format.write(record(n)) + b"\n" for n in range(runs)))
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "pytest_ouro", "watch"]
    env = {**os.environ, "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(words, cwd=folder, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    threading.Thread(target=_drain, args=(ours,), daemon=True).start()
    time.sleep(15)
    start = cpu_of(process.pid)
    ended = 0
    with Beating(journal, record(runs), None) as beating:
        for second in range(seconds):
            beating.show(Position(float(second % every), 20.0, float(second % every), "step 1"))
            if second % every == every - 1:
                with journal.path.open("ab") as file:
                    file.write(record_format.write(record(runs + ended)) + b"\n")
                ended += 1
            time.sleep(1)
    used = cpu_of(process.pid) - start
    process.send_signal(signal.SIGINT)
    status = process.wait(timeout=60)
    share = used / max(ended, 1) / RUN
    print(f"journal of {runs} runs, {journal.path.stat().st_size / 1e6:.1f} MB")
    print(f"start (Python, reading, first frames): {start:.2f} CPU s, once")
    print(f"while {ended} runs of {every} s ended: {used:.2f} CPU s, exit status {status}")
    print(f"a run: {used / max(ended, 1):.4f} CPU s, {share:.3%} of {RUN:g} (allowed {SHARE:.1%})")


def _drain(terminal: int) -> None:
    """Read what is drawn until the terminal is closed."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        return


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Read the options, and measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "--every", type=int, default=20, help="seconds between the ends of two runs"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.runs, options.seconds, options.every)


if __name__ == "__main__":
    main()
