"""A line of the journal: what every record states of its line, and the conversion to and from
JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pytest_ouro.core.fast_dataclass import dataclass, field
from pytest_ouro.evidence.records.kinds import (
    COUNT,
    DIGEST,
    EVENT,
    TIME,
    about,
    keys_of,
    optional,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.evidence.records.kinds import Key

#: The version of the lines that are written now. Lines without one are of version 1.
VERSION = 4

Event = Literal[
    "started",
    "measured",
    "finished",
    "certificate",
    "confirmation",
    "calibration",
    "ablation",
    "look",
]
T = TypeVar("T", bound="Line")


class NewerVersion(ValueError):
    """Raised for a journal line that a later version of this program wrote."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What each record states of its line: how it is chained to the line before, which kind of
    record it is, and when it was written."""

    prev: str = optional("", DIGEST, "sha256 of the line before; empty in the first")
    seq: int | None = optional(None, COUNT, "number of the line; it only grows")
    event: Event = optional("started", EVENT, "which kind of line it is")
    version: int = optional(VERSION, COUNT, "version of the format; without it, 1", since=2)
    time: str = field(metadata=about(TIME, "when the line was written, UTC"))
    #: Keys that this version does not know; they are written back as they were read.
    unknown: Mapping[str, object] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The id of the run or the plan that the line is about; "" if it is about none."""
        return ""

    @classmethod
    def family(cls) -> Mapping[str, Key]:
        """Return the keys, by name, whose values are checked when a line of this kind is read. They
        are the keys of the record itself; all records of a run share those of a finished line."""
        return keys_of(cls)

    def to_json(self) -> dict[str, object]:
        """Return the record as the JSON object of its line, with the unknown keys. An attribute
        that is None is left out, unless its kind allows null."""
        table: dict[str, object] = {}
        for key, known in keys_of(type(self)).items():
            value = getattr(self, known.attribute)
            if value is not None or known.about.kind.nullable:
                table[key] = list(value) if isinstance(value, tuple) else value
        return {**table, **self.unknown}

    @classmethod
    def from_json(cls: type[T], table: Mapping[str, object]) -> T:
        """Return the record of a line's JSON object. Raise ValueError, which says why, if it is
        invalid, and NewerVersion if a later version wrote it."""
        keys, every = keys_of(cls), cls.family()
        for key, known in keys.items():
            if known.required and key not in table:
                raise ValueError(f"it lacks '{key}'")
        values: dict[str, Any] = {"version": 1}  # of the kinds that the keys demand
        unknown: dict[str, object] = {}
        for key, value in table.items():
            kind = every[key].about.kind if key in every else None
            if kind and not kind.holds(value):
                raise ValueError(f"'{key}' must be {kind.words}")
            if kind and key in keys:
                values[keys[key].attribute] = kind.convert(value) if kind.convert else value
            else:
                unknown[key] = value
        if values["version"] > VERSION:
            raise NewerVersion(f"its version is {values['version']}, and {VERSION} is known here")
        return cls(**values, unknown=unknown)

    if not TYPE_CHECKING:  # users' tests may ask for keys; type checkers refuse it in our code

        def __getitem__(self, key: str) -> object:
            """Return the value of a key of the line. Raise KeyError if the line lacks it."""
            return self.to_json()[key]


#: Attributes of the line itself, which each record of a run has for itself.
OWN = ("prev", "seq", "event", "version", "time")
