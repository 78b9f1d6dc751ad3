"""Detect ignore patterns that only this clone has and no commit contains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.evidence.content import read_own

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git


def has_local_excludes(git: Git) -> bool:
    """Return whether ``.git/info/exclude`` has patterns, or the clone's own config, not the user's,
    sets ``core.excludesFile``; False without these files. OuroError if one cannot be read."""
    lines = _text(git.common_dir / "info" / "exclude").splitlines()
    if any(line.strip() and not line.startswith("#") for line in lines):
        return True
    said = (_text(git.common_dir / "config") + _text(git.folder / "config.worktree")).lower()
    if "excludesfile" not in said and "[include" not in said:
        return False
    scope = git.line("config", "--show-scope", "--get", "core.excludesFile")
    return scope.startswith(("local", "worktree"))


def _text(path: Path) -> str:
    """Return the text of a file of git's; "" if it is absent. OuroError if it cannot be read."""
    return (read_own(path) or b"").decode(errors="replace")
