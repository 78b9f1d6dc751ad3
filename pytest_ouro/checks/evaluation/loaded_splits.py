"""Find the splits that a script asks the harness's loader for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ouro.child.harness import HELD_OUT
from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ouro.evidence.python.source import Source

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Splits:
    """The names of data splits ("train", "val", …) that the expressions in a script may have as
    values."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._strings = dict[str, set[str]]()  # by variable: literal strings that it is assigned
        for node in source.of(ast.Assign):
            texts = set(self._texts(node.value))
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self._strings.setdefault(target.id, set()).update(texts)
        if not any(one.value in HELD_OUT for one in source.of(ast.Constant)):
            return  # nothing can pass a held-out split
        for place, values in (*self._loops(), *self._parameters()):
            for name in ast.walk(place):
                if isinstance(name, ast.Name | ast.arg):
                    local = name.id if isinstance(name, ast.Name) else name.arg
                    self._strings.setdefault(local, set()).update(self._held_out(values))

    def loaded(self, call: ast.Call, is_loader: Callable[[ast.expr], bool]) -> Iterator[str]:
        """Yield the splits that a call may ask the harness's loader for. ``is_loader`` tells
        whether an expression is the loader.

        For a call of the loader, the splits are literals, all texts that a variable is assigned,
        and held-out splits that a loop, a parameter, ``*`` or ``**`` may pass; a composed text
        yields its source. For a call that gets the loader as an argument, as in
        ``partial(load, "val")``, they are the held-out splits among its arguments. Nothing for
        other calls.
        """
        if is_loader(call.func):
            named = (one.value for one in call.keywords if one.arg in ("split", None))
            for value in (*call.args, *named):
                yield from self._texts(value)
        elif any(map(is_loader, call.args)):
            for value in (*call.args, *(one.value for one in call.keywords)):
                yield from self._held_out(value)

    def _texts(self, value: ast.expr) -> Iterator[str]:
        """Yield the texts that an expression may have as its value: a literal; for a variable, the
        texts that ``name = …`` assigns, and held-out splits that a loop or a parameter passes; for
        ``a if c else b``, ``a or b``, ``a and b`` and ``n := a``, the texts of each of ``a`` and
        ``b``. For an f-string, or an operation on a literal text, yield its source code. For ``*…``
        and a dictionary, yield those texts in it that are held-out splits. Nothing for others."""
        if isinstance(value, ast.Starred | ast.Dict):
            yield from self._held_out(value)
        elif isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
        elif isinstance(value, ast.Name):
            yield from sorted(self._strings.get(value.id, ()))
        elif isinstance(value, ast.IfExp):
            yield from (text for one in (value.body, value.orelse) for text in self._texts(one))
        elif isinstance(value, ast.BoolOp):
            yield from (text for one in value.values for text in self._texts(one))
        elif isinstance(value, ast.NamedExpr):
            yield from self._texts(value.value)
        elif isinstance(value, ast.JoinedStr) or (
            isinstance(value, ast.BinOp) and _holds_text(value)
        ):
            yield ast.unparse(value)

    def _held_out(self, value: ast.AST) -> Iterator[str]:
        """Yield the held-out splits (`HELD_OUT`, such as "val") among the constants of an
        expression, at any depth, and among the texts of its variables."""
        for node in ast.walk(value):
            texts = sorted(self._strings.get(node.id, ())) if isinstance(node, ast.Name) else ()
            held = [node.value] if isinstance(node, ast.Constant) else texts
            yield from (text for text in held if text in HELD_OUT)

    def _loops(self) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield a tuple for each ``for`` loop (not ``async for``) and each ``for`` of a
        comprehension over a call, or a tuple, list, set or dict that is written out: the target
        that it assigns, and what it loops over."""
        loops: list[ast.For | ast.comprehension] = [*self._source.of(ast.For)]
        for node in [*loops, *self._source.of(ast.comprehension)]:
            if isinstance(node.iter, ast.Tuple | ast.List | ast.Set | ast.Dict | ast.Call):
                yield node.target, node.iter

    def _parameters(self) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield a tuple for each value that a parameter of a function of the script gets: the
        parameter, and the expression of the value. Counted are defaults, except of parameters that
        are given by keyword only, and the arguments of calls by the function's plain name."""
        functions = {one.name: one for one in self._source.nodes if isinstance(one, _FUNCTIONS)}
        for function in functions.values():
            plain = [*function.args.posonlyargs, *function.args.args]
            yield from zip(plain[::-1], function.args.defaults[::-1], strict=False)
        for call in self._source.of(ast.Call):
            if called := functions.get(dotted(call.func)):
                plain = [*called.args.posonlyargs, *called.args.args]
                yield from zip(plain, call.args, strict=False)
                named = {one.arg: one for one in [*plain, *called.args.kwonlyargs]}
                for word in call.keywords:
                    if word.arg in named:
                        yield named[word.arg], word.value


def _holds_text(node: ast.expr) -> bool:
    """Return whether there is a literal string in an expression, at any depth."""
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node))
