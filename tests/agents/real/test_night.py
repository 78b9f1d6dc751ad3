"""A night of ten tries by each real program: the loop as the page and the program's file tell it,
played by a scripted model, with nothing done by hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ouro.evidence.records.journal import Journal
from tests.agents.test_a_night import FILES

from .conftest import refusal_of
from .programs import PROGRAMS

pytestmark = pytest.mark.tier(3)

BRIEF = "pytest-ouro brief"
RUN = "pytest --ouro-experiment --ouro-settle -q"
REFUSAL = "prepare.py is frozen (danger-zone::prepare: prepare.py: fixed evaluation harness. "
#: Start a run, and interrupt it when its script trains: job control lets it see the signal.
INTERRUPTED = (
    f": > run.log; set -m; {RUN} & until grep -qs begin run.log; do sleep 0.2; done; "
    "kill -INT $!; wait $!"
)
#: What the journal has in the end.
RUNS = [
    ("Bless the rules", "keep", "baseline"),
    ("weight 1.8", "keep", "noise-unknown"),
    ("weight 2.5", "discard", "worse"),
    ("weight 1 / 0", "crash", "crash"),
    ("weight 1.6", "crash", "interrupted"),
    ("weight 1.6", "keep", "noise-unknown"),
    ("weight 1.4", "keep", "noise-unknown"),
    ("weight 2.6", "discard", "worse"),
    ("weight 1.2", "keep", "noise-unknown"),
    ("weight 1.05", "keep", "noise-unknown"),
]
CHEAT = "python3 -c \"open('prepare.py', 'a').write('# better\\n')\""


@pytest.fixture
def loop(new_repository):
    """A clone that a person has set up by what our commands print; the baseline is not run."""
    project = new_repository
    project.commit("the experiment", FILES)
    setup("pytest-ouro init", project)
    text = (project.path / "bound.toml").read_text()
    # A busy machine is not what is tested.
    text = re.sub(r"(?m)^tolerance .*", "tolerance = 5", text)
    project.write({"bound.toml": re.sub(r"(?m)^timeout .*", "timeout = 120", text)})
    project.commit("State the rules")
    setup(f"pytest-ouro init --agents={','.join(PROGRAMS)}", project)
    project.commit("Tell the agents")
    setup("pytest-ouro bless && git add bound.lock && git commit -qm 'Bless the rules'", project)
    setup("git checkout -q -b research/night", project)
    return project


def setup(command, project):
    """Run a command as a person does."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=project.path, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def driver(drive, loop):
    """A driver of the program in the loop."""
    return drive(loop)


@pytest.fixture
def attempt(driver, loop):
    """``attempt(old, new)``: the calls of one try: change the weight, commit, run."""
    tools = driver.program

    def attempt(old, new):
        return [
            *tools.edit(f"{loop.path}/train.py", f"WEIGHT = {old}", f"WEIGHT = {new}"),
            tools.shell(f"git commit -qam 'weight {new}'"),
            tools.shell(RUN),
        ]

    return attempt


def test_a_night_of_ten_tries(driver, loop, attempt):
    tools, top = driver.program, loop.path
    harness = (top / "prepare.py").read_bytes()
    refusal = refusal_of(f"{top}/prepare.py")

    shown = driver.play({
        "rules": tools.shell("cat AGENTS.md"),
        "brief": tools.shell(BRIEF),
        "baseline": tools.shell(RUN),
        "better": attempt("2.0", "1.8"),
        "worse": attempt("1.8", "2.5"),
        "crash": attempt("1.8", "1 / 0"),
        "refused": tools.edit(f"{top}/prepare.py", "TIME_BUDGET = 1", "TIME_BUDGET = 9"),
        "cheat": [tools.shell(CHEAT), tools.shell("git commit -qam 'a better evaluation'")],
        "closed": tools.shell(RUN),
        "undone": tools.shell("git reset -q --hard HEAD~1"),
        "interrupted": [*attempt("1.8", "1.6")[:-1], tools.shell(INTERRUPTED)],
    })  # fmt: skip
    session = driver.played

    assert RUN in shown["rules"]
    assert RUN in shown["brief"]
    assert last(shown["baseline"]).startswith("ouro: keep val_bpb=1.500000")
    assert last(shown["better"]).startswith("ouro: keep val_bpb=1.300000")
    assert " reason=worse" in last(shown["worse"])
    assert last(shown["crash"]).startswith("ouro: crash")
    assert REFUSAL in refusal
    assert refusal in shown["refused"]
    assert re.fullmatch(r"ouro: closed commit=\w+ reason=rules-broken", last(shown["closed"]))
    assert "never-do::modify-prepare BROKEN" in shown["closed"]
    assert (top / "prepare.py").read_bytes() == harness
    assert session.status == 0

    shown = driver.play({
        "resumed": tools.shell(f"{BRIEF} --json"),
        "again": tools.shell(RUN),
        "7": attempt("1.6", "1.4"),
        "8": attempt("1.4", "2.6"),
        "9": attempt("1.4", "1.2"),
        "10": attempt("1.2", "1.05"),
        "end": tools.shell(f"{BRIEF} --json"),
    })  # fmt: skip

    assert '"step": "run"' in shown["resumed"]
    assert '"reason": "interrupted"' in shown["resumed"]
    assert last(shown["again"]).startswith("ouro: keep val_bpb=1.100000")
    assert last(shown["7"]).startswith("ouro: keep val_bpb=0.900000")
    assert " reason=worse" in last(shown["8"])
    assert last(shown["9"]).startswith("ouro: keep val_bpb=0.700000")
    assert last(shown["10"]).startswith("ouro: keep val_bpb=0.550000")
    assert '"is_head": true' in shown["end"]

    runs = Journal(top / ".git").runs()
    assert [(run.description, run.status, str(run.reason)) for run in runs] == RUNS
    kept = ["weight 1.8", "weight 1.6", "weight 1.4", "weight 1.2", "weight 1.05"]
    log = loop.git("log", "--reverse", "--format=%s", "main..research/night")
    assert log.splitlines() == kept
    rows = (top / "results.tsv").read_text().splitlines()[1:]
    assert [tuple(row.split("\t")[-2:]) for row in rows] == [(run[1], run[0]) for run in RUNS]
    assert loop.git("status", "--porcelain") == ""


def last(shown):
    """Return the last line of pytest-ouro in what the model was shown."""
    return [line for line in shown.splitlines() if line.startswith("ouro: ")][-1]
