"""Analyse Python source by its syntax tree: imports, bindings, names that a function reaches.

The source is never run. Layout, comments and docstrings do not count.
"""

from __future__ import annotations

import ast
import warnings
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.python.source_encoding import LONG, defines, demand_few_tokens
from pytest_ouro.evidence.python.source_encoding import decode as decode

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = TypeVar("Node", bound=ast.AST)

#: The pseudo-name of module-level code other than definitions, which may change anything.
TOP_LEVEL = "module-level code"


#: Names through which a statement can bind a name that does not appear in it.
_INDIRECT = frozenset({"globals", "locals", "vars", "setattr", "delattr", "exec", "eval"})
_WITH_DOCSTRING = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: Nodes that do not count for the size, since no token of their own stands for them.
_FREE = (ast.expr_context, ast.unaryop)
#: Functions that load a kernel from the hub.
_KERNEL_LOADERS = ("get_kernel", "load_kernel")
#: The names in the longest chain that is followed.
_CHAIN = 64
_INDIRECT_ATTRIBUTES = frozenset({"__dict__", "__globals__"})


#: Python writes longer integers in decimal only if asked to, since that takes long.
_LONG_INTEGER = 10_000


@dataclass(frozen=True)
class Source:
    """One file's text. ``tree``, and all that needs it, raises SyntaxError if the text is not
    Python, RecursionError if it is nested too deeply to parse; an interpreter may still run that.
    LimitError if it is so large that its tree would take too much memory."""

    text: str

    @property
    def tree(self) -> ast.Module:
        """The syntax tree without docstrings; errors as of the class."""
        return self._parsed[0]

    @property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree, outer ones first; cached, since a walk is slower than parsing.
        Errors as of the class."""
        return self._parsed[1]

    def of(self, *kinds: type[Node]) -> list[Node]:
        """Return a list of the nodes of these kinds, one kind after the other, outer ones first; []
        if there are none. Subclasses of a kind do not count. Errors as of the class."""
        return [node for kind in kinds for node in cast("list[Node]", self._kinds.get(kind, []))]

    @cached_property
    def _kinds(self) -> dict[type[ast.AST], list[ast.AST]]:
        """The nodes of the tree by their exact kind, outer ones first."""
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in self.nodes:
            found.setdefault(type(node), []).append(node)
        return found

    @cached_property
    def _parsed(self) -> tuple[ast.Module, list[ast.AST]]:
        """The tree without docstrings, and all of its nodes, outer ones first."""
        tree = _parse(self.text)
        nodes: list[ast.AST] = [tree]
        for node in nodes:
            if not node._fields:  # Load, Add, …: nearly half of the nodes
                continue
            if isinstance(node, _WITH_DOCSTRING):
                _drop_docstring(node)
            elif isinstance(node, ast.Constant):
                _make_printable(node)
            nodes.extend(ast.iter_child_nodes(node))
        return tree, nodes

    @property
    def size(self) -> int:
        """The number of nodes of the syntax tree, without docstrings; errors as of the class.

        A literal with its sign, a name and a dotted name count one each, so that no spelling of a
        value is shorter than another.
        """
        return sum(not isinstance(node, _FREE) and not _is_part(node) for node in self.nodes)

    @property
    def code(self) -> str:
        """The code as text without layout, comments and docstrings: a dump of the tree."""
        return ast.dump(self.tree)

    def defines(self, name: str) -> bool:
        """Return whether ``bindings`` has ``name``, or a plain line defines it
        (`source_encoding.defines`). Only without such a line is the text parsed, with the errors of
        the class."""
        return defines(self.text, name) or name in self.bindings

    @cached_property
    def bindings(self) -> dict[str, tuple[ast.stmt, ...]]:
        """The definitions, imports and assignments at the top of the module, in order, by each name
        that they bind or change. Those that may bind any name, and all other statements there, such
        as ``if``, ``for``, ``del`` and calls, stand under `TOP_LEVEL`; a main guard and ``pass``
        nowhere."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in _names_bound_by(statement):
                found.setdefault(name, []).append(statement)
        return {name: tuple(statements) for name, statements in found.items()}

    def reached_from(self, name: str) -> set[str]:
        """Return the set of the module-level names that ``name`` needs: ``name``, `TOP_LEVEL`, and
        all names that their statements use, transitively. Of all these, names that the module does
        not bind are left out; an empty set if nothing is left."""
        seen: set[str] = set()
        waiting = [name, TOP_LEVEL]
        while waiting:
            one = waiting.pop()
            if one in seen or one not in self.bindings:
                continue
            seen.add(one)
            for statement in self.bindings[one]:
                waiting += {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        return seen

    def meaning(self, name: str) -> str:
        """Return the statements that ``bindings`` has for ``name``, as dumps of their trees without
        layout and comments; "" if there are none."""
        return "\n".join(ast.dump(statement) for statement in self.bindings.get(name, ()))

    @cached_property
    def imports(self) -> dict[str, int]:
        """The modules (dotted, absolute) that are imported anywhere in the file, each with the
        number of the first line that does it; relative imports do not count. {} if there are none;
        errors as of the class.

        ``importlib.import_module("x")`` and ``__import__("x")`` count if `literal_text` reads the
        name, and ``get_kernel("owner/name")`` or ``load_kernel`` of the hub as
        ``kernels:owner/name``, also by a variable.
        """
        found: dict[str, int] = {}
        for node in self.of(ast.Import, ast.ImportFrom, ast.Call):
            line = getattr(node, "lineno", 0)
            for module in (*imported(node), *self._kernels(node)):
                found[module] = min(line, found.get(module, line))
        return found

    def _kernels(self, node: ast.AST) -> Iterator[str]:
        """Yield ``kernels:owner/name`` for each kernel that a call may load, by a literal, a
        variable or a condition; nothing for another call."""
        if not (isinstance(node, ast.Call) and node.args):
            return
        if dotted(node.func).rpartition(".")[2] not in _KERNEL_LOADERS:
            return
        given: list[ast.expr] = [node.args[0]]
        if isinstance(given[0], ast.Name):
            name = given[0].id
            given = [one.value for one in self.of(ast.Assign) if name in map(dotted, one.targets)]
        for value in given:
            texts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
            yield from (f"kernels:{text}" for text in map(literal_text, texts) if text)


def source(text: str) -> Source:
    """Return the Source of a text, cached for other rules and commits; nothing is parsed yet.

    The tree of a long text takes so much memory that it is the only one that is kept.
    """
    if len(text) > LONG:
        _source.cache_clear()
    return _source(text)


@lru_cache(maxsize=8)
def _source(text: str) -> Source:
    """Return the Source of a text, the same one again for an equal text."""
    return Source(text)


def _parse(text: str) -> ast.Module:
    """Return the syntax tree of a text; SyntaxError, RecursionError or LimitError as in
    `Source`."""
    if len(text) > LONG:
        demand_few_tokens(text, "a script")
    try:
        with warnings.catch_warnings():  # about the judged code, as of an invalid escape
            warnings.simplefilter("ignore")
            return ast.parse(text.lstrip("\ufeff"))
    except ValueError as error:
        raise SyntaxError(f"not Python: {error}") from None
    except MemoryError:
        raise RecursionError("nested too deeply") from None


class _Integer(int):
    """An integer that is written in hexadecimal, however long it is."""

    def __repr__(self) -> str:
        return hex(self)


def _make_printable(node: ast.Constant) -> None:
    """Replace the value of a constant that is a long integer by one that is written in hexadecimal:
    Python refuses to write long ones in decimal, as a message might. Other constants are not
    changed."""
    value = node.value
    if type(value) is int and value.bit_length() > _LONG_INTEGER:
        node.value = _Integer(value)


def _is_part(node: ast.AST) -> bool:
    """Return whether a node does not count for the size, since it is counted with its child: the
    sign of a literal, or a part of a dotted name."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute)


def _drop_docstring(
    node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
) -> None:
    """Remove the docstring from the body of a node, if it has one."""
    body = node.body
    first = body[0] if body else None
    text = first.value if isinstance(first, ast.Expr) else None
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        node.body = body[1:] or [ast.Pass()]


def _names_bound_by(statement: ast.stmt) -> set[str]:
    """Return the module-level names that a definition, import or assignment binds or changes, with
    `TOP_LEVEL` if it may bind any name; of any other statement `TOP_LEVEL` alone, and nothing of a
    main guard or ``pass``."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name} | _bound_within(statement)
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = {alias.asname or alias.name.split(".")[0] for alias in statement.names}
        return {TOP_LEVEL if name == "*" else name for name in names}
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {name for target in targets for name in _targets(target)} | _bound_within(statement)
    if _is_main_guard(statement) or isinstance(statement, ast.Pass):
        return set()
    return {TOP_LEVEL}


def _bound_within(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds by ``global x`` or ``(x := 1)`` inside of it; with
    `TOP_LEVEL` if it may bind any name, as by ``exec``."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Global):
            found.update(node.names)
        elif isinstance(node, ast.NamedExpr):
            found.update(_targets(node.target))
        elif (isinstance(node, ast.Name) and node.id in _INDIRECT) or (
            isinstance(node, ast.Attribute)
            and (node.attr in _INDIRECT_ATTRIBUTES or dotted(node) == "sys.modules")
        ):
            found.add(TOP_LEVEL)
    return found


def _targets(target: ast.expr) -> Iterator[str]:
    """Yield the module-level names that an assignment to ``a``, ``a.b``, ``a[0]`` or ``a, b``
    changes; `TOP_LEVEL` for a target of another form."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _targets(element)
    elif isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        yield from _targets(target.value)
    else:
        yield TOP_LEVEL


def _is_main_guard(statement: ast.stmt) -> bool:
    """Return whether a statement is ``if __name__ == "__main__":`` without an else."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return ast.unparse(statement.test) == "__name__ == '__main__'"


def dotted(node: ast.expr) -> str:
    """Return a chain of names as ``a.b.c``; "" for any other expression, or if the chain has more
    than `_CHAIN` attributes."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < _CHAIN:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def literal_text(node: ast.expr) -> str:
    """Return the string that literals spell, also joined by ``+``, by an f-string (formats and
    conversions are ignored), or by ``join`` of a list or tuple; "" if they spell the empty string,
    if a part or the separator is not such a literal, and for any other expression. RecursionError
    if it is nested too deeply."""
    return _spelled(node) or ""


def _spelled(node: ast.expr) -> str | None:
    """Return what `literal_text` does, but None where the string is not known."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.FormattedValue):
        return _spelled(node.value)
    parts: list[ast.expr] = []
    between: str | None = ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    elif isinstance(node, ast.JoinedStr):
        parts = node.values
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        whole = node.args[0]
        if node.func.attr == "join" and isinstance(whole, ast.List | ast.Tuple):
            parts = whole.elts
            between = _spelled(node.func.value) if len(parts) > 1 else ""
    known = [text for part in parts if (text := _spelled(part)) is not None]
    if not parts or between is None or len(known) < len(parts):
        return None
    return between.join(known)


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the names of the modules (dotted, absolute) that one statement or call imports, and
    ``kernels:owner/name`` for a kernel; of a call only a name that `literal_text` reads. ``from a
    import b`` yields ``a`` alone, a relative import and any other node nothing."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level == 0 and node.module:
            yield node.module
    elif isinstance(node, ast.Call) and node.args:
        name = dotted(node.func).rpartition(".")[2]
        if name in ("import_module", "__import__") and (text := literal_text(node.args[0])):
            yield text
        elif name in _KERNEL_LOADERS and (text := literal_text(node.args[0])):
            yield f"kernels:{text}"
