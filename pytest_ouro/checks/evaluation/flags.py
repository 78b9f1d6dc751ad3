"""Follow the flags of a function: variables that tell whether an evaluation has succeeded.

A flag is a variable, an attribute or an item, named by its source text (its key). A value of a flag
is followed, which means that it is known, if it is a constant, () for an empty list and the like,
or `SOME`, which stands for anything true, such as the result of an evaluation. Any other value is
`UNKNOWN`.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ouro.checks.evaluation.nodes import TRIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

#: A value that is true and not None; a value that is not followed.
SOME, UNKNOWN = object(), object()
_ORDERS = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
#: Functions that return their argument, for a flag.
_PASSING = ("float", "round", "int", "bool")


class State(NamedTuple):
    """What is known at one point of a way through a function. ``done`` is the ``by`` of the last
    `Evaluation` that has succeeded, None if none has; ``caught`` tells whether a handler caught an
    error after that, and ``facts`` are the keys of flags with the values that are known."""

    done: ast.AST | None = None
    caught: bool = False
    facts: frozenset[tuple[str, Any]] = frozenset()


class Flags:
    """The flags in the body of a function; ``holding`` are the nodes that contain an evaluation. A
    flag is tracked if it changes in a ``try`` or an assignment that contains an evaluation, or is
    assigned from such a flag. It is uncertain if a handler gives it a value that is not plain
    (`_is_plain`), and no other statement does."""

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
        """Return the state after the assignments in a statement. For a handler, return the state
        where it begins: its name has the error, and ``caught`` tells whether an evaluation has
        succeeded."""
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
        """Return the state without the values of the variables in ``target``, to which a loop
        assigns."""
        keys = {key_of(part) for part in ast.walk(target)}
        left = frozenset(fact for fact in state.facts if fact[0] not in keys)
        return state._replace(facts=left)

    def is_uncertain(self, test: ast.expr) -> bool:
        """Return whether a test reads an uncertain flag."""
        return self._reads(test, self._uncertain)

    def truth(self, test: ast.expr, state: State) -> bool | None:
        """Return whether a test holds in a state; None if that is not known."""
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
        """Return whether a comparison holds in a state; None if that is not known. It is not known
        if there are several operators, or one such as ``in``, that is neither an order, ``==``,
        ``is`` nor their opposites; if a value is not known or both are `SOME`; or if the values
        have no order. No constant equals `SOME`."""
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
        """Return the value of an expression in a state: a constant, () for an empty list and the
        like, `SOME` for a value that is only known to be true, such as the result of an evaluation,
        or `UNKNOWN`; for a comparison or ``not``, a bool if that is known."""
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
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            value = self._value(node.operand, state)
            return value if value in (SOME, UNKNOWN) else _signed(node.op, value)
        if isinstance(node, ast.UnaryOp | ast.Compare):
            truth = self.truth(node, state)
            return UNKNOWN if truth is None else truth
        return dict(state.facts).get(key_of(node), UNKNOWN)

    def _called(self, node: ast.Call, state: State) -> Any:
        """Return the value of a call in a state. A call of ``float``, ``round``, ``int`` or
        ``bool`` passes on `SOME` and `UNKNOWN`; of a constant, ``bool`` gives a bool and the others
        `SOME`. A method without arguments, such as ``item``, has the value of its object if that
        contains an evaluation. Any other call that contains an evaluation, but not in its
        arguments, is `SOME` if an evaluation has succeeded. All other calls are `UNKNOWN`."""
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
        """Return whether a flag with one of these keys is in a node, at any depth."""
        return bool(keys) and any(key_of(part) in keys for part in ast.walk(node))


def key_of(node: ast.AST | None) -> str:
    """Return the source text of a variable, an attribute or an item; "" for another node or
    None."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        return ast.unparse(node)
    return ""


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the key of each flag that a node changes by itself, without the nodes below it, and the
    expression of the new value; None if that is not one expression, as for ``failures += 1`` and
    ``errors.append(error)``. The key is "" for what is not a flag."""
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
    """Yield the key of each flag that one target of an assignment of ``value`` changes, and the
    expression of its new value; None if that is not one expression. An item changes its container
    too. If ``value`` is a call, each part of a tuple has the call as its new value."""
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


def _signed(sign: ast.unaryop, value: Any) -> Any:
    """Return the number ``value`` with the sign before it applied. Return `UNKNOWN` for ``~`` and
    for a constant that is not a number. The caller passes neither `SOME` nor `UNKNOWN`."""
    if isinstance(sign, ast.Invert) or not isinstance(value, int | float):
        return UNKNOWN
    return -value if isinstance(sign, ast.USub) else +value


def _unfollowed(nodes: Iterator[ast.AST] | Sequence[ast.AST]) -> set[str]:
    """Return the keys of the flags to which one of the nodes gives a value that is not plain
    (`_is_plain`)."""
    return {key for node in nodes for key, value in _changes(node) if key and not _is_plain(value)}


def _is_plain(value: ast.expr | None) -> bool:
    """Return whether an assigned value is a constant, a name, an attribute, an empty list, tuple,
    set or dict, or one of these after a sign or ``not``; False for None, a value that is not one
    expression."""
    if isinstance(value, ast.UnaryOp):
        return _is_plain(value.operand)
    empty = not getattr(value, "elts", True) or not getattr(value, "keys", True)
    return empty or isinstance(value, ast.Constant | ast.Name | ast.Attribute)
