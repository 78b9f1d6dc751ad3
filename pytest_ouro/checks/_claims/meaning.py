"""What an experiment's code shows about the meaning of its metric, beside the harness."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.checks._claims import Claimed
from pytest_ouro.core.finding import Finding
from pytest_ouro.evidence.languages.kinds import is_code
from pytest_ouro.evidence.languages.unit import changed_unit, may_change
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step
    from pytest_ouro.evidence.languages.unit import Unit

#: Functions that compute the loss of a model, of which an evaluation takes the mean.
_LOSSES = ("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "binary_cross_entropy_with_logits")
#: The text before a call whose result is assigned, reversed: the module, ``=``, perhaps an
#: annotation (no ``else:``, ``try:`` or ``finally:``), and the variable, which is the group.
_ASSIGNED = re.compile(
    r"(?:\.\w+)*[\s(]*=\s*(?:[^\n:=]*:\s*(?!(?:esle|yrt|yllanif)\b)(?=\w+\s*?(?:\n|$)))?(\w+)"
)


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding for each editable file in which a commit of the loop, not a merge, makes the
    script not call the evaluation any more or compute with its result (errors if the commit was
    kept, by `Claims.is_kept`), makes a model return another loss than before (a warning), or makes
    the script print the same value in another unit (see `_judge_unit`)."""
    for step in claims.loop.steps:
        if len(step.parents) != 1:
            continue
        for path in claims.loop.history.changes(step):
            if matches(path, claims.editable) and is_code(path):
                found = [*_judge_file(claims, step, path)] if path.endswith(".py") else []
                yield from found or _judge_unit(claims, step, path)


def _judge_file(claims: Claims, step: Step, path: str) -> Iterator[Claimed]:
    """Yield one finding if a commit changes the meaning of the metric in one Python file, other
    than its unit; otherwise nothing."""
    before, after = claims.text(step.parent, path), claims.text(step.id, path)
    name = claims.evaluate
    losses = any(loss in before and loss in after for loss in _LOSSES)
    if not before or not after or not (losses or (name and name in before)):
        return
    changed = claims.edit(step.parent, step.id, path).changed
    metric = claims.metric.name if claims.metric else ""
    if not _may_change(before, after, changed, name, metric):
        return
    words, sure = _change(before, after, name, metric)
    if not words or (words.startswith("does not") and _is_called_elsewhere(claims, step, path)):
        return
    kept = claims.is_kept(step.id)
    yield Claimed(
        "metric-meaning",
        Finding(
            f"{path} {words}",
            where=str(step) + (", which was kept" if kept else ""),
            help="print what the evaluation returns, of the plain loss, and measure again",
            facts={"path": path},
            warns=not (sure and kept),
        ),
        (step.id,),
    )


def _judge_unit(claims: Claims, step: Step, path: str) -> Iterator[Claimed]:
    """Yield one finding if a commit prints the same value in another unit than before, otherwise
    nothing: an error if it was kept and its value is one of that unit rather than one of the unit
    before."""
    changed = claims.edit(step.parent, step.id, path).changed
    if claims.metric is None or not may_change(changed, claims.metric.name):
        return
    before, after = claims.text(step.parent, path), claims.text(step.id, path)
    unit = changed_unit(path, before, after, claims.metric.name) if before and after else None
    if unit is None:
        return
    kept = claims.is_kept(step.id)
    text = f"{unit.factor:.4g} times the value" + f" {unit.offset:+.4g}" * bool(unit.offset)
    yield Claimed(
        "metric-meaning",
        Finding(
            f"{path} prints {claims.metric.name} in another unit than before: {text}",
            where=str(step) + (", which was kept" if kept else ""),
            help="print it as before, or call what was measured so a new baseline",
            facts={"path": path},
            warns=not (kept and _has_unit(claims, step, unit)),
        ),
        (step.id,),
    )


def _has_unit(claims: Claims, step: Step, unit: Unit) -> bool:
    """Return whether the value of a commit's row is nearer to the one kept before in the new unit
    than in the old one; False if the commit was not kept, or nothing was kept before it."""
    best: float | None = None
    for one in claims.keeps:
        value = one.row.value if one.row else None
        if value is None:
            continue
        if one.commit == step.id:
            return best is not None and abs(unit.convert(best) - value) < abs(best - value)
        best = value
    return False


def _may_change(before: str, after: str, changed: str, evaluate: str, metric: str) -> bool:
    """Return whether the meaning of the metric can differ between two texts of a script, which
    differ in the lines ``changed``: they name what has to do with it, or the evaluation is not
    named as often."""
    if evaluate and before.count(evaluate) != after.count(evaluate):
        return True
    results = _results(before, evaluate) if evaluate else []
    telling = (*_LOSSES, *filter(None, (evaluate, metric)), *results, "return", "reduction")
    return any(word in changed for word in telling)


def _change(before: str, after: str, evaluate: str, metric: str) -> tuple[str, bool]:
    """Return a tuple: in words how the meaning of the metric changes from one text of a script to
    the other, "" if it does not or one of them cannot be parsed; and whether that is sure."""
    old, new = _measure(before, evaluate, metric), _measure(after, evaluate, metric)
    if old is None or new is None:
        return "", False
    if old.calls and not new.calls:
        return f"does not call {evaluate} any more: its metric is something else", True
    if new.computed > old.computed:
        return f"computes with what {evaluate} returns before it prints it", True
    if old.losses and not new.losses:
        return (
            "returns another loss from its model than before, which the evaluation may average",
            False,
        )
    return "", False


