"""What a program sends to a hook before and after each tool is what was recorded.

To record it again, after a change of a pin:
``RECORD_CALLS=1 pytest --tier 3 tests/agents/real/test_calls.py``.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from pathlib import Path

import pytest

from tests.agents.recorded import PAYLOADS, READING, recordings, shape

from .calls import offered, record
from .programs import PROGRAMS, pinned

PAGE = (Path(__file__).parents[3] / "docs/agents.md").read_text(encoding="utf-8")


@pytest.fixture
def recorded(driver, tmp_path):
    """What the program sends now, and what it offers to the model."""
    if driver.program.name == "claude":
        driver.turn_powershell_on()
    calls = record(driver, tmp_path / "sent.jsonl")
    package = driver.program.package
    return {
        "package": package,
        "version": pinned()[package],
        "date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        "tools": offered(driver.played.prompt),
        "calls": calls,
    }


@pytest.mark.tier(3)
def test_a_program_sends_what_was_recorded(program, recorded):
    if os.environ.get("RECORD_CALLS"):
        text = json.dumps(recorded, indent=2, ensure_ascii=False)
        (PAYLOADS / f"real/{program.name}.json").write_text(f"{text}\n", encoding="utf-8")
        recordings.cache_clear()
    before = recordings()[program.name]

    assert recorded["tools"] == before["tools"]
    assert shape(recorded["calls"]) == shape(before["calls"])


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_was_recorded_is_of_the_pinned_version(name):
    recording = recordings()[name]
    package = PROGRAMS[name].package

    assert (recording["package"], recording["version"]) == (package, pinned()[package])
    date = datetime.date.fromisoformat(recording["date"])
    assert f"recorded on {date.day} {date:%B %Y}" in PAGE


def test_no_path_of_a_machine_is_recorded():
    for path in (PAYLOADS / "real").iterdir():
        assert re.findall(r'"(?:file://)?/(?!dev/null)[^"]*"', path.read_text("utf-8")) == []


def test_a_key_that_comes_goes_or_changes_its_kind_is_a_drift():
    before = {"tool_name": "Edit", "tool_input": {"file_path": "a", "edits": [{"n": 1}, {"n": 2}]}}
    same = {"tool_name": "Edit", "tool_input": {"file_path": "b", "edits": [{"n": 3}]}}

    assert shape(before) == shape(same)
    for other in (
        {"tool_name": "Write", "tool_input": before["tool_input"]},
        {"tool_name": "Edit", "tool_input": {"path": "a", "edits": [{"n": 1}]}},
        {"tool_name": "Edit", "tool_input": {"file_path": "a", "edits": [{"n": "1"}]}},
        {"tool_name": "Edit", "tool_input": {"file_path": "a", "edits": [{"m": 1}]}},
        {**before, "agent_id": "1"},
    ):
        assert shape(other) != shape(before)


#: Tools that only read, ask, wait or plan, or whose own calls a hook sees.
HARMLESS = {
    "claude": "Agent CronCreate CronDelete CronList DeferredToolPlaceholder EnterWorktree "
    "ExitWorktree ListAgents ReportFindings ScheduleWakeup SendMessage Skill TaskGet TaskList "
    "TaskStop TaskUpdate ToolSearch WebFetch WebSearch Workflow",
    "codex": "create_goal get_goal list_mcp_resource_templates list_mcp_resources "
    "read_mcp_resource request_user_input tool_search update_goal view_image web_search",
    "gemini": "activate_skill enter_plan_mode glob google_web_search grep_search invoke_agent "
    "list_background_processes list_directory read_background_output update_topic web_fetch",
}
#: Names under which a hook sees a tool, where that is another one; a tool that no hook sees.
SEEN_AS = {"exec_command": "Bash", "write_stdin": None}


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_tool_that_changes_files_is_recorded(name):
    recording = recordings()[name]
    calls = recording["calls"].values()
    seen = {call["before"]["tool_name"] for call in calls}
    writing = {*recording["tools"]} - {*HARMLESS[name].split()}

    assert {SEEN_AS.get(tool, tool) for tool in writing} - {None} <= seen
    assert all("after" in call for call in calls)
    assert {call for call in recording["calls"] if call in READING} < {*recording["calls"]}
