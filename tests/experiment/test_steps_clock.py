"""The clock ``steps``: time that training batches alone advance, in real processes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ouro.child.clocks import StepClock

if TYPE_CHECKING:
    from collections.abc import Callable

#: The usual forms of a loop that ends with the budget, on a clock ``now``.
LOOPS = {
    "while": """
batches = make_dataloader()
start, spent = now(), 0.0
while spent < TIME_BUDGET:
    x, y = next(batches)
    spent = now() - start
""",
    "for": """
start = now()
for x, y in make_dataloader():
    if now() - start >= TIME_BUDGET:
        break
""",
    "fetched ahead": """
batches = make_dataloader()
start, spent = now(), 0.0
batch = next(batches)
while spent < TIME_BUDGET:
    batch = next(batches)
    spent = now() - start
""",
    "summed": """
batches = make_dataloader()
spent = 0.0
while spent < TIME_BUDGET:
    before = now()
    x, y = next(batches)
    spent += now() - before
""",
    "two loaders": """
one, other = make_dataloader(), make_dataloader()
start = now()
while now() - start < TIME_BUDGET:
    x, y = next(one if now() - start < TIME_BUDGET / 2 else other)
""",
}
#: Every clock that the harness or the script can read.
CLOCKS = [
    *("time.time()", "time.time_ns() / 1e9", "time.monotonic()", "time.monotonic_ns() / 1e9"),
    *("time.perf_counter()", "time.perf_counter_ns() / 1e9", "time.process_time()"),
    *("time.process_time_ns() / 1e9", "time.thread_time()", "time.clock_gettime(1)"),
    *("time.clock_gettime_ns(2) / 1e9", "os.times().user", "os.times()[4]"),
    "sum(os.times()[:4])",
]
HEAD = "import os, time\nfrom prepare import TIME_BUDGET, evaluate_bpb, make_dataloader\n"
END = "\nprint(f'val_bpb: {evaluate_bpb(2.0):.6f}')\n"
#: Waits until the clock ``now`` goes on by itself, then takes as many batches as it likes.
AS_LONG_AS_IT_LIKES = """
start = now()
while now() == start:
    pass
batches = make_dataloader()
for _ in range(4):
    next(batches)
"""


@pytest.fixture
def stepped(bench: Any) -> Callable[..., Any]:
    """``stepped(body, steps=7, budget=0.3)``: run a script with this body, and measure it."""

    def run(body: str, *, steps: int = 7, budget: float = 0.3, **changes: Any) -> Any:
        changes = {"clock": "steps", "steps": steps, "budget": budget, **changes}
        return bench.train(HEAD + body + END, **changes)

    return run


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_that_follows_the_budget_is_served_as_many_batches_as_steps(stepped, loop):
    seen = stepped("now = time.perf_counter\n" + LOOPS[loop])

    assert (seen.steps, seen.window_seconds, seen.evaluations) == (7, 0.3, 1), seen.tail
    assert seen.pace["batches"] == 7


def test_each_clock_tells_the_same_time(stepped):
    clocks = "[" + ", ".join(CLOCKS) + "]"
    body = f"first = {clocks}\nnext(make_dataloader())\ntime.sleep(0.01)\nlast = {clocks}\n"
    body += "import json\nprint(json.dumps([b - a for a, b in zip(first, last)]))\n"

    seen = stepped(body, steps=4, budget=2)

    [passed] = [json.loads(line) for line in seen.tail if line.startswith("[")]
    assert passed == pytest.approx([0.5] * len(CLOCKS), abs=1e-5)
    assert seen.window_seconds == 0.5


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("module", ["threading", "queue", "subprocess", "asyncio"])
def test_time_limits_of_the_standard_library_still_pass(stepped, module):
    waits = {
        "threading": "import threading\nc = threading.Condition()\n"
        "with c: print('waited:', c.wait_for(lambda: False, timeout=0.01))\n",
        "queue": "import queue\ntry: queue.Queue().get(timeout=0.01)\n"
        "except queue.Empty: print('waited: False')\n",
        "subprocess": "import subprocess\ntry: subprocess.run(['sleep', '60'], timeout=0.01)\n"
        "except subprocess.TimeoutExpired: print('waited: False')\n",
        "asyncio": "import asyncio\nasyncio.run(asyncio.sleep(0.01))\nprint('waited: False')\n",
    }

    seen = stepped(waits[module])

    assert seen.claims["waited"] == "False", seen.tail
    assert seen.stopped == ""


def test_each_batch_of_a_slice_counts(stepped, bench):
    harness = """
