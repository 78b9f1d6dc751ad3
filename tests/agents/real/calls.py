"""One call of each tool by which a program changes files, and what its hooks are sent about it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pytest_ouro.onboarding.agents import AFTER, AGENTS, COMMAND, merge

from .fake_model import Step
from .programs import SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Driver

Calls = dict[str, list[Step]]
#: A hook's command: it appends what it reads, and a line end, to a file.
_RECORD = "cat >> '{log}'; echo >> '{log}'"
#: Values that differ in each session.
_DIFFER = ("session_id", "turn_id", "prompt_id", "tool_use_id", "timestamp", "transcript_path")
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
#: How Claude Code lists the tools whose schema it shows on demand.
_DEFERRED = re.compile(r"deferred tools are now available.*?:\n((?:\w+\n)+)", re.DOTALL)


def _claude(top: str) -> Calls:
    script, notebook = f"{top}/train.py", f"{top}/notes.ipynb"
    cell = {"new_source": "1", "cell_type": "code", "edit_mode": "insert"}
    return {
        "read": [Step("Read", {"file_path": script})],
        "edit": [Step("Edit", {"file_path": script, "old_string": "2.0", "new_string": "1.9"})],
        "write": [Step("Write", {"file_path": script, "content": "x = 1\n"})],
        "shell": [_bash("sed -i s/1/2/ train.py")],
        "failed": [_bash("sed -i s/1/2/ train.py; exit 3")],
        "background": [_bash("sed -i s/2/3/ train.py", run_in_background=True)],
        "powershell": [Step("PowerShell", {"command": "Set-Content train.py x"})],
        "monitor": [Step("Monitor", {"command": "tee train.py < /dev/null", "description": "x"})],
        "notebook": [
            Step("Read", {"file_path": notebook}),
            Step("NotebookEdit", {"notebook_path": notebook, **cell}),
        ],
        "mcp": [Step("mcp__files__put", {"path": script, "content": "x = 1\n"})],
        "task": [Step("TaskCreate", {"subject": "edit train.py", "description": "x"})],
    }


def _bash(command: str, **more: object) -> Step:
    return Step("Bash", {"command": command, "description": "x", **more})


def _codex(top: str) -> Calls:
    return {
        "shell": [Step("exec_command", {"cmd": "sed -i s/2/3/ train.py"})],
        "update": [_patch("*** Update File: train.py", "@@", "-MODEL = 3.0", "+MODEL = 1.0")],
        "delete": [_patch("*** Delete File: train.py")],
        "add": [_patch("*** Add File: sub/../train.py", "+x = 1"), ],
        "two": [_patch(
            "*** Add File: run.log", "+x", "*** Update File: train.py", "@@", "-x = 1", "+x = 2"
        )],
        "move": [_patch("*** Update File: run.log", "*** Move to: train.py", "@@", "-x", "+x = 1")],
        "mcp": [Step("put", {"path": f"{top}/train.py", "content": "x"}, "mcp__files")],
    }  # fmt: skip


def _patch(*lines: str) -> Step:
    return Step("apply_patch", "\n".join(["*** Begin Patch", *lines, "*** End Patch", ""]))


def _gemini(top: str) -> Calls:
    script = f"{top}/train.py"
    change = {"old_string": "2.0", "new_string": "1.9", "instruction": "x"}
    todo = {"description": "edit train.py", "status": "pending"}
    return {
        "read": [Step("read_file", {"file_path": script})],
        "edit": [Step("replace", {"file_path": script, **change})],
        "write": [Step("write_file", {"file_path": script, "content": "x = 1\n"})],
        "shell": [_run("echo x > train.py")],
        "failed": [_run("echo x > train.py; exit 3")],
        "mcp": [Step("mcp_files_put", {"path": script, "content": "x"})],
        "todos": [Step("write_todos", {"todos": [todo]})],
    }


def _run(command: str) -> Step:
    return Step("run_shell_command", {"command": command, "description": "x"})


_CALLS = {"claude": _claude, "codex": _codex, "gemini": _gemini}


def record(driver: Driver, log: Path) -> dict[str, dict[str, Any]]:
    """Play the program's calls with hooks that write what they are sent into ``log``; return what
    was sent ``before`` and ``after`` each call, without what differs from machine to machine."""
    name, top = driver.program.name, driver.place.project
    command = json.dumps(_RECORD.format(log=log))
    settings = merge(AGENTS[name], "")
    for ours in (COMMAND, AFTER):
        settings = settings.replace(json.dumps(ours), command)
    # What our hooks leave out after a call is recorded too.
    settings = re.sub(r'"\^\(\?!.*?"', '".*"', settings)
    (top / AGENTS[name].settings).write_text(settings, encoding="utf-8")
    (top / "notes.ipynb").write_text(f"{NOTEBOOK}\n", encoding="utf-8")
    calls = _CALLS[name](str(top))
    driver.play(calls)
    sent = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line]
    found = _pairs(_redact(each, driver) for each in sent)
    last = [number for _, number in _ends(calls)]
    assert len(found) == last[-1] + 1, found
    return {name: found[number] for name, number in _ends(calls)}


def _ends(calls: Calls) -> Iterator[tuple[str, int]]:
    """Yield each name with the number of its last call in the session."""
    number = -1
    for name, steps in calls.items():
        number += len(steps)
        yield name, number


def _pairs(sent: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the payloads of each call: ``before`` it, and ``after`` it."""
    found: list[dict[str, Any]] = []
    for each in sent:
        if each["hook_event_name"] in ("PreToolUse", "BeforeTool"):
            found.append({"before": each})
        else:
            found[-1]["after"] = each
    return found


def _redact(value: Any, driver: Driver, key: str = "") -> Any:
    """Return a JSON value without paths and numbers of this machine and session."""
    if isinstance(value, dict):
        return {name: _redact(inner, driver, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_redact(inner, driver) for inner in value]
    if not isinstance(value, str):
        return value
    if key in _DIFFER:
        return f"<{key}>"
    for text, name in (
        (str(driver.place.project), "<project>"), (str(driver.place.home), "<home>"),
        (SERVER[0], "<python>"), (SERVER[1], "<server>"),
        ("train.py", "<file>"), ("notes.ipynb", "<file>"),
    ):  # fmt: skip
        value = value.replace(text, name)
    return value


def offered(prompt: str) -> list[str]:
    """Return the names of the tools that the model is offered in a request, in their order."""
    body = json.loads(prompt)
    tools = [
        each for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [tool])
    ]
    found = [tool.get("name", tool.get("type")) for tool in tools]
    for later in _DEFERRED.findall(prompt.replace("\\n", "\n")):
        found += later.split()
    return sorted({*found})
