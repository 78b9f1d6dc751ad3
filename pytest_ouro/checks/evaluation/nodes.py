"""What a node of a script does that evaluates, and the kinds of nodes that can be around it."""

from __future__ import annotations

import ast

from pytest_ouro.core.fast_dataclass import dataclass

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LOOPS = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)
#: The kinds of ``try``; Python 3.10 has one.
TRIES: tuple[type[ast.Try], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))


@dataclass(frozen=True)
class Evaluation:
    """How a node of the syntax tree leads to a call of the harness's evaluation function. ``by`` is
    the node itself if it is this call, or else the script's function that the node calls and that
    makes the call.

    ``surely``: the evaluation happens each time the node is reached. If it is false, the evaluation
    may also not happen; such a node is not reported after a success that was made by the same
    ``by``. ``each``: if the node is in an element of a comprehension, the evaluation happens for
    each element.
    """

    by: ast.AST
    surely: bool = True
    each: bool = True
