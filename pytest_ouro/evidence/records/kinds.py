"""What the fields of a record may hold: each kind in words, as a test and as a conversion."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ouro.core.fast_dataclass import fields
from pytest_ouro.evidence.records.reasons import RECORDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Kind(NamedTuple):
    """``words`` say what a field may hold, ``holds`` tests a JSON value, ``convert`` makes it the
    attribute's value where that is another. ``nullable``: null stands for what is not known."""

    words: str
    holds: Callable[[Any], bool]
    convert: Callable[[Any], Any] | None = None
    nullable: bool = False

    def or_null(self) -> Kind:
        """The same kind, or null."""
        assert self.convert is None
        return self._replace(
            words=f"{self.words} or null",
            holds=lambda value: value is None or self.holds(value),
            nullable=True,
        )


def _like(pattern: str, words: str) -> Kind:
    whole = re.compile(pattern, re.ASCII)
    return Kind(words, lambda value: isinstance(value, str) and bool(whole.fullmatch(value)))


def _one_of(*choices: str) -> Kind:
    *others, last = (f"'{choice}'" for choice in choices)
    return Kind(
        f"{', '.join(others)} or {last}",
        lambda value: isinstance(value, str) and value in choices,
    )


def _list_of(kind: Kind, words: str) -> Kind:
    return Kind(
        words,
        lambda value: isinstance(value, list) and all(kind.holds(item) for item in value),
        tuple,
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


TEXT = Kind("text", lambda value: isinstance(value, str))
TABLE = Kind("a table", lambda value: isinstance(value, dict))
TEXT_TABLE = Kind(
    "a table of texts",
    lambda value: isinstance(value, dict) and all(map(TEXT.holds, value.values())),
)
TEXTS = _list_of(TEXT, "a list of texts")
TABLES = _list_of(TABLE, "a list of tables")
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind("a whole number, 0 or more", _is_count)
NUMBER = Kind("a number", lambda v: isinstance(v, (int, float)) and not isinstance(v, bool))
RUN = _like(r"[0-9a-f]{12}", "12 hexadecimal digits")
COMMIT = _like(r"[0-9a-f]{40}|[0-9a-f]{64}", "the full id of a commit")
TRUST = _like(r"[0-9a-f]{0,64}", "the id of a commit")
DIGEST = _like(r"|[0-9a-f]{64}", "a sha256, or empty in the first line")
TIME = _like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.:Z+-]{0,16}", "a time, ISO 8601")
LEVEL = _like(r"[a-z]{1,20}", "a level")
TRIED_REF = _like(r"|refs/ouro/tried/[0-9]{1,16}", "a ref in refs/ouro/tried/")
EVENT = _one_of("started", "finished")
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
    """What the format says of a field: its kind, its meaning, its key where that is not the
    attribute's name, its unit, and the version that brought it."""

    kind: Kind
    meaning: str
    key: str
    unit: str
    since: int


class Key(NamedTuple):
    """One key of a line: the attribute that holds it, and whether every line has it."""

    attribute: str
    required: bool
    about: About


def about(
    kind: Kind, meaning: str, *, key: str = "", unit: str = "", since: int = 1
) -> Mapping[str, About]:
    """The metadata of a field."""
    return {"about": About(kind, meaning, key, unit, since)}


def keys_of(cls: type) -> dict[str, Key]:
    """The keys of a line, by the class of its record."""
    return _keys(cls)


@cache
def _keys(cls: type) -> dict[str, Key]:
    keys = [
        Key(made.name, made.required, made.metadata["about"])
        for made in fields(cls)
        if "about" in made.metadata
    ]
    return {key.about.key or key.attribute: key for key in keys}
