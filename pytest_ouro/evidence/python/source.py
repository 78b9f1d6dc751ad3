"""Analyse Python source by its syntax tree: imports, module-level names, and which of these a
function uses.

The source is never run. Layout, comments and docstrings are ignored.
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
_FREE = ast.unaryop
#: Functions that load a kernel from the hub.
_KERNEL_LOADERS = ("get_kernel", "load_kernel")
#: The names in the longest chain that is followed.
_CHAIN = 64
_INDIRECT_ATTRIBUTES = frozenset({"__dict__", "__globals__"})


#: Python writes longer integers in decimal only if asked to, since that takes long.
_LONG_INTEGER = 10_000


@dataclass(frozen=True)
class Source:
    """The text of one Python file, parsed when it is first needed.

    Everything that needs the syntax tree raises SyntaxError if the text is not valid Python,
    RecursionError if it is nested too deeply to be parsed (Python may still run it), and
    LimitError if it is too large.
    """

    text: str

    @property
    def tree(self) -> ast.Module:
        """The syntax tree, without docstrings. Raise SyntaxError, RecursionError or LimitError if
        the text cannot be parsed (see `Source`)."""
        return self._parsed[0]

    @property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree but contexts (``Load``, …), each before its children; cached, since
        a walk is slower than parsing. Raise SyntaxError, RecursionError or LimitError if the text
        cannot be parsed."""
        return self._parsed[1]

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of each of ``nodes`` but the module. The node of an operator, such as ``Add``,
        may stand in several places; its parent here is that of one of them."""
        return self._parsed[2]

    def of(self, *kinds: type[Node]) -> list[Node]:
        """Return the nodes whose type is exactly one of ``kinds``: all of the first kind, then of
        the next, each node before those inside it. Raise SyntaxError, RecursionError or LimitError
        if the text cannot be parsed."""
        return [node for kind in kinds for node in cast("list[Node]", self._kinds.get(kind, []))]

    @cached_property
    def _kinds(self) -> dict[type[ast.AST], list[ast.AST]]:
        """The nodes of the tree by their exact type, each before those inside it."""
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in self.nodes:
            found.setdefault(type(node), []).append(node)
        return found

    @cached_property
    def _parsed(self) -> tuple[ast.Module, list[ast.AST], dict[ast.AST, ast.AST]]:
        """The tree without docstrings; all its nodes but contexts (``Load``, …), each before those
        inside it; and the node around each of them but the module. Several nodes may share the node
        of an operator, such as ``Add``; one of them counts as the node around it."""
        tree = _parse(self.text)
        nodes: list[ast.AST] = [tree]
        parents: dict[ast.AST, ast.AST] = {}
        for node in nodes:
            if isinstance(node, ast.Name):  # a third of the nodes, with a context alone
                continue
            if isinstance(node, ast.Constant):
                _make_printable(node)
                continue
            if isinstance(node, _WITH_DOCSTRING):
                _drop_docstring(node)
            for field in node._fields:  # quicker than ast.iter_child_nodes
                value = getattr(node, field, None)
                children = value if type(value) is list else (value,)
                for child in children:
                    if isinstance(child, ast.AST) and field != "ctx":
                        parents[child] = node
                        nodes.append(child)
        return tree, nodes, parents

    @property
    def size(self) -> int:
        """The size of the code in nodes of the syntax tree, without docstrings. A signed literal, a
        name and a dotted name count one each.

        Raise SyntaxError, RecursionError or LimitError if the text cannot be parsed.
        """
        return sum(not isinstance(node, _FREE) and not _is_part(node) for node in self.nodes)

    @property
    def code(self) -> str:
        """A dump of the syntax tree as text, equal for two files that differ only in layout,
        comments and docstrings. Raise SyntaxError, RecursionError or LimitError if the text cannot
        be parsed."""
        return ast.dump(self.tree)

    def defines(self, name: str) -> bool:
        """Return whether the module seems to bind ``name`` at its top level. Lines are searched
        first (`source_encoding.defines`); the text is parsed only if they do not show it. Then
        raise SyntaxError, RecursionError or LimitError if it cannot be parsed."""
        return defines(self.text, name) or name in self.bindings

    @cached_property
    def bindings(self) -> dict[str, tuple[ast.stmt, ...]]:
        """The module's top-level statements, in order, by each name that they bind or change. Raise
        SyntaxError, RecursionError or LimitError if the text cannot be parsed.

        Under the pseudo-name `TOP_LEVEL` are all statements other than definitions, imports and
        assignments, such as ``if``, ``for`` and calls, and those that may bind any name. ``pass``,
        and ``if __name__ == "__main__":`` without an ``else``, are left out.
        """
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in _names_bound_by(statement):
                found.setdefault(name, []).append(statement)
        return {name: tuple(statements) for name, statements in found.items()}

    def reached_from(self, name: str) -> set[str]:
        """Return the names in `bindings` that the meaning of ``name`` depends on: ``name`` itself,
        `TOP_LEVEL` (module-level code that may change anything), and all names that the statements
        of these use, transitively. Names that the module does not bind are left out."""
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
        """Return the dumped syntax trees of the statements that bind ``name``, one on each line,
        which ignore layout and comments; "" if there are none. Raise SyntaxError, RecursionError or
        LimitError if the text cannot be parsed."""
        return "\n".join(ast.dump(statement) for statement in self.bindings.get(name, ()))

    @cached_property
    def imports(self) -> dict[str, int]:
        """The absolute dotted names of the modules that are imported anywhere in the file, each
        with the number of its first line; relative imports are left out. Raise SyntaxError,
        RecursionError or LimitError if the text cannot be parsed.

        ``importlib.import_module("x")`` and ``__import__("x")`` count if `literal_text` reads
        the name. ``get_kernel("owner/name")`` or ``load_kernel`` counts as
        ``kernels:owner/name``.
        """
        found: dict[str, int] = {}
        for node in self.of(ast.Import, ast.ImportFrom, ast.Call):
            line = getattr(node, "lineno", 0)
            for module in (*imported(node), *self._kernels(node)):
                found[module] = min(line, found.get(module, line))
        return found

    def _kernels(self, node: ast.AST) -> Iterator[str]:
        """Yield ``kernels:owner/name`` for each kernel that a call of ``get_kernel`` or
        ``load_kernel`` may load, named by a literal, a variable or a conditional expression;
        nothing for any other node."""
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
    """Return the `Source` of a text, from a cache that rules and commits share; nothing is
    parsed yet.

    A long text empties the cache first, since its tree needs so much memory.
    """
    if len(text) > LONG:
        _source.cache_clear()
    return _source(text)


@lru_cache(maxsize=8)
def _source(text: str) -> Source:
    """Return the `Source` of a text, the same object for an equal text that was among the last
    few."""
    return Source(text)


def _parse(text: str) -> ast.Module:
    """Parse a text. Raise SyntaxError if it is not valid Python, RecursionError if it is nested too
    deeply, LimitError if it is too large."""
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
    """An integer whose repr is hexadecimal, however long it is."""

    def __repr__(self) -> str:
        return hex(self)


def _make_printable(node: ast.Constant) -> None:
    """Replace a very long integer in a constant by one with a hexadecimal repr, since Python
    refuses to write long ones in decimal. Leave any other constant unchanged."""
    value = node.value
    if type(value) is int and value.bit_length() > _LONG_INTEGER:
        node.value = _Integer(value)


def _is_part(node: ast.AST) -> bool:
    """Return whether a node adds nothing to the size because it is counted with its child: the sign
    of a literal, or a part of a dotted name."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute)


