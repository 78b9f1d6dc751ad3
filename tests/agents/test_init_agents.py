"""``pytest-ouro init --agents`` keeps what a file has, and a second run changes nothing."""

import json

import pytest

from pytest_ouro.cli import run
from pytest_ouro.onboarding.agents import AFTER, AGENTS, CALL, COMMAND, WITHOUT_HOOKS, merge


@pytest.fixture
def init(project, monkeypatch, capsys):
    """``init(*args)``: the exit status, standard output and standard error."""
    monkeypatch.chdir(project.path)

    def init(*args):
        status = run(["init", *args])
        said = capsys.readouterr()
        return status, said.out, said.err

    return init


@pytest.fixture
def files(project):
    """Every file of the project outside of .git, with its bytes."""

    def files():
        paths = [path for path in project.path.rglob("*") if path.is_file()]
        return {
            path.relative_to(project.path).as_posix(): path.read_bytes()
            for path in paths
            if ".git" not in path.relative_to(project.path).parts
        }

    return files


ALL = "--agents=claude,codex,cursor,gemini"


def test_a_byte_order_mark_before_settings_is_accepted(project, init):
    (project.path / ".claude").mkdir()
    settings = project.path / ".claude/settings.json"
    settings.write_text('\ufeff{"model": "x"}', "utf-8")
    assert init("--agents=claude")[0] == 0
    assert json.loads(settings.read_text("utf-8-sig"))["model"] == "x"
    assert init("--agents=claude")[1].startswith(
        "ouro: the agents' files state the loop and the rules already"
    )


def test_all_four_by_name(project, init):
    status, out, err = init(ALL)

    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line.startswith("ouro: ")] == [
        "ouro: wrote .claude/settings.json",
        "ouro: wrote .codex/hooks.json",
        "ouro: wrote .cursor/hooks.json",
        "ouro: wrote .gemini/settings.json",
        "ouro: wrote AGENTS.md",
        "ouro: wrote CLAUDE.md",
        "ouro: wrote GEMINI.md",
    ]
    for name in ("CLAUDE.md", "GEMINI.md"):
        assert "@AGENTS.md" in (project.path / name).read_text().splitlines()
    assert "  next: in Codex, trust this project, and the hook again after each change" in out
    read = {name: json.loads((project.path / a.settings).read_text()) for name, a in AGENTS.items()}
    [claude] = read["claude"]["hooks"]["PreToolUse"]
    assert claude["matcher"] == "Bash|PowerShell|.*"
    assert claude["hooks"] == [
        {"type": "command", "command": COMMAND, "timeout": 60, "onFailure": "block"}
    ]
    [codex] = read["codex"]["hooks"]["PreToolUse"]
    assert codex["hooks"][0]["command"] == COMMAND
    assert read["cursor"]["version"] == 1
    for event in ("preToolUse", "beforeShellExecution"):
        [cursor] = read["cursor"]["hooks"][event]
        assert cursor == {"command": COMMAND, "timeout": 60, "failClosed": True}
    [gemini] = read["gemini"]["hooks"]["BeforeTool"]
    assert gemini["matcher"] == "*"
    assert gemini["hooks"][0]["timeout"] == 60_000  # milliseconds
    text = (project.path / "AGENTS.md").read_text()
    assert "- Never modify prepare.py.\n  (enforced: modify-prepare, frozen" in text


@pytest.mark.parametrize("there", [".claude/", "CLAUDE.md", ".codex/", "AGENTS.md", ".cursor/",
                                   ".gemini/", "GEMINI.md"])  # fmt: skip
def test_an_agent_is_found_by_its_files(project, init, files, there):
    if there.endswith("/"):
        (project.path / there).mkdir()
    else:
        project.write({there: "# Us\n"})

    status, _, _ = init("--agents")
    settings = {name for name in files() if name.endswith(".json")}

    assert status == 0
    assert settings == {
        agent.settings for agent in AGENTS.values() if there.strip("/") in agent.signs
    }
    before = files()
    _, out, _ = init("--agents")
    assert files() == before
    assert out == "ouro: the agents' files state the loop and the rules already\n"


def test_no_agent_is_found(init, files):
    before = files()

    status, out, err = init("--agents")

    assert (status, out) == (2, "")
    assert "no agent is known to work in" in err
    assert "--agents=claude,codex,cursor,gemini" in err
    assert files() == before


