"""Parts of a file that the instructions let an agent change, and the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.evidence.instructions.parts import allowed_parts, changes_only

from .small import TRAIN, Small, about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("In the root `a.toml` you may set\n`[profile.x]` and nothing else.", ("[profile.x]",)),
        ("You can change `LR` and `WIDTH` of `a.toml`, but not `SEED`.", ("LR", "WIDTH")),
        ("Only edit the `[tool]` section of `a.toml`.", ("[tool]",)),
        ("You may not change `LR` in `a.toml`.", ()),
        ("You may change `LR` in `b.toml`.", ()),
        ("`a.toml` is fixed. You may change `LR`.", ()),
        ("You may change `sub/a.toml` or `LR`.", ()),
    ],
)
def test_instructions_name_parts_of_a_file(words: str, parts: tuple[str, ...]) -> None:
    assert allowed_parts(words, "a.toml") == parts


TOML = "[a]\nx = 1\n\n[b]\ny = 2\n"


@pytest.mark.parametrize(
    ("path", "before", "after", "only"),
    [
        ("a.toml", TOML, TOML + "z = 3\n", True),
        ("a.toml", TOML, TOML.replace("y = 2", "y = 9\n[b.c]\nw = 1"), True),
        ("a.toml", TOML, TOML.replace("x = 1", "x = 2"), False),
        ("a.toml", TOML, TOML + "[c]\nw = 1\n", False),
        ("a.py", "LR = 1\nSEED = 2\n", "LR: float = 3\nSEED = 2\n", True),
        ("a.py", "LR = 1\nSEED = 2\n", "LR = 1\nSEED = 3\n", False),
        ("a.py", "LR = 1\n", "LR = 1\nLRS = 3\n", False),
        ("a.json", '{"LR": 1, "n": {"LR": 2}}', '{"LR": 5, "n": {"LR": 2}}', True),
        ("a.json", '{"LR": 1, "n": {"LR": 2}}', '{"LR": 1, "n": {"LR": 3}}', False),
    ],
)
def test_a_change_may_be_of_these_parts_only(
    path: str, before: str, after: str, only: bool
) -> None:
    assert changes_only(path, before, after, ["[b]", "LR"]) is only


@pytest.mark.parametrize(
    ("text", "many"), [("[a]\nx = 1\n[b]\ny = 3\n", 0), ("[a]\nx = 2\n[b]\ny = 2\n", 1)]
)
def test_a_kept_commit_may_change_what_is_allowed(text: str, many: int, tmp_path: Path) -> None:
    loop = Small(tmp_path)
    loop.write("program.md", "Edit `train.py`. In `a.toml` you may set `[b]` and nothing else.\n")
    loop.write("a.toml", TOML)
    loop.log(loop.save("Start"), "1.000000", "1.0", "keep", "baseline")
    loop.trial(0.02, 0.98, "keep", "rate 2")
    loop.write("a.toml", text)
    loop.write("train.py", TRAIN.format(lr=0.03))
    loop.log(loop.save("rate 3"), "0.970000", "1.0", "keep", "rate 3")
    loop.save("log")

    assert len(about(loop.audit(), "scope")) == many
