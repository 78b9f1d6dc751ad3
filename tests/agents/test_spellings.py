"""Every spelling of a frozen path is frozen, and no other path is."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro import guard
from pytest_ouro.cli.bless import bless
from pytest_ouro.evidence.paths import matches
from pytest_ouro.guard import hosts, protected


def test_the_rule_is_named_in_a_person_s_words(refused):
    said = refused("Edit", file_path="prepare.py")

    assert said == (
        "pytest-ouro: prepare.py is frozen "
        "(danger-zone::prepare: prepare.py is the fixed harness.) "
        "Do not retry it in another way: put the idea into train.py instead. "
        "A person may change it and bless it (pytest-ouro bless)."
    )


@pytest.mark.parametrize(
    "spelling",
    [
        "prepare.py", "./prepare.py", ".//prepare.py", "././prepare.py", "sub/../prepare.py",
        "{top}/prepare.py", "{top}//prepare.py", "{top}/./sub/../prepare.py", "link.py",
        "folder-link/prepare.py", "hard.py", "{top}/../project/prepare.py", "link-to-link.py",
        "file://{top}/prepare.py", "sub/deep/../../prepare.py",
    ],
)  # fmt: skip
def test_every_spelling_of_a_frozen_file_is_refused(project, refused, spelling):
    (project.path / "sub" / "deep").mkdir(parents=True)
    (project.path / "link.py").symlink_to("prepare.py")
    (project.path / "link-to-link.py").symlink_to("link.py")
    (project.path / "folder-link").symlink_to(".")
    os.link(project.path / "prepare.py", project.path / "hard.py")

    said = refused("Edit", file_path=spelling.format(top=project.path))

    assert "danger-zone::prepare" in said


@pytest.mark.parametrize(
    "spelling", ["train.py", "./train.py", "sub/../train.py", "{top}/train.py"]
)
def test_every_spelling_of_an_editable_file_passes(project, refused, spelling):
    (project.path / "sub").mkdir()

    assert refused("Edit", file_path=spelling.format(top=project.path)) == ""


@pytest.mark.parametrize(
    ("cwd", "path"),
    [("sub", "../prepare.py"), ("sub/deep", "../../prepare.py"), ("..", "project/prepare.py"),
     ("/", "{top}/prepare.py"), ("sub", "{top}/prepare.py")],
)  # fmt: skip
def test_wherever_the_agent_stands(project, refused, monkeypatch, cwd, path):
    (project.path / "sub" / "deep").mkdir(parents=True)
    monkeypatch.chdir("/")
    path = path.format(top=project.path)

    assert "danger-zone::prepare" in refused("Write", cwd=project.path / cwd, file_path=path)
    assert "danger-zone::prepare" in refused(
        "Bash", cwd=project.path / cwd, command=f"echo x > {path}"
    )


def test_an_editable_file_that_is_a_link_to_a_frozen_one(project, refused):
    (project.path / "train.py").unlink()
    (project.path / "train.py").symlink_to("prepare.py")

    assert "danger-zone::prepare" in refused("Edit", file_path="train.py")


def test_the_same_name_in_another_case(project, refused, monkeypatch):
    """As on a file system that does not tell them apart."""
    monkeypatch.setattr(os.path, "samefile", lambda a, b: str(a).lower() == str(b).lower())
    (project.path / "PREPARE.py").write_text("")

    assert "danger-zone::prepare" in refused("Edit", file_path="PREPARE.py")


@pytest.fixture
def zones(project):
    """A folder, several files on one line and more than twenty rules, without a scope."""
    bound = (project.path / "bound.toml").read_text().replace(
        'check = "scope"', 'check = "scope"\nwithin = "apart"'
    )  # fmt: skip
    many = "".join(
        f'[[danger-zone]]\nid = "n{n}"\nrule = "n{n}."\ncheck = "frozen"\npaths = ["many/{n}.py"]\n'
        for n in range(30)
    )
    both = (
        '[[danger-zone]]\nid = "both"\nrule = "Both."\ncheck = "frozen"\n'
        'paths = ["src/payments/", "src/**/*.sql"]\n'
    )
    project.write({"bound.toml": bound + many + both, "src/payments/pay.py": "", "src/a/b.sql": ""})
    project.write({"tests/prepare.py": "", "src/other.py": "", "apart/note.txt": ""})
    project.write({f"many/{n}.py": "" for n in range(30)})
    (project.path / "pay").symlink_to("src/payments")
    project.commit("zones")
    project.bless()
    return project


HOLES = {
    "two slashes": "src//payments/pay.py",
    "a dot": "src/./payments/pay.py",
    "a leading dot": "./src/payments/pay.py",
    "two dots": "sub/../src/payments/pay.py",
    "a link to the folder": "pay/pay.py",
    "a new file in the folder": "src/payments/new.py",
    "the second of two": "src/a/b.sql",
    "a new file of a glob": "src/c/d/e.sql",
    "the thirtieth zone": "many/29.py",
}


@pytest.mark.tier(2, but=12)
@pytest.mark.parametrize("hole", HOLES)
@pytest.mark.parametrize("tool", ["Edit", "Write", "Bash", "apply_patch"])
def test_holes_of_earlier_guards_are_closed(zones, refused, hole, tool):
    path = HOLES[hole]
    given = {
        "Bash": {"command": f"cat /tmp/x > {path}"},
        "apply_patch": {"command": f"*** Begin Patch\n*** Update File: {path}\n*** End Patch"},
    }.get(tool, {"file_path": path})

    assert "danger-zone::" in refused(tool, **given)


@pytest.mark.parametrize(
    "path", ["tests/prepare.py", "src/other.py", "/tmp/prepare.py", "many/30.py"]
)
def test_what_no_rule_names_passes(zones, refused, path):
    assert refused("Edit", file_path=path) == ""


@pytest.mark.parametrize("name", ["src/payments", "src", "many"])
def test_a_folder_is_lost_with_what_is_frozen_in_it(zones, refused, name):
    assert "danger-zone::" in refused("Bash", command=f"rm -rf {name}")
    assert "danger-zone::" in refused("Bash", command=f"mv {name} /tmp/")


def test_a_file_that_trust_does_not_know_may_be_removed_again(zones, refused):
    zones.write({"src/payments/new.py": ""})

    assert refused("Bash", command="rm src/payments/new.py") == ""


@pytest.mark.parametrize(
    "path",
    [
        "bound.toml", "bound.lock", ".claude/settings.json", ".claude/settings.local.json",
        ".codex/hooks.json", ".codex/config.toml", ".cursor/hooks.json", ".gemini/settings.json",
        ".pre-commit-config.yaml", ".git/hooks/pre-commit", ".git/config",
        ".git/ouro/journal.jsonl",
        "~/.claude/settings.json", "~/.config/pytest-ouro/config.toml", "CLAUDE.md", "AGENTS.md",
    ],
)  # fmt: skip
def test_what_enforces_the_rules_is_protected_without_a_scope(zones, refused, path):
    zones.write({"CLAUDE.md": "## BOUND\n", "AGENTS.md": "# Us\n\n## BOUND\n"})

    said = refused("Edit", file_path=path)

    assert "bound.toml: A person states the rules, and what enforces them." in said


def test_other_words_for_agents_may_be_written(zones, refused):
    zones.write({"CLAUDE.md": "# Notes\n"})

    assert refused("Edit", file_path="CLAUDE.md") == ""
    assert refused("Write", file_path=".claude/commands/run.md") == ""


def test_what_scope_does_not_name_is_refused_and_what_git_ignores_is_not(project, refused):
    project.commit("ignore", {".gitignore": "run.log\nresults.tsv\nnotes/\n"})
    project.bless()

    assert "iron-law::only-train-py" in refused("Write", file_path="helper.py")
    assert "iron-law::only-train-py" in refused("NotebookEdit", notebook_path="a.ipynb")
    assert refused("Write", file_path="notes/idea.md") == ""
    assert refused("Write", file_path="run.log") == ""


@pytest.mark.parametrize("name", ["Bash", "BASH", "runShellCMD", "mcp__x__run_command"])
def test_a_shell_is_known_by_its_name_in_any_case(laws, refused, name):
    assert "danger-zone::prepare" in refused(name, command="echo >> prepare.py")


def test_data_outside_of_the_repository(laws, refused):
    assert "danger-zone::data-pipeline" in refused(
        "Edit", file_path="~/.cache/toy/data/shard_9.bin"
    )
    assert "danger-zone::data-pipeline" in refused("Bash", command="rm -rf ~/.cache/toy")
    assert "danger-zone::data-pipeline" in refused(
        "Bash", command="cp /tmp/x ~/.cache/toy/tokenizer/ranks.txt"
    )
    assert refused("Bash", command="cp ~/.cache/toy/data/shard_9.bin /tmp/") == ""


def test_a_rule_that_only_warns_refuses_nothing(project, refused):
    project.edit(
        "bound.toml", 'check = "scope"', 'check = "scope"\nseverity = "warn"\nreason = "x"'
    )
    project.bless()

    assert refused("Write", file_path="helper.py") == ""


def test_another_project_s_rules_hold_for_its_files(project, refused, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)

    assert "danger-zone::prepare" in refused(
        "Edit", cwd=other, file_path=str(project.path / "prepare.py")
    )


def test_in_a_linked_working_tree(project, refused, tmp_path):
    project.git("worktree", "add", "-q", str(tmp_path / "tree"))

    assert "danger-zone::prepare" in refused("Edit", cwd=tmp_path / "tree", file_path="prepare.py")
    assert refused("Edit", cwd=tmp_path / "tree", file_path="train.py") == ""
    assert "bound.toml: " in refused(
        "Edit", cwd=tmp_path / "tree", file_path=str(project.path / ".git/ouro/journal.jsonl")
    )


def test_records_that_clones_share_are_protected(project, refused, tmp_path, monkeypatch):
    path = str(tmp_path / "records/3f2a/.git/ouro/journal.jsonl")
    assert refused("Edit", file_path=path) == ""

    monkeypatch.setenv("OURO_RECORDS", str(tmp_path / "records"))
    assert "bound.toml: " in refused("Edit", file_path=path)


def test_the_cache_is_built_again_when_the_rules_change(project, refused):
    assert refused("Edit", file_path="prepare.py") != ""
    kept = project.path / ".git/ouro/guard.json"
    first = kept.stat().st_mtime_ns
    assert refused("Edit", file_path="prepare.py") != ""
    assert kept.stat().st_mtime_ns == first

    project.edit("bound.toml", '"prepare.py is the fixed harness."', '"Hands off."')
    project.bless()

    assert "Hands off." in refused("Edit", file_path="prepare.py")


def test_a_trusted_commit_s_rules_hold_whatever_lies_in_the_working_tree(project, refused):
    trust = project.git("rev-parse", "HEAD")
    project.git("config", "ouro.trust", trust)
    project.write({"bound.toml": "[bound]\n"})

    assert "danger-zone::prepare" in refused("Edit", file_path="prepare.py")
    assert refused("Edit", file_path="train.py") == ""


def test_a_trusted_name_that_moves_is_followed(project, refused):
    project.git("branch", "trusted")
    project.git("config", "ouro.trust", "trusted")
    assert "fixed harness" in refused("Edit", file_path="prepare.py")

    project.edit("bound.toml", '"prepare.py is the fixed harness."', '"Hands off."')
    project.commit("new words")
    project.git("branch", "-f", "trusted")

    assert "Hands off." in refused("Edit", file_path="prepare.py")


def test_the_cache_may_be_damaged(project, refused):
    kept = project.path / ".git/ouro/guard.json"
    assert refused("Edit", file_path="prepare.py") != ""

    for text in ("", "{", "[]", '{"state": 3}', json.dumps({"state": [], "revision": ""})):
        kept.write_text(text)
        assert refused("Edit", file_path="prepare.py") != ""


def test_tool_input_may_come_as_text(project):
    given = json.dumps({"file_path": "prepare.py"})
    call = {"cwd": str(project.path), "hook_event_name": "PreToolUse", "tool_name": "Edit"}

    assert guard.reason(hosts.read({**call, "tool_input": given})) != ""


def test_a_command_may_come_as_words(project, refused):
    assert refused("shell", command=["bash", "-lc", "echo x > prepare.py"]) != ""
    assert refused("shell", command=["cat", "prepare.py"]) == ""
    assert refused("shell", command=["rm", "prepare.py"], workdir=str(project.path)) != ""


def test_a_scope_without_a_folder_holds_for_the_whole_repository(project, refused):
    files = [path.name for path in project.path.iterdir() if path.name != ".git"]
    (project.path / "lab").mkdir()
    project.git("mv", *files, "lab")
    project.commit("a folder of a repository", {"shared/tricks.py": "LR = 1\n"})
    lab = project.path / "lab"
    bless(lab / "bound.toml")
    project.commit("bless")

    assert "iron-law::only-train-py" in refused(
        "Edit", cwd=lab, file_path=str(project.path / "shared/tricks.py")
    )
    assert refused("Edit", cwd=lab, file_path=str(lab / "train.py")) == ""


GLOBS = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "**/", "?", "."]), max_size=6)


@given(name=st.text("ab/.", max_size=6), glob=GLOBS.map("".join))
def test_globs_mean_what_they_mean_to_the_gate(name, glob):
    assert protected._hit(name, glob) == matches(name, [glob])
