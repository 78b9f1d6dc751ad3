"""What the evaluation of a harness returns, by its ``return`` statements."""

import pytest

from pytest_ouro.evidence.python.returned import number_fault
from pytest_ouro.evidence.python.source import Source


def fault(body, metric="loss"):
    found = number_fault(Source(f"def score(model):\n{body}"), "prepare.py", "score", metric)
    return found.message.partition("score returns ")[2] if found else ""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    return {'a': 1, 'b': 2}", "a dictionary without 'loss', with a, b, not one number"),
        ("    return dict(a=1)", "a dictionary without 'loss', with a, not one number"),
        (
            "    d = {'a': 1}\n    d['b'] = d['a']\n    return d",
            "a dictionary without 'loss', with a, b,",
        ),
        ("    return 1, 2", "2 values, not one number"),
        (
            "    if model:\n        return {'a': 1}\n    return {}",
            "a dictionary without 'loss', with a,",
        ),
        ("    def inner():\n        return 1\n    return {'a': inner()}", "a dictionary without"),
    ],
)
def test_several_numbers_are_named(body, words):
    assert fault(body).startswith(words)


@pytest.mark.parametrize(
    "body",
    [
        "    return 1.0",
        "    return {'loss': 1, 'b': 2}",
        "    return dict(loss=1)",
        "    return dict(pairs)",
        "    return {**more, 'a': 1}",
        "    return {name: 1 for name in names}",
        "    d = {'a': 1}\n    d['loss'] = 2\n    return d",
        "    d = {}\n    for name in names:\n        d[name] = 1\n    return d",
        "    d = {}\n    d.update(more)\n    return d",
        "    d = {}\n    fill(d)\n    return d",
        "    d = {'a': 1}\n    d = mean(d)\n    return d",
        "    if model:\n        return {'a': 1}\n    return 1.0",
        "    def inner():\n        return {'a': 1}\n    return inner()['a']",
        "    pass",
    ],
)
def test_what_may_be_one_number_is_not(body):
    assert fault(body) == ""


def test_only_a_function_that_is_defined_once_is_read():
    for text in (
        "score = 1",
        "import score",
        "def score(: 1",
        "def score(): return 1, 2\nscore = 1",
    ):
        assert number_fault(Source(text), "prepare.py", "score", "loss") is None
