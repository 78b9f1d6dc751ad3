"""Escape untrusted text where it is printed: in a terminal, a log, a report.

File names, commit messages and the output of programs may contain anything: sequences that move
the cursor, marks that change the direction of text, lines that look like ours or that a CI
server obeys.
"""

from __future__ import annotations

import re

#: What Azure, GitHub and TeamCity take for a command, anywhere in a line.
_COMMAND = r"##(?=\w*\[)"


def escape(line: str) -> str:
    r"""Return a text as one line of printable characters that no CI server takes for a command. A
    text that has nothing to escape is returned unchanged; this includes the result of an earlier
    call, since backslashes are not escaped.

    Each unprintable character (control, line end, zero-width or direction mark, invalid byte) is
    written as ``\n``, ``\x1b``, ``\u202e``, …. CI servers obey ``::`` at the start, also after
    blanks, and ``##[`` or ``##name[`` anywhere: one character of these is written as ``\x3a`` or
    ``\x23``.
    """
    if not line.isprintable():
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    if line.lstrip().startswith("::"):
        line = line.replace("::", "\\x3a:", 1)
    return re.sub(_COMMAND, "#\\\\x23", line) if "##" in line else line


def quoted(path: str) -> str:
    r"""Return a path as one word of a shell command for a person to copy, quoted if necessary.

    ``~/`` at its start is not quoted, so that it means the home folder; a path that begins with
    ``-`` gets ``./`` before it. A path that `escape` would change is written as ``$'caf\351.py'``,
    which bash, zsh and ksh read: each character that is not printable, a ``'``, a backslash or
    ``#`` becomes its bytes in octal.
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
    """Return a character as written within ``$'…'``: its bytes in octal if it is not printable, a
    ``'``, a backslash or ``#``; otherwise itself."""
    if character.isprintable() and character not in "'\\#":
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))


def escape_lines(*lines: str) -> str:
    """Return the texts, each escaped to one line, joined by line ends; "" if there are none."""
    return "\n".join(map(escape, lines))


def escape_json(document: str) -> str:
    r"""Return a JSON document with the same meaning, in which unprintable characters are written as
    ``\uXXXX`` and no CI server finds a command. Its own line ends are kept."""
    if "##" in document:
        document = re.sub(_COMMAND, r"#\\u0023", document)
    if document.replace("\n", "").isprintable():
        return document
    return "".join(c if c == "\n" or c.isprintable() else _json(c) for c in document)


def _json(character: str) -> str:
    r"""Return the JSON escape ``\uXXXX`` of a character; for a character above U+FFFF, the two
    escapes of its surrogate pair."""
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
