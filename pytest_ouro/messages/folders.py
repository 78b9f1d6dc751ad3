"""Errors of the folders that the project needs for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError

if TYPE_CHECKING:
    from pathlib import Path


def unusable_folder(folder: Path | str, why: str) -> ExperimentError:
    """The path of the cache folder is not absolute, or the operating system refuses to tell whether
    a folder that a run writes to exists, or how much room its disk has."""
    return ExperimentError(
        f"{folder} cannot be used: {why}",
        help="set XDG_CACHE_HOME to a folder of yours, for what pytest-ouro keeps in a cache",
    )
