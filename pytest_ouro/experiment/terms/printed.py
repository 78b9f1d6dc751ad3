"""Read the metric from printed lines, in the forms in which people print numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.experiment.terms.console_text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

Which = Literal["only", "last", "first", "min", "max"]

#: Characters of a line that are read. A longer one is a table or a dump.
_WIDTH = 4096
#: Characters of a line that are shown.
_SHOWN = 120
_NUMBER = re.compile(
    r"""["']?(
      [-+]?(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?
      (?![0-9]|[.,][0-9])
    | [-+]?(?:nan|inf(?:inity)?)(?![^\W_])
    )""",
    re.IGNORECASE | re.VERBOSE,
)
#: What may follow a number: the end, a closing mark, a comment, another name with a value.
_END = re.compile(
    r"""\s*["'\])}]*\.?\s*
    (?:$ | [,;|](?!\s*[-+.]?[0-9]) | [(\[] | ± | \+/?- | [^\s:=]{1,60}\s?[:=])""",
    re.VERBOSE,
)
_UNIT = re.compile(r"""\s*([^\s\d,;|()\[\]{}"':=]{1,16})""")
#: A word, which may say something else about the number after it: "best", "the", "target".
_WORD = re.compile(r"[^\W\d_](?:[\w'-]*[^\W\d])?")
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
    """How a metric is printed: its name, its unit ("" if it has none), which of several different
    values counts, and where it stands: ``line``, ``json:PATH`` or ``regex:PATTERN``."""

    name: str
    unit: str = ""
    which: Which = "only"
    source: str = "line"


@dataclass(frozen=True)
class Reading:
    """The number that was read, and its line; or why none was read.

    ``text`` is the number as Python writes it, with the digits that were printed. ``fault`` is ""
    if a number was read; if several were and none counts, ``text`` is the last one. ``is_there``
    says whether something was printed under the name.
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
    """A place where the name stands: its line, and the number behind it or why there is none.
    ``is_plain``: nothing but the name and the number is on the line."""

    line: str
    text: str
    fault: str = ""
    is_plain: bool = True

    @property
    def value(self) -> float:
        return float(self.text)


def read_lines(output: str, printed: Printed) -> Reading:
    """Read the metric from lines such as ``name: value`` and ``name=value``.

    Lines that begin with the name count before those with something before it.
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
    """Return the reading that counts, of at least one."""
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
    """Return the number at the start of a text, or "" and why there is none.

    Commas between groups of three digits are left out. Behind the number only its unit may stand.
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
    other = _UNIT.match(rest)
    if other is None or not _END.match(rest[other.end() :]):
        return "", "which is not a number alone"
    if unit:
        return "", f"in the unit '{other[1]}', not '{unit}' as in bound.toml"
    return "", f'with a unit that bound.toml does not name (unit = "{other[1]}" in [experiment])'


def _lines(output: str, name: str) -> Iterator[str]:
    """Yield the lines that contain the name, in any case, without escapes and control characters.
    A carriage return ends a line, as it does a progress bar."""
    wanted = name.casefold()
    for line in re.split(r"[\r\n]", output):
        if wanted in line.casefold():
            yield clean(line[:_WIDTH].replace("\t", " "), width=_WIDTH)


def _label(name: str) -> re.Pattern[str]:
    """Return the pattern of a name, with or without quotes, and the sign behind it."""
    return re.compile(rf"""(?<![\w./@$%+=-])(["'`]?){re.escape(name)}\1\s*[:=]\s*""", re.IGNORECASE)


def _find(line: str, label: re.Pattern[str], printed: Printed) -> Iterator[Found]:
    for match in label.finditer(line):
        before = line[: match.start()].rstrip("{")
        number, fault = parse(line[match.end() :], printed.unit)
        shown = clean(line.strip(), width=_SHOWN)
        if _is_word(before):
            fault = "where a word stands before the name"
        fault = fault and f"{shown}, {fault}"
        yield Found(shown, number, fault, not before.strip(" -*>#•"))


def _is_word(before: str) -> bool:
    """Return whether a word stands before a name, one that may say something else about it."""
    if not before.endswith(" "):
        return False
    *_, last = before[-_SHOWN:].split() or [""]
    return bool(_WORD.fullmatch(last)) and last.casefold() not in _LEVELS


def _nearest(output: str, name: str) -> str:
    """Return that no line has the name, with the last one that nearly has it."""
    wanted = _bare(name)
    alike = ""
    for line in re.split(r"[\r\n]", output):
        if wanted and wanted in _bare(line[:_WIDTH]):
            alike = line
    near = f"; the nearest is '{clean(alike.strip(), width=_SHOWN)}'" if alike else ""
    return f"no '{name}:' line{near}"


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
