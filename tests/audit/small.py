"""A small loop in a real repository, whose commits and rows a test writes itself."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from pytest_ouro.audit.options import Options
from pytest_ouro.audit.run import audit

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.audit.result import Audit, AuditFinding

PREPARE = "TIME_BUDGET = 300\ndef evaluate_bpb(model):\n    return 1.0\n"
TRAIN = "from prepare import evaluate_bpb\nLR = {lr}\nprint(f'val_bpb: {{evaluate_bpb(LR):.6f}}')\n"


class Small:
    """A loop below ``folder``: ``rows`` are those of results.tsv, each with its newline, after
    ``header``. The ledger is committed like every other file."""

    def __init__(
        self, folder: Path, header: str = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    ) -> None:
        self.folder, self.header = folder, header
        self.rows: list[str] = []
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.email", "a@example.org")
        self.git("config", "user.name", "A")
        self.write("prepare.py", PREPARE)
        self.write("train.py", TRAIN.format(lr=0.01))

    def git(self, *words: str) -> str:
        """What git prints."""
        command = ["git", *words]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def save(self, message: str) -> str:
        """Commit everything with the rows as they are, and return the short hash."""
        if self.rows:
            self.write("results.tsv", self.header + "\n" + "".join(self.rows))
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "--short=7", "HEAD")

    def log(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append("\t".join(cells) + "\n")

    def trial(self, rate: float, value: float, status: str, text: str) -> str:
        """Commit another rate, then its row."""
        self.write("train.py", TRAIN.format(lr=rate))
        hash = self.save(text)
        self.log(hash, f"{value:.6f}", "1.0", status, text)
        self.save(f"log: {text}")
        return hash

    def audit(self, *editable: str) -> Audit:
        """The audit of the repository, with the globs of the files that may change, if given."""
        return audit(Options(subject=str(self.folder), editable=editable))


def about(found: Audit, check: str) -> list[AuditFinding]:
    """The findings of one check."""
    return [one for one in found.findings if one.check == check]
