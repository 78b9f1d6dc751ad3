"""Pipes, devices and links where files are read: every command answers, and waits for nothing."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.engine import open_case
from pytest_ouro.evidence import content
from pytest_ouro.evidence.git import spawn
from pytest_ouro.evidence.git.special_files import refuse_special_files
from pytest_ouro.experiment.records import record

#: Files that git or we would read, with what would end the wait if nothing else did.
PLACES = [
    ".git/info/exclude",
    ".git/config",
    ".git/MERGE_HEAD",
    ".git/HEAD",
    ".git/shallow",
    ".git/packed-refs",
    ".git/refs/heads/other",
    ".git/refs/ouro/tried/1",
    ".git/objects/info/alternates",
    ".git/ouro/journal.jsonl",
    ".git/ouro/fingerprints.json",
    "results.tsv",
    "train.py",
    "prepare.py",
    "bound.toml",
    "bound.lock",
    "CLAUDE.md",
]
COMMANDS = ["gate", "bless", "log", "init --render CLAUDE.md"]


def plant(project, kind, name):
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":  # never to a device: a fault could replace it
        os.mkfifo(project.path.parent / "pipe")
        path.symlink_to(project.path.parent / "pipe")
    else:
        with path.open("wb") as file:
            file.truncate(3 << 30)


def answer(project, *command):
    """The status and the words of a command, which must come by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_ouro", *command],
        cwd=project.path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.tier(3, but=2)
@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "huge file"])
@pytest.mark.parametrize("name", PLACES)
def test_every_command_answers(project, kind, name):
    plant(project, kind, name)

    for command in COMMANDS:
        status, said = answer(project, *command.split())
        assert status in (0, 1, 2), said
        assert "Traceback" not in said
    if kind == "link to a pipe":
        assert (project.path.parent / "pipe").is_fifo()


def test_what_is_written_for_agents_replaces_no_special_file(project):
    os.mkfifo(project.path / "pipe")
    (project.path / "CLAUDE.md").symlink_to("pipe")

    status, said = answer(project, "init", "--render", "CLAUDE.md")

    assert status == 2
    assert "pipe is not a regular file" in said
    assert (project.path / "pipe").is_fifo()


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "huge file"])
@pytest.mark.parametrize("name", [".git/info/exclude", ".git/config", ".git/HEAD"])
def test_git_is_not_called_where_it_would_wait(project, kind, name):
    plant(project, kind, name)

    with pytest.raises(OuroError, match=name):
        refuse_special_files(project.path)


def put(project, kind, name):
    """Put a folder that is not empty, a link that leads nowhere, or what `plant` does."""
    (project.path / name).unlink(missing_ok=True)
    if kind == "folder":
        (project.path / name / "inner").mkdir(parents=True)
    elif kind == "link":
        (project.path / name).symlink_to("nowhere")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind(name)  # may not be long
    else:
        plant(project, kind, name)


def heal(project, said):
    """Run the commands of a help as a person does, from the first that removes something."""
    command = re.search(r"help: .*?((rm|mv|echo|pytest-ouro) .*)", said)[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = ["bash", "-ec", command.replace("; then ", "; ").partition(", if ")[0]]
    subprocess.run(done, cwd=project.path, env={**os.environ, "PATH": path}, check=True)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "socket"])
@pytest.mark.parametrize(
    "name", ["bound.toml", "bound.lock", ".git/ouro/journal.jsonl", ".git/MERGE_HEAD"]
)
def test_the_help_about_what_is_not_a_file_heals(project, ouro, recorded, monkeypatch, kind, name):
    recorded()
    monkeypatch.chdir(project.path)
    put(project, kind, name)

    status, out, err = ouro("gate")
    assert (status, out) == (2, "")
    assert f"not a regular file but a {kind}" in err
    heal(project, err)

    status, out, err = ouro("gate")
    assert status == 0, out + err
    assert not project.git("status", "--porcelain")


