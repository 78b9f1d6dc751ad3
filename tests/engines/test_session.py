"""Batches under pytest: options, items, the last lines, Ctrl-C and a killed pytest."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pytest_ouro.core.errors import GitError
from pytest_ouro.experiment.engines.local import LocalEngine

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system confines no process to cores"
)
SLEEPS = "import time\ntime.sleep({})"
#: A plugin that writes a line about each hook that is called.
FOLLOWS = """
import pathlib

def write(*words):
    with pathlib.Path(__file__).with_name("said").open("a") as file:
        print(*words, file=file)

def pytest_ouro_run_started(run):
    write("started", run.commit)

def pytest_ouro_run_finished(run):
    write("finished", run.commit)

def pytest_ouro_verdict(result):
    write("verdict", result.commit)
"""


@pytest.fixture
def measure(field, run_pytest):
    """``measure("a", "b", …)``: run pytest with these candidates and options, in this process."""

    def measure(*words):
        result = run_pytest("--ouro-experiment", "--ouro-candidates", *words)
        ours = [line for line in result.outlines + result.errlines if "run.log |" not in line]
        assert not [line for line in ours if "Traceback" in line]
        return result

    return measure


def last(result):
    return result.outlines[-1]


@pytest.mark.tier(2)
def test_an_item_for_each_candidate(field, measure, tmp_path, monkeypatch):
    better, worse = field.idea(4.0), field.idea(6.0)
    (tmp_path / "follows.py").write_text(FOLLOWS)
    monkeypatch.syspath_prepend(tmp_path)

    result = measure(better[:9], worse, "--junit-xml=out.xml", "-v", "-p", "follows")

    assert result.ret == 0
    result.stdout.fnmatch_lines([f"*::experiment::run[[]{better[:7]}] PASSED*"])
    result.stdout.fnmatch_lines([f"ouro: {better[:7]} keep score=4 (improved)"])
    result.stdout.fnmatch_lines(
        [f"ouro: discard score=6 best=5 level=* commit={worse[:7]} reason=worse"]
    )
    assert last(result) == (
        f"ouro: batch keep=1 discard=1 crash=0 closed=0 best={better[:7]} score=4 state=provisional"
    )
    report = (field.path / "out.xml").read_text()
    assert re.search(f'name="run\\[{worse[:7]}\\]".*?name="reason" value="worse"', report, re.S)
    said = sorted((tmp_path / "said").read_text().split("\n")[:-1])
    commits = [field.project.git("rev-parse", "main"), better, worse]  # the first is their baseline
    runs = [f"{event} {commit}" for event in ("started", "finished") for commit in commits]
    assert said == sorted([*runs, f"verdict {better}", f"verdict {worse}"])


@pytest.mark.tier(2)
def test_rules_hold_before_the_branch_is_moved_and_are_broken_by_the_next_try(
    field, measure, run_pytest
):
    best = field.idea(4.0)
    assert measure(best).ret == 0
    assert run_pytest("bound.toml").ret == 0

    field.project.commit("another", {"work.py": "SCORE = 5.5\n"})
    assert run_pytest("--ouro-experiment", "--ouro-settle").ret == 1  # the branch lacks the best
    field.project.git("merge", "-q", "--ff-only", best)
    assert run_pytest("bound.toml").ret == 0


def test_the_branch_is_moved_by_an_option(field, measure):
    best = field.idea(4.0)

    result = measure(best, "--ouro-settle", "-q")

    assert f"ouro: settled: main is at {best[:7]}" in result.outlines
    assert field.project.git("rev-parse", "main") == best


@pytest.mark.tier(2)
@pytest.mark.parametrize("option", [["-k", "nothing"], ["-m", "nothing"]])
def test_options_that_leave_out_tests_leave_out_no_candidate(field, measure, option):
    first, second = field.idea(4.0), field.idea(3.0, "x = 1")

    result = measure(first, second, *option)

    assert len(field.runs(first)) == len(field.runs(second)) == 1
    assert " crash=0 closed=0 " in last(result)


def test_an_error_at_the_end_is_shown_with_the_results(field, measure, monkeypatch):
    def fails(*words, **named):
        raise GitError("git has no objects", help="make some")

    monkeypatch.setattr("pytest_ouro.experiment.batch.batch.fast_forward", fails)

    result = measure(field.idea(4.0), "--ouro-settle")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["ouro: git has no objects", "  help: make some"])
    assert last(result).startswith("ouro: batch keep=1 discard=0 ")


@pytest.mark.tier(2)
def test_an_engine_that_cannot_be_closed_is_shown(field, measure, monkeypatch):
    def fails(self):
        close(self)
        raise OSError("no such process")

    close = LocalEngine.close
    monkeypatch.setattr(LocalEngine, "close", fails)

    result = measure(field.idea(4.0))

    assert result.ret == 1
    assert any("no such process" in line for line in result.outlines)
    assert last(result).startswith("ouro: batch keep=1 discard=0 ")


@pytest.mark.tier(2)
def test_a_crash_fails_its_item_alone(field, measure):
    good, bad = field.idea(4.0), field.idea(4.0, "raise ValueError('no')")

    result = measure(bad, good)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["crash: python work.py exited with status 1", "*run.log | ValueError: no"]
    )
    assert " keep=1 discard=0 crash=1 closed=0 " in last(result)


@pytest.mark.tier(2)
def test_a_broken_rule_fails_its_item_alone(field, measure):
    good = field.idea(4.0)
    field.project.git("switch", "-q", "-c", "bad")
    bad = field.project.commit("bad", {"evaluate.py": "print('score: 0')\n"})
    field.project.git("switch", "-q", "main")

    result = measure(bad, good)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["no experiment was run: the gate is closed by danger-zone::evaluation*"]
    )
    assert " keep=1 discard=0 crash=0 closed=1 " in last(result)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("nowhere", "--ouro-candidates nowhere: there is no such commit"),
        ("HEAD..HEAD", "--ouro-candidates HEAD..HEAD: the range has no commit"),
        ("bound.toml", "--ouro-candidates bound.toml: there is no such commit"),
    ],
)
def test_a_word_that_names_nothing_runs_nothing(field, measure, word, says):
    result = measure(word)

    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*{says}*"])
    assert last(result) == "ouro: closed reason=cannot-run"
    assert not field.runs()


@pytest.mark.tier(2)
def test_a_file_names_one_on_each_line(field, measure):
    first, second = field.idea(4.0), field.idea(4.5, "x = 1")
    (field.path / "list.txt").write_text(f"# tonight\n{first}\n\n{second}\n")

    assert " keep=1 discard=1 " in last(measure("@list.txt", "--ouro-engine", "local=1"))
    assert measure("@gone.txt").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("text", ["", "\n \n", "# tonight\n"])
def test_a_file_without_a_word_is_an_error(field, measure, text):
    (field.path / "list.txt").write_text(text)

    result = measure("@list.txt", "-p", "no:cacheprovider")

    assert result.ret != 0
    ours = "\n".join(result.outlines + result.errlines)
    assert "--ouro-candidates names no commit" in ours
    assert "name at least one: pytest --ouro-experiment --ouro-candidates HEAD~2..HEAD" in ours


def test_a_commit_of_another_repository_is_an_error(field, measure):
    result = measure("e83c5163316f89bfbde7d9ab23ca2e25604af290")

    assert result.ret != 0
    result.stdout.fnmatch_lines(["*e83c5163316f89bfbde7d9ab23ca2e25604af290: there is no such*"])
    result.stdout.fnmatch_lines(["*fetch one of another clone first (git fetch)*"])


def test_outside_of_a_repository_nothing_is_run(field, measure):
    (field.path / ".git").rename(field.path / "gone")

    result = measure("HEAD")

    assert result.ret != 0
    assert last(result) == "ouro: closed reason=cannot-run"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ouro-candidates", "HEAD"], "--ouro-candidates is used with --ouro-experiment only"),
        (
            ["--ouro-experiment", "--ouro-engine", "local"],
            "--ouro-engine is used with --ouro-candidates, --ouro-repeat, --ouro-certify or",
        ),
        (["--ouro-ablate", "--ouro-engine", "local"], "--ouro-engine is used with "),
        (
            ["--ouro-certify", "--ouro-engine", "local", "--ouro-trackio", "night"],
            "--ouro-trackio cannot be used with --ouro-engine: several runs go on",
        ),
        (
            ["--ouro-experiment", "--ouro-candidates", "HEAD", "--ouro-engine", "slurm"],
            "--ouro-engine must be local, local=N, ray or ray=ADDRESS, not 'slurm'",
        ),
        (
            ["--ouro-experiment", "--ouro-candidates", "HEAD", "--ouro-engine", "local=0"],
            "--ouro-engine must be local, local=N, ray or ray=ADDRESS, not 'local=0'",
        ),
        (
            ["--ouro-experiment", "--ouro-candidates", "HEAD", "--ouro-repeat", "2"],
            "--ouro-repeat cannot be used with --ouro-candidates: each candidate is run once",
        ),
        (
            ["--ouro-experiment", "--ouro-candidates", "HEAD", "--ouro-trackio", "night"],
            "--ouro-trackio cannot be used with --ouro-candidates: several runs go on",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(field, run_pytest, words, says):
    result = run_pytest("bound.toml", *words)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{says}*"])


def test_a_blessing_that_is_not_committed_runs_nothing(field, measure):
    commit = field.idea(4.0)
    with (field.path / "bound.lock").open("a") as lock:
        lock.write("# again\n")

    result = measure(commit)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*bound.lock is not committed*"])
    assert last(result) == "ouro: batch keep=0 discard=0 crash=0 closed=0 unmade=1"


def test_the_fixture_has_no_run_to_return(field, run_pytest):
    commit = field.idea(4.0)
    (field.path / "test_it.py").write_text("def test_it(experiment): ...\n")

    result = run_pytest("test_it.py", "--ouro-experiment", "--ouro-candidates", commit, "-rs")

    result.stdout.fnmatch_lines(["SKIPPED*--ouro-candidates makes more than one run"])


def test_a_check_of_this_session_alone_is_refused(field, measure):
    check = """
        from pytest_ouro import Check

        class Size(Check):
            "A size."

            def findings(self, evidence):
                return ()

        def pytest_ouro_checks():
            return {"size": Size}
    """
    (field.path / "conftest.py").write_text(textwrap.dedent(check))
    text = (field.path / "bound.toml").read_text()
    rule = '\n[[never-do]]\nid = "grow"\nrule = "Never grow."\ncheck = "size"\n'
    (field.path / "bound.toml").write_text(text + rule)
    field.project.git("config", "ouro.trust", field.project.commit("a rule of ours"))

    result = measure(field.idea(4.0))

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*never-do::grow uses the check 'size', which this session alone knows: a worker lacks it"]
    )
    assert last(result) == "ouro: closed reason=cannot-run"


def start(field, *words):
    """Start a batch in a process of its own; return it when its first run goes on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--ouro-experiment",
         "--ouro-candidates", *words],
        cwd=field.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    for line in process.stdout:
        if f"{words[0][:7]} runs on" in line:
            return process
    raise AssertionError("it did not start")


