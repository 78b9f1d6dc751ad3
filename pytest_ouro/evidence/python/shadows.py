"""Find files in the experiment's folder that Python would import in place of the harness or of an
installed package."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Modules that every interpreter imports before any script, if it finds them.
_AT_START = ("sitecustomize", "usercustomize")
_BINARY = (".so", ".pyd", ".dylib")


def shadows(root: Path, harness: str, own: set[str]) -> list[tuple[str, str]]:
    """Return ``(name, effect in words)`` for each file or folder directly in ``root`` that Python
    may import in place of the harness or of a package that a script in ``own`` imports, or that an
    interpreter runs at its start; [] if there are none or ``root`` cannot be listed. Files that git
    ignores are included.

    ``harness`` is the harness's file name. ``own`` are the names of the files and folders in
    ``root`` that are trusted or editable, the harness among them; these are never reported. A
    compiled file that would run in place of the harness has the name ``__pycache__/…``. Raise
    OuroError if a script in ``own`` has an encoding that pytest-ouro refuses, LimitError if it is
    too large.
    """
    wanted: set[str] | None = None
    found = []
    for name in sorted(set(_names(root)) - own):
        module = _module(root / name)
        if not module:
            if name.endswith(".pth"):
                found.append((name, "is run by an interpreter that takes the folder for a site"))
        elif module in _AT_START:
            found.append((name, "is run by every interpreter that is started here"))
        elif module == harness.removesuffix(".py"):
            found.append((name, f"is imported in place of {harness}"))
        else:
            if wanted is None:
                wanted = _imports(root, [own_name for own_name in own if own_name.endswith(".py")])
            if module in wanted:
                found.append((name, f"is imported in place of the installed {module}"))
    found += [(name, f"is run in place of {harness}") for name in _poisoned_pyc(root, harness)]
    return found


def modules(root: Path) -> list[str]:
    """Return the sorted file and folder names, such as ``model.py``, directly in ``root`` that a
    script there could import: modules, and folders with an ``__init__`` file or a module in them.
    [] if ``root`` cannot be listed."""
    return sorted(
        name
        for name in _names(root)
        if _module(root / name) or (name.isidentifier() and _holds_modules(root / name))
    )


def _holds_modules(path: Path) -> bool:
    """Return whether a folder directly contains a module, so that it is importable as a namespace
    package; False for ``__pycache__``."""
    return path.name != "__pycache__" and any(
        inner.endswith((".py", ".so", ".pyd")) for inner in _names(path)
    )


def _names(root: Path) -> list[str]:
    """Return the names directly in a folder; [] if it is not a folder or cannot be listed."""
    try:
        return os.listdir(root)  # noqa: PTH208 - names, not paths
    except OSError:
        return []


def _read(path: Path) -> bytes:
    """Return the bytes of a regular file, links followed. Raise OSError if it is anything else,
    such as a pipe, or cannot be read."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return path.read_bytes()


def _module(path: Path) -> str:
    """Return the name by which Python can import this file, or this folder if it has an
    ``__init__`` file; "" if it cannot be imported."""
    name = path.name
    if name.endswith(_BINARY):
        return name.partition(".")[0]  # the rest may name a Python and a platform
    if name.endswith((".py", ".pyc")):
        return name.rpartition(".")[0]
    package = path.is_dir() and any(inner.startswith("__init__.") for inner in _names(path))
    return name if package else ""


def _imports(root: Path, files: list[str]) -> set[str]:
    """Return the top-level names (``a`` of ``a.b``) of all modules that these files import. If a
    file is not valid Python, every word in it counts, since any word could be the name of a module
    that it imports; an unreadable file is skipped.

    Raise OuroError for an encoding that pytest-ouro refuses, LimitError for a file too large to
    parse.
    """
    from pytest_ouro.evidence.python.source import Source, decode

    names: set[str] = set()
    for file in files:
        try:
            text = decode(_read(root / file))
        except OSError:
            continue
        try:
            names |= {module.split(".")[0] for module in Source(text).imports}
        except (SyntaxError, RecursionError):
            names |= set(re.findall(r"\w+", text))
    return names


def _poisoned_pyc(root: Path, harness: str) -> Iterator[str]:
    """Yield the names of compiled files that Python would run in place of the harness, although the
    harness's source compiles to other code. The names are relative to ``root``:
    ``__pycache__/…``."""
    source = root / harness
    stem = harness.removesuffix(".py")
    folder = root / "__pycache__"
    for name in sorted(_names(folder)):
        if not name.startswith(f"{stem}.") or not name.endswith(".pyc"):
            continue
        try:
            data = _read(folder / name)
            runs = _is_used_for(data, source)
        except OSError:
            continue
        if runs and not _compiles_to(source, folder / name, data):
            yield f"__pycache__/{name}"


def _is_used_for(compiled: bytes, source: Path) -> bool:
    """Return whether Python would use the .pyc with the bytes ``compiled`` for ``source``, judged
    by its header: it is marked as unchecked, or has the source's hash, or the source's time and
    size. The version of Python in it is ignored. Raise OSError if the source cannot be read."""
    from importlib.util import source_hash

    flags, mtime, size = (int.from_bytes(compiled[i : i + 4], "little") for i in (4, 8, 12))
    if flags & 0b01:
        return not flags & 0b10 or compiled[8:16] == source_hash(source.read_bytes())
    stat = source.stat()
    return mtime == int(stat.st_mtime) & 0xFFFFFFFF and size == stat.st_size & 0xFFFFFFFF


def _compiles_to(source: Path, compiled: Path, data: bytes) -> bool:
    """Return whether the .pyc ``compiled``, with the bytes ``data``, has the code to which
    ``source`` compiles; True for a .pyc of another Python version, which cannot be compared, and
    False if the comparison fails.

    A separate interpreter compares them, since unmarshalling untrusted bytes may crash it.
    """
    import subprocess
    from importlib.util import MAGIC_NUMBER

    if data[:4] != MAGIC_NUMBER:
        return True
    program = (
        "import marshal, sys\n"
        "source, compiled, level = sys.argv[1:]\n"
        "code = marshal.loads(open(compiled, 'rb').read()[16:])\n"
        "text = open(source, 'rb').read()\n"
        "sys.exit(code != compile(text, source, 'exec', dont_inherit=True, optimize=int(level)))\n"
    )
    match = re.search(r"\.opt-(\d)\.", compiled.name)
    level = match[1] if match else "0"
    command = [sys.executable, "-I", "-S", "-c", program, str(source), str(compiled), level]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
