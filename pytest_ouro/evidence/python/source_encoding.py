"""Decode Python source, limit its size, and search its lines without parsing it."""

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
    """Return Python source as text, decoded as the interpreter does: by the encoding that its byte
    order mark or first two lines declare, otherwise as UTF-8.

    With ``strict``, raise SyntaxError for an invalid or unknown declaration, or for bytes that the
    encoding does not allow. Without, read a text with an invalid or unknown declaration as UTF-8,
    and replace bytes that the encoding does not allow. In both cases raise OuroError, which names
    ``path``, for an encoding that an interpreter may support and pytest-ouro refuses.
    """
    encoding = "utf-8"
    if _may_declare(data) or data.startswith(codecs.BOM_UTF8):
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
    """Return the SyntaxError, with its line, for the first byte of the script ``data`` that its
    encoding does not allow."""
    words = f"the byte 0x{data[error.start]:02x} is not valid in {encoding}"
    line = data.count(b"\n", 0, error.start) + 1
    return SyntaxError(words, (path, line, None, None))


def _may_declare(data: bytes) -> bool:
    """Return whether ``coding`` is in the first two lines of a source, the only ones in which
    Python looks for a declared encoding."""
    return any(b"coding" in line for line in data.split(b"\n", 2)[:2])


def _declared(data: bytes, path: str) -> str:
    """Return the encoding that the source's byte order mark or its first two lines declare. Raise
    SyntaxError if the declaration is invalid, and OuroError, which names ``path``, if the encoding
    is too slow to decode."""
    import io
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if codecs.lookup(encoding).name in _SLOW:
        raise messages.unread_encoding(path, encoding)
    return encoding


def demand_readable(data: bytes, path: str) -> None:
    """Raise OuroError, which names ``path``, if the script ``data`` is too large to be parsed, or
    declares an encoding that pytest-ouro refuses; otherwise return. It need not be valid Python."""
    if len(data) > LONG or _may_declare(data):
        demand_few_tokens(decode(data, path=path), path)


def demand_few_tokens(text: str, path: str) -> None:
    """Raise LimitError, which names ``path``, if a script has more than `limits.SCRIPT` characters
    or `limits.TOKENS` tokens, since its syntax tree would need too much memory; otherwise
    return."""
    if len(text) > limits.SCRIPT:
        raise messages.too_large(path, len(text), limits.SCRIPT)
    if len(text) > LONG and (count := len(re.findall(_TOKEN, text))) > limits.TOKENS:
        raise messages.too_many_tokens(path, count, limits.TOKENS)


def defines(text: str, name: str) -> bool:
    """Return whether an unindented line begins with ``def name``, ``async def name``, ``class
    name``, ``name =`` or ``name:`` (also a line within a string). Other bindings, such as imports,
    are not found."""
    plain = rf"^(?:async def|def|class) {re.escape(name)}\b|^{re.escape(name)}\s*[:=]"
    return re.search(plain, text, re.MULTILINE) is not None
