"""Describe the editable code: its size by kind of file, and digests of its meaning.

A digest depends on the form that it is computed from, and that on the versions of the parsers.
So a description has a `version`; one of another version is computed again from the files.
"""

from __future__ import annotations

import hashlib
import platform
import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from pytest_ouro.evidence.languages.form import Form
from pytest_ouro.evidence.python.seedless import seedless
from pytest_ouro.evidence.python.source import Source, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Raise it when equal files get other digests or sizes than before.
_FORM = 3
_PYTHON = (".py", ".pyi", ".pyw")
_PYTHON_FIRST_LINE = rb"#!.*\b(python[0-9.]*|pypy[0-9.]*|uv run)\b"


class Code(NamedTuple):
    """The description of editable files. ``sizes`` are by kind (see `Form`). ``meaning`` and
    ``seedless`` are sha256 digests (hexadecimal) of the meaning, with and without its seeds; they
    depend on ``version`` (see `version`)."""

    sizes: Mapping[str, int]
    meaning: str
    seedless: str
    version: str

    @property
    def size(self) -> int:
        """The sum of the sizes of all kinds."""
        return sum(self.sizes.values())


def describe(
    files: Mapping[str, bytes], *, script: str = "", loader: str = "make_dataloader"
) -> Code:
    """Describe the code in files, whose bytes are given by path; paths and order are a part of
    its meaning. ``script`` is the path of a file that is Python whatever its name. ``loader`` is
    the function that yields training batches: code that only skips batches is not a part of the
    meaning without seeds.

    Raise OuroError for Python that is too large to parse or has an encoding that pytest-ouro
    refuses.
    """
    sizes: dict[str, int] = {}
    code, without = hashlib.sha256(), hashlib.sha256()
    for path, blob in files.items():
        form = _read(path, blob, script, loader)
        sizes[form.kind] = sizes.get(form.kind, 0) + form.size
        for digest, text in ((code, form.code), (without, form.seedless)):
            for part in (path, form.kind, text):
                data = part.encode(errors="surrogateescape")
                digest.update(b"%d " % len(data) + data)
    return Code(sizes, code.hexdigest(), without.hexdigest(), version(files))


def version(paths: Iterable[str]) -> str:
    """Return the version that a description of files with these paths would have now: a text with
    the versions of the form and of Python, and of PyYAML if a path is that of a YAML file."""
    text = f"{_FORM} python {platform.python_version()}"
    has_yaml = any(path.lower().endswith((".yaml", ".yml")) for path in paths)
    if not has_yaml:
        return text
    from pytest_ouro.evidence.languages.data import yaml_version

    return f"{text} yaml {yaml_version() or 'none'}"


@lru_cache(maxsize=64)  # each run of a session reads the editable files, of which few change
def _read(path: str, blob: bytes, script: str, loader: str) -> Form:
    """Return the form of a file in its language, which its path or its first line (``#!``) shows;
    ``script``, the path of a run's script, is Python. If the language is not parsed, or the file is
    invalid in it, return its form as text. ``loader`` is as in `seedless`. Raise OuroError for
    Python that is too large to parse or has an encoding that pytest-ouro refuses."""
    suffix = PurePosixPath(path).suffix.lower()
    try:
        if path == script or suffix in _PYTHON or re.match(_PYTHON_FIRST_LINE, blob):
            source = Source(decode(blob))
            without = seedless(source.tree, loader, is_program=path == script)
            return Form("python", source.size, source.code, without)
        from pytest_ouro.evidence.languages.data import read_data, reader  # not for Python alone

        if read := reader(suffix):
            return read_data(read, blob)
    except (SyntaxError, ValueError, RecursionError):
        pass
    from pytest_ouro.evidence.languages.text import read_text

    return read_text(path, blob)