@pytest.mark.parametrize("name", WITHOUT_HOOKS)
def test_an_agent_without_hooks_gets_the_rules_and_the_gate(project, init, files, name):
    before = files()

    status, out, _ = init(f"--agents={name}")

    assert status == 0
    assert {*files()} - {*before} == {"AGENTS.md"}
    text = files()["AGENTS.md"].decode()
    assert "- Never modify prepare.py." in text
    assert "--ouro-experiment" in text
    help = f"  next: {WITHOUT_HOOKS[name]} calls no guard: run pytest-ouro init --hook, and"
    assert help in out
    assert init("--hook")[0] == 0
    assert "gate" in (project.path / ".git/hooks/pre-commit").read_text()


def test_an_unknown_agent_is_refused(init, files):
    before = files()

    status, _, err = init("--agents=claude,cursr")

    assert status == 2
    assert "'cursr' is not a known agent; did you mean 'cursor'?" in err
    assert files() == before


def test_without_rules_nothing_is_written(project, init):
    (project.path / "bound.toml").unlink()

    status, _, err = init(ALL)

    assert status == 2
    assert "no bound.toml" in err


def test_existing_settings_are_kept(project, init, files):
    settings = {
        "model": "opus",
        "permissions": {"allow": ["Bash(git *)"], "deny": []},
        "hooks": {
            "PreToolUse": [{"matcher": "B", "hooks": [{"type": "command", "command": "mine é"}]}],
            "Stop": [{"hooks": [{"type": "command", "command": "say done"}]}],
        },
        "env": {"X": "1"},
    }  # fmt: skip
    project.write({
        ".claude/settings.json": json.dumps(settings, indent=4, ensure_ascii=False),
        ".cursor/hooks.json": '{"version": 2, "hooks": {"stop": [{"command": "x"}]}}',
        "AGENTS.md": "# Us\n\nBe kind.\n",
        "CLAUDE.md": "# Claude\n",
        "GEMINI.md": "Words",
    })  # fmt: skip

    assert init(ALL)[0] == 0

    text = (project.path / ".claude/settings.json").read_text()
    new = json.loads(text)
    mine, ours = new["hooks"].pop("PreToolUse")
    assert mine == settings["hooks"].pop("PreToolUse")[0]
    assert ours["hooks"][0]["command"] == COMMAND
    for event in ("PostToolUse", "PostToolUseFailure"):
        [later] = new["hooks"].pop(event)
        assert later["hooks"] == [{"type": "command", "command": AFTER, "timeout": 60}]
    assert new == settings
    assert list(new) == ["model", "permissions", "hooks", "env"]
    assert text.startswith('{\n    "model"')
    assert "mine é" in text
    cursor = json.loads((project.path / ".cursor/hooks.json").read_text())
    assert cursor["version"] == 2
    assert cursor["hooks"]["stop"] == [{"command": "x"}]
    now = files()
    assert now["AGENTS.md"].startswith(b"# Us\n\nBe kind.\n\n<!-- pytest-ouro: bound")
    assert now["CLAUDE.md"] == b"# Claude\n\n@AGENTS.md\n"
    assert now["GEMINI.md"] == b"Words\n\n@AGENTS.md\n"
    assert init(ALL)[0] == 0
    assert files() == now


def test_the_section_is_replaced_in_its_place(project, init):
    project.write({"AGENTS.md": "# Us\n"})
    init("--agents=claude")
    with (project.path / "AGENTS.md").open("a") as handle:
        handle.write("\n## After\n")
    project.edit("bound.toml", '"Never modify prepare.py."', '"Hands off."')

    init("--agents=claude")

    text = (project.path / "AGENTS.md").read_text()
    assert text.startswith("# Us\n")
    assert text.endswith("\n## After\n")
    assert "- Hands off.\n" in text
    assert "Never modify prepare.py." not in text
    assert text.count("<!-- pytest-ouro: bound") == 1


def test_a_hook_that_a_person_wrote_is_left_as_it_is(project, init, files):
    own = {"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [
        {"type": "command", "command": "uvx pytest-ouro guard", "timeout": 5}]}]}}  # fmt: skip
    project.write({".claude/settings.json": json.dumps(own)})

    init("--agents=claude")

    assert json.loads(files()[".claude/settings.json"]) == own


@pytest.mark.parametrize(
    ("command", "calls"),
    [
        ('"$CLAUDE_PROJECT_DIR"/.venv/bin/pytest-ouro guard', True),
        ("cd lab && uv run pytest-ouro guard 2>/dev/null", True),
        (COMMAND.replace(CALL, f"uvx {CALL}"), True),
        (COMMAND.replace(CALL, f"echo {CALL}"), False),
        ("echo pytest-ouro guard", False),
        ("logger 'pytest-ouro guard'", False),
    ],
)
def test_a_hook_that_only_names_the_guard_does_not_stand_for_it(command, calls):
    before = json.dumps({"hooks": {"PreToolUse": [{"command": command}]}})
    assert (merge(AGENTS["claude"], before) == before) is calls


