"""Fixtures of all tests: a toy experiment in a real git repository."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ["pytester"]

#: A harness without torch: the "model" is a number, its score is that number.
PREPARE = '''\
"""A toy harness: the model is a number, and the number is its score."""

import time

TIME_BUDGET = 0.3


class Batch(list):
    def numel(self):
        return len(self)


def make_dataloader(split="train"):
    while True:
        yield Batch([1, 2, 3, 4])


def evaluate_bpb(model):
    return float(model)
'''

TRAIN = """\
import time

from prepare import TIME_BUDGET, evaluate_bpb, make_dataloader

MODEL = 2.0
start = time.monotonic()
for batch in make_dataloader():
    if time.monotonic() - start >= TIME_BUDGET:
        break
    time.sleep(0.01)
trained = time.monotonic() - start
val_bpb = evaluate_bpb(MODEL)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {trained:.1f}")
print("peak_vram_mb:     1.0")
"""

PYPROJECT = """\
[project]
name = "toy"
version = "1"
dependencies = ["six"]
"""

BOUND = """\
[bound]
name = "toy"

[experiment]
script    = "train.py"
editable  = ["train.py"]
harness   = "prepare.py"
evaluate  = "evaluate_bpb"
budget    = 0.3
tolerance = 0.3
timeout   = 20
device    = "cpu"

[verdict]
noise = 0.01

[[danger-zone]]
id    = "prepare"
rule  = "prepare.py is the fixed harness."
check = "frozen"
paths = ["prepare.py"]

[[never-do]]
id      = "modify-prepare"
rule    = "Never modify prepare.py."
check   = "frozen"
paths   = ["prepare.py"]
history = true

[[never-do]]
id    = "add-dependencies"
rule  = "Never add dependencies."
check = "dependencies"

[[never-do]]
id    = "exceed-budget"
rule  = "Never train longer than the budget."
check = "budget-limit"

[[never-do]]
id    = "commit-results"
rule  = "Never commit results.tsv."
check = "untracked"
paths = ["results.tsv"]

[[iron-law]]
id    = "only-train-py"
rule  = "Only train.py is modified."
check = "scope"

[[iron-law]]
id    = "log-every-experiment"
rule  = "Every experiment is logged."
check = "log-schema"
"""


@dataclass(frozen=True)
class Project:
    """A git repository with an experiment, and calls of git, pytest and pytest-ouro in it."""

    path: Path

    def write(self, files: dict[str, str]) -> None:
        """Write texts by their path from the project's folder."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def git(self, *args: str) -> str:
        """Call git; return its output without the last newline."""
        done = subprocess.run(
            ["git", *args], cwd=self.path, capture_output=True, text=True, check=True
        )
        return done.stdout.rstrip("\n")

    def commit(self, message: str = "a change", files: dict[str, str] | None = None) -> str:
        """Write the files, commit everything, return the commit's id."""
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def begin(self) -> None:
        """Make the folder a repository that names its author itself: pytester's HOME has no
        .gitconfig."""
        self.path.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.identify()

    def identify(self) -> None:
        """Name the author of commits in the repository's own settings."""
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace ``old``, which must occur, in a file."""
        path = self.path / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def ouro(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``pytest-ouro ARGS`` in a process of its own."""
        return self._run("-m", "pytest_ouro", *args, **env)

    def pytest(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``pytest ARGS`` in a process of its own."""
        return self._run("-m", "pytest", "-p", "no:cacheprovider", *args, **env)

    def bless(self) -> str:
        """Bless the files and commit all; return the id of the commit, which is now trust."""
        done = self.ouro("bless")
        assert done.returncode == 0, done.stderr
        return self.commit("bless")

    def _run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *args],
            cwd=self.path,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )


#: Variables of the user, or left by a test: torch's compiler writes the folder of its cache there.
_FOREIGN = ("GIT_", "OURO_", "PYTEST_", "TORCHINDUCTOR_", "TRITON_")

# A shell starts background jobs with SIGINT ignored, and so are the processes that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Keep the tests away from the user's caches, git settings and CI variables; fail after a test
    that put a file in the place of /dev/null, which root may do."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name in ("CI", "PYTHONUNBUFFERED"):
            monkeypatch.delenv(name)
    (home / ".gitconfig").write_text(
        "[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n"
    )
    yield
    assert stat.S_ISCHR(os.lstat(os.devnull).st_mode), f"{os.devnull} was replaced by a file"


@pytest.fixture
def new_repository(tmp_path: Path) -> Project:
    """An empty repository."""
    made = Project(tmp_path / "project")
    made.begin()
    return made


@pytest.fixture(scope="session")
def _toy(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The toy experiment from which each test gets a copy; the first of them makes it."""
    return Project(tmp_path_factory.mktemp("toy") / "project")


@pytest.fixture
def project(tmp_path: Path, _toy: Project) -> Project:
    """A toy experiment, blessed and committed; every rule holds."""
    if not _toy.path.exists():
        _toy.path.mkdir()
        _toy.git("init", "-q")
        files = {"prepare.py": PREPARE, "train.py": TRAIN, "bound.toml": BOUND}
        ignored = "run.log\nresults.tsv\n"
        _toy.commit("the experiment", {**files, "pyproject.toml": PYPROJECT, ".gitignore": ignored})
        _toy.bless()
    made = Project(tmp_path / "project")
    shutil.copytree(_toy.path, made.path, symlinks=True)
    made.git("update-index", "-q", "--refresh")
    return made
