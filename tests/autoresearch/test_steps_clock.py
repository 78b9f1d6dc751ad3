"""The reference experiment under the clock ``steps``: two runs of one code give equal bits."""

import re
from pathlib import Path

import pytest

from pytest_ouro.evidence.records.journal import Journal
from tests.autoresearch.test_acceptance import REPOSITORY, Clone

#: As few as the learning rate's schedule needs to be one.
STEPS = 12


@pytest.mark.tier(3)
@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="needs the repository's commits")
def test_two_runs_of_one_code_give_equal_bits(home: Path, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone", home)
    bound = clone.path / "bound.toml"
    text, count = re.subn(
        r'(?m)^clock     = "cpu".*$', f'clock = "steps"\nsteps = {STEPS}', bound.read_text()
    )
    assert count == 1
    bound.write_text(text)
    clone.be_patient()

    clone.run()
    script = clone.path / "autoresearch" / "train.py"
    script.write_text(script.read_text().replace('print("---")', 'print("----")\n    print("---")'))
    clone.git("commit", "-q", "-m", "an edit that changes no number", "--", "autoresearch/train.py")
    clone.run()

    first, second = Journal(clone.path / ".git").runs()
    assert (first.steps_served, second.steps_served) == (STEPS, STEPS)
    assert first.window_seconds == second.window_seconds == first.budget
    assert first.code_meaning != second.code_meaning
    assert first.salt == second.salt
    assert (first.level, first.value) == (second.level, second.value)
    assert first.claims["num_steps"] == second.claims["num_steps"] == str(STEPS - 1)
    assert first.judgment is not None
    assert second.judgment is not None
    assert first.judgment["se"] == second.judgment["se"]
