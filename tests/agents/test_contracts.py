"""Test each agent's own form: its payloads, its refusals, and malformed calls.

The payloads in payloads/real are recorded; the others have the fields that the agents document.
Each is sent to a process.
"""

import json
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_ouro import guard

from .recorded import PAYLOADS, names

NAMES = [*names("allow"), *names("deny"), *sorted(path.stem for path in PAYLOADS.glob("*.json"))]


def reason(host, done):
    """The reason of a refusal, in the form that the host reads."""
    said = json.loads(done.stdout)
    assert done.returncode == 2  # with the reason in words: noise on stdout hides the form
    words = done.stderr.decode().rstrip("\n")
    if host == "cursor":
        assert said.keys() == {"permission", "user_message", "agent_message"}
        assert said["permission"] == "deny"
        assert said["agent_message"] == words
        return said["agent_message"]
    if host == "gemini":
        assert said.keys() == {"decision", "reason"}
        assert said["decision"] == "deny"
        assert said["reason"] == words
        return said["reason"]
    assert said.keys() == {"hookSpecificOutput"}
    inner = said["hookSpecificOutput"]
    assert inner.keys() == {"hookEventName", "permissionDecision", "permissionDecisionReason"}
    assert (inner["hookEventName"], inner["permissionDecision"]) == ("PreToolUse", "deny")
    assert inner["permissionDecisionReason"] == words
    return words


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-allow")])
def test_no_objection_is_silence(standing, answer, recorded_payload, name):
    done = answer(recorded_payload(name, standing.path), standing.path)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-deny")])
def test_a_refusal_has_the_form_of_its_host(standing, answer, recorded_payload, name):
    done = answer(recorded_payload(name, standing.path), standing.path)

    said = reason(name.partition("-")[0], done)
    assert "prepare.py is the fixed harness." in said or "Only train.py is modified." in said
    assert "danger-zone::prepare" in said or "iron-law::only-train-py" in said
    assert "put the idea into train.py" in said


def test_all_four_agents_are_tested_both_ways():
    hosts = {tuple(name.split("-")[:: len(name.split("-")) - 1]) for name in NAMES}

    assert hosts == {
        (host, word)
        for host in ("claude", "codex", "cursor", "gemini")
        for word in ("allow", "deny")
    }


GOOD = {
    "hook_event_name": "PreToolUse",
    "tool_name": "Edit",
    "tool_input": {"file_path": "train.py"},
}
BASH = {"hook_event_name": "PreToolUse", "tool_name": "Bash"}
PATCH = {"hook_event_name": "PreToolUse", "tool_name": "apply_patch"}
DEEP = {word: {**BASH, "tool_input": {"command": word * 5_000}} for word in ("echo $(", "eval ")}
MALFORMED = {
    "nothing": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"hook_event_name": "\xff"}',
    "more than one": b"{} {}",
    "a list": b"[]",
    "a number": b"3",
    "null": b"null",
    "no event": b"{}",
    "an event that is not text": b'{"hook_event_name": 3}',
    "no tool": b'{"hook_event_name": "PreToolUse"}',
    "an input that is not an object": json.dumps({**GOOD, "tool_input": 3}).encode(),
    "an input that is not JSON": json.dumps({**GOOD, "tool_input": "{"}).encode(),
    "no file": json.dumps({**GOOD, "tool_input": {}}).encode(),
    "a command that is not text": json.dumps({**BASH, "tool_input": {"command": 3}}).encode(),
    "an empty patch": json.dumps({**PATCH, "tool_input": {"command": "x"}}).encode(),
    "a folder that is not text": json.dumps({**GOOD, "cwd": 3}).encode(),
    "a path with NUL": json.dumps({**GOOD, "tool_input": {"file_path": "a\0b"}}).encode(),
    "nested too deeply": b'{"a": ' * 200_000,
    "substitutions nested too deeply": json.dumps(DEEP["echo $("]).encode(),
    "scripts nested too deeply": json.dumps(DEEP["eval "]).encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_cannot_be_read_is_refused(standing, answer, kind):
    done = answer(MALFORMED[kind], standing.path)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"pytest-ouro guard: this call could not be judged")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["claude-edit-allow", "claude-edit-deny"])
