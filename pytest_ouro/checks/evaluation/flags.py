"""Follow the flags of a function that tell whether an evaluation has succeeded.

A flag is a variable, an attribute or an item, named by its source text. Values that are followed
are constants, empty lists and the like, and `SOME`: what is true, such as a result.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

#: A value that is true and not None; a value that is not followed.
SOME, UNKNOWN = object(), object()
_ORDERS = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
#: The kinds of ``try``; Python 3.10 has one.
TRIES: tuple[type[ast.Try], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))
#: Functions that return their argument, for a flag.
_PASSING = ("float", "round", "int", "bool")


class State(NamedTuple):
    """What is known on a way: the evaluation that has succeeded, if one has, whether a handler
    caught an error after that, and the values of flags."""

    done: ast.AST | None = None
    caught: bool = False
    facts: frozenset[tuple[str, Any]] = frozenset()


class Flags:
    """The flags among the statements of a function; ``holding`` are the nodes that hold an
    evaluation. Followed is what is changed in a ``try`` or a statement that holds one, and what is
    made of that. Uncertain is what a handler changes in a way that is not followed, if it is a
    constant elsewhere."""

    def __init__(self, body: Sequence[ast.stmt], holding: Set[ast.AST]) -> None:
        self._holding = holding
        nodes = [node for statement in body for node in ast.walk(statement)]
        tries = [node for node in nodes if isinstance(node, TRIES) and node in holding]
        caught = [part for one in tries for handler in one.handlers for part in ast.walk(handler)]
        plain = [n for n in nodes if n in holding and isinstance(n, ast.Assign | ast.NamedExpr)]
        near = [*plain, *(part for one in tries for part in ast.walk(one))]
        self._tracked = {key for node in near for key, _ in _changes(node)}
        for node in nodes:  # ok = not failed
            if isinstance(node, ast.Assign) and self._reads(node.value, self._tracked):
                self._tracked |= {key for key, _ in _changes(node)}
        inside = {id(part) for part in caught}
        elsewhere = _unfollowed(node for node in nodes if id(node) not in inside)
        self._uncertain = _unfollowed(caught) - elsewhere

    def assign(self, statement: ast.AST, state: State) -> State:
        """Return the state after the assignments in a statement, or where a handler begins."""
        if isinstance(statement, ast.ExceptHandler):
            state = state._replace(caught=state.done is not None)
            pairs = [(statement.name or "", SOME)]
        else:
            changes = [change for node in ast.walk(statement) for change in _changes(node)]
            pairs = [(key, self._value(value, state)) for key, value in changes]
        facts = {**dict(state.facts), **{k: value for k, value in pairs if k in self._tracked}}
        left = ((key, value) for key, value in facts.items() if value is not UNKNOWN)
        return state._replace(facts=frozenset(left))

    def forget(self, target: ast.expr, state: State) -> State:
        """Return the state after a loop has assigned ``target``."""
        keys = {key_of(part) for part in ast.walk(target)}
        left = frozenset(fact for fact in state.facts if fact[0] not in keys)
        return state._replace(facts=left)

    def is_uncertain(self, test: ast.expr) -> bool:
        """Return whether a test reads what is uncertain."""
        return self._reads(test, self._uncertain)

    def truth(self, test: ast.expr, state: State) -> bool | None:
        """Return whether a test holds; None if that is not known."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self.truth(test.operand, state)
            return None if inner is None else not inner
        if isinstance(test, ast.BoolOp):
            decides = isinstance(test.op, ast.Or)  # one such value decides
            parts = {self.truth(value, state) for value in test.values}
            return decides if decides in parts else None if None in parts else not decides
        if isinstance(test, ast.Compare):
            return self._compares(test, state)
        value = self._value(test, state)
        return None if value is UNKNOWN else value is SOME or bool(value)

    def _compares(self, test: ast.Compare, state: State) -> bool | None:
        """Return whether a comparison of two values that are followed holds, else None. No
        constant equals a result."""
        left, right = (self._value(one, state) for one in (test.left, test.comparators[0]))
        if len(test.ops) > 1 or UNKNOWN in (left, right) or left is right is SOME:
            return None
        kind = type(test.ops[0])
        if kind in (ast.Is, ast.Eq):
            return bool(left == right)
        if kind in (ast.IsNot, ast.NotEq):
            return bool(left != right)
        try:
            return bool(_ORDERS[kind](left, right)) if kind in _ORDERS else None
        except TypeError:
            return None

    def _value(self, node: ast.expr | None, state: State) -> Any:
        """Return the value of an expression, `SOME`, or `UNKNOWN`."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Call):
            return self._called(node, state)
        if isinstance(node, ast.NamedExpr):
            return self._value(node.value, state)
        if isinstance(node, ast.List | ast.Tuple | ast.Set) and not node.elts:
            return ()
        if isinstance(node, ast.Dict) and not node.keys:
            return ()
        if isinstance(node, ast.UnaryOp | ast.Compare):
            truth = self.truth(node, state)
            return UNKNOWN if truth is None else truth
        return dict(state.facts).get(key_of(node), UNKNOWN)

    def _called(self, node: ast.Call, state: State) -> Any:
        """Return the value of a call: `SOME` for one that evaluates and has succeeded, also where
        a function such as ``float`` or a method such as ``item`` passes it on."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _PASSING and len(node.args) == 1:
            value = self._value(node.args[0], state)
            return value if value in (SOME, UNKNOWN) else bool(value) if name == "bool" else SOME
        if node not in self._holding:
            return UNKNOWN
        if isinstance(node.func, ast.Attribute) and node.func in self._holding and not node.args:
            return self._value(node.func.value, state)
        own = not any(arg in self._holding for arg in (*node.args, *node.keywords))
        return SOME if own and state.done is not None else UNKNOWN

    @staticmethod
    def _reads(node: ast.AST, keys: Set[str]) -> bool:
        return bool(keys) and any(key_of(part) in keys for part in ast.walk(node))


def key_of(node: ast.AST | None) -> str:
    """Return the source text of a variable, an attribute or an item; "" for another node."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        return ast.unparse(node)
    return ""


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield each flag that a node changes by itself, and its new value; None if that is not one
    expression, as for ``failures += 1`` and ``errors.append(error)``."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _pairs(target, node.value)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        yield key_of(node.target), node.value
    elif isinstance(node, ast.AugAssign):
        yield key_of(node.target), None
    elif isinstance(node, ast.Delete):
        yield from ((key_of(target), None) for target in node.targets)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield key_of(node.func.value), None
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name, ast.Constant(...)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the flags of one target of an assignment, and their values."""
    if not isinstance(target, ast.Tuple | ast.List):
        yield key_of(target), value
        if isinstance(target, ast.Subscript):
            yield key_of(target.value), None
    elif isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
        for one, part in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, part)
    else:
        for one in target.elts:
            yield key_of(one), value if isinstance(value, ast.Call) else None


def _unfollowed(nodes: Iterator[ast.AST] | Sequence[ast.AST]) -> set[str]:
    """Return the flags that get a value that is not followed."""
    return {key for node in nodes for key, value in _changes(node) if key and not _is_plain(value)}


def _is_plain(value: ast.expr | None) -> bool:
    """Return whether a value is a constant, another flag, or an empty list and the like."""
    if isinstance(value, ast.UnaryOp):
        return _is_plain(value.operand)
    empty = not getattr(value, "elts", True) or not getattr(value, "keys", True)
    return empty or isinstance(value, ast.Constant | ast.Name | ast.Attribute)
