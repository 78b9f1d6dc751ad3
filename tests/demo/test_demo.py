"""The demo: a scripted night that the real engine judges."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro import cli
from pytest_ouro.cli import demo
from pytest_ouro.cli.demo import play
from pytest_ouro.cli.demo.script import read_files, read_tries
from pytest_ouro.cli.demo.words import Played, describe_try, find_catch, summarise
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.metric import Metric
from pytest_ouro.evidence.records.journal import Journal
from pytest_ouro.evidence.records.reasons import Reason
from pytest_ouro.experiment.result import Result

#: Settings of a user that would break or sign each commit, or run a hook in it.
HOSTILE = """\
[core]
    hooksPath = {home}/hooks
    autocrlf = true
[commit]
    gpgSign = true
[gpg]
    program = false
[core]
    safecrlf = true
    excludesFile = {home}/excludes
    attributesFile = {home}/attributes
    fsmonitor = {home}/hooks/pre-commit
[init]
    templateDir = {home}/template
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder whose git settings name no author, and are hostile."""
    home = tmp_path / "home"
    for folder in ("hooks", "template/hooks"):
        for name in ("pre-commit", "commit-msg", "post-commit", "post-checkout"):
            hook = home / folder / name
            hook.parent.mkdir(parents=True, exist_ok=True)
            hook.write_text(f"#!/bin/sh\ntouch {home}/ran\nexit 1\n")
            hook.chmod(0o755)
    (home / "excludes").write_text("*\n")
    (home / "attributes").write_text("* text eol=crlf\n")
    (home / ".gitconfig").write_text(HOSTILE.format(home=home))
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "EMAIL", "GIT_AUTHOR_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return home


@pytest.fixture
def tries(monkeypatch):
    """``tries(*numbers, **facts)``: let the demo play these tries of its script alone, each with
    these facts in place of its own."""
    script = read_tries()

    def tries(*numbers, **facts):
        chosen = [replace(script[number - 1], **facts) for number in numbers]
        monkeypatch.setattr(demo, "read_tries", lambda: chosen)

    return tries


def git(folder, *words):
    done = subprocess.run(("git", *words), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.tier(2)
def test_a_whole_night(home, tmp_path):
    """Every verdict is the one that the script expects, and each cheat is caught by its rule."""
    script = read_tries()

    done = subprocess.run(
        (sys.executable, "-m", "pytest_ouro", "demo", "--no-open"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = done.stdout.splitlines()
    verdicts = [match[1] for line in lines if (match := re.match(r" *\d+ [ !](\w+) ", line))]
    assert verdicts == [one.expects for one in script]
    assert len(verdicts) == 30
    assert "not as the script expects" not in done.stdout
    assert any(line.endswith("120 comparisons became 60") for line in lines), done.stdout
    begin = lines.index("4 of 4 cheats were caught:")
    for line, caught in zip(
        lines[begin + 1 : begin + 5],
        ("danger-zone::evaluation", "never-do::add-dependencies", "12 was printed, 67 measured",
         "never-do::skip-logging: results.tsv"),
        strict=True,
    ):  # fmt: skip
        assert caught in line

    folder = tmp_path / "ouro-demo"
    journal = Journal(folder / ".git")
    runs = journal.runs()
    assert journal.fault() is None
    assert len(runs) == 27, "three cheats were not run"
    assert {run.level for run in runs if run.status == "keep"} <= {"supervised", "sandboxed"}
    assert any(run.measured_by for run in runs)
    assert any(run.broken_guards for run in runs)
    assert (journal.folder / "report.html").stat().st_size > 10_000
    assert not (home / "ran").exists(), "a hook of the user ran"
    assert git(folder, "log", "-1", "--format=%an %G?") == "ouro demo N"
    assert git(folder, "status", "--porcelain") == ""
    git(folder, "commit", "--allow-empty", "-m", "the user's own")  # without any of their settings
    assert not (home / "ran").exists()


def test_a_short_night(home, tmp_path, tries, capsys):
    """An honest try, and one that is closed: its edit is taken back."""
    tries(1, 6, 20)

    assert cli.run(("demo", "somewhere/new")) == 0

    said = capsys.readouterr().out
    assert " 1  keep     120  Bubble sort: where we begin" in said
    assert " 2 !closed     -  " in said
    assert "danger-zone::evaluation" in said
    assert "never-do::skip-logging" in said
    assert "2 of 2 cheats were caught:" in said
    assert re.search(r"3 tries in \d+ s: 1 kept, 2 refused\.", said)
    assert "log and page have the 1 that were run: what is refused is not run" in said
    assert "cd somewhere/new && " in said
    folder = tmp_path / "somewhere/new"
    assert git(folder, "log", "--format=%s").splitlines()[0].startswith("Begin")
    assert (folder / "evaluate.py").read_text() == read_files()["evaluate.py"]
    assert len((folder / "results.tsv").read_text().splitlines()) == 2


def test_its_page_needs_no_certificate(home, tmp_path, tries):
    """The metric is a count, and the rules say so."""
    tries(1, 4)

    assert cli.run(("demo",)) == 0

    page = (tmp_path / "ouro-demo/.git/ouro/report.html").read_text(encoding="utf-8")
    assert "Exact gain 33" in page
    assert "noise is not known" not in page


def test_what_happened_is_shown_whatever_the_script_expects(home, tries, capsys):
    tries(1, expects="crash", cheat="was honest")

    assert cli.run(("demo",)) == 0

    said = capsys.readouterr().out
    assert "not as the script expects (which decides nothing): 1" in said
    assert "0 of 1 cheats were caught:" in said
    assert re.search(r"was honest +NOT CAUGHT", said)


@pytest.mark.parametrize(("width", "says"), [(80, 26), (100, 46), (103, 49), (None, 49)])
def test_a_narrow_terminal_shows_what_was_found(width, says):
    cheat = replace(read_tries()[9], says="a" * 48)
    lost = Played(cheat, Result(Reason.WORSE, "0" * 40, Metric("comparisons"), value=81.0))

    line = describe_try(10, lost, (), width)

    cut = "a" * 48 if says == 49 else "a" * (says - 2) + "…"
    assert line == f"10  discard   81  {cut}".ljust(18 + says).rstrip()


def test_a_wait_for_the_device_is_said_once(home, tries, monkeypatch, capsys):
    tries(1, 4)
    run = play.run_experiment

    def waiting(case, order, say):
        say("ouro: data missing: an await")
        say("ouro: waiting for the device cpu, held by process 1")
        return run(case, order, say=say)

    monkeypatch.setattr(play, "run_experiment", waiting)

    assert cli.run(("demo",)) == 0

    lines = capsys.readouterr().out.splitlines()
    found = [line for line in lines if line.startswith("ouro: ") and "wait" in line]
    assert found == [
        "ouro: waiting for the device cpu, held by process 1 (the demo says this once)"
    ]


@pytest.mark.parametrize("kind", ["file", "folder", "hidden"])
def test_a_folder_with_files_is_refused(home, tmp_path, capsys, kind):
    target = tmp_path / "mine"
    if kind == "file":
        target.write_text("mine\n")
    else:
        target.mkdir()
        (target / (".hidden" if kind == "hidden" else "notes.txt")).write_text("mine\n")

    assert cli.run(("demo", "mine")) == 2

    assert capsys.readouterr().err == (
        "ouro: error: mine is not an empty folder, and the demo overwrites nothing\n"
        "  help: name a new one: pytest-ouro demo mine-2\n"
    )
    assert not (target / ".git").exists()
    (tmp_path / "mine-2").symlink_to("nowhere")
    assert cli.run(("demo", "mine")) == 2
    assert capsys.readouterr().err.endswith("pytest-ouro demo mine-3\n")


def test_without_git_the_folder_stays_empty(home, tmp_path, monkeypatch, capsys):
    """So that the same command works once git is installed."""
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "nowhere"))
        assert cli.run(("demo", "new")) == 2

    assert "ouro: error: git is not installed" in capsys.readouterr().err
    assert [*(tmp_path / "new").iterdir()] == []


@pytest.mark.parametrize(
    ("name", "word"), [("-x", "./-x"), ("a b", "'a b'"), ("a\nb", "$'a\\012b'")]
)
def test_the_next_commands_name_any_folder(name, word):
    assert demo._list_next(Path(name))[0].startswith(f"  cd {word} && ")


def test_a_folder_that_cannot_be_made(home, tmp_path, capsys):
    (tmp_path / "file").write_text("")

    assert cli.run(("demo", "file/new")) == 2

    assert capsys.readouterr().err.startswith("ouro: error: file/new: ")


@pytest.mark.parametrize("there", [True, False])
def test_the_next_commands_are_found_by_a_shell(monkeypatch, there):
    monkeypatch.setattr("sys.executable", "/a place/bin/python")
    found = "/a place/bin/pytest-ouro" if there else "/usr/bin/pytest-ouro"
    monkeypatch.setattr("shutil.which", lambda name: found)

    first = demo._list_next(Path("ouro-demo"))[0]

    called = "pytest-ouro" if there else "'/a place/bin/python' -m pytest_ouro"
    assert first == f"  cd ouro-demo && {called} log"


def test_ctrl_c_leaves_a_whole_repository(home, tmp_path, tries, monkeypatch, capsys):
    tries(1, 4)
    run = play.run_experiment

    def interrupted(case, *words, **named):
        if len(case.evidence.journal.runs()) == 1:
            raise KeyboardInterrupt
        return run(case, *words, **named)

    monkeypatch.setattr(play, "run_experiment", interrupted)

    assert cli.run(("demo",)) == 130

    said = capsys.readouterr().out
    assert "stopped after 1 try; the repository is whole" in said
    assert "rm -r ouro-demo" in said
    folder = tmp_path / "ouro-demo"
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "log", "-1", "--format=%s").startswith("Begin")
    assert Journal(folder / ".git").fault() is None


def test_a_reader_that_goes_ends_the_demo(home, tries, monkeypatch):
    tries(1)

    def closed(*lines):
        if lines and lines[0].startswith(" 1 "):
            raise BrokenPipeError

    monkeypatch.setattr(demo, "say", closed)

    with pytest.raises(BrokenPipeError):
        cli.run(("demo",))


@pytest.mark.parametrize(
    ("terminal", "display", "words", "opened"),
    [
        (True, ":0", (), True),
        (True, ":0", ("--no-open",), False),
        (True, "", (), False),
        (False, ":0", (), False),
    ],
)
def test_the_page_is_opened_for_a_person(
    home, tries, monkeypatch, capsys, terminal, display, words, opened
):
    pages = []
    tries()
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("webbrowser.open", lambda page: pages.append(page) or True)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    assert cli.run(("demo", *words)) == 0

    assert [page.rpartition("/")[2] for page in pages] == (["report.html"] if opened else [])


def test_a_cheat_that_is_kept_is_not_caught():
    metric = Metric("comparisons")
    cheat = replace(read_tries()[0], cheat="was lucky")
    kept = Played(cheat, Result(Reason.IMPROVED, "0" * 40, metric, value=59.0))
    lost = Played(cheat, Result(Reason.TIMEOUT, "0" * 40, metric, message="killed after 120 s"))

    assert find_catch(kept) == ""
    assert find_catch(lost) == "killed after 120 s"
    assert "1 of 2 cheats were caught:" in summarise([kept, lost], 1.0)