def test_a_call_may_begin_with_a_byte_order_mark(standing, answer, recorded_payload, name):
    payload = json.dumps(recorded_payload(name, standing.path))

    done = answer(f"\ufeff{payload}".encode(), standing.path)

    is_refused = name.endswith("deny")
    assert (done.returncode, bool(done.stdout)) == (2 * is_refused, is_refused)


@pytest.mark.tier(2)
def test_a_call_that_is_too_long_is_refused(standing, answer, monkeypatch):
    done = answer(b" " * (guard.MAX_BYTES + 1), standing.path)

    assert done.returncode == 2
    assert f"more than {guard.MAX_BYTES} bytes" in done.stderr.decode()


def test_a_call_that_is_not_judged_in_time_is_refused():
    code = "from pytest_ouro import guard; guard.SECONDS = 1; print(guard.main())"
    waiting = subprocess.Popen(  # its input has no end
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    with waiting:
        assert (waiting.wait(300), waiting.stdout.read()) == (2, b"")
        assert b"so it is refused: it took more than 1 seconds" in waiting.stderr.read()


def edit(project, name="train.py"):
    return {**GOOD, "cwd": str(project.path), "tool_input": {"file_path": str(project.path / name)}}


BROKEN = {
    "changed rules": {"bound.toml": "[bound]\n"},
    "a damaged lock": {"bound.lock": "files = 3\n"},
    "no folder of git": {".git/HEAD": ""},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_rules_that_cannot_be_read_close_the_guard(project, answer, kind):
    assert answer(edit(project), project.path).returncode == 0
    project.write(BROKEN[kind])
    if kind == "no folder of git":
        (project.path / ".git/ouro/guard.json").unlink()

    done = answer(edit(project), project.path)

    assert done.returncode == 2
    assert done.stderr.decode().count("\n") < 6
    assert answer({**edit(project), "tool_name": "Read"}, project.path).returncode == 0


@pytest.mark.parametrize("gone", ["bound.toml", "bound.lock"])
def test_rules_that_are_gone_close_the_guard(project, answer, gone):
    (project.path / gone).unlink()

    assert answer(edit(project), project.path).returncode == 2


def test_in_a_project_without_rules_every_call_passes(tmp_path, answer):
    done = answer({**GOOD, "cwd": str(tmp_path)}, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_its_options_never_end_in_status_1_either(project):
    assert project.ouro("guard", "--help").returncode == 0
    for args in (["--bound", "bound.toml"], ["--nothing"], ["more"]):
        done = project.ouro("guard", *args)
        assert done.returncode == 2
        assert "error:" in done.stderr


@pytest.mark.parametrize("target", [">&-", "> /dev/full"])
def test_an_answer_that_cannot_be_written_is_a_refusal(standing, recorded_payload, target):
    payload = json.dumps(recorded_payload("claude-edit-deny", standing.path))
    done = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m pytest_ouro guard {target}'],
        input=payload, text=True, cwd=standing.path, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "so it is refused" in done.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
WORDS = st.sampled_from(
    ["prepare.py", "train.py", "rm", "sed", "-i", "git", "checkout", "--", ">", "<<", "EOF", "\n",
     "'", '"', "$(", ")", "`", "${", "}", "(", "|", "&&", ";", "*", "~", "..", "cp", "find",
     "-exec", "bash", "-c", "eval", "\\", "$", "for", "in",
     "apply_patch", "pip", "install", "-", "\0", "é"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=40)
PAYLOADS_OF_ANY_KIND = st.fixed_dictionaries(
    {},
    optional={
        "hook_event_name": st.sampled_from(["PreToolUse", "preToolUse", "BeforeTool", "x"]) | JSON,
        "tool_name": st.sampled_from(["Edit", "Bash", "apply_patch", "mcp__x__write"]) | JSON,
        "tool_input": JSON
        | TEXTS
        | st.fixed_dictionaries({}, optional={"command": TEXTS | JSON, "file_path": TEXTS | JSON}),
        "cwd": TEXTS | JSON,
        "workspace_roots": JSON,
        "turn_id": JSON,
    },
)


@pytest.fixture
def run_guard(standing, monkeypatch):
    """``run_guard(data)``: the guard's exit status, in this process, with ``data`` as its standard
    input."""

    def run_guard(data):
        read, write = os.pipe()
        sink = os.open(os.devnull, os.O_WRONLY)
        kept = [os.dup(number) for number in (0, 1, 2)]
        try:
            os.write(write, data[:60_000])
            os.close(write)
            for source, number in ((read, 0), (sink, 1), (sink, 2)):
                os.dup2(source, number)
            return guard.main()
        finally:
            for number, old in enumerate(kept):
                os.dup2(old, number)
                os.close(old)
            os.close(read)
            os.close(sink)

    return run_guard


FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@FUZZ
@given(data=st.binary(max_size=200))
def test_no_bytes_end_in_status_1(run_guard, data):
    assert run_guard(data) == 2


@pytest.mark.tier(2)
@FUZZ
@given(payload=PAYLOADS_OF_ANY_KIND)
def test_no_payload_ends_in_status_1(run_guard, payload):
    assert run_guard(json.dumps(payload).encode()) in (0, 2)


def test_a_refused_call_leaves_no_alarm(run_guard):
    """It would end the process that calls the guard as a function."""
    before = signal.getsignal(signal.SIGALRM)
    assert run_guard(b"not JSON") == 2
    assert signal.alarm(0) == 0
    assert signal.getsignal(signal.SIGALRM) == before


READING = ["mcp__files__get_file_info", "mcp__files__read_text", "mcp__lsp__hover", "MCP:list"]
WRITING = ["mcp__files__put", "mcp__files__zap", "mcp__reader__store", "mcp__a__b__c", "MCP:write"]


@pytest.mark.parametrize(
    "given",
    [{"path": "prepare.py"}, {"uri": "file://{top}/prepare.py"}, {"fileName": "prepare.py"},
     {"paths": ["train.py", "prepare.py"]}, {"edits": [{"outputFile": "./prepare.py"}]},
     {"options": {"target_path": "{top}/prepare.py"}}, {"command": "rm prepare.py"}],
)  # fmt: skip
@pytest.mark.parametrize("tool", WRITING)
def test_a_tool_of_a_server_is_judged_by_what_it_names(standing, refused, tool, given):
    given = json.loads(json.dumps(given).replace("{top}", str(standing.path)))

    assert "prepare.py is frozen" in refused(tool, **given)
    assert refused(tool, **json.loads(json.dumps(given).replace("prepare", "train"))) == ""


@pytest.mark.parametrize("tool", READING)
def test_a_tool_of_a_server_that_only_reads_passes(standing, refused, tool):
    assert refused(tool, path="prepare.py") == ""
    assert "prepare.py is frozen" in refused(tool, path="prepare.py", content="x")


@pytest.mark.parametrize(
    "given",
    [{"url": "https://x/prepare.py"}, {"uri": "https://x/prepare.py"}, {"text": "prepare.py"},
     {"path": "/tmp/x.png"}, {"filename": "run.log"}, {"path": 3, "files": [None, {}]}, {}],
)  # fmt: skip
def test_other_tools_of_servers_pass(standing, refused, given):
    assert refused("mcp__web__shoot", **given) == ""


def test_an_unknown_tool_that_puts_content_into_a_file_is_judged(standing, refused):
    assert "prepare.py is frozen" in refused("Zap", file_path="prepare.py", content="x")
    assert refused("Zap", file_path="train.py", content="x") == ""
    assert refused("Zap", file_path="prepare.py") == ""


def test_the_command_of_an_unknown_tool_is_judged_as_a_shell_s(standing, refused):
    assert "prepare.py is frozen" in refused("Monitor", command="rm prepare.py", timeout_ms=9)
    assert refused("Monitor", command="tail -f run.log", timeout_ms=9) == ""
