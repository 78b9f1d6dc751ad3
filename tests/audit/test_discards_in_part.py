"""Discards of several files, of which a later commit takes some back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .small import TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def loop(tmp_path: Path) -> Small:
    """A loop whose last experiment, a discard, changes two files."""
    loop = Small(tmp_path)
    loop.write("model.py", "WIDTH = 64\n\ndef forward(x):\n    return x * WIDTH\n")
    loop.log(loop.save("Start"), "1.000000", "1.0", "keep", "baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.write("model.py", "WIDTH = 64\n\ndef forward(x):\n    return x * x * WIDTH\n")
    loop.trial(0.03, 0.99, "discard", "squares")
    return loop


def go_on(loop: Small) -> list[tuple[str, str]]:
    """What is said of discards after another result is kept."""
    loop.trial(0.05, 0.97, "keep", "rate 5")
    found = about(loop.audit("train.py", "model.py"), "settled")
    return [(one.severity, one.finding.headline) for one in found]


def test_a_file_that_is_not_taken_back_is_a_warning(loop: Small) -> None:
    loop.write("train.py", TRAIN.format(lr=0.02))
    loop.save("restore the code")

    ((severity, headline),) = go_on(loop)
    assert severity == "warning"
    assert headline.endswith("still in the editable files, in part")


def test_two_that_are_taken_back_are_not(loop: Small) -> None:
    loop.git("checkout", "HEAD~2", "--", "train.py", "model.py")
    loop.save("restore the code")

    assert go_on(loop) == []


def test_two_that_are_taken_back_one_after_the_other_are_not(loop: Small) -> None:
    loop.write("train.py", TRAIN.format(lr=0.02))
    loop.save("restore the rate")
    loop.git("checkout", "HEAD~3", "--", "model.py")
    loop.save("restore the model")

    assert go_on(loop) == []


def test_half_of_it_may_be_tried_by_itself(loop: Small) -> None:
    loop.trial(0.02, 0.975, "keep", "squares, at rate 2")

    assert go_on(loop) == []


def test_what_replaces_the_rest_is_an_experiment_of_its_own(loop: Small) -> None:
    loop.write("train.py", TRAIN.format(lr=0.02))
    loop.save("restore the code")
    loop.write("model.py", "WIDTH = 64\n\ndef forward(x):\n    return x + x * WIDTH\n")

    assert go_on(loop) == []


def test_a_discard_that_stays_whole_below_a_keep_is_an_error(loop: Small) -> None:
    loop.write("model.py", (loop.folder / "model.py").read_text() + "# x\n")
    loop.git("checkout", "HEAD", "--", "train.py")
    train = (loop.folder / "train.py").read_text()
    loop.write("train.py", train + "EPOCHS = 3\n")
    loop.log(loop.save("three epochs"), "0.970000", "1.0", "keep", "three epochs")
    loop.save("log")

    found = about(loop.audit("train.py", "model.py"), "settled")
    assert [one.severity for one in found] == ["error"]
