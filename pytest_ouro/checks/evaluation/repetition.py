"""Find the calls that one run of a script can make more than once.

A retry after a failure does not count: the loop is left as soon as the call succeeds (`_leaves`).
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

    from pytest_ouro.evidence.python.source import Source

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_STATED_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS: tuple[type[ast.stmt | ast.expr], ...] = (*_STATED_LOOPS, *_COMPREHENSIONS)
#: Calls after the evaluation that cannot fail because of its result.
_PLAIN = ("print", "float", "round", "str", "format", "len", "int")
#: How a block ends: by leaving the function, by leaving the loop, or by reaching its end.
_RETURNS, _BREAKS, _ENDS, _UNKNOWN = "returns", "breaks", "ends", "unknown"
#: The most repeated calls that are examined as retries.
_RETRIES = 20


def calls_in_loops(source: Source, calls: Sequence[ast.Call]) -> list[ast.Call]:
    """Return those of the calls that a loop or a comprehension can repeat after a success. If more
    than 20 calls are in loops, all of these are returned, retries included."""
    lines = sorted(call.lineno for call in calls)
    loops = [loop for loop in source.of(*_LOOPS) if _spans(loop, lines)]
    repeated = {id(node) for loop in loops for node in _repeated_by(loop)}
    found = [call for call in calls if id(call) in repeated]
    if len(found) > _RETRIES:  # too many for a retry, and each takes a search of the tree
        return found
    return [call for call in found if not _leaves(source, call)]


def calls_of_one_run(node: ast.AST, calls: Set[ast.Call]) -> list[ast.Call]:
    """Return those of ``calls`` at or below ``node`` that one execution can make, the most of all
    ways through it: of an ``if`` those of its test and of the branch with more, of a ``try`` those
    that `_calls_of_try` returns, and of any other node all."""
    if isinstance(node, ast.If | ast.IfExp):
        branches = []
        for branch in (node.body, node.orelse):
            nodes = branch if isinstance(branch, list) else [branch]
            branches.append([call for child in nodes for call in calls_of_one_run(child, calls)])
        return calls_of_one_run(node.test, calls) + max(branches, key=len)
    if isinstance(node, ast.Try):
        return _calls_of_try(node, calls)
    found = [node] if isinstance(node, ast.Call) and node in calls else []
    for child in ast.iter_child_nodes(node):
        found += calls_of_one_run(child, calls)
    return found


def _calls_of_try(node: ast.Try, calls: Set[ast.Call]) -> list[ast.Call]:
    """Return the calls that one execution of a ``try`` can make: those of the body and its
    ``else``, of the handler with the most, and of ``finally``. If nothing in the body can fail
    after its only call has succeeded, body and handler exclude each other, and only the one with
    more calls counts."""

    def below(nodes: Sequence[ast.AST]) -> list[ast.Call]:
        return [call for child in nodes for call in calls_of_one_run(child, calls)]

    body, tried = below([*node.body, *node.orelse]), below(node.body)
    failed = max((below(handler.body) for handler in node.handlers), key=len, default=[])
    place = _statement_of(tried[0], node.body) if len(tried) == 1 else None
    if place is not None and not any(map(_may_fail, node.body[place + 1 :])):
        return max(body, failed, key=len) + below(node.finalbody)
    return body + failed + below(node.finalbody)


def _leaves(source: Source, call: ast.Call) -> bool:
    """Return whether a success of the call leaves every loop around it in its function that would
    repeat it, by a return, a break or the loop's condition; False if that is not certain, or for a
    comprehension."""
    path, ending = _path(source.tree, call), _ENDS
    for depth in range(len(path) - 1, 0, -1):
        outer, inner = path[depth - 1], path[depth]
        if isinstance(inner, ast.Return) or isinstance(outer, _FUNCTIONS):
            return True
        if isinstance(outer, _COMPREHENSIONS):
            return False
        if isinstance(outer, ast.While) and inner is outer.test:
            return False
        if not isinstance(inner, ast.stmt):
            continue
        if ending == _ENDS:
            guarded = any(isinstance(node, ast.Try) and node.handlers for node in path[:depth])
            ending = _after(outer, inner, guarded=guarded)
        if ending == _RETURNS:
            return True
        if isinstance(outer, _STATED_LOOPS) and inner in outer.body:
            if ending == _ENDS and isinstance(outer, ast.While):
                ending = _BREAKS if _ended_by(outer, path[depth - 1 :], call) else _UNKNOWN
            if ending != _BREAKS:
                return False
            ending = _ENDS
    return True


def _after(outer: ast.AST, statement: ast.AST, *, guarded: bool) -> str:
    """Return how the block of ``outer`` that holds ``statement`` ends after that statement, in the
    words of `_ending`; ``ends`` if no block of ``outer`` holds it. ``guarded``: a handler may catch
    a failure."""
    blocks = [getattr(outer, name, None) for name in ("body", "orelse", "finalbody")]
    for block in blocks:
        if isinstance(block, list) and statement in block:
            rest = block[block.index(statement) + 1 :]
            if isinstance(outer, ast.Try) and block is outer.body:
                rest = [*rest, *outer.orelse]
            return _ending(rest, guarded=guarded)
    return _ENDS


def _ending(statements: Sequence[ast.stmt], *, guarded: bool) -> str:
    """Return how a block of statements ends: ``returns`` (the function or the program ends),
    ``breaks``, or ``ends`` (its end is reached); ``unknown`` if a statement before that has a
    ``continue`` or ``break`` in it, or, with ``guarded``, may fail."""
    for statement in statements:
        if isinstance(statement, ast.Break):
            return _BREAKS
        if isinstance(statement, ast.Return) or _exits(statement):
            return _RETURNS
        if any(isinstance(n, ast.Continue | ast.Break) for n in ast.walk(statement)):
            return _UNKNOWN
        if guarded and _may_fail(statement):
            return _UNKNOWN
    return _ENDS


def _exits(statement: ast.stmt) -> bool:
    """Return whether a statement ends the program: a call of ``sys.exit``, ``os._exit`` or
    ``exit``."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and dotted(call.func) in ("sys.exit", "os._exit", "exit")


