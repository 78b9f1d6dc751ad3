"""Find calls that print the metric as a literal number."""

from __future__ import annotations

import ast
import re


def prints_literal(node: ast.Call, metric: str) -> bool:
    """Return whether the first argument of a call is a text with the metric's name, ``:`` or ``=``,
    and then a literal number that begins with a digit. A float may also be put in by ``%`` or
    ``format``, or be the next argument; any number may be in an f-string. False if words come
    before the name on its line. The call must have an argument."""
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
        number = rest[0].value if rest and isinstance(rest[0], ast.Constant) else None
        if isinstance(number, float) and (match := _find(text, metric)):
            text = f"{text[: match.end()]} {number}"
    elif isinstance(first, ast.JoinedStr):
        text = "".join(_spelled(part) for part in first.values)
    match = _find(text, metric)
    if match is None:
        return False
    # After words the metric is only mentioned.
    prose = re.search("[A-Za-z]{2}", re.split(r"[\r\n]", text[: match.start()])[-1])
    return text[match.end() :].strip()[:1].isdigit() and not prose


def _find(text: str, metric: str) -> re.Match[str] | None:
    """Return the first match of the metric's name with ``:`` or ``=`` after it, whatever the case
    of its letters; None if there is none."""
    return re.search(rf"{re.escape(metric)}\s*[:=]", text, re.IGNORECASE)


def _spelled(part: ast.expr) -> str:
    """Return a part of an f-string as it is printed; a NUL character for a value that is not a
    constant."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    return str(value.value) if isinstance(value, ast.Constant) else "\0"
