"""Find the first steps that a training script does not time, and how many tokens they take."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from pytest_ouro.evidence.python.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.onboarding.discover.options import Remarks
    from pytest_ouro.onboarding.discover.source import PythonFile

#: Names of the time that was trained, and of the time at which it began.
_TIME = re.compile(r"time|elapsed|seconds|secs|duration", re.IGNORECASE)
_START = re.compile(r"start|begin|^t0$|_t0$|^tic$", re.IGNORECASE)
#: Names of a step's number.
_STEP = re.compile(r"step|iter|update|^[ikn]$|^it$|batch_idx", re.IGNORECASE)
#: Names of the tokens of a whole step, and of the factors that give them.
_WHOLE = ("total_batch_size", "tokens_per_step", "tokens_per_batch", "batch_tokens")
_ROWS = ("device_batch_size", "micro_batch_size", "batch_size", "b")
_LENGTHS = ("max_seq_len", "seq_len", "sequence_length", "block_size", "context_length", "t")
_REPEATS = ("grad_accum_steps", "gradient_accumulation_steps", "grad_accum", "accum_steps")


def warmup_tokens(
    script: PythonFile, harness: PythonFile, asked: int | None, remarks: Remarks
) -> int:
    """Return the number of tokens of the steps that a script does not time: ``asked``, what the
    option gives, unless it is None; else the tokens of the untimed first steps and of one more
    batch, which is fetched ahead. 0 if all steps are timed, or if the number of steps or of tokens
    cannot be read, which is noted in ``remarks``."""
    if asked is not None:
        return asked
    steps = list(_untimed(script))
    if not steps:
        if line := _perhaps_untimed(script):
            remarks.note(
                f"{script.name}:{line} times only some steps: if the first are not among them, "
                "warm-up, --warmup-tokens N says how many tokens they take"
            )
        return 0
    count, line = steps[0]
    if count is None:
        remarks.note(
            f"{script.name}:{line} leaves its first steps untimed, warm-up, but how many cannot be "
            "read: --warmup-tokens N says how many tokens they take"
        )
        return 0
    batch = _batch(script, harness)
    if count and not batch:
        remarks.note(
            f"{script.name}:{line} leaves {count} steps untimed, warm-up, but states no "
            "TOTAL_BATCH_SIZE: --warmup-tokens N says how many tokens they take"
        )
    return (count + 1) * batch if count else 0


def _untimed(script: PythonFile) -> Iterator[tuple[int | None, int]]:
    """Yield a tuple for each condition that leaves the first steps out of the training time: the
    number of these steps, None if only a run would show it, and the line of the condition.

    The number is 11 for ``if step > 10: total_time += dt``, or the same as an ``else`` or a
    conditional expression; 10 for ``if step == 10: start = time.time()``, or ``if step < 10:
    continue`` in a script that adds up a time; 11 for ``if step == 10: total_time = 0``.
    """
    for node in script.source.of(ast.If):
        for body, holds in ((node.body, True), (node.orelse, False)):
            if any(map(_adds_time, body)):
                yield from _first_steps(node.test, script, until=holds)
        if any(isinstance(line, ast.Continue) for line in node.body) and _times(script):
            yield from _first_steps(node.test, script, until=False)
        begins, resets = (any(map(does, node.body)) for does in (_begins, _resets))
        for operator, number in _comparisons(node.test) if begins or resets else ():
            if isinstance(operator, ast.Eq):
                count = script.number(number)
                yield None if count is None else count + resets, node.lineno
    for choice in script.source.of(ast.IfExp):
        if any(choice in ast.walk(line) for line in _times(script)):
            for other, holds in ((choice.orelse, True), (choice.body, False)):
                if isinstance(other, ast.Constant) and not other.value:
                    yield from _first_steps(choice.test, script, until=holds)


def _first_steps(
    test: ast.expr, script: PythonFile, *, until: bool
) -> Iterator[tuple[int | None, int]]:
    """Yield a tuple for each comparison in a condition that holds for the first steps alone, or
    with ``until`` for all but the first, as a counter without a comparison does: the number of
    these first steps, None if only a run would show it, and the line of the condition."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _first_steps(test.operand, script, until=not until)
    elif _STEP.search(dotted(test).rpartition(".")[2]) and until:
        yield 1, test.lineno
    kinds = (ast.Gt, ast.GtE, ast.NotEq) if until else (ast.Lt, ast.LtE, ast.Eq)
    for operator, number in _comparisons(test):
        if isinstance(operator, kinds):
            count = script.number(number)
            more = isinstance(operator, ast.Gt | ast.LtE | ast.NotEq | ast.Eq)
            if count == 0 or not isinstance(operator, ast.NotEq | ast.Eq):
                yield None if count is None else count + more, test.lineno


