"""Errors that keep an experiment from being run: its code, its data, its files, its programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import ExperimentError

if TYPE_CHECKING:
    from pathlib import Path


def not_committed(path: str, word: str) -> ExperimentError:
    """An editable file in the index or the working tree differs from the commit that would be
    measured. ``word`` is ``path`` as a word of a shell's command."""
    return ExperimentError(
        f"{path} has changes that are not committed, and only commits are measured",
        help=f'git commit -m "what you try" -- {word}',
    )


def blessing_not_committed(lock: str, bound: str) -> ExperimentError:
    """bound.lock in the working tree differs from that of the last commit, or is not in it.
    ``lock`` and ``bound`` are the paths of bound.lock and bound.toml as words of a shell's
    command."""
    return ExperimentError(
        "bound.lock is not committed: the blessing has no commit to be compared with",
        help=f"git add {lock} {bound} && git commit -m 'Bless the rules'",
    )


def script_not_committed(script: str, commit: str) -> ExperimentError:
    """The bound's script is not a file of the commit."""
    return ExperimentError(
        f"{script} is not in commit {commit:.7}",
        help="git add and commit it, or fix 'script' in bound.toml",
    )


def submodule(path: str, commit: str, word: str) -> ExperimentError:
    """The experiment's folder contains a submodule, which a clean worktree would lack. ``word`` is
    ``path`` as a word of a shell's command."""
    return ExperimentError(
        f"{path} is a submodule: its files are not in commit {commit:.7}, "
        "and only what is committed is measured",
        help=f"commit the files themselves (git rm --cached {word}, remove {word}/.git, "
        f"git add {word}), or install them as a package; a person blesses it",
    )


def head_moved(before: str, now: str) -> ExperimentError:
    """HEAD names another commit (``now``) than at the first of the repeats (``before``)."""
    return ExperimentError(
        f"HEAD moved from {before:.7} to {now:.7} between two repeats",
        help="the finished repeats are recorded; start the repeats again, and leave the branch "
        "alone meanwhile",
    )


def budget_too_long(asked: str, budget: str) -> ExperimentError:
    """``--ouro-budget`` is longer than the budget of the bound; both are texts of a number of
    seconds."""
    return ExperimentError(
        f"--ouro-budget {asked} is more than the bound's {budget} s",
        help="a rehearsal may only be shorter; a person changes the budget in bound.toml",
    )


def not_trusted(path: str) -> ExperimentError:
    """A file that is run from its trusted bytes, such as the harness, is not among the trusted
    files."""
    return ExperimentError(
        f"{path} is not among the trusted files: it cannot be run as harness",
        help="a person blesses it: pytest-ouro bless",
    )


def not_the_blessed_file(path: str, commit: str) -> ExperimentError:
    """The commit from which the evaluation is checked out lacks a blessed file, or has another
    content of it."""
    return ExperimentError(
        f"{path} in commit {commit:.7} is not the one that was blessed there",
        help="commit bound.lock together with what it blesses: pytest-ouro bless, git add, "
        "git commit",
    )


def data_missing(pattern: str, command: str) -> ExperimentError:
    """No file matches ``pattern``, one of ``data``, and the bound names no script that makes it.

    ``command`` runs the harness, which may make it; it is "" without a harness.
    """
    by_hand = f"make it: {command}" if command else f"put the files at {pattern}"
    return ExperimentError(f"data missing: {pattern}", help=by_hand)


def data_not_made(script: str, why: str, command: str) -> ExperimentError:
    """The bound's ``prepare`` script failed, or some data is still missing after it.

    ``command`` runs that script by hand.
    """
    return ExperimentError(
        f"data missing: {script} could not make it: {why}", help=f"run it by hand: {command}"
    )


def not_writable(path: Path, why: str) -> ExperimentError:
    """This user may not write to a file or folder that a run writes, or it cannot be opened for
    another reason."""
    return ExperimentError(
        f"{path} cannot be written: {why}: the run could not be recorded",
        help="fix its permissions, or mount its file system writable, and run again",
    )


def not_a_plain_file(path: Path, why: str) -> ExperimentError:
    """A file that a run writes is a link, which is not followed, or another special file, or cannot
    be opened."""
    return ExperimentError(
        f"{path} cannot be written: {why}",
        help="put a regular file in its place; of a link, a copy of the file that it names",
    )


def disk_full(folder: Path, free: int, needed: int) -> ExperimentError:
    """The disk of a folder that a run writes to has ``free`` MB of room, and a run needs
    ``needed``."""
    return ExperimentError(
        f"the disk of {folder} is full: {free} MB are free, and a run needs {needed}",
        help="free some space and run again",
    )


def unusable_folder(folder: Path | str, why: str) -> ExperimentError:
    """A folder that a run or a worker needs cannot be used, as when the path of the cache folder is
    not absolute, or nobody can tell how much room its disk has."""
    return ExperimentError(
        f"{folder} cannot be used: {why}",
        help="set XDG_CACHE_HOME to a folder of yours, for what pytest-ouro keeps in a cache",
    )


def no_temporary_folder(why: str) -> ExperimentError:
    """No folder, or no file, can be made where the system has its temporary files."""
    return ExperimentError(
        f"no folder for temporary files can be made: {why}",
        help="free some space, or set TMPDIR to a folder with room",
    )


def not_started(program: str, why: str, key: str = "python") -> ExperimentError:
    """A program that bound.toml names by the key ``key`` is missing or cannot be executed."""
    return ExperimentError(
        f"'{program}' cannot be started: {why}",
        help=f"install it, or fix '{key}' in bound.toml",
    )


def not_in_the_tree(program: str) -> ExperimentError:
    """``python`` in the bound is a relative path of a file that HEAD lacks, such as
    ``.venv/bin/python``: the clean working tree of a run lacks it too."""
    return ExperimentError(
        f"'{program}' is not in the commit: a run starts in a clean working tree of it",
        help=f"give 'python' in bound.toml the absolute path of {program}",
    )
