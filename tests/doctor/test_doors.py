"""What the doctor reports about commits, CI and agents; its next steps are run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.onboarding.agents import COMMAND
from tests.doctor.conftest import Report, follow, with_scripts


def test_the_hook_that_is_next_stops_a_commit(doctor, project):
    report = doctor()
    assert report.state["pre-commit"] == "off"
    assert report.next["pre-commit"] == "pytest-ouro init --hook"

    shutil.rmtree(project.path / ".git/hooks", ignore_errors=True)
    follow(project, report.next["pre-commit"])

    assert doctor().state["pre-commit"] == "ok"
    project.edit("prepare.py", "float(model)", "0.5")
    with pytest.raises(subprocess.CalledProcessError):
        follow(project, "git commit -qam 'widen eval'")


def test_the_next_step_writes_where_git_looks_for_hooks(doctor, project):
    project.git("config", "core.hooksPath", "hooks")

    follow(project, doctor().next["pre-commit"])

    assert doctor().state["pre-commit"] == "ok"
    assert (project.path / "hooks/pre-commit").is_file()


@pytest.mark.tier(2)
def test_a_hook_elsewhere_or_in_a_comment(doctor, project):
    hook = project.path / "hooks/pre-commit"
    project.write({"hooks/pre-commit": "#!/bin/sh\n# pytest-ouro gate --staged\n"})
    hook.chmod(0o755)
    project.git("config", "core.hooksPath", "hooks")
    report = doctor()
    assert report.state["pre-commit"] == "off"
    assert report.words["pre-commit"] == "hooks/pre-commit does not run the gate"

    hook.write_text("#!/bin/sh\npytest-ouro gate --staged\n")
    assert doctor().state["pre-commit"] == "ok"
    hook.chmod(0o644)  # git runs only an executable hook
    assert doctor().state["pre-commit"] == "off"


def test_pre_commit_s_configuration_counts_once_it_is_installed(doctor, project):
    project.write({".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: ouro-gate\n"})
    report = doctor()
    assert (report.state["pre-commit"], report.next["pre-commit"]) == ("weak", "pre-commit install")

    project.write({".git/hooks/pre-commit": "#!/bin/sh\nexec pre-commit hook-impl\n"})
    (project.path / ".git/hooks/pre-commit").chmod(0o755)
    assert doctor().state["pre-commit"] == "ok"


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("pytest-ouro gate --trust $BASE", "ok"),
        ("python -I -m pytest_ouro gate --trust $BASE --head $HEAD", "ok"),
        ("pytest-ouro gate", "weak"),
        ("pytest", "off"),
    ],
)
def test_a_workflow_runs_the_gate_or_does_not(doctor, project, step, state):
    project.write({".github/workflows/test.yml": f"steps:\n# pytest-ouro gate\n- run: {step}\n"})

    assert doctor().state["ci"] == state


def states(report):
    """The states of all agents."""
    return {state for topic, state in report.state.items() if topic.startswith("agents ")}


@pytest.mark.tier(2)
def test_agents_ask_the_guard_after_the_next_step(doctor, project):
    assert doctor().state["agents"] == "off"
    project.write({".claude/settings.json": "{}", ".cursor/hooks.json": "{}"})
    report = doctor()
    for name in ("claude", "cursor"):
        assert report.words[f"agents {name}"] == "it edits without asking the guard"
        follow(project, report.next[f"agents {name}"])
    assert states(doctor()) == {"ok"}

    settings = project.path / ".claude/settings.json"
    settings.write_text(settings.read_text().replace("{", '{"disableAllHooks": true,', 1))
    words = ".claude/settings.json has disableAllHooks = true: the guard is not called"
    assert doctor().words["agents claude"] == words


ALL = ("claude", "codex", "cursor", "gemini")
OFF = {
    "claude, project": ("claude", ".claude/settings.json", "disableAllHooks = true"),
    "claude, local": ("claude", ".claude/settings.local.json", "disableAllHooks = true"),
    "claude, user": ("claude", "~/.claude/settings.json", "disableAllHooks = true"),
    "codex, project": ("codex", ".codex/config.toml", "features.hooks = false"),
    "codex, user": ("codex", "~/.codex/config.toml", "features.hooks = false"),
    "codex, earlier": ("codex", "~/.codex/config.toml", "features.codex_hooks = false"),
    "gemini, project": ("gemini", ".gemini/settings.json", "hooksConfig.enabled = false"),
    "gemini, user": ("gemini", "~/.gemini/settings.json", "hooksConfig.enabled = false"),
    "gemini, earlier": ("gemini", "~/.gemini/settings.json", "tools.enableHooks = false"),
}


@pytest.fixture
def guarded(project, ouro):
    """A project whose agents all have the guard's hooks."""
    status, _, errors = ouro("init", f"--agents={','.join(ALL)}")
    assert (status, errors) == (0, "")
    return project


