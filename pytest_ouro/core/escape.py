"""Escape text of the outside world where it leaves: in a terminal, a log, a report.

File names, commit messages and the output of programs may contain anything: sequences that move the
cursor, marks that turn the direction of text, lines that imitate ours or that a CI server obeys.
"""

from __future__ import annotations

import re

#: What Azure, GitHub and TeamCity take for a command, anywhere in a line.
_COMMAND = r"##(?=\w*\[)"


def escape(line: str) -> str:
    """Return a text as one line of printable characters that no CI server obeys. A text that is
    escaped already is returned unchanged.

    Each character that is not printable is written as ``\\n``, ``\\x1b``, ``\\u202e``, …: controls,
    line ends, zero-width and direction marks, and bytes that are not UTF-8. CI servers obey ``::``
    at the start (after blanks too), and ``##[`` or ``##name[`` anywhere: one character of these is
    written as ``\\x3a`` or ``\\x23``.
    """
    if not line.isprintable():
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    if line.lstrip().startswith("::"):
        line = line.replace("::", "\\x3a:", 1)
    return re.sub(_COMMAND, "#\\\\x23", line) if "##" in line else line


def quoted(path: str) -> str:
    """Return a path as one word of a shell command that a person copies.

    It is quoted if it must be, except for ``~/`` at its start, which stays the home folder; one
    that begins with ``-`` gets ``./`` before it. A path that `escape` would change, so that it
    named another file, is written as ``$'caf\\351.py'``: those characters as their bytes in octal,
    which bash, zsh and ksh read.
    """
    import shlex  # most sessions need no quoted path

    rest = path.removeprefix("~/")
    home = path.removesuffix(rest)
    if rest.startswith("-"):
        rest = f"./{rest}"
    if escape(rest) == rest:
        return home + shlex.quote(rest)
    return f"{home}$'{''.join(map(_octal, rest))}'"


def _octal(character: str) -> str:
    """Return a character as it stands between ``$'`` and ``'``: itself; or its bytes in octal if it
    is not printable, or is a quote, a backslash or ``#``."""
    if character.isprintable() and character not in "'\\#":
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))


def escape_lines(*lines: str) -> str:
    """Return the texts joined by line ends, each escaped to one line; "" for none."""
    return "\n".join(map(escape, lines))


def escape_json(document: str) -> str:
    """Return a JSON document that means the same to a program, with all but printable characters as
    ``\\uXXXX``, and without texts that a CI server obeys. Its own line ends stay."""
    if "##" in document:
        document = re.sub(_COMMAND, r"#\\u0023", document)
    if document.replace("\n", "").isprintable():
        return document
    return "".join(c if c == "\n" or c.isprintable() else _json(c) for c in document)


def _json(character: str) -> str:
    """Return a character as JSON's escape; as two, a surrogate pair, if it is above U+FFFF."""
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
