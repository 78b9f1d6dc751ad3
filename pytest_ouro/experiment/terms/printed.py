"""Read the metric from printed lines, in the forms in which people print numbers."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.experiment.terms.console_text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

Which = Literal["only", "last", "first", "min", "max"]

#: Characters of a line that are read. A longer one is a table or a dump.
_WIDTH = 4096
#: Characters of a line that are shown.
_SHOWN = 120
_NUMBER = re.compile(
    r"""(?:["'`]|\*\*|__)?\s*(
      [-+]?(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?
      (?![0-9]|[.,][0-9])
    | [-+]?(?:nan|inf(?:inity)?)(?![^\W_])
    )""",
    re.IGNORECASE | re.VERBOSE,
)
#: What may follow a number: the end, a closing mark, a comment, another name with a value.
_END = re.compile(
    r"""\s*(?:["'`\])}]|\*\*|__)*\.?\s*
    (?:$ | [,;|](?!\s*[-+.]?[0-9]) | [(\[] | ± | \+/?- | [^\s:=]{1,60}\s?[:=])""",
    re.VERBOSE,
)
#: A unit: a sign such as % or a letter is in it. It is compiled when a number has one.
_UNIT = r"""\s*((?=[^\s,;|]*[^\W\d_]|[%‰°$€£])[^\s\d,;|()\[\]{}"':=*`]{1,16})"""
#: A word, which may say something else about the number after it: "best", "the", "target".
_WORD = r"[^\W\d_](?:[\w'-]*[^\W\d])?"
#: Words that do not: the levels of logs, and words for the result itself.
_LEVELS = frozenset(
    [
        "debug",
        "info",
        "notice",
        "warn",
        "warning",
        "error",
        "critical",
        "trace",
        "metric",
        "metrics",
        "result",
        "results",
        "final",
        "summary",
        "stdout",
        "rank",
    ]
)


@dataclass(frozen=True)
class Printed:
    """How a metric is printed: its name, its unit ("" if it has none), which of several values
    counts (``only``: it is a fault if they differ), and where it stands: ``line``, ``json:PATH`` or
    ``regex:PATTERN``."""

    name: str
    unit: str = ""
    which: Which = "only"
    source: str = "line"


@dataclass(frozen=True)
class Reading:
    """The number that was read, and its line; or why none was read.

    ``value`` is the number, which may be NaN or infinite; None if none was read. ``text`` is its
    text, with the digits that were printed, without commas. ``fault`` is "" if a number was read;
    if several were and none counts, ``text`` is the last one. ``is_there`` says whether something
    was printed under the name.
    """

    value: float | None = None
    text: str = ""
    line: str = ""
    fault: str = ""
    is_there: bool = False

    @property
    def number(self) -> float | None:
        """The number if it is finite, else None."""
        return self.value if self.value is not None and math.isfinite(self.value) else None


class Found(NamedTuple):
    """A place in the output where the name stands: its line, and the text of the number behind it
    ("" if there is none).

    ``fault`` says why the place does not count, "" if it does. ``is_plain``: the line has nothing
    before the name except marks such as ``-`` and ``*``.
    """

    line: str
    text: str
    fault: str = ""
    is_plain: bool = True

    @property
    def value(self) -> float:
        """The number, as a float, which may be NaN or infinite. Raise ValueError if there is none
        (``text`` is "")."""
        return float(self.text)


def read_lines(output: str, printed: Printed) -> Reading:
    """Return the metric from the lines ``name: value`` and ``name=value`` of the text ``output``,
    several to a line too; `choose` says which of several counts.

    Places where the name begins a line (after marks such as ``-``) come first: other places count
    only if none of these has a number, and never if a word such as "best" stands right before the
    name (`_is_word`). If there is no number, the reading's ``fault`` says why.
    """
    label = _label(printed.name)
    found = [one for line in _lines(output, printed.name) for one in _find(line, label, printed)]
    for is_plain in (True, False):
        alike = [one for one in found if one.is_plain is is_plain]
        if any(not one.fault for one in alike):
            return choose(alike, printed)
    if found:
        return choose(found, printed)
    return Reading(fault=_nearest(output, printed.name))


def choose(found: list[Found], printed: Printed) -> Reading:
    """Return the reading of the place in ``found`` (at least one) that counts by ``printed.which``.

    "first" takes the first place, "only" and "last" take the last one, with a fault or not. "min"
    takes the place with the smallest number, "max" that with the largest, and both a place with NaN
    if there is one; if every place has a fault, they take the last one. The reading has a fault if
    the chosen place has one, or if ``printed.which`` is "only" and there are different numbers.
    """
    numbers = [one for one in found if not one.fault]
    chosen = found[0] if printed.which == "first" else found[-1]
    if printed.which in ("min", "max") and numbers:
        best = min if printed.which == "min" else max
        unknown = [one for one in numbers if math.isnan(one.value)]
        chosen = unknown[0] if unknown else best(numbers, key=lambda one: one.value)
    if chosen.fault:
        return Reading(line=chosen.line, fault=chosen.fault, is_there=True)
    others = [one for one in numbers if repr(one.value) != repr(chosen.value)]
    if printed.which == "only" and others:
        fault = (
            f"{printed.name} {others[0].text} and then {chosen.text}: 'metric-which' in bound.toml "
            "says which of several values counts"
        )
        return Reading(None, chosen.text, chosen.line, fault, is_there=True)
    return Reading(chosen.value, chosen.text, chosen.line, is_there=True)


def parse(text: str, unit: str) -> tuple[str, str]:
    """Return a tuple of two texts, of which one is "": the number with which ``text`` begins, in
    lower case, without commas and unit; and why there is no such number, as the end of a sentence.

    The number may be followed by ``unit``, in upper or lower case. After that, the text must end,
    or have what ends a value, such as a comma, a bracket or another ``name:``. Another unit is a
    fault. ``unit`` is the bound's, "" for none. ``nan`` and ``inf`` are numbers.
    """
    text = text.replace("\u2212", "-")  # the typographic minus
    match = _NUMBER.match(text)
    if match is None:
        return "", "which is not a number"
    number, rest = match[1].replace(",", "").lower(), text[match.end() :]
    bare = rest.lstrip()
    if unit and bare.casefold().startswith(unit.casefold()):
        rest = bare[len(unit) :]
    if _END.match(rest):
        return number, ""
    other = re.match(_UNIT, rest)
    if other is None or not _END.match(rest[other.end() :]):
        return "", "which is not a number alone"
    if unit:
        return "", f"in the unit '{other[1]}', not '{unit}' as in bound.toml"
    return "", f'with a unit that bound.toml does not name (unit = "{other[1]}" in [experiment])'


def unit_behind(text: str) -> str:
    """Return the unit that a text right behind a number states, such as ``ms`` in `` ms per step``;
    "" if it states none."""
    unit = None if _END.match(text) else re.match(_UNIT, text)
    return unit[1] if unit else ""


def _lines(output: str, name: str) -> Iterator[str]:
    """Yield the lines of ``output`` that contain the name, in upper or lower case, without escapes
    and control characters, with spaces for tabs, and cut at ``_WIDTH`` characters. A carriage
    return ends a line too, since progress bars are redrawn by it."""
    wanted = name.casefold()
    for line in re.split(r"[\r\n]", output):
        if wanted in line.casefold():
            yield clean(line[:_WIDTH].replace("\t", " "), width=_WIDTH)


def _label(name: str) -> re.Pattern[str]:
    """Return a pattern that matches a name and the ``:`` or ``=`` behind it, in upper or lower
    case, with or without quotes or Markdown's marks around the name; not if it is the end of a
    longer name or path."""
    return re.compile(
        rf"""(?<![\w./@$%+=-])(["'`]|\*\*|__|){re.escape(name)}\1\s*[:=]\s*""", re.IGNORECASE
    )


def _find(line: str, label: re.Pattern[str], printed: Printed) -> Iterator[Found]:
    """Yield a `Found` for each place of a line where ``label`` matches. It has a fault if no number
    follows, if the number's unit is not the bound's, or if a word such as "best" stands before the
    name (`_is_word`)."""
    for match in label.finditer(line):
        before = line[: match.start()].rstrip("{")
        number, fault = parse(line[match.end() :], printed.unit)
        shown = clean(line.strip(), width=_SHOWN)
        if _is_word(before):
            fault = "where a word stands before the name"
        fault = fault and f"{shown}, {fault}"
        yield Found(shown, number, fault, not before.strip(" -*>#•"))


def _is_word(before: str) -> bool:
    """Return whether the text before a name ends with a word and a blank, where the word may change
    the name's meaning, such as "best"; False for words of ``_LEVELS``, such as "info", and if
    something else stands right before the name."""
    if not before.endswith(" "):
        return False
    *_, last = before[-_SHOWN:].split() or [""]
    return bool(re.fullmatch(_WORD, last)) and last.casefold() not in _LEVELS


def _nearest(output: str, name: str) -> str:
    """Return the text "no 'NAME:' line", followed by the last line that has the letters and digits
    of the name in a row, if there is one."""
    wanted = _bare(name)
    alike = ""
    for line in re.split(r"[\r\n]", output):
        if wanted and wanted in _bare(line[:_WIDTH]):
            alike = line
    near = f"; the nearest is '{clean(alike.strip(), width=_SHOWN)}'" if alike else ""
    return f"no '{name}:' line{near}"


def _bare(text: str) -> str:
    """Return the letters and digits of a text, in lower case."""
    return re.sub(r"[\W_]+", "", text).casefold()
