"""Four candidates of the reference experiment on two slots of the processor, as docs/candidates.md
has it: a verdict each, and one settled branch. The budget is a third of the profile's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.evidence.records.journal import Journal

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs" / "candidates.md"
IDEAS = {"faster": "6e-3", "fast": "5e-3", "slow": "2e-3", "slower": "1.5e-3"}


@pytest.mark.tier(3)
@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="needs the repository's commits")
@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores that a process can be confined to",
)
def test_four_candidates_on_two_slots(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "clone"
    env = {**os.environ, "HOME": str(home), "CUDA_VISIBLE_DEVICES": ""}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"

    def call(*command: str, cwd: Path = path) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, timeout=3000
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    call("git", "clone", "-q", str(REPOSITORY), str(path), cwd=REPOSITORY)
    call("git", "config", "user.name", "Test")
    call("git", "config", "user.email", "test@example.org")
    call("git", "switch", "-q", "-C", "tries")
    bound = path / "bound.toml"
    text = bound.read_text().replace("[experiment]", "[experiment]\nslots = 2", 1)
    for key, value in {"budget": "6", "timeout": "900"}.items():
        text = re.sub(rf"(?m)^({key} *)= \d+", rf"\1= {value}", text)
    bound.write_text(text)
    call(sys.executable, "-m", "pytest_ouro", "bless")
    call("git", "commit", "-q", "-m", "two slots", "--", "bound.toml", "bound.lock")
    script = path / "autoresearch" / "train.py"
    for name, value in IDEAS.items():
        call("git", "switch", "-q", "-c", name, "tries")
        script.write_text(
            re.sub(r"(?m)^LEARNING_RATE = .*$", f"LEARNING_RATE = {value}", script.read_text())
        )
        call("git", "commit", "-q", "-am", f"learning rate {value}")
    call("git", "switch", "-q", "tries")
    [command] = re.findall(r"(?m)^pytest .*--ouro-candidates faster .*$", DOCS.read_text())

    said = call(*command.split(), "-p", "no:cacheprovider").splitlines()

    runs = {run.commit: run for run in Journal(path / ".git").runs()}
    commits = {name: call("git", "rev-parse", name) for name in IDEAS}
    assert len(runs) == 5  # with their base
    assert {runs[commit].status for commit in commits.values()} <= {"keep", "discard"}
    assert {name for run in runs.values() for name in run.holds} == {"cpu-0", "cpu-1"}
    kept = [run for run in runs.values() if run.status == "keep"]
    best = min(kept, key=lambda run: run.value)
    assert call("git", "rev-parse", "tries") == best.commit
    assert call("git", "status", "--porcelain") == ""
    assert said[-1].startswith("ouro: batch keep=")
