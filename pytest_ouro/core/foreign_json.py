"""Take the parts of JSON that another program wrote: what has another form counts as absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def table(value: object, *names: str) -> Mapping[str, object]:
    """Return ``value``, or what the keys ``names`` lead to in it, one below the other, if that is a
    JSON object; {} if it is absent or of another type."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def tables(value: object, *names: str) -> list[Mapping[str, object]]:
    """Return the JSON objects in a list: ``value``, or what the keys ``names`` lead to in it, one
    below the other. Items that are not objects are left out; [] if there is no list."""
    found = table(value, *names[:-1]).get(names[-1]) if names else value
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
