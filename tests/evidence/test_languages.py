"""The meaning and the size of editable code, by its language."""

import json

import pytest

from pytest_ouro.evidence.languages import code, data
from pytest_ouro.evidence.languages.code import describe
from pytest_ouro.evidence.records.verdicts import LITERAL, saving


def of(path, text):
    return describe({path: text if isinstance(text, bytes) else text.encode()})


def notebook(source, *, outputs=(), count=None, version=4):
    cell = {"cell_type": "code", "source": source, "outputs": list(outputs)}
    return json.dumps({"nbformat": version, "cells": [{**cell, "execution_count": count}]})


SAME = {
    "a comment": ("train.py", "x = f(1, 2)\n", "x = f(1, 2)  # words\n"),
    "layout": ("train.py", "x = f(1, 2)\n", "\n\n# words\nx = f(\n    1,\n    2,\n)\n\n"),
    "a docstring": ("train.py", "x = f(1, 2)\n", '"""A docstring."""\nx = f(1, 2)\n'),
    "a suffix in capitals": ("TRAIN.PY", "x = 1\n", "x = 1  # words\n"),
    "Python by its first line": (
        "run",
        "#!/usr/bin/env python3\nx=1\n",
        "#!/usr/bin/python\nx = 1",
    ),
    "order of JSON keys": (
        "a.json",
        '{"a": 1, "b": {"c": 2, "d": 3}}',
        '{"b":{"d":3,"c":2},"a":1}',
    ),
    "JSON numbers": ("a.json", '{"lr": 0.001}', '{"lr": 1e-3}'),
    "JSON escapes": ("a.json", '["\\u0061/"]', '["a\\/"]'),
    "TOML tables": ("a.toml", "[a]\nb = 1 # words\nc = 'x'\n", 'a = {c = "x", b = 1}\n'),
    "TOML dates": ("a.toml", "a = 2025-01-01T00:00:00Z\n", "a   =   2025-01-01 00:00:00Z\n"),
    "results of a notebook": (
        "n.ipynb",
        notebook("x"),
        notebook(["x"], outputs=[{"a": 1}], count=3),
    ),
    "line ends": ("a.c", "int x;\nint y;\n", "int x;\r\nint y;\r\n"),
    "trailing blanks": ("Makefile", "all:\n\tcc a.c\n", "all:  \n\tcc a.c\t\n"),
}
OTHER = {
    "C": ("k.h", "#define TILE 8\n", "#define TILE 64\n"),
    "a C comment": ("k.c", "int x; /* one */\n", "int x; /* two */\n"),
    "a JSON text": ("a.json", '{"prompt": "# one"}', '{"prompt": "# two"}'),
    "a JSON type": ("a.json", '{"n": 1}', '{"n": "1"}'),
    "a JSON flag": ("a.json", '{"n": 1}', '{"n": true}'),
    "a JSON float": ("a.json", '{"n": 1}', '{"n": 1.0}'),
    "a JSON list": ("a.json", "[1, 2]", "[2, 1]"),
    "a repeated JSON key": ("a.json", '{"a": 1, "a": 2}', '{"a": 2, "a": 1}'),
    "JSON with comments": ("a.json", '{"a": 1} // one', '{"a": 1} // two'),
    "a TOML value": ("a.toml", "# a\nlr = 1\n", "# a\nlr = 2\n"),
    "TOML that is not valid": ("a.toml", "lr = \n", "lr =  x\n"),
    "a notebook's source": ("n.ipynb", notebook("x = 1"), notebook("x = 2")),
    "indentation of a Makefile": ("Makefile", "all:\n\tcc a.c\n", "all:\n    cc a.c\n"),
    "indentation of a script": ("a.sh", "cat <<E\nx\nE\n", "cat <<E\n  x\nE\n"),
    "a kept blank": ("a.sh", "echo a\\\n b\n", "echo a\\ \n b\n"),
    "a shell comment": ("a.sh", "#SBATCH -n 1\n", "#SBATCH -n 2\n"),
    "prose": ("prompt.md", "# Be brief.\n", "# Be thorough.\n"),
    "bytes": ("w.bin", b"\0a \r\n", b"\0a\n"),
    "Python that is not valid": ("a.py", "print 'x' # one", "print 'x' # two"),
    "text that looks like Python": ("flags.txt", "x = 1 # one", "x = 1 # two"),
}


