"""Read and write the files that ``init`` writes. A path in the repository may not lead out of
it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.plain_file import write_whole
from pytest_ouro.evidence.content import read_file, refuse_other
from pytest_ouro.evidence.git.special_files import refuse_special_file
from pytest_ouro.messages import project as messages

if TYPE_CHECKING:
    from pytest_ouro.evidence.git.client import Git


@dataclass(frozen=True)
class OwnFile:
    """A file that `init` reads and writes: ``name`` is its path below ``root`` (the repository's
    top, or the file's folder if that is elsewhere), and ``called`` is what messages call it."""

    root: Path
    name: str
    called: str

    @classmethod
    def find(cls, path: Path, git: Git, called: str) -> OwnFile:
        """Return the file that ``path`` names, with every link followed; it need not exist. A path
        in the repository must lead to a path below its top, not in git's folder; else OuroError. A
        path outside of the repository may lead anywhere, but OuroError too if it is a link that
        leads to itself."""
        path = Path(os.path.normpath(path))  # not through a link and up again
        top, real = _real(git.top), _real(path)
        if real.is_symlink():
            raise messages.leads_outside(called, real)
        owned = any(top in (_real(p), *_real(p).parents) for p in path.parents)
        if not owned:
            return cls(real.parent, real.name, called)
        kept = (_real(git.common_dir), _real(git.folder))
        if top not in real.parents or not set(kept).isdisjoint(real.parents):
            raise messages.leads_outside(called, real)
        return cls(top, real.relative_to(top).as_posix(), called)

    def read(self) -> bytes:
        """Return the bytes of the file; b"" if nothing is there, or a folder (`write` refuses
        it). OuroError if it is a pipe, a device or too large, or cannot be read."""
        path = self.root / self.name
        refuse_special_file(str(path), limits.SMALL)
        return read_file(path) or b""

    def write(self, text: str) -> None:
        """Replace the file by one with this text in a single step, so that no reader sees a part of
        it, or create it. OuroError if it is a pipe or a device, or cannot be written; an existing
        file is then unchanged."""
        refuse_special_file(str(self.root / self.name))
        try:
            write_whole(self.root, self.name, text.encode("utf-8", "surrogateescape"))
        except OSError as error:
            refuse_other(str(self.root / self.name))
            raise messages.not_writable(self.called, str(error.strerror)) from None


def _real(path: Path) -> Path:
    """Return a path with its links followed; a link that leads to itself stays as it is."""
    return Path(os.path.realpath(path))  # of such a link, `resolve` raises RuntimeError