@pytest.mark.parametrize("ignored", [True, False], ids=["ignored", "not ignored"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "socket"])
def test_the_help_about_a_ledger_that_is_not_a_file_ends_lawful(
    project, gate, recorded, monkeypatch, kind, ignored
):
    if not ignored:
        project.edit(".gitignore", "results.tsv\n", "")
        project.edit("bound.toml", "budget    = 0.3\n", 'budget = 0.3\nledger = "log.tsv"\n')
        project.bless()
    name = "results.tsv" if ignored else "log.tsv"
    monkeypatch.chdir(project.path)
    recorded()
    (project.path / "results.tsv").unlink()
    put(project, kind, name)

    status, _, err = gate()
    assert status == 2
    assert f"{name} cannot be read: it is not a regular file but a {kind}" in err
    heal(project, err)

    status, out, err = gate()
    assert status == 0, out + err


@pytest.mark.parametrize("name", ["bound.toml", "bound.lock"])
def test_bless_says_what_is_not_a_file(project, ouro, name):
    put(project, "folder", name)

    status, _, err = ouro("bless")

    assert status == 2
    assert f"{name} is not a regular file but a folder" in err
    heal(project, err)
    assert ouro("bless")[0] == 0


@pytest.mark.parametrize("name", ["journal.lock", "ledger.lock", "recovery.lock"])
def test_a_lock_that_is_not_a_file_is_named(project, recorded, name):
    put(project, "folder", f".git/ouro/{name}")

    def write():
        recorded()
        record.recover(open_case(project.path / "bound.toml"), print)

    with pytest.raises(OuroError, match=rf"{name} is not a regular file but a folder") as caught:
        write()
    heal(project, str(caught.value))

    write()


def test_a_file_in_the_place_of_the_records_folder(project, ouro, recorded):
    recorded()
    shutil.rmtree(project.path / ".git/ouro")
    (project.path / ".git/ouro").touch()

    status, _, err = ouro("gate")
    assert status == 2
    assert ".git/ouro is not a folder" in err
    heal(project, err)

    assert ouro("gate")[0] == 0


def test_a_link_in_the_place_of_the_records_folder_is_not_followed(project, tmp_path, recorded):
    recorded()
    folder, elsewhere = project.path / ".git/ouro", tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    before = sorted(elsewhere.iterdir())
    case = open_case(project.path / "bound.toml")

    with pytest.raises(OuroError, match="ouro is not a folder") as caught:
        record.recover(case, print)
    assert sorted(elsewhere.iterdir()) == before
    heal(project, str(caught.value))

    record.recover(case, print)


@pytest.mark.parametrize("name", ["config", "info/exclude", "HEAD", "ouro/fingerprints.json"])
def test_the_help_about_a_huge_file_of_git_speaks_of_git_and_heals(project, gate, name):
    plant(project, "huge file", f".git/{name}")

    with pytest.raises(OuroError) as caught:
        content.read_own(project.path / ".git" / name)
    if "/" not in name:
        with pytest.raises(OuroError, match=re.escape(caught.value.help)):
            refuse_special_files(project.path)
    assert "bytes: " in caught.value.message
    assert "rule" not in caught.value.help
    heal(project, str(caught.value).replace("BRANCH", "main"))

    assert gate()[0] == 0


def test_the_help_about_a_huge_journal_starts_again(project, recorded, ouro):
    recorded()
    (project.path / "results.tsv").unlink()
    os.truncate(project.path / ".git/ouro/journal.jsonl", 3 << 30)

    status, _, err = ouro("gate")
    assert status == 2
    heal(project, err)

    assert ouro("gate")[0] == 0


@pytest.mark.parametrize("name", [".git/refs/heads/other", ".git/packed-refs"])
def test_a_pipe_among_the_refs(project, name):
    plant(project, "pipe", name)

    with pytest.raises(OuroError, match="not a regular file"):
        refuse_special_files(project.path)


def test_git_folders_as_they_are_made_are_lawful(project, tmp_path):
    project.git("worktree", "add", "-q", str(tmp_path / "beside"))
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    (project.path / ".git/fsmonitor--daemon.ipc").symlink_to("gone")

    for folder in (project.path, tmp_path / "beside", tmp_path / "bare.git", tmp_path):
        refuse_special_files(folder)