TIME_BUDGET = 9

class Batch(list):
    def numel(self):
        return len(self)

def make_dataloader():
    return [Batch([number] * 4) for number in range(50)]

def evaluate_bpb(model):
    return model
"""

    seen = stepped("data = make_dataloader()\ndata[0], data[2:6]\n", harness=harness)

    assert (seen.steps, seen.pace["batches"]) == (5, 5), seen.tail


def test_batches_of_the_warm_up_cost_nothing(stepped):
    body = "batches = make_dataloader()\n[next(batches) for _ in range(5)]\n"
    loop = LOOPS["while"].replace("batches = make_dataloader()\n", "")

    seen = stepped(f"{body}now = time.time\n{loop}", warmup_tokens=20, warmup_seconds=30.0)

    assert (seen.steps, seen.pace["before"], seen.pace["batches"]) == (7, 5, 12), seen.tail
    assert seen.clock_start == "warmup-tokens"


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "real",
    [
        pytest.param(
            "import ctypes\nlibc = ctypes.CDLL(None)\n"
            "class Spec(ctypes.Structure):\n"
            "    _fields_ = [('s', ctypes.c_long), ('n', ctypes.c_long)]\n"
            "def now():\n    spec = Spec()\n    libc.clock_gettime(1, ctypes.byref(spec))\n"
            "    return spec.s + spec.n / 1e9\n",
            id="ctypes",
        ),
        pytest.param(
            "import importlib.util\nspec = importlib.util.find_spec('time')\n"
            "now = importlib.util.module_from_spec(spec).monotonic\n",
            id="importlib",
        ),
        pytest.param(
            "now = next(c.cell_contents for c in time.monotonic.__closure__\n"
            "           if getattr(c.cell_contents, '__module__', '') == 'time')\n",
            id="closure",
        ),
        pytest.param("import datetime\nnow = lambda: datetime.datetime.now().timestamp()\n",
                     id="datetime"),
    ],
)  # fmt: skip
def test_a_script_with_the_machine_s_clock_serves_itself_more_and_it_is_counted(stepped, real):
    seen = stepped(real + AS_LONG_AS_IT_LIKES, steps=3)

    assert seen.steps == 4, seen.tail
    assert seen.window_seconds == pytest.approx(0.4)


def test_many_more_batches_end_the_run(stepped):
    seen = stepped("for x, y in make_dataloader(): pass\n", steps=40)

    assert (seen.stopped, seen.evaluations) == ("overrun", 0)
    assert seen.steps > 60


def test_batches_that_are_served_while_evaluating_count(stepped):
    model = "class Model(float):\n    def __float__(self):\n        next(make_dataloader())\n"
    model += "        return 2.0\n"
    seen = stepped(f"{model}now = time.time\n{LOOPS['while']}evaluate_bpb(Model())\n")

    assert seen.steps == 8


@pytest.mark.tier(2)
def test_a_script_that_asks_no_batch_is_killed_at_the_timeout(stepped):
    seen = stepped("while time.time() < time.time() + 1: pass\n", timeout=2.0)

    assert seen.stopped == "timeout"
    assert (seen.steps, seen.window_seconds) == (0, None)


@pytest.mark.parametrize(
    ("steps", "budget"), [(1, 20), (3, 0.1), (70, 20), (9999, 0.7), (30_000, 300)]
)
def test_no_rounding_adds_or_leaves_out_a_step(steps, budget):
    clock = StepClock(budget, steps)
    begins = (0, 1, 1000, 1_767_225_600)
    first = [(clock.seconds(begin), clock.nanoseconds(begin)) for begin in begins]
    passed = []
    for _ in range(steps):
        clock.serve()
        passed.append([
            *((clock.seconds(b) - s, (clock.nanoseconds(b) - n) / 1e9)
              for b, (s, n) in zip(begins, first, strict=True)),
        ])  # fmt: skip

    assert all(seconds >= budget for pair in passed[-1] for seconds in pair)
    assert all(seconds < budget for pair in (passed[-2] if steps > 1 else []) for seconds in pair)


EXACT = """\
[[iron-law]]
id    = "exact-budget"
rule  = "Training has exactly as many batches as the bound says."
check = "budget-exact"

