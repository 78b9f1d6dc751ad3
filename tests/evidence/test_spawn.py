"""A program that is asked: what it says arrives, whatever our own streams are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git import spawn

ENV = {"PATH": os.environ["PATH"]}
OURS = {"PATH": str(Path(sys.executable).parent)}


def test_status_output_and_error_are_returned():
    said = spawn.output(["sh", "-c", "echo out; echo err >&2; exit 3"], ENV)

    assert said == (3, b"out\n", b"err\n")


def test_both_streams_are_read_at_the_same_time():
    many = "i=0; while [ $i -lt 3000 ]; do echo %s$i >&2; echo %s$i; i=$((i+1)); done"
    status, out, error = spawn.output(["sh", "-c", many.replace("%s", "x" * 100)], ENV)

    assert status == 0
    assert out == error
    assert len(out) > 300_000


def test_standard_input_is_empty_and_the_environment_is_its_own():
    said = spawn.output(["sh", "-c", "cat; echo $WORD"], {**ENV, "WORD": "mine"})

    assert said == (0, b"mine\n", b"")


def test_the_program_is_searched_in_its_own_path(tmp_path):
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho found\n")
    (tmp_path / "folder" / "tool").mkdir(parents=True)
    env = {"PATH": f"{tmp_path / 'folder'}:{tmp_path}"}
    with pytest.raises(FileNotFoundError):
        spawn.output(["tool"], env)

    tool.chmod(0o755)

    assert spawn.output(["tool"], env) == (0, b"found\n", b"")


def test_no_pipe_stays_open():
    before = sorted(Path("/dev/fd").iterdir())
    spawn.output(["true"], ENV)
    for start in (spawn.output, spawn.Conversation):
        with pytest.raises(FileNotFoundError):
            start(["no-such-program"], ENV)
    talk = spawn.Conversation(["cat"], ENV)
    talk.ask.write(b"a question\n")
    talk.ask.flush()
    assert talk.answer.readline() == b"a question\n"
    talk.hang_up()

    assert sorted(Path("/dev/fd").iterdir()) == before


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_our_closed_streams_change_nothing(tmp_path, closed):
    code = (
        "from pytest_ouro.evidence.git import spawn\n"
        f"env, command = {ENV!r}, ['sh', '-c', 'echo out; echo err >&2']\n"
        "talk = spawn.Conversation(['cat'], env)\n"
        "talk.ask.write(b'asked\\n'), talk.ask.flush()\n"
        f"open({str(tmp_path / 'said')!r}, 'w').write(\n"
        "    repr((spawn.output(command, env), talk.answer.readline())))\n"
    )
    command = f'"{sys.executable}" -c "$CODE" {closed}'

    subprocess.run(["sh", "-c", command], env={**os.environ, "CODE": code}, check=True)

    assert (tmp_path / "said").read_text() == repr(((0, b"out\n", b"err\n"), b"asked\n"))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_program_that_waits_for_ever_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(spawn, "_SILENCE", 50)
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(GitError, match="it waits for a pipe"):
        spawn.output(["cat", str(tmp_path / "pipe")], ENV)
    talk = spawn.Conversation(["cat", str(tmp_path / "pipe")], ENV)
    for _ in "again":
        with pytest.raises(GitError, match="it waits for a pipe"):
            talk.answer.readline()
    talk.hang_up()


def test_a_silent_program_that_works_is_waited_for(monkeypatch):
    monkeypatch.setattr(spawn, "_SILENCE", 50)
    asked = []
    work = "import time\nfor _ in range(300): time.sleep(0.001)\nprint('done')"

    said = spawn.output([Path(sys.executable).name, "-c", work], OURS, late=lambda: asked.append(1))

    assert said == (0, b"done\n", b"")
    assert asked


def test_what_is_raised_about_a_silent_program_ends_it(monkeypatch):
    monkeypatch.setattr(spawn, "_SILENCE", 20)

    with pytest.raises(ZeroDivisionError):
        spawn.output(["sleep", "600"], ENV, late=lambda: 1 // 0)
