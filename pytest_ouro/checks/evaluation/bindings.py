"""Find what statements bind, and which names of a script belong to the harness."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, get_args

from pytest_ouro.evidence.python.source import dotted, literal_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Functions that return the names of a script.
NAMESPACES = ("globals", "vars", "locals")
#: Kinds of nodes, as tuples: a union would be built for each of thousands of nodes.
Assigning: TypeAlias = (
    ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete | ast.For | ast.NamedExpr | ast.withitem
)
ASSIGNING = get_args(Assigning)


def names_taken(text: str, harness: str, functions: tuple[str, ...]) -> frozenset[str]:
    """Return the names of what the script ``text`` takes from the harness: the constants in upper
    case that it imports or reads as attributes, and those of ``functions`` that it imports.
    ``harness`` is a dotted module, of which only the last part counts.

    The text is searched, not parsed. So the name after ``as`` in such an import is returned too if
    it is in upper case or in ``functions``.
    """
    words = _words_taken(text, harness.rpartition(".")[2])
    return frozenset(word for word in words if word.isupper() or word in functions)


@lru_cache(maxsize=64)
def _words_taken(text: str, module: str) -> frozenset[str]:
    """Return each word in the statements ``from … import …`` about a module whose last part is
    ``module``, and the name of each attribute of that module that is in upper case; an empty set if
    there are none."""
    # A pattern that begins with plain text is searched for many times as fast as one with ^ or \b.
    path = rf"\.*(?:[\w.]*\.)?{re.escape(module)}"
    words = set[str]()
    end = 0
    for found in re.finditer(rf"from\s+{path}\s+import\s+", text):
        start = found.end()
        before = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if found.start() >= end and not before.strip():  # it begins a line
            end = _end_of_names(text, start)
            words.update(re.findall(r"\w+", text[start:end]))
    for name in map(re.escape, {module, *re.findall(rf"import\s+{path}\s+as\s+(\w+)", text)}):
        words.update(re.findall(rf"{name}(?<!\w{name})\.([A-Z][A-Z0-9_]*)\b", text))
    return frozenset(words)


def _end_of_names(text: str, start: int) -> int:
    """Return where the names of an import statement end, which begin at ``start``: at the closing
    parenthesis, or else at the end of the line, which may be continued by a backslash."""
    close = text.find(")", start) if text.startswith("(", start) else -1
    line = re.compile(r"(?:[^\n\\]|\\\r?\n)*").match(text, start)
    return close if close >= 0 or line is None else line.end()


def targets_of(node: Assigning) -> Iterator[ast.expr]:
    """Yield each expression that a node assigns to, binds or deletes; in place of a tuple or list
    its items, at any depth, and in place of ``*rest`` the expression ``rest``. An annotation
    without a value, and a ``with`` without ``as``, yield nothing."""
    if isinstance(node, ast.Assign | ast.Delete):
        waiting = list(node.targets)
    elif isinstance(node, ast.withitem):
        waiting = [node.optional_vars] if node.optional_vars else []
    elif isinstance(node, ast.AnnAssign) and node.value is None:
        waiting = []
    else:
        waiting = [node.target]
    for target in waiting:
        if isinstance(target, ast.Tuple | ast.List):
            waiting += target.elts
        elif isinstance(target, ast.Starred):
            waiting.append(target.value)
        else:
            yield target


def written_into(leaf: ast.Attribute | ast.Subscript, value: Callable[[ast.expr], ast.expr]) -> str:
    """Return the dotted name of what an assignment to ``leaf`` writes into, up to the first index:
    ``a.b`` for ``a.b``, ``a.b[0]`` and ``a.b[0].c``. Return ``f()`` for an attribute or item of the
    result of a call ``f()``, and "" for another expression.

    ``value`` returns the expression that a name is assigned. A name that is assigned a call of one
    of `NAMESPACES` stands for that call: after ``g = globals()``, return ``globals()`` for
    ``g["x"]``.
    """
    node: ast.expr = leaf if isinstance(leaf, ast.Attribute) else leaf.value
    while not (name := dotted(node)) and isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    called = value(node)
    if isinstance(called, ast.Call) and (not name or dotted(called.func) in NAMESPACES):
        return f"{dotted(called.func)}()"
    return name


def place_of(leaf: ast.Attribute | ast.Subscript) -> str:
    """Return the place that is written as text, ``a.b`` or ``a['key']``. An index at its end is
    shown as the string that `literal_text` reads, also from parts (``'k' + 'ey'``), and as ``…`` if
    it reads none."""
    if isinstance(leaf, ast.Attribute):
        return ast.unparse(leaf)
    inner = leaf.value
    key = literal_text(leaf.slice)
    return f"{ast.unparse(inner)}[{key!r}]" if key else f"{ast.unparse(inner)}[…]"


def whole_of(target: ast.expr) -> ast.expr:
    """Return ``target`` without its last index: ``sys.path`` for ``sys.path[:0]``; ``target``
    itself if it has none."""
    return target.value if isinstance(target, ast.Subscript) else target


def owner_of(node: ast.expr) -> ast.expr:
    """Return the expression without any index at its end: ``a.b`` for ``a.b[0][1]``."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node