def _drop_docstring(
    node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
) -> None:
    """Remove the docstring from a node's body in place, if it has one; an empty body becomes
    ``pass``."""
    body = node.body
    first = body[0] if body else None
    text = first.value if isinstance(first, ast.Expr) else None
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        node.body = body[1:] or [ast.Pass()]


def _names_bound_by(statement: ast.stmt) -> set[str]:
    """Return the module-level names that a top-level statement binds or changes. For a definition,
    an import or an assignment, the pseudo-name `TOP_LEVEL` is among them if it may bind any name.
    For ``pass``, and for ``if __name__ == "__main__":`` without an ``else``, the set is empty; for
    any other statement it is `TOP_LEVEL` alone."""
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
    """Return the names that a statement binds by ``global x`` or ``(x := 1)`` inside it, with the
    pseudo-name `TOP_LEVEL` if it may bind any name, as by ``exec`` or ``globals()``."""
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
    """Yield the variables that an assignment to this target changes: ``a`` for ``a``, ``a.b`` and
    ``a[0]``, each one for ``a, b``; the pseudo-name `TOP_LEVEL` for any other target."""
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
    """Return whether a statement is ``if __name__ == "__main__":`` without an ``else``."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return ast.unparse(statement.test) == "__name__ == '__main__'"


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for a name or a chain of attributes of a name; "" for any other expression,
    or for more than `_CHAIN` attributes."""
    name, length = "", 0
    while isinstance(node, ast.Attribute) and length < _CHAIN:
        name, length = f".{node.attr}{name}", length + 1
        node = node.value
    return f"{node.id}{name}" if isinstance(node, ast.Name) else ""


def literal_text(node: ast.expr) -> str:
    """Return the string that an expression of literals has as its value: a literal, ``+``, an
    f-string (whose formats are ignored), or ``join`` of a list or tuple; bytes are read as UTF-8.
    Return "" if the value is the empty string or unknown. Raise RecursionError if it is nested too
    deeply."""
    return _spelled(node) or ""


def _spelled(node: ast.expr) -> str | None:
    """Return the string that an expression of literals has as its value, as for `literal_text`;
    None if it is unknown or not a string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
        return node.value.decode(errors="replace")
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
    """Yield the absolute dotted names of the modules that one statement or call imports: ``a``
    for ``from a import b``, nothing for a relative import or any other node.

    A call of ``import_module``, ``__import__`` or a kernel loader (``kernels:owner/name``)
    counts if `literal_text` reads the name.
    """
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
