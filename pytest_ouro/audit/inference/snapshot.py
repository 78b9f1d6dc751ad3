"""Lay a commit out in a folder of our own, to be read as a project. No file of it is executed, and
none of the audited repository's settings, attributes or hooks is used."""

from __future__ import annotations

import contextlib
import os
import posixpath
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.errors import GitError, LimitError
from pytest_ouro.evidence.git.client import run_git
from pytest_ouro.evidence.languages.kinds import is_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.git.client import Git

#: How many files are laid out, how deep in folders, and how large all may be.
_MOST, _DEEP, _BYTES = 600, 4, 16 << 20
#: Other names than those of code, of files that say how a project works.
_SHOWN = (".md", ".txt", ".mod", ".sum", ".gradle")


@contextlib.contextmanager
def snapshot(git: Git, commit: str) -> Iterator[Path]:
    """Give a new folder with a commit (full id) as a repository: its index has all files of the
    commit, and only those of code, settings and instructions are written. Links, large files and
    files beyond the limits of `_write_files` are not. Remove the folder at the end. Raise GitError
    or LimitError if the commit's trees cannot be read."""
    with tempfile.TemporaryDirectory(prefix="ouro-audit-") as name:
        top = Path(name).resolve()
        _start_repository(top, git, commit)
        _write_files(top, git, commit)
        yield top


def _start_repository(top: Path, git: Git, commit: str) -> None:
    """Make ``top`` a repository that borrows the objects of ``git``, with the commit's index."""
    folder = top / ".git"
    for part in ("objects/info", "refs/heads"):
        (folder / part).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/audited\n")
    wide = len(commit) == 64
    extension = "[extensions]\n\tobjectFormat = sha256\n" if wide else ""
    (folder / "config").write_text(
        f"[core]\n\trepositoryformatversion = {int(wide)}\n\tbare = false\n{extension}"
    )
    objects = os.fspath(git.common_dir.resolve() / "objects")
    (folder / "objects/info/alternates").write_text(f"{objects}\n")
    (folder / "refs/heads/audited").write_text(f"{commit}\n")
    run_git("read-tree", git.store.commit(commit)[0], cwd=top)


def _write_files(top: Path, git: Git, commit: str) -> None:
    """Write the code and texts of a commit below ``top``: at most `_MOST` files of `_BYTES` bytes
    in all. Files in fewer nested folders are written first, so that the limits drop the deep ones.
    Links, files in `_DEEP` or more nested folders, and files that are too large or cannot be read
    are left out."""
    tree = git.tree(commit)
    plain = [path for path, entry in tree.items() if entry.mode in ("100644", "100755")]
    shown = [p for p in plain if p.count("/") < _DEEP and _is_shown(posixpath.basename(p))]
    left = _BYTES
    for path in sorted(shown, key=lambda path: (path.count("/"), path))[:_MOST]:
        with contextlib.suppress(GitError, LimitError, OSError):
            data = git.store.read(tree[path].blob, limit=limits.SCRIPT, path=path)
            left -= len(data)
            if left < 0:
                return
            place = top / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)


def _is_shown(name: str) -> bool:
    """Return whether the ending or the name of a file is that of code, settings or instructions,
    which are written into the snapshot."""
    return name.endswith(_SHOWN) or is_code(name) or name in ("Gemfile", "Dockerfile")
