"""After a call, the guard shows the agent what the gate finds in what was really done."""

import json
import os
import subprocess
import sys

import pytest

from pytest_ouro import guard
from pytest_ouro.guard import hosts
from pytest_ouro.onboarding.agents import AGENTS

from .recorded import names

#: Recorded calls of the real programs by tools that may write more than they name.
EXACT = ("read", "edit", "write")
RECORDED = [name for name in names("after") if name.split("-")[1] not in EXACT]
CLAUDE = {"hook_event_name": "PostToolUse", "tool_name": "Bash"}
UNSEEN = "python - <<'EOF'\nopen('prepare.py', 'a').write('x = 1\\n')\nEOF"


@pytest.fixture
def after(project, monkeypatch):
    """``after(tool)``: what the agent reads after a call of the tool; "" if nothing."""

    def after(tool="Bash", *, cwd=None, **given):
        monkeypatch.chdir(cwd or project.path)
        payload = {**CLAUDE, "cwd": str(cwd or project.path), "tool_name": tool}
        call = hosts.read({**payload, "tool_input": given or {"command": "make"}})
        return guard.answer(call)

    return after


@pytest.fixture
def gates(monkeypatch):
    """The gate's calls so far, by the folder of bound.toml."""
    from pytest_ouro.guard import judging

    called, judge = [], judging.judge
    monkeypatch.setattr(judging, "judge", lambda *args: (called.append(args[0]), judge(*args))[1])
    return called


def run(project, command):
    subprocess.run(command, shell=True, cwd=project.path, check=True)


@pytest.mark.tier(2, but=5)
@pytest.mark.parametrize("name", RECORDED)
def test_a_write_that_no_hook_saw_is_said_in_each_host_s_form(
    project, answer, recorded_payload, name
):
    host = name.partition("-")[0]
    payload = recorded_payload(name, project.path)
    assert answer(payload, project.path).returncode == 0
    run(project, UNSEEN)

    done = answer(payload, project.path)

    words = done.stderr.decode()
    assert done.returncode == 2
    assert "the call was carried out" in words
    assert "danger-zone::prepare BROKEN: prepare.py changed" in words
    assert ("takes the place of what the call printed" in words) is (host in ("codex", "gemini"))
    if host == "gemini":
        said = json.loads(done.stdout)
        assert said == {"decision": "deny", "reason": words.rstrip("\n")}
    else:
        assert done.stdout == b""


@pytest.mark.parametrize("name", [name for name in names("after") if name not in RECORDED])
def test_a_tool_that_writes_what_it_names_is_not_judged_again(
    project, answer, recorded_payload, name
):
    run(project, UNSEEN)

    done = answer(recorded_payload(name, project.path), project.path)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_host_with_such_an_event_is_recorded():
    assert {name.split("-")[0] for name in RECORDED} == {"claude", "codex", "gemini"}
    assert "claude-failed-after" in RECORDED


def test_its_help_undoes_the_change_and_then_it_is_silent(project, after, shell):
    run(project, UNSEEN)
    [help] = [line for line in after().splitlines() if line.startswith("  help: ")]
    command = help.removeprefix("  help: ").partition("   (")[0]

    assert shell(command) == ""
    run(project, command)

    assert after() == ""


WRITES = {
    "a here-document": UNSEEN,
    "a script": "printf 'echo x >> prepare.py' > /tmp/s$$.sh; sh /tmp/s$$.sh; rm /tmp/s$$.sh",
    "the same size and an old time": "touch -r prepare.py ../t; printf y > ../y; "
    "dd if=../y of=prepare.py bs=1 conv=notrunc status=none; touch -r ../t prepare.py",
    "git apply": "cp prepare.py ../k; echo x >> prepare.py; git diff > ../d; cp ../k prepare.py; "
    "git apply ../d",
    "a new module": "echo 'x = 1' > helper.py",
    "a removed file": "python -c 'import os; os.remove(\"prepare.py\")'",
    "a rename": 'python -c \'import os; os.rename("prepare.py", "p.py")\'',
    "the index alone": "cp prepare.py ../k; echo x >> prepare.py; git add prepare.py; "
    "cat ../k > prepare.py",
    "a commit": "echo x >> prepare.py; git commit -qnam x",
    "a file in a new folder": "mkdir sub; echo x > sub/new.py",
}


@pytest.mark.parametrize("way", WRITES)
def test_each_way_of_writing_is_seen(project, after, way):
    assert after() == ""
    assert after() == ""

    run(project, WRITES[way])

    assert "BROKEN" in after()


def test_a_file_in_a_folder_that_an_earlier_call_made_is_seen(project, after):
    run(project, "mkdir sub")
    assert after() == ""
    run(project, "echo x > sub/new.py")

    assert "sub/new.py" in after()


