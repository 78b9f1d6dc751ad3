"""What nobody foresaw: one line, the path of a report, exit status 2, in every form."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pytest_ouro import engine
from pytest_ouro.cli import run

#: Functions, since an exception keeps alive all that it went through.
ERRORS = {
    "RecursionError": lambda: RecursionError("maximum recursion depth exceeded"),
    "ValueError": lambda: ValueError("Exceeds the limit (4300 digits)"),
    "MemoryError": MemoryError,
    "UnicodeEncodeError": lambda: UnicodeEncodeError("idna", "x", 0, 1, "label\nempty"),
    "AssertionError": AssertionError,
    "OSError": lambda: OSError("no name"),
}


@pytest.fixture
def fail(project, monkeypatch):
    """``fail(make)``: from now on every judgement raises what ``make`` returns."""
    monkeypatch.chdir(project.path)

    def fail(make):
        def raising(*args, **kwargs):
            raise make()

        monkeypatch.setattr(engine, "check_rule", raising)
        monkeypatch.setattr("pytest_ouro.items.collect.check_rule", raising)

    return fail


def report_in(text):
    """The report that a help names."""
    return Path(text.partition("developers with ")[2].split("\n")[0].strip())


@pytest.mark.parametrize("kind", ERRORS)
def test_a_line_and_a_report_for_this_user_alone(fail, capsys, kind):
    fail(ERRORS[kind])

    assert run(["gate"]) == 2

    said = capsys.readouterr()
    first, second = said.err.splitlines()
    assert first.startswith("ouro: error: an error of pytest-ouro itself")
    assert kind in first
    assert second.startswith("  help: ")
    path = report_in(said.err)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "Traceback" in path.read_text("utf-8")


def test_in_every_form(fail, capsys):
    fail(lambda: RecursionError("deep"))

    for form in ("--json", "--sarif", "--junit", "--github"):
        assert run(["gate", form]) == 2
        out = capsys.readouterr().out
        assert "RecursionError: deep" in out
        if form == "--junit":
            assert next(ElementTree.fromstring(out).iter("error")) is not None
        elif form == "--github":
            assert out.startswith("::error title=ouro could not judge::")
        else:
            json.loads(out)


def test_under_pytest(fail, run_pytest):
    fail(lambda: RecursionError("deep"))

    done = run_pytest("bound.toml")

    assert done.ret == 1
    said = done.stdout.str()
    assert "could not judge: an error of pytest-ouro itself" in said
    assert "Traceback" not in said
    assert "collect.py" not in said


def test_while_it_renders(fail, capsys, monkeypatch):
    def raising(answers):
        raise RecursionError("deep")

    monkeypatch.setattr("pytest_ouro.report.json.render", raising)

    assert run(["gate", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["lawful"] is None


def test_where_no_report_can_be_written(fail, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/none")
    fail(lambda: RecursionError("deep"))

    assert run(["gate"]) == 2
    assert "set XDG_CACHE_HOME" in capsys.readouterr().err


def test_only_the_newest_reports_are_kept(fail, capsys):
    fail(lambda: RecursionError("deep"))
    run(["gate"])
    folder = report_in(capsys.readouterr().err).parent
    for number in range(30):
        (folder / f"2000-{number}.txt").touch()

    run(["gate"])

    assert len(list(folder.iterdir())) == 20


COMMANDS = ["gate", "log", "doctor", "--help", "init --help", "gate --json"]


@pytest.mark.tier(2, but=4)
@pytest.mark.parametrize("output", ["closed", "full"])
@pytest.mark.parametrize("command", COMMANDS)
def test_exit_2_where_the_answer_cannot_be_written(project, output, command):
    target = ">&-" if output == "closed" else "> /dev/full"
    if output == "full" and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    shell = f'exec "{sys.executable}" -m pytest_ouro {command} {target}'

    done = subprocess.run(
        ["sh", "-c", shell], cwd=project.path, stderr=subprocess.PIPE, text=True, check=False
    )

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "standard output is closed or full" in done.stderr


def test_the_guard_of_a_lawful_call_needs_no_output(project):
    call = json.dumps(
        {
            "hook_event_name": "PreToolUse",
            "tool_name": "Edit",
            "tool_input": {"file_path": f"{project.path}/train.py"},
            "cwd": str(project.path),
        }
    )
    shell = f'exec "{sys.executable}" -m pytest_ouro guard >&-'

    done = subprocess.run(
        ["sh", "-c", shell], cwd=project.path, input=call, stderr=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def test_the_platforms_encoding_is_not_relied_on(project):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "warn_default_encoding", "-m", "pytest_ouro", "gate"],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_warning_about_judged_code_is_not_shown(laws, monkeypatch, capsys, recwarn):
    monkeypatch.chdir(laws.path)
    laws.write({"train.py": (laws.path / "train.py").read_text("utf-8") + 'X = "\\d"\n'})
    laws.commit("an invalid escape")

    assert run(["gate"]) == 0
    assert not recwarn.list