def put(project, name, setting):
    """Put a setting such as ``features.hooks = false`` into a file; return its path."""
    path = Path(name).expanduser() if name[0] == "~" else project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".toml"):
        path.write_text(f"{setting}\n")
        return path
    keys, _, value = setting.partition(" = ")
    settings = json.loads(path.read_text()) if path.exists() else {}
    *above, last = keys.split(".")
    inner = settings
    for key in above:
        inner = inner.setdefault(key, {})
    inner[last] = json.loads(value)
    path.write_text(json.dumps(settings))
    return path


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("kind", OFF)
def test_settings_that_turn_hooks_off_are_named(doctor, guarded, kind):
    agent, name, setting = OFF[kind]
    put(guarded, name, setting)

    report = doctor()

    assert report.state[f"agents {agent}"] == "off"
    assert report.words[f"agents {agent}"] == f"{name} has {setting}: the guard is not called"
    assert states(report) == {"ok", "off"}


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("kind", OFF)
def test_settings_that_leave_hooks_on_pass(doctor, guarded, kind):
    _, name, setting = OFF[kind]
    key, _, off = setting.partition(" = ")
    path = put(guarded, name, f"{key} = {'false' if off == 'true' else 'true'}")
    if path.suffix == ".json":
        path.write_text(
            f"// a person's\n{path.read_text()}" if name[0] == "~" else path.read_text()
        )

    assert states(doctor()) == {"ok"}


@pytest.mark.tier(2)
def test_the_project_s_setting_counts_before_the_user_s(doctor, guarded):
    put(guarded, "~/.claude/settings.json", "disableAllHooks = true")
    put(guarded, ".claude/settings.local.json", "disableAllHooks = false")

    assert states(doctor()) == {"ok"}


def test_the_user_s_settings_are_where_a_variable_says(doctor, guarded, tmp_path):
    (tmp_path / "settings.json").write_text('{"disableAllHooks": true}')

    words = doctor(CLAUDE_CONFIG_DIR=str(tmp_path)).words["agents claude"]

    assert f"{tmp_path}/settings.json has disableAllHooks" in words


def test_settings_that_cannot_be_read_are_not_taken_for_good(doctor, guarded):
    guarded.write({".claude/settings.local.json": "{"})

    report = doctor()

    assert report.state["agents claude"] == "off"
    assert ".claude/settings.local.json cannot be read" in report.words["agents claude"]


@pytest.fixture
def started_in(guarded):
    """``started_in(folder)``: the doctor's report, called in a folder of the project."""

    def started_in(folder):
        (guarded.path / folder).mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "pytest_ouro", "doctor"], cwd=guarded.path / folder,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PATH": with_scripts()},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Report(done)

    return started_in


@pytest.mark.tier(2)
def test_a_session_in_a_sub_folder_does_not_find_the_settings(guarded, started_in):
    top, below = started_in("."), started_in("lab")

    assert states(top) == {"ok"}
    for name in ("claude", "gemini"):
        words = (
            f"in a sub-folder it would not be called: put the hooks into ~/.{name}/settings.json"
        )
        assert words in top.words[f"agents {name}"]
        assert below.state[f"agents {name}"] == "weak"
        assert below.words[f"agents {name}"].startswith("the guard is not called in a session")
        assert below.next[f"agents {name}"] == f"cd {guarded.path}"
        assert f"put it into ~/.{name}/settings.json too" in below.text
    assert below.state["agents codex"] == "ok"


@pytest.mark.tier(2)
def test_settings_of_the_user_count_in_a_sub_folder_too(guarded, started_in):
    for name in (".claude/settings.json", ".gemini/settings.json"):
        (Path.home() / name).parent.mkdir(exist_ok=True)
        shutil.copy(guarded.path / name, Path.home() / name)

    for folder in (".", "lab"):
        report = started_in(folder)
        assert states(report) == {"ok"}
        assert "sub-folder" not in report.text


@pytest.mark.tier(2)
def test_settings_in_the_sub_folder_itself_count(guarded, started_in):
    for name in (".claude/settings.json", ".gemini/settings.json"):
        (guarded.path / "lab" / name).parent.mkdir(parents=True)
        shutil.copy(guarded.path / name, guarded.path / "lab" / name)

    assert states(started_in("lab")) == {"ok"}


