"""Each way past the guard that a real program had, tried by the program itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pytest_ouro.onboarding.agents import AGENTS

from .calls import NOTEBOOK
from .conftest import refusal_of
from .fake_model import Step
from .programs import PROGRAMS

pytestmark = pytest.mark.tier(3)

PAGE = (Path(__file__).parents[3] / "docs/agents.md").read_text(encoding="utf-8")
#: The program that the environment of the tests has.
GUARD = Path(sys.executable).parent / "pytest-ouro"
MISSING = "the guard did not run, so this call is refused"


@pytest.fixture
def ways(driver, guarded):
    """Calls that change prepare.py, by the way that they take."""
    tools, path = driver.program, f"{guarded.path}/prepare.py"
    return {
        "its tool": tools.edit(path, "TIME_BUDGET = 0.3", "TIME_BUDGET = 9.0"),
        "a shell": tools.shell(f"cat >> {path} <<'EOF'\ny = 1\nEOF"),
        "an MCP tool": tools.serve(path, "z = 1\n"),
    }


@pytest.fixture
def harness(guarded):
    """``harness()``: the bytes of prepare.py."""
    return (guarded.path / "prepare.py").read_bytes


@pytest.fixture
def frozen(guarded):
    """The words by which the guard refuses to change prepare.py."""
    words = refusal_of(f"{guarded.path}/prepare.py")
    assert "prepare.py is frozen (danger-zone::prepare: prepare.py is the fixed harness.)" in words
    return words


@pytest.fixture
def guard(driver, tmp_path):
    """``guard(script)``: put a bash script in the place of pytest-ouro; None for none."""

    def guard(script):
        folder = tmp_path / "another"
        folder.mkdir()
        driver.place.path[:] = [str(folder)]
        if script is not None:
            (folder / "pytest-ouro").write_text(f"#!/bin/bash\n{script}\n")
            (folder / "pytest-ouro").chmod(0o755)

    return guard


def test_what_a_rule_forbids_is_refused_and_all_else_is_done(
    driver, guarded, ways, frozen, harness
):
    tools, top, before = driver.program, guarded.path, harness()
    script = (top / "train.py").read_text()

    shown = driver.play({
        "the script": tools.edit(f"{top}/train.py", "MODEL = 2.0", "MODEL = 1.5"),
        **ways,
        "skip": tools.shell("git commit --no-verify -am idea"),
        "install": tools.shell("pip install six"),
        "commit": tools.shell("git commit -am 'a lower number'"),
        "the script by MCP": tools.serve(f"{top}/train.py", script.replace("2.0", "1.4")),
    })  # fmt: skip

    for way in ways:
        assert frozen in shown[way]
    assert "`git commit --no-verify` leaves out the hooks that judge" in shown["skip"]
    assert "installs a package" in shown["install"]
    for way in ("skip", "install"):
        assert "put the idea into train.py" not in shown[way]
    assert harness() == before
    assert guarded.git("log", "-1", "--format=%s") == "a lower number"
    assert "+MODEL = 1.5" in guarded.git("show", "--format=", "HEAD")
    assert "MODEL = 1.4" in (top / "train.py").read_text()


@pytest.mark.parametrize("has_words", [False, True])
def test_the_rules_are_in_the_prompt(driver, guarded, has_words):
    if has_words:
        guarded.write({"CLAUDE.md": "# Be kind\n", "GEMINI.md": "# Be kind\n"})
        guarded.ouro("init", "--agents")

    driver.play({})

    assert "Never modify prepare.py." in driver.played.prompt
    is_read = has_words and driver.program.name != "codex"
    assert ("Be kind" in driver.played.prompt) is is_read


def test_without_the_hook_each_way_changes_the_file(driver, guarded, ways, harness):
    """What the other tests try would be done if nothing refused it."""
    (guarded.path / AGENTS[driver.program.name].settings).unlink()

    for way, calls in ways.items():
        before = harness()
        driver.play({way: calls})
        assert harness() != before, way
        guarded.git("checkout", "-q", "prepare.py")


@pytest.mark.parametrize("script", [None, "exit 1", "kill -KILL $$"])
def test_a_guard_that_gives_no_answer_is_a_refusal(driver, ways, harness, guard, script):
    guard(script)
    before = harness()

    shown = driver.play(ways)

    for way in ways:
        assert MISSING in shown[way]
    assert harness() == before


def test_a_line_of_the_shell_before_the_answer_does_not_hide_it(
    driver, ways, frozen, harness, guard, tmp_path
):
    """As by pyenv, whose shims are bash scripts."""
    guard(f'exec {GUARD} "$@"')
    noise = f"echo welcome\necho started >> {tmp_path}/seen\n"
    driver.place.write(".bashrc", noise)  # bash reads it where its input is a socket, as node's are
    driver.place.write("start", noise)
    driver.env["BASH_ENV"] = str(driver.place.home / "start")
    before = harness()

    shown = driver.play(ways)

    assert (tmp_path / "seen").exists()
    for way in ways:
        assert frozen in shown[way]
    assert harness() == before


def test_a_slow_guard_is_waited_for(driver, ways, frozen, harness, guard):
    guard(f'sleep 12\nexec {GUARD} "$@"')  # agents wait for 10 seconds where no setting says more
    before = harness()

    shown = driver.play({"its tool": ways["its tool"]})

    assert frozen in shown["its tool"]
    assert harness() == before


def test_a_guard_that_is_slower_than_the_limit(driver, guarded, ways, harness, guard):
    """A limit that the page states: only Claude Code refuses then."""
    name = driver.program.name
    settings = guarded.path / AGENTS[name].settings
    limit = '"timeout": 60000' if name == "gemini" else '"timeout": 60'
    assert limit in settings.read_text()
    shorter = limit.replace("60", "1", 1)
    settings.write_text(settings.read_text().replace(limit, shorter))
    guard("sleep 30")
    before = harness()

    driver.play({"a shell": ways["a shell"]})

    assert (harness() == before) is (name == "claude")


@pytest.mark.parametrize("has_user_hook", [False, True])
def test_started_in_a_sub_folder(driver, guarded, ways, harness, has_user_hook):
    """A limit that the page states, and the settings that it advises."""
    name = driver.program.name
    settings = AGENTS[name].settings
    (guarded.path / "sub").mkdir()
    driver.folder = "sub"
    if has_user_hook and name != "codex":
        path = driver.place.home / settings
        of_user = json.loads(path.read_text()) if path.exists() else {}
        of_project = json.loads((guarded.path / settings).read_text())
        driver.place.write(settings, {**of_user, "hooks": of_project["hooks"]})
    before = harness()

    driver.play({"a shell": ways["a shell"]})

    assert (harness() == before) is (has_user_hook or name == "codex")
    assert "a session of Claude Code or Gemini CLI that is started in a sub-folder" in PAGE


@pytest.mark.parametrize("program", [PROGRAMS["codex"]], ids=["codex"])
def test_codex_writes_into_a_shell_that_runs(driver, guarded, harness):
    """A limit that the page states: no hook is called. The gate finds what was done."""
    start = Step("exec_command", {"cmd": "bash", "tty": True, "yield_time_ms": 500})
    line = "echo 'y = 1' >> prepare.py; exit\n"
    before = harness()

    driver.play({"start": start, "line": Step("write_stdin", {"session_id": 0, "chars": line})})

    assert harness() != before
    assert "Codex's `write_stdin` into a shell that runs" in PAGE
    gate = guarded.ouro("gate")
    assert (gate.returncode, "danger-zone::prepare BROKEN" in gate.stdout) == (1, True)


@pytest.mark.parametrize("program", [PROGRAMS["codex"]], ids=["codex"])
def test_a_script_of_codex_calls_tools(driver, guarded, ways, frozen, harness):
    """In its code mode the model writes JavaScript, whose calls a hook sees one by one."""
    config = driver.place.home / ".codex/config.toml"
    config.write_text(config.read_text() + "[features]\ncode_mode = true\n")
    calls, before = [*ways["its tool"], ways["a shell"]], harness()

    shown = driver.play({
        step.tool: Step("exec", f"text(await tools.{step.tool}({json.dumps(step.given)}))")
        for step in calls
    })  # fmt: skip

    for step in calls:
        assert frozen in shown[step.tool]
    assert harness() == before


@pytest.mark.parametrize("program", [PROGRAMS["claude"]], ids=["claude"])
def test_other_tools_of_claude(driver, guarded, frozen, harness):
    driver.turn_powershell_on()
    top, before = guarded.path, harness()
    guarded.write({"notes.ipynb": NOTEBOOK})
    cell = {"new_source": "1", "cell_type": "code", "edit_mode": "insert"}

    shown = driver.play({
        "PowerShell": Step("PowerShell", {"command": "Set-Content prepare.py x"}),
        "Monitor": Step("Monitor", {"command": "tee prepare.py < /dev/null", "description": "x"}),
        "background": Step("Bash", {"command": "tee prepare.py", "run_in_background": True}),
        "read": Step("Read", {"file_path": f"{top}/notes.ipynb"}),
        "NotebookEdit": Step("NotebookEdit", {"notebook_path": f"{top}/notes.ipynb", **cell}),
    })  # fmt: skip

    for way in ("PowerShell", "Monitor", "background"):
        assert frozen in shown[way]
    assert refusal_of(f"{top}/notes.ipynb") in shown["NotebookEdit"]
    assert harness() == before
    assert (top / "notes.ipynb").read_text() == NOTEBOOK


@pytest.mark.parametrize("program", [PROGRAMS["claude"]], ids=["claude"])
def test_claude_makes_a_working_tree_itself(driver, guarded):
    guarded.commit("ignore", {".gitignore": "run.log\nresults.tsv\n.claude/worktrees/\n"})
    guarded.bless()
    tools, tree = driver.program, guarded.path / ".claude/worktrees/idea"

    shown = driver.play({
        "enter": Step("EnterWorktree", {"name": "idea"}),
        "frozen": tools.edit(f"{tree}/prepare.py", "TIME_BUDGET = 0.3", "TIME_BUDGET = 9.0"),
        "script": tools.edit(f"{tree}/train.py", "MODEL = 2.0", "MODEL = 1.5"),
    })  # fmt: skip

    assert refusal_of(f"{tree}/prepare.py") in shown["frozen"]
    assert "MODEL = 1.5" in (tree / "train.py").read_text()
    assert guarded.ouro("gate").returncode == 0


def test_what_a_script_did_is_reported_after_the_call_with_what_undoes_it(driver, guarded, harness):
    tools = driver.program
    undo = f"git checkout {guarded.git('rev-parse', '--short=7', 'HEAD')} -- prepare.py"
    script = "python3 - <<'EOF'\nopen('prepare.py', 'a').write('y = 1')\nEOF"
    before = harness()

    shown = driver.play({
        "script": tools.shell(script),
        "undo": tools.shell(undo),
        "next": tools.shell("echo calm"),
    })  # fmt: skip

    assert "danger-zone::prepare" in shown["script"]
    assert f"help: {undo} " in shown["script"]
    assert harness() == before
    for name in ("undo", "next"):
        assert "danger-zone::prepare" not in shown[name]
    assert "calm" in shown["next"]
