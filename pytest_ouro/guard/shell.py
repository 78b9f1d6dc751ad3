"""A shell's command line as the simple commands it holds.

Written by hand: shlex knows neither here-documents nor substitutions, and it brings `re`, which
costs more than all else that the guard does.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Deeper than this, or more alternatives of one word, is not followed.
_DEPTH = 8
_ALTERNATIVES = 64
#: No name of a file is longer; a variable may be doubled without end.
_LONGEST = 4096
_META = " \t\n;&|<>()"
_GLOB = "*?["


class Command:
    """One simple command: its words, what it redirects to and from, its here-documents.

    ``globs`` are those of the words and targets that the shell would expand to names of files.
    """

    __slots__ = ("documents", "globs", "reads", "words", "writes")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.documents: list[str] = []
        self.globs: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.words or self.writes)


def parse(text: str) -> list[Command | str]:
    """The commands in the order they stand, with ``"("`` and ``")"`` around what a subshell, or a
    shell of its own, would run. Invalid text is read as far as possible."""
    return _Reader(text, {}, 0).items()


class _Reader:
    """Reads one text; ``variables`` are what it assigned so far, each with all that it may be."""

    def __init__(self, text: str, variables: dict[str, list[str]], depth: int) -> None:
        self.text = text
        self.at = 0
        self.variables = variables
        self.depth = depth
        self.found: list[Command | str] = []
        self.command = Command()
        self.awaited: list[tuple[str, bool, Command]] = []  # here-documents: end, tabs, of whom
        self.open: int | None = None  # brackets, where a substitution is read
        self.closed = False

    def items(self) -> list[Command | str]:
        while self.at < len(self.text) and not self.closed:
            self._next()
        self._end()
        return self.found

    def _next(self) -> None:
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
            self._documents()
        elif self.text.startswith(("&>", "<(", ">("), self.at):
            self._redirected_all() if char == "&" else self._word(self.command.words)
        elif char in ";&|":
            self.at += 1
            self._end()
        elif char in "()":
            self.at += 1
            self._end()
            self._bracket(char)
        elif char in "<>":
            self._redirected()
        else:
            self._word(self.command.words)

    def _bracket(self, char: str) -> None:
        self.found.append(char)
        if self.open is not None:
            self.open += 1 if char == "(" else -1
            self.closed = self.open == 0

    def _end(self) -> None:
        """End the command; later commands know the variables that it assigned."""
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

    def _redirected_all(self) -> None:
        self.at += 2
        if self.text.startswith(">", self.at):
            self.at += 1
        self._word(self.command.writes)

    def _redirected(self) -> None:
        words, text = self.command.words, self.text
        if words and words[-1].isdigit() and self.at and text[self.at - 1].isdigit():
            words.pop()  # the number of what is redirected
        start = self.at
        for operator in ("<<<", "<<-", "<<", "<>", "<&", "<", ">>", ">|", ">&", ">"):
            if text.startswith(operator, start):
                break
        self.at += len(operator)
        target: list[str] = []
        if operator in ("<<", "<<-"):
            self._word(target)
            self.awaited += [(end, operator == "<<-", self.command) for end in target[:1]]
        elif operator == "<<<":
            self._word(self.command.documents)
        else:
            self._word(target)
            copies = operator.endswith("&") and target[:1] and target[0].rstrip("-").isdigit()
            if not copies and target != ["-"]:
                (self.command.reads if operator in ("<", "<&") else self.command.writes).extend(
                    target
                )

    def _documents(self) -> None:
        """Read the here-documents that begin at this line."""
        for end, tabs, command in self.awaited:
            lines: list[str] = []
            while self.at < len(self.text):
                stop = self.text.find("\n", self.at)
                stop = len(self.text) if stop < 0 else stop
                line, self.at = self.text[self.at : stop], stop + 1
                if (line.lstrip("\t") if tabs else line) == end:
                    break
                lines.append(line)
            command.documents.append("\n".join(lines))
        self.awaited = []

    def _word(self, into: list[str]) -> None:
        """Read one word, after spaces, and add its possible values."""
        while self.text.startswith((" ", "\t"), self.at):
            self.at += 1
        found, globs, start = [""], False, self.at
        if self.text.startswith("~", self.at):
            end = self.at + 1
            if end >= len(self.text) or self.text[end] in "/" + _META:
                found, self.at = [os.path.expanduser("~")], end
        while self.at < len(self.text):
            char = self.text[self.at]
            if self.text.startswith(("<(", ">("), self.at) and start == self.at:
                self.at += 1
                self._substituted()
                continue
            if char in _META:
                break
            if char == "'":
                found = _joined(found, [self._until("'")])
            elif char == '"':
                found = self._double_quoted(found)
            elif char == "\\":
                self.at += 2
                if self.text[self.at - 1 : self.at] != "\n":
                    found = _joined(found, [self.text[self.at - 1 : self.at]])
            elif char in "$`":
                values = self._expanded()
                globs = globs or any(c in value for value in values for c in _GLOB)
                found = _joined(found, values)
            else:
                part = self._run(_META + "'\"\\$`")
                globs = globs or any(c in part for c in _GLOB)
                found = _joined(found, [part])
        if self.at > start:
            into.extend(found)
            if globs:
                self.command.globs.update(found)
        elif self.at < len(self.text) and self.text[self.at] not in _META:
            self.at += 1

    def _until(self, quote: str) -> str:
        end = self.text.find(quote, self.at + 1)
        end = len(self.text) if end < 0 else end
        inner, self.at = self.text[self.at + 1 : end], end + 1
        return inner

    def _double_quoted(self, found: list[str]) -> list[str]:
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                break
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in ('"', "\\", "$", "`", "\n"):
                escaped = self.text[self.at + 1 : self.at + 2]
                found = _joined(found, ["" if escaped == "\n" else escaped])
                self.at += 2
            elif char in "$`":
                found = _joined(found, self._expanded())
            else:
                found = _joined(found, [self._run('"\\$`')])
        return found

    def _run(self, stops: str) -> str:
        """The characters up to the next of ``stops``, one at least."""
        start = self.at
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] not in stops:
            self.at += 1
        return self.text[start : self.at]

    def _expanded(self) -> list[str]:
        """The possible values of ``$name``, ``${name}``, ``$(…)`` or a pair of backticks."""
        text, start = self.text, self.at
        if text[start] == "`":
            inner = _Reader(self._until("`"), self.variables, self.depth + 1)
            self.found += ["(", *(inner.items() if self.depth < _DEPTH else ()), ")"]
            return [text[start : self.at]]
        if text.startswith("$((", start):
            self.at += 1
            return ["$" + self._inside("(", ")")]
        if text.startswith("$(", start):
            self.at += 1
            self._substituted()
            whole = text[start : self.at]
            return ["."] if whole[2:-1].strip() == "pwd" else [whole]
        if text.startswith("$'", start):
            self.at += 1
            return [self._until("'")]
        if text.startswith("${", start):
            self.at += 1
            name = self._inside("{", "}")
            return self._values(name) or [f"${{{name}}}"]
        end = start + 1
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        self.at = max(end, start + 1)
        return self._values(text[start + 1 : end]) or [text[start:end]]

    def _values(self, name: str) -> list[str]:
        if name in self.variables:
            return self.variables[name]
        return {"HOME": [os.path.expanduser("~")], "PWD": ["."]}.get(name, [])

    def _inside(self, opens: str, closes: str) -> str:
        """The text from the bracket here to the one that closes it; quoted brackets are skipped."""
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

    def _substituted(self) -> None:
        """Read the commands of a substitution. They are read as commands, because a bracket or a
        quote in a here-document closes nothing."""
        if self.depth >= _DEPTH:
            self._inside("(", ")")
            return
        inner = _Reader(self.text, self.variables, self.depth + 1)
        inner.at, inner.open = self.at, 0
        self.found += inner.items()
        self.at = inner.at


def _joined(found: list[str], values: Sequence[str]) -> list[str]:
    if len(values) == 1:
        return [word + values[0] for word in found]
    return [word + value for word in found for value in values][:_ALTERNATIVES]
