"""Find the values in the JSON that a Python program prints, and the keys at which they stand."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.python.source import dotted
from pytest_ouro.onboarding.discover.source import PythonFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: How many assignments and calls are followed to a dictionary, and how many values are named.
_DEEPEST, _MOST = 6, 200
#: Calls that print their first argument as it is.
_PRINTERS = ("print", "pprint", "echo", "secho", "stdout.write")
_DUMPS = ("json.dumps", "dumps", "orjson.dumps", "ujson.dumps", "simplejson.dumps")

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Dumped:
    """A value in printed JSON: the ``keys`` that lead to it, at least one, and the text that is
    printed before the JSON on its line, "" for none."""

    keys: Keys
    before: str = ""


def values(file: PythonFile, folder: Path) -> list[Dumped]:
    """Return the values of the dictionaries that a program prints as JSON, each once, as far as its
    text shows them: dictionaries that are written out, filled key by key, or returned by a function
    of the program or of a module in ``folder`` that it imports. At most `_MOST`."""
    found: dict[Dumped, None] = {}
    for node, before in _printed(file):
        for keys in _Reader(file, folder).keys_of(node, _scope(file, node)):
            if keys and len(found) < _MOST:
                found[Dumped(keys, before)] = None
    return list(found)


def _printed(file: PythonFile) -> Iterator[tuple[ast.expr, str]]:
    """Yield each expression that is printed as JSON, with the text before it on its line."""
    calls = file.source.of(ast.Call)
    held = {
        name: node.value.args[0]
        for node in file.source.of(ast.Assign)
        if _dumps(node.value) and isinstance(node.value, ast.Call)
        for name in (target.id for target in node.targets if isinstance(target, ast.Name))
    }
    for call in calls:
        if dotted(call.func) in ("json.dump", "dump") and len(call.args) > 1:
            if dotted(call.args[1]).endswith("stdout"):
                yield call.args[0], ""
        elif dotted(call.func).endswith(_PRINTERS) and call.args:
            for before, shown in _parts(call.args):
                if _dumps(shown) and isinstance(shown, ast.Call):
                    yield shown.args[0], before
                elif isinstance(shown, ast.Name) and shown.id in held:
                    yield held[shown.id], before


def _dumps(node: ast.expr) -> bool:
    """Return whether an expression is a call that turns its first argument into JSON."""
    return isinstance(node, ast.Call) and dotted(node.func) in _DUMPS and bool(node.args)


def _parts(args: Sequence[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
    """Yield each expression that a call of print shows, with the text before it."""
    texts: list[str] = []
    for arg in args:
        for part in arg.values if isinstance(arg, ast.JoinedStr) else [arg]:
            if isinstance(part, ast.Constant):
                texts.append(str(part.value))
            else:
                shown = part.value if isinstance(part, ast.FormattedValue) else part
                yield " ".join(texts).rpartition("\n")[2].strip(), shown


def _scope(file: PythonFile, node: ast.expr) -> ast.AST:
    """Return the innermost function around an expression, else the whole module."""
    around = [
        function
        for kind in (ast.FunctionDef, ast.AsyncFunctionDef)
        for function in file.source.of(kind)
        if function.lineno <= node.lineno <= (function.end_lineno or 0)
    ]
    return max(around, key=lambda function: function.lineno, default=file.source.tree)


@dataclass
class _Reader:
    """Follows an expression of a file to the keys of the dictionary that it stands for."""

    file: PythonFile
    folder: Path
    depth: int = 0
    names: set[str] = field(default_factory=set)  # being followed

    def keys_of(self, node: ast.expr, scope: ast.AST) -> list[Keys]:
        """Return the keys that lead to each value of the dictionary; [] if it is not known to be
        one. ``scope`` is where the names of the expression are assigned."""
        if self.depth >= _DEEPEST:
            return []
        self.depth += 1
        try:
            return list(self._follow(node, scope))
        finally:
            self.depth -= 1

    def _follow(self, node: ast.expr, scope: ast.AST) -> Iterator[Keys]:
        """Yield the keys that lead to each value, perhaps twice."""
        match node:
            case ast.Dict(keys=keys, values=given):
                for key, value in zip(keys, given, strict=True):
                    if key is None:  # **other
                        yield from self.keys_of(value, scope)
                    else:
                        yield from self._entry(key, value, scope)
            case ast.Call(func=ast.Name(id="dict"), keywords=words) if words:
                for word in words:
                    if word.arg:
                        yield from self._entry(ast.Constant(word.arg), word.value, scope)
            case ast.Call(func=function):
                yield from self._returned(dotted(function))
            case ast.IfExp(body=body, orelse=other):
                yield from self.keys_of(body, scope)
                yield from self.keys_of(other, scope)
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                yield from self.keys_of(left, scope)
                yield from self.keys_of(right, scope)
            case ast.Name(id=name) if name not in self.names:
                self.names.add(name)
                yield from self._assigned(name, scope)
                self.names.discard(name)

    def _entry(self, key: ast.expr, value: ast.expr, scope: ast.AST) -> Iterator[Keys]:
        """Yield the keys that lead to the value of one entry, or to those in it; nothing if the key
        is not a plain text."""
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and "." not in key.value:
            for rest in self.keys_of(value, scope) or [()]:
                yield (key.value, *rest)

    def _assigned(self, name: str, scope: ast.AST) -> Iterator[Keys]:
        """Yield the keys of the dictionaries that are assigned to a name in its scope, and those
        that are added to it."""
        for node in ast.walk(scope):
            match node:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        yield from self._target(target, value, name, scope)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    yield from self._target(target, value, name, scope)
                case ast.AugAssign(target=ast.Name(id=other), op=ast.BitOr(), value=value):
                    if other == name:
                        yield from self.keys_of(value, scope)
                case ast.Call(func=function, args=[value]) if dotted(function) == f"{name}.update":
                    yield from self.keys_of(value, scope)

    def _target(
        self, target: ast.expr, value: ast.expr, name: str, scope: ast.AST
    ) -> Iterator[Keys]:
        """Yield the keys that one assignment gives to a name: ``name = value``, or
        ``name["key"] = value``."""
        match target:
            case ast.Name(id=other) if other == name:
                yield from self.keys_of(value, scope)
            case ast.Subscript(value=ast.Name(id=other), slice=key) if other == name:
                yield from self._entry(key, value, scope)

    def _returned(self, function: str) -> Iterator[Keys]:
        """Yield the keys of the dictionaries that a function returns, which the file defines or
        imports from a module in the folder; nothing for another."""
        file, name = self._origin(function)
        if file is None:
            return
        reader = _Reader(file, self.folder, self.depth)
        defined: list[ast.FunctionDef | ast.AsyncFunctionDef] = [
            *file.source.of(ast.FunctionDef),
            *file.source.of(ast.AsyncFunctionDef),
        ]
        for node in defined:
            for inner in ast.walk(node) if node.name == name else ():
                if isinstance(inner, ast.Return) and inner.value:
                    yield from reader.keys_of(inner.value, node)

    def _origin(self, function: str) -> tuple[PythonFile | None, str]:
        """Return the file that defines a function, by its dotted name in this file, and its name
        there; None if the folder has no such file."""
        module, _, name = function.rpartition(".")
        for node in self.file.source.of(ast.ImportFrom):
            for alias in node.names:
                if not module and (alias.asname or alias.name) == name:
                    return self._module(node.module or ""), alias.name
                if module and (alias.asname or alias.name) == module:
                    return self._module(".".join(filter(None, [node.module, alias.name]))), name
        for imported in self.file.source.of(ast.Import):
            for alias in imported.names:
                if module and (alias.asname or alias.name) == module:
                    return self._module(alias.name), name
        return (None if module else self.file), name

    def _module(self, name: str) -> PythonFile | None:
        """Return the file of a module in the folder; None if there is none that can be read."""
        path = f"{name.replace('.', '/')}.py"
        try:
            return PythonFile.read(self.folder / path, path)
        except OuroError:
            return None
