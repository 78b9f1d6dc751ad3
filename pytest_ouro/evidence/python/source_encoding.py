"""Decode Python source, and search its lines without parsing it."""

from __future__ import annotations

import codecs
import re

from pytest_ouro.core import limits
from pytest_ouro.messages import limits as messages

#: A shorter text cannot have more tokens than are parsed.
LONG = limits.TOKENS // 2
#: A word, a sign or a line end: each is at most a few nodes of a syntax tree.
_TOKEN = r"\w+|[^\w\s]|\n"
#: Encodings that take time with the square of the text, and refuse to replace what is invalid.
_SLOW = ("idna", "punycode")


def decode(data: bytes, *, strict: bool = False, path: str = "a script") -> str:
    """Return source as text, decoded as the interpreter does it, by the encoding that its first two
    lines declare, else UTF-8. Bytes that the encoding does not allow are replaced.

    If the declaration is invalid, or names no encoding, the text is read as UTF-8, or, with
    ``strict``, SyntaxError is raised. OuroError, which names ``path``, for an encoding that an
    interpreter may read and pytest-ouro does not.
    """
    declares = any(b"coding" in line for line in data.split(b"\n", 2)[:2])
    if not declares and not data.startswith(codecs.BOM_UTF8):
        return data.decode(errors="replace")
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:  # the interpreter refuses it too
        if strict:
            raise SyntaxError("it declares an unknown encoding") from None
        return data.decode(errors="replace")
    try:
        if codecs.lookup(encoding).name not in _SLOW:
            return data.decode(encoding, errors="replace")
    except (LookupError, ValueError):
        pass
    raise messages.unread_encoding(path, encoding)


def demand_readable(data: bytes, path: str) -> None:
    """Raise OuroError, which names ``path``, if the script ``data`` is too large to be parsed, or
    declares an encoding that an interpreter may read and pytest-ouro does not. It need not be valid
    Python."""
    if len(data) > LONG or b"coding" in data[:1000]:
        demand_few_tokens(decode(data, path=path), path)


def demand_few_tokens(text: str, path: str) -> None:
    """Raise LimitError, which names the ``path``, if a text has too many characters or tokens: its
    tree would take too much memory."""
    if len(text) > limits.SCRIPT:
        raise messages.too_large(path, len(text), limits.SCRIPT)
    if len(text) > LONG and (count := len(re.findall(_TOKEN, text))) > limits.TOKENS:
        raise messages.too_many_tokens(path, count, limits.TOKENS)


def defines(text: str, name: str) -> bool:
    """Return whether a line without indent defines ``name`` by ``def`` or ``class``, or begins with
    it and ``=`` or ``:``; a line within a string counts too. False for other ways to bind it, as by
    an import: only a syntax tree shows these."""
    plain = rf"^(?:async def|def|class) {re.escape(name)}\b|^{re.escape(name)}\s*[:=]"
    return re.search(plain, text, re.MULTILINE) is not None