def program(folder, name, text):
    """Write an executable into a folder; return PATH with that folder in front."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{with_scripts()}"


WRONG = {
    "missing": ("exit 127", "its command refuses every call: pytest-ouro: the guard did not run"),
    "another": ("exit 0", "its command lets a change of bound.toml pass: it is silent"),
}


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("kind", WRONG)
def test_the_hook_s_command_is_tried(doctor, guarded, tmp_path, kind):
    script, words = WRONG[kind]

    report = doctor(PATH=program(tmp_path / "bin", "pytest-ouro", script))

    for name in ALL:
        assert report.state[f"agents {name}"] == "off"
        assert report.words[f"agents {name}"].startswith(words)
        assert report.next[f"agents {name}"].startswith("put pytest-ouro on the PATH that agents")


LIST = """\
read a; echo '{"id": 1, "result": {}}'; read b; read c
echo "$a $b $c" | grep -q hooks/list || exit 1
test -f "$CODEX_HOME/config.toml" && test "$CODEX_HOME" != "$HOME/.codex" || exit 1
echo '{"method": "configWarning"}'
echo '{"id": 2, "result": {"data": [{"hooks": [%s]}]}}'
sleep 600"""
ASKED = {
    "trusted": ('"enabled": true, "trustStatus": "trusted"', ""),
    "untrusted": ('"enabled": true, "trustStatus": "untrusted"', "Codex does not trust the hook"),
    "changed": ('"enabled": true, "trustStatus": "modified"', "Codex does not trust the hook"),
    "off": ('"enabled": false, "trustStatus": "trusted"', "does not read the project's hooks"),
    "none": (None, "Codex does not read the project's hooks"),
}


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("kind", ASKED)
def test_codex_is_asked_whether_it_trusts_the_hook(doctor, guarded, tmp_path, kind):
    facts, words = ASKED[kind]
    put(guarded, "~/.codex/config.toml", 'model = "m"')
    command = json.dumps(COMMAND).replace("'", "'\\''")
    hook = f'{{"command": {command}, {facts}}}' if facts else ""

    report = doctor(PATH=program(tmp_path / "bin", "codex", LIST % hook))

    assert report.state["agents codex"] == ("off" if words else "ok")
    assert (words or "the guard is called, and prevents") in report.words["agents codex"]
    assert report.words["agents claude"].startswith("the guard is configured, and prevents")


OTHER_ANSWERS = [
    *("exit 1", "echo '[2]'", """echo '{"id": 2, "result": [0]}'""", "echo '{'"),
    "yes [ | head -n 100000 | tr -d '\\n'; echo",
]


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("script", OTHER_ANSWERS)
def test_a_codex_that_does_not_answer_is_configured(doctor, guarded, tmp_path, script):
    report = doctor(PATH=program(tmp_path / "bin", "codex", script))

    assert report.state["agents codex"] == "ok"
    assert report.words["agents codex"].startswith("the guard is configured")
    assert "no hook for what it types into a shell that runs" in report.words["agents codex"]


FOLDERS = {
    "here": ({"{top}": "TRUST_FOLDER"}, False),
    "above, but not here": ({"/": "TRUST_FOLDER", "{top}": "DO_NOT_TRUST"}, True),
    "elsewhere": ({"{top}/x": "DO_NOT_TRUST"}, False),
}


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("kind", FOLDERS)
def test_gemini_s_file_says_whether_a_person_refused_to_trust_the_folder(doctor, guarded, kind):
    rules, refuses = FOLDERS[kind]
    path = Path.home() / ".gemini/trustedFolders.json"
    path.parent.mkdir()
    text = json.dumps(rules)
    path.write_text(text.replace("{top}", str(guarded.path)))

    report = doctor()

    assert report.state["agents gemini"] == ("off" if refuses else "ok")
    assert report.words["agents gemini"].startswith("the guard is configured") is not refuses
    if refuses:
        assert report.next["agents gemini"] == "gemini"


SERVERS = """\
test "$1 $2" = "mcp list" && test -f "$GEMINI_CLI_TRUSTED_FOLDERS_PATH" || exit 1
grep -q '"allowed": ."pytest-ouro-asks".' "$GEMINI_CLI_HOME/.gemini/settings.json" || exit 1
grep -q '"folderTrust": {"enabled": true}' "$GEMINI_CLI_HOME/.gemini/settings.json" || exit 1
echo 'Configured MCP servers:

x pytest-ouro-asks: pytest-ouro-asks (stdio) - %s' >&2"""
ANSWERS = {"Disconnected": True, "Disabled": False, "Blocked": False, "Resting": False}


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("refuses", [False, True])
def test_gemini_is_asked_whether_it_trusts_the_folder(doctor, guarded, tmp_path, answer, refuses):
    put(guarded, "~/.gemini/settings.json", "security.folderTrust.enabled = true")
    level = "DO_NOT_TRUST" if refuses else "TRUST_FOLDER"
    trusted = {str(guarded.path): level}
    (Path.home() / ".gemini/trustedFolders.json").write_text(json.dumps(trusted))

    report = doctor(PATH=program(tmp_path / "bin", "gemini", SERVERS % answer))

    said = "called" if ANSWERS[answer] else "configured"
    is_off = refuses and not ANSWERS[answer]
    assert report.state["agents gemini"] == ("off" if is_off else "ok")
    assert report.words["agents gemini"].startswith(f"the guard is {said}") is not is_off
    assert report.words["agents claude"].startswith("the guard is configured, and prevents")


@pytest.mark.tier(2)
def test_a_gemini_that_does_not_start_is_configured(doctor, guarded, tmp_path):
    report = doctor(PATH=program(tmp_path / "bin", "gemini", "exit 1"))

    assert report.state["agents gemini"] == "ok"
    assert report.words["agents gemini"].startswith("the guard is configured")
