from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pytest_ouro import guard
from pytest_ouro.guard import hosts

from . import recorded


@pytest.fixture
def answer():
    """``answer(bytes or a payload, folder)``: run the guard as an agent starts it."""

    def answer(sent, folder, **env):
        data = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        return subprocess.run(
            [sys.executable, "-m", "pytest_ouro", "guard"],
            input=data,
            cwd=folder,
            env={**os.environ, **env},
            capture_output=True,
            check=False,
            timeout=60,
        )

    return answer


@pytest.fixture
def recorded_payload():
    """``recorded_payload(name, folder)``: a payload of tests/agents/payloads in that project."""
    return recorded.payload


@pytest.fixture
def refused(project, monkeypatch):
    """``refused(tool, **input)``: why the tool call is refused in the project; "" if it is not.

    ``cwd`` is where the agent stands, by default the project's folder.
    """
    monkeypatch.chdir(project.path)

    def refused(tool, *, cwd=None, **given):
        payload = {
            "session_id": "1",
            "cwd": str(cwd or project.path),
            "hook_event_name": "PreToolUse",
            "tool_name": tool,
            "tool_input": given,
        }
        return guard.reason(hosts.read(payload))

    return refused


@pytest.fixture
def shell(refused):
    """``shell(command)``: why a shell may not run it; "" if it may."""
    return lambda command: refused("Bash", command=command)


@pytest.fixture
def standing(templates, request, monkeypatch):
    """A project that is made once. No test may change it."""
    if "standing" not in templates:
        made = request.getfixturevalue("project")
        made.write({"tests/prepare.py": "# another one\n", "helper.py": "x = 1\n"})
        made.write({".git/ouro/journal.jsonl": ""})
        templates["standing"] = (made, os.environ["HOME"])
    made, home = templates["standing"]
    monkeypatch.setenv("HOME", home)
    monkeypatch.chdir(made.path)
    return made
