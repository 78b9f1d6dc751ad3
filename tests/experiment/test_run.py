"""Whole runs through ``pytest --ouro-experiment``: messages, exit codes and records."""

import contextlib
import hashlib
import importlib.util
import json
import os
import py_compile
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pytest_ouro.core.errors import ExperimentError, OuroError
from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.evidence.cache import cache_folder
from pytest_ouro.evidence.records.record_format import from_json
from pytest_ouro.experiment.devices.device_lock import hold_devices

#: Enough for a busy machine to start what is to be killed.
TIMEOUT = ("timeout   = 20", "timeout   = 6")
DATA = 'device    = "cpu"', 'device    = "cpu"\ndata      = ["data/*.bin"]'
PREPARES = (
    'device    = "cpu"',
    ('device    = "cpu"\ndata      = ["~/data/*.bin"]\nprepare   = "prepare.py"'),
)
SCOPE = """\
[[iron-law]]
id    = "only-train-py"
rule  = "Only train.py is modified."
check = "scope"
"""
MAKES = """

if __name__ == "__main__":
    import pathlib
    print("downloading \\x1b[31mone shard")
    {body}
"""
SAVES = (
    "folder = pathlib.Path.home() / 'data'\n    folder.mkdir(exist_ok=True)\n"
    "    (folder / 'shard.bin').write_bytes(b'x')\n"
)


def head(lab):
    return lab.project.git("rev-parse", "HEAD")


# Verdicts: keep, discard, and the last line.


def test_the_first_run_is_the_baseline(lab, last_line):
    before = head(lab)
    done = lab.pytest()
    assert done.returncode == 0
    assert last_line(done) == (
        f"ouro: keep val_bpb=2.000000 level=supervised commit={before[:7]} reason=baseline"
    )
    assert lab.rows == [[before[:7], "2.000000", "0.0", "keep", "bless"]]
    started, finished = lab.journal.records()
    assert (started["event"], finished["event"]) == ("started", "finished")
    assert started["run"] == finished["run"]
    assert finished["commit"] == before == head(lab)
    assert finished["val_bpb"] == finished["claimed"] == 2.0
    assert 0.25 <= finished["window_seconds"] <= finished["wall_seconds"]
    assert finished["level"] == "supervised"
    log = (lab.path / "run.log").read_text()
    assert "val_bpb:          2.000000" in log
    assert (lab.journal.folder / "runs" / f"{finished['run']}.log").read_text() == log
    lab.clean()
    assert not list((cache_folder() / "worktrees").rglob("train.py"))


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("value", "code", "margin", "status", "reason"),
    [
        (1.5, "", 0, "keep", "improved"),
        (1.98, "", 0, "keep", "marginal"),
        (1.98, "", 2, "discard", "within-noise"),
        (2.0, "# only words", 0, "discard", "unchanged"),
        (2.0, "w = 3\nprint(w)", 0, "discard", "equal"),
        (2.0, "w = 3", 0, "discard", "seed-only"),  # nothing reads it
        (2.01, None, 2, "keep", "simpler"),
    ],
)
def test_the_verdict_is_against_the_best(lab, value, code, margin, status, reason):
    lab.bound(("noise = 0.01", f"noise = 0.01\nmargin = {margin}"))
    assert lab.run(lab.script(2.0, before="y = 1\nz = 2")).reason == "baseline"
    code = "" if code is None else f"y = 1\nz = 2\n{code}"
    result = lab.run(lab.script(value, before=code))
    assert (result.status, result.reason, result.best) == (status, reason, 2.0)
    assert lab.rows[-1][1:4] == [f"{value:.6f}", "0.0", status]
    lab.clean()


@pytest.mark.tier(2)
def test_worse_is_discarded_and_is_not_a_failure(lab, last_line):
    lab.run(lab.script(2.0))
    commit = lab.commit(lab.script(3.0))
    done = lab.pytest()
    assert done.returncode == 0
    assert last_line(done) == (
        "ouro: discard val_bpb=3.000000 best=2.000000 level=supervised "
        f"commit={commit[:7]} reason=worse"
    )
    assert head(lab) == commit, "nothing is reset without being asked"
    lab.clean()


def test_the_same_code_again_is_unchanged(lab):
    lab.run(lab.script(2.0))
    lab.project.commit("no change")
    again = lab.run()
    assert (again.status, again.reason, again.best) == ("discard", "unchanged", 2.0)


