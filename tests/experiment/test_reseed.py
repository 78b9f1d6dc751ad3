"""The salt in the seeds: the same commit with other seeds, and no other change."""

import json
import random
import subprocess
import sys

import pytest

from pytest_ouro.child.chance import reseed
from pytest_ouro.experiment.supervision.supervisor import supervise


def seeds(bench, script, value):
    """Run a script with a salt, and return what it prints as ``seen: …``."""
    job = bench.job(script)
    job.message["salt"] = value
    seen = supervise(job)
    assert seen.exit_code == 0, seen.tail
    return json.loads(seen.tail[-1])


STDLIB = """
import json, random
def drawn(*seed, **by_name):
    random.seed(*seed, **by_name)
    return random.random()
print(json.dumps([drawn(42), drawn(42), drawn(a=42), drawn("x"), drawn(43), drawn(1.5)]))
"""


def test_random_is_seeded_by_both(bench):
    first, again, other, plain = (seeds(bench, STDLIB, value) for value in (1, 1, 2, 0))
    assert first == again
    assert first[0] == first[1] == first[2], "one seed gives one sequence"
    assert len({*first, *other, *plain}) == 3 * 4
    random.seed(42)
    assert plain[0] == random.random(), "salt 0 leaves the seeds alone"


CHANCE = """
import json, random
random.seed(42); random.seed(None); one = random.random()
random.seed(42); random.seed(); two = random.random()
print(json.dumps([one, two, random.Random(1).random()]))
"""


def test_other_arguments_than_seeds_stay(bench):
    first, second = (seeds(bench, CHANCE, 1) for _ in range(2))
    assert first[:2] != second[:2]
    assert first[2] == second[2] == random.Random(1).random()


def test_nothing_is_imported_for_it(bench):
    script = (
        "import json, sys; print(json.dumps([{'numpy', 'torch'} & sys.modules.keys() != set()]))"
    )
    assert seeds(bench, script, 5) == [False]


NUMPY = """
import json, numpy as np
np.random.seed(1); a = np.random.rand()
np.random.seed(seed=np.int64(1)); b = np.random.rand()
bits = np.random.PCG64(3)
print(json.dumps([a, b, np.random.default_rng(3).random(), np.random.Generator(bits).random(),
                  np.random.default_rng(np.random.SeedSequence(3)).random()]))
"""


@pytest.mark.tier(2)
def test_numpy(bench):
    numpy = pytest.importorskip("numpy")
    first, again, other, plain = (seeds(bench, NUMPY, value) for value in (1, 1, 2, 0))
    assert first == again
    assert first[0] == first[1]
    assert len({first[0], other[0], plain[0]}) == len({first[2], other[2], plain[2]}) == 3
    assert first[3:] == other[3:] == plain[3:], "a generator of one's own keeps its seed"
    assert plain[2] == numpy.random.default_rng(3).random()


TORCH = """
import json, torch
def drawn():
    return torch.rand(1).item()
torch.manual_seed(42); a = drawn()
torch.random.manual_seed(seed=42); b = drawn()
returned = torch.manual_seed(42) is torch.default_generator
queued = []
torch.cuda.random._lazy_call = lambda call, **how: queued.append(call.__closure__[0].cell_contents)
torch.cuda.manual_seed(42); torch.cuda.manual_seed_all(42); torch.manual_seed(42)
print(json.dumps([a, b, torch.initial_seed(), returned, queued,
                  torch.rand(1, generator=torch.Generator().manual_seed(1)).item()]))
"""


@pytest.mark.tier(2)
def test_torch(bench):
    pytest.importorskip("torch")
    first, plain = (seeds(bench, TORCH, value) for value in (1, 0))
    assert first[0] == first[1] != plain[0] == plain[1]
    assert (first[2], plain[2]) == (reseed.salted_seed(42, 1), 42)
    assert first[3] is True
    assert first[4] == [reseed.salted_seed(42, 1)] * 3, "mixed in once, however torch passes it on"
    assert first[5] == plain[5]


def test_seeds_of_the_harness_stay(bench):
    """The evaluation draws the same numbers as without a salt."""
    harness = (
        "import random\n"
        "def make_dataloader():\n    yield [1]\n"
        "def evaluate_bpb(model):\n    random.seed(7)\n    return random.random() + model\n"
    )
    script = (
        "import random\n"
        "from prepare import evaluate_bpb, make_dataloader\n"
        "next(make_dataloader())\n"
        "random.seed(7)\n"
        "luck = random.random()\n"
        "print(f'luck: {luck}')\n"
        "print(f'val_bpb: {evaluate_bpb(1.0)}')\n"
    )

    def run(value):
        job = bench.job(script, mode="experiment", harness=harness)
        job.message["salt"] = value
        return supervise(job)

    plain, mixed = run(0), run(9)
    assert plain.value == mixed.value == 1 + random.Random(7).random()
    assert plain.claims["luck"] != mixed.claims["luck"]


@pytest.mark.parametrize("seed", [0, 1, -1, 2**64, True, "x", b"y", 1.5, (1, 2), [1, 2]])
def test_every_generator_accepts_the_seed(seed):
    mixed = reseed.salted_seed(seed, 3)
    assert 0 <= mixed < 2**31
    assert mixed == reseed.salted_seed(seed, 3) != reseed.salted_seed(seed, 4)


@pytest.mark.parametrize("seed", [None, object()])
def test_a_generator_or_none_is_unchanged(seed):
    assert reseed.salted_seed(seed, 3) is seed


def test_it_needs_nothing_but_the_standard_library():
    code = f"import runpy; runpy.run_path({reseed.__file__!r})"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
