"""HEAD, objects and refs as files of git's folder: git agrees, or is asked instead."""

import os
import subprocess
from pathlib import Path

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.git import ancestry
from pytest_ouro.evidence.git.ancestry import list_descendants, list_history
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.git.files import packed_refs, read_head, write_object, write_ref
from pytest_ouro.evidence.git.special_files import find_top

REF = "refs/ouro/one"


def git(folder, *args):
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder, message):
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(params=["sha1", "sha256"])
def top(request, tmp_path):
    """A repository with one commit, by each hash function."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main", f"--object-format={request.param}")
    commit(folder, "first")
    return folder


@pytest.fixture
def first(top):
    return git(top, "rev-parse", "HEAD")


def head(top):
    return read_head(top / ".git", top / ".git")


def test_head_is_read_as_git_reads_it(top, first, tmp_path):
    assert head(top) == (first, "main")
    git(top, "checkout", "-q", "-b", "a/b")
    second = commit(top, "second")
    assert head(top) == (second, "a/b")
    git(top, "pack-refs", "--all")
    assert head(top) == (second, "a/b")
    git(top, "checkout", "-q", "--detach", first)
    assert head(top) == (first, "")
    git(top, "worktree", "add", "-q", "-b", "linked", str(tmp_path / "linked"), second)
    found = Git.discover(tmp_path / "linked")
    assert read_head(found.folder, found.common_dir) == (second, "linked")


@pytest.mark.parametrize("way", ["unborn", "link", "other ref", "linked ref", "above", "format"])
def test_what_is_unusual_is_left_to_git(top, first, way):
    folder = top / ".git"
    if way == "unborn":
        git(top, "checkout", "-q", "--orphan", "new")
    elif way == "link":
        (folder / "HEAD").rename(folder / "elsewhere")
        (folder / "HEAD").symlink_to("elsewhere")
    elif way == "other ref":
        git(top, "update-ref", "refs/other/one", first)
        git(top, "symbolic-ref", "refs/heads/main", "refs/other/one")
    elif way == "linked ref":
        (folder / "refs/heads/main").rename(folder / "elsewhere")
        (folder / "refs/heads/main").symlink_to(folder / "elsewhere")
    elif way == "above":
        (folder / "HEAD").write_text("ref: refs/heads/../heads/main\n")
    else:
        (folder / "reftable").mkdir()
    assert head(top) is None


def test_a_pipe_in_the_place_of_head_is_not_waited_for(top):
    (top / ".git/HEAD").unlink()
    os.mkfifo(top / ".git/HEAD")
    with pytest.raises(OuroError, match="HEAD is not a regular file"):
        head(top)


def test_a_repository_again_has_the_present_head_and_reads_on(top, first):
    before = Git.discover(top)
    store = before.store
    git(top, "checkout", "-q", "-b", "next")
    second = commit(top, "second")
    now = before.again()
    assert (now.head, now.branch, now.store) == (second, "next", store)
    assert before.head == first
    before.close()  # the process of both ends, and starts again
    assert now.store.commit(second)[1] == [first]
    git(top, "checkout", "-q", "--orphan", "new")
    assert (now.again().head, now.again().branch) == ("", "")
    now.close()


@pytest.mark.parametrize("kind", [b"blob", b"tree"])
@pytest.mark.parametrize("data", [b"", b"A = 1\n" * 5000])
def test_an_object_is_one_to_git(top, first, kind, data):
    if kind == b"tree" and data:
        blob = bytes.fromhex(write_object(top / ".git", b"blob", data, like=first))
        data = b"100644 a.py\0" + blob
    name = write_object(top / ".git", kind, data, like=first)
    assert write_object(top / ".git", kind, data, like=first) == name
    assert git(top, "cat-file", "-t", name) == kind.decode()
    assert Git.discover(top).store.read(name) == data
    git(top, "update-ref", REF, name)
    git(top, "fsck", "--strict")


def test_a_shared_repository_stays_shared(top, first):
    objects = top / ".git/objects"
    objects.chmod(0o2775)
    name = write_object(top / ".git", b"blob", b"shared", like=first)
    assert (objects / name[:2]).stat().st_mode & 0o7777 == 0o2775


def test_a_ref_is_one_to_git(top, first):
    write_ref(top / ".git", REF, first)
    assert git(top, "rev-parse", REF) == first
    git(top, "pack-refs", "--all")
    assert packed_refs(top / ".git", "refs/ouro/") == {REF: first.encode()}
    assert packed_refs(top / ".git", "refs/our/") == {}
    second = commit(top, "second")
    write_ref(top / ".git", REF, second)
    assert git(top, "rev-parse", REF) == second
    assert not (top / ".git" / f"{REF}.lock").exists()


@pytest.mark.parametrize("way", ["lock", "folder", "link", "format"])
def test_a_ref_that_git_must_write_is_an_error_and_unchanged(top, first, way, tmp_path):
    place = top / ".git" / REF
    if way == "link":
        place.parent.symlink_to(tmp_path)
    elif way == "format":
        (top / ".git/reftable").mkdir()
    else:
        place.parent.mkdir()
        (place / "x").mkdir(parents=True) if way == "folder" else Path(f"{place}.lock").touch()
    with pytest.raises(OSError, match=r".") as caught:
        write_ref(top / ".git", REF, first)
    assert not place.is_file()
    assert not (tmp_path / "one").exists()
    assert Path(f"{place}.lock").exists() == (way == "lock"), caught.value


@pytest.mark.parametrize("few", [100, 1])
def test_ancestors_and_descendants_are_those_that_git_lists(top, first, few, monkeypatch):
    monkeypatch.setattr(ancestry, "_FEW", few)
    second = commit(top, "second")
    git(top, "checkout", "-q", "-b", "side", first)
    side = commit(top, "side")
    other = git(top, "commit-tree", "-m", "another root", "HEAD^{tree}")
    git(top, "checkout", "-q", "main")
    assert list_history(Git.discover(top), second) == (second, first)
    git(top, "merge", "-q", "-m", "merge", "side")
    merge = git(top, "rev-parse", "HEAD")
    found = list_history(Git.discover(top), merge)
    assert (found[0], {*found}) == (merge, {merge, second, side, first})

    tips = {"1": first, "2": second, "3": side, "4": merge, "5": other}
    refs = {f"refs/ouro/tried/{number}": tip for number, tip in tips.items()}
    for ref, tip in refs.items():
        git(top, "update-ref", ref, tip)

    def having(one):
        start = "refs/ouro/tried/"
        listed = list_descendants(Git.discover(top), one, start=start, refs=refs)
        return "".join(sorted(ref.removeprefix(start) for ref in listed))

    assert [having(one) for one in tips.values()] == ["1234", "24", "34", "4", "5"]


def test_a_ref_whose_commit_is_missing_has_no_history(top, first):
    refs = {REF: "f" * len(first), "refs/ouro/two": first}
    git(top, "update-ref", "refs/ouro/two", first)
    (top / ".git" / REF).write_text("f" * len(first) + "\n")
    found = list_descendants(Git.discover(top), first, start="refs/ouro/", refs=refs)
    assert found == {"refs/ouro/two": first}


def test_the_top_is_found_as_git_finds_it(top, tmp_path):
    (top / "a/b").mkdir(parents=True)
    (top / "a/.git").mkdir()  # git passes it over
    assert find_top(top / "a/b") == Git.discover(top / "a/b").top == top
    git(top, "worktree", "add", "-q", str(tmp_path / "linked"))
    assert find_top(tmp_path / "linked") == tmp_path / "linked"
    assert find_top(tmp_path) is None