def test_repeats_tell_the_noise(lab):
    lab.bound(("noise = 0.01", 'noise = "auto"'))
    random = "import os\nnoise = 0.2 * os.path.exists(os.path.expanduser('~/second'))"
    script = lab.script().replace("evaluate_bpb(2.0)", "evaluate_bpb(2.0 + noise)")
    lab.run(script.replace("\n", f"\n{random}\n", 1))
    Path("~/second").expanduser().touch()
    assert lab.run(again=True).reason == "unchanged"
    result = lab.run(lab.script(1.9, before="more = code = than = before = 1\n" * 9))
    assert (result.status, result.reason) == ("keep", "marginal")
    assert result.record["noise"] == pytest.approx(0.2 / 2**0.5)


def test_before_any_noise_is_known_a_line_says_how_to_calibrate(lab):
    line = (
        "ouro: the noise is not known, so any gain may be luck; to measure it: pytest-ouro "
        "calibrate, or state 'noise' in bound.toml"
    )
    lab.bound(("noise = 0.01", 'noise = "auto"'))
    assert line in lab.run().notes, "the baseline"
    better = lab.run(lab.script(1.9))
    assert (better.reason, line in better.notes) == ("noise-unknown", True)
    assert line not in lab.run(lab.script(3.0)).notes, "a discard needs no noise"
    lab.bound(('noise = "auto"', "noise = 0.01"))
    better = lab.run(lab.script(1.8))
    assert (better.reason, line in better.notes) == ("improved", False)


@pytest.mark.tier(2)
def test_a_rehearsal_is_never_kept(lab, last_line):
    script = (lab.path / "train.py").read_text().replace("MODEL = 2.0", "MODEL = 0.5")
    lab.commit(script)
    done = lab.pytest("--ouro-budget", "0.2")
    assert done.returncode == 0
    assert "ouro: discard val_bpb=0.500000 level=supervised" in last_line(done)
    assert last_line(done).endswith("reason=rehearsal")
    assert lab.rows[0][4].startswith("[rehearsal 0.2s] ")
    assert lab.run().reason == "baseline", "and nothing is compared with it"


def test_a_larger_budget_is_refused(lab, last_line):
    done = lab.pytest("--ouro-budget", "0.31")
    assert done.returncode == 1
    assert "--ouro-budget 0.31 is more than the bound's 0.3 s" in done.stdout
    assert last_line(done) == "ouro: closed reason=cannot-run"
    assert lab.journal.records() == []


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("budget", ["0", "nan", "soon"])
def test_an_invalid_budget_is_a_usage_error(lab, budget):
    done = lab.pytest("--ouro-budget", budget)
    assert done.returncode == 4
    assert "--ouro-budget" in done.stderr


# Reasons not to start a run: one message, no record.


def test_a_broken_rule_means_no_run(lab, last_line):
    lab.project.edit("prepare.py", "return float(model)", "return 0.1")
    commit = lab.project.commit("better")
    done = lab.pytest()
    assert done.returncode == 1
    assert last_line(done) == f"ouro: closed commit={commit[:7]} reason=rules-broken"
    assert "never-do::modify-prepare BROKEN: prepare.py changed" in done.stdout
    assert "no experiment was run: the gate is closed by danger-zone::prepare" in done.stdout
    assert lab.journal.records() == []
    assert not (lab.path / "results.tsv").exists()
    assert not (lab.path / "run.log").exists()


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "flags", [("-k", "nothing", "-x"), ("-m", "no", "--deselect", "bound.toml")]
)
def test_no_selection_opens_the_gate(lab, flags):
    lab.project.write({"stray.py": ""})
    done = lab.project.pytest("--ouro-experiment", *flags)
    assert done.returncode == 1
    assert "stray.py was added" in done.stdout
    assert lab.journal.records() == []


def test_an_edit_that_is_not_committed_is_refused(lab, last_line):
    lab.project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    done = lab.pytest()
    assert done.returncode == 1
    assert "train.py has changes that are not committed" in done.stdout
    assert 'git commit -m "what you try" -- train.py' in done.stdout
    assert last_line(done) == "ouro: closed reason=cannot-run"
    assert "MODEL = 1.0" in (lab.path / "train.py").read_text()
    lab.project.git("add", "train.py")
    with pytest.raises(ExperimentError, match=r"train\.py has changes that are not committed"):
        lab.run()
    assert lab.journal.records() == []


def test_a_script_that_the_commit_lacks_is_refused(lab):
    lab.project.git("rm", "-q", "train.py")
    lab.project.commit("gone")
    result = lab.run()
    assert result.status == "closed"
    assert "train.py is gone" in result.closed[0].findings[0].headline
    assert lab.journal.records() == []


