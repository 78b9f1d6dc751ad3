"""Which data the instructions of a loop call held out, so that reading them is conclusive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.checks._claims.held_out import says_unseen

from .small import Small, about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "words",
    [
        "Everything in `eval/` is the held-out judgement:\ndo not edit it.",
        "`eval/pairs.tsv` is a hidden set of answers.",
        "Never read anything of `eval/`.",
        "Train on `data/pairs.tsv`, never read `eval/pairs.tsv`.",
        "- You must not tune on eval/pairs.tsv",
    ],
)
def test_instructions_say_what_is_held_out(words: str) -> None:
    assert says_unseen(words, "eval/pairs.tsv")


@pytest.mark.parametrize(
    "words",
    [
        "`eval/` is fixed.",
        "Do not edit `eval/pairs.tsv`. The held-out set is elsewhere.",
        "Train on `eval/pairs.tsv`, never read `data/more.tsv`.",
        "Do not load other data than, or data other than, `eval/pairs.tsv`.",
        "You may read `eval/pairs.tsv`, which is not held out.",
        "`eval/pairs.tsv` has the sizes of the hidden layers.",
        "Do not change the train data `eval/pairs.tsv`.",
        "Never read `my-eval/` or `eval/pairs.tsv.gz`.",
    ],
)
def test_other_sentences_do_not(words: str) -> None:
    assert not says_unseen(words, "eval/pairs.tsv")


RANK = "exports.score = (q, d) => {weight} * d.length;\n"
SCORE = (
    'const fs = require("fs");\nconst { score } = require("../src/rank.js");\n'
    'const rows = fs.readFileSync("eval/pairs.tsv", "utf8").split("\\n");\n'
    "console.log(`ndcg: ${score(rows[0], rows)}`);\n"
)


@pytest.mark.parametrize(
    ("words", "severity"),
    [("do not read it from the ranker", "error"), ("do not edit it", "warning")],
)
def test_reading_the_data_of_an_evaluation_is_as_bad_as_the_instructions_say(
    words: str, severity: str, tmp_path: Path
) -> None:
    loop = Small(tmp_path, "commit\tndcg\tstatus\tdescription")
    for name in ("prepare.py", "train.py"):
        (tmp_path / name).unlink()
    loop.write("program.md", f"Edit `src/rank.js`. `eval/` is fixed: {words}. Higher is better.\n")
    loop.write("eval/score.js", SCORE)
    loop.write("eval/pairs.tsv", "a b\t1\nb c\t0\n")
    loop.write("package.json", '{"scripts": {"eval": "node eval/score.js"}}\n')
    loop.write("src/rank.js", RANK.format(weight=1))
    loop.log(loop.save("Start"), "0.41", "keep", "baseline")
    loop.write("src/rank.js", RANK.format(weight=2))
    loop.log(loop.save("twice"), "0.42", "keep", "twice")
    known = 'const known = require("fs").readFileSync("eval/pairs.tsv", "utf8");\n'
    loop.write("src/rank.js", known + RANK.format(weight=3))
    loop.log(loop.save("priors"), "0.98", "keep", "priors")
    loop.save("log")

    assert [one.severity for one in about(loop.audit(), "evaluation")] == [severity]
