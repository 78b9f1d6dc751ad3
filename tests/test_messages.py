"""Refuse an error that is built outside of ``pytest_ouro/messages``, and one without a remedy."""

import ast
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

import pytest

from pytest_ouro import messages
from pytest_ouro.core import errors
from pytest_ouro.core.finding import count

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))
from generate import example  # noqa: E402

ERRORS = {name for name, it in vars(errors).items() if inspect.isclass(it)}


def functions():
    for module in pkgutil.iter_modules(messages.__path__):
        subject = importlib.import_module(f"{messages.__name__}.{module.name}")
        for name, function in inspect.getmembers(subject, inspect.isfunction):
            if function.__module__ == subject.__name__ and not name.startswith("_"):
                yield pytest.param(function, id=f"{module.name}.{name}")


def built_errors(source):
    """The lines that call the class of an error, under its own name or a subclass's."""
    tree = ast.parse(source)
    known = ERRORS | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and ERRORS & {getattr(b, "id", "") for b in node.bases}
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in known:
                yield node.lineno


@pytest.mark.tier(2)
def test_errors_are_built_in_one_place():
    package = ROOT / "pytest_ouro"
    found = []
    for file in sorted(package.rglob("*.py")):
        path = file.relative_to(package).as_posix()
        if not path.startswith("messages/"):
            found += [f"pytest_ouro/{path}:{line}" for line in built_errors(file.read_text())]
    assert not found, "build these errors in pytest_ouro/messages"


def test_an_error_built_elsewhere_is_found():
    source = "from x import GitError\nclass Own(GitError): ...\nraise GitError('a')\nOwn('b')\n"
    assert list(built_errors(source)) == [3, 4]
    assert not list(built_errors("from x import GitError\ntry: ...\nexcept GitError: raise\n"))


@pytest.mark.parametrize("function", list(functions()))
def test_every_error_has_a_docstring_a_message_and_one_remedy(function):
    text = example(function)
    message, _, remedy = text.partition("\n  help: ")
    assert function.__doc__
    assert message.strip()
    assert remedy.strip()
    assert "help: " not in remedy


def test_one_thing_has_the_right_article():
    assert [count(n, noun) for n, noun in ((1, "row"), (1, "error"), (2, "error"), (0, "row"))] == [
        "a row",
        "an error",
        "2 errors",
        "0 rows",
    ]
