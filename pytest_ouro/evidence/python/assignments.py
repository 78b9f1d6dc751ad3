"""Normalise assignments of constants, which can be written in several ways."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard


def one_assignment_each(tree: ast.Module) -> ast.Module:
    """Split assignments of constants in place, and return the same tree: ``a, b = 1, 2`` becomes
    two statements, and the statement ``f(a := 1)`` an assignment before the call. Only constants
    are moved, so that the order does not matter."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                statements[:] = [part for one in statements for part in _parts(one)]
    return tree


def _parts(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the statements into which `one_assignment_each` splits this one; the statement itself
    if it does not split it."""
    if isinstance(statement, ast.Assign) and _unpacks_constants(statement):
        [target], value = statement.targets, statement.value
        for one, part in zip(target.elts, value.elts, strict=True):  # type: ignore[attr-defined]
            yield ast.Assign([one], part)
        return
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        yield from _take_out(statement.value)
    yield statement


def _unpacks_constants(statement: ast.Assign) -> bool:
    """Return whether an assignment binds different plain names to as many constants, as ``a, b = 1,
    2``."""
    [target, *more], value = statement.targets, statement.value
    if more or not (isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple)):
        return False
    names = {one.id for one in target.elts if isinstance(one, ast.Name)}
    return len(names) == len(target.elts) == len(value.elts) and all(map(_is_constant, value.elts))


def _take_out(call: ast.Call) -> Iterator[ast.stmt]:
    """Replace each argument ``name := constant`` of a call by the name, in place, and yield the
    assignment ``name = constant``. A name that occurs twice in the call is left alone."""
    names = Counter(node.id for node in ast.walk(call) if isinstance(node, ast.Name))

    def is_taken(arg: ast.expr) -> TypeGuard[ast.NamedExpr]:
        is_walrus = isinstance(arg, ast.NamedExpr) and _is_constant(arg.value)
        return is_walrus and names[arg.target.id] == 1  # type: ignore[attr-defined]

    for arg in filter(is_taken, [*call.args, *(word.value for word in call.keywords)]):
        yield ast.Assign([arg.target], arg.value)
    call.args = [_load(arg) if is_taken(arg) else arg for arg in call.args]
    for word in call.keywords:
        word.value = _load(word.value) if is_taken(word.value) else word.value


def _load(walrus: ast.NamedExpr) -> ast.expr:
    """Return the use of the name that ``name := value`` binds."""
    return ast.Name(walrus.target.id, ast.Load())


def _is_constant(node: ast.expr) -> bool:
    """Return whether an expression is a literal, with a sign or another unary operator or without,
    such as ``7`` or ``-7``."""
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)