def _results(text: str, evaluate: str) -> list[str]:
    """Return the variables that stand, perhaps with an annotation, directly before ``=`` and a call
    of the evaluation, by its own name or one that it is imported under, also as an attribute."""
    imported = (re.match(r"\w+", part) for part in text.split(f"{evaluate} as ")[1:])
    names = [evaluate, *(one[0] for one in imported if one)]
    calls = [part for name in names for part in text.split(f"{name}(")[:-1]]
    # Backwards from each call, one line at most: to search the whole text takes long.
    found = (_ASSIGNED.match(part[:-200:-1]) for part in calls)
    return [one[1][::-1] for one in found if one]


class _Measured(NamedTuple):
    """What the text of a script does with the evaluation, as counts: its ``calls``, how often the
    script calculates with their results (``computed``), and the functions that return plain
    ``losses``."""

    calls: int
    computed: int
    losses: int


@lru_cache(maxsize=4)  # what is after one commit is before the next
def _measure(text: str, evaluate: str, metric: str) -> _Measured | None:
    """Parse the text of a script and return its counts; those about the evaluation are 0 if its
    name ``evaluate`` is "". Return None if the text cannot be parsed."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    calls = _calls(nodes, evaluate) if evaluate else []
    computed = _computed(nodes, set(calls), metric) if calls else 0
    return _Measured(len(calls), computed, _plain_losses(nodes))


def _is_called_elsewhere(claims: Claims, step: Step, path: str) -> bool:
    """Return whether another editable Python file of a commit, of the first 50, names the
    evaluation; True if the commit cannot be read."""
    from pytest_ouro.core.errors import OuroError

    try:
        tree = claims.loop.history.git.tree(step.id)
    except OuroError:
        return True
    others = [p for p in tree if p != path and p.endswith(".py") and matches(p, claims.editable)]
    return any(claims.evaluate in claims.text(step.id, other) for other in others[:50])


def _last(node: ast.expr) -> str:
    """Return the name of a variable, or of the attribute in the end of an expression; "" for
    another expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _calls(nodes: Sequence[ast.AST], name: str) -> list[ast.Call]:
    """Return the calls of a function by its name, also as an attribute (``module.name()``), or by
    another name that it is imported under."""
    names = {name} | {
        alias.asname
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == name and alias.asname
    }
    return [node for node in nodes if isinstance(node, ast.Call) and _last(node.func) in names]


def _computed(nodes: Sequence[ast.AST], calls: set[ast.Call], metric: str) -> int:
    """Return in how many places a script computes ``+``, ``-``, ``*`` or ``**`` of a number and
    what the evaluation returns. A division and the numbers 0, 1 and 100 do not count, since they
    change only the unit.

    A place is an assignment with one of the evaluation's ``calls``; another assignment to a
    variable that has their result, by any operator in the form ``x /= 2``; or an f-string that
    names the ``metric``, with a call or such a variable. Arithmetic anywhere else, as in a
    ``return``, does not count.
    """
    results = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value in calls
        for target in _targets(node)
        if isinstance(target, ast.Name)
    }
    found = 0
    for node in nodes:
        if isinstance(node, ast.AugAssign) and _last(node.target) in results:
            found += _has_number(node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            again = any(_last(target) in results for target in _targets(node))
            found += _scales(node.value, calls, results if again else set())
        elif isinstance(node, ast.JoinedStr) and _labels(node, metric):
            found += any(
                _scales(part.value, calls, results)
                for part in node.values
                if isinstance(part, ast.FormattedValue)
            )
    return found


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    """Return what an assignment assigns to."""
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _labels(node: ast.JoinedStr, metric: str) -> bool:
    """Return whether a formatted text names the metric; False if its name is ""."""
    return any(
        isinstance(part, ast.Constant) and bool(metric) and metric in str(part.value)
        for part in node.values
    )


def _scales(node: ast.expr, calls: set[ast.Call], results: set[str]) -> bool:
    """Return whether an expression multiplies, adds, subtracts or raises to a power, at any depth,
    a number and one of the calls or variables. A division is a change of the unit."""
    for part in ast.walk(node):
        if isinstance(part, ast.BinOp) and isinstance(
            part.op, ast.Mult | ast.Sub | ast.Add | ast.Pow
        ):
            sides = (part.left, part.right)
            measured = any(side in calls or _last(side) in results for side in sides)
            if measured and any(map(_has_number, sides)):
                return True
    return False


def _has_number(node: ast.expr) -> bool:
    """Return whether an expression is a number, but not 0, 1 or 100 (per cent of a share)."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and (node.value not in (100, 1, 0))
    )


def _plain_losses(nodes: Sequence[ast.AST]) -> int:
    """Return how many functions with the parameter ``reduction``, or named ``forward`` or
    ``__call__``, return a plain loss, without arithmetic: a call of one of `_LOSSES`, or of a
    method of its result, such as ``.view(-1)``, or a variable to which one of these is assigned."""
    found = 0
    for node in nodes:
        if not isinstance(node, ast.FunctionDef):
            continue
        arguments = {arg.arg for arg in (*node.args.args, *node.args.kwonlyargs)}
        if "reduction" not in arguments and node.name not in ("forward", "__call__"):
            continue
        returned = [
            part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value
        ]
        bound = {
            _last(target)
            for part in ast.walk(node)
            if isinstance(part, ast.Assign | ast.AnnAssign) and part.value and _is_loss(part.value)
            for target in _targets(part)
        }
        found += any(_is_loss(value) or _last(value) in bound - {""} for value in returned)
    return found


def _is_loss(node: ast.expr) -> bool:
    """Return whether an expression is a call of a loss (`_LOSSES`), or of a method of its
    result."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _LOSSES:
            return True
        node = node.func.value
    return isinstance(node, ast.Call) and _last(node.func) in _LOSSES
