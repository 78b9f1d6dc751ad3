"""Check docs/agents.md: its settings are those that `init` writes, they work, and its limits are
true."""

import json
import os
import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest

from pytest_ouro.onboarding.agents import AFTER, AGENTS, merge

PAGE = (Path(__file__).parents[2] / "docs/agents.md").read_text(encoding="utf-8")
BY_HAND = dict(re.findall(r"(?ms)^`(\.[\w./]+)`[^\n]*:\n\n```json\n(.*?)^```$", PAGE))
#: A recorded call of each agent that writes.
KINDS = {"claude": "edit", "codex": "update", "cursor": "write", "gemini": "edit"}
CONSOLE = re.findall(r"(?ms)^```console\n(.*?)^```$", PAGE)


def run(command, folder, stdin=""):
    """Run a command line in a shell where the environment of the tests is active."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    return subprocess.run(
        command, shell=True, cwd=folder, input=stdin, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def commands(settings):
    """Every command in settings, at any depth."""
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

    assert json.loads(BY_HAND[agent.settings]) == json.loads(merge(agent, ""))


@pytest.mark.parametrize("name", AGENTS)
def test_the_command_of_the_settings_refuses_and_passes(name, standing, recorded_payload):
    for word, is_refused in (("deny", True), ("allow", False)):
        payload = recorded_payload(f"{name}-{KINDS[name]}-{word}", standing.path)
        for command in commands(json.loads(BY_HAND[AGENTS[name].settings])):
            done = run(command, standing.path, json.dumps(payload))
            assert bool(done.stdout) is is_refused
            assert done.returncode == 2 * is_refused
            assert "did not run" not in done.stderr


FAILURES = {
    "missing": None,
    "not executable": "",
    "no permission": "exit 1",
    "crashes": "kill -SEGV $$",
    "is killed": "kill -KILL $$",
    "has no interpreter": "exit 126",
}


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_guard_that_gives_no_answer_is_a_refusal(name, failure, standing, tmp_path):
    body = FAILURES[failure]
    program = tmp_path / "pytest-ouro"
    if body is not None:
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755 if body else 0o644)
    for command in commands(json.loads(BY_HAND[AGENTS[name].settings])):
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=standing.path, env={"PATH": f"{tmp_path}:/bin"},
            input="{}", capture_output=True, text=True, check=False,
        )  # fmt: skip

        said = "what this call did is not judged" if command == AFTER else "this call is refused"
        assert done.returncode == 2
        assert f"the guard did not run, so {said}" in done.stderr


@pytest.mark.parametrize("name", AGENTS)
def test_noise_of_the_shell_does_not_hide_a_refusal(name, standing, recorded_payload, tmp_path):
    (tmp_path / "noise").write_text("echo welcome\n")
    payload = json.dumps(recorded_payload(f"{name}-{KINDS[name]}-deny", standing.path))
    command = next(commands(json.loads(BY_HAND[AGENTS[name].settings])))

    done = run(f"BASH_ENV={tmp_path}/noise bash -c {shlex.quote(command)}", standing.path, payload)

    assert done.stdout.startswith("welcome\n{")
    assert done.returncode == 2
    assert "prepare.py is frozen" in done.stderr


def test_the_commands_of_the_page_run(project):
    project.write({"CLAUDE.md": "# Us\n"})
    first, by_hand = CONSOLE

    assert run(first, project.path).returncode == 0
    (project.path / "AGENTS.md").unlink()
    (project.path / "CLAUDE.md").write_text("# Us\n")
    assert run(f"set -e\n{by_hand}", project.path).returncode == 0

    assert "### NEVER DO" in (project.path / "AGENTS.md").read_text()
    assert (project.path / "CLAUDE.md").read_text() == "# Us\n@AGENTS.md\n"


UNSEEN = {
    "python - <<EOF": "python - <<'EOF'\nopen('prepare.py', 'w').write('')\nEOF",
    "tar x": "tar x prepare.py -f /tmp/x.tar",
    "find -delete": "find . -name 'prep*' -delete",
    "find -exec": "find . -name prepare.py -exec sed -i s/a/b/ {} +",
    "patch": "patch -p1 <<'EOF'\n--- a/prepare.py\n+++ b/prepare.py\nEOF",
    "git apply": "git apply <<'EOF'\n--- a/prepare.py\n+++ b/prepare.py\nEOF",
    "awk -i inplace": "awk -i inplace '{print}' prepare.py",
    "dd": "dd if=/tmp/x of=prepare.py",
    "sort -o": "sort -o prepare.py train.py",
    "curl -o": "curl -o prepare.py https://example.org",
    "wget -O": "wget -O prepare.py https://example.org",
    "dos2unix": "dos2unix prepare.py",
    "yapf": "yapf -i prepare.py",
    "cp -r new/. .": "cp -r {new}/. .",
}


@pytest.mark.parametrize("name", UNSEEN)
def test_the_guard_does_not_see_the_changes_that_the_page_lists(name, shell, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    (new / "prepare.py").write_text("")

    assert shell(UNSEEN[name].replace("{new}", str(new))) == ""
    assert f"`{name}`" in PAGE.partition("## Limits")[2]
