"""docs/agents.md: what it says to write by hand is what is written, and it works."""

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from pytest_ouro.onboarding.agents import AGENTS, merged

PAGE = (Path(__file__).parents[2] / "docs/agents.md").read_text(encoding="utf-8")
BY_HAND = dict(re.findall(r"(?ms)^`(\.[\w./]+)`[^\n]*:\n\n```json\n(.*?)^```$", PAGE))
CONSOLE = re.findall(r"(?ms)^```console\n(.*?)^```$", PAGE)


def run(command, folder, stdin=""):
    """A line as the shell of a person runs it who has activated the environment of the tests."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    return subprocess.run(
        command, shell=True, cwd=folder, input=stdin, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def commands(settings):
    """Every command that stands anywhere in settings."""
    if isinstance(settings, dict):
        yield from [v for k, v in settings.items() if k == "command"]
        settings = list(settings.values())
    if isinstance(settings, list):
        for value in settings:
            yield from commands(value)


def test_every_agent_has_its_settings():
    assert set(BY_HAND) == {agent.settings for agent in AGENTS.values()}


@pytest.mark.parametrize("name", AGENTS)
def test_settings_by_hand_are_those_that_init_writes(name):
    agent = AGENTS[name]

    assert json.loads(BY_HAND[agent.settings]) == json.loads(merged(agent, ""))


@pytest.mark.parametrize("name", AGENTS)
def test_the_command_of_the_settings_refuses_and_passes(name, standing, recorded_payload):
    kinds = {"claude": "edit", "codex": "patch", "cursor": "write", "gemini": "replace"}
    for word, told in (("deny", True), ("allow", False)):
        payload = recorded_payload(f"{name}-{kinds[name]}-{word}", standing.path)
        for command in commands(json.loads(BY_HAND[AGENTS[name].settings])):
            done = run(command, standing.path, json.dumps(payload))
            assert bool(done.stdout) is told
            assert done.returncode == (2 if told and name == "cursor" else 0)


def test_the_commands_of_the_page_run(project):
    project.write({"CLAUDE.md": "# Us\n"})
    first, by_hand = CONSOLE

    assert run(first, project.path).returncode == 0
    (project.path / "AGENTS.md").unlink()
    (project.path / "CLAUDE.md").write_text("# Us\n")
    assert run(f"set -e\n{by_hand}", project.path).returncode == 0

    assert "### NEVER DO" in (project.path / "AGENTS.md").read_text()
    assert (project.path / "CLAUDE.md").read_text() == "# Us\n@AGENTS.md\n"


def test_a_here_document_of_python_gets_through_as_the_page_says(standing, answer):
    command = "python - <<'EOF'\nopen('prepare.py', 'w').write('')\nEOF"
    call = {"cwd": str(standing.path), "hook_event_name": "PreToolUse", "tool_name": "Bash"}

    done = answer({**call, "tool_input": {"command": command}}, standing.path)

    assert (done.returncode, done.stdout) == (0, b"")
    assert "a Python here-document" in PAGE
