"""The launcher: the harness from trusted bytes, the script as ``__main__``, its own environment."""

import ast
import py_compile
import sys
from pathlib import Path

import pytest

from pytest_ouro.experiment.terms.job import CHILD

EVALUATES = "from prepare import evaluate_bpb\nprint('val_bpb:', evaluate_bpb(2.0))\n"
EVIL = "TIME_BUDGET = 1\n\ndef evaluate_bpb(model):\n    return 0.1\n"


@pytest.mark.parametrize(
    "path", sorted(CHILD.rglob("*.py")), ids=lambda p: str(p.relative_to(CHILD))
)
def test_it_needs_the_standard_library_and_its_own_folder_only(path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    found = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    found |= {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}
    assert {name.split(".")[0] for name in found} <= sys.stdlib_module_names | {"torch"}


def test_the_harness_is_the_trusted_text_not_the_file(bench):
    (bench.folder / "prepare.py").write_text(EVIL)
    assert bench.train(EVALUATES).value == 2.0


def test_the_harness_is_not_read_from_a_compiled_file(bench):
    source = bench.folder / "prepare.py"
    source.write_text(EVIL)
    cache = Path(py_compile.compile(str(source)))
    (bench.folder / "prepare.pyc").write_bytes(cache.read_bytes())
    source.unlink()
    assert bench.train(EVALUATES).value == 2.0


def test_every_way_to_import_gives_that_harness(bench):
    (bench.folder / "prepare").mkdir()
    (bench.folder / "prepare" / "__init__.py").write_text(EVIL)
    script = (
        "import importlib, sys, prepare\n"
        "assert importlib.import_module('prepare') is prepare is sys.modules['prepare']\n"
        "assert prepare.__file__.endswith('prepare.py')\n"
        "print('val_bpb:', prepare.evaluate_bpb(2.0))\n"
    )
    seen = bench.train(script)
    assert (seen.exit_code, seen.value) == (0, 2.0), seen.tail


@pytest.mark.parametrize(("budget", "shown"), [(0.25, "0.25"), (20, "20")])
def test_the_budget_is_the_bounds(bench, budget, shown):
    seen = bench.train("from prepare import TIME_BUDGET\nprint(TIME_BUDGET)", budget=budget)
    assert seen.tail == (shown,)


def test_a_harness_without_loader_or_budget_works(bench):
    harness = "def evaluate_bpb(model):\n    return model\n"
    assert bench.train(EVALUATES, harness=harness).value == 2.0


def test_the_script_is_main(bench):
    script = (
        "import sys\n"
        "print(__name__, sys.argv == [__file__], __file__.endswith('/train.py'))\n"
        "print(sys.modules['__main__'].marker if 'marker' in globals() else 'none')\n"
        "marker = 1\n"
        "import __main__\nprint(__main__.marker)\n"
    )
    assert bench.run(script).tail == ("__main__ True True", "none", "1")


def test_no_future_of_ours_reaches_the_script(bench):
    script = "def f(x: int): ...\nprint(f.__annotations__['x'] is int)\n"
    assert bench.run(script).tail == ("True",)
    harness = "def f(x: int): ...\ndef evaluate_bpb(model): return f.__annotations__['x'] is int\n"
    assert bench.train(EVALUATES, harness=harness).value == 1.0


def test_a_file_beside_the_script_stands_in_for_nothing(bench):
    names = ["json", "random", "pluggy"]
    for name in names:
        (bench.folder / f"{name}.py").write_text("shadow = True\n")
    script = "".join(f"import {name}\nprint(hasattr({name}, 'shadow'))\n" for name in names)
    assert bench.run(script).tail == ("False",) * 3


def test_a_module_beside_the_script_can_be_imported(bench):
    (bench.folder / "helper.py").write_text("word = 'helped'\n")
    assert bench.run("import helper\nprint(helper.word)").tail == ("helped",)


def test_nothing_of_ours_can_be_imported_by_its_short_name(bench):
    script = "import importlib.util as u\nprint([n for n in ('verdict', 'jobs') if u.find_spec(n)])"
    assert bench.run(script).tail == ("[]",)


def test_no_bytecode_is_written(bench):
    (bench.folder / "helper.py").write_text("")
    bench.run("import helper")
    assert not (bench.folder / "__pycache__").exists()


def test_spawned_workers_work(bench):
    script = (
        "import multiprocessing as mp\nfrom prepare import evaluate_bpb\n"
        "def double(x):\n    return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    with mp.get_context('spawn').Pool(1) as pool:\n"
        "        print('val_bpb:', evaluate_bpb(pool.map(double, [1])[0]))\n"
    )
    (bench.folder / "prepare.py").write_text("def evaluate_bpb(model):\n    return model\n")
    seen = bench.train(script)
    assert (seen.exit_code, seen.value) == (0, 2.0), seen.tail


def test_forked_workers_work(bench):
    script = (
        "import os\nfrom prepare import evaluate_bpb, make_dataloader\n"
        "if os.fork() == 0:\n    os._exit(0)\n"
        "os.wait()\nprint('val_bpb:', evaluate_bpb(2.0))\n"
    )
    assert bench.train(script).value == 2.0


@pytest.mark.parametrize(
    "script",
    [
        b"\xef\xbb\xbfprint('\xc3\xbc')\n",
        b"# -*- coding: latin-1 -*-\nprint('\xfc')\n",
        b"print('\xc3\xbc')\r\n",
    ],
    ids=["byte order mark", "coding cookie", "CRLF"],
)
def test_source_is_read_as_python_reads_it(bench, script):
    seen = bench.run(script)
    assert seen.tail == ("ü",), seen


@pytest.mark.parametrize(
    ("script", "facts"),
    [
        ("x = 1\nraise ValueError('bad\\nmore')",
         {"type": "ValueError", "text": "bad\nmore", "place": "train.py:2", "stage": "script"}),
        ("import no_such_module", {"type": "ModuleNotFoundError", "module": "no_such_module"}),
        ("from json import nothing", {"type": "ImportError", "module": "json"}),
        ("x = (", {"type": "SyntaxError"}),
        ("raise MemoryError", {"type": "MemoryError", "text": ""}),
        ("class E(Exception):\n    def __str__(self): return 1\nraise E", {"type": "E"}),
        ("raise ValueError('x' * 10_000)", {"type": "ValueError", "text": "x" * 400}),
    ],
)  # fmt: skip
def test_an_exception_is_reported(bench, script, facts):
    seen = bench.train(script)
    assert seen.exit_code == 1
    assert {key: seen.exception.get(key) for key in facts} == facts
    assert any(line.startswith("Traceback") or "Error" in line for line in seen.tail)
    assert not any("launcher.py" in line for line in seen.tail)


def test_an_exception_of_the_harness_is_reported(bench):
    seen = bench.train(EVALUATES, harness="import nothing_like_that\n")
    assert seen.exception["stage"] == "harness"
    assert seen.exception["module"] == "nothing_like_that"


def test_an_exception_of_the_evaluation_is_after_it_began(bench):
    harness = "def evaluate_bpb(model):\n    raise MemoryError('logits')\n"
    seen = bench.train(EVALUATES, harness=harness)
    assert (seen.evaluations, seen.value) == (1, None)
    assert seen.exception["place"] == "train.py:2, in prepare.py:2"


@pytest.mark.parametrize(
    ("code", "status"),
    [("sys.exit()", 0), ("sys.exit(4)", 4), ("sys.exit('words')", 1), ("os._exit(5)", 5)],
)
def test_an_exit_is_not_an_exception(bench, code, status):
    seen = bench.run(f"import os, sys\n{code}")
    assert (seen.exit_code, seen.exception) == (status, {})


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "1e-300", "-3.0"])
def test_every_float_is_reported_exactly(bench, value):
    seen = bench.train(f"from prepare import evaluate_bpb\nevaluate_bpb({value})")
    assert repr(seen.value) == repr(eval(value))


def test_the_value_goes_back_to_the_script_unchanged(bench):
    harness = "class Value(float): ...\n\ndef evaluate_bpb(model):\n    return Value(model)\n"
    script = "from prepare import *\nprint(type(evaluate_bpb(1.0)).__name__)"
    assert bench.train(script, harness=harness).tail == ("Value",)


def test_arguments_reach_loader_and_evaluation(bench):
    harness = (
        "def make_dataloader(tokenizer, *, split='first'):\n    yield tokenizer, split\n"
        "def evaluate_bpb(model, tokenizer, batch_size=1):\n    return model * batch_size\n"
    )
    script = (
        "from prepare import evaluate_bpb, make_dataloader\n"
        "assert next(make_dataloader('t', split='train')) == ('t', 'train')\n"
        "assert list(make_dataloader('t')) == [('t', 'first')]\n"
        "evaluate_bpb(1.0, None, batch_size=3)\n"
    )
    seen = bench.train(script, harness=harness)
    assert (seen.exit_code, seen.value) == (0, 3.0), seen.tail
