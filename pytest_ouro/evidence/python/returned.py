"""Detect an evaluation that returns something other than one number, by its ``return`` statements
alone."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ouro.messages import project as messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.evidence.python.source import Source

_Function = ast.FunctionDef | ast.AsyncFunctionDef
#: What has ``return`` statements, or names, of its own.
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def number_fault(source: Source, harness: str, evaluate: str, metric: str) -> OuroError | None:
    """Return an error if the function ``evaluate`` of a harness returns something other than one
    number: a dictionary without the key ``metric``, a tuple or a list. ``source`` is the harness,
    ``harness`` its path.

    Return None if one of its ``return`` statements may be right, or if this cannot be known: no
    ``return`` has a value, the function is missing or bound twice, or the harness is not valid
    Python. Raise LimitError if the harness is too large.
    """
    try:
        found = source.bindings.get(evaluate, ())
    except (SyntaxError, RecursionError):
        return None
    if len(found) != 1 or not isinstance(found[0], _Function):
        return None
    own = list(_own_nodes(found[0]))
    values = [node.value for node in own if isinstance(node, ast.Return) and node.value]
    words = [_several(value, own, metric) for value in values]
    if not words or not all(words):
        return None
    return messages.not_one_number(harness, evaluate, words[0])


def _several(value: ast.expr, own: list[ast.AST], metric: str) -> str:
    """Describe in words what a returned expression is, if it is a tuple, a list or a dictionary
    without the key ``metric``; "" otherwise or if unknown. ``own`` are the function's nodes."""
    if isinstance(value, ast.Tuple | ast.List):
        return f"{len(value.elts)} values"
    keys = _keys(value, own)
    if keys is None or metric in keys:
        return ""
    return f"a dictionary without '{metric}', with {', '.join(dict.fromkeys(keys))}"


def _keys(value: ast.expr, own: list[ast.AST]) -> list[str] | None:
    """Return the keys of the dictionary that an expression makes: a literal, ``dict(key=…)``, or a
    variable with one of these, whose keys set later are included. Return None if the expression is
    something else or the keys are unknown. ``own`` are the nodes of the function around it."""
    if isinstance(value, ast.Name):
        return _keys_of_variable(value.id, own)
    keys: list[str | None] = []
    if isinstance(value, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in value.keys]  # type: ignore[misc]
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        if value.func.id != "dict" or value.args:
            return None
        keys = [keyword.arg for keyword in value.keywords]
    else:
        return None
    return None if None in keys else [str(key) for key in keys]


def _keys_of_variable(name: str, own: list[ast.AST]) -> list[str] | None:
    """Return the keys of the dictionary that a function's variable holds; None if they are unknown,
    as of one that is assigned twice, or used other than to set or read a constant key or to be
    returned. ``own`` are the function's nodes."""
    uses = [node for node in own if isinstance(node, ast.Name) and node.id == name]
    parents = {id(child): node for node in own for child in ast.iter_child_nodes(node)}
    keys: list[str] | None = None
    for use in uses:
        parent = parents.get(id(use))
        if isinstance(parent, ast.Assign) and use in parent.targets and keys is None:
            keys = _keys(parent.value, own) if not isinstance(parent.value, ast.Name) else None
            if keys is None:
                return None
        elif isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Constant):
            if isinstance(parent.ctx, ast.Store) and keys is not None:
                keys.append(str(parent.slice.value))
        elif not isinstance(parent, ast.Return):
            return None
    return keys


def _own_nodes(function: _Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body in order, but not what is inside inner functions and
    classes."""
    waiting: list[ast.AST] = list(reversed(function.body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _INNER):
            waiting += reversed(list(ast.iter_child_nodes(node)))