EARLIER = {
    ".claude/settings.json": {"PreToolUse": [{"matcher": "Edit|Write|NotebookEdit|Bash", "hooks": [
        {"type": "command", "command": CALL, "timeout": 10, "onFailure": "block"}]}]},
    ".codex/hooks.json": {"PreToolUse": [{"matcher": "Bash|apply_patch|mcp__.*", "hooks": [
        {"type": "command", "command": CALL, "timeout": 10}]}]},
    ".cursor/hooks.json": {
        "preToolUse": [{"command": CALL, "timeout": 10, "failClosed": True}],
        "beforeShellExecution": [{"command": CALL, "timeout": 10, "failClosed": True}]},
    ".gemini/settings.json": {"BeforeTool": [{
        "matcher": "write_file|replace|run_shell_command",
        "hooks": [{"type": "command", "command": CALL, "timeout": 10000}]}]},
}  # fmt: skip


@pytest.mark.parametrize("name", AGENTS)
def test_hooks_of_an_earlier_version_are_replaced_in_their_place(project, init, files, name):
    agent = AGENTS[name]
    before, after = {"command": "mine"}, {"hooks": [{"type": "command", "command": "more"}]}
    earlier = {event: [before, *old, after] for event, old in EARLIER[agent.settings].items()}
    project.write({agent.settings: json.dumps({"hooks": earlier})})

    _, out, _ = init(f"--agents={name}")

    new = {event: [entry] for event, entry in agent.hooks.items()}
    assert json.loads(files()[agent.settings])["hooks"] == {
        **new,
        **{event: [before, agent.hooks[event], after] for event in earlier},
    }
    assert f"ouro: wrote {agent.settings}\n" in out
    assert f"  next: {agent.next}\n" in out
    now = files()
    init(f"--agents={name}")
    assert files() == now


def test_what_must_be_trusted_is_said_of_hooks_that_change(project, init):
    init(ALL)
    project.edit("bound.toml", '"Never modify prepare.py."', '"Hands off."')

    _, out, _ = init(ALL)

    assert "ouro: wrote AGENTS.md" in out
    assert not any(agent.next in out for agent in AGENTS.values())


def test_the_trees_that_claude_makes_are_to_be_ignored(project, init):
    _, out, _ = init("--agents=codex")
    assert ".claude/worktrees/" not in out
    _, out, _ = init("--agents=claude")
    assert "  next: put .claude/worktrees/ into .gitignore: " in out
    assert project.ouro("bless").returncode == 0
    project.commit("tell the agents")
    project.git("worktree", "add", "-q", "--detach", ".claude/worktrees/x")
    done = project.ouro("gate")
    assert "iron-law::only-train-py BROKEN: .claude/worktrees/x" in done.stdout

    with (project.path / ".gitignore").open("a") as handle:
        handle.write("\n.claude/worktrees/\n")
    project.commit("ignore them")
    project.bless()

    assert project.ouro("gate").returncode == 0
    (project.path / ".claude/settings.json").unlink()
    _, out, _ = init("--agents=claude")
    assert ".claude/worktrees/" not in out


def test_what_a_person_put_beside_an_earlier_hook_is_kept(project, init, files):
    hooks = [{"type": "command", "command": CALL}, {"type": "command", "command": "mine"}]
    entries = [{"matcher": "Bash", "hooks": hooks}]
    project.write({".claude/settings.json": json.dumps({"hooks": {"PreToolUse": entries}})})

    init("--agents=claude")

    found = json.loads(files()[".claude/settings.json"])["hooks"]["PreToolUse"]
    ours = AGENTS["claude"].hooks["PreToolUse"]
    assert found == [{"matcher": "Bash", "hooks": hooks[1:]}, ours]


def test_hooks_of_an_unknown_form_are_kept(project, init, files):
    project.write({".claude/settings.json": '{"hooks": {"PreToolUse": [{"hooks": 3}, 4]}}'})

    assert init("--agents=claude")[0] == 0

    entries = json.loads(files()[".claude/settings.json"])["hooks"]["PreToolUse"]
    assert entries[:2] == [{"hooks": 3}, 4]
    assert entries[2]["hooks"][0]["command"] == COMMAND


