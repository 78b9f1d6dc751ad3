"""The states of keeps as a pure function of the records: every row of its table."""

import random
from itertools import pairwise

import pytest

from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.records.reasons import RECORDED
from pytest_ouro.evidence.records.run_record import FinishedRun
from pytest_ouro.evidence.records.statement import Statement
from pytest_ouro.evidence.records.states import (
    fallen,
    keep_states,
    standing_keeps,
    states_by_run,
)

A, B, C, D = (letter * 40 for letter in "abcd")
#: The branch, newest commit first.
BRANCH = (D, C, B, A)


def run(commit, reason="improved", on=None, **facts):
    """A finished run of a commit whose code is its own, compared with the commit ``on``."""
    outcome = {"breach": "breach", "crash": "crash"}.get(reason, "ok")
    return FinishedRun(
        **{
            "time": "2025-01-01T00:00:00+00:00",
            "run": f"{random.getrandbits(48):012x}",
            "commit": commit,
            "code": {"train.py": commit},
            "code_meaning": f"meaning of {commit}",
            "harness": "harness",
            "data": "data",
            "device": "cpu",
            "metric_name": "loss",
            "outcome": outcome,
            "value": 1.0 if outcome == "ok" else None,
            "status": RECORDED[reason].status,
            "reason": RECORDED[reason],
            "row": "",
            "best_commit": on,
            **facts,
        }
    )


def stated(result, tip=C, baseline=B, event="confirmation"):
    pairs = ({}, {}, {}, {})
    return Statement(
        time="", event=event, plan="0" * 12, result=result, baseline=baseline, tip=tip, pairs=pairs
    )


#: A baseline, and three keeps, each on the one before.
NIGHT = [run(A, "baseline"), run(B, on=A), run(C, "marginal", on=B), run(D, "simpler", on=C)]


def words(runs, statements=()):
    """The states of the branch's commits, oldest first, by their first letters."""
    found = keep_states(runs, statements)
    return "".join(found[commit].state[0] for commit in BRANCH[::-1] if commit in found)


def test_a_keep_is_provisional_until_something_is_known():
    runs = [*NIGHT, run("e" * 40, "worse", on=D), run("f" * 40, "crash")]

    assert words(runs) == "pppp"
    assert fallen(runs) == set()
    assert [one.commit for one in standing_keeps(BRANCH, runs)] == list(BRANCH)


@pytest.mark.parametrize(
    ("statements", "states", "standing"),
    [
        ([stated("confirmed")], "ppcp", 4),
        ([stated("stated")], "pppp", 4),
        ([stated("undecided")], "pppp", 4),
        ([stated("refuted")], "pprv", 2),
        ([stated("refuted", B, A)], "prvv", 1),
        ([stated("refuted", D, C)], "pppr", 3),
        ([stated("refuted"), stated("confirmed", D, C)], "pprv", 2),
        ([stated("confirmed"), stated("refuted")], "pprv", 2),
        ([stated("refuted"), stated("confirmed")], "ppcp", 4),
        ([stated("refuted"), stated("undecided")], "pprv", 2),
        ([stated("granted", D, A, "certificate")], "pppp", 4),
        ([stated("granted", C, B, "certificate")], "ppcp", 4),
        ([stated("not-granted", C, B, "certificate")], "pppp", 4),
        ([stated("measured", C, C, "calibration")], "pppp", 4),
        ([stated("refuted", "e" * 40, D)], "pppp", 4),
    ],
)
def test_a_statement_confirms_or_refutes_its_tip(statements, states, standing):
    assert words(NIGHT, statements) == states
    kept = standing_keeps(BRANCH, NIGHT, statements)
    assert [one.commit for one in kept] == list(BRANCH[4 - standing :])


def test_a_state_says_why():
    found = keep_states(NIGHT, [stated("refuted")])

    assert found[C].why == "its gain did not show on 4 fresh pairs"
    assert found[D].why == f"its reference {C[:7]} is refuted"
    assert (found[C].lost, found[D].lost, found[D].stands) == (True, False, False)
    assert found[A] == keep_states(NIGHT)[A]


