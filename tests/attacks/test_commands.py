"""The programs in ``commands`` and ``commands_honest``: experiments by `command` at each level.

The bound demands the level that is tried, so that a run at a lower one is not kept.
"""

from __future__ import annotations

from typing import Any

import pytest
from catalogue import LEVELS, OUTCOMES, highest, needed, programs
from command_lab import write_task
from pytest_ouro.bound.tables import LEVELS as ORDER

from conftest import Laboratory

ATTACKS = programs("commands")
HONEST = programs("commands_honest")


def cases(found: list[Any], first_tier: tuple[str, ...], second_tier: set[Any]) -> Any:
    """Each program at each level: in tier 1 these of them at the highest, in tier 2 the
    levels where protection could be lost, in tier 3 all."""
    made = []
    for program in found:
        for level in LEVELS:
            first = program.name in first_tier and level == LEVELS[-1]
            tier = 1 if first else 2 if (program.name, level) in second_tier else 3
            mark = pytest.mark.tier(tier)
            made.append(pytest.param(program, level, id=f"{program.name}-{level}", marks=mark))
    return pytest.mark.parametrize(("program", "level"), made)


@pytest.fixture
def seen(program: Any, level: str, new_repository: Any) -> Any:
    evaluation = program.keys.get("evaluation", "evaluate.py")
    best = write_task(new_repository, level, evaluation)
    found = Laboratory(new_repository, best, "candidate.py").run(program)
    reached = (found.record or {}).get("level", level)
    why = (found.record or {}).get("level_why", "")
    if ORDER.index(reached) < ORDER.index(level) and why.startswith("no sandbox"):
        pytest.skip(f"this machine achieves {reached}: {why}")
    return found


@cases(ATTACKS, ("answers_read", "artefact_link", "evaluation_imported"), needed(ATTACKS))
def test_an_attack_has_the_expected_outcome(seen, program, level):
    assert program.expected[level] == seen.outcome, f"{program.title}\n{seen}"
    if seen.outcome == "caught":
        assert any(words in seen.why for words in program.reasons), f"caught, but why?\n{seen}"


@cases(HONEST, ("baseline",), highest(HONEST))
def test_honest_work_is_kept(seen, program, level):
    assert seen.outcome == "neutralised", seen
    assert seen.record["status"] == "keep", seen
    assert (seen.record["level"], seen.record["caught"]) == (level, []), seen


@pytest.mark.parametrize("program", [*ATTACKS, *HONEST], ids=lambda program: program.name)
def test_a_header_is_whole(program):
    assert program.title.endswith(".")
    assert set(program.keys) <= {"class", "expect", "why", "trace", "twice", "evaluation"}
    assert tuple(program.expected) == LEVELS
    assert set(program.expected.values()) <= {*OUTCOMES}
    assert ("caught" in program.expected.values()) == bool(program.reasons)
