"""From an existing project to its bound.toml: what the project says of itself, its rules in
people's words, the checks that judge them, and the text of the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_ouro.core.errors import OuroError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A parameter of a check, as TOML has it.
Value = str | bool | int | float | list[str]


class ProjectError(OuroError):
    """The project does not say something that its bound needs, or says it twice."""


@dataclass(frozen=True)
class Statement:
    """One rule as a person states it, and the check that judges it."""

    section: str
    id: str
    words: str
    check: str
    params: Mapping[str, Value] = field(default_factory=dict)
    severity: Literal["error", "warn"] = "error"
    reason: str = ""


def slug(text: str) -> str:
    """``text`` as words of a-z and 0-9 with ``-`` between; "" where it has none."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def stem(path: str) -> str:
    """What a path is called in an id: ``src/prepare.py`` is ``prepare``, ``data/`` is ``data``."""
    name = path.rstrip("/*").rpartition("/")[2]
    return slug(name.lstrip(".").partition(".")[0]) or slug(path) or "files"