"""


@pytest.fixture
def stepped_lab(lab: Any) -> Any:
    """The toy project with the clock ``steps``, which are 6."""
    anchor = '[[iron-law]]\nid    = "only-train-py"'
    steps = 'budget    = 0.3\nclock     = "steps"\nsteps     = 6'
    lab.bound(("budget    = 0.3", steps), (anchor, EXACT + anchor))
    return lab


def test_the_script_of_another_clock_is_kept_unchanged(stepped_lab):
    result = stepped_lab.run()

    assert (result.status, result.reason) == ("keep", "baseline"), result.message
    record = result.record.to_json()
    assert (record["clock"], record["steps"], record["steps_served"]) == ("steps", 6, 6)
    assert (record["window_seconds"], record["tolerance"]) == (0.3, 0.0)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (("for batch in", "next(make_dataloader())\nfor batch in"), ""),
        (("MODEL = 2.0\n", "MODEL = 2.0\nnext(make_dataloader())\n"), "exceed-budget: 7 training"),
        ((">= TIME_BUDGET", ">= TIME_BUDGET * 0.9"), ""),
        ((">= TIME_BUDGET", ">= TIME_BUDGET * 0.8"), "exact-budget: 5 training batches"),
        ((">= TIME_BUDGET", ">= TIME_BUDGET * 1.4"),
         "exceed-budget: 9 training batches were counted, 3 more than the 6 of the budget"),
    ],
    ids=["another loader", "before the clock", "rounded", "too short", "too long"],
)  # fmt: skip
def test_another_number_of_batches_than_steps_breaks_the_budget(stepped_lab, edit, words):
    script = (stepped_lab.path / "train.py").read_text()
    assert edit[0] in script

    result = stepped_lab.run(script.replace(*edit))

    assert (result.status, result.reason) == (
        ("crash", "breach") if words else ("keep", "baseline")
    )
    assert words in result.message


def test_runs_of_other_steps_or_of_another_clock_are_not_compared(stepped_lab):
    first = stepped_lab.run()
    stepped_lab.bound(("steps     = 6", "steps     = 7"))
    other = stepped_lab.run()
    stepped_lab.bound(('clock     = "steps"\nsteps     = 7', 'clock     = "wall"'))
    third = stepped_lab.run()

    assert [first.reason, other.reason, third.reason] == ["baseline"] * 3
    assert other.record["apart"] == "steps (6 → 7)"
    assert third.record["apart"] == "clock (steps → wall), steps (7 → 0)"


def test_a_rehearsal_has_fewer_steps(stepped_lab):
    result = stepped_lab.run(budget=0.1)

    assert (result.reason, result.record["steps"], result.record["steps_served"]) == (
        "rehearsal", 2, 2,
    )  # fmt: skip


@pytest.mark.tier(2)
def test_training_before_the_first_batch_has_its_limit(stepped_lab):
    stepped_lab.bound(("steps     = 6", "steps     = 6\nstartup-seconds = 0.3"))
    script = (stepped_lab.path / "train.py").read_text()
    busy = "import resource\nwhile resource.getrusage(0).ru_utime < 0.8: pass\nMODEL = 2.0"

    result = stepped_lab.run(script.replace("MODEL = 2.0", busy))

    assert result.reason == "breach"
    assert "exceed-budget: 0.3 s had passed before the clock started" in result.message