@pytest.mark.tier(2)
def test_a_blessing_must_be_committed_first(lab):
    lab.project.write({"prepare.py": (lab.path / "prepare.py").read_text() + "\n# more\n"})
    assert lab.project.ouro("bless").returncode == 0
    done = lab.pytest()
    assert done.returncode == 1
    assert "bound.lock is not committed" in done.stdout
    assert "BROKEN" not in done.stdout
    assert lab.project.ouro("gate").returncode == 0
    lab.project.git("add", "bound.lock", "prepare.py")
    assert lab.project.ouro("gate", "--staged").returncode == 0, "else nobody could commit it"


def test_no_git(lab, tmp_path):
    (lab.path / ".git").rename(tmp_path / "elsewhere")
    done = lab.pytest(GIT_CEILING_DIRECTORIES=str(lab.path.parent))
    assert done.returncode == 2
    assert done.stdout.count("no git repository at") == 1 + done.stdout.count("ERROR bound.toml -")
    assert "git init" in done.stdout


def test_no_commit_yet(lab):
    lab.project.git("update-ref", "-d", "HEAD")
    done = lab.pytest()
    assert done.returncode == 2
    assert "the repository has no commit yet" in done.stdout
    assert "git commit" in done.stdout


def test_no_bound_toml(lab):
    (lab.path / "bound.toml").unlink()
    done = lab.pytest()
    assert done.returncode == 4
    assert "bound.toml, which does not exist" in done.stderr


def test_a_wrong_bound_is_reported_with_its_line(lab):
    lab.project.edit("bound.toml", "budget    = 0.3", "bugdet    = 0.3")
    lab.project.commit("typo")
    done = lab.pytest("--ouro-trust", "HEAD")
    assert done.returncode == 2
    assert "bound.toml:" in done.stdout
    assert "did you mean 'budget'" in done.stdout or "budget" in done.stdout


def test_xdist_is_refused(lab):
    pytest.importorskip("xdist")
    done = lab.pytest("-n", "2")
    assert done.returncode == 4
    assert "cannot be used with -n" in done.stderr


def test_cuda_where_there_is_none(lab, last_line):
    lab.bound(('device    = "cpu"', 'device    = "cuda"'))
    done = lab.pytest(CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1
    assert "no CUDA device here" in done.stdout
    assert "rehearse on the CPU: pytest --ouro-experiment --ouro-device cpu" in done.stdout
    assert last_line(done) == "ouro: closed reason=cannot-run"
    assert lab.journal.records() == []
    assert lab.run(lab.script(), device="cpu").status == "keep"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_records_that_cannot_be_written_are_refused(lab):
    lab.path.chmod(0o500)
    try:
        with pytest.raises(ExperimentError, match="cannot be written"):
            lab.run()
    finally:
        lab.path.chmod(0o700)


# Missing data.


def test_missing_data_is_reported_with_the_command(lab):
    lab.bound(DATA)
    with pytest.raises(ExperimentError, match=r"data missing: data/\*.bin") as refused:
        lab.run()
    assert refused.value.help == "make it: python prepare.py"
    assert lab.journal.records() == []


def test_prepare_makes_the_data_once(lab):
    harness = (lab.path / "prepare.py").read_text() + MAKES.format(body=SAVES)
    lab.bound(PREPARES, prepare_py=harness)
    said = []
    assert lab.run(lab.script(), say=said.append).status == "keep"
    assert any("data missing" in line and "running prepare.py once" in line for line in said)
    assert any(line.endswith("downloading one shard") for line in said), said
    assert "\x1b" not in "".join(said)
    said.clear()
    assert lab.run(say=said.append).status == "discard"
    assert [line.partition(":")[2].split(":")[0] for line in said] == [
        " this code was measured before"
    ]


def test_data_that_another_run_makes_is_waited_for(lab):
    """Its files are there before they are whole: the other run writes the last one at its end."""
    harness = (lab.path / "prepare.py").read_text() + MAKES.format(body="raise SystemExit(1)")
    lab.bound(PREPARES, prepare_py=harness)
    name = f"data-{hashlib.sha256(b'~/data/*.bin').hexdigest()[:12]}"
    said, folder = [], Path.home() / "data"

    with contextlib.ExitStack() as stack:
        stack.enter_context(hold_devices([name], said.append))
        folder.mkdir()
        (folder / "half.bin").write_bytes(b"x")

        def end_other(text):
            said.append(text)
            if "waiting for the device data-" in text:
                (folder / "shard.bin").write_bytes(b"x")
                stack.close()

        result = lab.run(lab.script(), say=end_other)

    assert result.status == "keep"
    assert any("waiting for the device data-" in line for line in said)
    assert not any("running prepare.py" in line for line in said)
    [run] = lab.journal.runs()
    rows = [
        f"~/data/{one}.bin sha256:{hashlib.sha256(b'x').hexdigest()}" for one in ("half", "shard")
    ]
    assert run.data == hashlib.sha256("".join(f"{row}\n" for row in rows).encode()).hexdigest()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SystemExit('no network')", "could not make it: no network"),
        ("pass", "could not make it: downloading one shard"),
        ("1 / 0", "could not make it: ZeroDivisionError: division by zero"),
    ],
)
def test_prepare_that_fails_is_reported(lab, body, words):
    harness = (lab.path / "prepare.py").read_text() + MAKES.format(body=body)
    lab.bound(PREPARES, prepare_py=harness)
    with pytest.raises(ExperimentError, match=f"data missing: prepare.py {words}") as refused:
        lab.run(lab.script())
    assert refused.value.help == "run it by hand: python prepare.py"
    assert lab.journal.records() == []