def processes_of(home):
    """The ids of processes whose environment has this HOME."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is not ours
            if f"HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def wait_for_none(home):
    deadline = time.monotonic() + 60
    while (left := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


@pytest.mark.tier(2)
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_term_end_everything(field, monkeypatch, tmp_path, sent):
    field.project.identify()
    monkeypatch.setenv("HOME", str(tmp_path))
    slow, waiting = field.idea(4.0, SLEEPS.format(60)), field.idea(4.5)
    field.measure(field.idea(4.9, "x = 1"))
    field.close()
    process = start(field, slow, waiting, "--ouro-engine", "local=1")

    process.send_signal(sent)
    said = process.communicate(timeout=120)[0]

    assert process.returncode == 2
    assert said.splitlines()[-1] == ("ouro: batch keep=0 discard=0 crash=1 closed=0 unmade=1")
    assert [str(run.reason) for run in field.runs(slow)] == ["interrupted"]
    assert not field.runs(waiting)
    wait_for_none(tmp_path)


@pytest.mark.tier(2)
def test_a_killed_pytest_leaves_no_process_and_its_run_is_lost(field, monkeypatch, tmp_path):
    field.project.identify()
    monkeypatch.setenv("HOME", str(tmp_path))
    slow = field.idea(4.0, SLEEPS.format(60))
    field.measure(field.head)
    field.close()
    process = start(field, slow)

    process.kill()
    process.communicate(timeout=120)

    wait_for_none(tmp_path)
    outcome = field.measure(field.idea(4.5, "x = 2"))
    assert [str(run.reason) for run in field.runs(slow)] == ["lost"]
    assert field.verdicts(outcome) == ["improved"]
