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
    """What a node does that evaluates when it is reached. ``by`` is the node itself if it calls the
    harness's evaluation, or the function of the script that it calls. ``surely``: it evaluates each
    time; otherwise perhaps, and it does not repeat an evaluation by the same function. ``each``: as
    an element of a comprehension it evaluates each time."""

    by: ast.AST
    surely: bool = True
    each: bool = True
