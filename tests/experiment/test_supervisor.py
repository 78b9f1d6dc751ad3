"""The supervisor of a run: its clock, its messages, and the end of all processes."""

import os
import shlex
import sys

import pytest

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.experiment.terms.job import environment

CHILD = """\
import json, os, pathlib, subprocess, sys, time
sleeps = "import time; time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", sleeps])
pathlib.Path("pids").write_text(json.dumps([os.getpid(), child.pid]) + "\\n")
"""
EVALUATES = """\
from prepare import evaluate_bpb
print("val_bpb:", evaluate_bpb(2.0))
"""


def test_exit_status_output_and_log(bench):
    seen = bench.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)")
    assert seen.exit_code == 3
    assert seen.tail == ("out", "err")
    assert (bench.folder / "run.log").read_text() == "out\nerr\n"
    assert seen.wall_seconds > 0
    assert (seen.value, seen.window_seconds, seen.evaluations, seen.stopped) == (None, None, 0, "")


def test_the_log_of_the_run_before_is_gone(bench):
    (bench.folder / "run.log").write_text("val_bpb: 1.0\n" * 100)
    seen = bench.run("print('now')")
    assert seen.claims == {}
    assert (bench.folder / "run.log").read_text() == "now\n"


def test_the_environment_is_a_short_list_of_ours(bench, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hf_123")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "x")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    env = environment(bench.job(""))
    assert not env.keys() & {"SECRET_TOKEN", "PYTHONPATH", "PYTEST_CURRENT_TEST", "LD_PRELOAD"}
    assert env["PATH"] == os.environ["PATH"]
    assert env["CUDA_VISIBLE_DEVICES"] == "0"
    assert env["PYTHONHASHSEED"] == "0"
    for name in ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH"):
        assert env[name] == str(bench.folder / "scratch" / "tmpdir")
    assert [*(bench.folder / "scratch").iterdir()] == [bench.folder / "scratch" / "tmpdir"]
    hidden = environment(bench.job("", hide_cuda=True))
    assert hidden["CUDA_VISIBLE_DEVICES"] == ""


def test_the_child_sees_that_environment(bench, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hf_123")
    seen = bench.run(
        "import os, sys, tempfile\nprint('SECRET_TOKEN' in os.environ, sys.stdin.read() == '')\n"
        "print(tempfile.gettempdir(), os.getcwd(), os.getsid(0) == os.getppid())"
    )
    scratch = bench.folder / "scratch" / "tmpdir"
    assert seen.tail == ("False True", f"{scratch} {bench.folder} True")


def test_a_hang_is_killed_with_the_child_it_started(bench, wait_for_json, wait_until_gone):
    seen = bench.run(CHILD + "time.sleep(60)", timeout=5.0)
    assert seen.stopped == "timeout"
    assert seen.wall_seconds >= 5.0
    assert all(wait_until_gone(pid) for pid in wait_for_json(bench.folder / "pids"))


def test_a_child_does_not_outlive_its_run(bench, wait_for_json, wait_until_gone):
    seen = bench.run(CHILD)
    assert (seen.exit_code, seen.stopped) == (0, "")
    assert all(wait_until_gone(pid) for pid in wait_for_json(bench.folder / "pids"))


def test_a_hang_after_the_output_was_closed_is_killed(bench):
    seen = bench.run("import os, time\nos.close(1); os.close(2)\ntime.sleep(60)", timeout=1.0)
    assert seen.stopped == "timeout"


def test_a_closed_channel_does_not_end_the_run(bench):
    seen = bench.run("import os\nos.closerange(3, 256)\nprint('still here')")
    assert seen.tail == ("still here",)
    assert seen.exit_code == 0


def test_an_interrupt_ends_the_run_and_is_reported(bench, wait_for_json, wait_until_gone):
    def interrupt(position):
        if (bench.folder / "pids").exists():
            raise KeyboardInterrupt

    seen = bench.run(CHILD + "time.sleep(60)", progress=interrupt)
    assert seen.stopped == "interrupted"
    assert all(wait_until_gone(pid) for pid in wait_for_json(bench.folder / "pids"))


def test_megabytes_of_output_do_not_block(bench):
    seen = bench.run("for i in range(60_000):\n    print('x' * 99)\nprint('val_bpb: 1.5')")
    assert seen.exit_code == 0
    assert (bench.folder / "run.log").stat().st_size > 6_000_000
    assert seen.claims == {"val_bpb": "1.5"}
    assert len(seen.tail) == 20


def test_a_line_without_end_is_capped(bench):
    seen = bench.run("print('x' * 3_000_000, end='')")
    assert len("".join(seen.tail)) < 300


def test_escapes_stay_in_the_log(bench):
    seen = bench.run(r"print('\x1b[2J\x1b]0;title\x07hello \x1b[31mred')")
    assert seen.tail == ("hello red",)
    assert b"\x1b[2J" in (bench.folder / "run.log").read_bytes()


def test_bytes_that_are_not_text_are_not_an_error(bench):
    script = r"import sys; sys.stdout.buffer.write(b'\xff\xfe\x00 val\nval_bpb: 1\n')"
    assert bench.run(script).claims == {"val_bpb": "1"}


def test_the_last_of_redrawn_progress_is_kept(bench, tmp_path):
    shown = tmp_path / "shown"
    script = (
        "import os, time\nfor step in range(8):\n"
        "    print(f'\\rstep {step} loss: 1.{step}', end='', flush=True)\n"
        f"while not os.path.exists({str(shown)!r}): time.sleep(0.01)\n"
        "print('\\rstep 8 loss: 1.8', end='')"
    )

    def progress(position):
        if position.text.startswith("step"):
            shown.touch()

    seen = bench.run(script, progress=progress)
    assert shown.exists()
    assert seen.tail == ("step 8 loss: 1.8",)


def test_progress_is_reported_a_few_times_a_second(bench, tmp_path):
    positions, third = [], tmp_path / "third"

    def progress(position):
        positions.append(position)
        if len([one for one in positions if one.window is not None]) == 3:
            third.touch()

    body = f"import os\nwhile not os.path.exists({str(third)!r}): time.sleep(0.01)"
    seen = bench.train(bench.trains(body), progress=progress, warmup_seconds=0.0)
    assert seen.exit_code == 0
    assert 3 <= len(positions) <= seen.wall_seconds / 0.2 + 1
    assert {position.budget for position in positions} == {30.0}
    assert positions == sorted(positions, key=lambda position: position.wall)


def test_the_measured_value_is_received(bench):
    seen = bench.train(EVALUATES)
    assert (seen.value, seen.evaluations, seen.claims) == (2.0, 1, {"val_bpb": "2.0"})
    assert seen.environment["python"].startswith("3.")


def test_the_first_evaluation_counts(bench):
    seen = bench.train(EVALUATES + "evaluate_bpb(1.0)\nevaluate_bpb(0.5)")
    assert (seen.value, seen.evaluations) == (2.0, 3)


def test_without_training_the_window_is_zero(bench):
    assert bench.train(EVALUATES).window_seconds == 0.0
    assert bench.train("print('no evaluation')").window_seconds is None


def test_the_window_is_from_the_first_batch_to_the_evaluation(bench):
    script = "import time\ntime.sleep(0.4)\n" + bench.trains("time.sleep(0.3)") + "time.sleep(0.4)"
    seen = bench.train(script)
    assert 0.3 <= seen.window_seconds <= seen.wall_seconds - 0.8


def test_training_that_never_evaluates_has_a_window(bench):
    seen = bench.train(
        "from prepare import *\nnext(make_dataloader())\nimport time; time.sleep(.5)"
    )
    assert seen.window_seconds >= 0.4
    assert seen.value is None


def test_overrun(bench):
    seen = bench.train(bench.trains("time.sleep(60)"), budget=0.2)
    assert seen.stopped == "overrun"
    assert seen.window_seconds >= 1.3


def test_a_long_evaluation_is_not_an_overrun(bench):
    harness = "import time\n\ndef evaluate_bpb(model):\n    time.sleep(1.6)\n    return 2.0\n"
    seen = bench.train(EVALUATES, harness=harness, budget=0.2)
    assert (seen.stopped, seen.value, seen.window_seconds) == ("", 2.0, 0.0)


def test_warm_up_tokens_are_not_counted(bench):
    """Two batches of four tokens are the warm-up; then the clock runs."""
    script = (
        "import time\nfrom prepare import evaluate_bpb, make_dataloader\n"
        "for step, batch in enumerate(make_dataloader()):\n"
        "    time.sleep(0.3 if step < 2 else 0.05)\n    if step == 4:\n        break\n"
        "evaluate_bpb(2.0)\n"
    )
    allowed = bench.train(script, warmup_tokens=8, warmup_seconds=20.0)
    assert 0.1 <= allowed.window_seconds <= allowed.wall_seconds - 0.6
    counted = bench.train(script)
    assert counted.window_seconds >= 0.7


def test_warm_up_ends_with_its_seconds(bench):
    script = bench.trains("time.sleep(1.0)")
    seen = bench.train(script, warmup_tokens=10**9, warmup_seconds=0.3)
    assert 0.2 <= seen.window_seconds <= seen.wall_seconds - 0.3


CPU = """\
import subprocess, sys, time
from prepare import evaluate_bpb, make_dataloader
next(make_dataloader())
burn = "import time\\nwhile time.process_time() < 0.5: pass"
{body}
evaluate_bpb(2.0)
"""


def test_the_cpu_clock_does_not_count_sleep(bench):
    seen = bench.train(CPU.format(body="time.sleep(0.8)"), clock="cpu")
    assert seen.window_seconds <= seen.wall_seconds - 0.8


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "body",
    [
        "exec(burn)",
        "subprocess.run([sys.executable, '-c', burn])",
        "wait = burn + '\\nprint(flush=True)\\ntime.sleep(60)'\n"
        "child = subprocess.Popen([sys.executable, '-c', wait], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()",
    ],
    ids=["its own", "a child that ended", "a child that lives"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="ps counts living processes in whole seconds")
def test_the_cpu_clock_counts(bench, body):
    seen = bench.train(CPU.format(body=body), clock="cpu")
    assert seen.window_seconds >= 0.3


def test_a_cpu_clock_still_has_a_timeout(bench):
    seen = bench.train(CPU.format(body="time.sleep(60)"), clock="cpu", timeout=1.0)
    assert seen.stopped == "timeout"


def test_the_log_is_not_written_through_a_link(bench, tmp_path):
    (tmp_path / "precious").write_text("precious")
    (bench.folder / "run.log").symlink_to(tmp_path / "precious")
    with pytest.raises(ExperimentError, match=r"run\.log"):
        bench.run("print('x')")
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_log_that_is_a_folder_is_reported(bench):
    (bench.folder / "run.log").mkdir()
    with pytest.raises(ExperimentError, match=r"run\.log"):
        bench.run("print('x')")


@pytest.mark.parametrize("command", [("no-such-python",), ("/etc/passwd",)])
def test_an_interpreter_that_cannot_be_started_is_reported(bench, command):
    with pytest.raises(ExperimentError, match=command[0]) as refused:
        bench.run("print('x')", python=command)
    assert "python" in refused.value.help


def test_a_wrapper_may_start_the_interpreter(bench):
    """As with ``uv run``, the interpreter is a child of our child."""
    wrapper = f'{shlex.quote(sys.executable)} "$@"; exit $?'
    seen = bench.train(EVALUATES, python=("sh", "-c", wrapper, "sh"))
    assert (seen.exit_code, seen.value) == (0, 2.0)


@pytest.mark.parametrize(
    "words",
    [
        "b'garbage\\n'",
        "b'[]\\n'",
        'b\'{"event": "measured"}\\n\'',
        'b\'{"event": "measured", "peak_mb": Infinity}\\n\'',
        'b\'{"event": "evaluate", "served": Infinity}\\n\'',
        "b'\\xff\\n'",
        "b'[' * 100000 + b'\\n'",
    ],
)
def test_garbage_on_the_channel_gives_no_traceback(bench, words):
    script = (
        "import os, stat\n"
        "for fd in range(3, 64):\n"
        "    try:\n"
        "        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, " + words + ")\n"
        "    except OSError: pass\n"
        "print('sent')\n"
    )
    seen = bench.train(script)
    assert seen.tail[-1] == "sent"
    assert seen.value is None


def test_a_child_that_dies_at_once(bench):
    seen = bench.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert seen.exit_code == -9


def test_the_last_output_of_a_child_is_read(bench):
    seen = bench.run("import os\nos.write(1, b'y' * 60_000 + b'\\nlast words')\nos._exit(1)")
    assert seen.tail[-1] == "last words"


def test_a_child_that_has_ended_is_not_waited_for(bench):
    assert bench.run("print('x')", timeout=600.0).stopped == ""
