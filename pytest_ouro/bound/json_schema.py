"""Make the JSON Schema of bound.toml, for editors, from the dataclasses that validate it."""

from __future__ import annotations

import typing
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pytest_ouro.bound.guards import GUARD, Guard
from pytest_ouro.bound.night import NIGHT, Night
from pytest_ouro.bound.profiles import DEVICES
from pytest_ouro.bound.read import SECTIONS
from pytest_ouro.bound.tables import (
    KINDS,
    OPTIONAL,
    PER_DEVICE,
    Experiment,
    RuleKeys,
    Title,
    VerdictRule,
)
from pytest_ouro.checks import CHECKS, load
from pytest_ouro.core.schema import NO_LIMITS, keys_of, members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.core.fast_dataclass import Field
    from pytest_ouro.core.schema import Limits, Relation

#: A JSON Schema, an object of JSON.
Schema = dict[str, object]


def schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of bound.toml. A rule with a check that is not
    pytest-ouro's own may have any further keys."""
    rule = {"$ref": "#/$defs/rule"}
    known, verdict = _properties(Experiment), _properties(VerdictRule)
    per_device = {key: known[key] for key in PER_DEVICE}
    profiles = {device: _closed(per_device, f"on the {device} profile") for device in DEVICES}
    verdicts = {device: _closed(verdict, device) for device in DEVICES}
    kinds = {"oneOf": [_kind(kind) for kind in KINDS]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bound.toml",
        "description": "The rules of an experiment loop, judged by pytest-ouro",
        "type": "object",
        "properties": {
            "bound": table(Title),
            "experiment": {**table(Experiment, profiles), **kinds},
            "verdict": table(VerdictRule, verdicts),
            NIGHT: table(Night),
            GUARD: {"type": "array", "items": table(Guard)},
            **{section: {"type": "array", "items": rule} for section in SECTIONS},
        },
        "required": ["experiment"],
        "additionalProperties": False,
        "$defs": {"rule": _rule()},
    }


def table(cls: type, also: Mapping[str, Schema] = MappingProxyType({})) -> Schema:
    """Return the schema of the TOML table that a dataclass describes. It allows the keys of the
    dataclass and those of ``also``, and no others, requires the keys without a default, and states
    the relations between keys that JSON Schema can express."""
    found = _closed({**_properties(cls), **also})
    if required := _required(cls):
        found["required"] = required
    relations: tuple[Relation, ...] = getattr(cls, "relations", ())
    if schemas := [relation.schema for relation in relations if relation.schema]:
        found["allOf"] = schemas
    return found


def _properties(cls: type) -> dict[str, Schema]:
    """Return the schema of each key of the TOML table that a dataclass describes."""
    hints = typing.get_type_hints(cls)
    return {key: _property(hints[field.name], field) for key, field in keys_of(cls).items()}


def _required(cls: type) -> list[str]:
    """Return the keys that the TOML table of a dataclass must have: those without a default."""
    return [key for key, field in keys_of(cls).items() if field.required]


def _kind(kind: tuple[str, ...]) -> Schema:
    """Return the schema for one kind of experiment: it requires the keys in ``kind`` (those of a
    script or those of a command) except for optional ones, and forbids the keys of the other
    kind."""
    others = [key for other in KINDS if other != kind for key in other]
    required = [key for key in kind if key not in OPTIONAL]
    return {"required": required, "properties": dict.fromkeys(others, False)}


def _closed(properties: Mapping[str, Schema], description: str = "") -> Schema:
    """Return the schema of an object with these properties and no others; ``description`` is added
    unless it is ""."""
    about = {"description": description} if description else {}
    return {"type": "object", "properties": properties, **about, "additionalProperties": False}


def _rule() -> Schema:
    """Return the schema of a rule: the keys of every rule, and for each of pytest-ouro's checks its
    own parameters and no others. The check ``human`` also requires ``reason``."""
    common = _properties(RuleKeys)
    cases = []
    for name in CHECKS:
        check = load(name)
        properties = {**dict.fromkeys(common, True), **_properties(check)}
        then: Schema = {"properties": properties, "additionalProperties": False}
        if required := ["reason"] if check.stage == "human" else _required(check):
            then["required"] = required
        cases.append({"if": {"properties": {"check": {"const": name}}}, "then": then})
    return {
        "type": "object",
        "properties": common,
        "required": _required(RuleKeys),
        "allOf": cases,
    }


def _property(hint: Any, field: Field) -> Schema:
    """Return the schema of one key: the type ``hint`` with the field's limits, its help as
    description, and its default unless that is empty."""
    options = [_type(member, field.limits or NO_LIMITS) for member in members(hint)]
    kind = options[0] if len(options) == 1 else {"anyOf": options}
    found = {**kind, "description": field.help}
    default = field.default
    if not field.required and default not in (None, "", ()):
        found["default"] = list(default) if isinstance(default, tuple) else default
    return found


def _type(hint: Any, limits: Limits) -> Schema:
    """Return the schema of the type ``hint``, which is not a union, with its limits. The type is a
    Literal, a text, a bool, a number, or a tuple, which is a list in TOML and whose items have the
    limits too."""
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    if typing.get_origin(hint) is tuple:
        items: Schema = {"type": "array", "items": _type(typing.get_args(hint)[0], limits)}
        return {**items, "minItems": limits.items} if limits.items else items
    if issubclass(hint, str):
        text: Schema = {"type": "string"}
        return {**text, "pattern": f"^(?:{limits.pattern[0]})$"} if limits.pattern else text
    if hint is bool:
        return {"type": "boolean"}
    numbers = {
        "minimum": limits.min,
        "maximum": limits.max,
        "exclusiveMinimum": limits.above,
        "exclusiveMaximum": limits.below,
    }
    stated = {key: value for key, value in numbers.items() if value is not None}
    return {"type": "integer" if hint is int else "number", **stated}
