"""The kinds of a record's fields: what a field may hold in words, as a test, and how it is
converted."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pytest_ouro.core.fast_dataclass import field, fields
from pytest_ouro.evidence.records.reasons import RECORDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


class Kind(NamedTuple):
    """What a field of a record may hold, as JSON. ``words`` describe the allowed values, ``holds``
    returns whether a value is allowed, and ``convert``, unless None, makes the attribute from the
    value. ``nullable`` is whether null is allowed, for an unknown value."""

    words: str
    holds: Callable[[Any], bool]
    convert: Callable[[Any], Any] | None = None
    nullable: bool = False

    def or_null(self) -> Kind:
        """Return a copy of this kind that also allows null. Raise AssertionError if the kind has a
        ``convert``."""
        assert self.convert is None
        return self._replace(
            words=f"{self.words} or null",
            holds=lambda value: value is None or self.holds(value),
            nullable=True,
        )


def _like(pattern: str, words: str) -> Kind:
    """Return the kind of texts that the regular expression ``pattern`` matches whole, described by
    ``words``."""
    whole = re.compile(pattern, re.ASCII)
    return Kind(words, lambda value: isinstance(value, str) and bool(whole.fullmatch(value)))


def _hex(words: str, *digits: int) -> Kind:
    """Return the kind of texts of hexadecimal digits in lower case, described by ``words``;
    ``digits`` are the numbers of digits that they may have."""

    def holds(value: object) -> bool:
        """Return whether a value is a text of lower-case hex digits, as many as one of
        ``digits``."""
        return isinstance(value, str) and len(value) in digits and not value.strip(hexadecimal)

    hexadecimal = "0123456789abcdef"
    return Kind(words, holds)


def _one_of(*choices: str) -> Kind:
    """Return the kind of texts that are one of ``choices``."""
    *others, last = (f"'{choice}'" for choice in choices)
    return Kind(
        f"{', '.join(others)} or {last}",
        lambda value: isinstance(value, str) and value in choices,
    )


def _list_of(kind: Kind, words: str) -> Kind:
    """Return the kind of lists whose items are all of ``kind``, described by ``words``. The
    attribute becomes a tuple."""
    return Kind(
        words,
        lambda value: isinstance(value, list) and all(kind.holds(item) for item in value),
        tuple,
    )


def _is_number(value: Any) -> bool:
    """Return whether ``value`` is an int or a float, also NaN or infinity; False for a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    """Return whether ``value`` is an int from 0 to 2**53 - 1; False for a bool."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


TEXT = Kind("text", lambda value: isinstance(value, str))
TABLE = Kind("a table", lambda value: isinstance(value, dict))
TEXT_TABLE = Kind(
    "a table of texts",
    lambda value: isinstance(value, dict) and all(map(TEXT.holds, value.values())),
)
COUNT_TABLE = Kind(
    "a table of whole numbers",
    lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
)
NUMBER_TABLE = Kind(
    "a table of numbers",
    lambda value: isinstance(value, dict) and all(map(_is_number, value.values())),
)
TEXTS = _list_of(TEXT, "a list of texts")
TABLES = _list_of(TABLE, "a list of tables")
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind("a whole number, 0 or more", _is_count)
SHOWN_DECIMALS = Kind(  # as in bound.toml
    "a whole number from 0 to 15", lambda value: _is_count(value) and value <= 15
)
NUMBER = Kind("a number", _is_number)
RUN = _hex("12 hexadecimal digits", 12)
COMMIT = _hex("the full id of a commit", 40, 64)
TRUST = _hex("the id of a commit", *range(65))
DIGEST = _hex("a sha256, or empty", 0, 64)
TIME = _like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.:Z+-]{0,16}", "a time, ISO 8601")
LEVEL = _one_of("claimed", "supervised", "judged", "sandboxed")
TRIED_REF = _like(r"|refs/ouro/tried/[0-9]{1,16}", "a ref in refs/ouro/tried/")
EVENT = _one_of("started", "finished")
STATEMENT_EVENT = _one_of("certificate", "confirmation", "calibration", "ablation", "look")
STATEMENT_RESULT = _one_of(
    *("stated", "granted", "not-granted", "confirmed", "refuted", "undecided", "measured")
)
PURPOSE = _one_of("search", "reference", "pair", "placebo", "calibrate")
STATUS = _one_of("keep", "discard", "crash")
OUTCOME = _one_of(
    *("ok", "crash", "oom", "nan", "timeout", "breach", "interrupted", "lost", "not-started")
)
DIRECTION = _one_of("lower", "higher")
REASON = Kind(
    f"one of {', '.join(RECORDED)}",
    lambda value: isinstance(value, str) and value in RECORDED,
    lambda value: RECORDED[value],
)


class About(NamedTuple):
    """What is stated about a record's field: its kind, meaning and unit ("": none), its ``key`` in
    a line of the journal ("": the attribute's name), and the format's version that introduced
    it."""

    kind: Kind
    meaning: str
    key: str = ""
    unit: str = ""
    since: int = 1


class Key(NamedTuple):
    """One key of a journal line: the attribute that has its value, whether every line must have it,
    and what is stated about it."""

    attribute: str
    required: bool
    about: About


def about(kind: Kind, meaning: str, **facts: Any) -> Mapping[str, About]:
    """Return the ``metadata`` to pass to `dataclasses.field` for an attribute of this kind and
    meaning; ``facts`` are further attributes of `About`."""
    return {"about": About(kind, meaning, **facts)}


def optional(default: T, kind: Kind, meaning: str, **facts: Any) -> T:
    """Return a dataclass field with this default, kind and meaning, for an attribute that a journal
    line may lack; ``facts`` are further attributes of `About`. (Its declared type is that of the
    default, as for `dataclasses.field`.)"""
    return field(default=default, metadata=about(kind, meaning, **facts))


def keys_of(cls: type) -> dict[str, Key]:
    """Return the keys that a journal line may have for a record of class ``cls``, by name, in the
    order of the attributes."""
    return _keys(cls)


@cache  # a cached function cannot be called directly: mypy does not take these classes as hashable
def _keys(cls: type) -> dict[str, Key]:
    """Return the keys of a journal line for a record of class ``cls``, by name; cached."""
    keys = [
        Key(known.name, known.required, known.metadata["about"])
        for known in fields(cls)
        if "about" in known.metadata
    ]
    return {key.about.key or key.attribute: key for key in keys}
