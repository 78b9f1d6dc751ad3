"""Errors of writing a commit's files for a run."""

from __future__ import annotations

from pytest_ouro.core.errors import ExperimentError
from pytest_ouro.core.escape import quoted


def failed(commit: str, folder: str, why: str) -> ExperimentError:
    """The operating system refuses to write the files of a commit in a new folder below ``folder``:
    the disk is full, say."""
    return ExperimentError(
        f"the files of commit {commit:.7} cannot be written in {folder}: {why}",
        help="fix the folder's permissions, or set XDG_CACHE_HOME to one with room",
    )


def large_file_missing(path: str) -> ExperimentError:
    """A file is kept by Git LFS, and this clone does not hold its contents, or has other bytes in
    their place."""
    return ExperimentError(
        f"{path} is kept by Git LFS, and its contents are not in .git/lfs",
        help=f"git lfs fetch --include {quoted(path)}, then run again",
    )


def names_collide(path: str) -> ExperimentError:
    """Two files of a folder have names that are the same on this disk, such as ``a`` and ``A``.
    ``path`` is the second one."""
    return ExperimentError(
        f"{path} and another file of its folder have one name on this disk",
        help="rename one of them (git mv), or set XDG_CACHE_HOME to a case-sensitive file system",
    )


def changed_while_written(path: str) -> ExperimentError:
    """Right after the files of a commit were written, one of them is missing, is not of the commit,
    or has other contents or permissions."""
    return ExperimentError(
        f"{path} was changed while the files of the commit were written",
        help="stop what else writes to the cache folder of pytest-ouro, then run again",
    )


def not_as_committed(path: str, word: str) -> ExperimentError:
    """Settling would overwrite or remove a file that differs from HEAD, or that HEAD lacks.
    ``word`` is ``path`` as a word of a shell's command."""
    return ExperimentError(
        f"{path} differs from the commit that it belongs to",
        help=f"keep what you need of it, then git checkout HEAD -- {word}",
    )


def unknown_mode(path: str, mode: str) -> ExperimentError:
    """The mode of an entry in a commit's tree is not that of a file, a folder, a link or a
    submodule."""
    return ExperimentError(
        f"{path} has the mode {mode}, which git does not write",
        help=f"git rm --cached {quoted(path)}, git add {quoted(path)} and git commit",
    )