def _comparisons(test: ast.expr) -> Iterator[tuple[ast.cmpop, ast.expr]]:
    """Yield the operator and the other side of each comparison of a step counter in a condition,
    also of one joined by ``and``. The counter counts as the left side: ``10 < step`` gives ``>``
    and 10."""
    turned: Mapping[type[ast.cmpop], ast.cmpop] = {
        ast.Lt: ast.Gt(),
        ast.LtE: ast.GtE(),
        ast.Gt: ast.Lt(),
        ast.GtE: ast.LtE(),
    }
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    for part in parts:
        match part:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                if _STEP.search(dotted(left).rpartition(".")[2]):
                    yield operator, right
                elif _STEP.search(dotted(right).rpartition(".")[2]):
                    yield turned.get(type(operator), operator), left


def _adds_time(statement: ast.stmt) -> bool:
    """Return whether a statement adds to a variable that is named for a time: ``total_time += dt``
    or ``elapsed = elapsed + dt``."""
    match statement:
        case ast.AugAssign(target=target, op=ast.Add()):
            return bool(_TIME.search(dotted(target)))
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add())):
            return bool(_TIME.search(dotted(target))) and dotted(target) == dotted(left)
    return False


def _times(script: PythonFile) -> list[ast.stmt]:
    """Return the statements of the script that add up a time."""
    sums: list[ast.stmt] = [*script.source.of(ast.AugAssign), *script.source.of(ast.Assign)]
    return [line for line in sums if _adds_time(line)]


def _resets(statement: ast.stmt) -> bool:
    """Return whether a statement sets a variable that is named for a time to 0."""
    match statement:
        case ast.Assign(targets=[target], value=ast.Constant(value=value)):
            return value == 0 and bool(_TIME.search(dotted(target)))
    return False


def _perhaps_untimed(script: PythonFile) -> int | None:
    """Return the line of the first ``if`` that decides whether or what time is added up, in
    whatever form, or else of the first such conditional expression; None if there is none."""
    conditions: list[ast.If | ast.IfExp] = [*script.source.of(ast.If)]
    for node in [*conditions, *script.source.of(ast.IfExp)]:
        parts = [*node.body, *node.orelse] if isinstance(node, ast.If) else []
        inside = any(node in ast.walk(line) for line in _times(script))
        if any(map(_adds_time, parts)) or (isinstance(node, ast.IfExp) and inside):
            return node.lineno
    return None


def _begins(statement: ast.stmt) -> bool:
    """Return whether a statement assigns the reading of a clock to a variable that is named for a
    start, as ``start = time.time()``."""
    match statement:
        case ast.Assign(targets=[target], value=ast.Call(func=function)):
            called = dotted(function).rpartition(".")[2]
            is_clock = called in ("time", "perf_counter", "monotonic", "process_time")
            return is_clock and bool(_START.search(dotted(target)))
    return False


def _batch(script: PythonFile, harness: PythonFile) -> int:
    """Return the tokens of a whole step: a constant or default setting such as
    ``total_batch_size``, else the product of rows, length and gradient accumulation (1 if it is not
    stated); 0 if rows or length are not stated. Values of the script go before those of the
    harness."""
    known: dict[str, object] = {}
    for file in (harness, script):
        known |= {name.lower(): value for name, value in (file.settings | file.constants).items()}

    def first(names: tuple[str, ...]) -> int:
        values = (known[name] for name in names if name in known)
        return next((v for v in values if isinstance(v, int) and not isinstance(v, bool)), 0)

    return first(_WHOLE) or first(_ROWS) * first(_LENGTHS) * (first(_REPEATS) or 1)
