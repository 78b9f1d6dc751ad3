"""A laboratory: an experiment on a server, pull requests against it, and a runner that judges."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .act import ROOT, Outcome, act, find, snippets
from .server import TOKEN, Server
from .work import WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Project

#: The Pythons that run the gate: that of the tests, and in tier 3 others. Those that are not
#: installed are printed as skipped.
OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
PYTHONS = (OWN, *(version for version in ("3.10", "3.13") if version != OWN))


def interpreter(version: str) -> str | None:
    """Return the path of a Python, on PATH or of pyenv; None if there is none."""
    homes = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    if version == OWN:
        return sys.executable
    return str(homes[-1]) if homes else find(f"python{version}")


#: Found before a test has a home of its own.
_INTERPRETERS = {version: interpreter(version) for version in PYTHONS}


@pytest.fixture(
    scope="session",
    params=[OWN, *(pytest.param(version, marks=pytest.mark.tier(3)) for version in PYTHONS[1:])],
)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the action's first step makes, with each Python.

    It takes ten CPU seconds, so that the workers of xdist share it.
    """
    python = _INTERPRETERS[request.param]
    if not python:
        pytest.skip(f"Python {request.param} is not installed: not run")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= f"python-{request.param}"
    folder.mkdir(exist_ok=True)
    said = folder / "said"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(install_gate(python, folder), encoding="utf-8")
    reason = said.read_text(encoding="utf-8")
    if "No matching distribution" in reason or "NewConnectionError" in reason:
        pytest.skip("no package registry can be reached: not run")
    assert reason == ""
    return folder / "ouro"


def install_gate(python: str, folder: Path) -> str:
    """Install the gate below ``folder`` as the action does; return why it failed, or nothing."""
    done = subprocess.run(
        ["bash", str(ROOT / ".github/install.sh")],
        env={"PATH": os.environ["PATH"], "RUNNER_TEMP": str(folder), "OURO_PYTHON": python},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout + f"\nexit status {done.returncode}" if done.returncode else ""


@pytest.fixture(scope="session")
def action(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The action, with an environment that is installed already; its first step links it."""
    yaml = pytest.importorskip("yaml")
    folder = tmp_path_factory.mktemp("action")
    parts = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    parts["runs"]["steps"][0]["run"] = 'ln -s "$INSTALLED" "$RUNNER_TEMP/ouro"'
    (folder / "action.yml").write_text(json.dumps(parts), encoding="utf-8")
    return folder


@dataclass
class Lab:
    """An experiment, the server that has it, and the ways to have a commit judged."""

    project: Project
    server: Server
    folder: Path
    action: Path
    installed: Path
    repository: str = "owner/lab"
    env: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def git(self, *args: str) -> str:
        return self.project.git(*args)

    @property
    def bare(self) -> Path:
        return self.server.root / self.repository

    def push(self, ref: str = "refs/pull/7/head") -> str:
        """Push HEAD to a ref of the server; return its id."""
        self.git("push", "-q", "-f", str(self.bare), f"HEAD:{ref}")
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str = "topic", start: str = "main") -> None:
        self.git("checkout", "-q", "-B", name, start)

    def request(self, base: str = "main", **facts: Any) -> dict[str, Any]:
        """Push HEAD as pull request 7, and return the event of it."""
        repository = {"full_name": self.repository, "default_branch": "main"}
        tip = self.git("ls-remote", str(self.bare), f"refs/heads/{base}").split("\t")[0]
        request = {
            "number": 7,
            "head": {"sha": self.push(), "ref": "topic", "repo": repository},
            "base": {"sha": tip, "ref": base, "repo": repository},
            "labels": [],
            **facts,
        }
        return {"action": "opened", "number": 7, "pull_request": request, "repository": repository}

    def judge(
        self,
        payload: dict[str, Any],
        event: str = "pull_request_target",
        *,
        workflow: str = "",
        inputs: str = "",
        **how: Any,
    ) -> Outcome:
        """Run the workflow of docs/ci.md; ``inputs`` are lines for the action's ``with:``."""
        text = workflow or snippets("docs/ci.md")[0]
        if inputs:
            uses = next(line for line in text.splitlines() if "uses: OWNER" in line)
            gap = " " * (len(uses) - len(uses.lstrip()) + 2)
            given = "".join(f"{gap}  {line}\n" for line in inputs.splitlines())
            text = text.replace(uses, f"{uses}\n{gap}with:\n{given}".rstrip("\n"))
        env = {
            "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_API_URL": f"{self.server.url}/api",
            "GITHUB_REPOSITORY": self.repository,
            "INSTALLED": str(self.installed),
            **self.env,
        }
        folder = self.folder / f"job-{next(self.numbers)}"
        return act(folder, text, event, payload, action=self.action, env=env, **how)

    def call(self, payload: dict[str, Any], *args: str, **env: str) -> tuple[int, str]:
        """Return the exit status and the output of `pytest-ouro ci` with these arguments for an
        event, without a runner; ``env`` are further variables."""
        event = self.folder / "event.json"
        event.write_text(json.dumps(payload))
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_API_URL": f"{self.server.url}/api",
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_RUN_ID": "1",
            "GITHUB_WORKFLOW_REF": f"{self.repository}/{WORKFLOW}@refs/heads/main",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
            "RUNNER_TEMP": str(self.folder),
            "INPUT_TOKEN": TOKEN,
        }
        for name in ("summary.md", "outputs"):
            (self.folder / name).unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-I", "-m", "pytest_ouro", "ci", *args],
            env={**os.environ, **variables, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "server")
    yield made
    made.close()


@pytest.fixture
def runner() -> None:
    """Skip the test if there is no runner."""
    if not find("act"):
        pytest.skip("act is not installed (pip install --group ci): not run")


@pytest.fixture
def lab(
    project: Project, server: Server, tmp_path: Path, action: Path, installed: Path, runner: None
) -> Lab:
    """The toy experiment on the server, as ``owner/lab``, on its branch ``topic``."""
    made = Lab(project, server, tmp_path, action, installed)
    publish(made)
    return made


@pytest.fixture
def desk(project: Project, server: Server, tmp_path: Path) -> Lab:
    """The laboratory without a runner, for `Lab.call`; main has the workflow."""
    project.commit("the workflow", {WORKFLOW: snippets("docs/ci.md")[0]})
    project.bless()
    made = Lab(project, server, tmp_path, tmp_path, tmp_path)
    publish(made)
    return made


def publish(lab: Lab) -> None:
    """Put the project's main on the server, and check out a new branch."""
    lab.git("clone", "-q", "--bare", str(lab.project.path), str(lab.bare))
    subprocess.run(
        ["git", "config", "uploadpack.allowAnySHA1InWant", "true"], cwd=lab.bare, check=True
    )
    lab.branch()


__all__ = ["TOKEN", "Lab", "publish"]
