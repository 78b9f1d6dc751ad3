"""What `budget-exact` owns: constants of the training time that a commit changes or binds again."""

from __future__ import annotations

import ast
import posixpath
import re
from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import Claimed
from pytest_ouro.core.finding import Finding
from pytest_ouro.evidence.languages import surface
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step

#: Names of constants that say how long a run trains.
_BUDGET = re.compile(
    r"(?i)^(?:[a-z]+_)*(?:time_?(?:budget|limit)|budget(?:_?(?:s|sec|secs|seconds|min|minutes))?"
    r"|max_(?:train(?:ing)?_)?(?:seconds|secs|time|minutes)|train(?:ing)?_(?:seconds|secs|minutes|time)"
    r"|wall_?(?:clock|time)(?:_\w+)?)$"
)
#: Names of constants of what measures that say how much a run trains, if the script uses them.
_AMOUNT = re.compile(
    r"(?i)^(?:(?:max|num|n|total|train(?:ing)?)_)+(?:steps|iters|iterations|epochs|updates|tokens)$"
)
#: Words of the name of a constant of what measures: units of time, words of a time and of a limit,
#: and words of a time that is not that of the training.
_UNITS = {
    *("seconds", "secs", "sec", "millis", "milliseconds", "ms", "msec", "minutes", "mins"),
    *("hours", "duration"),
}
_TIMES, _LIMITS = {"time", "clock"}, {"limit", "max", "maximum", "cap", "allowed", "total", "train"}
_WHOLE = {"budget", "deadline", "timeout", "wallclock"}
_BESIDE = {"warmup", "warm", "sleep", "poll", "retry", "backoff", "step", "steps"}
#: Words of a constant that says how often something is measured.
_TIMES_MEASURED = {
    *("repeat", "repeats", "runs", "games", "samples", "rounds", "trials", "iterations", "reps"),
    *("episodes", "cases", "matches"),
}
_CONSTANT = re.compile(r"(?m)^([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=[ \t]*(\d[\d_]*)")
_MENTION = re.compile(
    r"(?i)budget|time_?limit|max_\w*(?:seconds|secs|time|minutes)|train\w*_seconds|wall"
    r"|_(?:steps|iters|iterations|epochs|updates|tokens)\b"
)
#: A name and a number in settings, C, JavaScript, R and the like.
_SETTING = re.compile(r"([A-Za-z_][\w-]*)[\"']?\s*(?:<-|[:=]|\s)\s*(\d[\d_.]*)")


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield what the commits of the loop, without merges, show about the training time, each
    finding about one file of one commit: an error if the commit was kept (`Claims.is_kept`) and the
    change surely has an effect."""
    for step in claims.loop.steps:
        if len(step.parents) == 1:
            yield from _budget(claims, step)


def _budget(claims: Claims, step: Step) -> Iterator[Claimed]:
    """Yield a finding for each editable or frozen file in which a commit gives a constant of the
    training time another value, or binds one again."""
    for path in claims.loop.history.changes(step):
        if not matches(path, (*claims.editable, *claims.frozen)):
            continue
        yield from _judge_file(claims, step, path)


def _judge_file(claims: Claims, step: Step, path: str) -> Iterator[Claimed]:
    """Yield the finding about one file of a commit; nothing for a new file, or if its constants are
    those of the loop's start again."""
    frozen = matches(path, claims.frozen)
    mentions = bool(_MENTION.search(claims.edit(step.parent, step.id, path).changed))
    if path.endswith(".py") and not (mentions or frozen):
        return
    before, after = claims.text(step.parent, path), claims.text(step.id, path)
    if not before:
        return

    def find(old: str, new: str) -> tuple[str, bool]:
        """Return in words what differs between two texts of the file, or "", and whether it
        surely has an effect."""
        words = ""
        if mentions:
            words = (_budget_change if path.endswith(".py") else _setting_change)(old, new)
            words = words or _amount_change(claims, step, path, old, new)
        if not words and frozen:
            words = _limit_change(path, old, new)
        return (words, True) if words or frozen else _bound_again(claims, path, old, new)

    words, sure = find(before, after)
    start = claims.text(claims.loop.start, path) if words else ""
    if not words or (start and not find(start, after)[0]):
        return  # nothing, or it is as at the start again
    kept = claims.is_kept(step.id)
    yield Claimed(
        "budget-exact",
        Finding(
            f"{path}: {words}, so that runs before and after it are not comparable",
            where=str(step) + (", which was kept" if kept else ""),
            help="restore the budget, and measure again what was kept since",
            facts={"path": path},
            warns=not (kept and sure),
        ),
        (step.id,),
    )


def is_limit(name: str) -> bool:
    """Return whether the name of a constant of what measures says that it is about the time of a
    run, in any style of writing names; False if it is about a warm-up, a step or the like."""
    words = {word.lower() for word in surface.words_of(name)}
    if words & _BESIDE:
        return False
    return bool(words & (_UNITS | _WHOLE) or (words & _TIMES and words & _LIMITS))


