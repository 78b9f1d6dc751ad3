"""Find the dictionaries that a Python program prints or writes, and the keys of their values."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.python.source import dotted
from pytest_ouro.onboarding.discover.printed import parts_of, prints
from pytest_ouro.onboarding.discover.source import PythonFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: How many assignments and calls are followed to a dictionary, and how many values are named.
_DEEPEST, _MOST = 6, 200
_DUMPS = ("json.dumps", "dumps", "orjson.dumps", "ujson.dumps", "simplejson.dumps")

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Dumped:
    """A value of a dictionary that a program prints or writes. ``keys`` lead to the value, from the
    outermost. ``before`` is the text printed before the dictionary on the same line, "" for none.
    ``as_json`` is whether the dictionary is printed as JSON. ``file`` is the path of the file that
    it is written into; "" if it is printed."""

    keys: Keys
    before: str = ""
    as_json: bool = True
    file: str = ""


def values(file: PythonFile, folder: Path) -> list[Dumped]:
    """Return the values of the dictionaries that a program prints, or writes into a file as JSON,
    each once, as far as its text shows them: dictionaries that are written out, filled key by key,
    or returned by a function of the program or of a module in ``folder`` that it imports. At most
    `_MOST`."""
    found: dict[Dumped, None] = {}
    reader = _Reader(file, folder)
    for node, plain in _printed(file):
        for keys in reader.keys_of(node, _scope(file, node)):
            if keys and len(found) < _MOST:
                found[replace(plain, keys=keys)] = None
    return list(found)


def _printed(file: PythonFile) -> Iterator[tuple[ast.expr, Dumped]]:
    """Yield a tuple for each expression that a program prints or writes as JSON, or prints as it
    is: the expression, which may be a dictionary, and a `Dumped` without keys that says how it is
    printed."""
    held = {
        target.id: node.value.args[0]
        for node in file.source.of(ast.Assign)
        if isinstance(node.value, ast.Call) and _dumps(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in file.source.of(ast.Call):
        name = dotted(call.func)
        if name in ("json.dump", "dump") and len(call.args) > 1:
            if dotted(call.args[1]).endswith("stdout"):
                yield call.args[0], Dumped(())
            elif path := _opened(file, call.args[1]):
                yield call.args[0], Dumped((), file=path)
            continue
        if name.endswith("write_text") or not name:
            yield from _saved(file, call)
        before = ""
        for part in parts_of(call) if prints(call) or name.endswith("stdout.write") else ():
            shown = part.value if isinstance(part, ast.FormattedValue) else part
            if isinstance(shown, ast.Constant):
                before = f"{before} {shown.value!s}".rpartition("\n")[2].strip()
            elif isinstance(shown, ast.Call) and _dumps(shown):
                yield shown.args[0], Dumped((), before)
            elif isinstance(shown, ast.Name) and shown.id in held:
                yield held[shown.id], Dumped((), before)
            else:
                yield shown, Dumped((), before, as_json=False)


def _opened(file: PythonFile, node: ast.expr) -> str:
    """Return the relative path of the file that an expression stands for: a call of ``open``, or a
    variable that a ``with`` statement binds to such a call. "" if the path is not relative or only
    a run would show it."""
    if isinstance(node, ast.Name):
        items = [item for block in file.source.of(ast.With) for item in block.items]
        named = [i for i in items if isinstance(i.optional_vars, ast.Name)]
        near = [i for i in named if getattr(i.optional_vars, "id", "") == node.id]
        before = [i for i in near if i.context_expr.lineno <= node.lineno]
        node = before[-1].context_expr if before else node
    if isinstance(node, ast.Call) and dotted(node.func) == "open" and node.args:
        return _relative(file.text(node.args[0]))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _relative(file.text(node.func.value)) if node.func.attr == "open" else ""
    return ""


def _saved(file: PythonFile, call: ast.Call) -> Iterator[tuple[ast.expr, Dumped]]:
    """Yield the expression that a call ``Path(…).write_text(json.dumps(…))`` writes as JSON, with a
    `Dumped` that has the file's path; nothing for any other call, or if the path is not known to be
    relative."""
    match call:
        case ast.Call(
            func=ast.Attribute(value=place, attr="write_text"), args=[ast.Call() as inner, *_]
        ) if _dumps(inner):
            if path := _relative(file.text(place)):
                yield inner.args[0], Dumped((), file=path)


def _relative(path: str) -> str:
    """Return the path, without ``./`` at its start, if it is relative and does not begin with
    ``..``; else ""."""
    return "" if path.startswith(("/", "~", "..")) else path.removeprefix("./")


def _dumps(call: ast.Call) -> bool:
    """Return whether a call turns its first argument into JSON."""
    return dotted(call.func) in _DUMPS and bool(call.args)


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
    """Finds the keys of the dictionary that an expression of a file stands for, through variables,
    function calls and modules in ``folder``."""

    file: PythonFile
    folder: Path
    depth: int = 0
    names: set[str] = field(default_factory=set)  # being followed
    changes: dict[ast.AST, dict[str, list[ast.AST]]] = field(default_factory=dict)

    def keys_of(self, node: ast.expr, scope: ast.AST) -> list[Keys]:
        """Return the keys that lead to the values of the dictionary that an expression stands for,
        as far as they are known; [] if it is not known to be a dictionary, or is nested too deeply.
        ``scope`` is the function or module in which the names of the expression are assigned."""
        if self.depth >= _DEEPEST:
            return []
        self.depth += 1
        try:
            return list(self._follow(node, scope))
        finally:
            self.depth -= 1

    def _follow(self, node: ast.expr, scope: ast.AST) -> Iterator[Keys]:
        """Yield the keys that lead to the values of the dictionary that an expression stands for,
        as `keys_of` returns them; the same keys may come twice."""
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
        """Yield the keys that lead to the value of one entry, or, if that is a dictionary, to each
        value in it; nothing if the key is not a literal text or contains a dot."""
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and "." not in key.value:
            for rest in self.keys_of(value, scope) or [()]:
                yield (key.value, *rest)

    def _assigned(self, name: str, scope: ast.AST) -> Iterator[Keys]:
        """Yield the keys of the dictionaries that are assigned to the variable ``name`` in a scope,
        and of entries that are added by ``name["key"] = …``, ``|=`` or ``update(other)``."""
        for node in self._changes(scope).get(name, ()):
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

    def _changes(self, scope: ast.AST) -> dict[str, list[ast.AST]]:
        """Return a dict from each name to the assignments to it, and to its items and attributes,
        and the calls of it or its methods, anywhere in a scope."""
        if scope not in self.changes:
            found = self.changes[scope] = {}
            for node in ast.walk(scope):
                targets = [node.func] if isinstance(node, ast.Call) else []
                targets = node.targets if isinstance(node, ast.Assign) else targets
                if isinstance(node, ast.AnnAssign | ast.AugAssign):
                    targets = [node.target]
                for target in targets:
                    if isinstance(target, ast.Subscript | ast.Attribute):
                        target = target.value
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(node)
        return self.changes[scope]

    def _target(
        self, target: ast.expr, value: ast.expr, name: str, scope: ast.AST
    ) -> Iterator[Keys]:
        """Yield the keys that the assignment ``target = value`` adds to the dictionary of the
        variable ``name``, for the targets ``name`` and ``name["key"]``; nothing for any other
        target."""
        match target:
            case ast.Name(id=other) if other == name:
                yield from self.keys_of(value, scope)
            case ast.Subscript(value=ast.Name(id=other), slice=key) if other == name:
                yield from self._entry(key, value, scope)

    def _returned(self, function: str) -> Iterator[Keys]:
        """Yield the keys of the dictionaries that ``function`` returns, if this file or a module in
        the folder defines that function; nothing if neither does."""
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
        """Return a tuple: the file in which to look for the function with this dotted name, by the
        imports of this file, and the function's name there. For a name without a dot that is not
        imported, also a builtin's, it is this file; for any other name that does not lead to a
        module in the folder, None."""
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


def listed(file: PythonFile, folder: Path) -> list[tuple[str, bool]]:
    """Return a tuple for each value of the dictionaries that a loop over ``.items()`` prints line
    by line: its key, that of the innermost dictionary, and whether ``:`` or ``=`` is printed
    between the key and its value. Each pair is returned once."""
    found: dict[tuple[str, bool], None] = {}
    for loop in file.source.of(ast.For):
        match loop:
            case ast.For(
                target=ast.Tuple(elts=[ast.Name(id=key), ast.Name()]),
                iter=ast.Call(func=ast.Attribute(value=node, attr="items")),
            ):
                calls = [call for call in ast.walk(loop) if isinstance(call, ast.Call)]
                shown = [mark for call in calls if prints(call) for mark in _after(call, key)]
                entries = _Reader(file, folder).keys_of(node, _scope(file, node)) if shown else []
                found |= dict.fromkeys((keys[-1], shown[0]) for keys in entries)
    return list(found)


def _after(call: ast.Call, name: str) -> Iterator[bool]:
    """Yield True if a call prints the variable ``name`` first and then a text that begins with
    ``:`` or ``=``; False if something else follows the variable. Nothing if the call does not begin
    with it, or prints it alone."""
    parts = parts_of(call)
    first = parts[0].value if parts and isinstance(parts[0], ast.FormattedValue) else parts[:1]
    first = first[0] if isinstance(first, list) and first else first
    if isinstance(first, ast.Name) and first.id == name and len(parts) > 1:
        text = parts[1].value if isinstance(parts[1], ast.Constant) else ""
        yield str(text).strip().startswith((":", "="))
