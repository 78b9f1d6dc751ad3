"""Resolve expressions of a script to the modules and attributes that they name."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

from pytest_ouro.evidence.python.source import dotted, literal_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.evidence.python.source import Source

#: Modules that give access to other modules, start programs, or read code from files.
_WAYS = (
    *("sys", "os", "importlib", "subprocess", "socket", "asyncio", "numpy", "site"),
    "__main__",
)
#: The longest name that is followed: names of names could grow without end.
_LONGEST = 500
_IMPORTERS = ("import_module", "__import__")


class Names:
    """Resolve the names in a script to real dotted names, such as ``torch.compile``.

    Resolved are the modules ``known``, the modules in `_WAYS` (they give access to other modules,
    start programs, or read code from files), what these and torch contain, and ``print``
    (``builtins.print``). ``given`` maps names of the script that are resolved already to their real
    names.
    """

    def __init__(self, source: Source, known: tuple[str, ...], given: Mapping[str, str]) -> None:
        self._known = known
        self._importers = set(_IMPORTERS)
        self._values = _values(source)
        self._real = {"__builtins__": "builtins", **given}
        for plain in source.of(ast.Import):
            for alias in plain.names:
                top = alias.name.split(".")[0]
                if top in (*known, *_WAYS) or alias.name in known:
                    self._real[alias.asname or top] = alias.name if alias.asname else top
        stored = {name.id for name in source.of(ast.Name) if isinstance(name.ctx, ast.Store)}
        for named in source.of(ast.ImportFrom):
            self._import_from(named, stored)
        if "print" not in stored:
            self._real.setdefault("print", "builtins.print")
        for one in source.of(ast.Assign):
            for target in one.targets:
                self._assign(target, one.value)
        for stated in source.of(ast.AnnAssign):
            if stated.value is not None:
                self._assign(stated.target, stated.value)
        for walrus in source.of(ast.NamedExpr):
            self._assign(walrus.target, walrus.value)

    def _import_from(self, node: ast.ImportFrom, stored: set[str]) -> None:
        """Record what ``from … import …`` binds. A known module gets its real name, and so does
        what an absolute import takes from torch or a module in `_WAYS`, unless the script also
        assigns that name (it is in ``stored``). ``import_module`` and ``__import__`` are recorded
        as import functions; all other names are ignored."""
        top = (node.module or "").split(".")[0]
        for alias in node.names:
            local = alias.asname or alias.name
            full = f"{node.module}.{alias.name}" if node.module else alias.name
            module = next((one for one in self._known if is_module(node, full, one)), "")
            if module and (node.level or node.module):
                self._real[local] = module
            elif node.level:
                continue
            elif alias.name in _IMPORTERS:
                self._importers.add(local)
            elif (top == "torch" or top in _WAYS) and local not in stored:
                self._real[local] = full

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        """Record the real name of a name that is assigned an expression with a real name, as by
        ``short = long.name``, also within tuples; a name that is assigned an import function is
        recorded as one. A name that has a real name keeps it."""
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._assign(one, other)
        elif isinstance(target, ast.Name) and target.id not in self._real:
            if isinstance(value, ast.Name) and value.id in self._importers:
                self._importers.add(target.id)
            elif meant := self.meant(value):
                self._real[target.id] = meant

    def meant(self, node: ast.expr) -> str:
        """Return the real dotted name of an expression, also through ``getattr`` and, for known
        modules, through ``sys.modules`` and calls that import; "" if it is not known."""
        if isinstance(node, ast.Name):
            return self._real.get(node.id, "")
        if isinstance(node, ast.Attribute):
            base = self.meant(node.value)
            return f"{base}.{node.attr}" if base and len(base) < _LONGEST else ""
        if isinstance(node, ast.NamedExpr):
            return self.meant(node.value)
        if isinstance(node, ast.Subscript):
            key = self.text(node.slice)
            return key if key in self._known and self.meant(node.value) == "sys.modules" else ""
        if isinstance(node, ast.Call):
            if dotted(node.func) == "getattr" and len(node.args) > 1:
                base, key = self.meant(node.args[0]), self.text(node.args[1])
                return f"{base}.{key}" if base and key else ""
            return next((name for name in self.imported(node) if name in self._known), "")
        return ""

    def imports(self, node: ast.Call) -> bool:
        """Return whether a call has an argument and calls ``__import__`` or ``import_module``, also
        under another name that the script gives one of them."""
        by_call = isinstance(node.func, ast.Call)  # getattr(builtins, "__import__")("x")
        name = self.meant(node.func) if by_call else dotted(node.func)
        return bool(node.args) and name.rpartition(".")[2] in self._importers

    def imported(self, node: ast.Call) -> Iterator[str]:
        """Yield the name of the module that a call such as ``__import__("x")`` imports, if the name
        is literal; otherwise nothing."""
        if self.imports(node) and (name := self.text(node.args[0])):
            yield name

    def text(self, node: ast.expr) -> str:
        """Return the string that an expression spells, or that the name ``node`` is assigned if the
        script assigns it exactly once. "" if it is not literal."""
        return literal_text(self.value(node))

    def value(self, node: ast.expr) -> ast.expr:
        """Return the expression that a name is assigned if the whole script assigns it exactly
        once, by ``=``; otherwise the node itself."""
        return self._values.get(node.id, node) if isinstance(node, ast.Name) else node


def is_module(node: ast.ImportFrom, name: str, module: str) -> bool:
    """Return whether ``name``, a dotted name in the import statement ``node``, names the module
    ``module``: it is equal or, in a relative import, the last parts of it."""
    return name == module or (node.level > 0 and module.endswith(f".{name}"))


def _values(source: Source) -> dict[str, ast.expr]:
    """Return a dict from each name that the script assigns exactly once, by ``=``, to the assigned
    expression."""
    counts = Counter(n.id for n in source.of(ast.Name) if isinstance(n.ctx, ast.Store))
    return {
        target.id: one.value
        for one in source.of(ast.Assign)
        for target in one.targets
        if isinstance(target, ast.Name) and counts[target.id] == 1
    }
