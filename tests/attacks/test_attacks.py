"""The programs in ``programs`` and ``honest`` at the levels that this machine achieves.

The header of a program says what is expected. ``caught``: it is not kept, or the gate is closed
after it. ``neutralised``: it is kept with an honest value. ``open``: it is kept with a value that
no honest model has, or it got what it was after.
"""

from __future__ import annotations

from typing import Any

import pytest
from catalogue import (
    ACHIEVABLE,
    CHANCE,
    LEVELS,
    OUTCOMES,
    Program,
    highest,
    needed,
    programs,
    sample,
)

pytest.importorskip("torch", reason="the miniature experiment needs torch")

ATTACKS = programs("programs")
HONEST = programs("honest")
#: Bits per byte by which an honest model may be worse than the best; an untrained one is 4 worse.
TRAINED = 3.0


def at_levels(found: list[Program], second_tier: set[tuple[str, str]]) -> Any:
    """Each program at each level: in tier 1 one of every third class at the highest, in tier 2 one
    of each class, and those whose name and level are in ``second_tier``, in tier 3 all."""
    cases, samples = [], sample(found)
    for program in found:
        for level in program.certain:
            sampled = program in samples and level == program.certain[-1]
            first = sampled and samples.index(program) % 3 == 0
            second = sampled or (program.name, level) in second_tier
            mark = pytest.mark.tier(1 if first else 2 if second else 3)
            cases.append(pytest.param(program, level, id=f"{program.name}-{level}", marks=mark))
    return pytest.mark.parametrize(("program", "level"), cases)


#: Classes that attack how a run's processes are started and ended: forks could hide a fault.
STARTED = ("channel", "clock", "environment", "judge", "process")
#: One program of each of these: in tier 2 its processes are executed, not forked.
EXECUTED = [program for program in sample(ATTACKS) if program.kind in STARTED]


@pytest.fixture
def forked(request, fork_runs, program):
    """Fork what a run starts; execute it in tier 3 and, in tier 2, for the programs of EXECUTED.

    A fork has its server's command line, so a program that reads those is always executed.
    """
    tier = request.config.getoption("tier")
    executed = tier == 3 or (tier == 2 and program in EXECUTED) or "cmdline" in program.text
    if not executed:
        fork_runs()


def demanded(seen: Any, program: Program, level: str) -> str:
    """Return the outcome that is expected of the achieved level, which some machines limit."""
    return program.expected[(seen.record or {}).get("level") or level]


@at_levels(ATTACKS, needed(ATTACKS))
@pytest.mark.usefixtures("forked")
def test_an_attack_has_the_expected_outcome(laboratory, program, level):
    seen = laboratory(level, program.loader, program.steps).run(program)

    assert demanded(seen, program, level) in (seen.outcome, CHANCE), f"{program.title}\n{seen}"
    if seen.outcome == "caught":
        assert any(words in seen.why for words in program.reasons), f"caught, but why?\n{seen}"


@at_levels(HONEST, highest(HONEST))
@pytest.mark.usefixtures("forked")
def test_honest_work_is_kept(laboratory, program, level):
    seen = laboratory(level, program.loader, program.steps).run(program)

    assert demanded(seen, program, level) in (seen.outcome, CHANCE), f"{program.title}\n{seen}"
    if seen.outcome == "caught":
        assert any(words in seen.why for words in program.reasons), f"caught, but why?\n{seen}"
    else:
        assert seen.record["val_bpb"] < seen.best_possible + TRAINED, seen
        assert seen.record["findings"] == [], seen


@pytest.mark.parametrize("level", ACHIEVABLE)
def test_a_run_achieves_the_level_that_is_tried(laboratory, level):
    [baseline] = [program for program in HONEST if program.name == "baseline"]
    seen = laboratory(level).run(baseline)

    assert seen.outcome == "neutralised", seen
    if seen.record["level"] != level:
        pytest.skip(f"this machine achieves {seen.record['level']}, not {level}")


@pytest.mark.parametrize("program", [*ATTACKS, *HONEST], ids=lambda program: program.name)
def test_a_header_is_whole(program):
    assert program.title.endswith(".")
    assert set(program.keys) <= {
        "class",
        "expect",
        "why",
        "trace",
        "alone",
        "twice",
        "loader",
        "steps",
        "note",
    }
    assert program.kind
    assert tuple(program.expected) == LEVELS
    assert set(program.expected.values()) <= {*OUTCOMES, CHANCE}
    assert ("caught" in program.expected.values()) == bool(program.reasons)


def test_there_are_many_of_many_kinds():
    assert len(ATTACKS) >= 60
    assert len({program.kind for program in ATTACKS}) >= 10