def _may_fail(statement: ast.stmt) -> bool:
    """Return whether a statement can raise an exception that depends on a result: a ``raise``, an
    ``assert``, or a call of a plain name outside `_PLAIN` is in it. Calls of methods do not
    count."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Raise | ast.Assert):
            return True
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id not in _PLAIN
        ):
            return True
    return False


def _ended_by(loop: ast.While, path: Sequence[ast.AST], call: ast.Call) -> bool:
    """Return whether a success of the call makes the test of a loop false: ``while not done``, with
    ``done = True`` after the call, or ``while value is None``, with the result assigned to
    ``value``. False for any other test. ``path`` are the nodes from the loop to the call."""
    test = loop.test
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return isinstance(test.operand, ast.Name) and _sets_after(path, test.operand.id)
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is) and len(test.ops) == 1:
        right = test.comparators[0]
        none = isinstance(right, ast.Constant) and right.value is None
        made = [n for n in path if isinstance(n, ast.Assign) and _holds(n.value, call)]
        return none and any(_assigns(n, test.left) for n in made)
    return False


def _sets_after(path: Sequence[ast.AST], name: str) -> bool:
    """Return whether ``name = True`` follows the call in a block on ``path``, the nodes from the
    loop to the call. False if a statement in between may fail, or sets another name to True."""
    for outer, inner in pairwise(path):
        for block in ("body", "orelse"):
            statements = getattr(outer, block, None)
            if isinstance(statements, list) and inner in statements:
                rest = statements[statements.index(inner) + 1 :]
                rest = [*rest, *outer.orelse] if isinstance(outer, ast.Try) else rest
                for one in rest:
                    if isinstance(one, ast.Assign) and _is_true(one.value):
                        return any(isinstance(t, ast.Name) and t.id == name for t in one.targets)
                    if _may_fail(one):
                        return False
    return False


def _is_true(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _assigns(node: ast.Assign, target: ast.expr) -> bool:
    wanted = ast.unparse(target)
    return any(ast.unparse(one) == wanted for one in node.targets)


def _holds(outer: ast.AST, inner: ast.AST) -> bool:
    return any(node is inner for node in ast.walk(outer))


def _statement_of(call: ast.Call, statements: Sequence[ast.stmt]) -> int | None:
    """Return the index of the statement that holds a call; None if no statement does."""
    return next((n for n, one in enumerate(statements) if _holds(one, call)), None)


def _path(tree: ast.AST, wanted: ast.AST) -> list[ast.AST]:
    """Return the nodes from the tree to ``wanted``, both included."""
    path = [tree]
    while path[-1] is not wanted:
        path.append(next(n for n in ast.iter_child_nodes(path[-1]) if _holds(n, wanted)))
    return path


def _spans(outer: ast.stmt | ast.expr, lines: list[int]) -> bool:
    """Return whether one of the sorted ``lines`` is among the lines of ``outer``."""
    first = bisect_left(lines, outer.lineno)
    return first < len(lines) and lines[first] <= (outer.end_lineno or outer.lineno)


def _repeated_by(loop: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below a loop, except for those inside functions that are defined in it (the
    functions themselves are yielded)."""
    waiting = list(ast.iter_child_nodes(loop))
    for node in waiting:
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting += ast.iter_child_nodes(node)
