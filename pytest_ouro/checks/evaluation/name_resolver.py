"""Resolve expressions of a script to the modules and attributes that they name."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.evidence.python.source import Source

#: Modules that give access to other modules, or start programs.
_WAYS = ("sys", "os", "importlib")
_IMPORTERS = ("import_module", "__import__")


class Names:
    """The real dotted names of the names in a script.

    Only names of the modules ``known`` and `_WAYS`, and of what they contain, are resolved.
    ``given`` has names that are resolved already, by the script's names.
    """

    def __init__(self, source: Source, known: tuple[str, ...], given: Mapping[str, str]) -> None:
        self._known = known
        self._importers = set(_IMPORTERS)
        self._real = {"__builtins__": "builtins", **given}
        for plain in source.of(ast.Import):
            for alias in plain.names:
                top = alias.name.split(".")[0]
                if top in (*known, *_WAYS) or alias.name in known:
                    self._real[alias.asname or top] = alias.name if alias.asname else top
        stored = {name.id for name in source.of(ast.Name) if isinstance(name.ctx, ast.Store)}
        for named in source.of(ast.ImportFrom):
            self._import_from(named, stored)
        for one in source.of(ast.Assign):
            for target in one.targets:
                self._assign(target, one.value)
        for stated in source.of(ast.AnnAssign):
            if stated.value is not None:
                self._assign(stated.target, stated.value)
        for walrus in source.of(ast.NamedExpr):
            self._assign(walrus.target, walrus.value)

    def _import_from(self, node: ast.ImportFrom, stored: set[str]) -> None:
        """Resolve imported names, without those that are assigned something else (``stored``)."""
        top = (node.module or "").split(".")[0]
        for alias in () if node.level else node.names:
            local = alias.asname or alias.name
            if alias.name in _IMPORTERS:
                self._importers.add(local)
            elif (top == "torch" or top in _WAYS) and local not in stored:
                self._real[local] = f"{node.module}.{alias.name}"

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        """Resolve the target of ``short = long.name``, also within tuples."""
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._assign(one, other)
        elif isinstance(target, ast.Name) and target.id not in self._real:
            if isinstance(value, ast.Name) and value.id in self._importers:
                self._importers.add(target.id)
            elif meant := self.meant(value):
                self._real[target.id] = meant

    def meant(self, node: ast.expr) -> str:
        """Return the real dotted name of an expression; "" if it is unknown."""
        if isinstance(node, ast.Name):
            return self._real.get(node.id, "")
        if isinstance(node, ast.Attribute):
            base = self.meant(node.value)
            return f"{base}.{node.attr}" if base else ""
        if isinstance(node, ast.NamedExpr):
            return self.meant(node.value)
        if isinstance(node, ast.Subscript):
            key = literal_text(node.slice)
            return key if key in self._known and self.meant(node.value) == "sys.modules" else ""
        if isinstance(node, ast.Call):
            if dotted(node.func) == "getattr" and len(node.args) > 1:
                base, key = self.meant(node.args[0]), literal_text(node.args[1])
                return f"{base}.{key}" if base and key else ""
            return next((name for name in self.imported(node) if name in self._known), "")
        return ""

    def imported(self, node: ast.Call) -> Iterator[str]:
        """Yield the module that a call imports, under any name of the import function."""
        importer = dotted(node.func).rpartition(".")[2] in self._importers
        if importer and node.args and (name := literal_text(node.args[0])):
            yield name


def literal_text(node: ast.expr) -> str:
    """Return the string that a literal is; "" for any other expression."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