@pytest.mark.parametrize(("path", "one", "two"), SAME.values(), ids=SAME)
def test_what_changes_neither_size_nor_meaning(path, one, two):
    assert of(path, one) == of(path, two)


@pytest.mark.parametrize(("path", "one", "two"), OTHER.values(), ids=OTHER)
def test_what_changes_the_meaning(path, one, two):
    one, two = of(path, one), of(path, two)
    assert one.meaning != two.meaning
    assert one.seedless != two.seedless


def test_the_place_of_code_belongs_to_its_meaning():
    one = describe({"a.txt": b"x\ny\n", "b.txt": b"z\n"})
    moved = describe({"a.txt": b"x\n", "b.txt": b"y\nz\n"})
    renamed = describe({"a.txt": b"x\ny\n", "c.txt": b"z\n"})
    assert len({one.meaning, moved.meaning, renamed.meaning}) == 3


def test_the_script_of_the_bound_is_python():
    one, two = (describe({"a/train": text}, script="a/train") for text in (b"x=1", b"x = 1 # one"))
    assert one == two
    assert one.sizes == {"python": 4}


class TestYaml:
    @pytest.fixture(autouse=True)
    def parsed(self):
        pytest.importorskip("yaml")

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            ("a:\n  - 1\n  - x\n", "a:\n    - 1   # words\n    - 'x'\n"),
            ("a: {b: 1, c: 2}\n", "a:\n  c: 2\n  b: 1\n"),
            ("a: &x [1, 2]\nb: *x\n", "a: [1, 2]\nb: [1, 2]\n"),
        ],
    )
    def test_layout_has_no_meaning(self, one, two):
        assert of("a.yaml", one) == of("a.yaml", two)

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            ("a: 1\n", "a: 2\n"),
            ("a: 1\n", "a: '1'\n"),
            ("a: no\n", "a: false\n"),
            ("a: 010\n", "a: 8\n"),
            ("a:\n  b: 1\nc: 2\n", "a:\n  b: 1\n  c: 2\n"),
            ("1: a\n", "'1': a\n"),
        ],
    )
    def test_values_have_meaning(self, one, two):
        assert of("a.yml", one).meaning != of("a.yml", two).meaning

    @pytest.mark.parametrize(
        "text",
        [
            "a: &a [*a]\n",
            "a0: &a0 [x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
            "a: [\n",
            "a: 1\na: 2\n",
            "x\n" * 40_000,
        ],
        ids=["endless", "many aliases", "not valid", "twice", "long"],
    )
    def test_what_is_not_read_is_text(self, text):
        assert set(of("a.yaml", text).sizes) == {"text"}

    def test_another_parser_is_another_version(self, monkeypatch):
        one = code.version(["a.yaml"])
        monkeypatch.setattr(data, "yaml_version", lambda: "")
        assert code.version(["a.yaml"]) != one

    def test_without_a_parser_it_is_text(self, monkeypatch):
        monkeypatch.setattr(data, "yaml_version", lambda: "")
        assert of("a.yaml", "a: 1").sizes == {"text": 6}


@pytest.mark.parametrize(
    ("path", "one", "joined"),
    [
        ("flags.txt", "-O1 -fno-plt -g0 -pipe\n", "-O1,-fno-plt,-g0,-pipe\n"),
        ("a.c", "int f ( int x ) { return x ; }\n", "int f(int x){return x;}\n"),
        ("q.sql", "SELECT a , b FROM t\n", "SELECT a,b FROM t\n"),
        ("a.json", '{"flags": "-O1 -g0 -pipe"}', '{"flags": "-O1,-g0,-pipe"}'),
    ],
)
def test_joined_words_are_not_smaller(path, one, joined):
    assert of(path, joined).size >= of(path, one).size


def test_a_removed_word_is_simpler():
    assert of("flags.txt", "-O1 -pipe\n").size < of("flags.txt", "-O1 -g0 -pipe\n").size - LITERAL


