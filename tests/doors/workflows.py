"""Read workflows, and run their steps as a runner would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")


def evaluated(text: str, context: dict[str, Any]) -> str:
    """Return a value of ``env:`` with its expressions (names, ``||``) evaluated."""

    def value(match: re.Match[str]) -> str:
        for name in match[1].split(" || "):
            found: Any = context
            for part in name.split("."):
                found = found.get(part, {}) if isinstance(found, dict) else {}
            if found:
                return str(found)
        return ""

    return _EXPRESSION.sub(value, text)


@dataclass
class Runner:
    """A machine for one job: its folders, with the files that its steps left."""

    folder: Path
    context: dict[str, Any]
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bin_folder = self.folder / "temp/ouro/bin"
        bin_folder.mkdir(parents=True, exist_ok=True)
        for name in ("output", "summary"):
            (self.folder / name).unlink(missing_ok=True)
        (bin_folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (bin_folder / "python").chmod(0o755)

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text(encoding="utf-8")

    @property
    def outputs(self) -> dict[str, str]:
        """What the last steps put out; the last value of each name."""
        lines = (self.folder / "output").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def file(self, name: str) -> Path:
        return self.folder / "temp" / name

    def run(self, steps: Iterable[dict[str, Any]]) -> tuple[int, str]:
        """Return the exit status of the first step that fails, and all output."""
        said = ""
        for step in steps:
            env = {k: evaluated(str(v), self.context) for k, v in step.get("env", {}).items()}
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.folder,
                env={
                    **os.environ,
                    "CI": "true",
                    "RUNNER_TEMP": str(self.folder / "temp"),
                    "GITHUB_OUTPUT": str(self.folder / "output"),
                    "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                    **self.env,
                    **env,
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=300,
            )
            said += done.stdout
            if done.returncode:
                return done.returncode, said
        return 0, said
