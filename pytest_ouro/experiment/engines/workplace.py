"""Make the repository of a worker: from bundles, in a folder of the cache, for one attempt."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.core.lock_file import hold_lock
from pytest_ouro.evidence.cache import make_cache_folder
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.experiment.engines.bundle import find_full_disk, make_store, no_place, unpack
from pytest_ouro.experiment.steps.checkout import trees_of
from pytest_ouro.experiment.steps.preconditions import demand_room
from pytest_ouro.experiment.steps.write_tree import TreeWriter
from pytest_ouro.experiment.terms import temp_folders, working_tree
from pytest_ouro.messages import engines as messages
from pytest_ouro.messages import experiment as experiment_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.experiment.engines.events import Request

#: The folder of all workplaces in the cache.
FOLDER = "workers"
#: The working tree of a workplace.
_TREE = "tree"
#: The most workers of one user on one machine.
_MOST = 4096


@contextlib.contextmanager
def hold_workplace() -> Iterator[Path]:
    """Yield an empty folder of the cache that no other worker has, and empty it when the context
    ends. What a killed worker left in it is removed first. Raise ExperimentError if it cannot be
    made, or its disk is full."""
    with contextlib.ExitStack() as stack:
        try:
            parent = make_cache_folder(FOLDER)
            demand_room(parent)
            folder = _lock_first(parent, stack)
            for left in (folder, trees_of(folder / _TREE / ".git")):
                temp_folders.remove(left)
                stack.callback(temp_folders.remove, left)
            folder.mkdir()
        except OSError as error:
            why = error.strerror or str(error)
            raise experiment_messages.unusable_folder(Path(FOLDER), why) from None
        yield folder


def _lock_first(parent: Path, stack: contextlib.ExitStack) -> Path:
    """Lock the first folder that no other worker has until ``stack`` is closed, and return it; it
    may not exist. Raise OSError if there is none."""
    for number in range(_MOST):
        with contextlib.suppress(TimeoutError):
            stack.enter_context(hold_lock(parent / f"{number}.lock", timeout=0))
            return parent / str(number)
    raise OSError(f"{_MOST} workers run already")


def make_repository(folder: Path, request: Request) -> Path:
    """Make the repository of an attempt in the workplace ``folder``, in place of that of the
    attempt before, and return the path of bound.toml in its working tree.

    It has the objects of both bundles. Its HEAD is ``request.head``, whose files are written from
    these objects. The objects that candidates have in common stay in ``folder`` for the next
    attempt. Raise ExperimentError if a bundle is damaged, the disk is full, or a file cannot be
    written as it is committed; OSError if the disk refuses something else, GitError or LimitError
    if git fails.
    """
    try:
        return _make(folder, request)
    except (OSError, GitError) as error:
        if full := find_full_disk(error):
            raise no_place(request.bundle, folder, full) from None
        raise


def _make(folder: Path, request: Request) -> Path:
    """Make the repository of an attempt, see `make_repository`. Raise OSError or GitError if the
    disk is full, too."""
    base, top = folder / f"base-{request.base_digest[:16]}", folder / _TREE
    if not base.exists():
        _receive_base(base, request)
    temp_folders.remove(top)
    make_store(top, like=request.commit, borrow=base)
    unpack(top, request.bundle, request.digest, [request.commit])
    git = Git.objects(top)
    try:
        (top / ".git" / "index").write_bytes(
            working_tree.index(git.tree(request.head), like=request.head)
        )
        (top / ".git" / "HEAD").write_text(f"{request.head}\n", encoding="utf-8")
        tree = git.store.commit(request.head)[0]
        TreeWriter(git.store, top / ".git" / "lfs" / "objects").write(tree, top)
    finally:
        git.close()
    if request.venv:
        (top / ".venv").symlink_to(request.venv)
    return top / request.bound


def _receive_base(base: Path, request: Request) -> None:
    """Unpack the bundle of what candidates have in common into the new repository ``base``. Raise
    ExperimentError if the bundle cannot be read or is damaged, OSError or GitError if the
    repository cannot be made."""
    partial = base.with_name(f"{base.name}-new")
    temp_folders.remove(partial)
    try:
        bundle = Path(request.base).read_bytes()
    except OSError as error:
        raise messages.damaged_bundle("the history", error.strerror or str(error)) from None
    make_store(partial, like=request.commit)
    unpack(partial, bundle, request.base_digest, [request.head, request.trust])
    partial.rename(base)
