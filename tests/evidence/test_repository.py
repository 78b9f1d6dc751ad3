"""What changed since trust, by place, found from bytes and not by asking git."""

import hashlib
import os

import pytest

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.content import canonical, digest, read_file, short
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.git.objects import object_id
from pytest_ouro.evidence.repository import Commit, Repository


@pytest.fixture
def observe(project):
    """The changes since the commit that the fixture found, or since ``trust``."""
    start = project.git("rev-parse", "HEAD")

    def observe(trust=start, **how):
        return Repository(Git.discover(project.path), trust=trust, **how)

    return observe


def summarise(changes):
    return [(change.path, change.kind, change.where.split(" ")[-1]) for change in changes]


def test_text_has_one_kind_of_line_ending():
    assert canonical(b"a\r\nb\nc\r") == b"a\nb\nc\r"
    assert digest(b"a\r\n") == digest(b"a\n")


def test_binary_data_is_unchanged():
    assert canonical(b"\0a\r\n") == b"\0a\r\n"
    assert digest(b"\0\r\n") != digest(b"\0\n")


def test_digests_and_ids_are_shortened_for_people():
    assert short("sha256:" + "0123456789" * 6) == "01234567…"
    assert short("0123456789") == "0123456"
    assert str(Commit("0123456789", "a" * 80)) == f'commit 0123456 "{"a" * 60}"'


def test_links_are_not_followed(tmp_path):
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("nowhere")

    assert read_file(tmp_path / "file") == b"text"
    assert read_file(tmp_path / "link") == b"file"
    assert read_file(tmp_path / "broken") == b"nowhere"


def test_a_missing_file_has_no_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")

    for name in (".", "nowhere", "file/inside", "pipe"):
        assert read_file(tmp_path / name) is None


def test_blobs_are_named_as_git_names_them(project):
    data = (project.path / "train.py").read_bytes()
    name = project.git("hash-object", "train.py")

    assert object_id(b"blob", data, like=name) == name
    assert len(object_id(b"blob", data, like="0" * 64)) == 64


def test_without_changes_the_list_is_empty(observe):
    repository = observe()

    assert repository.changes() == []
    assert repository.commits == ()


def test_commits_are_listed_oldest_first_with_their_changes(project, observe):
    first = project.commit("one", {"a.py": "1\n"})
    second = project.commit("two: é 'x' \"y\"", {"a.py": "2\n", "two words/é\n.py": "\n"})
    (project.path / "a.py").unlink()
    third = project.commit("three")

    repository = observe()

    assert [commit.id for commit in repository.commits] == [first, second, third]
    assert repository.commits[1].subject == "two: é 'x' \"y\""
    assert [(c.path, c.kind, c.commit.id) for c in repository.committed] == [
        ("a.py", "added", first),
        ("a.py", "changed", second),
        ("two words/é\n.py", "added", second),
        ("a.py", "deleted", third),
    ]


@pytest.mark.parametrize("subject", [": colon", "commit 1234 x", ":100644 100644 a b M", "\ttab"])
def test_a_subject_cannot_imitate_a_change(project, observe, subject):
    project.commit(subject, {"a.py": "1\n"})
    project.commit("next", {"commit x": "1\n", ":b": "1\n"})

    repository = observe()

    assert [commit.subject for commit in repository.commits] == [subject.strip(), "next"]
    assert [change.path for change in repository.committed] == ["a.py", ":b", "commit x"]


def test_a_commit_without_a_message_is_listed(project, observe):
    project.write({"a.py": ""})
    project.git("add", "-A")
    project.git("commit", "-q", "--allow-empty-message", "-m", "")

    [change] = observe().committed

    assert change.path == "a.py"
    assert change.commit.subject == ""


def test_a_plain_merge_changes_nothing_itself(project, observe):
    project.git("checkout", "-q", "-b", "side")
    project.commit("side", {"a.py": "1\n"})
    project.git("checkout", "-q", "main")
    project.commit("main", {"b.py": "1\n"})
    project.git("merge", "-q", "--no-edit", "side")

    repository = observe()

    assert len(repository.commits) == 3
    assert sorted(change.path for change in repository.committed) == ["a.py", "b.py"]


def test_a_commit_comes_to_the_branch_by_the_merge_that_takes_it(project, observe):
    """The side branch took the branch's own commit before, which stands between the two."""
    project.git("checkout", "-q", "-b", "side")
    project.commit("side", {"a.py": "1\n"})
    project.git("checkout", "-q", "main")
    project.commit("main", {"b.py": "1\n"})
    project.git("checkout", "-q", "side")
    project.git("merge", "-q", "--no-edit", "main")
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--no-ff", "--no-edit", "side")
    repository = observe()
    by_subject = {commit.subject: commit for commit in repository.commits}

    assert repository.on_branch(by_subject["side"]) == project.git("rev-parse", "HEAD")
    assert repository.on_branch(by_subject["main"]) == by_subject["main"].id
    assert repository.on_branch(Commit("0" * 40, "")) == "0" * 40


def test_changes_that_a_merge_itself_adds_are_listed(project, observe):
    project.git("checkout", "-q", "-b", "side")
    project.commit("side", {"a.py": "1\n"})
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--no-ff", "--no-commit", "side")
    project.commit("evil", {"a.py": "2\n", "b.py": "1\n"})

    evil = [c for c in observe().committed if c.commit.subject == "evil"]

    assert [(change.path, change.kind) for change in evil] == [
        ("a.py", "changed"),
        ("b.py", "added"),
    ]


