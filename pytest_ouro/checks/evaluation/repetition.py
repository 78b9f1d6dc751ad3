"""Find the calls that one run of a script can make more than once."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.evidence.python.source import Source

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS: tuple[type[ast.stmt | ast.expr], ...] = (
    *(ast.For, ast.AsyncFor, ast.While),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def calls_in_loops(source: Source, calls: Sequence[ast.Call]) -> list[ast.Call]:
    """Return those of the calls that a loop or a comprehension repeats."""
    loops = [loop for loop in source.of(*_LOOPS) if any(_spans(loop, call) for call in calls)]
    repeated = {id(node) for loop in loops for node in _repeated_by(loop)}
    return [call for call in calls if id(call) in repeated]


def calls_of_one_run(node: ast.AST, calls: Sequence[ast.Call]) -> list[ast.Call]:
    """Return the calls below ``node`` that one run can make: the longer branch of each ``if``."""
    if isinstance(node, ast.If | ast.IfExp):
        branches = []
        for branch in (node.body, node.orelse):
            nodes = branch if isinstance(branch, list) else [branch]
            branches.append([call for child in nodes for call in calls_of_one_run(child, calls)])
        return calls_of_one_run(node.test, calls) + max(branches, key=len)
    found = [call for call in calls if call is node]
    for child in ast.iter_child_nodes(node):
        found += calls_of_one_run(child, calls)
    return found


def _spans(outer: ast.stmt | ast.expr, inner: ast.expr) -> bool:
    """Return whether the first line of ``inner`` is among the lines of ``outer``."""
    return outer.lineno <= inner.lineno <= (outer.end_lineno or inner.lineno)


def _repeated_by(loop: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes in a loop, without those of the functions that are defined in it."""
    waiting = list(ast.iter_child_nodes(loop))
    for node in waiting:
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting += ast.iter_child_nodes(node)
