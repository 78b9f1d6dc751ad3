"""``pytest-ouro uninit`` takes back what init and bless wrote, and nothing that a person wrote."""

import json
from pathlib import Path

import pytest

from pytest_ouro.onboarding import hooks, removal
from pytest_ouro.onboarding.agents import AGENTS, add_import, calls_guard_alone, merge

ALL = "--agents=claude,codex,cursor,gemini"
NOTHING = "ouro: no hook, agent's entry or bound.lock of pytest-ouro is here"


@pytest.fixture
def files(project):
    """``files()``: every file outside of git's folder and every hook, with its bytes."""

    def files():
        inside = [path for path in project.path.rglob("*") if ".git" not in path.parts]
        hooks = [p for p in (project.path / ".git/hooks").glob("*") if p.suffix != ".sample"]
        return {path: path.read_bytes() for path in [*inside, *hooks] if path.is_file()}

    return files


def test_all_that_init_and_bless_wrote_is_taken_back(project, ouro, files):
    (project.path / "bound.lock").unlink()
    before = files()
    for words in (["bless"], ["init", "--hook"], ["init", ALL]):
        assert ouro(*words)[0] == 0
    everything = files()

    status, said, _ = ouro("uninit", "--dry-run")
    assert (status, files()) == (0, everything)
    assert "would be removed: bound.lock\n" in said

    status, said, err = ouro("uninit")
    assert (status, err, files()) == (0, "", before)
    for name in (".git/hooks/pre-commit", ".claude/settings.json", "AGENTS.md", "bound.lock"):
        assert f"removed: {name}\n" in said
    assert "  bound.toml, the rules\n" in said

    status, said, _ = ouro("uninit")
    assert (status, files()) == (0, before)
    assert said.startswith(NOTHING)


def test_what_a_person_wrote_stays(project, ouro, files):
    mine = {"model": "x", "hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [
        {"type": "command", "command": "mine"}]}]}}  # fmt: skip
    project.write({
        ".claude/settings.json": json.dumps(mine, indent=2) + "\n",
        "AGENTS.md": "# Rules of mine\n",
        "CLAUDE.md": "@AGENTS.md\n",
        ".git/hooks/pre-push": "#!/bin/sh\nmine\npytest-ouro gate\n",
    })  # fmt: skip
    (project.path / "bound.lock").unlink()
    before = files()
    for words in (["bless"], ["init", ALL]):
        assert ouro(*words)[0] == 0

    status, said, _ = ouro("uninit")

    assert (status, files()) == (0, before)
    assert ".git/hooks/pre-push calls the gate: take that line out of it" in said


def test_records_stay_and_the_commands_that_are_shown_remove_them(project, ouro, recorded):
    recorded("keep", 2.0)
    project.git("update-ref", "refs/ouro/tried/1", "HEAD")
    project.git("config", "ouro.trust", "HEAD")
    said = ouro("uninit")[1]
    commands = [line.partition(": ")[2] for line in said.splitlines() if " refs that " in line]
    commands += [line.rpartition(": ")[2] for line in said.splitlines() if line.startswith("  /")]
    commands.append("git config --unset ouro.trust")
    assert all(command in said for command in commands)
    assert project.git("for-each-ref", "refs/ouro/")

    for command in commands:
        project.git("-c", f"alias.sh=!{command}", "sh")

    assert project.git("for-each-ref", "refs/ouro/") == ""
    assert not (project.path / ".git/ouro").exists()


def test_a_link_that_leads_out_of_the_repository_is_left_alone(project, ouro, tmp_path):
    outside = tmp_path / "settings.json"
    outside.write_text(merge(AGENTS["claude"], ""))
    text = outside.read_text()
    (project.path / ".claude").mkdir()
    (project.path / ".claude/settings.json").symlink_to(outside)

    status, said, err = ouro("uninit")

    assert (status, err) == (0, "")
    assert outside.read_text() == text
    assert f"{outside}, which lies outside of the repository" in said


@pytest.mark.parametrize("name", ["CLAUDE.md", "NOTES.md", ".claude/settings.json"])
def test_a_link_that_leads_to_itself_is_left_alone(project, ouro, name):
    (project.path / name).parent.mkdir(exist_ok=True)
    (project.path / name).symlink_to(Path(name).name)

    status, _, err = ouro("uninit")

    assert (status, err) == (0, "")
    assert (project.path / name).is_symlink()


def test_a_hook_that_is_a_link_is_left_alone_with_what_it_leads_to(project, ouro, tmp_path):
    outside = tmp_path / "shared-hook"
    outside.write_text(hooks.MARK)
    link = project.path / ".git" / "hooks" / "pre-commit"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    assert ouro("uninit")[0] == 0
    assert (link.readlink(), outside.read_text()) == (outside, hooks.MARK)


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
@pytest.mark.parametrize("before", ["", '{"a": 1}\n', '{\n\t"hooks": {"Stop": []}\n}\n'])
def test_hooks_are_merged_and_taken_out_again(agent, before):
    merged = merge(agent, before)
    taken = removal.without_hooks(agent, merged)
    expected = {**agent.base, **json.loads(before)} if before else None
    assert (json.loads(taken) if taken else None) == expected
    assert removal.without_hooks(agent, taken) == taken


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("pytest-ouro guard", True),
        ("/x/.venv/bin/pytest-ouro guard", True),
        ("uv run python -I -m pytest_ouro guard", True),
        ("pytest-ouro guard && mine", False),
        ("mine; pytest-ouro guard", False),
        ("pytest-ouro guard 'open", False),
        ("guard", False),
        ("echo pytest-ouro guard", False),
        ("python log.py pytest-ouro guard", False),
        ("OURO_TRUST=main env -i pytest-ouro guard", True),
        (None, False),
    ],
)
def test_only_a_command_that_is_the_guard_alone_is_ours(command, ours):
    assert calls_guard_alone(command) is ours


def test_an_import_is_taken_out():
    assert removal.without_import(add_import("mine\n"), is_gone=True) == "mine\n\n"
    assert removal.without_import(add_import("mine\n"), is_gone=False) == add_import("mine\n")
    for is_gone in (True, False):
        assert removal.without_import(add_import(""), is_gone=is_gone) == ""


def test_without_a_repository_it_says_so(ouro, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "empty")
    status, _, err = ouro("uninit")
    assert status == 2
    assert "no git repository" in err
