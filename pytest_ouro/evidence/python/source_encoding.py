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
    lines declare, else UTF-8.

    The interpreter refuses an invalid declaration, an unknown encoding, and bytes that the encoding
    does not allow. With ``strict`` they raise SyntaxError; without it, the text is read as UTF-8,
    and those bytes are replaced. OuroError, which names ``path``, for an encoding that an
    interpreter may read and pytest-ouro does not.
    """
    encoding = "utf-8"
    declares = any(b"coding" in line for line in data.split(b"\n", 2)[:2])
    if declares or data.startswith(codecs.BOM_UTF8):
        try:
            encoding = _declared(data, path)
        except SyntaxError:
            if strict:
                raise SyntaxError("it declares an unknown encoding, or is not in it") from None
    try:
        return data.decode(encoding, errors="strict" if strict else "replace")
    except (LookupError, ValueError) as error:
        if strict and isinstance(error, UnicodeDecodeError):
            raise _refusal(error, encoding, data, path) from None
        raise messages.unread_encoding(path, encoding) from None


def _refusal(error: UnicodeDecodeError, encoding: str, data: bytes, path: str) -> SyntaxError:
    """Return the error that the script ``data`` has a byte that its encoding does not allow, with
    its line."""
    words = f"the byte 0x{data[error.start]:02x} is not valid in {encoding}"
    line = data.count(b"\n", 0, error.start) + 1
    return SyntaxError(words, (path, line, None, None))


def _declared(data: bytes, path: str) -> str:
    """Return the encoding that source declares, or its byte order mark says. SyntaxError if the
    interpreter refuses the declaration; OuroError, which names ``path``, for one that is slow."""
    import io
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if codecs.lookup(encoding).name in _SLOW:
        raise messages.unread_encoding(path, encoding)
    return encoding


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
