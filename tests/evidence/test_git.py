"""Git by plumbing: what the judged repository configures neither answers nor runs."""

import os
import shutil
import subprocess
from dataclasses import replace

import pytest

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git import spawn
from pytest_ouro.evidence.git.client import Git, environment, run_git, split


def git(folder, *args):
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path):
    """A repository with one commit of ``a.py``."""
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init", "-q")
    (made / "a.py").write_text("A = 1\n")
    git(made, "add", "-A")
    git(made, "commit", "-q", "-m", "first")
    return made


def test_the_repository_around_a_folder_is_found(folder):
    (folder / "lab").mkdir()

    found = Git.discover(folder / "lab")

    assert found.top == folder
    assert found.common_dir == folder / ".git"


def test_a_linked_working_tree_shares_the_common_folder(folder, tmp_path):
    git(folder, "worktree", "add", "-q", str(tmp_path / "linked"))

    found = Git.discover(tmp_path / "linked")

    assert found.top == tmp_path / "linked"
    assert found.common_dir == folder / ".git"


@pytest.mark.parametrize("name", ["odd\nname", "odd\n", "\n\nodd", "odd\u2028name", "odd\rname"])
def test_a_folder_may_have_a_line_break_in_its_name(folder, tmp_path, name):
    top = tmp_path / name / "clone"
    git(tmp_path, "clone", "-q", str(folder), str(top))
    (top / name).mkdir()
    git(top, "worktree", "add", "-q", str(tmp_path / name / "linked"))

    found = Git.discover(top / name)
    assert (found.top, found.common_dir, found.folder) == (top, top / ".git", top / ".git")
    assert (found.head, found.branch) == (Git.discover(folder).head, "main")
    objects = Git.objects(top / name)
    assert (objects.common_dir, objects.prefix) == (top / ".git", name)
    linked = Git.discover(tmp_path / name / "linked")
    assert (linked.common_dir, linked.folder) == (top / ".git", top / ".git/worktrees/linked")


def test_before_the_first_commit_a_folder_may_have_a_line_break_in_its_name(tmp_path):
    git(tmp_path, "init", "-q", "odd\nname")

    found = Git.discover(tmp_path / "odd\nname")

    assert (found.top, found.head, found.branch) == (tmp_path / "odd\nname", "", "")


@pytest.mark.parametrize("command", ["discover", "objects"])
def test_the_paths_of_a_repository_cost_one_call(folder, monkeypatch, command):
    calls = []
    output = spawn.output
    monkeypatch.setattr(spawn, "output", lambda *a, **k: calls.append(a) or output(*a, **k))

    getattr(Git, command)(folder)

    assert len(calls) == 1


def test_a_missing_repository_is_reported_with_a_remedy(tmp_path):
    with pytest.raises(GitError, match="no git repository at") as caught:
        Git.discover(tmp_path)

    assert caught.value.help.startswith("git init")


def test_a_missing_folder_is_not_reported_as_a_missing_git(tmp_path):
    with pytest.raises(GitError, match="nowhere is not a directory"):
        Git.discover(tmp_path / "nowhere")


def test_a_missing_git_is_reported(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))

    with pytest.raises(GitError, match="git is not installed"):
        Git.discover(folder)


def test_a_failing_call_is_reported_with_the_words_of_git(folder):
    with pytest.raises(GitError, match=r"git cat-file failed: fatal: Not a valid object name no"):
        run_git("cat-file", "-p", "no", cwd=folder)


@pytest.mark.parametrize("missing", ["HEAD", "objects"])
def test_a_damaged_repository_is_not_called_none(folder, missing):
    (folder / ".git" / missing).rename(folder / "away")
    (folder / "below").mkdir()
    with pytest.raises(GitError, match=r"git does not accept \S+/\.git: a part of it") as refused:
        Git.discover(folder / "below")
    assert "git init" not in refused.value.help


def test_variables_of_git_do_not_reach_it(folder, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.worktree")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(other))

    found = Git.discover(folder)

    assert found.top == folder
    assert list(found.files()[0]) == ["a.py"]
    assert "GIT_CONFIG_COUNT" not in environment()


def test_a_given_index_is_used(folder, tmp_path):
    index = tmp_path / "index"
    shutil.copy(folder / ".git" / "index", index)
    (folder / "b.py").write_text("B = 1\n")
    git(folder, "add", "b.py")
    found = Git.discover(folder)

    assert list(found.files()[0]) == ["a.py", "b.py"]
    assert list(replace(found, index=str(index)).files()[0]) == ["a.py"]


def test_a_revision_names_a_commit_or_nothing(folder):
    found = Git.discover(folder)
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "tag", "-a", "v1", "-m", "annotated")

    assert found.commit("HEAD") == head
    assert found.commit("v1") == head
    assert found.commit(head[:8]) == head
    for nothing in ("nowhere", "HEAD:a.py", "HEAD^{tree}", "--all", "", "HEAD~5"):
        assert found.commit(nothing) == ""


def test_names_of_any_kind_are_read(folder):
    names = ["été.py", "two words.py", "line\nbreak.py", 'quo"te.py', "tab\there.py", "-dash.py"]
    for name in names:
        (folder / name).write_text(name)
    found = Git.discover(folder)
    assert sorted(found.files()[1]) == sorted(names)

    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "names")
    assert sorted(found.files()[0]) == sorted([*names, "a.py"])
    assert found.tree(found.commit("HEAD")) == found.files()[0]
    blobs = [found.files()[0][name].blob for name in names]
    assert found.blobs(blobs) == [name.encode() for name in names]


