"""Detect ignore patterns that only this clone has, because they are in no commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.content import read_own

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git


def has_local_excludes(git: Git) -> bool:
    """Return whether this clone ignores files by patterns that are in no commit: ``info/exclude``
    in its git folder has patterns, or its own config (not the user's) sets ``core.excludesFile``.
    Raise OuroError if such a file exists and cannot be read."""
    lines = _text(git.common_dir / "info" / "exclude").splitlines()
    if any(line.strip() and not line.startswith("#") for line in lines):
        return True
    said = (_text(git.common_dir / "config") + _text(git.folder / "config.worktree")).lower()
    if "excludesfile" not in said and "[include" not in said:
        return False
    scope = git.line("config", "--show-scope", "--get", "core.excludesFile")
    return scope.startswith(("local", "worktree"))


def _text(path: Path) -> str:
    """Return the text of one of git's files; "" if it does not exist. Raise OuroError if it cannot
    be read."""
    return (read_own(path) or b"").decode(errors="replace")
