"""Nights of the reference experiment in a short profile, by the commands of the documentation.

    python benchmarks/reference_night.py [--clock cpu|steps] [SECTION ...]

Each section makes a repository of its own with autoresearch/ and its rules, of which the budget on
the CPU alone is another: 3 CPU seconds, or 40 batches. It prints every command with its last line.
A run takes about 10 CPU seconds, and all sections a quarter of an hour by one clock. The data is
that of `python autoresearch/prepare.py`, which the first run makes.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.statistics.pairs import ALPHA, grant
from pytest_ouro.evidence.records.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ouro.evidence.records.statement import Statement

REPOSITORY = Path(__file__).parents[1]
#: What the experiment and its rules consist of.
FILES = ("autoresearch/prepare.py", "autoresearch/train.py", "bound.toml", "pyproject.toml")
#: The CPU profile's budget, by clock.
PROFILES = {
    # The evaluation of all 256 rows would take as long as this training: a run would be charged.
    "cpu": 'budget    = 3\nclock     = "cpu"\ntolerance = 1\njudged-rows = 64',
    "steps": 'budget    = 20\nclock     = "steps"\nsteps     = 40',
}
LEARNING_RATE = ("LEARNING_RATE = 3e-3", "LEARNING_RATE = 6e-3")
GELU = ("F.relu(self.up(x)).square()", "F.gelu(self.up(x))")
#: After this line of train.py, an edit without effect turns the rows of the initial embedding,
#: which are drawn alike and independently: other numbers of the same distribution.
MADE = "    model = build_model(tokenizer.get_vocab_size())\n"
TURN = "    model.embedding.weight.data = model.embedding.weight.data.roll({0}, 0)\n"

#: Runs of the A/A night; pairs of GELU's second certificate; nights of 5 pairs drawn from all.
TRIES, PAIRS, RESAMPLED = 16, 5, 20
#: Nights that begin at most, until one keeps GELU.
NIGHTS = 12


class Night:
    """A repository with the reference experiment, on a branch of its own, and no run yet."""

    def __init__(self, folder: Path, clock: str) -> None:
        self.path = folder
        for name in FILES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
        bound = folder / "bound.toml"
        text, count = re.subn(
            r"(?ms)^(\[experiment\.cpu\].*?\n)budget .*?\ntimeout +=[^\n]*\n",
            rf"\1{PROFILES[clock]}\ntimeout   = 900\n",
            bound.read_text(encoding="utf-8"),
        )
        assert count == 1
        text = re.sub(r"(?m)^noise  = 0\.013.*$", 'noise  = "auto"', text)
        bound.write_text(re.sub(r"(?m)^device .*$", 'device = "cpu"', text), encoding="utf-8")
        self.git("init", "-q", "-b", "night")
        self.git("add", "-A")
        self.git("commit", "-qm", "the experiment")
        self.call("-m", "pytest_ouro", "bless")
        self.git("add", "-A")
        self.git("commit", "-qm", "bless")

    def git(self, *words: str) -> str:
        """Call git in the repository; return its output."""
        call = ["git", "-c", "user.name=-", "-c", "user.email=-@-", *words]
        done = subprocess.run(call, cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout

    def call(self, *words: str) -> list[str]:
        """Call Python with these words; return the lines of its output. SystemExit if it fails."""
        call = [sys.executable, *words]
        done = subprocess.run(call, cwd=self.path, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return done.stdout.rstrip().splitlines()

    def ouro(self, *words: str) -> str:
        """Call ``pytest-ouro``; print the call and its last line, and return that."""
        return self._show("pytest-ouro", words, self.call("-m", "pytest_ouro", *words))

    def pytest(self, *words: str) -> str:
        """Call ``pytest``; print the call and its last line, and return that."""
        lines = self.call("-m", "pytest", "-p", "no:cacheprovider", "-q", *words)
        return self._show("pytest", words, lines)

    def attempt(self, old: str, new: str, message: str) -> bool:
        """Commit an edit of train.py, run it as the loop does, and return whether it was kept."""
        script = self.path / "autoresearch" / "train.py"
        text = script.read_text(encoding="utf-8")
        assert text.count(old) == 1
        script.write_text(text.replace(old, new), encoding="utf-8")
        self.git("commit", "-qam", message)
        return " keep " in self.pytest("--ouro-experiment", "--ouro-settle")

    def statement(self) -> Statement:
        """Return the newest statement of the journal."""
        return Journal(self.path / ".git").statements()[-1]

    def _show(self, program: str, words: Sequence[str], lines: list[str]) -> str:
        print(f"$ {program} {' '.join(words)}\n{lines[-1]}", flush=True)
        return lines[-1]


def noise(night: Night) -> None:
    """How much runs of one code differ, and how much of that a common salt cancels."""
    night.ouro("calibrate")
    pairs = night.statement().pairs
    within = [(float(one["baseline"]) - float(one["tip"])) ** 2 / 2 for one in pairs]  # type: ignore[arg-type]
    print(f"standard deviation of runs with one salt: {math.sqrt(statistics.mean(within)):.6f}")


def nothing(night: Night) -> None:
    """An A/A night: tries that change nothing in effect, and how many of them are kept."""
    night.ouro("calibrate")
    night.pytest("--ouro-experiment", "--ouro-settle")
    script = night.path / "autoresearch" / "train.py"
    kept = 0
    for number in range(1, TRIES):
        line = re.search(r"^.*roll\(\d+, 0\)\n", script.read_text(encoding="utf-8"), re.M)
        old = MADE + (line[0] if line else "")
        kept += night.attempt(old, MADE + TURN.format(number), f"turn by {number}")
    words = ("--tries", str(TRIES), "--pairs", "0", "--effects", "none", "--nights", "20000")
    found = json.loads("".join(night.call("-m", "pytest_ouro", "simulate", *words, "--json")))
    print(f"$ pytest-ouro simulate {' '.join(words)}\n{json.dumps(found)}")
    print(f"kept {kept} of {TRIES - 1} tries without effect")


def learning_rate(night: Night) -> None:
    """The edit of the learning rate that the documentation recommends is certified."""
    night.pytest("--ouro-experiment", "--ouro-settle")
    night.attempt(*LEARNING_RATE, "learning rate 6e-3")
    night.pytest("--ouro-certify", "--ouro-looks", "1")


def gelu(night: Night) -> bool:
    """GELU, whose effect is far below the noise of the CPU clock, is not certified: once for real,
    and in nights whose pairs are drawn from those of this and a second certificate. Return whether
    the search kept it, which is luck: otherwise there is nothing to certify."""
    night.pytest("--ouro-experiment", "--ouro-settle")
    if not night.attempt(*GELU, "GELU"):
        return False
    gains: list[float] = []
    for words in (("--ouro-looks", "2"), ("--ouro-pairs", str(PAIRS))):
        night.pytest("--ouro-certify", *words)
        values = [(pair["baseline"], pair["tip"]) for pair in night.statement().pairs]
        gains += [float(before) - float(after) for before, after in values]  # type: ignore[arg-type]
    resample(gains)
    return True


def resample(gains: Sequence[float]) -> None:
    """Print how many nights of 5 of these gains of pairs are granted a certificate."""
    print("gains of the pairs:", " ".join(f"{gain:+.4f}" for gain in gains))
    chance = random.Random(0)
    nights = [chance.sample(gains, 5) for _ in range(RESAMPLED)]
    granted = sum(grant(night, ALPHA).granted for night in nights)
    print(f"not certified: {RESAMPLED - granted} of {RESAMPLED} nights of 5 of these pairs")
    every = [grant(night, ALPHA).granted for night in combinations(gains, 5)]
    print(f"not certified: {len(every) - sum(every)} of all {len(every)} choices of 5")


SECTIONS = {f.__name__.replace("_", "-"): f for f in (noise, nothing, learning_rate, gelu)}


def main() -> None:
    """Measure the sections that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clock", choices=[*PROFILES], default="cpu")
    parser.add_argument("sections", nargs="*", default=[*SECTIONS], metavar="SECTION")
    given = parser.parse_args()
    for name in given.sections:
        print(f"== {name}, clock = {given.clock}: {SECTIONS[name].__doc__}")
        for _ in range(NIGHTS):
            with tempfile.TemporaryDirectory() as folder:
                if SECTIONS[name](Night(Path(folder), given.clock)) is not False:
                    break


if __name__ == "__main__":
    main()
