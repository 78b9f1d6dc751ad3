"""A whole night on the reference experiment by documented commands."""

import re
from pathlib import Path

import pytest

from tests.autoresearch.test_acceptance import REPOSITORY, Clone
from tests.short_night import ShortNight

#: Training batches of a run: enough for each edit to show its effect.
STEPS = 24


@pytest.mark.tier(3)
@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="needs the repository's commits")
def test_a_short_night(home: Path, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone", home)
    bound = clone.path / "bound.toml"
    text, count = re.subn(
        r'(?m)^clock     = "cpu".*$', f'clock = "steps"\nsteps = {STEPS}', bound.read_text()
    )
    assert count == 1
    text, count = re.subn(r"(?m)^noise  = 0\.013", "placebo = 0.5\nnoise  = 0.025", text)
    assert count == 1
    bound.write_text(text)
    clone.be_patient()
    night = ShortNight(
        clone.path,
        "autoresearch/train.py",
        better=("LEARNING_RATE = 3e-3", "LEARNING_RATE = 6e-3"),
        worse=("LEARNING_RATE = 6e-3", "LEARNING_RATE = 1.{0}e-3"),
        simpler=("F.relu(self.up(x)).square()", "F.gelu(self.up(x))"),
        env=clone.env,
    )
    night.play()
    night.recompute()
    night.demand_refusal()
