"""Errors of bound.toml. If it was read from trust, the help is how to replace the trusted rules."""

from __future__ import annotations

from pytest_ouro.core.errors import BoundError


def too_long(file: str, size: int, most: int, remedy: str = "") -> BoundError:
    """bound.toml has ``size`` bytes, more than ``most``. The help is ``remedy`` if it is not ""."""
    return BoundError(
        (f"{file}: {size} bytes; a bound has at most {most}",),
        help=remedy or "keep only tables and rules in it",
    )


def not_utf8(file: str, line: int, remedy: str = "") -> BoundError:
    """bound.toml, or the file of a policy, has bytes that are not UTF-8, the first of them in line
    ``line``. The help is ``remedy`` if it is not ""."""
    return BoundError((f"{file}:{line}: not UTF-8",), help=remedy or "save the file as UTF-8")


def not_toml(file: str, reason: str, remedy: str = "") -> BoundError:
    """bound.toml, or the file of a policy, is not valid TOML; ``reason`` is the parser's. The help
    is ``remedy`` if it is not ""."""
    return BoundError(
        (f"{file}: not TOML: {reason}",),
        help=remedy or "fix the syntax at that place (https://toml.io)",
    )


def newer_bound(file: str, version: int, known: int, remedy: str = "") -> BoundError:
    """bound.toml states a later version of its format than ``known``, the latest that this
    pytest-ouro knows. The help is ``remedy`` if it is not ""."""
    return BoundError(
        (f"{file} is for a later pytest-ouro: its version is {version}, {known} is known here",),
        help=remedy or "pip install --upgrade pytest-ouro",
    )


def faulty(problems: tuple[str, ...], remedy: str = "") -> BoundError:
    """Keys, values or rules in bound.toml, or in the file of a policy, are wrong. Each problem has
    the form ``file:line: text``. The help is ``remedy`` if it is not ""."""
    return BoundError(
        problems,
        help=remedy
        or "fix each line that is named; pytest-ouro bless names the faults that are left",
    )
