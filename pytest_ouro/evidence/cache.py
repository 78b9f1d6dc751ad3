"""The folder of our files that can be made again: locks, and the working trees of runs."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.messages import folders as messages


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/pytest-ouro``, or ``~/.cache/pytest-ouro`` if the variable is unset
    or empty; it need not exist. ExperimentError if that path is not absolute, as without a home."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    if not os.path.isabs(base):  # noqa: PTH117 - without a home, expanduser changes nothing
        raise messages.unusable_folder(base, "its path is not absolute")
    return Path(base, "pytest-ouro")


def make_cache_folder(*names: str) -> Path:
    """Make the folder ``names[0]/names[1]/…`` (one name at least) in the cache folder, for this
    user alone, unless it exists, and return its path. If the cache folder has no .gitignore, write
    one by which git ignores all of it.

    OSError if a folder cannot be made, or a link or a file lies in its place; ExperimentError as in
    `cache_folder`.
    """
    cache = cache_folder()
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_folder(cache, "/".join(names))
    if not os.path.lexists(cache / ".gitignore"):
        write_whole(cache, ".gitignore", b"*\n")
    return cache.joinpath(*names)


def cache_in(top: Path) -> str:
    """Return the cache folder's path relative to ``top``, with a slash at the end; "" if it lies
    outside of ``top``, or `cache_folder` raises an error. It need not exist."""
    try:
        return f"{cache_folder().resolve().relative_to(top.resolve()).as_posix()}/"
    except (ValueError, OSError, OuroError):  # elsewhere, or there is no home
        return ""
