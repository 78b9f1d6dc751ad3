"""Other plugins and modes of pytest: their time limits, and options by which nothing is called."""

import signal

import pytest

from pytest_ouro.items.time_limits import hold_time_limits

#: Plugins that end a test from outside, in different ways, while a run goes on.
ALARM = """\
import signal
import pytest
import pytest_ouro.report.progress as progress

def rang(number, frame):
    pytest.fail("Timeout >0.2s")

signal.signal(signal.SIGALRM, rang)
progress.Progress.show = lambda self, position: signal.raise_signal(signal.SIGALRM)
"""
RAISES = """\
import pytest
import pytest_ouro.report.progress as progress

def show(self, position):
    {statement}

progress.Progress.show = show
"""


@pytest.fixture
def beside(lab, tmp_path):
    """``beside(plugin, *args)``: an experiment beside a plugin; the finished process."""

    def beside(plugin, *args):
        (tmp_path / "beside.py").write_text(plugin)
        lab.bound(("tolerance = 0.3", "tolerance = 9.0"))  # a busy machine is not what is tested
        lab.commit(lab.trains("time.sleep(0.4)"))
        return lab.pytest("-p", "beside", *args, PYTHONPATH=str(tmp_path))

    return beside


def test_the_alarm_of_another_plugin_does_not_end_a_run(lab, beside, last_line):
    done = beside(ALARM)
    assert done.returncode == 0, done.stdout
    assert last_line(done).endswith("reason=baseline")
    assert "ouro: beside has a time limit, which does not end a run; 'timeout'" in done.stdout
    lab.whole("baseline")


def test_alarms_are_held_and_given_back():
    before = signal.getsignal(signal.SIGALRM)
    with hold_time_limits() as rang:
        signal.raise_signal(signal.SIGALRM)
    assert rang == ["signal"]  # where the present handler, SIG_DFL, is defined
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        ("pytest.fail('too long')", 1, "run: ended from outside by Failed: too long"),
        ("pytest.exit('enough', 7)", 7, "enough"),
        ("raise SystemExit(9)", 1, "run: ended from outside by SystemExit: 9"),
        ("raise MemoryError('none left')", 1, "MemoryError: none left"),
        ("raise OSError('no room')", 1, "OSError: no room"),
    ],
)
def test_what_ends_a_run_from_outside_is_one_thing_in_line_row_and_record(
    lab, beside, statement, status, said
):
    done = beside(RAISES.format(statement=statement))
    assert done.returncode == status, done.stdout
    assert said in done.stdout
    assert len(done.stdout.splitlines()) < 60
    reason = "not-started" if "OSError" in statement else "interrupted"
    line = [line for line in done.stdout.splitlines() if line.startswith("ouro: ")][-1]
    assert line.startswith("ouro: crash val_bpb=none ")
    assert line.endswith(f"reason={reason}")
    lab.whole(reason)


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only", "--cache-show=*"])
def test_a_mode_that_calls_no_test_is_not_green(project, run_pytest, option):
    result = run_pytest("--ouro-experiment", "-p", "cacheprovider", option)
    assert result.ret == 1
    assert result.outlines[-1] == "ouro: closed reason=cannot-run"
    if option.startswith("--setup"):
        result.stdout.fnmatch_lines(["ouro: --setup-plan and --setup-only keep pytest from *"])
    assert not (project.path / ".git/ouro").exists()


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--fixtures-per-test"])
def test_a_listing_has_no_last_line(run_pytest, option):
    result = run_pytest("--ouro-experiment", option)
    assert result.ret == 0
    assert not result.outlines[-1].startswith("ouro: closed")


@pytest.mark.tier(2)
def test_workers_of_addopts_are_taken_back_by_what_the_message_says(lab, last_line):
    pytest.importorskip("xdist")
    ini = "[pytest]\naddopts = -n2 --dist=loadfile\n"
    lab.project.commit("options", {"pytest.ini": ini})
    lab.bound()
    refused = lab.pytest()
    assert refused.returncode == 4
    assert "help: add -n0 --dist=no" in refused.stderr
    assert last_line(lab.pytest("-n0", "--dist=no")).endswith("reason=baseline")