def test_data_that_cannot_be_made_is_one_message(lab, last_line):
    harness = (lab.path / "prepare.py").read_text() + MAKES.format(body="exit('no network')")
    lab.bound(PREPARES, prepare_py=harness)
    done = lab.pytest()
    assert done.returncode == 1
    assert "ouro: prepare.py: downloading one shard" in done.stdout
    message = "no experiment was run: data missing: prepare.py could not make it: no network"
    assert done.stdout.count(message) == 1
    assert last_line(done) == "ouro: closed reason=cannot-run"


# Failures of a script: recorded, reported in a line, exit 1.

PEOPLE = [
    pytest.param("import no_such_torch", "", "crash",
                 "train.py raised ModuleNotFoundError: No module named 'no_such_torch'",
                 id="missing module"),
    pytest.param("raise ValueError('bad learning rate')", "", "crash",
                 "train.py raised ValueError: bad learning rate at train.py:2", id="raises"),
    pytest.param("import sys; sys.exit(3)", "", "crash", "train.py exited with status 3",
                 id="exit status"),
    pytest.param("import os; os.kill(os.getpid(), 9)", "", "crash",
                 "train.py was killed by SIGKILL", id="SIGKILL"),
    pytest.param("raise MemoryError", "", "oom", "out of memory in training at train.py:2",
                 id="oom in training"),
    pytest.param("", "print('CUDA out of memory. Tried to allocate'); exit(1)", "oom",
                 "out of memory in evaluation", id="oom in evaluation"),
    pytest.param("evaluate_bpb = float", "", "crash",
                 "ended without calling the evaluation: there is no val_bpb",
                 id="never evaluates"),
    pytest.param("try: evaluate_bpb('x')\nexcept Exception: print('smaller')", "", "crash",
                 "did not finish its first evaluation, which alone counts: there is no val_bpb",
                 id="evaluates again after an error"),
    pytest.param("", "print('val_bpb: 1.000000')", "breach",
                 "printed val_bpb 1.000000, but 2.000000 was measured",
                 id="prints another number"),
    pytest.param("", "evaluate_bpb(2.0)", "breach", "called the evaluation 2 times, not once",
                 id="evaluates twice"),
    pytest.param("", "print('val_bpb: nan')", "nan", "printed val_bpb: nan", id="prints nan"),
    pytest.param("print = lambda text: None", "", "crash",
                 "printed no 'val_bpb:' line (measured 2.000000)", id="prints nothing"),
]  # fmt: skip


@pytest.mark.tier(2, but=6)
@pytest.mark.parametrize(("before", "after", "reason", "message"), PEOPLE)
def test_a_run_that_failed(lab, before, after, reason, message):
    lab.bound(train_py=lab.script(before=before, after=after))
    commit = lab.project.commit("an idea")
    result = lab.run()
    assert (result.status, result.reason, result.val_bpb) == ("crash", reason, None)
    assert message in result.message
    assert result.last_line == (
        f"ouro: crash val_bpb=none level=supervised commit={commit[:7]} reason={reason}"
    )
    assert lab.rows == [[commit[:7], "0.000000", "0.0", "crash", "an idea"]]
    assert lab.journal.runs()[-1].outcome == reason
    lab.clean()


def test_a_failed_run_is_reported_in_a_line_and_exits_with_1(lab, last_line):
    commit = lab.commit(lab.script(before="raise ValueError('bad\\nrate')"))
    done = lab.pytest()
    assert done.returncode == 1
    assert last_line(done) == (
        f"ouro: crash val_bpb=none level=supervised commit={commit[:7]} reason=crash"
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("crash: ")]
    assert lines == ["crash: train.py raised ValueError: bad at train.py:2"]
    assert "  run.log | Traceback (most recent call last):" in done.stdout


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_measured_nan(lab, value):
    result = lab.run(lab.script(float(value)).replace(f"({value})", f"(float('{value}'))"))
    assert (result.status, result.reason) == ("crash", "nan")
    assert result.message == f"val_bpb is {value}"
    assert lab.rows[0][1:4] == ["0.000000", "0.0", "crash"]
    lab.clean()


