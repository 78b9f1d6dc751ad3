"""Parse TOML with the same result on every supported Python."""

from __future__ import annotations

import re
import sys

from pytest_ouro.core import limits

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: A quoted text in one line; the rest of the line if it is not closed.
_TEXT = r"""\"(?:[^\"\\]|\\.)*\"?|'[^']*'?"""


def loads(text: str) -> dict[str, object]:
    """Parse a TOML text, which may begin with a byte order mark, to a dict. Raise ValueError if it
    is invalid, nested too deeply, or has a dotted key of more than `limits.KEY_PARTS` parts."""
    text = text.removeprefix("\ufeff")  # some editors write one
    if any(line.count(".") > limits.KEY_PARTS and _has_deep_key(line) for line in text.split("\n")):
        raise ValueError(f"a key has more than {limits.KEY_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def table(value: object) -> dict[str, object]:
    """Return ``value``, a part of a parsed TOML text, unchanged if it is a table (a dict). Raise
    TypeError otherwise."""
    if not isinstance(value, dict):
        raise TypeError("not a table")
    return value


def array(value: object) -> list[object]:
    """Return ``value``, a part of a parsed TOML text, unchanged if it is an array (a list). Raise
    TypeError otherwise."""
    if not isinstance(value, list):
        raise TypeError("not an array")
    return value


def _has_deep_key(line: str) -> bool:
    """Return whether a line seems to have a dotted key of more than `limits.KEY_PARTS` parts, for
    which the parser would take too long. A quoted text counts as one part."""
    parts = 0
    for part in re.sub(_TEXT, "x", line).split("."):
        parts = parts + 1 if re.fullmatch(r"\s*[\w-]+\s*", part) else 0
        if parts > limits.KEY_PARTS:
            return True
    return False


__all__ = ["array", "loads", "table"]
