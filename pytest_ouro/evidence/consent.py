"""Remember, outside of every repository, which rules this user blessed on this machine.

Rules can name commands, and a clone brings its own rules and its own bound.lock. So a command runs
only if the user named the trusted commit, allowed commands by an option, or blessed these very
rules here. What is remembered is the path of the repository and the digest of bound.lock.
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
    """Return whether this user vouched for the trusted rules, and so for their commands: the user
    named the trusted commit by an option or variable, or blessed these rules on this machine. The
    option that allows commands is not looked at here. TrustError if the trusted commit has a
    damaged bound.lock, GitError or LimitError if it cannot be read.

    A commit that ``git config ouro.trust`` names does not count as named: the repository may bring
    that setting.
    """
    if trust.named_by_user:
        return True
    lock = trust.vouching_lock
    return lock is not None and is_remembered(trust.git, trust.lock_path, lock.dumps().encode())


def remember(git: Git, lock_path: str, lock: bytes) -> None:
    """Remember, by an empty file, that the user blessed the bytes ``lock`` of bound.lock, whose
    path from the top is ``lock_path``, in this repository. OSError if there is no home outside of
    it, or the file cannot be made."""
    place = _place(git, lock_path, lock)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(open_plain(place.parent, place.name, os.O_WRONLY | os.O_CREAT))


def is_remembered(git: Git, lock_path: str, lock: bytes) -> bool:
    """Return whether `remember` was called by this user on this machine with the same arguments:
    ``lock`` is the bytes of bound.lock, ``lock_path`` its path from the repository's top. False
    also if there is no home outside of the repository."""
    try:
        return _place(git, lock_path, lock).is_file()
    except OSError:
        return False


def _place(git: Git, lock_path: str, lock: bytes) -> Path:
    """Return the file whose existence remembers the blessing of ``lock``: in ``$XDG_STATE_HOME``,
    or else ``~/.local/state``. FileNotFoundError if that folder's path is not absolute, as without
    a home, or if it lies in the repository, which could bring the file along."""
    home = os.path.expanduser("~/.local/state")  # noqa: PTH111 - it does not raise
    state = Path(os.environ.get("XDG_STATE_HOME") or home)
    common = git.common_dir.resolve()
    around = {state.resolve(), *state.resolve().parents}
    if not state.is_absolute() or around & {common.parent, git.top.resolve()}:
        raise FileNotFoundError(2, "no home outside of the repository", str(state))
    key = hashlib.sha256(os.fsencode(common) + b"\0" + lock_path.encode() + b"\0" + lock)
    return state / "pytest-ouro" / "blessed" / key.hexdigest()
