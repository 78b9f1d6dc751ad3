"""The clock ``steps`` on a real training: equal code and salt give equal bits."""

import pytest
from catalogue import ACHIEVABLE, programs

pytest.importorskip("torch", reason="the miniature experiment needs torch")
[STEPS] = [program for program in programs("honest") if program.name == "steps"]


@pytest.mark.tier(2)
@pytest.mark.parametrize(
    "level",
    [
        *(pytest.param(level, marks=pytest.mark.tier(3)) for level in ACHIEVABLE[:-1]),
        ACHIEVABLE[-1],
    ],
)
def test_two_runs_of_one_code_give_equal_bits(laboratory, fork_runs, level):
    fork_runs()
    lab = laboratory(level, steps=STEPS.steps)

    first, second = lab.run(STEPS).record, lab.run(STEPS).record

    assert first["run"] != second["run"]
    assert (first["steps_served"], first["window_seconds"]) == (60, 0.5)
    for key in ("value", "measured_value", "level", "steps_served", "window_seconds", "salt"):
        assert first.get(key) == second.get(key), key
    assert first["claims"] == second["claims"]