@pytest.mark.parametrize(
    ("facts", "states"),
    [
        ({"commit": C}, "ppvv"),
        ({"commit": C, "purpose": "pair"}, "ppvv"),
        ({"commit": "e" * 40, "code_meaning": f"meaning of {C}"}, "ppvv"),
        ({"commit": "e" * 40, "code": {"train.py": C}, "code_meaning": "of another form"}, "ppvv"),
        ({"commit": "e" * 40}, "pppp"),
        ({"commit": C, "harness": "another", "worktree": "elsewhere"}, "pppp"),
        ({"commit": A}, "vppp"),
        # Its time alone depends on the machine.
        ({"commit": C, "budget": 20.0, "tolerance": 1.0, "window_seconds": 22.0}, "pppp"),
        ({"commit": C, "budget": 20.0, "tolerance": 1.0, "window_seconds": 20.5}, "ppvv"),
        ({"commit": C, "budget": 20.0, "window_seconds": 22.0, "caught": ("a socket",)}, "ppvv"),
        ({"commit": C, "budget": 20.0, "window_seconds": 22.0, "claim_agrees": False}, "ppvv"),
        ({"commit": C, "budget": 20.0, "window_seconds": 22.0, "evaluations": 2}, "ppvv"),
    ],
)
def test_a_later_breach_of_the_same_code_makes_a_keep_void(facts, states):
    commit = facts.pop("commit")
    code = {"code_meaning": f"meaning of {commit}"} if commit in BRANCH else {}
    runs = [*NIGHT, run(commit, "breach", **(code | facts))]

    assert words(runs) == states
    assert len(standing_keeps(BRANCH, runs)) == (2 if states == "ppvv" else 4)


def test_a_breach_before_the_deciding_run_changes_nothing():
    runs = [NIGHT[0], run(B, "breach"), *NIGHT[1:]]

    assert words(runs) == "pppp"


def test_a_crash_is_not_a_breach():
    assert words([*NIGHT, run(C, "crash")]) == "pppp"


@pytest.mark.parametrize(
    ("facts", "states"),
    [
        ({"harness": "another"}, "vvvvp"),
        ({"data": "other"}, "vvvvp"),
        ({"baseline": "blessed again"}, "vvvvp"),
        ({"harness": None}, "ppppp"),
        ({"harness": "another", "device": "cuda"}, "ppppp"),
        ({"harness": "another", "worktree": "elsewhere"}, "ppppp"),
        ({"harness": "another", "metric_name": "accuracy"}, "ppppp"),
        ({"harness": "another", "code": {"other/train.py": "e"}}, "ppppp"),
        ({"harness": "another", "code": {"train.py": "e", "model.py": "e"}}, "vvvvp"),
    ],
)
def test_other_conditions_make_a_keep_void_and_it_stands(facts, states):
    last = "e" * 40
    runs = [*NIGHT, run(last, "baseline", **facts)]
    found = keep_states(runs, [stated("confirmed")])

    assert "".join(found[commit].state[0] for commit in (A, B, D, last)) == states[1:]
    assert found[C].state == ("void" if states[0] == "v" else "confirmed")
    assert len(standing_keeps(BRANCH, runs)) == 4


def test_what_was_restored_is_not_void():
    runs = [*NIGHT, run("e" * 40, "crash", harness="another"), run("f" * 40, "crash")]

    assert words(runs) == "pppp"
    assert keep_states(runs[:-1])[D].why == "the harness changed after its run"


def test_the_run_that_decides_has_the_state():
    again = run(B, "marginal", on=A)
    dropped = run(C, "worse", on=B)
    found = states_by_run([*NIGHT, again, dropped])

    assert NIGHT[1].run not in found
    assert NIGHT[2].run not in found
    assert found[again.run].state == "provisional"


def test_a_long_night_needs_no_deep_stack():
    commits = [f"{number:040x}" for number in range(3000)]
    runs = [run(commits[0], "baseline")]
    runs += [run(one, on=before) for before, one in pairwise(commits)]

    found = keep_states(runs, [stated("refuted", commits[1], commits[0])])

    assert found[commits[0]].state == "provisional"
    assert {found[commit].state for commit in commits[2:]} == {"void"}


def test_nothing_else_than_the_records_counts():
    """The same records give the same states, whatever the order of keys or of questions."""
    statements = [stated("refuted")]
    first = keep_states(NIGHT, statements)

    assert keep_states([replace(one) for one in NIGHT], iter(statements)) == first
    assert keep_states([]) == {}
