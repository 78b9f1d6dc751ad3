"""Split a shell's command line into the simple commands that it contains.

`shlex` reads neither here-documents nor substitutions, and it imports `re`, which costs more than
everything else that the guard does.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Further alternatives of one word are dropped.
_ALTERNATIVES = 64
#: The values of variables are cut here, because a variable may double itself without end.
_LONGEST = 4096
_META = " \t\n;&|<>()"
_GLOB = "*?["
_REDIRECTIONS = ("&>>", "&>", "<<<", "<<-", "<<", "<>", "<&", "<", ">>", ">|", ">&", ">")


class Command:
    """One simple command: its words, the files that it redirects output to, and the texts of its
    here-documents and of ``<<<``.

    ``globs`` are the words and files that the shell would expand to names of files.
    """

    __slots__ = ("documents", "globs", "words", "writes")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.writes: list[str] = []
        self.documents: list[str] = []
        self.globs: set[str] = set()

    def __bool__(self) -> bool:
        """Whether it has words or files to write."""
        return bool(self.words or self.writes)


def parse(text: str) -> list[Command | str]:
    """Return the commands in the order in which they end, so that those of a substitution come
    before the command around it. ``"("`` and ``")"`` stand around those that run in a shell of
    their own; any other bracket that is not quoted, as of ``f()``, is returned too. Invalid text is
    read as far as possible.

    ``~``, HOME, PWD (as ``.``) and variables that the text assigns are replaced by their values; a
    word with several possible values becomes several words. Unknown variables stay as they are.
    RecursionError if substitutions are nested too deeply.
    """
    return _Reader(text, {"HOME": [os.path.expanduser("~")], "PWD": ["."]}).items()


class Scanner:
    """A text, and how far (``at``, a number of characters) it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def _skip_to(self, end: str) -> str:
        """Move on behind the next ``end``, or to the end of the text; return what is before it."""
        stop = self.text.find(end, self.at)
        stop = len(self.text) if stop < 0 else stop
        inner, self.at = self.text[self.at : stop], stop + len(end)
        return inner

    def _run(self, stops: str) -> str:
        """Read the characters up to the next of ``stops``, at least one, and return them."""
        start = self.at
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] not in stops:
            self.at += 1
        return self.text[start : self.at]


