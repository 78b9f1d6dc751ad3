"""Find the evaluations that one run of a script can make after a successful one.

A retry after a failure does not count (`ways`). A call of a function of the script that evaluates
counts as an evaluation itself.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.checks.evaluation.nodes import FUNCTIONS, LOOPS, TRIES, Evaluation
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

    from pytest_ouro.evidence.python.source import Source

#: What decides whether what is in it is done at all.
_CONDITIONS = (ast.If, ast.IfExp, ast.BoolOp, ast.Match, ast.ExceptHandler)
#: Functions and methods that call what they are given for each of several things.
_EACH = (
    *("map", "starmap", "filter", "reduce", "imap", "imap_unordered", "map_async"),
    *("min", "max", "sort", "sorted"),
)


@dataclass(frozen=True)
class Repeated:
    """A place where a run can evaluate after a successful evaluation: its line, and whether a loop
    repeats it."""

    line: int
    in_loop: bool


def repetitions(source: Source, calls: Sequence[ast.Call]) -> list[Repeated]:
    """Return the places where a run of the script can evaluate after it has done so, at most one
    for each node; [] if there are none. ``calls`` are the calls of the evaluation in the script."""
    around = source.of(*LOOPS, *FUNCTIONS)
    if not calls or (len(calls) == 1 and not any(_spans(one, calls[0]) for one in around)):
        return []
    return list(_Script(source, calls).repetitions())


class _Script:
    """The evaluations of a script, by the module or function whose body makes them. ``calls`` are
    the calls of the harness's evaluation; a call of a function of the script that contains one is
    an evaluation too."""

    def __init__(self, source: Source, calls: Sequence[ast.Call]) -> None:
        self._source = source
        self._parents = source.parents
        self._made: dict[ast.AST, dict[ast.AST, Evaluation]] = defaultdict(dict)
        self._evaluating: dict[ast.AST, None] = {}
        waiting: list[tuple[ast.AST, ast.AST]] = [(call, call) for call in calls]
        for node, by in waiting:
            scope = self._around(node, (*FUNCTIONS, ast.Module))
            self._made[scope][node] = Evaluation(by)
            if scope not in self._evaluating and not isinstance(scope, ast.Module):
                self._evaluating[scope] = None
                waiting += [(caller, scope) for caller in self._callers(scope)]
        for made in self._made.values():
            for node, one in made.items():
                surely, each = self._surely(one.by), self._surely(one.by, tried=True)
                made[node] = Evaluation(one.by, surely, each)

    def repetitions(self) -> Iterator[Repeated]:
        """Yield the places of evaluations that a run can make after a successful one, and one for
        each function that evaluates under no condition and is handed to a call such as ``map``."""
        after = []
        for function in self._evaluating:
            uses = list(self._uses(function))
            if any(self._is_for_each(use) for use in uses) and self._surely(function, tried=True):
                yield Repeated(next(one for one in uses if self._is_for_each(one)).lineno, True)
            elif self._is_called(function):
                continue
            elif uses:
                for use in uses:
                    each = self._surely(function, tried=True)
                    scope = self._around(use, (*FUNCTIONS, ast.Module))
                    self._made[scope][use] = Evaluation(function, surely=False, each=each)
            else:
                first = next(iter(self._made[function]))
                after.append((first, Evaluation(function, surely=False)))
        self._made[self._source.tree] = self._made[self._source.tree]
        for scope, made in self._made.items():
            last = after if scope is self._source.tree else []
            if len(made) + len(last) < 2 and not any(map(self._is_in_loop, made)):
                continue  # to follow every way takes longer than all other rules
            from pytest_ouro.checks.evaluation.ways import Ways

            for node, in_loop in Ways(scope, made).walk(last).items():
                yield Repeated(getattr(node, "lineno", 1), in_loop)

    def _is_in_loop(self, node: ast.AST) -> bool:
        """Return whether a loop or a comprehension is around a node, in the body of the same
        function or of the module."""
        return isinstance(self._around(node, (*FUNCTIONS, *LOOPS)), LOOPS)

    def _around(self, node: ast.AST, kinds: tuple[type[ast.AST], ...]) -> ast.AST:
        """Return the innermost node of these kinds around ``node``, without ``node`` itself; the
        module if there is none."""
        while node in self._parents:
            node = self._parents[node]
            if isinstance(node, kinds):
                return node
        return self._source.tree

    def _callers(self, function: ast.AST) -> list[ast.Call]:
        """Return the calls of a function of the script. They are calls by its name. A method is
        called on its class, on ``self`` or ``cls``, or on a variable with an object of the class;
        ``__init__`` and ``__post_init__`` are also called by a call of the class."""
        names = self._names_of(function)
        outer = self._parents[function]
        if isinstance(outer, ast.ClassDef):
            made = {outer.name} if names & {"__init__", "__post_init__"} else set()
            names = {f"{outer.name}.{name}" for name in names} | made
        return [call for call in self._calls_by(names) if self._called(call) in names]

    def _names_of(self, function: ast.AST) -> set[str]:
        """Return the dotted names by which a function can be called: the name of its definition or,
        for a lambda, the names that it is assigned; and each name that is assigned one of these in
        the same scope. The empty set for a lambda that is not assigned."""
        outer = self._parents[function]
        names = set(map(dotted, outer.targets)) if isinstance(outer, ast.Assign) else set()
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {function.name}
        scope = self._around(function, FUNCTIONS)
        for node in self._source.of(ast.Assign):
            named = node.value.id if isinstance(node.value, ast.Name) else ""
            if named and named in names and self._around(node, FUNCTIONS) is scope:
                names.update(map(dotted, node.targets))
        return names

    def _calls_by(self, names: Set[str]) -> Iterator[ast.Call]:
        """Yield each call whose function's name, without what is before its last dot, is the last
        part of one of ``names``."""
        last = {name.rpartition(".")[2] for name in names}
        return (call for call in self._source.of(ast.Call) if _last_name(call.func) in last)

    @cached_property
    def _objects(self) -> dict[str, str]:
        """A dict from the dotted names of variables that are assigned a call (of ``a = b = f()``
        only ``a``) to the dotted name of what is called: the class, if the variable gets a new
        object. The last assignment in the script counts."""
        return {
            dotted(node.targets[0]): dotted(node.value.func)
            for node in self._source.of(ast.Assign)
            if isinstance(node.value, ast.Call)
        }

    def _called(self, call: ast.Call) -> str:
        """Return the dotted name of what a call calls; of a method, with its class:
        ``Class.method`` for ``self.method()``, or for ``x.method()`` if `_objects` has ``x``."""
        if not isinstance(call.func, ast.Attribute):
            return dotted(call.func)
        owner = call.func.value
        name = dotted(owner.func) if isinstance(owner, ast.Call) else dotted(owner)
        if name in ("self", "cls"):
            name = getattr(self._around(call, (ast.ClassDef,)), "name", "")
        return f"{self._objects.get(name, name)}.{call.func.attr}"

    def _surely(
        self, by: ast.AST, *, tried: bool = False, _among: tuple[ast.AST, ...] = ()
    ) -> bool:
        """Return whether ``by`` evaluates each time it is reached or called. True for a call of the
        evaluation itself. A function does if an evaluation in it depends on no condition; with
        ``tried``, that may be in a ``try`` that catches what the evaluation raises. ``_among`` are
        the functions that are being asked about: one of them gives False, which ends a
        recursion."""
        if by not in self._evaluating:
            return True
        return by not in _among and any(
            not self._depends(node, by, tried=tried)
            and self._surely(one.by, tried=tried, _among=(*_among, by))
            for node, one in self._made[by].items()
        )

    def _depends(self, node: ast.AST, function: ast.AST, *, tried: bool) -> bool:
        """Return whether a node in ``function`` is reached only under a condition, such as an
        ``if`` or a handler (a loop does not count); without ``tried``, also whether it is in a
        ``try`` with a handler."""
        while node is not function:
            outer = self._parents[node]
            if isinstance(outer, _CONDITIONS) and node is not getattr(outer, "test", None):
                return True
            if isinstance(outer, TRIES) and outer.handlers and not tried:
                return True
            node = outer
        return False

    def _is_called(self, function: ast.AST) -> bool:
        """Return whether the script calls a function, by its name or as a method, outside of
        itself."""
        return any(
            self._around(call, FUNCTIONS) is not function for call in self._callers(function)
        )

    def _uses(self, function: ast.AST) -> Iterator[ast.expr]:
        """Yield the expressions that hand a function on without a call: each use of its name, or,
        of a lambda without a name, the lambda itself."""
        names = self._names_of(function)
        if isinstance(function, ast.Lambda) and not names:
            yield function
        last = {name.rpartition(".")[2] for name in names}
        loads: list[ast.Name | ast.Attribute] = [*self._source.of(ast.Name)]
        for node in [*loads, *self._source.of(ast.Attribute)]:
            if _last_name(node) in last and isinstance(node.ctx, ast.Load):
                is_call = getattr(self._parents[node], "func", None) is node
                if not is_call and dotted(node) in names:
                    yield node

    def _is_for_each(self, use: ast.expr) -> bool:
        """Return whether the expression ``use`` is an argument of a function or method in `_EACH`,
        such as ``map``, which calls it for each of several things."""
        outer = self._parents[use]
        call = self._parents[outer] if isinstance(outer, ast.keyword) else outer
        if not isinstance(call, ast.Call):
            return False
        named = call.func.attr if isinstance(call.func, ast.Attribute) else dotted(call.func)
        return use is not call.func and named in _EACH


def _last_name(node: ast.expr) -> str:
    """Return the last part of the dotted name of an expression; "" if it has none."""
    return getattr(node, "attr", "") or getattr(node, "id", "")


def _spans(outer: ast.AST, call: ast.Call) -> bool:
    """Return whether the first line of a call is among the lines of ``outer``."""
    first, last = getattr(outer, "lineno", 0), getattr(outer, "end_lineno", 0)
    return bool(first <= call.lineno <= (last or first))
