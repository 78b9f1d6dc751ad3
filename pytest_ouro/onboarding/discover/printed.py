"""Find the labels and values that a Python program prints."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

from pytest_ouro.evidence.python.source import dotted
from pytest_ouro.experiment.terms.printed import unit_behind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.onboarding.discover.source import PythonFile

#: Calls that print.
_PRINTS = re.compile(r"\w*print\w*|write|info|warning|echo|secho|log\d?|success")


@dataclass(frozen=True)
class Shown:
    """What a line prints after its label. It is the variable ``name``, the item ``key`` of the
    variable ``name``, or the result of ``function``; what does not apply is "", and all three for
    another expression. ``unit`` is the unit printed after the value, "" for none. ``words`` is the
    label as printed if it has several words, else "". ``leads`` is whether the call prints nothing
    before the label."""

    name: str = ""
    key: str = ""
    function: str = ""
    unit: str = ""
    words: str = ""
    leads: bool = False


#: A label at the end of the text before a value: ``val_bpb:``, ``METRIC ms=``, ``Mean score:``.
_LABEL = re.compile(
    r"(?:^|\n|[|,;(]\s*)(?:[^\w\n]|(?:metric|metrics|result|results|final)\b)*"
    r"([A-Za-z_][\w/]*(?:@\w+)?(?: [A-Za-z]\w*){0,2})\s*[:=]\s*$",
    re.IGNORECASE,
)


def summary(file: PythonFile) -> dict[str, Shown]:
    """Return a dict from the labels of printed ``label: value`` lines, of a few words each, to what
    is printed; {} without such a line. Of a label that is printed twice, one counts.

    The words metric, metrics, result, results and final at the start of a label are dropped.
    Several words that remain are joined by ``_`` in lower case: ``Final score: 1`` is ``score``,
    ``COMPOSITE SCORE: 1`` is ``composite_score``.
    """
    calls = (call for call in file.source.of(ast.Call) if prints(call))
    return {label: shown for call in calls for label, shown in _labels(call)}


def bare(file: PythonFile) -> list[str]:
    """Return the names, each once, that come first in what a call prints, as text before a value
    without ``:`` or ``=``: ``accuracy`` for ``print("accuracy", x)``."""
    calls = [parts_of(call) for call in file.source.of(ast.Call) if prints(call)]
    found = [
        name[1]
        for parts in calls
        if len(parts) > 1 and not isinstance(parts[1], ast.Constant) and _ends(parts[2:])
        if (name := _bare(parts[0]))
    ]
    return list(dict.fromkeys(found))


def _ends(after: list[ast.expr]) -> bool:
    """Return whether a printed value ends there: ``after``, the parts printed after it, is empty or
    does not begin with a literal that continues the value, such as ``%``."""
    first = after[0] if after else ast.Constant("")
    text = first.value if isinstance(first, ast.Constant) else ""
    return isinstance(text, str) and (not text or text[0].isspace())


def _bare(node: ast.expr) -> re.Match[str] | None:
    """Return the match of an expression that is a literal text of one name, perhaps with white
    space around it (group 1 is the name); None for any other expression."""
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return re.fullmatch(r"\s*([A-Za-z_]\w*)\s*", node.value) if is_text else None  # type: ignore


def prints(call: ast.Call) -> bool:
    """Return whether a call may print its arguments, by the name of the function: ``print``,
    ``write``, a method of a logger, and the like."""
    return bool(_PRINTS.fullmatch(dotted(call.func).rpartition(".")[2]))


#: A place for a value in a text that is formatted by ``%``, and by ``format``.
_PERCENT = re.compile(r"%(?:\(\w+\))?[-+ #0]*[\d.*]*[a-zA-Z]")
_BRACES = re.compile(r"\{[^{}]*\}")


def parts_of(call: ast.Call) -> list[ast.expr]:
    """Return the texts and the values that a call prints, in their order: its arguments, of which
    the first is taken apart if it is an f-string or a text that is formatted by ``%``, ``format``
    or a logger."""
    match call.args:
        case [ast.JoinedStr(values=values), *rest]:
            return [*values, *rest]
        case [ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=given)]:
            return _filled(text, _PERCENT, given.elts if isinstance(given, ast.Tuple) else [given])
        case [
            ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")) as c
        ]:
            return _filled(text, _BRACES, [*c.args, *(word.value for word in c.keywords)])
        case [ast.Constant(value=str(text)), *rest] if sep := _separator(call):
            return [ast.Constant(f"{text}{sep}"), *rest]
        case [ast.Constant(value=str(text)), *rest] if rest and _PERCENT.search(text):
            return _filled(text, _PERCENT, rest)
        case [ast.Constant(value=str(text)), *rest] if rest and _BRACES.search(text):  # loguru
            return _filled(text, _BRACES, rest)
    return list(call.args)


def _separator(call: ast.Call) -> str:
    """Return the text of the keyword ``sep`` of a call of ``print``; "" if the call has none."""
    given = [word.value for word in call.keywords if word.arg == "sep"]
    texts = [node.value for node in given if isinstance(node, ast.Constant)]
    return next((text for text in texts if isinstance(text, str)), "")


def _filled(text: str, place: re.Pattern[str], given: Sequence[ast.expr]) -> list[ast.expr]:
    """Return the parts that a format string prints: its pieces of text, with the expressions
    ``given`` between them in place of the matches of ``place``. A missing expression becomes the
    name ``_``."""
    texts = place.split(text.replace("%%", "\0"))
    values = [*given, *([ast.Name("_")] * len(texts))]
    parts: list[ast.expr] = []
    for part, value in zip(texts, values, strict=False):
        parts += [ast.Constant(part.replace("\0", "%")), value]
    return parts[: 2 * len(texts) - 1]


def _labels(call: ast.Call) -> Iterator[tuple[str, Shown]]:
    """Yield a tuple for labels that a call prints before a value, as in ``print(f"val_bpb:
    {x:.6f}")`` and ``print("val_bpb:", x)``: the label as one name, and what is printed after it.
    Literal values and options of the program are left out."""
    parts = parts_of(call)
    for (text, shown), after in zip_longest(pairwise(parts), parts[2:]):
        value = shown.value if isinstance(shown, ast.FormattedValue) else shown
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            label = _LABEL.search(text.value)
            if label and not isinstance(value, ast.Constant) and not _is_setting(value):
                words = label[1] if " " in label[1] else ""
                leads = text is parts[0] and not text.value[: label.start()].strip()
                name = re.sub(r"\s+", "_", label[1].lower()) if words else label[1]
                yield (
                    name,
                    replace(_shown(value), unit=_unit(after), words=words, leads=leads),
                )


def _is_setting(value: ast.expr) -> bool:
    """Return whether an expression is an attribute of a usual object of options, as in
    ``args.seed``, and so no result of the program."""
    place = dotted(value).partition(".")[0] if isinstance(value, ast.Attribute) else ""
    return place in ("args", "opts", "options", "cfg", "config", "hparams", "FLAGS")


def _unit(node: ast.expr | None) -> str:
    """Return the unit that a text behind a value states; "" for none."""
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return unit_behind(node.value.partition("\n")[0]) if is_text else ""  # type: ignore


def _shown(value: ast.expr) -> Shown:
    """Return what an expression shows, through calls that only convert a value, such as
    ``float(x)`` and ``x.item()``; a Shown with nothing set for another expression."""
    match value:
        case ast.Name(id=name):
            return Shown(name)
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key))):
            return Shown(name, key)
        case ast.Call(func=ast.Name(id="float" | "round" | "int"), args=[inner, *_]):
            return _shown(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="item"), args=[]):
            return _shown(inner)
        case ast.Call(func=function):
            return Shown(function=dotted(function).rpartition(".")[2])
    return Shown()