class _Reader(Scanner):
    """Reads the commands of one text, which `items` returns. ``variables`` maps each variable that
    is known so far to all its possible values; what the text assigns is added to it."""

    def __init__(self, text: str, variables: dict[str, list[str]]) -> None:
        super().__init__(text)
        self.variables = variables
        self.found: list[Command | str] = []
        self.command = Command()
        #: Here-documents that start at the next line: end, whether tabs are stripped, command.
        self.awaited: list[tuple[str, bool, Command]] = []
        self.open: int | None = None  # the open brackets, within a substitution
        self.closed = False

    def items(self) -> list[Command | str]:
        """Read to the end of the text, or of the substitution, and return the commands and brackets
        found. RecursionError, as from every method that reads, if substitutions are nested too
        deeply."""
        while self.at < len(self.text) and not self.closed:
            self._next()
        self._end()
        return self.found

    def _next(self) -> None:
        """Read the next word, redirection, comment or separator, and move on behind it."""
        char = self.text[self.at]
        if char in " \t":
            self.at += 1
        elif self.text.startswith("\\\n", self.at):
            self.at += 2
        elif char == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        elif char == "\n":
            self.at += 1
            self._end()
            self._read_documents()
        elif self.text.startswith(("<(", ">("), self.at):
            self._word(self.command.words)
        elif char in "<>" or self.text.startswith("&>", self.at):
            self._redirection()
        elif char in ";&|()":
            self.at += 1
            self._end()
            if char in "()":
                self._bracket(char)
        else:
            self._word(self.command.words)

    def _bracket(self, char: str) -> None:
        """Record a round bracket. Within a substitution, the bracket that closes the substitution
        also ends the reading."""
        self.found.append(char)
        if self.open is not None:
            self.open += 1 if char == "(" else -1
            self.closed = self.open == 0

    def _end(self) -> None:
        """Record the command that ends here, if it has words or files to write. Also record
        variables that later commands know: those that are assigned before its name or after
        ``export``, ``local`` or ``declare``, and the values that ``for`` loops over."""
        if self.command:
            words = self.command.words
            if words[:1] == ["for"] and words[2:3] == ["in"]:
                self.variables[words[1]] = words[3 : 3 + _ALTERNATIVES]
            for word in words[1:] if words[:1] in (["export"], ["local"], ["declare"]) else words:
                name, equals, value = word.partition("=")
                if not (equals and name.isidentifier()):
                    break
                self.variables[name] = [value[:_LONGEST]]
            self.found.append(self.command)
            self.command = Command()

    def _redirection(self) -> None:
        """Read a redirection, and add the file that it writes to the command's ``writes``, or the
        text of ``<<<`` to its ``documents``; the text of ``<<`` is read at the next line. One that
        only reads, or that names a descriptor, adds nothing."""
        words, text = self.command.words, self.text
        if words and words[-1].isdigit() and self.at and text[self.at - 1].isdigit():
            words.pop()  # the number of the redirected descriptor
        operator = next(each for each in _REDIRECTIONS if text.startswith(each, self.at))
        self.at += len(operator)
        target: list[str] = []
        self._word(target)
        if operator in ("<<", "<<-"):
            self.awaited += [(end, operator == "<<-", self.command) for end in target[:1]]
        elif operator == "<<<":
            self.command.documents += target
        elif operator not in ("<", "<&"):
            is_descriptor = operator == ">&" and target[:1] and target[0].rstrip("-").isdigit()
            if not is_descriptor and target != ["-"]:
                self.command.writes += target

    def _read_documents(self) -> None:
        """Read the texts of the here-documents in ``awaited``, which start at this line, and add
        each to the ``documents`` of its command. A text ends before the line that is its end word,
        or at the end of what is read if no line is."""
        for end, tabs, command in self.awaited:
            lines: list[str] = []
            while self.at < len(self.text):
                line = self._skip_to("\n")
                if (line.lstrip("\t") if tabs else line) == end:
                    break
                lines.append(line)
            command.documents.append("\n".join(lines))
        self.awaited = []

    def _word(self, into: list[str]) -> None:
        """Read one word, after spaces, and add its possible values to ``into``: several if it has
        variables with several values, none if no word is here. A quote that is never closed reaches
        to the end. If a wildcard in the word is not quoted, add the values to the command's
        ``globs`` too."""
        while self.text.startswith((" ", "\t"), self.at):
            self.at += 1
        found, globs, quoted, start = [""], False, False, self.at
        if self.text.startswith("~", start) and self.text[start + 1 : start + 2] in "/" + _META:
            found, self.at = [os.path.expanduser("~")], start + 1
        while self.at < len(self.text):
            char = self.text[self.at]
            literal = quoted or char in "'\\"
            if char == '"':
                quoted = not quoted
                self.at += 1
                continue
            if not quoted and self.text.startswith("$'", self.at):
                values, literal = [self._ansi_c()], True
            elif char in "$`":
                values = self._expand()
            elif char == "\\":
                values = [self._escaped(quoted)]
            elif quoted:
                values = [self._run('"\\$`')]
            elif char == "'":
                values = [self._until("'")]
            elif self.at == start and self.text.startswith(("<(", ">("), start):
                self.at += 1
                self._substitution()
                continue
            elif char in _META:
                break
            else:
                values = [self._run(_META + "'\"\\$`")]
            found = _joined(found, values)
            globs = globs or (not literal and any(c in value for value in values for c in _GLOB))
        if self.at > start:
            into += found
            if globs:
                self.command.globs.update(found)

    def _escaped(self, quoted: bool) -> str:
        """Read a backslash and the character after it; return what they stand for, "" if the line
        or the text ends there. ``quoted``: within double quotes, where most backslashes stay."""
        char = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if char == "\n":
            return ""
        return char if not quoted or char in '"\\$`' else f"\\{char}"

    def _ansi_c(self) -> str:
        """Read ``$'…'`` at the current position, or to the end of the text if the quote is not
        closed, and return what bash makes of it. Each escape stands for the character or byte that
        it names (a byte is decoded as in the name of a file), and the result ends before the first
        null byte. If an escape is invalid, return what is between the quotes as it is written."""
        start = self.at + 2
        self.at = start
        while self.at < len(self.text) and self.text[self.at] != "'":
            self.at += 1 + (self.text[self.at] == "\\")
        inner = self.text[start : self.at]
        self.at += 1
        try:  # each byte becomes the character of its number, and so does each escape of a byte
            found = os.fsencode(inner).decode("unicode_escape")
        except UnicodeError:
            return inner
        data = b"".join(c.encode("latin-1" if c < "\u0100" else "utf-8") for c in found)
        return os.fsdecode(data.partition(b"\0")[0])

    def _until(self, quote: str) -> str:
        """Read a quoted text up to the next ``quote``, or to the end if there is none, and return
        it without the quotes."""
        self.at += 1
        return self._skip_to(quote)

    def _expand(self) -> list[str]:
        """Read ``$name``, ``${name}``, ``$(…)`` or text in backticks; return its possible values,
        or a list of the text itself if they are not known. ``$(pwd)`` is ``.``. The commands of a
        substitution are recorded, in brackets."""
        text, start = self.text, self.at
        if text[start] == "`":
            self.found += ["(", *_Reader(self._until("`"), self.variables).items(), ")"]
            return [text[start : self.at]]
        self.at += 1
        if text.startswith("((", self.at):
            return ["$" + self._inside("(", ")")]
        if text.startswith("(", self.at):
            self._substitution()
            whole = text[start : self.at]
            return ["."] if whole[2:-1].strip() == "pwd" else [whole]
        if text.startswith("{", self.at):
            name = self._inside("{", "}")
        else:
            while self.at < len(text) and (text[self.at].isalnum() or text[self.at] == "_"):
                self.at += 1
            name = text[start + 1 : self.at]
        return self.variables.get(name) or [text[start : self.at]]

    def _inside(self, opens: str, closes: str) -> str:
        """Read from the current bracket, ``opens``, to the one that closes it, and return the text
        in between; the rest of the text if no bracket closes it. Brackets in single quotes, or
        after a backslash, do not count."""
        start, level = self.at + 1, 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "'":
                self._until("'")
                continue
            if char == "\\":
                self.at += 1
            level += (char == opens) - (char == closes)
            self.at += 1
            if not level:
                return self.text[start : self.at - 1]
        return self.text[start:]

    def _substitution(self) -> None:
        """Read a substitution from its opening bracket to the matching closing one, or to the end
        of the text without one, and record its commands and all its brackets. The matching bracket
        is found by reading the commands, since a bracket or a quote in a here-document closes
        nothing. RecursionError if substitutions are nested too deeply."""
        inner = _Reader(self.text, self.variables)
        inner.at, inner.open = self.at, 0
        self.found += inner.items()
        self.at = inner.at


def _joined(found: list[str], values: Sequence[str]) -> list[str]:
    """Return a list of each word of ``found`` followed by each of ``values``, cut to the first
    `_ALTERNATIVES`; [] if ``found`` or ``values`` is empty."""
    return [word + value for word in found for value in values][:_ALTERNATIVES]
