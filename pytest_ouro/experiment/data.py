"""The data that an experiment needs: is it there, and what is its digest."""

from __future__ import annotations

import glob
import hashlib
from pathlib import Path


def missing(patterns: tuple[str, ...], root: Path) -> list[str]:
    """The patterns (``~`` allowed, relative to ``root``) that name no file."""
    return [pattern for pattern in patterns if not _files(pattern, root)]


def digest(patterns: tuple[str, ...], root: Path) -> str:
    """One sha256 over names and contents of all the files; "" without patterns."""
    if not patterns:
        return ""
    total = hashlib.sha256()
    for file in sorted({file for pattern in patterns for file in _files(pattern, root)}):
        total.update(f"{file.name} {_file_digest(file)}\n".encode())
    return total.hexdigest()


def _files(pattern: str, root: Path) -> list[Path]:
    found = glob.glob(str(root / Path(pattern).expanduser()), recursive=True)
    return [Path(path) for path in found if Path(path).is_file()]


def _file_digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