@pytest.mark.parametrize(
    ("path", "before", "after", "same"),
    [
        ("train.py", "SEED = 42", "SEED = 137", True),
        ("train.py", "torch.manual_seed(42)", "torch.manual_seed(7)", True),
        ("train.py", "f(seed=1)", "f(seed=2)", True),
        ("train.py", "LR = 1", "LR = 2", False),
        ("train.py", "SEED = 42\nLR = 1", "SEED = 43\nLR = 2", False),
        ("train.py", "manual_seed(f(1))", "manual_seed(f(2))", False),
        ("a.json", '{"seed": 42}', '{"seed": -7}', True),
        ("a.json", '{"args": ["--seed", "42"]}', '{"args": ["--seed", "7"]}', True),
        ("a.json", '{"args": "train --seed=42"}', '{"args": "train --seed=7"}', True),
        ("a.json", '{"seed": {"n": 1}}', '{"seed": {"n": 2}}', False),
        ("a.json", '{"seeds": 1}', '{"seeds": 2}', False),
        ("a.json", '{"seed_length": 1}', '{"seed_length": 2}', False),
        ("a.toml", "[run]\nrandom_seed = 1\n", "[run]\nrandom_seed = 2\n", True),
        ("a.yaml", "seed: 1\n", "seed: 2\n", True),
        ("a.h", "#define SEED 42\n", "#define SEED 0\n", True),
        ("a.c", "srand(42);\n", "srand(7);\n", True),
        ("a.c", "int seed = 42;\n", "int seed = 7;\n", True),
        ("a.sh", "SEED=42 ./run --seed 42\n", "SEED=7 ./run --seed 7\n", True),
        ("flags.txt", "-O2 -DSEED=42\n", "-O2 -DSEED=7\n", True),
        ("flags.txt", "-O2 -DSEED=42\n", "-O3 -DSEED=42\n", False),
        ("a.h", "#define SEED (42)\n", "#define SEED (137u)\n", True),
        ("a.h", "#define SEED 42\n", "#define SEED 0x89\n", True),
        ("a.c", "unsigned seed = 42;\n", "unsigned seed = 137UL;\n", True),
        ("a.cpp", "std::mt19937 rng(42);\n", "std::mt19937 rng(137);\n", True),
        ("a.cpp", "std::mt19937_64 rng{42};\n", "std::mt19937_64 rng{137};\n", True),
        ("a.cpp", "mt19937 rng(42);\n", "mt19937 other(42);\n", False),
        ("a.rs", "StdRng::seed_from_u64(42);\n", "StdRng::seed_from_u64(1_37);\n", True),
        ("a.rs", "const SEED: u64 = 42;\n", "const SEED: u64 = 137u64;\n", True),
        ("a.jl", "Random.seed!(42)\n", "Random.seed!(137)\n", True),
        ("a.go", "rand.New(rand.NewSource(42))\n", "rand.New(rand.NewSource(137))\n", True),
        ("A.java", "new Random(42);\n", "new Random(137L);\n", True),
        ("A.java", "new Random(n, 42);\n", "new Random(n, 137);\n", False),
        ("a.c", "seed length = 42;\n", "seed length = 137;\n", False),
        ("a.json", '{"seed": 42}', '{"seed": 7.0}', True),
        ("a.json", '{"seed": 42}', '{"seed": 7.5}', False),
        ("a.json", '{"seed": "42"}', '{"seed": "0x77"}', True),
        ("a.yaml", "seed: 1\n", "seed: 0x77\n", True),
        ("a.toml", "seed = 1\n", "seed = 1_000\n", True),
        ("a.c", "int seed = 1.5;\n", "int seed = 1.7;\n", False),
        ("a.h", "#define SEEDS 42\n", "#define SEEDS 0\n", False),
        ("a.h", "#define SEED_SIZE 42\n", "#define SEED_SIZE 0\n", False),
        ("a.h", "#define TILE 8\n", "#define TILE 64\n", False),
    ],
)
def test_a_seed_has_no_meaning(path, before, after, same):
    one, two = of(path, before), of(path, after)
    assert one.meaning != two.meaning
    assert (one.seedless == two.seedless) is same


