"""The files of a run are the blobs of its commit, whatever the repository configures."""

import hashlib
import os
import stat
import subprocess

import pytest

from pytest_ouro.core.errors import ExperimentError, GitError
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.experiment.steps import write_tree
from pytest_ouro.experiment.steps.checkout import checkout
from pytest_ouro.experiment.steps.settle import return_branch


@pytest.fixture
def git(project):
    return Git.discover(project.path)


@pytest.fixture
def commit_of(project):
    """Commit a tree of raw entries ``(mode, name, object id)``, which git need not accept."""

    def write(kind, data):
        asked = ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"]
        done = subprocess.run(asked, cwd=project.path, input=data, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def commit(*entries):
        fields = (
            b"%s %s\0" % (m.encode(), os.fsencode(n)) + bytes.fromhex(i) for m, n, i in entries
        )
        tree = write("tree", b"".join(fields))
        return project.git("commit-tree", tree, "-m", "raw")

    commit.blob = lambda data: write("blob", data)
    commit.tree = lambda *entries: project.git("rev-parse", f"{commit(*entries)}^{{tree}}")
    return commit


NAMES = [
    *(
        ".git",
        ".GIT",
        ".Git",
        "git~1",
        "GIT~1",
        ".git.",
        ".git ",
        ".git . .",
        ".git::$INDEX_ALLOCATION",
    ),
    *(".g\u200cit", "\ufeff.git", ".gi\u206ft", "a\\.git", ".git\\hooks", ".", ".."),
]


@pytest.mark.parametrize("mode", ["100644", "40000"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_may_lead_into_the_git_folder_is_refused(git, commit_of, name, mode):
    blob = commit_of.blob(b"x = 1\n")
    below = blob if mode == "100644" else commit_of.tree(("100644", "config", blob))
    for commit in (
        commit_of((mode, name, below)),
        commit_of(("40000", "lib", commit_of.tree((mode, name, below)))),
    ):
        with pytest.raises(GitError, match="invalid or repeated name"), checkout(git, commit):
            pass


@pytest.mark.parametrize(
    "name", [".gitignore", ".gitattributes", "git", "a.git", ".git-x", "git~2", "é.py"]
)
def test_an_ordinary_name_is_written(git, commit_of, name):
    commit = commit_of(("100644", name, commit_of.blob(b"x = 1\n")))
    with checkout(git, commit) as folder:
        assert {path.name for path in folder.iterdir()} == {".git", name}
        assert (folder / name).read_bytes() == b"x = 1\n"


def test_modes_and_links_are_those_of_the_commit(project, git, commit_of, tmp_path):
    blob = commit_of.blob(b"#!/bin/sh\n")
    outside = commit_of.blob(os.fsencode(tmp_path))
    commit = commit_of(
        ("120000", "a", outside),
        ("100755", "b", blob),
        ("100644", "c", blob),
        ("160000", "d", "1" * 40),
    )
    with checkout(git, commit) as folder:
        assert os.readlink(folder / "a") == str(tmp_path)  # noqa: PTH115
        assert stat.S_IMODE((folder / "b").stat().st_mode) == 0o755
        assert stat.S_IMODE((folder / "c").stat().st_mode) == 0o644
        assert list((folder / "d").iterdir()) == []
    assert list(tmp_path.glob("project")) == [project.path]


def test_an_unknown_mode_is_an_error(git, commit_of):
    commit = commit_of(("100000", "a", commit_of.blob(b"")))
    with pytest.raises(ExperimentError, match="has the mode 100000"), checkout(git, commit):
        pass


@pytest.mark.parametrize(
    "attributes",
    ["working-tree-encoding=UTF-16", "ident", "text eol=crlf", "filter=evil", "-text diff=evil"],
)
def test_no_attribute_changes_a_byte(project, git, commit_of, attributes):
    code = "# $Id$\nx = '\u201c'\n"
    head = project.commit("code", {".gitattributes": f"code.py {attributes}\n"})
    project.git("config", "filter.evil.smudge", "sed s/x/y/")
    blob = commit_of.blob(code.encode())
    project.git("update-index", "--add", "--cacheinfo", f"100644,{blob},code.py")
    project.git("commit", "-q", "-m", "code")
    head = project.git("rev-parse", "HEAD")
    with checkout(git, head) as folder:
        assert (folder / "code.py").read_bytes() == code.encode()


def test_a_file_that_changes_while_it_is_written_is_noticed(project, git, monkeypatch):
    original = write_tree._write_new
    monkeypatch.setattr(
        write_tree,
        "_write_new",
        lambda name, folder, mode, data: original(name, folder, mode, data + b"#"),
    )
    with pytest.raises(ExperimentError, match="was changed while"), checkout(git, git.head):
        pass


def pointer(data):
    name = hashlib.sha256(data).hexdigest()
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(data)}\n"
    return name, text


def test_a_large_file_is_taken_from_git_lfs(project, git):
    name, text = pointer(b"weights")
    head = project.commit("large", {"weights.bin": text})
    store = project.path / ".git/lfs/objects" / name[:2] / name[2:4]
    store.mkdir(parents=True)
    (store / name).write_bytes(b"weights")
    with checkout(git, head) as folder:
        assert (folder / "weights.bin").read_bytes() == b"weights"
    (store / name).write_bytes(b"others")
    with pytest.raises(ExperimentError, match="not in \\.git/lfs"), checkout(git, head):
        pass


def test_a_large_file_that_is_not_here_is_refused_with_the_way_to_get_it(project, git):
    head = project.commit("large", {"weights.bin": pointer(b"weights")[1]})
    with pytest.raises(ExperimentError) as refused, checkout(git, head):
        pass
    assert refused.value.help.startswith("git lfs fetch --include weights.bin")


def test_settling_writes_through_no_link(project, tmp_path):
    project.commit("lib", {"lib/a.py": "x = 1\n"})
    first = project.git("rev-parse", "HEAD")
    project.commit("next", {"lib/a.py": "x = 2\n"})
    elsewhere = tmp_path / "elsewhere"
    (project.path / "lib").rename(elsewhere)
    (project.path / "lib").symlink_to(elsewhere)
    with pytest.raises(OSError, match="lib"):
        return_branch(Git.discover(project.path), first)
    assert (elsewhere / "a.py").read_text() == "x = 2\n"
