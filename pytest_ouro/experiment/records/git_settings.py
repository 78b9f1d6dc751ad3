"""What git would run for whoever asks it next: hooks, and programs that its settings name.

None of our own git calls runs them; a person's and an agent's do.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import GitError
from pytest_ouro.evidence.git.client import run_git, split

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git

#: Settings that name a program, or a file of settings.
_RUNNING = re.compile(
    r"core\.(?:fsmonitor|hookspath|sshcommand|editor|pager|askpass)\n"
    r"|(?:alias|filter|include|includeif|pager|credential|gpg)\.|sequence\.editor\n"
    r"|(?:diff|merge|mergetool|difftool)\..*(?:external|command|textconv|driver|cmd)\n"
)

_KEPT = "it is put back; what was found ends in .found"

#: A file's bytes and its mode.
_File = tuple[bytes, int]


@dataclass(frozen=True)
class Hooks:
    """The hooks of a repository and its settings, with those among them that run something."""

    git: Git
    hooks: dict[Path, _File]
    settings: dict[Path, _File]
    running: list[str]

    @classmethod
    def look(cls, git: Git) -> Hooks:
        folder = git.common_dir / "hooks"
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - names
        found = [folder / name for name in sorted(names) if not name.endswith(".sample")]
        files = (git.common_dir / "config", git.folder / "config.worktree")
        return cls(git, _read(found), _read(list(files)), _running(git))

    def mended(self) -> list[str]:
        """What is other than it was, a line each. It is put back, and what was found is kept: a
        person may have written it. Settings that run nothing may change."""
        now = Hooks.look(self.git)
        lines = []
        if changed := _put_back(self.hooks, now.hooks):
            lines.append(f"the hook {changed[0].name}")
        if now.running != self.running:
            _put_back(self.settings, now.settings)
            lines.append("a setting of git's that runs programs")
        return [f"{what} was changed while the run went on ({_KEPT})" for what in lines]


def _read(paths: list[Path]) -> dict[Path, _File]:
    return {p: (p.read_bytes(), p.stat().st_mode & 0o777) for p in paths if p.is_file()}


def _running(git: Git) -> list[str]:
    try:
        said = run_git("config", "--local", "--list", "-z", cwd=git.top)
    except GitError:
        return ["unreadable\n"]
    return sorted(one for one in split(said) if _RUNNING.match(one if "\n" in one else one + "\n"))


def _put_back(before: dict[Path, _File], now: dict[Path, _File]) -> list[Path]:
    """Put back each that changed. Nothing runs a file of the name that what was found gets."""
    changed = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    for path in changed:
        if os.path.lexists(path):  # perhaps as a folder
            path.replace(path.with_name(f"{path.name}.found"))
        if path in before:
            data, mode = before[path]
            path.write_bytes(data)
            path.chmod(mode)
    return changed
