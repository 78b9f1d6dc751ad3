"""Remember, outside of every repository, which rules this user blessed on this machine.

Rules can name commands, and a clone brings its own rules and its own bound.lock. So a command
runs only if the user named the trusted commit, allowed commands by an option, or blessed these
very rules here. What is remembered is the path of the repository and the digest of bound.lock.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core.plain_file import open_plain

if TYPE_CHECKING:
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.trust import Trust


def is_given(trust: Trust) -> bool:
    """Return whether this user approved the trusted rules, and so the commands that they name:
    by naming the trusted commit with an option or environment variable, or by a blessing of
    these rules on this machine. The option that allows commands for one session does not count
    here, nor does ``git config ouro.trust``, which may be the repository's own setting.

    Raise TrustError if the bound.lock in the trusted commit is damaged, GitError or LimitError
    if it cannot be read.
    """
    if trust.named_by_user:
        return True
    lock = trust.vouching_lock
    return lock is not None and is_remembered(trust.git, trust.lock_path, lock.dumps().encode())


def remember(git: Git, lock_path: str, lock: bytes) -> None:
    """Record that this user blessed the bytes ``lock`` of bound.lock, at the repository-relative
    path ``lock_path``, in this repository. The record is an empty file in the user's state folder.
    Raise OSError if the file cannot be made, or if the state folder is in the repository or
    unknown."""
    place = _place(git, lock_path, lock)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(open_plain(place.parent, place.name, os.O_WRONLY | os.O_CREAT))


def is_remembered(git: Git, lock_path: str, lock: bytes) -> bool:
    """Return whether `remember` was called by this user on this machine for the same repository,
    ``lock_path`` and bytes ``lock``. Return False if the state folder is in the repository or
    unknown."""
    try:
        return _place(git, lock_path, lock).is_file()
    except OSError:
        return False


def _place(git: Git, lock_path: str, lock: bytes) -> Path:
    """Return the path of the file whose existence records the blessing of ``lock``. It lies below
    ``$XDG_STATE_HOME`` or ``~/.local/state``. Raise FileNotFoundError if the path of that folder is
    not absolute, or if that folder is in the repository, which could bring the file along."""
    home = os.path.expanduser("~/.local/state")  # noqa: PTH111 - it does not raise
    state = Path(os.environ.get("XDG_STATE_HOME") or home)
    common = git.common_dir.resolve()
    around = {state.resolve(), *state.resolve().parents}
    if not state.is_absolute() or around & {common.parent, git.top.resolve()}:
        raise FileNotFoundError(2, "no home outside of the repository", str(state))
    key = hashlib.sha256(os.fsencode(common) + b"\0" + lock_path.encode() + b"\0" + lock)
    return state / "pytest-ouro" / "blessed" / key.hexdigest()