def _limit_change(path: str, before: str, after: str) -> str:
    """Return in words how the number of a constant of the time of a run differs between two texts
    of a file that measures, in any language; "" if none does. New constants do not count."""
    was, now = surface.constants(path, before), surface.constants(path, after)
    for name, value in now.items():
        old = was.get(name, value)
        if old != value and is_limit(name) and surface.is_number(old, value):
            return f"{name} was changed from {old} to {value}"
    return ""


def _bound_again(claims: Claims, path: str, before: str, after: str) -> tuple[str, bool]:
    """Return in words which constant of a file that measures, about its time or how often it
    measures, an editable file newly gives a value, or "", and whether the file that measures surely
    sees the new value. ("", False) for a Python file."""
    if path.endswith(".py"):
        return "", False
    new = "\n".join(set(after.splitlines()) - set(before.splitlines()))
    for other, text in claims.measuring_texts.items():
        for name in surface.constants(other, text):
            words = {word.lower() for word in surface.words_of(name)}
            if not (is_limit(name) or words & _TIMES_MEASURED) or len(name) < 4 or name not in new:
                continue
            if path.endswith(".lua") and re.search(rf"\blocal\s+{re.escape(name)}\b", new):
                continue  # no other file can see it
            said = f"{name} of {other} is bound again"
            if re.search(
                rf"(?:\w(?:\.|::)|env\W{{1,4}}){re.escape(name)}\b\W{{0,4}}[^=<>!]=[^=]", new
            ):
                return said, True
            if name in surface.constants(path, new) and name not in surface.constants(path, before):
                return said, _is_joined(claims, path, other, text)
    return "", False


def _is_joined(claims: Claims, path: str, other: str, text: str) -> bool:
    """Return whether the file ``other``, with this text, has the names of the file at ``path``: it
    includes that file, or both are Go files of one folder."""
    if path.endswith(".go"):
        return posixpath.dirname(path) == posixpath.dirname(other) and other.endswith(".go")
    return posixpath.basename(path) in surface.included(other, text)


def _budget_change(before: str, after: str) -> str:
    """Return in words the first change of the training time between two texts of a file: a constant
    that has another number, or an imported one or an attribute that is newly bound. Return "" if
    there is none, or a text is not Python."""
    try:
        old, new = ast.parse(before), ast.parse(after)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    was, now = _bound(old), _bound(new)
    imported = _imported(old)
    for name, value in now.items():
        if name in was and was[name] != value and _is_number(was[name]) and _is_number(value):
            return f"{name} was changed from {was[name]} to {value}"
        if name not in was and (name.rpartition(".")[2] in imported or "." in name):
            return f"{name} of the harness is bound again, to {value[:40]}"
    return ""


def _setting_change(before: str, after: str) -> str:
    """Return in words how a setting of the training time differs between two texts of a file that
    is not Python; "" if none does."""
    was, now = (dict(_SETTING.findall(text)) for text in (before, after))
    for name, value in now.items():
        old = was.get(name, value)
        if old != value and _BUDGET.match(name.replace("-", "_")):
            return f"{name} was changed from {old} to {value}"
    return ""


def _amount_change(claims: Claims, step: Step, path: str, before: str, after: str) -> str:
    """Return in words how a constant of a frozen file that says how much a run trains, and that an
    editable file uses, differs between two texts of that file; "" if none does."""
    if not matches(path, claims.frozen):
        return ""
    was, now = (dict(_CONSTANT.findall(text)) for text in (before, after))
    for name, value in now.items():
        old = was.get(name, value)
        used = re.compile(rf"\b{name}\b")
        if old == value or not _AMOUNT.match(name):
            continue
        if any(used.search(claims.text(step.parent, glob)) for glob in claims.editable):
            return f"{name} was changed from {old} to {value}"
    return ""


def _bound(tree: ast.Module) -> dict[str, str]:
    """Return a dict from the constants of the training time, with names in upper case, that a
    module binds, anywhere, and the attributes of other objects than ``self`` with such names in any
    case, to the text of a value that each gets."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        value = getattr(node, "value", None)
        for target in targets:
            name = ast.unparse(target) if isinstance(target, ast.Name | ast.Attribute) else ""
            if name.startswith("self.") or not _BUDGET.match(name.rpartition(".")[2]):
                continue
            if isinstance(value, ast.expr) and ("." in name or name.isupper()):
                sign = "" if not isinstance(node, ast.AugAssign) else "itself and "
                found[name] = sign + ast.unparse(value)
    return found


def _imported(tree: ast.Module) -> set[str]:
    """Return the names that the ``from … import …`` statements of a module bind; those of plain
    ``import`` statements are not among them."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _is_number(text: str) -> bool:
    """Return whether the text of an expression looks like numbers alone, as ``5 * 60``: it has only
    digits, ``e``, and signs of arithmetic."""
    return bool(re.fullmatch(r"[\d\s_.*+/()e-]+", text))
