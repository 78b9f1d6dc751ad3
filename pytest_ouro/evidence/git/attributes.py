"""Undo the changes that git's attributes make to a file at checkout, to compare it with its
blob.

Handled are ``ident`` and ``working-tree-encoding``. Line endings are made equal elsewhere, by
`content.canonical`. No filter is run, since a filter is a program that a repository names.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pytest_ouro.evidence.git.client import split

if TYPE_CHECKING:
    from pytest_ouro.evidence.git.client import Git

#: What git writes in place of ``$Id$``: only the id of an object, so that nothing else is hidden.
_IDENT = rb"\$Id: (?:[0-9a-f]{40}|[0-9a-f]{64}) \$"
#: The encodings that begin with a byte order mark, and those that the mark can say.
_MARKED = {
    "utf-16": ("utf-16-le", "utf-16-be"),
    "utf-32": ("utf-32-le", "utf-32-be"),
    "utf-16le-bom": ("utf-16-le",),
    "utf-16be-bom": ("utf-16-be",),
}
#: Encodings that take time with the square of the text, and that git does not know.
_SLOW = ("idna", "punycode")


def as_committed(git: Git, path: str, data: bytes) -> bytes:
    """Convert the bytes ``data`` of a working-tree file to those that git would store for it: an
    expanded ``$Id: … $`` becomes ``$Id$`` (attribute ``ident``), and text in another encoding
    becomes UTF-8 (attribute ``working-tree-encoding``).

    ``path`` is repository-relative, or absolute within the working tree. Return ``data``
    unchanged if neither attribute is set for it, if a filter is set, or if git could not have
    written these bytes. Raise GitError if git fails.
    """
    if not (b"$Id: " in data or _is_encoded(data)):
        return data  # nothing to undo: spare git's process
    path = path.removeprefix(f"{git.top}/")
    if not _may_have_attributes(git, path):
        return data
    asked = ("ident", "working-tree-encoding", "filter")
    ident, encoding, filter = split(git.call("check-attr", "-z", *asked, "--", path))[2::3]
    if filter not in ("unspecified", "unset"):
        return data
    if encoding not in ("unspecified", "unset", "set"):
        data = _to_utf8(data, encoding.lower())
    return re.sub(_IDENT, b"$Id$", data) if ident == "set" else data


def _is_encoded(data: bytes) -> bool:
    """Return whether ``data`` may be text in another encoding than UTF-8, so that git must be asked
    for its attributes: it is not valid UTF-8, or has a NUL byte."""
    try:
        return "\0" in data.decode()
    except UnicodeDecodeError:
        return True


def _may_have_attributes(git: Git, path: str) -> bool:
    """Return whether a file of attributes exists that could apply to the repository-relative
    ``path``: ``info/attributes`` in the git folder, or ``.gitattributes`` at the top or in a folder
    of ``path``."""
    folders = path.split("/")[:-1]
    above = ["/".join(["", *folders[:depth]]) for depth in range(len(folders) + 1)]
    files = [f"{git.top}{folder}/.gitattributes" for folder in above]
    return any(map(os.path.lexists, [*files, f"{git.common_dir}/info/attributes"]))


def _to_utf8(data: bytes, encoding: str) -> bytes:
    """Return ``data``, text in the encoding of this lower-case name, as UTF-8. Return it unchanged
    if the encoding is unknown or refused, or if decoding and encoding again gives other bytes."""
    for codec in _MARKED.get(encoding, (encoding,)):
        mark = "\ufeff".encode(codec) if encoding in _MARKED else b""
        if codec in _SLOW or not data.startswith(mark):
            continue
        try:
            text = data[len(mark) :].decode(codec)
            if mark + text.encode(codec) == data:
                return text.encode()
        except (LookupError, ValueError):
            continue
    return data