def test_a_name_that_is_not_text_is_read(folder):
    try:
        with open(os.path.join(os.fsencode(folder), b"caf\xe9.py"), "w"):  # noqa: PTH118, PTH123
            pass
    except OSError:
        pytest.skip("this file system takes text only")

    [name] = Git.discover(folder).files()[1]

    assert os.fsencode(name) == b"caf\xe9.py"


def test_contents_come_in_the_order_asked_for(folder):
    blob = git(folder, "rev-parse", "HEAD:a.py")
    empty = git(folder, "hash-object", "-w", "-t", "blob", os.devnull)

    assert Git.discover(folder).blobs([blob, empty, blob]) == [b"A = 1\n", b"", b"A = 1\n"]
    assert Git.discover(folder).blobs([]) == []


def test_a_missing_object_is_reported_with_a_remedy(folder):
    with pytest.raises(GitError, match="object 0000000000 cannot be read") as caught:
        Git.discover(folder).blobs(["0" * 40])

    assert "git fetch --unshallow" in caught.value.help


def test_the_remedy_for_a_partial_clone_works(folder, tmp_path):
    first = git(folder, "rev-parse", "HEAD:a.py")
    (folder / "a.py").write_text("A = 2\n")
    git(folder, "commit", "-qam", "two")
    git(folder, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(folder, "clone", "-q", "--filter=blob:none", folder.as_uri(), str(clone))
    with pytest.raises(GitError, match="cannot be read") as caught:
        Git.discover(clone).blobs([first])

    words = caught.value.help.rpartition("a partial one: ")[2].split()
    git(clone, *words[1:])

    assert Git.discover(clone).blobs([first]) == [b"A = 1\n"]


def test_replaced_objects_are_read_as_they_were(folder):
    first = git(folder, "rev-parse", "HEAD:a.py")
    (folder / "a.py").write_text("A = 2\n")
    second = git(folder, "hash-object", "-w", "a.py")
    git(folder, "replace", first, second)
    assert git(folder, "cat-file", "blob", first) == "A = 2"

    assert Git.discover(folder).blobs([first]) == [b"A = 1\n"]


def test_flags_of_the_index_are_read(folder):
    (folder / "b.py").write_text("B = 1\n")
    git(folder, "add", "-A")
    git(folder, "update-index", "--skip-worktree", "a.py")
    git(folder, "update-index", "--assume-unchanged", "b.py")

    staged = Git.discover(folder).files()[0]

    assert staged["a.py"].skip
    assert not staged["b.py"].skip


def test_a_merge_conflict_is_reported(folder):
    git(folder, "checkout", "-q", "-b", "side")
    (folder / "a.py").write_text("A = 2\n")
    git(folder, "commit", "-q", "-a", "-m", "two")
    git(folder, "checkout", "-q", "main")
    (folder / "a.py").write_text("A = 3\n")
    git(folder, "commit", "-q", "-a", "-m", "three")
    subprocess.run(["git", "merge", "side"], cwd=folder, capture_output=True, check=False)

    with pytest.raises(GitError, match=r"a\.py has a merge conflict") as caught:
        Git.discover(folder).files()[0]
    assert "git status says how" in (caught.value.help or "")


def test_ignored_files_are_not_untracked(folder):
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "run.log").write_text("")
    (folder / "b.py").write_text("")

    assert Git.discover(folder).files()[1] == [".gitignore", "b.py"]
    assert Git.discover(folder).files(untracked=False)[1] == []


@pytest.mark.parametrize("name", ["? a.py", "H 100644 0 0\ta.py", " "])
def test_an_untracked_name_cannot_pass_for_an_entry(folder, name):
    (folder / name).write_text("")

    index, untracked = Git.discover(folder).files()

    assert list(index) == ["a.py"]
    assert untracked == [name]


def test_the_branch_and_its_head_are_known(folder):
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-q", "-b", "autoresearch/mar8")
    assert (Git.discover(folder).head, Git.discover(folder).branch) == (head, "autoresearch/mar8")

    git(folder, "checkout", "-q", "--detach")
    assert (Git.discover(folder).head, Git.discover(folder).branch) == (head, "")


def test_before_the_first_commit_there_is_no_head(tmp_path):
    git(tmp_path, "init", "-q")

    assert Git.discover(tmp_path).head == ""


def test_a_path_is_read_from_the_top(folder, tmp_path):
    (folder / "lab").mkdir()
    (folder / "lab" / "link.toml").symlink_to("/etc/passwd")
    (tmp_path / "door").symlink_to(folder)
    found = Git.discover(folder)

    assert found.relative(folder / "lab" / ".." / "a.py") == "a.py"
    assert found.relative(folder / "lab" / "link.toml") == "lab/link.toml"
    assert found.relative(tmp_path / "door" / "a.py") == "a.py"
    with pytest.raises(GitError, match="lies outside the working tree"):
        found.relative(tmp_path / "a.py")


def test_empty_fields_are_dropped():
    assert split(b"") == []
    assert split(b"a\0\0b c\0") == ["a", "b c"]


def test_a_working_tree_whose_repository_is_gone_names_it(project, tmp_path):
    linked = tmp_path / "linked"
    project.git("worktree", "add", "-q", "--detach", str(linked))
    project.path.rename(tmp_path / "away")
    with pytest.raises(GitError, match="belongs to a repository that is not there: ") as refused:
        Git.discover(linked)
    assert f"{project.path}/.git" in refused.value.message
    assert "git init" not in refused.value.help


def test_what_git_advises_is_the_help(project, monkeypatch, tmp_path):
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    said = "fatal: detected dubious ownership\nTo trust it, call:\n\n\tgit config safe.directory x"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'E'\n{said}\nE\nexit 128\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises(GitError, match="dubious ownership") as refused:
        Git.discover(project.path)
    assert refused.value.help.endswith("git config safe.directory x")
