"""An editable file that moves: the loop goes on in the new place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .small import Small, about

if TYPE_CHECKING:
    from pathlib import Path

EVALUATE = "require('{path}');\nconsole.log(`delay: ${{1}}`);\n"


@pytest.fixture
def loop(tmp_path: Path) -> Small:
    """A loop whose program requires the file to edit, after its baseline and a keep."""
    loop = Small(tmp_path, "commit\tdelay\tmemory_gb\tstatus\tdescription")
    for name in ("prepare.py", "train.py"):
        (loop.folder / name).unlink()
    loop.write("evaluate.cjs", EVALUATE.format(path="./solver.js"))
    words = "Edit `solver.js` so that `node evaluate.cjs` prints a smaller `delay`.\n"
    loop.write("program.md", words + "Never edit `evaluate.cjs`. Repeat forever.\n")
    loop.write("solver.js", "const SWAPS = 1;\n")
    keep(loop, 18.0, "baseline")
    loop.write("solver.js", "const SWAPS = 2;\n")
    keep(loop, 17.0, "swaps 2")
    return loop


def keep(loop: Small, value: float, text: str) -> None:
    """Commit what is there, and keep it."""
    loop.log(loop.save(text), f"{value}", "1.0", "keep", text)
    loop.save(f"log: {text}")


def move(loop: Small, text: str = "") -> None:
    """Move the file, with other text if given, and let the program require it there."""
    (loop.folder / "src").mkdir()
    (loop.folder / "solver.js").rename(loop.folder / "src/solver.js")
    if text:
        loop.write("src/solver.js", text)
    loop.write("evaluate.cjs", EVALUATE.format(path="./src/solver.js"))


def test_a_move_without_a_gain_is_not_an_experiment(loop: Small) -> None:
    move(loop)
    keep(loop, 17.0, "move the solver")
    loop.write("src/solver.js", "const SWAPS = 3;\n")
    keep(loop, 16.0, "swaps 3")

    found = loop.audit()

    assert found.errors == ()
    assert [one.verdict for one in found.kept] == ["stands"] * 4


@pytest.mark.parametrize(
    ("text", "value"), [("", 9.0), ("const SWAPS = 3;\n", 17.0)], ids=["gain", "change"]
)
def test_a_move_with_a_gain_or_a_change_is_one(loop: Small, text: str, value: float) -> None:
    move(loop, text)
    keep(loop, value, "move the solver")

    found = loop.audit()

    assert "error" in {one.severity for one in about(found, "frozen")}
