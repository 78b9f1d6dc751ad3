"""The whole promise on the reference experiment: improvements stay, regressions go, all is logged.

Three real runs of half a minute each. They are measured in CPU seconds, so other tests may run
beside them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.evidence.records.journal import Journal

REPOSITORY = Path(__file__).parents[2]
COLUMNS = ["commit", "val_bpb", "memory_gb", "status", "description"]
#: What a commit makes of the learning rate. Noise is a tenth of what either change does.
IMPROVEMENT, REGRESSION = "6e-3", "1.5e-3"


class Clone:
    """A fresh clone of this repository on a branch for tries."""

    def __init__(self, path: Path, home: Path) -> None:
        self.path = path
        self.env = {**os.environ, "HOME": str(home), "CUDA_VISIBLE_DEVICES": ""}
        self._call("git", "clone", "-q", str(REPOSITORY), str(path), cwd=REPOSITORY)
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")
        self.git("switch", "-q", "-C", "tries")

    def be_patient(self) -> str:
        """Bless a longer timeout in wall-clock seconds, so that a busy machine decides nothing."""
        bound = self.path / "bound.toml"
        text, count = re.subn(r"(?m)^timeout( +)= \d+", r"timeout\1= 900", bound.read_text())
        assert count
        bound.write_text(text)
        self._call(sys.executable, "-m", "pytest_ouro", "bless", cwd=self.path)
        self.git("commit", "-q", "-m", "patience", "--", "bound.toml", "bound.lock")
        return self.git("rev-parse", "HEAD")

    def git(self, *args: str) -> str:
        return self._call("git", *args, cwd=self.path).stdout.strip()

    def try_learning_rate(self, value: str) -> str:
        """Commit train.py with this learning rate; the commit's id."""
        script = self.path / "autoresearch" / "train.py"
        text, count = re.subn(r"(?m)^LEARNING_RATE = .*$", f"LEARNING_RATE = {value}",
                              script.read_text())  # fmt: skip
        assert count == 1
        script.write_text(text)
        self.git("commit", "-q", "-m", f"learning rate {value}", "--", "autoresearch/train.py")
        return self.git("rev-parse", "HEAD")

    def run(self) -> list[str]:
        """``pytest --ouro-experiment --ouro-settle``; the words of its last line."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--ouro-experiment"]
        done = self._call(*command, "--ouro-settle", "-q", cwd=self.path, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.rstrip().splitlines()[-1].split()

    def _call(
        self, *command: str, cwd: Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.env,
            check=check,
            capture_output=True,
            text=True,
            timeout=1000,
        )


@pytest.mark.tier(3)
@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="needs the repository's commits")
def test_keep_keep_discard(home: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    clone = Clone(tmp_path / "clone", home)
    baseline = clone.be_patient()
    said = [clone.run()]
    better = clone.try_learning_rate(IMPROVEMENT)
    said.append(clone.run())
    worse = clone.try_learning_rate(REGRESSION)
    said.append(clone.run())

    commits = [baseline, better, worse]
    assert [words[:2] for words in said] == [
        ["ouro:", "keep"], ["ouro:", "keep"], ["ouro:", "discard"],
    ]  # fmt: skip
    assert [words[-1] for words in said] == ["reason=baseline", "reason=improved", "reason=worse"]
    assert [f"commit={commit[:7]}" in words for commit, words in zip(commits, said, strict=True)] \
        == [True] * 3  # fmt: skip

    assert clone.git("rev-parse", "tries") == better
    assert clone.git("branch", "--show-current") == "tries"
    assert clone.git("status", "--porcelain") == ""
    tried = clone.git("for-each-ref", "--format=%(objectname)", "refs/ouro/tried/").splitlines()
    assert sorted(tried) == sorted(commits)

    table = pandas.read_csv(
        clone.path / "autoresearch" / "results.tsv", sep="\t", dtype={"commit": str}
    )
    assert list(table.columns) == COLUMNS
    assert list(table["commit"]) == [commit[:7] for commit in commits]
    assert list(table["status"]) == ["keep", "keep", "discard"]
    assert list(table["description"])[1:] == ["learning rate 6e-3", "learning rate 1.5e-3"]
    assert (table["memory_gb"] > 0).all()
    first, second, third = table["val_bpb"]
    assert second < first < third

    journal = Journal(clone.path / ".git")
    assert journal.broken_link() == 0
    assert not journal.unfinished()
    assert [run.row.split("\t")[0] for run in journal.runs()] == list(table["commit"])
    assert [round(run.value, 6) for run in journal.runs()] == list(table["val_bpb"])
