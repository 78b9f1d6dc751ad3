"""Install the pinned programs of agents, and play sessions with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from fcntl import LOCK_EX, flock
from itertools import islice
from pathlib import Path

import pytest

from pytest_ouro import guard
from pytest_ouro.guard import hosts

from . import fake_model
from .fake_model import Played, Session, Step
from .programs import PROGRAMS, Place, Program, pinned

#: The folder in which the programs are installed and kept; by default one of pytest's cache.
VARIABLE = "AGENT_PROGRAMS"
#: A network with nothing but loopback, as a user too.
_ALONE = ["unshare", "--net", *(["--map-root-user"] if os.getuid() else [])]


def not_run(why: str) -> None:
    """Skip, so that the summary says what was not tried."""
    pytest.skip(f"not run: {why}")


@dataclass
class Driver:
    """Starts one program in a project; `path` are the folders of PATH before the system's."""

    program: Program
    executable: Path
    place: Place
    env: dict[str, str] = field(default_factory=dict)
    folder: str = "."
    trusts: bool = True

    def turn_powershell_on(self) -> None:
        """Let Claude Code offer its tool PowerShell, for which a program stands that does
        nothing: PowerShell itself is in no package that can be installed here."""
        folder = self.place.home / "bin"
        folder.mkdir()
        (folder / "pwsh").write_text("#!/bin/sh\n")
        (folder / "pwsh").chmod(0o755)
        self.place.path.append(str(folder))
        self.env["CLAUDE_CODE_USE_POWERSHELL_TOOL"] = "1"

    def play(self, steps: dict[str, Step | list[Step]]) -> dict[str, str]:
        """Play the named calls in a session, and return what the model was shown about each.
        `played` has the rest."""
        named = {name: each if isinstance(each, list) else [each] for name, each in steps.items()}
        flat = [step for each in named.values() for step in each]
        arguments = self.program.arguments("Go on with the loop.", trusts=self.trusts)
        session = Session(
            [str(self.executable), *arguments],
            {**self.place.env(), **self.program.env(), **self.env},
            str(self.place.project / self.folder),
            flat,
        )
        done = subprocess.run(
            [*_ALONE, sys.executable, fake_model.__file__],
            input=json.dumps(asdict(session)), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.played = Played(**json.loads(done.stdout))
        shown = self.played.shown
        assert len(shown) == len(flat), f"{shown}\n{self.played.output[-4000:]}"
        results = iter(shown)
        return {name: "\n".join(islice(results, len(each))) for name, each in named.items()}


@pytest.fixture(scope="session")
def installed(request, tmp_path_factory):
    """``installed(program)``: the program's executable; a skip if it cannot be installed."""
    cache = getattr(request.config, "cache", None)
    named = os.environ.get(VARIABLE)
    folder = Path(named) if named else cache.mkdir("agent-programs") if cache else None
    folder = folder or tmp_path_factory.getbasetemp().parent / "agent-programs"

    def installed(program):
        if sys.platform != "linux" or subprocess.run([*_ALONE, "true"], check=False).returncode:
            not_run("no network of its own can be made here (unshare --net)")
        if shutil.which("npm") is None:
            not_run("npm is not installed")
        version = pinned()[program.package]
        kept = folder / f"{program.name}-{version}"
        kept.mkdir(parents=True, exist_ok=True)
        executable = kept / "node_modules/.bin" / program.name
        with (kept / "lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not executable.exists():
                install(kept, f"{program.package}@{version}")
        return executable

    return installed


def install(folder: Path, what: str) -> None:
    """Install an npm package into the folder; skip if that fails."""
    options = ("--no-audit", "--no-fund", "--loglevel=error")
    done = subprocess.run(
        ["npm", "install", *options, "--prefix", str(folder), what],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        not_run(f"npm cannot install {what}: {(done.stderr.splitlines() or ['no reason'])[0]}")


@pytest.fixture(params=PROGRAMS)
def program(request):
    """One of the programs."""
    return PROGRAMS[request.param]


@pytest.fixture
def guarded(project):
    """The toy experiment with the agents' files, blessed."""
    project.identify()  # Gemini CLI gives its shell no settings of the user's git
    done = project.ouro("init", f"--agents={','.join(PROGRAMS)}")
    assert done.returncode == 0, done.stderr
    project.commit("tell the agents")
    project.bless()
    return project


def refusal_of(path):
    """Return the words by which the guard refuses an edit of the file."""
    given = {"file_path": path}
    call = {"hook_event_name": "PreToolUse", "tool_name": "Edit", "tool_input": given}
    return guard.reason(hosts.read({**call, "cwd": str(Path(path).parent)}))


@pytest.fixture
def drive(program, installed, tmp_path):
    """``drive(project)``: a driver of the program in the project; the guard is on its PATH."""

    def drive(project):
        home = tmp_path / "home"
        shutil.copytree(Path.home(), home)
        place = Place(project.path, home, [str(Path(sys.executable).parent)])
        program.set_up(place)
        return Driver(program, installed(program), place)

    return drive


@pytest.fixture
def driver(drive, guarded):
    """A driver of the program in the guarded project."""
    return drive(guarded)
