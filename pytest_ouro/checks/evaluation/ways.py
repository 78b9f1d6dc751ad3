"""Walk the ways through one function, to find the evaluations that follow a successful one.

A way is one order in which the statements may be executed. A retry after a failure does not count.
The flags that tell whether an evaluation has succeeded are followed (`flags`). A test of a flag
that is uncertain is taken for the test of a retry, since a run refuses a second evaluation anyway.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_ouro.checks.evaluation.flags import Flags, State
from pytest_ouro.checks.evaluation.nodes import COMPREHENSIONS, FUNCTIONS, TRIES
from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_ouro.checks.evaluation.nodes import Evaluation

#: Calls after the evaluation that cannot fail because of its result.
_PLAIN = ("print", "float", "round", "str", "format", "len", "int")
#: How a statement ends.
_NEXT, _BREAKS, _CONTINUES, _RETURNS, _RAISES = "next", "breaks", "continues", "returns", "raises"
_ENDS: dict[type[ast.stmt], str] = {
    ast.Break: _BREAKS,
    ast.Continue: _CONTINUES,
    ast.Return: _RETURNS,
    ast.Raise: _RAISES,
}
#: The most pairs of a statement and a state that are looked at with flags.
_MOST = 20_000


_Ways = set[tuple[str, State]]


class Ways:
    """The ways through the body of ``scope``, a function or module. ``evaluations`` maps each node
    that evaluates to its `Evaluation`.

    ``repeated`` has the nodes that can evaluate after an evaluation has succeeded, each with True
    if that success can be its own, as in a loop, and otherwise with False.

    A way is stored as a pair: how it ends (`_NEXT`, `_BREAKS`, …), and the state at its end.
    """

    def __init__(self, scope: ast.AST, evaluations: Mapping[ast.AST, Evaluation]) -> None:
        self._evaluations, self.repeated = evaluations, dict[ast.AST, bool]()
        self._holding: set[ast.AST] = set()
        body = scope.body if isinstance(scope, (*FUNCTIONS, ast.Module)) else []
        self._body = body if isinstance(body, list) else [ast.Expr(body)]
        for statement in self._body:
            self._mark(statement)
        self._flags = Flags(self._body, self._holding)
        self._seen: dict[tuple[ast.stmt, State], _Ways] = {}
        self._fails: dict[tuple[ast.AST, bool], bool] = {}

    def walk(self, after: Sequence[tuple[ast.AST, Evaluation]] = ()) -> dict[ast.AST, bool]:
        """Follow every way through the body to find the nodes that can evaluate after a success,
        and return ``repeated``. No code of the script is run.

        ``after`` are evaluations, each with its node, that may follow in this order once the body
        has ended: those in functions that nothing in the script calls.
        """
        ends = {state for _, state in self._block(self._body, State())}
        for node, evaluation in after:
            for state in ends:
                self._report(node, evaluation, state)
            ends |= {State(evaluation.by)}
        return self.repeated

    def _mark(self, node: ast.AST) -> bool:
        """Add to ``_holding`` each node, of ``node`` and those below it, that is or contains an
        evaluation; what is in functions that are defined there does not count. Return whether
        ``node`` is one of them."""
        inner = [] if isinstance(node, FUNCTIONS) else ast.iter_child_nodes(node)
        holding = [child for child in inner if self._mark(child)]
        holds = bool(holding) or node in self._evaluations
        if holds:
            self._holding.add(node)
        return holds

    # --- statements ------------------------------------------------------------------------------

    def _block(self, statements: Sequence[ast.stmt], state: State) -> _Ways:
        """Return the ways through statements one after another, from a state."""
        ended: _Ways = set()
        going = {state}
        for statement in statements:
            ways = {way for one in going for way in self._statement(statement, one)}
            going = {one for end, one in ways if end == _NEXT}
            ended |= {way for way in ways if way[0] != _NEXT}
        return ended | {(_NEXT, one) for one in going}

    def _statement(self, node: ast.stmt, state: State) -> _Ways:
        """Return the ways through a statement from a state. Each pair of a statement and a state is
        walked once, and its ways are kept. After `_MOST` pairs, the flags of states are dropped, so
        that few further pairs remain."""
        if len(self._seen) > _MOST:
            state = state._replace(facts=frozenset())
        if (node, state) not in self._seen:
            self._seen[node, state] = self._walk_statement(node, state)
        return self._seen[node, state]

    def _walk_statement(self, node: ast.stmt, state: State) -> _Ways:
        """Return the ways through a statement from a state, by its kind. The body of a function
        that is defined there is not walked."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return {(_NEXT, state)}
        if isinstance(node, ast.If):
            return self._branches(node.test, node.body, node.orelse, state)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor):
            return self._loop(node, state)
        if isinstance(node, TRIES):
            return self._tried(node, state)
        if isinstance(node, ast.With | ast.AsyncWith):
            return self._with(node, state)
        if isinstance(node, ast.Match):
            ways = self._expression(node.subject, state)
            cases = [[], *(case.body for case in node.cases)]
            return {way for body in cases for way in self._then(ways, body)}
        if isinstance(node, ast.ClassDef):
            return self._block(node.body, state)
        end = _RETURNS if _exits(node) else _ENDS.get(type(node), _NEXT)
        return {
            (end, self._flags.assign(node, after)) if one == _NEXT else (one, after)
            for one, after in self._expression(node, state)
        }

    def _then(self, ways: _Ways, body: Sequence[ast.stmt]) -> _Ways:
        """Continue those of ``ways`` that go on (`_NEXT`) through a block; return these and the
        other ways."""
        on = {way for end, state in ways if end == _NEXT for way in self._block(body, state)}
        return on | {way for way in ways if way[0] != _NEXT}

    def _branches(
        self,
        test: ast.expr,
        body: Sequence[ast.stmt] | ast.expr,
        orelse: Sequence[ast.stmt] | ast.expr,
        state: State,
    ) -> _Ways:
        """Return the ways through an ``if``, as a statement or an expression, from a state."""
        ways: _Ways = set()
        for end, after in self._expression(test, state):
            if end != _NEXT:
                ways.add((end, after))
                continue
            for holds, one in self._decide(test, after):
                part = body if holds else orelse
                if isinstance(part, ast.expr):
                    ways |= self._expression(part, one)
                else:
                    ways |= self._block(part, one)
        return ways

    def _decide(self, test: ast.expr, state: State) -> Iterator[tuple[bool, State]]:
        """Yield the possible outcomes of a test, each as a pair: whether the test holds, and the
        state after it.

        If the outcome is not known, the test reads an uncertain flag, and no handler has caught an
        error since the last success, the test is taken for the test of a retry: ``done`` of the
        state is then None.
        """
        truth = self._flags.truth(test, state)
        if truth is None and not state.caught and self._flags.is_uncertain(test):
            state = state._replace(done=None)
        yield from ((one, state) for one in (True, False) if truth in (one, None))

    def _loop(self, node: ast.While | ast.For | ast.AsyncFor, state: State) -> _Ways:
        """Return the ways through a loop from a state. Its body is walked from the state of each
        round, until a round begins with no new state."""
        ways: _Ways = set()
        heads, waiting = set[State](), [state]
        if not isinstance(node, ast.While):
            first = self._expression(node.iter, state)
            ways = {way for way in first if way[0] != _NEXT}
            waiting = [one for end, one in first if end == _NEXT]
        while waiting:
            head = waiting.pop()
            if not isinstance(node, ast.While):
                head = self._flags.forget(node.target, head)
            if head in heads:
                continue
            heads.add(head)
            if isinstance(node, ast.While):
                entered = self._expression(node.test, head)
                ways |= {way for way in entered if way[0] != _NEXT}
                after = {one for end, one in entered if end == _NEXT}
                decided = {pair for one in after for pair in self._decide(node.test, one)}
            else:
                decided = {(True, head), (False, head)}
            for holds, one in decided:
                if not holds:
                    ways |= self._block(node.orelse, one)
                    continue
                for end, left in self._block(node.body, one):
                    if end in (_NEXT, _CONTINUES):
                        waiting.append(left)
                    else:
                        ways.add((_NEXT if end == _BREAKS else end, left))
        return ways

    def _tried(self, node: ast.Try, state: State) -> _Ways:
        """Return the ways through a ``try`` with its handlers, ``else`` and ``finally``, from a
        state."""
        body = self._block(node.body, state)
        raised = {one for end, one in body if end == _RAISES}
        ways = {way for way in body if way[0] != _RAISES}
        ways = self._then(ways, node.orelse)
        for handler in node.handlers:
            for one in raised:
                ways |= self._block(handler.body, self._flags.assign(handler, one))
        if not any(map(_catches_all, node.handlers)):
            ways |= {(_RAISES, one) for one in raised}
        return {
            (end if last == _NEXT else last, after)
            for end, one in ways
            for last, after in self._block(node.finalbody, one)
        }

    def _with(self, node: ast.With | ast.AsyncWith, state: State) -> _Ways:
        """Return the ways through a ``with`` from a state. With ``contextlib.suppress``, a way that
        raises goes on behind the statement."""
        ways: _Ways = {(_NEXT, state)}
        for item in node.items:
            ways = self._on(ways, item.context_expr)
        ways = self._then(ways, node.body)
        called = [item.context_expr for item in node.items]
        names = [dotted(one.func) for one in called if isinstance(one, ast.Call)]
        if any(name in ("suppress", "contextlib.suppress") for name in names):
            return {(_NEXT if end == _RAISES else end, one) for end, one in ways}
        return ways

    # --- expressions -----------------------------------------------------------------------------

    def _on(self, ways: _Ways, node: ast.AST) -> _Ways:
        """Continue those of ``ways`` that go on (`_NEXT`) through an expression; return these and
        the other ways."""
        on = {way for end, state in ways if end == _NEXT for way in self._expression(node, state)}
        return on | {way for way in ways if way[0] != _NEXT}

    def _expression(self, node: ast.AST, state: State) -> _Ways:
        """Return the ways through an expression, or through all expressions of a plain statement,
        from a state."""
        if node not in self._holding:
            fails = self._may_fail(node, succeeded=state.done is not None)
            return {(_NEXT, state)} | ({(_RAISES, state)} if fails else set())
        if isinstance(node, FUNCTIONS):
            return self._evaluate(node, state)
        if isinstance(node, COMPREHENSIONS):
            return self._elements(node, state)
        if isinstance(node, ast.IfExp):
            return self._branches(node.test, node.body, node.orelse, state)
        if isinstance(node, ast.BoolOp):
            going = self._expression(node.values[0], state)
            for value in node.values[1:]:
                going |= self._on(going, value)
            return going
        ways: _Ways = {(_NEXT, state)}
        for child in ast.iter_child_nodes(node):
            ways = self._on(ways, child)
        if node in self._evaluations:
            ways = {
                way
                for end, one in ways
                for way in (self._evaluate(node, one) if end == _NEXT else [(end, one)])
            }
        elif isinstance(node, ast.NamedExpr):
            ways = {(end, self._flags.assign(node, one)) for end, one in ways}
        elif self._may_fail(node, succeeded=True):  # check(evaluate(model))
            ways |= {(_RAISES, one) for end, one in ways if end == _NEXT}
        return ways

    def _evaluate(self, node: ast.AST, state: State) -> _Ways:
        """Return the ways through a node that evaluates: the evaluation succeeds, fails or, if it
        is not sure, does not happen. Add the node to ``repeated`` if an evaluation has succeeded
        before."""
        evaluation = self._evaluations[node]
        self._report(node, evaluation, state)
        ways = {(_NEXT, state._replace(done=evaluation.by)), (_RAISES, state)}
        return ways if evaluation.surely else ways | {(_NEXT, state)}

    def _report(self, node: ast.AST, evaluation: Evaluation, state: State) -> None:
        """If an evaluation has succeeded in ``state``, record ``node`` in ``repeated``: with True
        if, on this way or an earlier one, the success came from the same ``by``, otherwise with
        False. If the node evaluates only perhaps and the success has the same ``by``, record
        nothing. ``by`` may be a function that several nodes call."""
        own = state.done is evaluation.by
        if state.done is not None and (evaluation.surely or not own):
            self.repeated[node] = own or self.repeated.get(node, False)

    def _elements(self, node: ast.expr, state: State) -> _Ways:
        """Return the ways through a comprehension. An evaluation that is made for each element
        (``each``) is recorded in ``repeated`` with True; an evaluation in the first iterable, which
        is computed once, is not."""
        [first, *_] = node.generators  # type: ignore[attr-defined]
        once = {id(part) for part in ast.walk(first.iter)}
        ways = self._on({(_NEXT, state)}, first.iter)
        for part in ast.walk(node):
            evaluation = self._evaluations.get(part)
            if evaluation is None or id(part) in once or part not in self._holding:
                continue
            if evaluation.each:
                self.repeated[part] = True
            ways |= {(_NEXT, one._replace(done=evaluation.by)) for end, one in ways if end == _NEXT}
        return ways | {(_RAISES, state)}

    def _may_fail(self, node: ast.AST, *, succeeded: bool) -> bool:
        """Return whether a node can raise an exception. The nodes below it count only if none of
        them, and not the node itself, is an evaluation. ``succeeded`` is whether an evaluation has
        succeeded before.

        A ``raise`` and an ``assert`` always count. Since it can fail on purpose, so does code such
        as ``1 / (value < 1)`` or ``x /= value < 1``: a binary operator (not ``and`` or ``or``) with
        a comparison in its right operand, also in an assignment, or an index with a comparison in
        it. Before a success every call counts. After it, a call counts only if it is by a plain
        name that is not in `_PLAIN`: it may get the result of the evaluation and fail because of
        it.
        """
        if (node, succeeded) not in self._fails:
            nodes = [node] if node in self._holding else ast.walk(node)
            self._fails[node, succeeded] = any(_fails(one, succeeded=succeeded) for one in nodes)
        return self._fails[node, succeeded]


def _fails(node: ast.AST, *, succeeded: bool) -> bool:
    """Return whether a node can raise an exception by itself, without the nodes below it;
    ``succeeded`` is as in `Ways._may_fail`."""
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return not succeeded or (bool(name) and name not in _PLAIN)
    if isinstance(node, ast.BinOp | ast.Subscript):  # 1 / (value < 1), {True: 1}[value < 1]
        inner = node.right if isinstance(node, ast.BinOp) else node.slice
        return _compares(inner)
    if isinstance(node, ast.AugAssign):  # x /= value < 1
        return _compares(node.value)
    return isinstance(node, ast.Raise | ast.Assert)


def _compares(node: ast.expr) -> bool:
    """Return whether an expression is a comparison or contains one."""
    return any(isinstance(part, ast.Compare) for part in ast.walk(node))


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler catches each exception that an evaluation may raise: it names none,
    ``Exception`` or ``BaseException``."""
    kind = handler.type
    return kind is None or dotted(kind) in ("Exception", "BaseException")


def _exits(statement: ast.stmt) -> bool:
    """Return whether a statement ends the program: a call of ``sys.exit``, ``os._exit`` or
    ``exit``."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and dotted(call.func) in ("sys.exit", "os._exit", "exit")
