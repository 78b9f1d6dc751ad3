"""Decode Python source, and search its lines without parsing it."""

from __future__ import annotations

import codecs
import re


def decode(data: bytes, *, strict: bool = False) -> str:
    """Decode source as the interpreter does, by the encoding that its first lines declare.

    An unknown encoding is read as UTF-8; SyntaxError if ``strict``.
    """
    declares = any(b"coding" in line for line in data.split(b"\n", 2)[:2])
    if not declares and not data.startswith(codecs.BOM_UTF8):
        return data.decode(errors="replace")
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding, errors="replace")
    except (SyntaxError, LookupError):
        if strict:
            raise SyntaxError("it declares an unknown encoding") from None
        return data.decode(errors="replace")


def defines(text: str, name: str) -> bool:
    """Return whether an unindented line defines ``name``; a syntax tree may show more cases."""
    plain = rf"^(?:async def|def|class) {re.escape(name)}\b|^{re.escape(name)}\s*[:=]"
    return re.search(plain, text, re.MULTILINE) is not None
