"""Errors of writing a commit's files for a run."""

from __future__ import annotations

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.core.escape import quoted


def failed(commit: str, folder: str, why: str) -> ExperimentError:
    """The files of a commit cannot be written: their folder cannot be made, say, or the disk is
    full."""
    return ExperimentError(
        f"the files of commit {commit:.7} cannot be written in {folder}: {why}",
        help="fix the folder's permissions, or set XDG_CACHE_HOME to one with room",
    )


def large_file_missing(path: str) -> ExperimentError:
    """A file is kept by Git LFS, and this clone does not hold its contents, or holds others under
    its name."""
    return ExperimentError(
        f"{path} is kept by Git LFS, and its contents are not in .git/lfs",
        help=f"git lfs fetch --include {quoted(path)}, then run again",
    )


def names_collide(path: str) -> ExperimentError:
    """Two files of a folder have names that are the same on this disk, as in upper and lower
    case."""
    return ExperimentError(
        f"{path} and another file of its folder have one name on this disk",
        help="rename one of them (git mv), or set XDG_CACHE_HOME to a case-sensitive file system",
    )


def changed_while_written(path: str) -> ExperimentError:
    """A file of a run differs from its commit right after it was written."""
    return ExperimentError(
        f"{path} was changed while the files of the commit were written",
        help="stop what else writes to the cache folder of pytest-ouro, then run again",
    )


def not_as_committed(path: str, word: str) -> ExperimentError:
    """To settle would overwrite or remove a file that differs from HEAD, or that HEAD lacks.
    ``word`` is the file in a command."""
    return ExperimentError(
        f"{path} differs from the commit that it belongs to",
        help=f"keep what you need of it, then git checkout HEAD -- {word}",
    )


def unknown_mode(path: str, mode: str) -> ExperimentError:
    """A tree entry is neither a file nor a folder, link or submodule."""
    return ExperimentError(
        f"{path} has the mode {mode}, which git does not write",
        help=f"git rm --cached {quoted(path)}, git add {quoted(path)} and git commit",
    )
