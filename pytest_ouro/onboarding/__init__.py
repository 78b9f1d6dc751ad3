"""Write bound.toml for an existing project: find the experiment, read the rules that people state,
choose a check for each, and render the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The value of a check's parameter in TOML.
Value = str | bool | int | float | list[str]


@dataclass(frozen=True)
class Statement:
    """One rule as a person states it in ``words``, with the check that is chosen for it and the
    parameters of the check. ``section`` is its table in bound.toml, such as ``never-do``.
    ``reason`` says why the rule only warns, is for people, or is not guarded in full; else it is
    ""."""

    section: str
    id: str
    words: str
    check: str
    params: Mapping[str, Value] = field(default_factory=dict)
    severity: Literal["error", "warn"] = "error"
    reason: str = ""


def slug(text: str) -> str:
    """Return ``text`` in lower case as words of a-z and 0-9 joined by ``-``; "" if it has none."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def stem(path: str) -> str:
    """Return the `slug` of a path's name up to its first dot, for use in an id: ``prepare`` for
    ``src/prepare.py``, ``data`` for ``data/``, ``env`` for ``.env``. If that is "", return the slug
    of the whole path, and ``files`` if that is "" too."""
    name = path.rstrip("/*").rpartition("/")[2]
    return slug(name.lstrip(".").partition(".")[0]) or slug(path) or "files"
