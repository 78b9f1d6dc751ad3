"""Edits of an experiment: each changes the files of the working tree."""

from __future__ import annotations

import re
from collections.abc import Callable

#: The return of the script's forward, which training and evaluation share.
FORWARD = (
    "        return F.cross_entropy(logits.view(-1, VOCAB), targets.view(-1), "
    "reduction=reduction)\n"
)

Files = dict[str, bytes]
Edit = Callable[[Files], None]


def _pattern(name: str) -> str:
    """What stands before the value of a constant, as many languages write it."""
    word = r"(?:pub |static |export |local |ARG )*(?:const |int |let |constexpr int )?"
    return rf"^(\s*#define {name} |\s*{word}{name} ?(?:: ?\w+ )?(?:=|<-) ?|\s*{name}: )"


def tune(path: str, name: str, value: str) -> Edit:
    """Give a constant another value."""
    pattern = re.compile(_pattern(name) + r"[^;\n]+", re.M)

    def edit(files: Files) -> None:
        text, count = pattern.subn(rf"\g<1>{value}", files[path].decode())
        assert count == 1, f"{path} has {count} constants {name}"
        files[path] = text.encode()

    return edit


def swap(path: str, old: str, new: str) -> Edit:
    """Replace a text, which must be in the file once."""

    def edit(files: Files) -> None:
        text = files[path].decode()
        assert text.count(old) == 1, f"{path} has {text.count(old)} times: {old}"
        files[path] = text.replace(old, new).encode()

    return edit


def put(path: str, data: str | bytes) -> Edit:
    """Write a whole file."""

    def edit(files: Files) -> None:
        files[path] = data.encode() if isinstance(data, str) else data

    return edit


def append(path: str, text: str) -> Edit:
    """Add text at the end of a file, which is made if need be."""

    def edit(files: Files) -> None:
        files[path] = files.get(path, b"") + text.encode()

    return edit


def drop(path: str) -> Edit:
    """Remove a file."""

    def edit(files: Files) -> None:
        del files[path]

    return edit


def move(path: str, to: str) -> Edit:
    """Rename a file."""

    def edit(files: Files) -> None:
        files[to] = files.pop(path)

    return edit


def value_of(files: Files, path: str, name: str) -> str:
    """The value of a constant as it is written."""
    found = re.search(_pattern(name) + r"([^;\n]+)", files[path].decode(), re.M)
    assert found, f"{path} lacks the constant {name}"
    return found[2]
