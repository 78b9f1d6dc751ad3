"""A loop of commands whose score is a number in work.py, with the documented hook installed."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

BOUND = """\
[bound]
name = "toy"

[experiment]
command          = ["python", "work.py"]
evaluate-command = ["python", "evaluate.py"]
editable         = ["work.py"]
metric           = "score"
budget           = {budget}
tolerance        = {tolerance}
clock            = "cpu"
timeout          = 600
device           = "cpu"
plausible        = [0, 50]

[verdict]
noise = 0.0

[[danger-zone]]
id    = "evaluation"
rule  = "evaluate.py is fixed."
check = "frozen"
paths = ["evaluate.py"]

[[iron-law]]
id    = "only-work-py"
rule  = "Only work.py is modified."
check = "scope"

[[never-do]]
id    = "skip-logging"
rule  = "Every run is logged."
check = "logged"

[[iron-law]]
id    = "log-every-experiment"
rule  = "Every row is whole."
check = "log-schema"

[[iron-law]]
id    = "keep-or-revert"
rule  = "Keeps stay, discards go."
check = "settled"

[[iron-law]]
id    = "about-the-run"
rule  = "A rule about a run."
check = {check}
"""

#: The score is the last word of work.py.
EVALUATE = """\
import os, pathlib
words = pathlib.Path(os.environ["OURO_CANDIDATE"], "work.py").read_text().split()
print(f"score: {words[-1]}")
"""

HOOK = """\
#!/bin/sh
exec "{python}" -m pytest_ouro gate --staged
"""


@dataclass(frozen=True)
class Loop:
    """A loop of commands whose score is a number in work.py, with the documented hook installed.

    Only the hook runs in a process of its own.
    """

    project: Any
    path: Path
    ouro: Any
    run_pytest: Any

    def git(self, *args: str) -> str:
        return replace(self.project, path=self.path).git(*args)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.path / f"{name}.py").write_text(text)

    def hooked(self, *args: str) -> tuple[int, str]:
        """Run git with hooks; return its status and its output."""
        done = subprocess.run(
            ["git", *args], cwd=self.path, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def commits(self, message: str = "an idea", *options: str) -> str:
        """Commit all files; fail if the hook refuses it."""
        self.git("add", "-A")
        status, said = self.hooked("commit", "-q", *options, "-m", message)
        assert status == 0, said
        return self.git("rev-parse", "HEAD")

    def gate(self, *args: str) -> tuple[int, str]:
        status, out, err = self.here(self.ouro, "gate", *args)
        return status, out + err

    def rules(self) -> tuple[int, str]:
        done = self.here(self.run_pytest, "bound.toml", "-rs")
        return done.ret, done.stdout.str()

    def run(self, *args: str) -> str:
        """Run one experiment and return its last line."""
        return self.here(self.run_pytest, "--ouro-experiment", "-q", *args).outlines[-1]

    def bless(self, *args: str) -> None:
        status, _, err = self.here(self.ouro, "bless", *args)
        assert status == 0, err

    def here(self, call: Any, *args: str) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.path)
            return call(*args)

    def lawful(self) -> None:
        """Assert that every door finds all rules to hold."""
        for status, said in (self.gate(), self.gate("--staged"), self.rules()):
            assert status == 0, said


def start_loop(project: Any, ouro: Any, run_pytest: Any, check: str, budget: float) -> Loop:
    """Return a blessed loop with its hook in ``project``, an empty repository, under rules of which
    ``check`` judges the run."""
    loop = Loop(project, project.path, ouro, run_pytest)
    project.write(
        {
            "bound.toml": BOUND.format(check=check, budget=budget, tolerance=budget / 2),
            "evaluate.py": EVALUATE,
            "work.py": "x = 2.0\n",
            ".gitignore": "results.tsv\nrun.log\n",
        }
    )
    project.commit("the experiment")
    loop.bless()
    project.commit("bless")
    hook = loop.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(python=sys.executable))
    hook.chmod(0o755)
    return loop
