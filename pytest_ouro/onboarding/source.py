"""What a Python file says without being run: its functions, its constants, what it prints."""

from __future__ import annotations

import ast
import operator
import posixpath
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.python.source import Source, dotted
from pytest_ouro.onboarding import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Constant = str | int | float

_NUMBERS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
#: Powers beyond this are not settings of an experiment.
_MAX_POWER = 64


class _Unknown(Exception):
    """An expression whose value only a run would tell."""


@dataclass(frozen=True)
class PythonFile:
    """One file of the experiment; ``name`` is its path from the experiment's folder."""

    name: str
    source: Source

    @classmethod
    def read(cls, path: Path, name: str) -> PythonFile:
        """The file at ``path``; ProjectError where there is none, or it is not Python."""
        data = read_file(path)
        if data is None:
            raise ProjectError(f"there is no {name} in {path.parent}")
        found = cls(name, Source(data.decode(errors="replace")))
        try:
            found.tree  # noqa: B018 - is it Python?
        except (SyntaxError, ValueError) as error:
            raise ProjectError(f"{name} cannot be read as Python: {error}") from None
        return found

    @property
    def tree(self) -> ast.Module:
        return self.source.tree

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """Module-level functions, in the order of the file."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return tuple(node.name for node in self.tree.body if isinstance(node, kinds))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name and attribute that the file uses."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
        return frozenset(found)

    def demands(self, word: str) -> bool:
        """Whether a call is given the text ``word``, and nothing is compared with it."""
        given = compared = False
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                values = [*node.args, *(keyword.value for keyword in node.keywords)]
                given = given or any(_is_text(value, word) for value in values)
            elif isinstance(node, ast.Compare):
                compared = compared or any(_is_text(one, word) for one in node.comparators)
        return given and not compared

    @cached_property
    def constants(self) -> dict[str, Constant]:
        """Module-level names whose value can be told from the text: ``2**19``, joined paths."""
        known: dict[str, Constant] = {}
        for statement in self.tree.body:
            for target, value in _assignments(statement):
                try:
                    known[target] = _fold(value, known)
                except _Unknown:
                    known.pop(target, None)
        return known

    def results_of(self, function: str) -> list[str]:
        """The names that a call of ``function`` is assigned to."""
        found = [
            target
            for node in ast.walk(self.tree)
            if isinstance(node, ast.stmt)
            for target, value in _assignments(node)
            if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] == function
        ]
        return list(dict.fromkeys(found))

    @cached_property
    def summary(self) -> dict[str, str]:
        """The labels of printed ``label: value`` lines, and the name of what each one shows."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and dotted(node.func) == "print":
                found.update(_labels(node))
        return found

    @cached_property
    def untimed_steps(self) -> int:
        """Steps that are not counted as training time: 11 of ``if step > 10: total += dt``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.If) and any(_adds_time(line) for line in node.body):
                match node.test:
                    case ast.Compare(ops=[ast.Gt()], comparators=[ast.Constant(value=int(n))]):
                        return n + 1
                    case ast.Compare(ops=[ast.GtE()], comparators=[ast.Constant(value=int(n))]):
                        return n
        return 0


def _is_text(node: ast.expr, word: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == word


def _adds_time(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AugAssign) and "time" in dotted(statement.target)


def _assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """``(name, value)`` of ``name = value``, annotated or not."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value


def _labels(call: ast.Call) -> Iterator[tuple[str, str]]:
    """``("val_bpb", "x")`` of ``print(f"val_bpb: {x:.6f}")`` and of ``print("val_bpb:", x)``."""
    first = call.args[0] if call.args else None
    parts = first.values if isinstance(first, ast.JoinedStr) else call.args[:2]
    for text, shown in pairwise(parts):
        value = shown.value if isinstance(shown, ast.FormattedValue) else shown
        match text, value:
            case ast.Constant(value=str(words)), ast.Name(id=name):
                if label := re.search(r"(?:^|\n)\s*([A-Za-z_]\w*):\s*$", words):
                    yield label[1], name


def _fold(node: ast.expr, known: dict[str, Constant]) -> Constant:
    """The value of an expression of constants; _Unknown for anything else."""
    match node:
        case ast.Constant(value=bool()):
            raise _Unknown
        case ast.Constant(value=str() | int() | float() as value):
            return value
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.BinOp(left=left, op=operation, right=right):
            return _operate(operation, _fold(left, known), _fold(right, known))
        case ast.JoinedStr(values=parts):
            return "".join(str(_fold(part, known)) for part in parts)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=spec):
            return _formatted(_fold(value, known), str(_fold(spec, known)) if spec else "")
        case ast.Call(func=function, args=args, keywords=[]):
            return _call(function, args, known)
    raise _Unknown


def _operate(operation: ast.operator, left: Constant, right: Constant) -> Constant:
    if isinstance(left, str) and isinstance(right, str):
        if isinstance(operation, ast.Div):  # of two paths
            return posixpath.join(left, right)
        if isinstance(operation, ast.Add):
            return left + right
    if isinstance(left, str) or isinstance(right, str):
        raise _Unknown
    compute = _NUMBERS.get(type(operation))
    if compute is None or (compute is operator.pow and not 0 <= right <= _MAX_POWER):
        raise _Unknown
    try:
        value = compute(left, right)
    except ArithmeticError:
        raise _Unknown from None
    return value if isinstance(value, int) else float(value)


def _formatted(value: Constant, spec: str) -> str:
    try:
        return format(value, spec) if len(spec) < 8 else str(value)
    except ValueError:
        raise _Unknown from None


def _call(function: ast.expr, args: list[ast.expr], known: dict[str, Constant]) -> Constant:
    """Calls that only build a path; the home folder stays ``~``."""
    name = dotted(function)
    if isinstance(function, ast.Attribute) and function.attr == "expanduser" and not args:
        return _fold(function.value, known)
    values = [_fold(arg, known) for arg in args]
    if name.rpartition(".")[2] == "home" and not values:
        return "~"
    if name in ("os.path.join", "Path", "pathlib.Path") and values:
        return posixpath.join(*map(str, values))
    if name in ("os.path.expanduser", "os.path.abspath", "str") and len(values) == 1:
        return str(values[0])
    raise _Unknown
