"""The figures of docs/selection.md keep what is promised, and one command makes them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/selection.md").read_text(encoding="utf-8")
TABLES = dict(re.findall(r"(?s)<!-- simulated: (\w+) -->\n(.*?)<!-- end -->", PAGE))


def rows(name):
    """The rows of a table of the page, each as a dictionary of its cells by their heading."""
    head, _, *lines = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TABLES[name].strip().splitlines()
    )
    return [dict(zip(head, line, strict=True)) for line in lines]


def numbers(cell):
    return [float(text) for text in re.findall(r"-?\d+(?:\.\d+)?", cell)]


@pytest.mark.parametrize("row", rows("limits"), ids=lambda row: f"{row['noise']}-{row['pairs']}")
def test_where_nothing_helps_hardly_anything_is_granted(row):
    _, _, highest = numbers(row["granted"])
    assert highest <= 6.0
    bias, half = numbers(row["gain − true, before the decision"])
    assert abs(bias) + half <= 0.05
    if row["falsely confirmed"]:
        assert sum(numbers(row["falsely confirmed"])) <= 0.05


def test_every_kind_of_noise_is_in_the_table():
    found = {row["noise"] for row in rows("limits")}

    assert found == {"gaussian", "t3", "skewed", "AR(1), φ = 0.5"}


@pytest.mark.parametrize(
    "row",
    [row for row in rows("gain") if row["placebos"] != "greedy"],
    ids=lambda row: f"{row['case']}-{row['ρ']}-{row['placebos']}",
)
def test_the_search_finds_nearly_what_a_greedy_one_does(row):
    share, half = numbers(row["of the greedy search's"])

    assert share - half >= (0.87 if float(row["placebos"]) else 0.90)


@pytest.mark.tier(2)
def test_one_command_makes_the_tables():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/selection.py"), "--nights", "4", "--jobs", "1"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    made = dict(re.findall(r"(?m)^(\w+)\n\n((?:\|.*\n)+)", done.stdout))
    assert made.keys() == TABLES.keys()
    for name, text in made.items():
        heads = [one.strip().splitlines()[0] for one in (text, TABLES[name])]
        assert heads[0] == heads[1]
        assert len(text.strip().splitlines()) == len(TABLES[name].strip().splitlines())