def test_after_a_crash_the_next_run_works(lab):
    assert lab.run(lab.script(before="1 / 0")).status == "crash"
    assert lab.run(lab.script(1.5)).status == "keep"
    assert [row[3] for row in lab.rows] == ["crash", "keep"]


@pytest.mark.tier(2)
def test_the_traceback_of_the_script_is_quoted_and_short(lab):
    lab.commit(lab.script(before="def f(n): return f(n + 1)\nf(0)"))
    done = lab.pytest()
    quoted = [line for line in done.stdout.splitlines() if "run.log |" in line]
    assert 1 <= len(quoted) <= 12
    assert "RecursionError" in quoted[-1]
    assert not any("launcher.py" in line for line in quoted)


@pytest.mark.tier(2)
def test_a_hang_is_ended(lab, last_line, wait_for_json, wait_until_gone):
    lab.bound(TIMEOUT)
    body = (
        "import json, os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "(pathlib.Path.home() / 'pids').write_text(json.dumps([os.getpid(), child.pid]) + '\\n')\n"
        "time.sleep(60)"
    )
    lab.commit(lab.script(before=body))
    done = lab.pytest()
    assert done.returncode == 1
    assert last_line(done).endswith("reason=timeout")
    assert re.search(r"train\.py was killed after \d+ s, the timeout", done.stdout)
    assert all(wait_until_gone(pid) for pid in wait_for_json(Path.home() / "pids"))
    lab.clean()


def test_training_far_beyond_the_budget_is_ended(lab):
    result = lab.run(lab.trains("time.sleep(60)"))
    assert (result.status, result.reason) == ("crash", "breach")
    assert "it went on beyond its budget" in result.message
    assert result.record["wall_seconds"] < 60


def test_training_a_little_beyond_the_budget_breaks_the_rule(lab, last_line):
    lab.commit(lab.trains("time.sleep(0.8)"))
    done = lab.pytest()
    assert done.returncode == 1
    assert last_line(done).endswith("reason=breach")
    assert re.search(r"crash: never-do::exceed-budget: trained \d+\.", done.stdout)
    assert re.search(r"never-do::exceed-budget BROKEN: trained \d+\.", done.stdout)
    assert lab.journal.records()[-1]["findings"] == ["never-do::exceed-budget"]
    assert lab.run(lab.script()).status == "keep", "a breach of the past closes no gate"


def test_a_profile_may_count_cpu_seconds(lab):
    lab.bound(
        ('device    = "cpu"', 'device    = "cpu"\nclock     = "cpu"'),
        ("tolerance = 0.3", "tolerance = 0.1"),
    )
    lawful = lab.run(lab.trains("time.sleep(0.6)"))
    assert (lawful.status, lawful.record["clock"]) == ("keep", "cpu")
    burn = "import subprocess, sys\ncode = 'import time\\nwhile time.process_time() < 0.6: pass'\n"
    result = lab.run(lab.trains(burn + "subprocess.run([sys.executable, '-c', code])"))
    assert result.reason == "breach"
    assert "CPU seconds" in result.message


def test_escapes_of_the_script_are_not_in_our_output(lab):
    lab.commit(lab.script(after=r"print('\x1b[2J\x1b]0;pwned\x07'); raise E('\x1b[31mred')"
                          .replace("raise E", "raise ValueError")))  # fmt: skip
    done = lab.pytest("--color=no")
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "raised ValueError: red" in done.stdout


# Runs that are interrupted or killed.


