"""Find and make the cache folder: our files that may be deleted, such as locks and the working
trees of runs."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.plain_file import make_folder, write_whole
from pytest_ouro.messages import experiment as messages


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/pytest-ouro``, or ``~/.cache/pytest-ouro`` if the variable is unset
    or empty; the folder may not exist. Raise ExperimentError if the path is not absolute, as when
    there is no home folder."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    if not os.path.isabs(base):  # noqa: PTH117 - without a home, expanduser changes nothing
        raise messages.unusable_folder(base, "its path is not absolute")
    return Path(base, "pytest-ouro")


def make_cache_folder(*names: str) -> Path:
    """Make the folder ``names[0]/names[1]/…`` in the cache folder, accessible to this user only,
    and return its path; an existing folder is kept. If the cache folder has no .gitignore, write
    one that ignores everything in the folder.

    Raise OSError if a folder or .gitignore cannot be made, as where a link or a file is in the
    place of one of these folders; ExperimentError as `cache_folder` does.
    """
    cache = cache_folder()
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_folder(cache, "/".join(names))
    if not os.path.lexists(cache / ".gitignore"):
        write_whole(cache, ".gitignore", b"*\n")
    return cache.joinpath(*names)


def cache_in(top: Path) -> str:
    """Return the cache folder's path relative to ``top``, with a final slash; "" if it lies outside
    ``top`` or is unknown. The folder may not exist."""
    try:
        return f"{cache_folder().resolve().relative_to(top.resolve()).as_posix()}/"
    except (ValueError, OSError, OuroError):  # elsewhere, or there is no home
        return ""
