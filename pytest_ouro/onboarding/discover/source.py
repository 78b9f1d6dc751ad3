"""Read a Python file without running it: its functions, its constants, and its imports."""

from __future__ import annotations

import ast
import operator
import posixpath
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.python.source import Source, dotted
from pytest_ouro.messages import project as messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Constant = str | int | float

_TEXTS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Div: posixpath.join,  # of two paths
}
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
    """Raised by `_fold` for an expression whose value it does not compute: only a run shows the
    value, or `_fold` does not know that kind of expression."""


@dataclass(frozen=True)
class PythonFile:
    """A Python file, parsed to find out what a project's experiment is. ``name`` is its path
    relative to the experiment's folder."""

    name: str
    source: Source

    @classmethod
    def read(cls, path: Path, name: str) -> PythonFile:
        """Return the file at ``path`` under the name ``name``. A symbolic link is not followed: as
        in git, its content is the path that it names, which is then parsed. OuroError if the file
        does not exist, cannot be read or parsed as Python, or is too large."""
        data = read_file(path)
        if data is None:
            raise messages.no_such_file(name, path.parent, "--harness FILE")
        found = cls(name, Source(data.decode(errors="replace")))
        try:
            found.source.tree  # noqa: B018 - is it Python?
        except (SyntaxError, RecursionError) as error:
            raise messages.not_python(name, str(error)) from None
        return found

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions that the module defines outside of blocks, in the order of the
        file."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return tuple(node.name for node in self.source.tree.body if isinstance(node, kinds))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name of a variable, function or attribute in an expression or an assignment of the
        file; a name that only ``def``, ``class`` or ``import`` states is not one."""
        names = {node.id for node in self.source.of(ast.Name)}
        return frozenset(names | {node.attr for node in self.source.of(ast.Attribute)})

    def demands(self, word: str) -> bool:
        """Return whether some call gets the text ``word`` as an argument, and no comparison has
        that text on its right: so a script passes "cuda" to torch if it cannot do without a
        card."""
        calls, comparisons = self.source.of(ast.Call), self.source.of(ast.Compare)
        given = [value for call in calls for value in call.args]
        given += [keyword.value for call in calls for keyword in call.keywords]
        compared = [value for comparison in comparisons for value in comparison.comparators]
        return _has_text(given, word) and not _has_text(compared, word)

    @cached_property
    def constants(self) -> dict[str, Constant]:
        """A dict from module-level names to their values, such as ``2**19`` or joined paths,
        computed from the text. Only ``name = value`` counts, annotated or not, outside of blocks;
        other assignments, such as ``+=``, are not seen. The last one of a name counts; if its value
        cannot be computed, the name is missing."""
        known: dict[str, Constant] = {}
        for statement in self.source.tree.body:
            for target, value in _assignments(statement):
                try:
                    known[target] = _fold(value, known)
                except _Unknown:
                    known.pop(target, None)
        return known

    def results_of(self, function: str) -> list[str]:
        """Return the plain names to which the result of a call of ``function`` is assigned,
        anywhere in the file, each once. The modules before the name of a called function are
        ignored."""
        found = [
            target
            for node in (*self.source.of(ast.Assign), *self.source.of(ast.AnnAssign))
            for target, value in _assignments(node)
            if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] == function
        ]
        return list(dict.fromkeys(found))

    def makers_of(self, name: str) -> list[str]:
        """Return the functions whose result is assigned to ``name``, each once, without the modules
        before their names."""
        found = [
            dotted(value.func).rpartition(".")[2]
            for node in (*self.source.of(ast.Assign), *self.source.of(ast.AnnAssign))
            for target, value in _assignments(node)
            if target == name and isinstance(value, ast.Call)
        ]
        return list(dict.fromkeys(filter(None, found)))

    def returned_keys(self, function: str) -> tuple[str, ...]:
        """Return the text keys of the dictionaries that a function at the top of the module
        returns, each once: first of those written in a ``return``, then of those assigned to a
        returned variable. Functions inside it count too. ``dict(…)``, keys that are set later and
        ``**`` are not read. Return () if no key is found or there is no such function."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        body = [node for node in self.source.tree.body if isinstance(node, kinds)]
        nodes = [node for one in body if one.name == function for node in ast.walk(one)]
        values = [node.value for node in nodes if isinstance(node, ast.Return) and node.value]
        names = {value.id for value in values if isinstance(value, ast.Name)}
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                values += [value for name, value in _assignments(node) if name in names]
        keys = [key for value in values if isinstance(value, ast.Dict) for key in value.keys]
        words = (key.value for key in keys if isinstance(key, ast.Constant))
        return tuple(dict.fromkeys(word for word in words if isinstance(word, str)))

    def unpacks(self, function: str) -> bool:
        """Return whether the result of a call of ``function`` is assigned to several names at once,
        as in ``a, b = f()``."""
        return any(
            isinstance(node.value, ast.Call)
            and dotted(node.value.func).rpartition(".")[2] == function
            and any(isinstance(target, ast.Tuple | ast.List) for target in node.targets)
            for node in self.source.of(ast.Assign)
        )

    def modules(self, folder: Path) -> list[str]:
        """Return the paths, from ``folder``, of the files ``.py`` there, in the file's own folder
        or in ``src`` that the file imports as modules, in the order of the file, without itself. A
        package's ``__init__.py`` is left out."""
        names: list[str] = []
        imports: list[ast.Import | ast.ImportFrom] = [
            *self.source.of(ast.Import),
            *self.source.of(ast.ImportFrom),
        ]
        for node in sorted(imports, key=lambda node: node.lineno):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
                continue
            base = [node.module] if node.module else []
            names += [*base, *(".".join([*base, alias.name]) for alias in node.names)]
        places = dict.fromkeys(["", posixpath.dirname(self.name), "src"])
        files = [f"{name.replace('.', '/')}.py" for name in names]
        paths = dict.fromkeys(posixpath.join(place, file) for file in files for place in places)
        return [path for path in paths if path != self.name and (folder / path).is_file()]

    @cached_property
    def settings(self) -> dict[str, int]:
        """A dict from the names of settings to the whole numbers that they have by default: fields
        of classes, and options of argparse, with ``_`` for ``-``."""
        found: dict[str, int] = {}
        pairs: list[tuple[str, ast.expr | None]] = []
        for body in (node.body for node in self.source.of(ast.ClassDef)):
            pairs += [pair for line in body for pair in _assignments(line)]
        for call in self.source.of(ast.Call):
            named = [a.value for a in call.args if isinstance(a, ast.Constant)]
            flag = next((str(n) for n in reversed(named) if str(n).startswith("--")), "")
            default = next((k.value for k in call.keywords if k.arg == "default"), None)
            pairs.append((flag.strip("-").replace("-", "_"), default))
        for name, value in pairs:
            if value is not None and name:
                try:
                    number = _fold(value, self.constants)
                except _Unknown:
                    continue
                if isinstance(number, int):
                    found[name] = number
        return found

    def text(self, node: ast.expr) -> str:
        """Return the text that an expression stands for, such as a path; "" if it stands for
        another value, or if its value is not known (`_fold`)."""
        try:
            value = _fold(node, self.constants)
        except _Unknown:
            return ""
        return value if isinstance(value, str) else ""

    def number(self, node: ast.expr) -> int | None:
        """Return the whole number that an expression stands for: a constant, or a setting by its
        default as in ``args.warmup``; None if it stands for another value, or if its value is not
        known (`_fold`)."""
        if isinstance(node, ast.Attribute):
            return self.settings.get(node.attr)
        try:
            value = _fold(node, self.constants)
        except _Unknown:
            return None
        return value if isinstance(value, int) else None