LAWFUL = {
    "nothing": "true",
    "an edit of train.py": "echo 'y = 2' >> train.py",
    "a commit of train.py": "echo 'y = 2' >> train.py; git commit -qam x",
    "what a run leaves": "echo x > run.log",
    "the repository's index": "touch prepare.py; git status",
}


@pytest.mark.parametrize("way", LAWFUL)
def test_lawful_work_is_silent(project, after, way):
    assert after() == ""

    run(project, LAWFUL[way])

    assert after() == ""


def test_the_gate_is_asked_only_if_something_changed(project, after, gates):
    for _ in range(3):
        assert after() == ""
    assert len(gates) == 1
    run(project, UNSEEN)
    assert "BROKEN" in after()
    assert after() == ""  # said once: the agent may first read what it did
    assert len(gates) == 2
    run(project, "echo 'y = 2' >> train.py")
    assert "prepare.py changed" in after()  # it stands until it is undone
    assert len(gates) == 3


READING = {
    "Read": {"file_path": "prepare.py"}, "Grep": {"pattern": "x"},
    "Edit": {"file_path": "train.py"},
    "mcp__files__read_text": {"path": "prepare.py"},
}  # fmt: skip
WRITING = {
    "Bash": {"command": "ls"}, "BashOutput": {"bash_id": "1"}, "PowerShell": {"command": "ls"},
    "NotebookEdit": {"notebook_path": "x.ipynb"}, "apply_patch": {"command": "no patch"},
    "mcp__files__zap": {"name": "x"}, "mcp__files__read": {"content": "x"}, "Zap": {},
    "mcp__ide__run_test": {"path": "x"}, "mcp__ide__lint": {"path": "x"},
}  # fmt: skip


def test_it_asks_after_each_tool_that_can_write(project, after, gates):
    for tool, given in READING.items():
        assert after(tool, **given) == ""
    assert gates == []
    for tool, given in WRITING.items():
        project.write({"helper.py": f"x = {tool!r}\n"})
        (project.path / ".git/ouro/after.json").unlink(missing_ok=True)
        assert "helper.py" in after(tool, **given), tool
    assert len(gates) == len(WRITING)


def test_a_rule_that_starts_a_program_is_left_out(project, after):
    rule = '[[never-do]]\nid = "x"\nrule = "X."\ncheck = "command"\ncommand = ["touch", "ran"]\n'
    text = (project.path / "bound.toml").read_text()
    project.write({"bound.toml": f"{text}\n{rule}"})
    project.bless()
    (project.path / "ran").unlink()  # the blessing judges by every rule
    run(project, UNSEEN)

    assert "prepare.py changed" in after()
    assert not (project.path / "ran").exists()


def test_the_rules_of_the_session_s_linked_tree_count(project, after, tmp_path):
    project.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    assert after(cwd=tmp_path / "tree") == ""
    (tmp_path / "tree/prepare.py").write_text("x = 1\n")

    assert "prepare.py changed" in after(cwd=tmp_path / "tree")
    assert after() == ""


@pytest.mark.parametrize(
    "text", ["{", '{"names": ["x"]}', '{"state": [], "more": [], "names": []}']
)
def test_a_damaged_cache_is_made_again(project, after, gates, text):
    assert after() == ""
    (project.path / ".git/ouro/after.json").write_text(text)
    assert after() == ""
    assert after() == ""
    assert len(gates) == 2


def test_what_cannot_be_judged_is_said(project, answer):
    payload = {**CLAUDE, "cwd": str(project.path), "tool_input": {"command": "make"}}
    project.write({"bound.lock": "files = 3\n"})

    done = answer(payload, project.path)

    assert done.returncode == 2
    assert b"what this call did could not be judged" in done.stderr
    assert b"refused" not in done.stderr


def test_without_rules_it_is_silent(tmp_path, answer):
    done = answer({**CLAUDE, "cwd": str(tmp_path), "tool_input": {}}, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_an_unchanged_state_imports_nothing_of_the_gate(project):
    code = (
        "import sys; from pytest_ouro import guard; status = guard.main(); "
        "print(status, *(n for n in ('pytest_ouro.engine', 're', 'json') if n in sys.modules))"
    )
    payload = {**CLAUDE, "cwd": str(project.path), "tool_input": {"command": "make"}}
    said = [
        subprocess.run(
            [sys.executable, "-IS", "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
            input=json.dumps(payload), capture_output=True, text=True, cwd=project.path,
            env={**os.environ}, check=True,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip

    assert said == ["0 pytest_ouro.engine re json\n", "0\n"]


def test_each_host_with_such_an_event_gets_the_hook():
    events = {name: [*agent.hooks] for name, agent in AGENTS.items()}

    assert events == {
        "claude": ["PreToolUse", "PostToolUse", "PostToolUseFailure"],
        "codex": ["PreToolUse", "PostToolUse"],
        "cursor": ["preToolUse", "beforeShellExecution"],
        "gemini": ["BeforeTool", "AfterTool"],
    }
