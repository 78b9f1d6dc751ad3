"""What the commits of claimed experiments add that nobody can read: compiled and packed code."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import Claimed
from pytest_ouro.core.finding import Finding, count, several
from pytest_ouro.evidence.paths import matching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step

#: Endings of files that are compiled code, and of other files that are not text.
_COMPILED = (
    ".so",
    ".pyd",
    ".pyc",
    ".pyo",
    ".dll",
    ".dylib",
    ".o",
    ".a",
    ".exe",
    ".whl",
    ".egg",
    ".pth",
    ".cubin",
    ".hsaco",
    ".metallib",
    ".spv",
)
#: Those that a program hands to a device.
_DEVICE = (".cubin", ".hsaco", ".metallib", ".spv")
_OTHER = (
    ".bin",
    ".pkl",
    ".pickle",
    ".pt",
    ".npy",
    ".npz",
    ".safetensors",
    ".zip",
    ".gz",
    ".onnx",
    ".joblib",
)
#: A line of code that is longer was written by a program, and words that unpack and run it.
_LONG = 2000
_UNPACKS = re.compile(
    r"\b(?:exec|eval|marshal|b64decode|b85decode|a85decode|unhexlify|fromhex|zlib\.decompress)\b"
)


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding for each kind that a commit of the loop, not a merge, adds: compiled code,
    other binary files, and code that is unpacked and run. Each only warns unless the commit was
    kept (`Claims.is_kept`) and the evidence is conclusive."""
    for step in claims.loop.steps:
        if len(step.parents) == 1:
            yield from _generated(claims, step)


def _generated(claims: Claims, step: Step) -> Iterator[Claimed]:
    """Yield up to three findings about what a commit adds: compiled code, other binary files, and
    Python files to which it adds packed code (`_is_packed`)."""
    history = claims.loop.history
    paths = history.changes(step)
    added = [path for path in paths if not history.entry(step.parent, path)]
    compiled = [path for path in added if path.endswith(_COMPILED)]
    other = [path for path in added if path.endswith(_OTHER)]
    packed = [path for path in paths if path.endswith(".py") and _is_packed(claims, step, path)]
    kept = claims.is_kept(step.id)
    for found, words, sure in (
        (compiled, "compiled code", _is_used(claims, step, compiled)),
        (other, "binary file", False),
        (packed, "code that is unpacked and run", True),
    ):
        if found:
            what = count(len(found), "file") if len(found) > 1 else posixpath.basename(found[0])
            yield Claimed(
                "generated-code",
                Finding(
                    f"{what}: {words} that nobody can read was added",
                    where=f"{step}: {several(found)}",
                    help="take it out, and keep the source that it was made from",
                    facts={"path": found[0], "files": len(found)},
                    warns=not (sure and kept),
                    paths=tuple(found),
                ),
                (step.id,),
            )


def _importable(paths: list[str]) -> list[str]:
    """Return the compiled files that Python may import."""
    never = (".o", ".a", ".exe", *_DEVICE)
    return [p for p in paths if not p.endswith(never) and "__pycache__" not in p]


def _is_used(claims: Claims, step: Step, compiled: list[str]) -> bool:
    """Return whether Python may import one of the compiled files that a commit adds, or an editable
    file that it changes names one that is for a device."""
    if _importable(compiled):
        return True
    names = [posixpath.basename(path) for path in compiled if path.endswith(_DEVICE)]
    changed = matching(claims.loop.history.changes(step), claims.editable) if names else ()
    texts = [claims.text(step.id, path) for path in changed if path not in compiled]
    return any(name in text for text in texts for name in names)


def _is_packed(claims: Claims, step: Step, path: str) -> bool:
    """Return whether a commit adds to a file a line too long to be written by hand, and a word of
    what unpacks or runs data, such as ``exec`` or ``b64decode``."""
    new = claims.edit(step.parent, step.id, path).added
    return bool(_UNPACKS.search(new)) and any(len(line) > _LONG for line in new.splitlines())
