"""Objects as they are read: what git says itself, and only what hashes to its name."""

import subprocess
import zlib

import pytest

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError, LimitError
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.repository import Repository


def git(folder, *args, data=None):
    done = subprocess.run(["git", *args], cwd=folder, input=data, capture_output=True, check=True)
    return done.stdout


@pytest.fixture
def eventful(project):
    """A history with every kind of change to a file, merges and a second root."""
    trust = project.git("rev-parse", "HEAD")
    project.commit("one", {"a/b/c.txt": "1\n", "a/d.txt": "1\n", "été \n.txt": "x"})
    (project.path / "a/d.txt").unlink()
    project.commit("a folder for a file", {"a/d.txt/e.txt": "1\n"})
    project.git("mv", "a/b", "moved")
    (project.path / "train.py").chmod(0o755)
    project.commit("moved,\nand made executable\n\nwith more words")
    project.git("checkout", "-q", "-b", "side")
    project.commit("aside", {"a/side.txt": "1\n", "moved/c.txt": "side\n", "both.txt": "1\n"})
    project.git("checkout", "-q", "main")
    (project.path / "link").symlink_to("train.py")
    project.commit("on main", {"a/main.txt": "1\n", "both.txt": "1\n"})
    project.git("merge", "-q", "--no-commit", "side")
    project.write({"both.txt": "2\n", "evil.txt": "in the merge\n"})
    project.commit("a merge")
    project.git("checkout", "-q", "--orphan", "other")
    project.git("rm", "-rfq", ".")
    project.commit("another root", {"root.txt": "1\n"})
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--allow-unrelated-histories", "--no-edit", "other")
    return trust


def test_changes_equal_those_of_git(project, eventful):
    repository = Repository(Git.discover(project.path), trust=eventful)
    ids = git(project.path, "rev-list", "--reverse", "--topo-order", f"{eventful}..HEAD")
    wanted = git(
        *(project.path, "diff-tree", "--stdin", "-r", "-c", "-z", "--root", "--name-only"),
        *("--no-renames", "--format=%x00commit %H %s"),
        data=ids,
    )
    fields = [field.lstrip(b"\n") for field in wanted.split(b"\0") if field.strip()]
    found = []
    for commit, changes in repository._history:
        found.append(f"commit {commit.id} {commit.subject}".encode())
        found += [change.path.encode() for change in changes]

    def sets(fields):
        by_commit = {}
        for field in fields:
            if field.startswith(b"commit "):
                paths = by_commit.setdefault(field, set())
            else:
                paths.add(field)
        return by_commit

    assert sets(found) == sets(fields)
    assert len(sets(found)) == 8
    kinds = {(c.path, c.kind) for c in repository.committed}
    assert {("a/d.txt", "deleted"), ("a/d.txt/e.txt", "added"), ("train.py", "changed")} <= kinds


def test_a_tree_equals_that_of_git(project, eventful):
    found = Git.discover(project.path)
    listed = git(project.path, "ls-tree", "-r", "-z", "HEAD").split(b"\0")[:-1]

    tree = found.tree(found.head)

    assert [f"{entry.mode} {entry.blob} {path}".encode() for path, entry in tree.items()] == [
        b" ".join([*meta.split(b" ")[::2], path])
        for meta, path in (line.split(b"\t", 1) for line in listed)
    ]


@pytest.mark.parametrize("what", ["HEAD", "HEAD^{tree}", "HEAD:train.py"])
def test_an_object_that_does_not_match_its_id_is_refused(project, what):
    name = project.git("rev-parse", what)
    kind = project.git("cat-file", "-t", name)
    data = git(project.path, "cat-file", kind, name) + b"\n"
    path = project.path / ".git/objects" / name[:2] / name[2:]
    path.unlink()
    path.write_bytes(zlib.compress(b"%b %d\0" % (kind.encode(), len(data)) + data))

    with pytest.raises(GitError, match="does not match its id"):
        Git.discover(project.path).store.read(name)


@pytest.mark.parametrize("names", [("a", "a"), ("a/b",), ("..",), ("",)])
def test_an_ambiguous_tree_is_refused(project, names):
    blob = bytes.fromhex(project.git("rev-parse", "HEAD:train.py"))
    data = b"".join(b"100644 %b\0" % name.encode() + blob for name in names)
    tree = git(
        *(project.path, "hash-object", "-t", "tree", "-w", "--literally", "--stdin"), data=data
    )

    with pytest.raises(GitError, match="invalid or repeated name"):
        Git.discover(project.path).store.folder(tree.decode().strip())


def test_an_object_that_is_not_a_commit_has_no_parents(project):
    found = Git.discover(project.path)

    with pytest.raises(GitError, match="does not match its id"):
        found.store.commit(found.commit("HEAD") and project.git("rev-parse", "HEAD:train.py"))


def test_a_folder_is_read_once_for_all_the_commits_of_a_history(project, monkeypatch):
    """The listing of each commit's tree is new, and must not displace what the trees share."""
    project.commit("many files", {f"d{n}/{m}.txt": "x\n" for n in range(5) for m in range(20)})
    commits = [project.commit(str(n), {"notes.txt": f"{n}\n"}) for n in range(12)]
    monkeypatch.setattr("pytest_ouro.evidence.git.objects._KEPT_ENTRIES", 500)
    found = Git.discover(project.path)
    tree = git(project.path, "rev-parse", "HEAD:d0").decode().strip()
    read, reads = found.store._read, []
    monkeypatch.setattr(
        found.store, "_read", lambda name, *rest: reads.append(name) or read(name, *rest)
    )

    listed = [found.tree(commit) for commit in commits]
    found.close()

    assert all(len(files) == len(listed[0]) for files in listed)
    assert reads.count(tree) == 1


def test_above_the_limit_of_all_bytes_git_is_not_asked(project, monkeypatch):
    monkeypatch.setattr(limits, "OBJECTS", 1)
    store = Git.discover(project.path).store
    store.renew()
    head = project.git("rev-parse", "HEAD")
    started = []
    for _ in range(3):
        with pytest.raises(LimitError, match="1 bytes together"):
            store.read(head)
        started.append(store._git)

    assert started == [None] * 3
    monkeypatch.setattr(store, "_program", ("no-such-program",))
    with pytest.raises(LimitError):
        store.read(head)
