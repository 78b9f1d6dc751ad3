"""Run the doctor, and parse its report."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: The doctor in a process for which one system call fails, as on other kernels and in containers.
WITHOUT = """\
import ctypes, struct, sys
number, error = int(sys.argv[1]), int(sys.argv[2])
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x50000 | error), (6, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code), 32)
head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, head, 0, 0) == 0
sys.argv = ["pytest-ouro", *sys.argv[3:]]
from pytest_ouro.__main__ import main
sys.exit(main())
"""
NO_LANDLOCK = ("444", "38")  # landlock_create_ruleset: not implemented


class Report:
    """The doctor's exit status, and each topic's state, words and next step."""

    def __init__(self, done):
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert done.stderr == ""
        self.status, self.text = done.returncode, done.stdout
        self.state, self.words, self.next = {}, {}, {}
        topic = ""
        for line in done.stdout.splitlines():
            if line.startswith("ouro: doctor ") and " - " in line:
                head, _, words = line.removeprefix("ouro: doctor ").partition(" - ")
                topic, _, state = head.partition(": ")
                assert topic not in self.state
                self.state[topic], self.words[topic] = state, words
            elif line.startswith("  next: "):
                self.next[topic] = line.removeprefix("  next: ").partition("   (")[0]


def with_scripts():
    """Return PATH with the folder of pytest-ouro, as where its environment is active."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def doctor(ouro):
    """``doctor(*args, NAME=value)``: its report about the toy project, with these variables."""

    def doctor(*args, **env):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"CUDA_VISIBLE_DEVICES": "", "PATH": with_scripts(), **env}.items():
                patch.setenv(name, value)
            return Report(subprocess.CompletedProcess(args, *ouro("doctor", *args)))

    return doctor


@pytest.fixture
def bound(project):
    """Put lines into [experiment], bless and commit."""

    def change(lines, old="editable "):
        project.edit("bound.toml", old, f"{lines}\n{old}")
        project.commit("the rules")
        return project.bless()

    return change


def follow(project, command):
    """Run the doctor's next step."""
    return subprocess.run(
        ["sh", "-c", command], cwd=project.path, env={**os.environ, "PATH": with_scripts()},
        capture_output=True, text=True, check=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """An interpreter without torch or any other package."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin/python")
