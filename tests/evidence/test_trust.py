"""Where the truth comes from, and what is refused in its place."""

import pytest

from pytest_ouro.core.errors import OuroError, TrustError
from pytest_ouro.evidence.content import digest
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.trust import resolve


@pytest.fixture
def trust(project):
    def trust(asked=None, **how):
        git = Git.discover(project.path)
        return resolve(git, asked=asked, **{"bound_path": "bound.toml", **how})

    return trust


@pytest.fixture
def commits(project):
    """Four commits, by the source that names each."""
    return {name: project.commit(name) for name in ("--trust", "OURO_TRUST", "config")}


def test_priority_of_the_sources(project, trust, commits, monkeypatch):
    assert trust().source == "bound.lock"

    project.git("config", "ouro.trust", commits["config"])
    assert (trust().source, trust().commit) == ("git config ouro.trust", commits["config"])

    monkeypatch.setenv("OURO_TRUST", commits["OURO_TRUST"])
    assert (trust().source, trust().commit) == ("OURO_TRUST", commits["OURO_TRUST"])

    found = trust(commits["--trust"])
    assert (found.source, found.commit) == ("--trust", commits["--trust"])


def test_a_commit_that_is_trusted_needs_no_lock(project, trust):
    (project.path / "bound.lock").unlink()

    assert trust("HEAD").lock is None


@pytest.mark.parametrize("revision", ["main", "v1", "HEAD~0", "refs/heads/main"])
def test_any_name_of_a_commit_is_accepted(project, trust, revision):
    project.git("tag", "v1")

    found = trust(revision)

    assert found.commit == project.git("rev-parse", "HEAD")
    assert str(found) == f"{found.commit[:7]} (--trust)"


@pytest.mark.parametrize("source", ["--ouro-trust", "OURO_TRUST", "git config ouro.trust"])
def test_a_trust_that_is_not_a_commit_is_refused_with_its_source(
    project, trust, monkeypatch, source
):
    asked = "nowhere" if source == "--ouro-trust" else None
    if source == "OURO_TRUST":
        monkeypatch.setenv("OURO_TRUST", "nowhere")
    elif not asked:
        project.git("config", "ouro.trust", "nowhere")

    with pytest.raises(
        TrustError, match=f"{source} names 'nowhere', which is not a commit"
    ) as caught:
        trust(asked, asked_by="--ouro-trust")
    assert caught.value.help.startswith("git fetch it")


@pytest.mark.parametrize("kind", ["a tag", "a file of .git"])
def test_a_name_that_several_refs_have_is_refused(project, trust, kind):
    """A user who may make a tag would choose the trust."""
    project.git("branch", "base")
    good = project.git("rev-parse", "HEAD")
    head = project.commit("the work", {"helper.py": ""})
    assert trust("base").commit == good
    if kind == "a tag":
        project.git("tag", "base", head)
    else:
        (project.path / ".git/base").write_text(f"{head}\n")

    with pytest.raises(TrustError, match="--trust names 'base', which several refs are called"):
        trust("base")
    assert trust("refs/heads/base").commit == good
    assert trust(good).commit == trust(good[:12]).commit == good


def test_without_trust_the_error_has_a_remedy(project, trust):
    (project.path / "bound.lock").unlink()

    with pytest.raises(TrustError, match=r"no trusted rules: bound\.lock does not exist") as caught:
        trust()
    assert "pytest-ouro bless" in caught.value.help
    assert "git config ouro.trust" in caught.value.help


def test_the_lock_lies_beside_its_bound(trust):
    with pytest.raises(TrustError, match=r"lab/bound\.lock does not exist"):
        trust(bound_path="lab/bound.toml")


def test_a_damaged_lock_is_refused(project, trust):
    (project.path / "bound.lock").write_bytes(b"\xff<<<<<<<")

    with pytest.raises(TrustError, match=r"bound\.lock is damaged"):
        trust()


def test_a_lock_that_is_a_link_is_refused(project, trust):
    (project.path / "bound.lock").rename(project.path / "other")
    (project.path / "bound.lock").symlink_to("other")

    with pytest.raises(OuroError, match=r"bound\.lock is not a regular file but a link"):
        trust()


def weaken(project):
    project.edit("bound.toml", 'check = "scope"', 'check = "human"\nreason = "none"')


def remove(project):
    (project.path / "bound.toml").unlink()


def link(project):
    (project.path / "bound.toml").rename(project.path / "other")
    (project.path / "bound.toml").symlink_to("other")


def weaken_and_commit(project):
    weaken(project)
    project.commit("fewer rules")


@pytest.mark.parametrize(
    "alter", [weaken, remove, link, weaken_and_commit], ids=lambda f: f.__name__
)
def test_rules_that_were_altered_are_refused(project, trust, alter):
    start = project.git("rev-parse", "--short=7", "HEAD")
    alter(project)

    with pytest.raises(TrustError, match=r"bound\.toml is not the one that was blessed") as caught:
        trust()
    assert f"git checkout {start} -- bound.toml" in caught.value.help
    assert "pytest-ouro bless" in caught.value.help


def test_rules_with_other_line_endings_are_the_same(project, trust):
    path = project.path / "bound.toml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert trust().source == "bound.lock"


def test_the_blessing_is_the_commit_that_added_the_lock(project, trust):
    blessed = project.git("rev-parse", "HEAD")
    project.commit("train", {"train.py": "x = 1\n"})

    found = trust()

    assert found.commit == blessed
    assert not found.blessing_pending
    assert str(found) == "bound.lock (rules read from the working tree)"


def test_a_lock_that_is_not_committed_yet_is_a_pending_blessing(project, trust):
    project.edit("prepare.py", "float(model)", "float(model) + 0")
    assert project.ouro("bless").returncode == 0

    found = trust()

    assert found.blessing_pending
    assert found.commit == ""
    assert found.read("prepare.py") == (project.path / "prepare.py").read_bytes()


def test_under_a_lock_only_bytes_with_the_blessed_digest_are_trusted(project, trust):
    original = (project.path / "prepare.py").read_bytes()
    project.edit("prepare.py", "float(model)", "0.5")

    found = trust()

    assert found.digest("prepare.py") == digest(original)
    assert found.read("prepare.py") == original
    assert found.read("train.py") is None
    assert found.digest("train.py") == ""


def test_under_a_commit_its_bytes_are_trusted(project, trust):
    original = (project.path / "train.py").read_bytes()
    project.edit("train.py", "MODEL = 2.0", "MODEL = 1.0")
    project.commit("later")

    found = trust("HEAD~1")

    assert found.read("train.py") == original
    assert found.digest("train.py") == digest(original)
    assert found.read("nowhere") is None
    assert "train.py" in found.paths