def test_an_amended_merge_differs_from_trust_alone(project, observe):
    """The trusted merge has two parents, and so the amended one has two merge bases with it."""
    project.git("checkout", "-q", "-b", "side")
    project.commit("side", {"a.py": "1\n"})
    project.git("checkout", "-q", "main")
    project.commit("main", {"b.py": "1\n"})
    project.git("merge", "-q", "--no-edit", "side")
    trust = project.git("rev-parse", "HEAD")
    project.write({"c.py": "1\n"})
    project.git("add", "-A")
    project.git("commit", "-q", "--amend", "-m", "amended")

    assert [change.path for change in observe(trust=trust).changes()] == ["c.py"]


def test_places_are_distinguished(project, observe):
    project.commit("one", {"committed.py": ""})
    project.write({"staged.py": "1\n"})
    project.git("add", "staged.py")
    project.write({"staged.py": "2\n", "untracked.py": "", "run.log": "ignored"})
    (project.path / "prepare.py").unlink()

    repository = observe()

    assert summarise(repository.changes()) == [
        ("committed.py", "added", '"one"'),
        ("staged.py", "added", "index"),
        ("prepare.py", "deleted", "tree"),
        ("staged.py", "changed", "tree"),
        ("untracked.py", "added", "untracked"),
    ]


def test_a_subject_without_the_working_tree_ignores_it(project, observe):
    project.write({"untracked.py": ""})
    project.edit("prepare.py", "float", "int")

    assert observe(subject="index").changes() == []

    project.git("add", "-A")
    assert len(observe(subject="index").changes()) == 2
    assert observe(subject="commit").changes() == []


def test_changes_can_be_limited_to_a_folder(project, observe):
    project.commit("one", {"lab/a.py": "", "laboratory/a.py": ""})
    project.write({"lab/b.py": "", "b.py": ""})

    assert [change.path for change in observe().changes("lab")] == ["lab/a.py", "lab/b.py"]


def test_the_working_tree_is_compared_by_its_bytes(project, observe):
    path = project.path / "prepare.py"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\n", b"\r\n"))
    assert observe().changes() == []

    path.unlink()
    path.write_bytes(data)
    os.utime(path, (0, 0))
    assert observe().changes() == []


def test_an_edit_of_the_same_size_and_time_is_found(project, observe):
    path = project.path / "prepare.py"
    before = path.stat()
    path.write_text(path.read_text().replace("float", "FLOAT"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert summarise(observe().changes()) == [("prepare.py", "changed", "tree")]


def test_a_file_that_became_a_link_and_back_is_found(project, observe):
    (project.path / "link").symlink_to("train.py")
    start = project.commit("a link")
    (project.path / "link").unlink()
    (project.path / "link").write_text("train.py")

    assert summarise(observe(start).changes()) == [("link", "changed", "tree")]


def test_files_left_out_of_a_sparse_checkout_are_not_deleted(project, observe):
    project.git("sparse-checkout", "set", "--no-cone", "/*", "!prepare.py")
    assert not (project.path / "prepare.py").exists()

    assert observe().changes() == []


def test_a_file_that_git_lfs_checked_out_is_unchanged(project, observe):
    data = b"weights" * 100
    name = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize 700\n"
    start = project.commit("weights", {"weights.bin": pointer})
    (project.path / "weights.bin").write_bytes(data)
    assert observe(start).changes() == []

    (project.path / "weights.bin").write_bytes(data + b"!")
    assert summarise(observe(start).changes()) == [("weights.bin", "changed", "tree")]


def test_a_nested_repository_is_one_untracked_path(project, observe):
    project.git("init", "-q", "inside")
    project.write({"inside/a.py": ""})

    assert [change.path for change in observe().changes()] == ["inside/"]


def test_a_submodule_is_an_entry_without_bytes(project, observe):
    head = project.git("rev-parse", "HEAD")
    project.git("update-index", "--add", "--cacheinfo", f"160000,{head},module")

    assert summarise(observe().changes()) == [("module", "added", "index")]
    assert observe().contents(["module"])["module"] == {
        "commit": None,
        "index": None,
        "working tree": None,
    }


def test_contents_are_returned_by_place(project, observe):
    project.write({"a.py": "staged"})
    project.git("add", "a.py")
    project.write({"a.py": "edited"})

    assert observe().contents(["a.py", "nowhere"]) == {
        "a.py": {"commit": None, "index": b"staged", "working tree": b"edited"},
        "nowhere": {"commit": None, "index": None, "working tree": None},
    }


def test_sha256_repositories_are_supported(tmp_path, project):
    path = tmp_path / "sha256"
    project.git("init", "-q", "--object-format=sha256", str(path))
    (path / "a.py").write_text("A = 1\n")
    project.git("-C", str(path), "add", "-A")
    project.git("-C", str(path), "commit", "-q", "-m", "one")
    repository = Repository(Git.discover(path))
    assert len(repository.head) == 64
    assert repository.changes() == []

    (path / "a.py").write_text("A = 2\n")
    assert summarise(Repository(Git.discover(path)).changes()) == [("a.py", "changed", "tree")]


@pytest.mark.parametrize("name", ["0" * 40, "HEAD", "nowhere"])
def test_a_head_that_is_not_a_commit_id_is_reported(observe, name):
    with pytest.raises(GitError, match=r"cannot be read|does not match its id"):
        observe(head=name).head_tree  # noqa: B018


def test_a_repository_without_a_commit_is_reported(tmp_path, project):
    project.git("init", "-q", str(tmp_path / "new"))

    with pytest.raises(GitError, match="the repository has no commit yet") as caught:
        Repository(Git.discover(tmp_path / "new")).head  # noqa: B018
    assert "git commit" in caught.value.help
