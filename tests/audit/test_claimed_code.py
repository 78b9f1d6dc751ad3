"""What the text of two versions of a file shows, and what a commit cell shows."""

from __future__ import annotations

import pytest

from pytest_ouro.checks._claims.constants import _budget_change, _setting_change
from pytest_ouro.checks._claims.meaning import _change, _may_change
from pytest_ouro.evidence.languages.surface import differs_in_seeds
from pytest_ouro.evidence.ledger.made_up import looks_made_up

IMPORTED = "from prepare import TIME_BUDGET\nLR = 0.1\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("TIME_BUDGET = 300\n", "TIME_BUDGET = 600\n"),
        ("MAX_SECONDS = 5 * 60\n", "MAX_SECONDS = 10 * 60\n"),
        (IMPORTED, IMPORTED + "TIME_BUDGET = 900\n"),
        (IMPORTED, IMPORTED + "import prepare\nprepare.TIME_BUDGET = 900\n"),
    ],
)
def test_a_changed_budget_is_seen(before: str, after: str) -> None:
    assert _budget_change(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("TIME_BUDGET = 300\n", "# TIME_BUDGET = 600\nTIME_BUDGET = 300\n"),
        ("TIME_BUDGET = 300\nLR = 1\n", "TIME_BUDGET = 300\nLR = 2\n"),
        (IMPORTED, IMPORTED + "left = TIME_BUDGET - 3\n"),
        ("budget = 3\n", "budget = 4\n"),
    ],
)
def test_an_honest_change_is_not_a_budget(before: str, after: str) -> None:
    assert _budget_change(before, after) == ""


def test_settings_that_are_not_python() -> None:
    assert _setting_change("time-budget: 300\nlr: 1\n", "time-budget: 600\nlr: 1\n")
    assert _setting_change("#define TIME_LIMIT 10\n", "#define TIME_LIMIT 20\n")
    assert _setting_change("time-budget: 300\nlr: 1\n", "time-budget: 300\nlr: 2\n") == ""
    assert differs_in_seeds("a.yaml", "seed: 1\nlr: 2\n", "# new\nseed: 7\nlr: 2\n")
    assert not differs_in_seeds("a.yaml", "seed: 1\nlr: 2\n", "seed: 7\nlr: 3\n")
    assert not differs_in_seeds("a.yaml", "lr: 2\n", "lr: 2\n")


@pytest.mark.parametrize("cell", ["a1b2c3d", "e2f3g4h", "1234567", "ab1ab1a", "1111111"])
def test_a_pattern_is_not_a_hash(cell: str) -> None:
    assert looks_made_up(cell)


@pytest.mark.parametrize("cell", ["c0afd33", "7e47464", "1066a32", "HEAD", "exp12", "-"])
def test_a_hash_or_a_word_is_not_made_up(cell: str) -> None:
    assert not looks_made_up(cell)


CALL = "val = evaluate(model)\nprint(f'bpb: {val}')\n"


@pytest.mark.parametrize(
    ("after", "sure"),
    [
        ("val = loss.item()\nprint(f'bpb: {val}')\n", True),
        ("val = evaluate(model) * 0.9\nprint(f'bpb: {val}')\n", True),
        ("val = evaluate(model)\nval -= 0.01\nprint(f'bpb: {val}')\n", True),
        ("val = evaluate(model)\nprint(f'bpb: {val * 0.98}')\n", True),
        ("val: float = evaluate(model)\nval -= 0.01\nprint(f'bpb: {val}')\n", True),
        ("val: float = evaluate(model) * 0.9\nprint(f'bpb: {val}')\n", True),
    ],
)
def test_another_metric_is_seen(after: str, sure: bool) -> None:
    assert _change(CALL, after, "evaluate", "bpb")[1] is sure


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("val = evaluate(model)\n", True),
        ("val = prepare.evaluate(model)\n", True),
        ("val: float = prepare.evaluate(model)\n", True),
        ("if done:\n    val: dict[str, float] = evaluate(model)\n", True),
        ("if done: val = evaluate(model)\nelse: val = 1\n", True),
        ("if done: pass\nelse: val = evaluate(model)\n", True),
        ("from prepare import evaluate as ev\nval = ev(model)\n", True),
        ("import prepare as p\nval = p.evaluate(\n    model\n)\n", True),
        ("val = 1\nprint(evaluate(model))\n", False),
        ("from prepare import evaluate as ev\nval = prev(model)\n", False),
    ],
)
def test_an_edit_of_the_result_is_looked_into(before: str, found: bool) -> None:
    after = before + "val -= 0.1\n"
    assert _may_change(before, after, "val -= 0.1\n", "evaluate", "bpb") is found


@pytest.mark.parametrize(
    "after",
    [
        CALL + "x = 2\n",
        "val = evaluate(model.eval())\nprint(f'bpb: {val:.6f}')\n",
        "import math\nval = evaluate(model) / math.log(2)\nprint(f'bpb: {val}')\n",
        "val = evaluate(model)\nprint(f'bpb: {val}')\nprint(f'acc: {100 * (1 - val)}')\n",
    ],
)
def test_the_same_metric_is_not_another(after: str) -> None:
    assert _change(CALL, after, "evaluate", "bpb") == ("", False)
