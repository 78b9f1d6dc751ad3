"""Bundles: what is sent is what arrives, or an error."""

import subprocess

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.experiment.engines.bundle import digest_of, make_store, pack, unpack


@pytest.fixture
def git(project):
    return Git.discover(project.path)


def receive(store, bundle, *tips):
    unpack(store, bundle, digest_of(bundle), tips)


def test_a_commit_arrives_with_its_history(git, project, tmp_path):
    head = project.commit("more", {"train.py": "MODEL = 1\n"})
    store = tmp_path / "store"
    make_store(store, like=head)

    receive(store, pack(git, [head]), head)

    arrived = Git.objects(store)
    assert arrived.file(head, "train.py") == b"MODEL = 1\n"
    assert arrived.call("rev-list", head).decode().split() == (
        project.git("rev-list", head).splitlines()
    )
    arrived.close()


def test_git_itself_reads_a_bundle(git, project, tmp_path):
    head = project.git("rev-parse", "HEAD")
    (tmp_path / "a.bundle").write_bytes(pack(git, [head]))

    listed = project.git("bundle", "list-heads", str(tmp_path / "a.bundle"))

    assert listed == f"{head} refs/ouro/sent/0"


def test_a_thin_bundle_is_small_and_needs_its_base(git, project, tmp_path):
    base = project.commit("large", {"large.txt": "\n".join(map(str, range(20000)))})
    head = project.commit("small", {"large.txt": "\n".join(map(str, range(20001)))})
    first, second = tmp_path / "first", tmp_path / "second"
    make_store(first, like=base)
    receive(first, pack(git, [base]), base)
    make_store(second, like=head, borrow=first)
    thin = pack(git, [head], [base])

    receive(second, thin, head)

    assert len(thin) < 1000 < len(pack(git, [head]))
    arrived = Git.objects(second)
    assert arrived.file(head, "large.txt").endswith(b"\n20000")
    arrived.close()
    alone = tmp_path / "alone"
    make_store(alone, like=head)
    with pytest.raises(OuroError, match="did not arrive as it was sent"):
        receive(alone, thin, head)


def test_a_commit_that_the_base_has_is_an_empty_bundle(git, project, tmp_path):
    head = project.git("rev-parse", "HEAD")
    first, second = tmp_path / "first", tmp_path / "second"
    make_store(first, like=head)
    receive(first, pack(git, [head]), head)
    make_store(second, like=head, borrow=first)

    receive(second, pack(git, [head], [head]), head)


@pytest.mark.parametrize("at", [3, -60, -30, -1])
def test_a_damaged_bundle_is_refused(git, project, tmp_path, at):
    head = project.git("rev-parse", "HEAD")
    store = tmp_path / "store"
    make_store(store, like=head)
    damaged = bytearray(pack(git, [head]))
    damaged[at] ^= 1

    with pytest.raises(OuroError, match=f"the bundle of {head[:7]} did not arrive"):
        receive(store, bytes(damaged), head)  # as a sender would state it
    sent = digest_of(pack(git, [head]))
    with pytest.raises(OuroError) as caught:
        unpack(store, bytes(damaged), sent, [head])
    arrived = digest_of(bytes(damaged))
    assert f"its sha256 is {arrived[:12]} in place of {sent[:12]}, with" in caught.value.message


def test_a_bundle_of_another_commit_is_refused(git, project, tmp_path):
    head = project.git("rev-parse", "HEAD")
    other = project.commit("other", {"train.py": "MODEL = 9\n"})
    store = tmp_path / "store"
    make_store(store, like=head)

    with pytest.raises(OuroError, match=f"the bundle of {other[:7]} did not arrive"):
        receive(store, pack(git, [head]), other)


def test_a_shallow_clone_sends_nothing(project, tmp_path):
    project.commit("more")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{project.path}", clone], check=True)

    with pytest.raises(OuroError, match="this clone is shallow"):
        pack(Git.discover(clone), ["HEAD"])


def test_a_repository_of_sha256_is_sent_too(tmp_path, new_repository):
    project = new_repository
    project.git("-c", "init.defaultObjectFormat=sha256", "init", "-q")
    subprocess.run(["rm", "-rf", project.path / ".git"], check=True)
    project.git("init", "-q", "-b", "main", "--object-format=sha256")
    project.identify()
    head = project.commit("start", {"a.txt": "a\n"})
    store = tmp_path / "store"
    make_store(store, like=head)

    receive(store, pack(Git.discover(project.path), [head]), head)

    assert len(head) == 64


def test_nothing_of_the_repository_has_a_say(git, project, tmp_path):
    """Grafts, replacements and settings of the repository change no bundle."""
    head = project.git("rev-parse", "HEAD")
    whole = pack(git, [head])
    project.git("config", "pack.packSizeLimit", "1")
    project.git("config", "core.hooksPath", str(tmp_path))
    (project.path / ".git/info").mkdir(exist_ok=True)
    (project.path / ".git/info/grafts").write_text(f"{head}\n")
    store = tmp_path / "store"
    make_store(store, like=head)

    receive(store, pack(git, [head]), head)

    assert len(pack(git, [head])) == len(whole)
