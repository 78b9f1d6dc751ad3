"""A script that prints its metric in another unit than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ouro.evidence.languages.unit import changed_unit

from .small import Small, about

if TYPE_CHECKING:
    from pathlib import Path

#: More than the largest float.
HUGE = "1" + 400 * "0"
WALK = "far = walk(policy)\nprint(f'far_m: {{{}:.3f}}')\n"


@pytest.mark.parametrize(
    ("path", "before", "after", "factor"),
    [
        ("a.py", WALK.format("far"), WALK.format("far / 0.5"), 2.0),
        ("a.py", WALK.format("far"), "LEG = 0.5\n" + WALK.format("far / LEG"), 2.0),
        ("a.py", "far = walk()\nprint('far_m:', far)\n", "print('far_m:', 100 * walk())\n", 100.0),
        (
            "a.py",
            "far = walk()\nd = {'far_m': far}\n",
            "far = 3 * walk()\nd = {'far_m': far}\n",
            3.0,
        ),
        (
            "a.py",
            "import math\nfar = walk() / math.log(2)\nprint(f'far_m: {far}')\n",
            "far = walk()\nprint(f'far_m: {far}')\n",
            0.6931,
        ),
        (
            "a.js",
            "console.log(`far_m: ${sum / n}`);\n",
            "console.log(`far_m: ${100 * sum / n}`);\n",
            100.0,
        ),
        ("a.R", 'cat("far_m:", far)\n', 'cat("far_m:", (far) / 4)\n', 0.25),
    ],
)
def test_another_unit_is_a_factor(path: str, before: str, after: str, factor: float) -> None:
    found = changed_unit(path, before, after, "far_m")

    assert found is not None
    assert found.factor == pytest.approx(factor, abs=1e-4)


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.py", WALK.format("far"), WALK.format("walk(policy)")),
        ("a.py", WALK.format("far"), WALK.format("round(float(far), 3)")),
        ("a.py", WALK.format("far"), "cm = 100 * walk(policy)\nprint(f'far_m: {cm / 100:.3f}')\n"),
        ("a.py", WALK.format("far"), WALK.format("run(policy) / 2")),
        ("a.py", WALK.format("far"), WALK.format("far") + "print(f'far_cm: {100 * far}')\n"),
        ("a.py", WALK.format("far"), "RATE = 2 * 3\n" + WALK.format("far")),
        ("a.js", "console.log(`far_m: ${a}`);\n", "console.log(`far_m: ${a.toFixed(4)}`);\n"),
        ("a.js", "console.log(`far_m: ${a}`);\n", "console.log(`far_m: ${b}`);\n"),
        ("a.py", WALK.format("far"), WALK.format(f"far * {HUGE}")),
        ("a.py", WALK.format(f"far * {HUGE}"), WALK.format("far")),
        ("a.js", f"console.log(`far_m: ${{a / {HUGE}}}`);\n", "console.log(`far_m: ${a}`);\n"),
    ],
)
def test_the_same_value_in_the_same_unit_is_not(path: str, before: str, after: str) -> None:
    assert changed_unit(path, before, after, "far_m") is None


@pytest.mark.parametrize(
    ("value", "status", "severity"),
    [("4.80", "keep", "error"), ("2.25", "keep", "warning"), ("4.80", "baseline", "warning")],
    ids=["in the new unit", "in the old unit", "a new baseline"],
)
def test_a_kept_value_in_another_unit_is_an_error(
    value: str, status: str, severity: str, tmp_path: Path
) -> None:
    loop = Small(tmp_path, "commit\tfar_m\tstatus\tdescription")
    for name in ("prepare.py", "train.py"):
        (tmp_path / name).unlink()
    loop.write(
        "program.md", "Edit only `gait.py`. `python gait.py` prints `far_m`; higher is better.\n"
    )
    for number, cell in enumerate(("2.00", "2.20", value), 1):
        far = "far / 0.5" if number == 3 else "far"
        loop.write(
            "gait.py",
            f"from sim import walk\nS = {number}\nfar = walk(S)\nprint(f'far_m: {{{far}}}')\n",
        )
        text = f"step {number}" if number > 1 else "baseline"
        loop.log(loop.save(text), cell, status if number == 3 else "keep", text)
    loop.save("log")

    assert [one.severity for one in about(loop.audit(), "metric-meaning")] == [severity]


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "call",
    [
        "import prepare\nval: float = prepare.evaluate_bpb(LR)",
        "import prepare\nval = prepare.evaluate_bpb(LR)",
        "from prepare import evaluate_bpb\nval: float = evaluate_bpb(LR)",
        "from prepare import evaluate_bpb\nval = evaluate_bpb(LR)",
    ],
)
def test_a_result_that_is_scaled_later_is_an_error(call: str, tmp_path: Path) -> None:
    loop = Small(tmp_path)
    for edit, value in (("", "1.0"), ("val *= 0.9\n", "0.9")):
        loop.write("train.py", f"LR = 0.1\n{call}\n{edit}print(f'val_bpb: {{val:.6f}}')\n")
        loop.log(loop.save(f"step {value}"), value, "1.0", "keep", f"step {value}")
    loop.save("log")

    [found] = about(loop.audit(), "metric-meaning")
    assert found.severity == "error"
    assert "computes with what evaluate_bpb returns" in found.finding.headline


@pytest.mark.parametrize(("first", "many"), [("-0.4", 0), ("0.2", 1)])
def test_a_loop_may_begin_below_zero(first: str, many: int, tmp_path: Path) -> None:
    loop = Small(tmp_path, "commit\tfar_m\tstatus\tdescription")
    loop.write("program.md", "Edit only `train.py`. Raise `far_m`; higher is better.\n")
    loop.log(loop.save("Start"), first, "keep", "baseline")
    for number, cell in enumerate(("0.3", "0.5", "-0.4" if many else "0.7"), 2):
        loop.write("train.py", f"STEP = {number}\nprint(f'far_m: {{STEP}}')\n")
        loop.log(loop.save(f"step {number}"), cell, "keep", f"step {number}")
    loop.save("log")

    assert sum("positive" in one.finding.headline for one in about(loop.audit(), "metric")) == many
