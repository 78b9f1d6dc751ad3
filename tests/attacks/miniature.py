"""Make the miniature experiment: its text, its repository, its rules."""

from __future__ import annotations

import itertools
import json
import math
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalogue import ACHIEVABLE
from pytest_ouro.cli.bless import bless

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
OWN_BOUND = HERE.parents[1] / "bound.toml"

CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789é"
SUCCESSORS = 4  # of every character
TOKENS = 8192  # that the harness evaluates
SIZE = 33  # of a row

EXPERIMENT = """\
[bound]
name = "miniature"

[experiment]
script     = "train.py"
editable   = ["train.py"]
harness    = "prepare.py"
evaluate   = "evaluate_bpb"
loader     = "{loader}"
budget     = 0.5
{clock}
tolerance  = 0.4
timeout    = 40
device     = "cpu"
level      = "supervised"
{further}
data = ["~/.cache/miniature/tokenizer/*", "~/.cache/miniature/data/*"]

[verdict]
noise = 0.02
"""

PYPROJECT = """\
[project]
name = "miniature"
version = "1"
dependencies = ["torch"]
"""


def rules() -> str:
    """Return the rules of this repository, for a project in the top folder. The tripwires
    only warn: what is tested is what the levels stop without them."""
    _, found, text = OWN_BOUND.read_text(encoding="utf-8").partition("# --- danger zones")
    assert found
    text = text.replace('within = "autoresearch"\n', "")
    warns = 'check = "evaluation"\nseverity = "warn"\nreason = "the levels are tested without it"\n'
    assert 'check = "evaluation"\n' in text
    return f"\n{found}{text}".replace('check = "evaluation"\n', warns)


def bound(level: str, loader: str, steps: int) -> str:
    """Return the bound.toml with this highest level and this loader. Its clock counts CPU seconds,
    or training batches if there are ``steps``."""
    clock = f'clock      = "steps"\nsteps      = {steps}' if steps else 'clock      = "cpu"'
    further = ""
    if len(ACHIEVABLE) > 1:
        further = f'highest    = "{level}"\nvalidation = ["~/.cache/miniature/data/val.txt"]'
    return EXPERIMENT.format(further=further, loader=loader, clock=clock) + rules()


@dataclass(frozen=True)
class Source:
    """A Markov chain: each character depends on the last one alone."""

    chances: Mapping[str, Mapping[str, float]]

    @classmethod
    def make(cls, seed: int = 7) -> Source:
        dice = random.Random(seed)
        chances = {}
        for character in CHARACTERS:
            weights = [dice.random() + 0.1 for _ in range(SUCCESSORS)]
            total = sum(weights)
            chances[character] = {
                after: weight / total
                for after, weight in zip(dice.sample(CHARACTERS, SUCCESSORS), weights, strict=True)
            }
        return cls(chances)

    def documents(self, count: int, seed: int) -> list[str]:
        dice = random.Random(seed)
        found = []
        for _ in range(count):
            text = dice.choice(CHARACTERS)
            for _ in range(dice.randrange(40, 120)):
                after = self.chances[text[-1]]
                text += dice.choices([*after], [*after.values()])[0]
            found.append(text)
        return found

    def bits_per_byte(self, documents: list[str]) -> float:
        """Return the score of the best causal model on the tokens that the harness evaluates."""
        stream: list[str] = []
        for document in documents:
            stream += ["", *document]
        bits, size = 0.0, 0
        for start in range(0, TOKENS // (SIZE - 1) * SIZE, SIZE):
            row = stream[start : start + SIZE]
            for before, token in itertools.pairwise(row):
                if token:
                    chance = self.chances[before][token] if before else 1 / len(CHARACTERS)
                    bits -= math.log2(chance)
                    size += len(token.encode())
        return bits / size


def write_data(home: Path) -> float:
    """Write the text and the tokenizer below ``home``; return the best possible value."""
    source = Source.make()
    cache = home / ".cache" / "miniature"
    for name in ("tokenizer", "data"):
        (cache / name).mkdir(parents=True)
    validation = source.documents(150, seed=2)
    texts = {"train": source.documents(2500, seed=1), "val": validation}
    for split, documents in texts.items():
        (cache / "data" / f"{split}.txt").write_text("\n".join(documents), encoding="utf-8")
    (cache / "tokenizer" / "characters.json").write_text(json.dumps(CHARACTERS))
    lengths = [0, *(len(character.encode()) for character in CHARACTERS)]
    (cache / "tokenizer" / "token_bytes.json").write_text(json.dumps(lengths))
    return source.bits_per_byte(validation)


def write_project(project: Any, level: str, script: str, loader: str, steps: int) -> None:
    """Write the experiment to an empty repository, bless and commit it."""
    path: Path = project.path
    for file in (HERE / "harness").glob("*.py"):
        shutil.copy(file, path)
    (path / "bound.toml").write_text(bound(level, loader, steps), encoding="utf-8")
    (path / "train.py").write_text(script, encoding="utf-8")
    (path / ".gitignore").write_text("run.log\nresults.tsv\n")
    (path / "pyproject.toml").write_text(PYPROJECT)
    project.commit("the experiment")
    bless(path / "bound.toml")
    project.commit("bless")