def _has_text(nodes: list[ast.expr], word: str) -> bool:
    """Return whether one of the expressions is the text ``word``."""
    return any(isinstance(node, ast.Constant) and node.value == word for node in nodes)


def _assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Yield ``(name, value)`` for each name of ``name = value``, annotated or not; nothing for any
    other statement."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value


def _fold(node: ast.expr, known: dict[str, Constant]) -> Constant:
    """Return the value of an expression of texts, numbers, ``known`` names, f-strings, operations
    of `_operate` and calls of `_call`; raise _Unknown for any other, such as a bool or ``-1``."""
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
            return _format(_fold(value, known), str(_fold(spec, known)) if spec else "")
        case ast.Call(func=function, args=args, keywords=[]):
            return _call(function, args, known)
    raise _Unknown


def _operate(operation: ast.operator, left: Any, right: Any) -> Constant:
    """Return the value of ``left operation right``, of two numbers or two texts; ``/`` joins texts
    as paths. Raise _Unknown for other operations, an exponent below 0 or above 64, and an
    arithmetic error."""
    is_text = isinstance(left, str)
    compute = (_TEXTS if is_text else _NUMBERS).get(type(operation))
    if compute is None or is_text != isinstance(right, str):
        raise _Unknown
    if compute is operator.pow and not 0 <= right <= _MAX_POWER:
        raise _Unknown
    try:
        value: Constant = compute(left, right)
    except ArithmeticError:
        raise _Unknown from None
    return value


def _format(value: Constant, spec: str) -> str:
    """Return a value as an f-string formats it by ``spec``; raise _Unknown if the format is not
    valid. A format of 8 characters or more is not applied: the plain text of the value is
    returned."""
    try:
        return format(value, spec) if len(spec) < 8 else str(value)
    except ValueError:
        raise _Unknown from None


def _call(function: ast.expr, args: list[ast.expr], known: dict[str, Constant]) -> Constant:
    """Return the value of a call of ``function`` that only builds a path or a text; raise _Unknown
    for any other. The home folder stays ``~``, and a relative path relative."""
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
