"""Read TOML tables strictly into frozen dataclasses, which define the format. All faults are
collected, so that a person sees them at once."""

from __future__ import annotations

import datetime
import re
import sys
import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

from pytest_ouro.core.errors import nearest
from pytest_ouro.core.fast_dataclass import MISSING, Field, dataclass, fields
from pytest_ouro.core.problems import table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_ouro.core.problems import Problems, Where

    _Table = Mapping[str, object]

T = TypeVar("T")

#: Patterns of texts, each with its meaning in words; the whole text must match.
FILLED = (r"[\s\S]*\S[\s\S]*", "not empty")
ID = (r"[a-z0-9]+(-[a-z0-9]+)*", "words of a-z and 0-9 with `-` between")
NAME = (r"[^\s:=\x00-\x1f\x7f-\x9f]+", "a name without spaces, colons and `=`")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a value must satisfy, besides its type.

    For numbers: ``min`` and ``max`` (inclusive), ``above`` and ``below`` (exclusive). For a text,
    and each text of a list: ``pattern``, a pair of a regular expression for the whole text and the
    meaning of that expression in words. For a list: at least ``items`` items.
    """

    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None
    pattern: tuple[str, str] | None = None
    items: int = 0

    def allow(self, value: float | str) -> bool:
        """Return whether a number meets ``min``, ``max``, ``above`` and ``below``, or a text as a
        whole matches ``pattern``. A limit that is None is met."""
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
        """The limits of a number in words, as in "from 0 to 100" or "above 0, at most 5"; ""
        without limits."""
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
    """Return a dataclass field for a key of a TOML table: ``help`` says what the key means,
    ``limits`` are attributes of `Limits`.

    Validation, messages, the reference and the JSON Schema use them. The default is not validated:
    it may be a value that no table can state, such as None for an absent key.
    """
    return Field(default=default, help=help, limits=Limits(**limits) if limits else NO_LIMITS)


@dataclass(frozen=True)
class Relation:
    """A condition on one or more ``keys`` of a TOML table, which ``rule`` states in words; a
    dataclass lists its conditions in ``relations``.

    ``fault`` takes an object whose attributes are the table's values, named as the fields, and
    returns a message, or "" if the condition holds. ``schema`` is the condition as JSON Schema
    (None: not expressible).
    """

    keys: tuple[str, ...]
    rule: str
    fault: Callable[[Any], str]
    schema: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Retired:
    """Keys of a TOML table that an earlier version knew; a dataclass lists them in ``retired``.
    ``instead`` takes the table as parsed, and returns what to write in their place."""

    keys: tuple[str, ...]
    instead: Callable[[_Table], str]


def retired_key(cls: type, key: str, table: _Table, name: str) -> str:
    """Return the message about a ``key`` of ``table``, the TOML table called ``name``, that
    ``cls.retired`` lists; "" for any other key."""
    retired: tuple[Retired, ...] = getattr(cls, "retired", ())
    found = [one.instead(table) for one in retired if key in one.keys]
    return f"'{key}' in [{name}] is gone: {found[0]}" if found else ""


def demand_relations(table: object) -> None:
    """Raise ValueError, with all messages, if a relation of the dataclass instance ``table`` does
    not hold; otherwise, or if it has no relations, return."""
    relations: tuple[Relation, ...] = getattr(table, "relations", ())
    if faults := [fault for relation in relations if (fault := relation.fault(table))]:
        raise ValueError("; ".join(faults))


def keys_of(cls: type) -> Mapping[str, Field]:
    """Return the fields of a dataclass by TOML key: the field ``evaluate_command`` has the key
    ``evaluate-command``."""
    return _keys_of(cls)


@cache
def _keys_of(cls: type) -> Mapping[str, Field]:
    """Compute the result of `keys_of`, once for each class."""
    return {f.name.replace("_", "-"): f for f in fields(cls)}


@cache
def _hint(cls: type, name: str) -> Any:
    """Return the type of the field ``name``, from the annotations of the class or of its nearest
    base that has one. An annotation is evaluated only here, when its field is in use, to save time.
    Raise AttributeError if there is none."""
    for base in cls.__mro__:
        if name in getattr(base, "__annotations__", ()):
            hint = base.__annotations__[name]
            return eval(hint, vars(sys.modules[base.__module__])) if isinstance(hint, str) else hint
    raise AttributeError(name)


def values_of(table: object, kind: type[T]) -> typing.Iterator[tuple[str, T]]:
    """Yield the TOML key and the value for each value of type ``kind`` in the dataclass instance
    ``table``. The items of a tuple are yielded one by one."""
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
    """Convert a TOML table at the place ``where`` to an instance of ``cls``. Return None, with
    the faults added to ``problems``, if it is not a table, a key is unknown, missing or invalid,
    a relation does not hold, or ``cls`` raises ValueError.

    ``also`` are keys of the same table that are allowed, and read elsewhere.
    """
    name = table_name(where)
    if not isinstance(table, dict):
        problems.add(where, f"[{name}] must be a table")
        return None
    before = len(problems.found)
    known = keys_of(cls)
    for key in table.keys() - known.keys() - set(also):
        text = f"unknown key '{key}' in [{name}]{nearest(key, known)}"
        problems.add((*where, key), retired_key(cls, key, table, name) or text)
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


def read_values(cls: type, table: _Table, where: Where, problems: Problems) -> dict[str, object]:
    """Return the valid values in ``table``, converted, by the names of the fields of ``cls``. Add a
    problem for each invalid one; ignore unknown keys."""
    values: dict[str, object] = {}
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
    cls: type, table: _Table, values: _Table, where: Where, problems: Problems
) -> None:
    """Add a problem for each relation of ``cls`` that does not hold, with the line of its first key
    that the table states, or of the table. ``table`` is the table as TOML read it, ``values`` are
    its valid values, converted, by field name. Relations with a key that is invalid, or required
    and missing, are not checked."""
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
    """Return ``value`` converted to the type ``hint`` or, if that is a union, to its first type
    that fits: a list to a tuple, a number to int or float. Raise ValueError if no type fits or
    ``limits`` are not met. The text of the error is what was expected and found, as in
    ``a number above 0, not 'x'``."""
    for member in members(hint):
        if (converted := _as_type(member, value, limits)) is not MISSING:
            return converted
    choices = [choice for member in members(hint) for choice in _choices(member)]
    hint_text = nearest(shown(value), map(str, choices)) if choices else ""
    raise ValueError(
        f"{wanted(hint, limits)}, not {shown(_culprit(hint, value, limits))}{hint_text}"
    )


def members(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union, without None, which stands for an absent key; a tuple of
    ``hint`` alone if it is not a union."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(arg for arg in typing.get_args(hint) if arg is not type(None))
    return (hint,)


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the values of a Literal; () for any other type."""
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()


