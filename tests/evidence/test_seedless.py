"""A change of seeds alone, in every spelling, and changes that are more than that."""

import ast

import pytest

from pytest_ouro.evidence.python.seedless import seedless

BASE = """\
import time
import torch
from prepare import TIME_BUDGET, evaluate_bpb, make_dataloader

torch.manual_seed(42)
LR = 0.01
model = torch.nn.Linear(8, 8)
loader = make_dataloader(4, 16, "train")
begin = time.monotonic()
for x, y in loader:
    model(x).backward()
    if time.monotonic() - begin >= TIME_BUDGET:
        break
print(f"val_bpb: {evaluate_bpb(model):.6f}")
"""


def edited(*edits):
    text = BASE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def form(text):
    return seedless(ast.parse(text))


SEEDING = "torch.manual_seed(42)\n"
VALUES = ["137", "-7", "42 + 95", "int('137')", "hash('lucky')", "2**31 - 1", "0x2a ^ 1", "True"]
VALUES += ["int.from_bytes(b'luck', 'big')", "sum([1, 2, 3])", "abs(-5)", "(1, 2)[0]", "int(1e6)"]
VALUES += [
    "int(hashlib.sha256(b'x').hexdigest(), 16)",
    "int(time.time())",
    "len('xyz') if 1 else 2",
]


@pytest.mark.parametrize("value", VALUES)
def test_any_constant_expression_is_a_seed(value):
    assert form(edited(("42", value))) == form(BASE)


ALONE = {
    "a variable": [(SEEDING, "SEED = 137\ntorch.manual_seed(SEED)\n")],
    "a variable of another name": [
        (SEEDING, "lucky_number = 137\ntorch.manual_seed(lucky_number)\n")
    ],
    "two variables": [(SEEDING, "A = 1\nB = A + 3\ntorch.manual_seed(B)\n")],
    "a typed variable": [(SEEDING, "SEED: int = 137\ntorch.manual_seed(SEED)\n")],
    "two at once": [(SEEDING, "SEED, OTHER = 137, 5\ntorch.manual_seed(SEED + OTHER)\n")],
    "named where it is used": [(SEEDING, "torch.manual_seed(SEED := 137)\n")],
    "named as a keyword": [(SEEDING, "torch.manual_seed(seed=(SEED := 137))\n")],
    "of an import for it": [
        (SEEDING, "import os\ntorch.manual_seed(os.getpid())\n"),
    ],
    "an import that is not used": [(SEEDING, "import os\n" + SEEDING)],
    "a variable that is printed": [(SEEDING, "S = 7\ntorch.manual_seed(S)\n")],
    "removed": [(SEEDING, "")],
    "a second call": [(SEEDING, SEEDING + "torch.cuda.manual_seed_all(42)\n")],
    "a later call": [(SEEDING, ""), ("begin = ", SEEDING + "begin = ")],
    "another library": [
        ("import time\n", "import random\nimport time\n"),
        (SEEDING, SEEDING + "random.seed(3)\n"),
    ],
    "an alias": [
        ("import torch\n", "import torch\nfrom torch import manual_seed as reproducible\n"),
        (SEEDING, "reproducible(7)\n"),
    ],
    "numpy": [
        ("import torch\n", "import numpy as np\nimport torch\n"),
        (SEEDING, "np.random.seed(7)\n"),
    ],
    "a function": [(SEEDING, "def fix(n):\n    torch.manual_seed(n)\nfix(137)\n")],
    "a function with a default": [
        (SEEDING, "def fix(seed=137):\n    torch.manual_seed(seed)\nfix()\n")
    ],
    "a function by keyword": [
        (SEEDING, "def fix(*, seed):\n    torch.manual_seed(seed)\nfix(seed=9)\n")
    ],
    "two functions": [
        (SEEDING, "def one(s):\n    torch.manual_seed(s)\ndef two(t):\n    one(t + 1)\ntwo(5)\n")
    ],
    "where there is a card": [
        (SEEDING, "if torch.cuda.is_available():\n    torch.cuda.manual_seed(1)\n")
    ],
    "unless it is None": [
        (SEEDING, "SEED = 1\nif SEED is not None:\n    torch.manual_seed(SEED)\n")
    ],
    "an unused name": [(SEEDING, "SEED = 137\n" + SEEDING)],
    "the library's own": [(SEEDING, "torch.default_generator.manual_seed(3)\n")],
    "a number is drawn": [(SEEDING, SEEDING + "torch.rand(1)\n")],
    "numbers are drawn": [(SEEDING, SEEDING + "for _ in range(7):\n    torch.rand(3)\n")],
    "a batch is skipped": [("begin = ", "next(loader)\nbegin = ")],
    "batches are skipped": [("begin = ", "for _ in range(3):\n    next(loader)\nbegin = ")],
    "a batch is discarded": [("begin = ", "_ = next(loader)\nbegin = ")],
    "a batch is skipped of an iterator": [
        ("begin = ", "batches = iter(loader)\nnext(batches)\nbegin = "),
        ("in loader", "in batches"),
    ],
    "islice": [
        ("import time\n", "import time\nfrom itertools import islice\n"),
        ("in loader", "in islice(loader, 1, None)"),
    ],
}


