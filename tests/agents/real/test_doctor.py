"""What the doctor says of the hooks is what the real program does with them."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from pytest_ouro.onboarding.agents import AGENTS, COMMAND

from .conftest import refusal_of
from .programs import PROGRAMS

pytestmark = pytest.mark.tier(3)

#: Settings that turn hooks off: the program, the file (of the home folder with ~), and the setting.
OFF = [
    ("claude", ".claude/settings.local.json", {"disableAllHooks": True}),
    ("claude", "~/.claude/settings.json", {"disableAllHooks": True}),
    ("codex", "~/.codex/config.toml", "[features]\nhooks = false\n"),
    ("gemini", "~/.gemini/settings.json", {"hooksConfig": {"enabled": False}}),
]


def only(name):
    """Give a test one program."""
    return pytest.mark.parametrize("program", [PROGRAMS[name]], ids=[name])


@pytest.fixture
def doctor(driver, guarded):
    """``doctor()``: what it says of the program, its state and words, with the driver's home."""

    def doctor():
        path = [str(driver.executable.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        done = guarded.ouro(
            "doctor", HOME=str(driver.place.home), PATH=os.pathsep.join(path),
            CUDA_VISIBLE_DEVICES="",
        )  # fmt: skip
        topic = f"ouro: doctor agents {driver.program.name}: "
        return re.findall(rf"(?m)^{topic}(\w+) - (.*)", done.stdout)[0]

    return doctor


@pytest.fixture
def edited(driver, guarded):
    """``edited()``: whether an edit of prepare.py is done; else it is refused in the words of the
    guard."""

    def edited():
        path = guarded.path / "prepare.py"
        before = path.read_bytes()
        call = driver.program.edit(str(path), "TIME_BUDGET = 0.3", "TIME_BUDGET = 9.0")
        shown = driver.play({"edit": call})
        is_done = path.read_bytes() != before
        assert is_done or refusal_of(str(path)) in shown["edit"]
        return is_done

    return edited


@pytest.mark.parametrize(
    ("program", "file", "setting"), [(PROGRAMS[name], *rest) for name, *rest in OFF]
)
def test_settings_that_turn_hooks_off(driver, guarded, doctor, edited, file, setting):
    path = driver.place.home / file[2:] if file[0] == "~" else guarded.path / file
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else ""
    if isinstance(setting, str):
        path.write_text(before + setting)
    else:
        path.write_text(json.dumps({**json.loads(before or "{}"), **setting}))

    state, words = doctor()

    assert edited()
    assert (state, f"{file} has " in words) == ("off", True)


@only("codex")
def test_codex_skips_a_hook_that_is_not_trusted(driver, doctor, edited):
    driver.trusts = False

    assert edited()
    assert doctor() == ("off", "Codex does not trust the hook: the guard is not called")


@only("codex")
def test_codex_skips_the_hooks_of_a_project_that_is_not_trusted(driver, doctor, edited):
    config = driver.place.home / ".codex/config.toml"
    config.write_text(config.read_text().partition("[projects.")[0])
    driver.trusts = False

    assert edited()
    state, words = doctor()
    assert (state, words.startswith("Codex does not ")) == ("off", True)


@only("codex")
def test_codex_calls_a_hook_that_is_trusted(driver, guarded, doctor, edited, monkeypatch):
    driver.trusts = False
    trust_hooks(driver, guarded, monkeypatch)

    assert not edited()
    state, words = doctor()
    assert state == "ok"
    assert words.startswith("the guard is called")


@only("codex")
def test_codex_skips_a_hook_that_changed_since_it_was_trusted(
    driver, guarded, doctor, edited, monkeypatch
):
    """As where init replaces the hook of an earlier version."""
    driver.trusts = False
    settings = guarded.path / AGENTS["codex"].settings
    now = settings.read_text()
    settings.write_text(now.replace('"timeout": 60', '"timeout": 50'))
    trust_hooks(driver, guarded, monkeypatch)
    assert not edited()
    settings.write_text(now)

    assert edited()
    assert doctor() == ("off", "Codex does not trust the hook: the guard is not called")


def trust_hooks(driver, guarded, monkeypatch):
    """Trust the hooks of the project, as a person does by /hooks: by the hashes that Codex has."""
    from pytest_ouro.doctor.trusting import _ask_codex

    [listed] = _ask_codex(str(driver.executable), guarded.path, str(driver.place.home / ".codex"))
    assert COMMAND in [hook["command"] for hook in listed["hooks"]]
    with (driver.place.home / ".codex/config.toml").open("a") as config:
        for hook in listed["hooks"]:
            key = json.dumps(hook["key"])
            config.write(f'[hooks.state.{key}]\ntrusted_hash = "{hook["currentHash"]}"\n')


@pytest.fixture
def started(guarded, tmp_path):
    """A file that is there once the MCP server of the project was started."""
    path = tmp_path / "started"
    settings = guarded.path / ".gemini/settings.json"
    server = {"command": "touch", "args": [str(path)]}
    of_project = json.loads(settings.read_text())
    settings.write_text(json.dumps({**of_project, "mcpServers": {"mine": server}}))
    return path


@only("gemini")
@pytest.mark.parametrize("why", ["its file", "the user's settings"])
def test_gemini_calls_the_hook_in_a_folder_that_is_trusted(
    driver, guarded, doctor, edited, started, why
):
    driver.env["GEMINI_CLI_TRUST_WORKSPACE"] = ""
    if why == "its file":
        driver.place.write(".gemini/trustedFolders.json", {str(guarded.path): "TRUST_FOLDER"})
    else:
        settings = driver.place.home / ".gemini/settings.json"
        of_user = json.loads(settings.read_text())
        of_user["security"]["folderTrust"] = {"enabled": False}
        settings.write_text(json.dumps(of_user))

    state, words = doctor()
    assert not started.exists()
    assert not edited()
    assert started.exists()
    assert state == "ok"
    assert words.startswith("the guard is called")


@only("gemini")
@pytest.mark.parametrize("level", ["DO_NOT_TRUST", None])
def test_gemini_does_not_start_in_a_folder_that_is_not_trusted(driver, guarded, doctor, level):
    driver.env["GEMINI_CLI_TRUST_WORKSPACE"] = ""
    if level:
        driver.place.write(".gemini/trustedFolders.json", {str(guarded.path): level})

    driver.play({})

    assert "Gemini CLI is not running in a trusted directory" in driver.played.output
    words = "Gemini CLI does not trust this folder" if level else "the guard is configured"
    assert doctor()[1].startswith(words)


@only("claude")
def test_the_doctor_says_configured_where_it_cannot_know(doctor, edited):
    """Claude Code asks a person when it starts."""
    state, words = doctor()

    assert not edited()
    assert state == "ok"
    assert words.startswith("the guard is configured")
