"""The options of a call of ``pytest-ouro audit``."""

from __future__ import annotations

from typing import Literal

from pytest_ouro.core.fast_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of an audit; an empty value means that the fact is inferred. ``subject`` is a
    revision, a range, a pull request, a folder or a git directory ("": the current folder)."""

    subject: str = ""
    ledger: str = ""
    editable: tuple[str, ...] = ()
    harness: tuple[str, ...] = ()
    metric: str = ""
    direction: Literal["", "lower", "higher"] = ""
