"""Repeats that drew the same random numbers: they count as one run and tell nothing about noise."""

import pytest

from tests.experiment.test_repeat import auto, seeded

UNSALTED_RANDOM = {
    "the class": "random.Random.seed(random._inst, 42)",
    "the base class": "import _random; _random.Random.seed(random._inst, 42)",
    "a closure": "next(c.cell_contents for c in random.seed.__closure__ "
    "if callable(c.cell_contents))(42)",
    "the state": "random.setstate(random.Random(42).getstate())",
    "the bound method": "random._inst.seed(42)",
}
UNSALTED_TORCH = {
    "the generator": "torch.default_generator.manual_seed(42)",
    "the class": "torch._C.Generator.manual_seed(torch.default_generator, 42)",
    "the state": "torch.set_rng_state(torch.Generator().manual_seed(42).get_state())",
}
DRAWN = "import random; {seed}; luck = random.random()"
#: As many draws from torch as the clock allows: no state is the same at the end.
TIMED = """
import os, torch
{seed}
luck = torch.rand(1 + os.getpid() % 97).sum().item()
"""


def noisy(lab, before):
    """A script whose value also depends on the time, as after training by the clock."""
    return (
        lab.script(before=f"{before}\nimport time; luck += time.time_ns() % 1000 / 1e4")
    ).replace("(2.0)", "(2.0 + 0.01 * luck)")


def depends_on(lab, name):
    pytest.importorskip(name)
    lab.project.edit("pyproject.toml", '["six"]', f'["six", "{name}"]')
    # Reading torch from the disk takes more than the default of 10 s on a busy machine.
    lab.project.edit("bound.toml", "timeout   = 20", "timeout   = 100\nstartup-seconds = 90")


def repeated(lab, script, **order):
    auto(lab)
    return lab.run(script, repeat=2, **order)


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("seed", UNSALTED_RANDOM.values(), ids=UNSALTED_RANDOM)
def test_repeats_without_the_salt_count_as_one_run(lab, seed):
    result = repeated(lab, noisy(lab, DRAWN.format(seed=seed)))

    (line,) = [line for line in result.lines(quiet=True) if "same random numbers" in line]
    for words in ("random's generator", "salts differ", "they count as one run"):
        assert words in line
    assert result.record.counts_as_one
    assert (result.record.n, result.record.independent_runs) == (2, 1)
    assert result.record.noise is None, "their spread does not count as noise"
    lab.clean()


@pytest.mark.tier(2)
@pytest.mark.parametrize("seed", UNSALTED_TORCH.values(), ids=UNSALTED_TORCH)
def test_torch_is_compared_by_its_seed_however_much_was_drawn(lab, seed):
    depends_on(lab, "torch")
    result = repeated(lab, noisy(lab, TIMED.format(seed=seed)))

    assert "torch's generator" in result.record.counts_as_one


def test_numpy_is_compared(lab):
    depends_on(lab, "numpy")
    before = "import numpy as np; np.random.mtrand._rand.seed(42); luck = np.random.rand()"
    result = repeated(lab, noisy(lab, before))

    assert "numpy's generator" in result.record.counts_as_one


def test_the_first_batch_is_compared_too(lab):
    """Training by the clock draws more or less, so that the states differ at the end."""
    script = (
        "import os, random\n"
        "from prepare import evaluate_bpb, make_dataloader\n"
        "random._inst.seed(42)\n"
        "luck = random.random()\n"
        "next(make_dataloader())\n"
        "for _ in range(1 + os.getpid() % 97):\n    random.random()\n"
        "print(f'val_bpb: {evaluate_bpb(2.0 + luck + os.getpid() / 1e6):.6f}')\n"
    )
    result = repeated(lab, script)

    assert "random at the first batch" in result.record.generators
    assert "random's generator" in result.record.counts_as_one


@pytest.mark.parametrize(
    "before",
    [
        "import random; random.seed(42); luck = random.random()",
        "import random; luck = random.random()",
        "import random; random.seed(a='x'); luck = random.Random(7).random()",
        "luck = 0.0",
    ],
    ids=["salted", "unseeded", "a generator of its own", "no randomness"],
)
def test_honest_repeats_are_independent(lab, before):
    result = repeated(lab, noisy(lab, before))

    assert not result.record.counts_as_one
    assert not any("random numbers" in line for line in result.lines())
    assert result.record.noise == pytest.approx(result.record.sd)


def test_nothing_is_unwrapped_by_name(lab):
    before = (
        "import random; getattr(random.seed, '__wrapped__', random.seed)(42)\n"
        "luck = random.random()"
    )
    assert not repeated(lab, noisy(lab, before)).record.counts_as_one


def test_equal_values_measure_no_noise_and_nobody_is_accused(lab):
    result = repeated(lab, lab.script(2.0))

    (line,) = [line for line in result.lines(quiet=True) if "exactly the same value" in line]
    assert "does not depend on the salted seeds" in line
    assert (result.record.noise, result.record.independent_runs) == (None, 1)


def test_what_the_harness_seeds_is_its_choice(lab):
    harness = (lab.path / "prepare.py").read_text()
    harness = harness.replace(
        "def make_dataloader", "import random\nrandom.seed(7)\n\ndef make_dataloader", 1
    )
    lab.bound(prepare_py=harness)
    result = repeated(lab, noisy(lab, "import random; luck = random.random()"))

    assert not result.record.counts_as_one


@pytest.mark.tier(2)
def test_they_do_not_lower_the_margin(lab):
    """The noise is stated, and the number of independent runs decides."""
    lab.run(lab.script(2.0))
    one = lab.run(noisy(lab, DRAWN.format(seed="random._inst.seed(42)")), repeat=3)
    assert one.record.se == pytest.approx(0.01 * 2**0.5)
    two = lab.run(seeded(lab, 1.9), repeat=3)
    assert two.record.se < 0.01 * 2**0.5


@pytest.mark.tier(2)
def test_the_noise_comes_from_independent_repeats_alone(lab):
    first = repeated(lab, seeded(lab))
    assert first.record.noise == pytest.approx(first.record.sd)
    second = lab.run(lab.script(1.0), repeat=3)
    assert second.record.noise == pytest.approx(first.record.sd), "equal values did not lower it"


def test_a_run_without_a_salt_reports_nothing(lab):
    assert lab.run(seeded(lab)).record.generators == {}
