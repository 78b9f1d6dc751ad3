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

if TYPE_CHECKING:
    from pytest_ouro.evidence.git.client import Git


def remember(git: Git, lock_path: str, lock: bytes) -> None:
    """Remember that the user blessed these bytes of bound.lock; OSError if they cannot be kept."""
    place = _place(git, lock_path)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(place, flags, 0o600), "wb") as file:
        file.write(_digest(lock))


def is_remembered(git: Git, lock_path: str, lock: bytes) -> bool:
    """Return whether the user blessed these bytes of bound.lock in this repository."""
    try:
        return _place(git, lock_path).read_bytes() == _digest(lock)
    except OSError:
        return False


def _digest(lock: bytes) -> bytes:
    return hashlib.sha256(lock).hexdigest().encode() + b"\n"


def _place(git: Git, lock_path: str) -> Path:
    """Return the file for one bound.lock; OSError without a home, or with one in the repository,
    which could bring its own file along."""
    home = os.path.expanduser("~/.local/state")  # noqa: PTH111 - it does not raise
    state = Path(os.environ.get("XDG_STATE_HOME") or home)
    common = git.common_dir.resolve()
    if not state.is_absolute() or common.parent in [state.resolve(), *state.resolve().parents]:
        raise FileNotFoundError(2, "no home outside of the repository", str(state))
    name = hashlib.sha256(os.fsencode(common) + b"\0" + lock_path.encode()).hexdigest()
    return state / "pytest-ouro" / "blessed" / name