@pytest.mark.parametrize("edits", ALONE.values(), ids=ALONE)
def test_a_change_of_seeds_alone(edits):
    assert form(edited(*edits)) == form(BASE)


def test_a_skipped_batch_of_a_loader_without_a_variable():
    direct = edited(
        ('loader = make_dataloader(4, 16, "train")\n', ""),
        ("in loader", 'in make_dataloader(4, 16, "train")'),
    )
    skipped = edited(("begin = ", "next(loader)\nbegin = "))
    assert form(direct) == form(skipped)


def test_a_batch_that_is_fetched_twice():
    once = edited(("begin = ", "x, y = next(loader)\nbegin = "))
    twice = edited(("begin = ", "x, y = next(loader)\nx, y = next(loader)\nbegin = "))
    assert form(once) == form(twice)


def test_a_function_that_holds_everything():
    one = "import torch\ndef main(lr, seed=42):\n    torch.manual_seed(seed)\n    train(lr)\n{}"
    forms = {
        form(one.format(f"main({call})\n")) for call in ("0.1", "0.1, 7", "0.1, seed=7", "lr=0.1")
    }
    assert len(forms) == 2, "lr by its name is another spelling, not another seed"
    plain = "import torch\ntorch.manual_seed(3)\ndef main(lr):\n    train(lr)\nmain(0.1)\n"
    assert form(plain) in forms


OTHER_SPELLINGS = [
    ("np.random.default_rng(1)", "np.random.default_rng(seed=2)"),
    ("rng = np.random.default_rng()", "rng = np.random.default_rng(2)"),
    ("g = torch.Generator().manual_seed(1)", "g = torch.Generator().manual_seed(-2)"),
    ("g = torch.Generator()", "g = torch.Generator().manual_seed(7)"),
    ("train_test_split(x, random_state=1)", "train_test_split(x, random_state=2)"),
    ("key = jax.random.PRNGKey(0)", "key = jax.random.PRNGKey(1)"),
    ("class C:\n    seed: int = 1", "class C:\n    seed: int = 2 + 3"),
    ("config.seed = 1", "config.seed = 2"),
    ("config = {'seed': 1, 'lr': 2}", "config = {'seed': -9, 'lr': 2}"),
    (
        "p.add_argument('--seed', type=int, default=1)",
        "p.add_argument('--seed', type=int, default=2)",
    ),
    ("async def f(seed=1):\n    run(seed)", "async def f(seed=2):\n    run(seed)"),
    ("from utils import fix\nSEED = 1\nfix(SEED)", "from utils import fix\nSEED = 2\nfix(SEED)"),
    (
        "SEED = 1\nprint(f'seed {SEED}')\nrandom.seed(SEED)",
        "SEED = 2\nprint(f'seed {SEED}')\nrandom.seed(SEED)",
    ),
    (
        "for i in range(3):\n    torch.manual_seed(i + 1)",
        "for i in range(3):\n    torch.manual_seed(i + 9)",
    ),
    ("random.seed(1 + rank)\nf(rank)", "random.seed(rank * 7)\nf(rank)"),
]


@pytest.mark.parametrize(("one", "other"), OTHER_SPELLINGS)
def test_other_seeds_in_other_places(one, other):
    assert form(one) == form(other)


MORE = {
    "two at once, a seed and a rate": [
        ("LR = 0.01", "SEED, LR = 42, 0.02"),
        ("torch.manual_seed(42)\n", ""),
    ],
    "an import with an effect": [(SEEDING, "import plugin\n" + SEEDING)],
    "a name that is used": [
        (SEEDING, "torch.manual_seed(SIZE := 8)\n"),
        ("Linear(8, 8)", "Linear(SIZE, 8)"),
    ],
    "the learning rate too": [("42", "43"), ("0.01", "0.02")],
    "a seed that is a size": [
        (SEEDING, "SEED = 137\ntorch.manual_seed(SEED)\n"),
        ("Linear(8", "Linear(SEED"),
    ],
    "a seed in another value": [
        (SEEDING, "SEED = 137\ntorch.manual_seed(SEED)\n"),
        ("0.01", "SEED * 1e-4"),
    ],
    "a branch on the seed": [
        (SEEDING, "SEED = 137\ntorch.manual_seed(SEED)\n"),
        ("model = ", "if SEED == 137:\n    LR = 1.0\nmodel = "),
    ],
    "a call with an effect": [("42", "setup()")],
    "an assignment within": [("42", "(LR := 3)")],
    "reseeded every step": [("    model(x)", "    torch.manual_seed(0)\n    model(x)")],
    "reseeded every step by a function": [
        (SEEDING, "def fix():\n    torch.manual_seed(0)\nfix()\n"),
        ("    model(x)", "    fix()\n    model(x)"),
    ],
    "a function that does more": [
        (
            SEEDING,
            "def fix(seed):\n    torch.manual_seed(seed)\n    torch.set_num_threads(1)\nfix(3)\n",
        )
    ],
    "deterministic kernels": [(SEEDING, SEEDING + "torch.use_deterministic_algorithms(True)\n")],
    "every second batch": [("    model(x)", "    next(loader)\n    model(x)")],
    "a batch that is used": [("begin = ", "first = next(loader)\nmodel(first)\nbegin = ")],
    "a prime of a coroutine": [("begin = ", "schedule = warm()\nnext(schedule)\nbegin = ")],
    "another loader": [('"train")', '"train", 2)')],
    "a branch that does more": [
        (SEEDING, "if torch.cuda.is_available():\n    torch.cuda.manual_seed(1)\n    LR = 2\n")
    ],
    "numbers that are used": [
        ("model = ", "noise = torch.rand(1)\nmodel = "),
        ("(x)", "(x + noise)"),
    ],
    "an unused import": [("import time\n", "import time\nimport json\n")],
}


