"""The noise that instructions state, and what it says of kept results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.evidence.instructions.noise import stated_noise

from .small import Small, about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "least"),
    [
        ("Seed noise is ±0.003.", 0.003),
        ("Two runs of the same kernel differ by up to\n0.02.", 0.02),
        ("The run-to-run variance of `val_bpb` is about 0.5%.", 0.01),
        ("Gains below 0.001 are noise.", 0.001),
        ("Results vary by 0.004 between seeds, up to 3 seeds.", 0.004),
        ("Noise over 5 seeds: std 0.01, about 0.01.", 0.0283),
        ("Between runs the noise is 0.002 bpb.", 0.002),
    ],
)
def test_instructions_state_the_noise(words: str, least: float) -> None:
    found = stated_noise(words, "val_bpb")

    assert found is not None
    assert found.least(2.0, "val_bpb") == pytest.approx(least, abs=1e-4)


@pytest.mark.parametrize(
    "words",
    [
        "Add noise of 0.1 to the inputs of each run.",
        "Each run takes 5 minutes.",
        "Runs differ by up to 20 seconds in time.",
        "Label noise is about 0.1 in both runs.",
        "Runs are noisy.",
        "The noise of a run is not known; wait for 3 runs.",
        "The noise schedule goes up to 0.02 within a run.",
    ],
)
def test_other_sentences_do_not(words: str) -> None:
    assert stated_noise(words, "val_bpb") is None


def weigh(folder: Path, words: str, *values: float) -> list[tuple[str, tuple[int, ...]]]:
    """What is said of the kept values of a loop with these instructions: severities and lines."""
    loop = Small(folder)
    loop.write("program.md", f"Edit only `train.py`. Lower `val_bpb` is better. {words}\n")
    loop.log(loop.save("Start"), f"{values[0]:.6f}", "1.0", "keep", "baseline")
    for number, value in enumerate(values[1:], 2):
        loop.trial(number / 100, value, "keep", f"rate {number}")
    return [(one.severity, one.lines) for one in about(loop.audit(), "metric")]


NOISE = "Seed noise is ±0.003."


def test_a_gain_below_the_stated_noise_is_a_warning(tmp_path: Path) -> None:
    assert weigh(tmp_path, NOISE, 1.0, 0.95, 0.949, 0.9) == [("warning", (4,))]


def test_gains_above_it_are_fine(tmp_path: Path) -> None:
    assert weigh(tmp_path, NOISE, 1.0, 0.95, 0.94, 0.9) == []


def test_small_gains_are_fine_where_nothing_states_a_noise(tmp_path: Path) -> None:
    assert weigh(tmp_path, "", 1.0, 0.95, 0.949, 0.9) == []


@pytest.mark.parametrize(("words", "severity"), [(NOISE, "warning"), ("", "error")])
def test_a_worse_value_may_be_noise_if_it_is_stated(
    words: str, severity: str, tmp_path: Path
) -> None:
    assert weigh(tmp_path, words, 1.0, 0.95, 0.9, 0.902, 0.85) == [(severity, (5,))]