def test_a_pipe_that_git_finds_in_the_working_tree(project):
    (project.path / "sub").mkdir()
    os.mkfifo(project.path / "sub/.gitignore")

    status, said = answer(project, "gate")

    assert status == 2
    assert "sub/.gitignore is not a regular file" in said


@pytest.fixture
def impatient(monkeypatch):
    """Ask at once, not after three seconds, why git is silent."""
    monkeypatch.setattr(spawn, "_SILENCE", 100)


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe"])
@pytest.mark.parametrize("name", ["HEAD", "HEAD^{tree}", "HEAD:train.py"])
def test_a_pipe_in_place_of_an_object(project, gate, impatient, kind, name):
    found = project.git("rev-parse", name)
    place = f".git/objects/{found[:2]}/{found[2:]}"
    plant(project, kind, place)

    status, _, said = gate()

    assert status == 2
    assert f"{place} is not a regular file" in said


def test_a_pipe_among_the_objects_of_another_repository(project, gate, impatient, tmp_path):
    shutil.copytree(project.path / ".git/objects", tmp_path / "others")
    shutil.rmtree(project.path / ".git/objects")
    plant(project, "file", ".git/objects/info/alternates")
    (project.path / ".git/objects/info/alternates").write_text(f"{tmp_path}/others\n")
    found = project.git("rev-parse", "HEAD")
    place = tmp_path / "others" / found[:2] / found[2:]
    place.unlink()
    os.mkfifo(place)

    status, _, said = gate()

    assert status == 2
    assert f"{place} is not a regular file" in said


def test_a_pipe_that_git_reads_anywhere_else(project, gate, impatient, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    project.git("config", "include.path", str(tmp_path / "pipe"))

    status, _, said = gate()

    assert status == 2
    assert "git does not answer: it waits for a pipe" in said


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe"])
def test_the_guard_waits_for_no_pipe(project, kind):
    plant(project, kind, ".git/ouro/guard.json")
    call = '{"tool_name": "Edit", "tool_input": {"file_path": "train.py"}, "cwd": "%s"}'

    done = subprocess.run(
        [sys.executable, "-m", "pytest_ouro", "guard"],
        cwd=project.path,
        input=call % project.path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode in (0, 2)


def test_a_file_of_ours_is_read_only_where_it_is_one(tmp_path):
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")

    assert content.read_own(tmp_path / "file") == b"text"
    assert content.read_own(tmp_path / "none") is None
    for name in ("link", "pipe", "."):
        with pytest.raises(OuroError, match="not a regular file"):
            content.read_own(tmp_path / name)
    with pytest.raises(OuroError, match="4 bytes: it was not read, at most 3 are"):
        content.read_own(tmp_path / "file", limit=3)


def test_a_file_of_ours_is_for_this_user_alone_and_follows_no_link(tmp_path):
    (tmp_path / "victim").write_bytes(b"theirs")
    make_folder(tmp_path, "ours")
    folder = tmp_path / "ours"
    folder.chmod(0o755)
    make_folder(tmp_path, "ours")
    (folder / "wide").touch()
    (folder / "wide").chmod(0o644)
    write_whole(folder, "wide", b"ours", mode=0o600)
    assert (folder / "wide").stat().st_mode & 0o777 == 0o600
    (folder / "file").symlink_to(tmp_path / "victim")

    write_whole(folder, "file", b"ours", mode=0o600)

    assert (tmp_path / "victim").read_bytes() == b"theirs"
    assert (folder / "file").read_bytes() == b"ours"
    assert (folder / "file").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("wider", [False, True])
def test_the_records_are_for_this_user_alone(project, recorded, wider):
    journal = project.path / ".git/ouro/journal.jsonl"
    shutil.rmtree(journal.parent, ignore_errors=True)
    if wider:
        journal.parent.mkdir()
        journal.touch()
        journal.chmod(0o644)
        journal.parent.chmod(0o755)

    recorded()

    assert journal.stat().st_mode & 0o777 == 0o600
    assert journal.parent.stat().st_mode & 0o777 == 0o700