def _as_type(hint: Any, value: object, limits: Limits) -> Any:
    """Return ``value`` converted to a type that is not a union (a list to a tuple, a text to the
    subclass of ``str``, a number to int or float); MISSING if it does not fit or ``limits`` are not
    met."""
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
    """Return ``value`` as int or float (``hint``); MISSING if it is not finite or ``limits`` are
    not met. For int, 2.0 becomes 2, and 2.5 is MISSING."""
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
    """Return the part of an invalid ``value`` to show in a message: the first invalid item of a
    list, if ``hint`` is a tuple; otherwise all of it."""
    (item,) = typing.get_args(hint)[:1] if typing.get_origin(hint) is tuple else (None,)
    if item is None or not isinstance(value, list):
        return value
    bad = (each for each in value if _as_type(item, each, limits) is MISSING)
    return next(bad, value)


def wanted(hint: Any, limits: Limits = NO_LIMITS) -> str:
    """Return a type and its limits in words, as in ``a number from 0 to 100 or 'auto'``."""
    return " or ".join(_wanted(member, limits) for member in members(hint))


def _wanted(hint: Any, limits: Limits) -> str:
    """Return a type that is not a union, and its limits, in words."""
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
    """Return str, int, float or bool in words, as in ``a whole number``; a subclass of ``str`` is
    ``text``, too."""
    return next(_NAMES[base] for base in hint.__mro__ if base in _NAMES)


def shown(value: object) -> str:
    """Return a value as messages show it: its repr, cut to 40 characters; ``true`` or ``false`` for
    a bool, a date or time in ISO 8601, and ``a number that is too long`` for an integer that Python
    refuses to write."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    try:
        text = str(value).lower() if isinstance(value, bool) else repr(value)
    except ValueError:  # Python refuses to write an integer of more than 4,300 digits
        return "a number that is too long"
    return text if len(text) <= 40 else text[:37] + "..."