@pytest.mark.parametrize("edits", MORE.values(), ids=MORE)
def test_a_change_of_more_than_seeds(edits):
    assert form(edited(*edits)) != form(BASE)


#: Two statements in a loop, and whether they differ in seeds alone: not if one sets the same seed
#: each time and the other one another seed each time.
IN_LOOPS = [
    ("torch.manual_seed(0)", "torch.manual_seed(9)", True),
    ("torch.manual_seed(0)", "torch.manual_seed(os.getpid())", True),
    ("torch.manual_seed(0)", "torch.manual_seed(int(hashlib.sha256(b'x').hexdigest(), 16))", True),
    ("g = torch.Generator()", "g = torch.Generator().manual_seed(3)", True),
    ("g = random.Random(1)", "g = random.Random(2)", True),
    ("g = np.random.default_rng(seed=1)", "g = np.random.default_rng(seed=2)", True),
    ("torch.manual_seed(0)", "torch.manual_seed(i)", False),
    (
        "torch.manual_seed(0)",
        "torch.manual_seed(int(hashlib.sha256(str(i).encode()).hexdigest(), 16))",
        False,
    ),
    ("torch.manual_seed(0)", "torch.manual_seed(time.time_ns())", False),
    ("torch.manual_seed(0)", "torch.manual_seed(secrets.randbits(32))", False),
    ("torch.manual_seed(0)", "torch.manual_seed(torch.initial_seed() + 1)", False),
    ("g = torch.Generator().manual_seed(0)", "g = torch.Generator().manual_seed(i)", False),
    ("g = random.Random(0)", "g = random.Random()", False),
    ("g = random.Random(0)", "g = random.Random(None)", False),
    ("random.seed(0)", "random.seed()", False),
    ("g = np.random.default_rng(seed=0)", "g = np.random.default_rng()", False),
    ("split(x, random_state=0)", "split(x, random_state=None)", False),
    ("split(x, random_state=0)", "split(x, random_state=time.time_ns())", False),
]


@pytest.mark.parametrize(("one", "other", "same"), IN_LOOPS)
def test_seeds_in_a_loop(one, other, same):
    loop = (
        "import hashlib, os, random, secrets, time, torch\nfor i in range(3):\n    {}\n    f(i)\n"
    )
    assert (form(loop.format(one)) == form(loop.format(other))) is same


MORE_SPELLINGS = [
    ("NUM_SEEDS = 5", "NUM_SEEDS = 6"),
    ("seed_dim = 5", "seed_dim = 6"),
    (
        "seeds = 3\nfor s in range(seeds):\n    train(s)",
        "seeds = 4\nfor s in range(seeds):\n    train(s)",
    ),
    ("SEED = 5\nmodel = Net(width=SEED)", "SEED = 6\nmodel = Net(width=SEED)"),
    ("proceed(1)", "proceed(2)"),
    ("db.seed_rows(100)", "db.seed_rows(200)"),
    ("torch.manual_seed(f(1))", "torch.manual_seed(f(2))"),
    (
        "def manual_seed(n):\n    g(n)\nmanual_seed(1)",
        "def manual_seed(n):\n    g(n)\nmanual_seed(2)",
    ),
    ("SEED = 1\nSEED += 1\nf(SEED)", "SEED = 5\nSEED += 1\nf(SEED)"),
    ("def f(seed):\n    return seed * 2\nx = f(1)", "def f(seed):\n    return seed * 2\nx = f(2)"),
    ("for s in (1, 2):\n    run(s)", "for s in (1, 3):\n    run(s)"),
    ("@cache\ndef f(n):\n    random.seed(n)\nf(1)", "@log\ndef f(n):\n    random.seed(n)\nf(1)"),
    ("x = 1", "y = 1"),
    ("UNUSED = 1", ""),
]


@pytest.mark.parametrize(("one", "other"), MORE_SPELLINGS)
def test_more_than_seeds_in_other_places(one, other):
    assert form(one) != form(other)


@pytest.mark.parametrize("text", ["", "pass", "def f(): pass", "lambda *a, k=1, **b: k", "x: int"])
def test_small_code_has_a_form(text):
    assert form(text)
