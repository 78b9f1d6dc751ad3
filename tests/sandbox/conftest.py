"""Run code in the sandbox, in a separate process with its own files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_ouro.child.kernel import landlock

CHILD = Path(__file__).parents[2] / "pytest_ouro" / "child"
NOBODY = 65534

#: Enters the sandbox as a run does, then executes code that was passed by the command line.
START = """\
import sys, json, os
spec, code = json.loads(sys.argv[1]), sys.argv[2]
if spec is not None:
    sys.path.insert(0, os.path.dirname(sys.argv[3]))
    from child.kernel import sandbox
    del sys.path[0]
    sandbox.enter(spec, newest=spec["newest"])
exec(code, {"__name__": "__main__", "parent": os.getppid()})
"""


@dataclass
class Ground:
    """A folder with readable, hidden and writable files."""

    path: Path
    python: str = sys.executable
    user: int | None = None
    newest: int = 7

    @property
    def scratch(self) -> Path:
        return self.path / "scratch"

    def file(self, name: str, text: str = "text\n", mode: int = 0o666) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def run(
        self, code: str, *, outside: bool = False, **spec: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run code inside; by default ``data`` is readable except for ``data/hidden``."""
        given = (
            None
            if outside
            else {
                "read": [str(self.path / "data")],
                "hidden": [str(self.path / "data/hidden")],
                "write": [str(self.scratch)],
                **spec,
                "newest": self.newest,
            }
        )
        return subprocess.run(
            [self.python, "-B", "-c", START, json.dumps(given), code, str(self.child)],
            cwd=self.path,
            env={**os.environ, "TMPDIR": str(self.scratch), "HOME": str(self.path / "home")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    @property
    def child(self) -> Path:
        return self.path / "installed" / "child"

    def error(self, code: str, **spec: Any) -> str:
        """Return the exception that ends the code inside, as ``Type: words``; "" without one."""
        done = self.run(code, **spec)
        return done.stderr.strip().splitlines()[-1] if done.returncode else ""

    def output(self, code: str, **spec: Any) -> str:
        """Return what the code prints inside; fail if it fails."""
        done = self.run(code, **spec)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def make_ground():
    """``make_ground()``: make a ground that every user can reach; removed at the end."""
    made = []

    def make(**given: Any) -> Ground:
        folder = Path(tempfile.mkdtemp(prefix="ouro-test-")).resolve()
        made.append(folder)
        folder.chmod(0o777)
        ground = Ground(folder, **given)
        for name in ("data/train", "data/deep/more", "data/hidden", "beside"):
            ground.file(name)
        ground.scratch.mkdir()
        ground.scratch.chmod(0o777)
        shutil.copytree(CHILD, ground.child, ignore=shutil.ignore_patterns("__pycache__"))
        return ground

    yield make
    for folder in made:
        shutil.rmtree(folder)


def other_python() -> str | None:
    """An interpreter that a user without a home folder can start."""
    return shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin")


@pytest.fixture
def newest():
    """This kernel's version of Landlock."""
    try:
        return landlock.version()
    except OSError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["self", "nobody"])
def ground(request, make_ground, newest):
    """The user who runs the tests and, if that is root, an unprivileged one."""
    if request.param == "self":
        return make_ground()
    if os.geteuid() != 0 or other_python() is None:
        pytest.skip("only root can become another user, and needs a Python for it")
    return make_ground(user=NOBODY, python=other_python())


@pytest.fixture(params=[5, 3, 1])
def older(request, make_ground, newest):
    """A ground with the version of Landlock that an older kernel has."""
    if newest < request.param:
        pytest.skip(f"this kernel's Landlock is of version {newest}")
    return make_ground(newest=request.param)
