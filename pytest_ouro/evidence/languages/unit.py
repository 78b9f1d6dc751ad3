"""Tell whether a script prints the same value in another unit: times a number, or plus one."""

from __future__ import annotations

import ast
import difflib
import itertools
import math
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.languages import surface

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEP = 12
_TOKEN = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?|\w+|\S", re.IGNORECASE)
#: A line that may bind a name to something times a number.
_SCALES = re.compile(r"=.*[*/]")
#: Most signs of a line that is compared by its signs, and of a script that is parsed.
_SIGNS, _LONGEST = 200, 1 << 17
_FUNCTIONS = {"log": math.log, "log2": math.log2, "log10": math.log10, "sqrt": math.sqrt}


class Unit(NamedTuple):
    """How a printed value became another: ``factor`` times the old one, plus ``offset``."""

    factor: float
    offset: float

    def convert(self, value: float) -> float:
        """Return what the script prints now where it printed ``value`` before."""
        return self.factor * value + self.offset


def changed_unit(path: str, before: str, after: str, metric: str) -> Unit | None:
    """Return how a file of code, whose text was ``before`` and is ``after``, prints the same value
    under the metric's name differently. None if it prints the same, or another value, or if
    nothing shows which."""
    old, new = set(before.splitlines()), set(after.splitlines())
    if not may_change("\n".join(old ^ new), metric):
        return None
    if metric not in before or len(before) + len(after) > _LONGEST:
        return None
    if not path.endswith(".py"):
        return _of_lines(sorted(old - new), sorted(new - old), metric)
    first, second = _find_printed(before, metric), _find_printed(after, metric)
    if first is None or second is None or first.base != second.base or not first.factor:
        return None
    factor = second.factor / first.factor
    offset = second.offset - factor * first.offset
    same = math.isclose(factor, 1, rel_tol=1e-9) and math.isclose(offset, 0, abs_tol=1e-12)
    return None if same or not factor else Unit(factor, offset)


def may_change(lines: str, metric: str) -> bool:
    """Return whether lines, by which two texts differ, can change the unit in which a script prints
    the metric."""
    return bool(metric) and (metric in lines or bool(_SCALES.search(lines)))


def _of_lines(old: list[str], new: list[str], metric: str) -> Unit | None:
    """Return how one line that prints the metric changed into another, if by nothing but a factor
    or a divisor; the line may have new parentheses. None if it changed in another way, or if not
    exactly one old and one new line print it."""
    label = re.compile(rf"(?<!\w){re.escape(metric)}[\"'`]?[ \t]*[:=]")
    pairs = [
        [line for line in lines if label.search(line) and surface.prints(line)]
        for lines in (old, new)
    ]
    if any(len(lines) != 1 for lines in pairs):
        return None
    first, second = (_TOKEN.findall(lines[0]) for lines in pairs)
    if max(len(first), len(second)) > _SIGNS:
        return None
    added, removed = [], []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, first, second, False).get_opcodes():
        if kind != "equal":
            removed += first[a:b]
            added += second[c:d]
    factor = _factor(added) if not removed else 1 / _factor(removed) if not added else 1.0
    return Unit(factor, 0.0) if factor != 1 else None


def _factor(tokens: list[str]) -> float:
    """Return the factor that these tokens are, beside parentheses, as 0.5 for ``/ 2``; 1.0 if they
    are something else."""
    words = [token for token in tokens if token not in "()"]
    numbers = [float(word) for word in words if re.fullmatch(r"\d+(?:\.\d+)?", word)]
    if len(words) != 2 or len(numbers) != 1 or not 0 < numbers[0] < math.inf:
        return 1.0
    if "*" in words:
        return numbers[0]
    return 1 / numbers[0] if words[0] == "/" else 1.0


class _Linear(NamedTuple):
    """A value as ``factor`` times something (``base``, "": nothing) plus ``offset``."""

    base: str
    factor: float
    offset: float


@lru_cache(maxsize=4)  # what is after one commit is before the next
def _find_printed(text: str, metric: str) -> _Linear | None:
    """Return the value that a Python script prints under the metric's name; None if there is none,
    there are different ones, it is a plain number, or the text is not Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    nodes = list(ast.walk(tree))
    bound: dict[str, list[ast.expr | None]] = {}
    for node in nodes:
        _bind(node, bound)
    known: dict[str, ast.expr | _Linear] = {
        name: values[0] for name, values in bound.items() if len(values) == 1 and values[0]
    }
    found = {_linear(one, known, 0) for one in _labelled(nodes, metric)}
    only = found.pop() if len(found) == 1 else None
    return only if only and only.base else None


def _bind(node: ast.AST, bound: dict[str, list[ast.expr | None]]) -> None:
    """Add to ``bound`` what this node alone binds each variable to: the expression of a plain
    assignment; None for a parameter, ``x += …``, ``x := …``, a loop, ``with`` or a part of a tuple.
    Other nodes, such as imports and ``def``, add nothing. A name that is bound once, to an
    expression, can be replaced by it."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                bound.setdefault(target.id, []).append(node.value)
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        bound.setdefault(node.target.id, []).append(node.value)
    elif isinstance(node, ast.arg):
        bound.setdefault(node.arg, []).append(None)
    else:
        targets: list[ast.AST] = []
        if isinstance(node, (ast.AugAssign, ast.For, ast.comprehension, ast.NamedExpr)):
            targets = [node.target]
        elif isinstance(node, ast.withitem) and node.optional_vars:
            targets = [node.optional_vars]
        elif isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Store):
            targets = [node]
        parts = (part for one in targets for part in ast.walk(one))
        for part in parts:
            if isinstance(part, ast.Name):
                bound.setdefault(part.id, []).append(None)


