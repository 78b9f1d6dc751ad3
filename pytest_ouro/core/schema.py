"""Strict reading of TOML tables into frozen dataclasses: the dataclass is the format.

Every fault is collected, none is raised here, so that a person sees all of them at once.
"""

from __future__ import annotations

import re
import sys
import types
import typing
from functools import cache
from typing import Any, Literal, TypeVar, Union

from pytest_ouro.core.fast_dataclass import MISSING, Field, fields

T = TypeVar("T")
Where = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*(?:\"([^\"]+)\"|'([^']+)'|([A-Za-z0-9_-]+))\s*=")
_TRIPLE = re.compile(r"\"\"\"|'''")


def line_numbers(text: str) -> dict[Where, int]:
    """Lines (from 1) of every table header and of every ``key =`` of a TOML text.

    Keys are paths: ``("experiment", "cpu", "budget")``; the second ``[[never-do]]`` is
    ``("never-do", 1)``, and ``("never-do",)`` is the first. Keys inside inline tables have no
    entry of their own.
    """
    lines: dict[Where, int] = {}
    table: Where = ()
    counts: dict[str, int] = {}
    in_string = False
    for number, line in enumerate(text.splitlines(), start=1):
        was_in_string = in_string
        if len(_TRIPLE.findall(line)) % 2:
            in_string = not in_string
        if was_in_string:
            continue
        if header := _HEADER.match(line):
            name = header[2]
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
    """``; did you mean 'x'?`` for the most similar of ``names``, or nothing."""
    import difflib

    match = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean '{match[0]}'?" if match else ""


def option(help: str, *, default: Any = MISSING) -> Any:
    """A field of a format: ``help`` says what it means, in the reference and in the JSON schema."""
    return Field(default=default, help=help)


def keys_of(cls: type) -> dict[str, Field]:
    """The TOML keys of a dataclass: ``evaluate_command`` is written ``evaluate-command``."""
    return {f.name.replace("_", "-"): f for f in fields(cls)}


@cache
def _hint(cls: type, name: str) -> Any:
    """The annotation of one field, evaluated; most fields are never stated."""
    for base in cls.__mro__:
        if name in getattr(base, "__annotations__", ()):
            hint = base.__annotations__[name]
            return eval(hint, vars(sys.modules[base.__module__])) if isinstance(hint, str) else hint
    raise AttributeError(name)


class Problems:
    """The faults of one file, each with its line."""

    def __init__(self, file: str, lines: dict[Where, int]) -> None:
        self.file, self.lines = file, lines
        self.found: list[tuple[int, str]] = []

    def add(self, where: Where, text: str) -> None:
        line = 0
        for end in range(len(where), -1, -1):
            if where[:end] in self.lines:
                line = self.lines[where[:end]]
                break
        self.found.append((line, text))

    def sorted(self) -> tuple[str, ...]:
        return tuple(
            f"{self.file}:{line}: {text}" if line else f"{self.file}: {text}"
            for line, text in sorted(self.found)
        )


def values_of(table: object, kind: type[T]) -> typing.Iterator[tuple[str, T]]:
    """The values of one type that a table holds, alone or in lists, each with its key."""
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
    also: typing.Iterable[str] = (),
) -> T | None:
    """``table`` as a ``cls``, or None with the reasons in ``problems``.

    ``also`` names keys that belong to the same table and are read elsewhere.
    """
    name = ".".join(str(part) for part in where if isinstance(part, str))
    if not isinstance(table, dict):
        problems.add(where, f"[{name}] must be a table")
        return None
    known = keys_of(cls)
    ok = True
    for key in table.keys() - known.keys() - set(also):
        problems.add((*where, key), f"unknown key '{key}' in [{name}]{nearest(key, known)}")
        ok = False
    values: dict[str, Any] = {}
    for key, spec in known.items():
        if key in table:
            try:
                hint = _hint(cls, spec.name)  # type: ignore[arg-type] # a class can be hashed
                values[spec.name] = convert(hint, table[key])
            except ValueError as error:
                problems.add((*where, key), f"'{key}' in [{name}] must be {error}")
                ok = False
        elif spec.required:
            problems.add(where, f"[{name}] lacks the key '{key}'")
            ok = False
    if not ok:
        return None
    try:
        return cls(**values)
    except ValueError as error:  # a rule between keys, stated in __post_init__
        problems.add(where, f"[{name}]: {error}")
        return None


def convert(hint: Any, value: object) -> Any:
    """``value`` as the annotated type; ValueError names the type that was wanted."""
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        wanted = []
        for option in typing.get_args(hint):
            try:
                return convert(option, value)
            except ValueError as error:
                wanted.append(str(error).split(", not ")[0])
        wanted = [w for w in wanted if w != "nothing"]
        raise ValueError(f"{' or '.join(wanted)}, not {shown(value)}")
    if hint is type(None):
        raise ValueError("nothing")
    if origin is Literal:
        choices = typing.get_args(hint)
        if value in choices:
            return value
        hint_text = nearest(str(value), map(str, choices))
        raise ValueError(f"one of {', '.join(map(repr, choices))}, not {shown(value)}{hint_text}")
    if origin is tuple:
        (item, _) = typing.get_args(hint)
        if not isinstance(value, list):
            raise ValueError(f"a list of {_name(item)}, not {shown(value)}")
        try:
            return tuple(convert(item, element) for element in value)
        except ValueError as error:
            raise ValueError(f"a list: each item {error}") from None
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) != (hint is bool) or not isinstance(value, hint):
        if issubclass(hint, str) and isinstance(value, str):
            return hint(value)  # such as a RepoPath
        raise ValueError(f"{_name(hint)}, not {shown(value)}")
    if hint is float and not abs(value) < float("inf"):
        raise ValueError(f"a finite number, not {shown(value)}")
    return value


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _name(hint: type) -> str:
    """What a type is called; one derived from ``str`` is text."""
    return next(_NAMES[base] for base in hint.__mro__ if base in _NAMES)


def shown(value: object) -> str:
    """A value as a person wrote it, shortened."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