def waits(lab):
    """A script that writes its process ids and then trains for a minute."""
    return lab.script(
        before="import json, os, pathlib, time\n"
        "pids = json.dumps([os.getpid(), os.getppid()]) + '\\n'\n"
        "(pathlib.Path.home() / 'pids').write_text(pids)\n"
        "time.sleep(60)"
    )


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("flags", "number"),
    [(("-s",), signal.SIGINT), (("-p", "no:terminal"), signal.SIGINT), ((), signal.SIGTERM)],
)
def test_an_interrupt_is_recorded_and_leaves_no_process(
    lab, wait_for_json, wait_until_gone, flags, number
):
    commit = lab.commit(waits(lab))
    process = lab.start(*flags)
    pids = wait_for_json(Path.home() / "pids")
    os.kill(process.pid, number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 2, out
    assert all(wait_until_gone(pid) for pid in pids)
    assert "Traceback" not in out
    if "no:terminal" not in flags:
        assert out.rstrip().splitlines()[-1] == (
            f"ouro: crash val_bpb=none level=supervised commit={commit[:7]} reason=interrupted"
        )
    assert lab.journal.records()[-1]["reason"] == "interrupted"
    assert [row[3] for row in lab.rows] == ["crash"]
    lab.clean()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux ends the child with its parent")
def test_a_run_whose_pytest_was_killed_is_recorded_as_lost(lab, wait_for_json, wait_until_gone):
    commit = lab.commit(waits(lab))
    process = lab.start()
    pids = wait_for_json(Path.home() / "pids")
    process.kill()
    process.communicate(timeout=30)
    assert all(wait_until_gone(pid) for pid in pids)
    assert [record["event"] for record in lab.journal.records()] == ["started"]
    assert not (lab.path / "results.tsv").exists()
    assert "no end is recorded" in lab.project.ouro("log").stdout

    result = lab.run(lab.script())
    assert (result.status, result.reason) == ("keep", "baseline")
    lost = lab.journal.records()[1]
    assert (lost["event"], lost["reason"], lost["commit"]) == ("finished", "lost", commit)
    assert [row[3] for row in lab.rows] == ["crash", "keep"]
    lab.clean()


def test_a_run_in_progress_elsewhere_is_not_lost(lab):
    lab.journal.append(
        from_json(
            {
                "event": "started",
                "run": "0123456789ab",
                "time": "2025-01-01T00:00:00",
                "commit": "c" * 40,
                "pid": os.getpid(),
            }
        )
    )
    assert lab.run(lab.script()).status == "keep"
    assert [record["run"] for record in lab.journal.unfinished()] == ["0123456789ab"]


def test_a_worktree_that_cannot_be_made_is_reported_and_recorded(lab, monkeypatch, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "pytest-ouro").mkdir()
    (tmp_path / "cache" / "pytest-ouro" / "worktrees").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    result = lab.run()
    assert (result.status, result.reason) == ("crash", "not-started")
    assert "cannot be written in" in result.message
    assert isinstance(result.ended_by, ExperimentError)
    lab.whole("not-started")


def test_the_log_may_not_be_a_link(lab, last_line, tmp_path):
    (tmp_path / "precious").write_text("precious")
    (lab.path / "run.log").symlink_to(tmp_path / "precious")
    done = lab.pytest()
    assert done.returncode == 1
    assert "run.log cannot be written" in done.stdout
    assert last_line(done) == "ouro: closed reason=cannot-run"
    assert (tmp_path / "precious").read_text() == "precious"


# The commit is measured, with the trusted harness.


def test_an_ignored_module_beside_the_script_is_not_there(lab):
    script = lab.script(before="import helper")
    lab.bound(train_py=script, **{".gitignore": "run.log\nresults.tsv\nhelper.py\n"})
    lab.project.write({"helper.py": "value = 0.1\n"})
    result = lab.run()
    assert result.status == "crash"
    assert "No module named 'helper'" in result.message


def test_an_untracked_module_beside_the_script_is_not_there(lab):
    lab.bound((SCOPE, ""), train_py=lab.script(before="import helper"))
    lab.project.write({"helper.py": "value = 0.1\n"})
    assert "No module named 'helper'" in lab.run().message


def test_compiled_harnesses_in_the_tree_are_not_used(lab):
    lab.bound((SCOPE, ""))
    evil = lab.path / "evil.py"
    evil.write_text("TIME_BUDGET = 1\n\n\ndef evaluate_bpb(model):\n    return 0.1\n")
    source = lab.path / "prepare.py"
    py_compile.compile(
        str(evil),
        cfile=importlib.util.cache_from_source(str(source)),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    py_compile.compile(str(evil), cfile=str(lab.path / "prepare.pyc"))
    evil.unlink()
    (lab.path / ".git" / "info" / "exclude").write_text("*.pyc\n")
    assert lab.run(lab.script()).val_bpb == 2.0


def test_an_edited_harness_is_refused_even_where_git_looks_away(lab):
    lab.project.edit("prepare.py", "return float(model)", "return 0.1")
    lab.project.git("update-index", "--assume-unchanged", "prepare.py")
    result = lab.run()
    assert result.status == "closed"
    assert "danger-zone::prepare" in {judgement.rule for judgement in result.closed}


def test_the_working_tree_may_be_read_only_to_a_run(lab):
    """The script's own folder is the clean checkout, not the person's tree."""
    result = lab.run(
        lab.script(before="open('left.txt', 'w').close(); import os; print(os.getcwd())")
    )
    assert result.status == "keep"
    assert not (lab.path / "left.txt").exists()
    assert str(lab.path) not in (lab.path / "run.log").read_text()


def test_the_best_is_sought_among_ancestors_only(lab):
    base = head(lab)
    lab.project.git("checkout", "-q", "-b", "one")
    assert lab.run(lab.script(1.0)).reason == "baseline"
    lab.project.git("checkout", "-q", "-b", "two", base)
    other = lab.run(lab.script(3.0))
    assert (other.status, other.reason, other.best) == ("keep", "baseline", None)
    lab.project.git("checkout", "-q", "one")
    assert lab.run(lab.script(2.0)).best == 1.0


def test_runs_of_another_budget_are_not_compared(lab):
    lab.run(lab.script(1.0))
    lab.bound(("budget    = 0.3", "budget    = 0.5"))
    assert lab.run(lab.script(3.0)).reason == "baseline"


def test_a_level_that_cannot_be_reached_keeps_nothing(lab):
    lab.bound(('device    = "cpu"', 'device    = "cpu"\nlevel     = "judged"'))
    result = lab.run(lab.script())
    assert (result.status, result.reason, result.level) == ("discard", "level", "supervised")


def test_higher_may_be_better(lab):
    lab.bound(('device    = "cpu"', 'device    = "cpu"\ndirection = "higher"'))
    lab.run(lab.script(2.0))
    assert lab.run(lab.script(3.0)).reason == "improved"
    assert lab.run(lab.script(2.5)).reason == "worse"


@pytest.mark.tier(2)
def test_a_linked_worktree_has_its_own_ledger_and_the_same_journal(lab, tmp_path, last_line):
    lab.run(lab.script())
    lab.project.git("worktree", "add", "-q", "-b", "agent", str(tmp_path / "agent"))
    linked = type(lab.project)(tmp_path / "agent")
    commit = linked.commit("theirs", {"train.py": lab.script(1.5)})
    done = linked.pytest("--ouro-experiment")
    assert done.returncode == 0
    assert last_line(done).endswith(f"commit={commit[:7]} reason=improved")
    assert len(lab.rows) == 1
    assert (tmp_path / "agent" / "results.tsv").read_text().count("\n") == 2
    worktrees = [r["worktree"] for r in lab.journal.runs()]
    assert worktrees == ["", "agent"]
    assert lab.journal.broken_link() == 0
    assert linked.git("status", "--porcelain") == ""
    assert len(lab.project.git("worktree", "list").splitlines()) == 2


def test_a_bound_below_the_top_of_the_repository(lab, last_line):
    """The experiment lies in a folder of a larger repository."""
    (lab.path / "lab").mkdir()
    for name in ("train.py", "prepare.py", "pyproject.toml", ".gitignore"):
        lab.project.git("mv", name, f"lab/{name}")
    lab.bound(("[experiment]", '[experiment]\nroot      = "lab"'))
    commit = lab.project.commit("idea", {"lab/train.py": lab.script()})
    done = lab.pytest()
    assert done.returncode == 0, done.stdout
    assert last_line(done).endswith(f"commit={commit[:7]} reason=baseline")
    assert (lab.path / "lab" / "results.tsv").exists()
    assert (lab.path / "lab" / "run.log").exists()


# One run per device.


@pytest.mark.tier(2)
def test_a_second_run_waits_and_says_for_whom(lab, last_line):
    lab.commit(lab.script())
    locks = cache_folder() / "locks"
    locks.mkdir(parents=True)
    (locks / "cpu.holder").write_text("process 4711 since 2025-01-01T00:00:00+00:00\n")
    with hold_lock(locks / "cpu.lock"):
        process = lab.start()
        line = lab.line(process, "waiting")
        assert "waiting for the device cpu, held by process 4711 since 2025" in line
        assert lab.journal.records() == []
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert out.rstrip().splitlines()[-1].endswith("reason=baseline")


def test_a_wait_can_be_interrupted(lab):
    locks = cache_folder() / "locks"
    locks.mkdir(parents=True)
    with hold_lock(locks / "cpu.lock"):
        process = lab.start()
        lab.line(process, "held by another process")
        os.kill(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 2, out
    assert lab.journal.records() == []


# Other ways to call pytest.


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("flags", "env"),
    [
        (("-q",), {}),
        (("-qq", "-x"), {}),
        (("-s", "-v"), {"CI": "1"}),
        (("-p", "no:capture", "--color=yes"), {}),
        (("-W", "error"), {"PYTHONDONTWRITEBYTECODE": "1"}),
    ],
    ids=lambda value: " ".join(value) or "-",
)
def test_the_last_line_is_there(lab, last_line, flags, env):
    lab.commit(lab.script())
    done = lab.pytest(*flags, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert last_line(done).startswith("ouro: keep val_bpb=2.000000")
    assert done.stdout.count("ouro: keep") == 1


@pytest.mark.tier(2)
def test_quiet_says_nothing_of_progress(lab):
    lab.bound(PREPARES, prepare_py=(lab.path / "prepare.py").read_text() + MAKES.format(body=SAVES))
    lab.commit(lab.script())
    done = lab.pytest("-q")
    lines = [line for line in done.stdout.splitlines() if line.startswith("ouro:")]
    assert len(lines) == 1


def test_without_a_terminal_reporter_the_run_is_made(lab):
    lab.commit(lab.script())
    done = lab.pytest("-p", "no:terminal")
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert [row[3] for row in lab.rows] == ["keep"]


@pytest.mark.tier(2)
def test_the_cache_of_pytest_is_not_a_stray_file(lab):
    lab.commit(lab.script())
    for reason in ("baseline", "unchanged"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--ouro-experiment", "-q"],
            cwd=lab.path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.rstrip().endswith(f"reason={reason}")
    lab.clean()


def test_collecting_only_runs_nothing(lab):
    done = lab.pytest("--collect-only", "-q")
    assert done.returncode == 0
    assert "bound.toml::experiment::run" in done.stdout
    assert lab.journal.records() == []


def test_without_the_flag_nothing_is_run(lab):
    done = lab.project.pytest("bound.toml")
    assert done.returncode == 0
    assert lab.journal.records() == []
    assert "ouro: keep" not in done.stdout


def test_an_unknown_flag_fails_closed(lab):
    done = lab.project.pytest("--ouro-experiment", "-p", "no:ouro")
    assert done.returncode == 4
    assert lab.journal.records() == []


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("script", "code", "facts"),
    [
        ({}, 0, {"status": "keep", "reason": "baseline", "val_bpb": "2.0", "level": "supervised"}),
        ({"before": "1 / 0"}, 1, {"status": "crash", "reason": "crash", "level": "supervised"}),
    ],
)
def test_junit_xml_carries_the_facts(lab, tmp_path, script, code, facts):
    commit = lab.commit(lab.script(**script))
    done = lab.pytest(f"--junitxml={tmp_path / 'junit.xml'}")
    assert done.returncode == code
    cases = ET.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    (case,) = [case for case in cases if case.get("name") == "run"]
    found = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
    assert found.items() >= {**facts, "commit": commit}.items()
    assert float(found["peak_vram_mb"]) >= 0
    assert (case.find("failure") is not None) == bool(code)


def test_memory_is_recorded(lab):
    hungry = "hungry = bytearray(150_000_000)\nimport time; time.sleep(0.5)"
    result = lab.run(lab.script(before=hungry))
    assert result.peak_vram_mb > 100
    assert float(lab.rows[0][2]) >= 0.1


def test_a_damaged_journal_is_reported(lab):
    lab.journal.folder.mkdir()
    lab.journal.path.write_text("not json\n")
    with pytest.raises(OuroError, match=r"journal.jsonl:1: not a record of a run"):
        lab.run(lab.script())


def test_a_called_git_hook_changes_nothing(lab, tmp_path):
    """As under ``git rebase --exec`` or in a hook: git's variables name another repository."""
    index = lab.path / ".git" / "index"
    lab.commit(lab.script())
    before = index.read_bytes()
    done = lab.pytest(GIT_INDEX_FILE=str(index), GIT_DIR=str(lab.path / ".git"))
    assert done.returncode == 0, done.stdout
    assert lab.project.git("status", "--porcelain") == ""
    assert index.read_bytes() == before
    lab.clean()


def test_the_record_names_the_code_that_was_run(lab):
    record = lab.run(lab.script(before="print('hello')")).record
    blob = lab.project.git("rev-parse", "HEAD:train.py")
    assert record["code"] == {"train.py": blob}
    assert record["code_size"] > 10
    assert record["trust"] != record["commit"]
    assert record["harness"].startswith("sha256:")
    assert (record["device"], record["clock"], record["budget"]) == ("cpu", "wall", 0.3)
    assert record["device_name"]
    assert record["branch"] == "main"
    assert json.loads(lab.journal.path.read_text().splitlines()[-1]) == record.to_json()
    subprocess.run(["git", "fsck"], cwd=lab.path, check=True, capture_output=True)
