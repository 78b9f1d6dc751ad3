"""Read the messages that a child reports, in which a script may have written anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The largest number of findings kept for one run, and of entries of a reported table.
MOST = 20


def number(message: Mapping[str, object], name: str) -> float:
    """Return the number ``name`` of a message, which may be written as text; KeyError if it is
    missing, TypeError or ValueError if it is not a number."""
    value = message[name]
    if not isinstance(value, (int, float, str)):
        raise TypeError(f"{name} is not a number")
    return float(value) if isinstance(value, str) else value


def texts(message: Mapping[str, object], name: str) -> list[str]:
    """Return the elements of the list ``name`` of a message, each converted to text; KeyError if it
    is missing, TypeError if it is not a list."""
    value = message[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is not a list")
    return list(map(str, value))


def strings(message: Mapping[str, object], *names: str) -> dict[str, str]:
    """Return a dict of the given keys of a message with their values as text; KeyError if one is
    missing."""
    return {name: str(message[name]) for name in names}


def cut(reported: object) -> dict[str, str]:
    """Return the first ``MOST`` entries of a dict as texts, each name cut to 40 characters and
    each value to 16; {} for anything but a dict. They are the digests of random generators that a
    script reports; it may report anything."""
    entries = list(reported.items())[:MOST] if isinstance(reported, dict) else []
    return {str(name)[:40]: str(digest)[:16] for name, digest in entries}
