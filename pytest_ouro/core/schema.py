"""Read TOML tables strictly into frozen dataclasses, which define the format.

All faults are collected, so that a person sees them at once.
"""

from __future__ import annotations

import re
import sys
import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

from pytest_ouro.core.fast_dataclass import MISSING, Field, dataclass, fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
Where = tuple[str | int, ...]

#: Patterns of texts, each with its meaning in words; the whole text must match.
FILLED = (r"[\s\S]*\S[\s\S]*", "not empty")
ID = (r"[a-z0-9]+(-[a-z0-9]+)*", "words of a-z and 0-9 with `-` between")
NAME = (r"[^\s:\x00-\x1f\x7f-\x9f]+", "a name without spaces and colons")

_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_-]+))\s*=")


def line_numbers(text: str) -> dict[Where, int]:
    """Return a dict from place to line (from 1) for every table header and ``key =`` in a TOML
    text.

    Places are paths of keys: ``("experiment", "cpu", "budget")``; the second ``[[never-do]]`` is
    ``("never-do", 1)``, and ``("never-do",)`` is the first. Dotted keys, and keys inside inline
    tables, have no entry; lines inside strings of three quotation marks are skipped.
    """
    lines: dict[Where, int] = {}
    table: Where = ()
    counts: dict[str, int] = {}
    in_string = False
    for number, line in enumerate(text.splitlines(), start=1):
        was_in_string = in_string
        if (line.count('"""') + line.count("'''")) % 2:
            in_string = not in_string
        if was_in_string:
            continue
        if header := _HEADER.match(line):
            name = header[2].strip()
            table = tuple(part.strip().strip("\"'") for part in name.split("."))
            if header[1] == "[[":
                lines.setdefault(table, number)
                counts[name] = counts.get(name, -1) + 1
                table = (*table, counts[name])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, key[1] or key[2] or key[3]), number)
    return lines