UNREADABLE = {
    "a comment": ('{\n  "model": "x", // mine\n  "hooks": {}\n}', ":2: not JSON"),
    "a comma": ('{\n  "model": "x",\n}', ": not JSON"),  # at line 2 or 3: Pythons differ
    "half": ('{"hooks": ', ":1: not JSON"),
    "a list": ("[]", "not a JSON object"),
    "hooks that are not an object": ('{"hooks": []}', "'hooks' is not an object"),
    "an event that is not a list": (
        '{"hooks": {"PreToolUse": {}}}',
        "'hooks.PreToolUse' is not a list",
    ),
    "a key twice": ('{"hooks": {}, "hooks": {}}', "an object has the key 'hooks' twice"),
    "nested too deeply": ("[" * 100_000, "recursion"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_settings_that_cannot_be_merged_are_refused_and_nothing_is_lost(project, init, files, kind):
    text, said = UNREADABLE[kind]
    project.write({".claude/settings.json": text, "AGENTS.md": "# Us\n"})
    before = files()

    status, out, err = init("--agents=codex,claude")

    assert (status, out) == (2, "")
    assert ".claude/settings.json" in err
    assert said in err
    assert "Traceback" not in err
    assert files() == before


def test_rules_stated_in_two_places_are_refused(project, init, files):
    project.write({"AGENTS.md": "## NEVER DO\n\n- Never.\n"})
    before = files()

    status, _, err = init(ALL)

    assert status == 2
    assert "AGENTS.md states rules outside of a BOUND section" in err
    assert files() == before


def test_a_file_in_place_of_a_folder_is_an_error(project, init):
    project.write({".claude": "a file\n"})

    status, _, err = init("--agents=claude")

    assert status == 2
    assert "cannot be written" in err


def test_one_file_under_two_names(project, init, files):
    project.write({"AGENTS.md": "# Us\n"})
    (project.path / "CLAUDE.md").symlink_to("AGENTS.md")

    assert init("--agents")[0] == 0

    assert b"@AGENTS.md" not in files()["AGENTS.md"]
    assert (project.path / "CLAUDE.md").is_symlink()


def test_disabled_hooks_are_reported(project, init):
    project.write({".claude/settings.json": '{"disableAllHooks": true}'})

    _, out, _ = init("--agents")

    assert ".claude/settings.json has disableAllHooks" in out


@pytest.mark.parametrize("name", AGENTS)
def test_the_file_that_an_agent_reads_is_there(project, init, files, name):
    assert init(f"--agents={name}")[0] == 0

    texts = {file for file in files() if file.endswith(".md")}
    assert texts == {"AGENTS.md", AGENTS[name].reads}


def test_files_that_git_ignores_are_reported(project, init):
    project.write({".gitignore": "CLAUDE.md\nAGENTS.md\n", "CLAUDE.md": "be kind\n"})

    _, out, _ = init("--agents=claude")

    assert "  next: git ignores some of them, so: git add -f AGENTS.md CLAUDE.md\n" in out
    project.git("add", "-f", "AGENTS.md", "CLAUDE.md", ".claude")
    project.write({"CLAUDE.md": "be kind again\n"})
    _, out, _ = init("--agents=claude")
    assert "wrote CLAUDE.md" in out
    assert "git add -f" not in out


def test_the_written_files_are_frozen_once_they_are_blessed(project, init):
    """By scope: no file but the editable ones may change since the blessing."""
    init(ALL)
    assert project.ouro("gate").returncode == 1
    project.commit("tell the agents")
    project.bless()
    assert project.ouro("gate").returncode == 0

    project.edit(".claude/settings.json", '"block"', '"ignore"')

    done = project.ouro("gate")
    assert done.returncode == 1
    assert "iron-law::only-train-py BROKEN: .claude/settings.json was changed" in done.stdout


def test_the_guard_protects_the_written_files(project, init, refused):
    init(ALL)

    for agent in AGENTS.values():
        assert refused("Edit", file_path=agent.settings) != ""
    assert refused("Edit", file_path="AGENTS.md") != ""


@pytest.mark.parametrize("name", ["AGENTS.md", "CLAUDE.md", ".claude", ".claude/settings.json"])
def test_a_link_that_leads_outside_is_neither_read_nor_written(project, init, tmp_path, name):
    outside = tmp_path / "outside"
    if name == ".claude":
        outside.mkdir()
    else:
        outside.write_text("{}")
    (project.path / name).parent.mkdir(exist_ok=True)
    (project.path / name).symlink_to(outside)

    status, _, err = init("--agents=claude")

    assert status == 2
    assert "which is not a file of this repository" in err
    assert not list(outside.iterdir()) if outside.is_dir() else outside.read_text() == "{}"


def test_the_link_of_an_agent_that_was_not_named_does_not_matter(project, init, tmp_path):
    (tmp_path / "dotfiles").mkdir()
    (project.path / ".cursor").symlink_to(tmp_path / "dotfiles")

    assert init("--agents=claude")[0] == 0
