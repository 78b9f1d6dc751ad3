"""Find calls that print the metric as a literal number."""

from __future__ import annotations

import ast
import re


def prints_literal(node: ast.Call, metric: str) -> bool:
    """Return whether the first argument of a call is a text with the metric's name, ``:`` or ``=``,
    and then a literal number. The number may also be put in by ``%``, ``format`` or an f-string, or
    be the next argument. False if a word, of two letters or more, comes before the name on its
    line. ValueError for a call without positional arguments."""
    first, *rest = node.args
    text = ""
    if isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mod):
        rest, first = [first.right], first.left
    elif (
        isinstance(first, ast.Call)
        and isinstance(first.func, ast.Attribute)
        and first.func.attr == "format"
    ):
        rest, first = first.args, first.func.value
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        text = first.value
        if rest and (match := _find(text, metric)) and _is_number(rest[0]):
            text = f"{text[: match.end()]} {ast.unparse(rest[0])}"
    elif isinstance(first, ast.JoinedStr):
        text = "".join(_spelled(part) for part in first.values)
    match = _find(text, metric)
    if match is None:
        return False
    # After words the metric is only mentioned.
    prose = re.search("[A-Za-z]{2}", re.split(r"[\r\n]", text[: match.start()])[-1])
    return bool(re.match(r"\s*[-+]?\.?\d", text[match.end() :])) and not prose


def _is_number(node: ast.expr) -> bool:
    """Return whether a node is a literal number, signed or not."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _find(text: str, metric: str) -> re.Match[str] | None:
    """Return the first match of the metric's name and a ``:`` or ``=`` after it; None if there is
    none. Blanks may be between them, letters may be of either case, and the name may be the end of
    a longer name."""
    return re.search(rf"{re.escape(metric)}\s*[:=]", text, re.IGNORECASE)


def _spelled(part: ast.expr) -> str:
    """Return a part of an f-string as it is printed; a NUL character for a value that is neither a
    constant nor a number with a sign. A format after ``:`` and a conversion as ``!r`` are
    ignored."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if _is_number(value):
        return ast.unparse(value)
    return str(value.value) if isinstance(value, ast.Constant) else "\0"