def nearest(name: str, names: typing.Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the most similar of ``names``; "" if none is similar
    enough."""
    import difflib

    match = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean '{match[0]}'?" if match else ""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a value must satisfy, apart from its type.

    ``min`` and ``max`` (allowed themselves), ``above`` and ``below`` (not allowed themselves) are
    for numbers, ``pattern`` (a regular expression, and its meaning in words) for a text and for
    each text of a list; a list has at least ``items``.
    """

    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None
    pattern: tuple[str, str] | None = None
    items: int = 0

    def allow(self, value: float | str) -> bool:
        """Return whether a number is within ``min``, ``max``, ``above`` and ``below``, or a text
        matches ``pattern``. True if there is no such limit."""
        if isinstance(value, str):
            if self.pattern is FILLED:  # most texts; to compile the pattern costs more
                return bool(value.strip())
            if self.pattern is NAME and value.isidentifier():
                return True
            return self.pattern is None or re.fullmatch(self.pattern[0], value) is not None
        return (
            (self.min is None or value >= self.min)
            and (self.max is None or value <= self.max)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    @property
    def range(self) -> str:
        """The limits of a number in words: ``from 0 to 100``, ``above 0, at most 5``; "" for a
        number without limits."""
        if self.min is not None and self.max is not None:
            return f"from {self.min:.12g} to {self.max:.12g}"
        words = {
            "at least": self.min,
            "above": self.above,
            "at most": self.max,
            "below": self.below,
        }
        return ", ".join(f"{word} {n:.12g}" for word, n in words.items() if n is not None)


NO_LIMITS = Limits()


def option(help: str, *, default: Any = MISSING, **limits: Any) -> Any:
    """Return a field for a key: ``help`` says what it means, ``limits`` are attributes of `Limits`.

    Validation, error messages, the reference and the JSON Schema use them. A default is not
    checked: it may stand for an absent key.
    """
    return Field(default=default, help=help, limits=Limits(**limits) if limits else NO_LIMITS)


@dataclass(frozen=True)
class Relation:
    """A condition on several TOML ``keys`` of a table, with ``rule``, its words; a dataclass lists
    its own conditions in ``relations``.

    ``fault`` takes an object with the table's values as attributes, named as the fields. It returns
    what is wrong and what to write, or "". ``schema`` is the condition as JSON Schema, if that can
    express it.
    """

    keys: tuple[str, ...]
    rule: str
    fault: Callable[[Any], str]
    schema: Mapping[str, Any] | None = None


def demand_relations(table: object) -> None:
    """Raise ValueError, with every fault, if relations do not hold for ``table``, an instance of a
    dataclass that may list `Relation` objects in ``relations``; else do nothing."""
    relations: tuple[Relation, ...] = getattr(table, "relations", ())
    if faults := [fault for relation in relations if (fault := relation.fault(table))]:
        raise ValueError("; ".join(faults))


def keys_of(cls: type) -> dict[str, Field]:
    """Return a dict from TOML key to field of a dataclass: the field ``evaluate_command`` has the
    key ``evaluate-command``."""
    return {f.name.replace("_", "-"): f for f in fields(cls)}


@cache
def _hint(cls: type, name: str) -> Any:
    """Return the evaluated annotation of the field ``name`` of the class or, if it lacks one, of
    its nearest base. AttributeError if there is none. Only the fields in use are evaluated, since
    tables omit most keys."""
    for base in cls.__mro__:
        if name in getattr(base, "__annotations__", ()):
            hint = base.__annotations__[name]
            return eval(hint, vars(sys.modules[base.__module__])) if isinstance(hint, str) else hint
    raise AttributeError(name)


class Problems:
    """Collect the faults of one file, each with its line. ``file`` is its name in messages,
    ``lines`` are as `line_numbers` returns them, and ``found`` are pairs of line and text."""

    def __init__(self, file: str, lines: dict[Where, int]) -> None:
        self.file, self.lines = file, lines
        self.found: list[tuple[int, str]] = []

    def add(self, where: Where, text: str) -> None:
        """Add a fault at ``where``, with the line of that place or of the nearest table around it
        that has one; with line 0 if there is none."""
        around = (where[:end] for end in range(len(where), -1, -1))
        line = next((self.lines[place] for place in around if place in self.lines), 0)
        self.found.append((line, text))

    def sorted(self) -> tuple[str, ...]:
        """Return the faults in the order of lines, as ``file:line: text``; first those without a
        line, as ``file: text``."""
        return tuple(
            f"{self.file}:{line}: {text}" if line else f"{self.file}: {text}"
            for line, text in sorted(self.found)
        )


def values_of(table: object, kind: type[T]) -> typing.Iterator[tuple[str, T]]:
    """Yield the key in TOML and the value for each value of the type ``kind`` in ``table``, an
    instance of a dataclass. The items of a tuple are yielded one by one."""
    for key, field in keys_of(type(table)).items():
        value = getattr(table, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, kind):
                yield key, one


def read_table(
    cls: type[T],
    table: object,
    where: Where,
    problems: Problems,
    *,
    also: Iterable[str] = (),
) -> T | None:
    """Return ``table`` as an instance of ``cls``; None if it is faulty, with the faults added to
    ``problems``: it is not a table, a key is unknown, missing or invalid, a relation does not hold,
    or ``cls`` raises ValueError.

    ``also`` are keys of the same table that are read elsewhere.
    """
    name = table_name(where)
    if not isinstance(table, dict):
        problems.add(where, f"[{name}] must be a table")
        return None
    before = len(problems.found)
    known = keys_of(cls)
    for key in table.keys() - known.keys() - set(also):
        problems.add((*where, key), f"unknown key '{key}' in [{name}]{nearest(key, known)}")
    values = read_values(cls, table, where, problems)
    for key, spec in known.items():
        if key not in table and spec.required:
            problems.add(where, f"[{name}] lacks the key '{key}'")
    _check_relations(cls, table, values, where, problems)
    if len(problems.found) > before:
        return None
    try:
        return cls(**values)
    except ValueError as error:  # a rule of a check's own, stated in its __post_init__
        problems.add(where, f"[{name}]: {error}")
        return None


def table_name(where: Where) -> str:
    """Return the name of a table for messages, without the numbers in ``where``:
    ``experiment.cpu``, ``never-do``; "" for the whole file, ``()``."""
    return ".".join(str(part) for part in where if isinstance(part, str))


def read_values(
    cls: type, table: Mapping[str, Any], where: Where, problems: Problems
) -> dict[str, Any]:
    """Return a dict from the names of fields to the valid, converted values of the known keys of
    ``table``. A problem is added for each invalid one; unknown keys are ignored."""
    values: dict[str, Any] = {}
    for key, spec in keys_of(cls).items():
        if key in table:
            try:
                hint = _hint(cls, spec.name)
                values[spec.name] = convert(hint, table[key], spec.limits or NO_LIMITS)
            except ValueError as error:
                text = f"'{key}' in [{table_name(where)}] must be {error}"
                problems.add((*where, key), text)
    return values


def _check_relations(
    cls: type, table: Mapping[str, Any], values: dict[str, Any], where: Where, problems: Problems
) -> None:
    """Add a problem for each relation of ``cls`` that does not hold; its line is that of the first
    of the relation's keys that the table states, or of the table. A relation with a key that is
    invalid, or is required and missing, is left out."""
    relations: tuple[Relation, ...] = getattr(cls, "relations", ())
    if not relations:
        return
    known = keys_of(cls)
    defaults = {spec.name: spec.default for spec in known.values() if not spec.required}
    whole = types.SimpleNamespace(**{**defaults, **values})
    invalid = {key for key in table if key in known and known[key].name not in values}
    invalid |= {key for key, spec in known.items() if spec.required and key not in table}
    for relation in relations:
        if invalid.isdisjoint(relation.keys) and (fault := relation.fault(whole)):
            stated = [(*where, key) for key in relation.keys if (*where, key) in problems.lines]
            problems.add((stated or [where])[0], f"[{table_name(where)}]: {fault}")


def convert(hint: Any, value: object, limits: Limits = NO_LIMITS) -> Any:
    """Return ``value`` as the type ``hint``, which may be a union: a list as a tuple, a number as
    int or float. If it has another type or is beyond ``limits``, raise ValueError, whose text says
    what is expected and what was found: ``a number above 0, not 'x'``."""
    for member in members(hint):
        if (converted := _as_type(member, value, limits)) is not MISSING:
            return converted
    choices = [choice for member in members(hint) for choice in _choices(member)]
    hint_text = nearest(shown(value), map(str, choices)) if choices else ""
    raise ValueError(
        f"{wanted(hint, limits)}, not {shown(_culprit(hint, value, limits))}{hint_text}"
    )


def members(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union, without None, which stands for an absent key. For any other type
    return it alone."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(arg for arg in typing.get_args(hint) if arg is not type(None))
    return (hint,)


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the values that a Literal allows; () for any other type."""
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()


def _as_type(hint: Any, value: object, limits: Limits) -> Any:
    """Return ``value`` as one type that is not a union (a list as a tuple, a text as the type
    derived from ``str``); MISSING if it has another type or is beyond the limits."""
    origin = typing.get_origin(hint)
    if origin is Literal:
        return value if value in typing.get_args(hint) else MISSING
    if origin is tuple:
        if not isinstance(value, list) or len(value) < limits.items:
            return MISSING
        items = tuple(_as_type(typing.get_args(hint)[0], item, limits) for item in value)
        return MISSING if MISSING in items else items
    if isinstance(value, bool) != (hint is bool):
        return MISSING
    if hint in (int, float) and isinstance(value, int | float):
        return _as_number(hint, value, limits)
    if issubclass(hint, str):  # a RepoPath is text too
        return hint(value) if isinstance(value, str) and limits.allow(value) else MISSING
    return value if isinstance(value, hint) else MISSING


def _as_number(hint: Any, value: float, limits: Limits) -> Any:
    """Return ``value`` as ``hint``, int or float, if it is finite and within the limits, else
    MISSING. For int, 2.0 is a whole number, as in JSON, and 2.5 is MISSING."""
    try:
        number = float(value)
    except OverflowError:  # an integer of 400 digits
        return MISSING
    if not abs(number) < float("inf") or not limits.allow(value):
        return MISSING
    if hint is float:
        return number
    return int(value) if number.is_integer() else MISSING


def _culprit(hint: Any, value: object, limits: Limits) -> object:
    """Return what a message shows of a faulty ``value``: the first invalid item if it is a list for
    the type ``hint``, else all of it."""
    (item,) = typing.get_args(hint)[:1] if typing.get_origin(hint) is tuple else (None,)
    if item is None or not isinstance(value, list):
        return value
    bad = (each for each in value if _as_type(item, each, limits) is MISSING)
    return next(bad, value)


def wanted(hint: Any, limits: Limits = NO_LIMITS) -> str:
    """Return a type with its limits in words: ``a number from 0 to 100 or 'auto'``."""
    return " or ".join(_wanted(member, limits) for member in members(hint))


def _wanted(hint: Any, limits: Limits) -> str:
    """Return one type that is not a union, with its limits in words."""
    if choices := _choices(hint):
        return f"{'one of ' if len(choices) > 1 else ''}{', '.join(map(repr, choices))}"
    shape = limits.pattern[1] if limits.pattern else ""
    if typing.get_origin(hint) is tuple:
        least = f" with at least {limits.items} item" if limits.items else ""
        plain = f"a list of {_name(typing.get_args(hint)[0])}{least}"
        return f"{plain}, each {shape}" if shape else plain
    if hint in (int, float) and limits.range:
        return f"{_NAMES[hint]} {limits.range}"
    if hint is float:
        return "a finite number"
    return f"{_name(hint)}, {shape}" if shape and issubclass(hint, str) else _name(hint)


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _name(hint: type) -> str:
    """Return the name of a type in words: ``a whole number``. A type derived from ``str`` is
    ``text``."""
    return next(_NAMES[base] for base in hint.__mro__ if base in _NAMES)


def shown(value: object) -> str:
    """Return a value as a message shows it: as Python writes it, but a truth value as ``true`` or
    ``false``; shortened to 40 characters. An integer that Python refuses to write is ``a number
    that is too long``."""
    try:
        text = str(value).lower() if isinstance(value, bool) else repr(value)
    except ValueError:  # Python refuses to write an integer of more than 4,300 digits
        return "a number that is too long"
    return text if len(text) <= 40 else text[:37] + "..."