@pytest.mark.parametrize(
    ("path", "code", "same"),
    [
        ("train.py", "SEED, STEPS = 7, 100; seed(SEED)", True),
        ("config.py", "SEED, STEPS = 7, 100; seed(SEED)", False),  # others may import STEPS
        ("train.py", "SEED, STEPS = 7, 100; seed(SEED); f(STEPS)", False),
        ("train.py", "SEED, STEPS = 7, 100; seed(SEED); f(globals())", False),
    ],
)
def test_a_constant_that_the_script_does_not_use_has_no_meaning(path, code, same):
    one, two = (
        describe({path: b"from random import seed\n" + text}, script="train.py").seedless
        for text in (b"seed(42)", code.encode())
    )
    assert (one == two) is same


@pytest.mark.parametrize(
    "source", [b"x = (", b"'unclosed", b"\xff\xfe", b"x\x00 = 1 2", b"  x\n y"]
)
def test_what_is_not_python_is_counted_in_words(source):
    assert set(of("train.py", source).sizes) == {"text"}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a.json", "[" * 100_000),
        ("a.json", b"\xff"),
        ("a.json", "1" * 10_000),
        ("a.json", '"' + "x" * 600_000 + '"'),
        ("n.ipynb", "[]"),
        ("n.ipynb", '{"cells": [1]}'),
        ("a.toml", ".".join("a" * 100) + " = 1"),
    ],
)
def test_what_cannot_be_parsed_is_text(path, source):
    assert set(of(path, source).sizes) == {"text"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 0.004", "x = LR"),
        ("x = -7", "x = 7"),
        ("x = f(cfg.model.lr)", "x = f(0.1)"),
        ("x = 1  # words", "x = 1"),
    ],
)
def test_a_literal_is_as_large_as_a_name(one, other):
    assert of("train.py", one).sizes == of("train.py", other).sizes


LESS = {
    "a variable": ("train.py", "UNUSED = 1\nx = 2", "x = 2"),
    "an import": ("train.py", "import os\nx = 2", "x = 2"),
    "an argument": ("train.py", "f(x, eps=1e-6)", "f(x)"),
    "a flag": ("flags.txt", "-O2 -flto", "-O2"),
    "a key": ("a.json", '{"a": 1, "b": 2}', '{"a": 1}'),
    "a word of a text": ("a.json", '{"flags": "-O2 -flto"}', '{"flags": "-O2"}'),
    "an item": ("a.toml", "a = [1, 2]", "a = [1]"),
    "a statement": ("a.c", "f(); g();", "f();"),
}


@pytest.mark.parametrize(("path", "more", "less"), LESS.values(), ids=LESS)
def test_removed_code_is_larger_than_a_literal(path, more, less):
    found = saving(of(path, more).sizes, of(path, less).sizes)
    assert found is not None
    assert found.less > LITERAL


@pytest.mark.parametrize(
    ("path", "more", "less"),
    [
        ("a.c", "f(); // one two\n/* three\nfour */\n", "f();\n"),
        ("a.cu", 'x("http://a b"); // one\n', 'x("http://a b");\n'),
        ("a.sh", "# one two\nmake # three\n", "make\n"),
        ("run", "#!/bin/sh\n# one two\nmake\n", "#!/bin/sh\nmake\n"),
        ("sub/Makefile", "# one two\nall:\n", "all:\n"),
        ("a.sql", "select 1 -- one two\n", "select 1\n"),
    ],
)
def test_a_removed_comment_makes_no_code_smaller(path, more, less):
    assert of(path, more).sizes == of(path, less).sizes


def test_what_only_looks_like_a_comment_counts():
    assert of("k.h", "#define TILE 8").sizes == {"text": 8}
    assert of("a.c", "int x; /* never closed").sizes == {"text": 14}
    assert of("notes.txt", "# one two").sizes == {"text": 6}


def test_sizes_of_two_kinds_are_not_compared():
    python, text = {"python": 100}, {"text": 4}
    assert saving(python, text) is None
    assert saving(text, python) is None
    assert saving({"python": 100, "text": 4}, {"python": 50, "text": 6}) is None
    assert saving({}, {}) is None
    assert saving(python, python) is None
    assert str(saving({"python": 100, "text": 4}, {"python": 50})) == "100 → 50 nodes of Python"
    assert str(saving({"data": 8}, {"data": 4})) == "4 → 2 words and signs of keys and values"