def _labelled(nodes: list[ast.AST], metric: str) -> Iterator[ast.expr]:
    """Yield the expressions that stand behind the metric's name: in an f-string, in a call, or as
    the value of a key."""
    label = re.compile(rf"(?:^|[^\w]){re.escape(metric)}[\"'`]?[ \t]*[:=][ \t]*$")

    def names(node: ast.AST) -> bool:
        text = node.value if isinstance(node, ast.Constant) else None
        return isinstance(text, str) and bool(label.search(text))

    for node in nodes:
        if isinstance(node, (ast.JoinedStr, ast.Call)):
            parts = node.values if isinstance(node, ast.JoinedStr) else node.args
            for one, other in itertools.pairwise(parts):
                if names(one):
                    yield other.value if isinstance(other, ast.FormattedValue) else other
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == metric:
                    yield value


def _linear(node: ast.expr, known: dict[str, ast.expr | _Linear], depth: int) -> _Linear:
    """Return the linear form of an expression (see `_find_linear`); one that has none, or is nested
    too deep, is itself the base. ``known`` maps the names that are bound once to what they are
    bound to, which is replaced by its own form once that is known."""
    found = _find_linear(node, known, depth) if depth <= _DEEP else None
    return found or _Linear(ast.dump(node), 1.0, 0.0)


def _find_linear(
    node: ast.expr, known: dict[str, ast.expr | _Linear], depth: int
) -> _Linear | None:
    """Return the linear form of an expression that is a number, a name in ``known``, a negation, a
    sum, a difference, a product or a quotient that is linear (see `_combine`), or a call that
    `_of_call` reads. Its ``base`` is the `ast.dump` of the part that varies; "" for a plain number.
    Return None for any other expression, such as a name that is not known or a number too large for
    a float. In ``known``, each name that is used is replaced by its linear form. ``depth`` is how
    deep the expression is nested."""
    if isinstance(node, ast.Constant):
        number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        fits = number and abs(node.value) <= sys.float_info.max  # type: ignore[arg-type]
        return _Linear("", 0.0, float(node.value)) if fits else None  # type: ignore[arg-type]
    if isinstance(node, ast.Name) and node.id in known:
        value = known.pop(node.id)  # a name that is bound to itself is not known
        known[node.id] = found = (
            value if isinstance(value, _Linear) else _linear(value, known, depth + 1)
        )
        return found
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        base, factor, offset = _linear(node.operand, known, depth + 1)
        return _Linear(base, -factor, -offset)
    if isinstance(node, ast.Call):
        return _of_call(node, known, depth)
    if isinstance(node, ast.BinOp):
        left, right = (_linear(one, known, depth + 1) for one in (node.left, node.right))
        return _combine(node.op, left, right)
    return None


def _of_call(node: ast.Call, known: dict[str, ast.expr | _Linear], depth: int) -> _Linear | None:
    """Return the linear form of a call of ``float``, ``round`` or ``item``, which is that of its
    value, or of a logarithm or ``sqrt`` of a plain number above 0, which is a plain number; None
    for any other."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if isinstance(node.func, ast.Attribute):
        name = node.func.attr
        if name == "item" and not node.args:
            return _linear(node.func.value, known, depth + 1)
    if name in ("float", "round") and node.args:
        return _linear(node.args[0], known, depth + 1)
    if name in _FUNCTIONS and len(node.args) == 1:
        inner = _linear(node.args[0], known, depth + 1)
        if not inner.base and inner.offset > 0:
            return _Linear("", 0.0, _FUNCTIONS[name](inner.offset))
    return None


def _combine(op: ast.operator, left: _Linear, right: _Linear) -> _Linear | None:
    """Return the sum, difference, product or quotient of two values; None if that is not linear, as
    of two values that vary, or divides by 0."""
    if isinstance(op, (ast.Add, ast.Sub)) and (not left.base or not right.base):
        sign = 1 if isinstance(op, ast.Add) else -1
        factor = left.factor + sign * right.factor
        return _Linear(left.base or right.base, factor, left.offset + sign * right.offset)
    if isinstance(op, ast.Mult) and (not left.base or not right.base):
        one, by = (left, right.offset) if left.base else (right, left.offset)
        return _Linear(one.base, one.factor * by, one.offset * by)
    if isinstance(op, ast.Div) and not right.base and right.offset:
        by = right.offset
        return _Linear(left.base, left.factor / by, left.offset / by)
    return None
