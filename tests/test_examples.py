"""Each folder of docs/examples, in a repository of its own: a baseline, then three edits of it."""

import re
import shutil
from pathlib import Path

import pytest

from pytest_ouro.cli.bless import bless
from pytest_ouro.engine import open_case
from pytest_ouro.experiment.run import Order, run_experiment

EXAMPLES = Path(__file__).parents[1] / "docs/examples"

BATCHER = '''\
def comparisons():
    """Odd-even merge sort."""
    for merged in (1, 2, 4, 8):
        for gap in (8, 4, 2, 1):
            for low in range(gap % merged, PLACES - gap, 2 * gap) if gap <= merged else ():
                for place in range(low, low + gap):
                    if place // (2 * merged) == (place + gap) // (2 * merged):
                        yield place, place + gap
'''
BUBBLE = (EXAMPLES / "algorithm/sort.py").read_text(encoding="utf-8")
BUBBLE = BUBBLE[BUBBLE.index("def comparisons") : BUBBLE.index("\n\nif __name__")]
SUMS = "    return [sum(values[i : i + width]) for i in range(len(values) - width + 1)]\n"
RUNNING = """\
    total = sum(values[:width])
    found = [total]
    for new, old in zip(values[width:], values, strict=False):
        total += new - old
        found.append(total)
    return found
"""
LOOPS = """\
    found = []
    for start in range(len(values) - width + 1):
        total = 0
        for value in values[start : start + width]:
            total += value
        found.append(total)
    return found
"""
HALF = 'return "AB"[visitor.number % 2]'

#: Edits of each example: ``(file, old, new)`` for one that is better, worse, wrong, and a cheat.
EDITS = {
    "hyperparameters": (
        ("params.json", '"degree": 3', '"degree": 7'),
        ("params.json", '"degree": 3', '"degree": 1'),
        ("params.json", '"rate": 0.3', '"rate": 9e9'),
        ("evaluate.py", "error * error", "0.01 * error"),
    ),
    "compiler": (
        ("flags.txt", "-O2", "-Os"),
        ("flags.txt", "-O2", "-O3 -funroll-loops"),
        ("flags.txt", "-O2", "-O2 -DSIZE=2"),
        ("program.c", "primes(10000)", "1229u"),
    ),
    "algorithm": (
        ("sort.py", BUBBLE, BATCHER),
        ("sort.py", "            yield place,", "            yield 0, 1\n            yield place,"),
        ("sort.py", "PLACES - 1, 0, -1", "PLACES - 1, 1, -1"),
        ("evaluate.py", "len(network)", "len(network) // 2"),
    ),
    "regression": (
        ("fast.py", SUMS, RUNNING),
        ("fast.py", SUMS, LOOPS),
        ("fast.py", SUMS, SUMS.replace("width + 1", "width")),
        ("reference.py", SUMS, LOOPS),
    ),
    "ab-test": (
        ("policy.py", HALF, 'return "B" if visitor.mobile and visitor.visits <= 3 else "A"'),
        ("policy.py", HALF, 'return "B" if visitor.visits > 3 else "A"'),
        ("policy.py", HALF, 'return "C"'),
        ("simulate.py", "0.04 if", "0.40 if"),
    ),
}


@pytest.fixture(params=EDITS)
def name(request):
    if request.param == "compiler" and not (shutil.which("cc") and shutil.which("size")):
        pytest.skip("no C compiler here (cc and size)")
    return request.param


@pytest.fixture
def example(name, new_repository):
    """The example's files, blessed and committed in a repository of their own."""
    shutil.copytree(EXAMPLES / name, new_repository.path, dirs_exist_ok=True)
    new_repository.commit("the experiment")
    bless(new_repository.path / "bound.toml")
    new_repository.commit("bless")
    return new_repository


def run(example, edit):
    """Go back to the baseline, edit, commit, and run that."""
    example.git("reset", "-q", "--hard", "baseline")
    example.edit(*edit)
    example.commit("an idea")
    return run_experiment(open_case(example.path / "bound.toml"), Order())


@pytest.mark.tier(2, but=1)
def test_a_baseline_then_a_keep_a_discard_a_crash_and_a_closed_gate(example, name):
    done = example.pytest("--ouro-experiment")
    last = done.stdout.rstrip().splitlines()[-1]
    assert re.fullmatch(r"ouro: keep \w+=\S+ level=supervised commit=\S+ reason=baseline", last), (
        done.stdout
    )
    assert done.returncode == 0
    example.git("tag", "baseline")

    better, worse, wrong, cheat = EDITS[name]
    results = [run(example, edit) for edit in (worse, wrong, cheat, better)]
    assert [result.status for result in results] == ["discard", "crash", "closed", "keep"]
    assert [result.reason for result in results[2:]] == ["rules-broken", "improved"]
    assert results[0].reason == "worse"
    assert results[0].best == results[3].best == pytest.approx(float(last.split("=")[1].split()[0]))
    assert example.git("status", "--porcelain") == ""


def test_its_page_is_short_and_shows_the_last_line(name):
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    assert re.search(r"^ouro: keep \w+=\S+ level=supervised commit=a1b2c3d", text, re.MULTILINE)
    assert f"({name}/README.md)" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
