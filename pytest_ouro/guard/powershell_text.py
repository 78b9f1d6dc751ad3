"""Split a PowerShell command line into the simple commands that it contains."""

from __future__ import annotations

import os

from pytest_ouro.guard.shell import Scanner

_SPACE = " \t\r"
_META = _SPACE + "\n;|&(){},<>"
#: What a backtick and a letter stand for; of other characters, for themselves.
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\n": ""}
#: What a name of a file in a text ends at.
_BETWEEN = " \t\r\n'\"`,;()[]{}=<>|&"
#: Further alternatives of one word are dropped.
_ALTERNATIVES = 64


class Word:
    """One argument: its ``values`` (several for ``a, b``, or if a variable has several), whether
    all of its parts are ``known``, and whether it was ``plain``, without quotes. A part that is not
    known is left out of the values."""

    __slots__ = ("known", "plain", "values")

    def __init__(self) -> None:
        self.values = [""]
        self.known = True
        self.plain = True

    @property
    def text(self) -> str:
        """Its first value; "" if it has none."""
        return self.values[0] if self.values else ""

    def add(self, values: list[str]) -> None:
        """Append ``values`` to the word: each of its own values with each of ``values``, at most
        `_ALTERNATIVES`."""
        self.values = [old + new for old in self.values for new in values][:_ALTERNATIVES]


class Command:
    """One simple command: its words, the files that it redirects to, whether it is ``piped`` (a
    pipe gives it objects) and ``invoked`` (``&`` or ``&&`` stands before it, so that its first word
    may be a variable). ``call`` is "" or, for the call of a method, which has no words, the text
    before its bracket. ``assigned`` is the variable that gets the result, or ""."""

    __slots__ = ("assigned", "call", "invoked", "piped", "words", "writes")

    def __init__(self, *, piped: bool = False, invoked: bool = False, call: str = "") -> None:
        self.invoked = invoked
        self.words: list[Word] = []
        self.writes: list[Word] = []
        self.piped = piped
        self.call = call
        self.assigned = ""  # the variable that gets its result


def parse(text: str) -> tuple[list[Command], list[str]]:
    """Return a tuple: the commands in their order, those in brackets before the one around them;
    and the words of the text that may be names of files, also those inside of quoted texts. Invalid
    text is read as far as possible. RecursionError if brackets are nested too deeply."""
    home = [os.path.expanduser("~")]
    reader = _Reader(text, {"pwd": ["."], "home": home, "env:home": home, "env:pwd": ["."]})
    reader.read("")
    return reader.found, reader.words


def split(text: str) -> list[str]:
    """Return the parts of a text that may be the names of files: those between blanks, quotes,
    brackets and the like; [] if there are none."""
    return "".join(" " if c in _BETWEEN else c for c in text).split()


class _Reader(Scanner):
    """Reads the commands of one text into ``found``, and what may be names of files into ``words``,
    both by `read`. ``variables`` maps each variable that is known so far, in small letters, to its
    values; what the text assigns is changed there in place."""

    def __init__(self, text: str, variables: dict[str, list[str]]) -> None:
        super().__init__(text)
        self.variables = variables
        self.found: list[Command] = []
        self.words: list[str] = []

    def _here(self, *starts: str) -> bool:
        """Return whether the text goes on with one of ``starts``."""
        return self.text.startswith(starts, self.at)

    def _skip_spaces(self) -> None:
        """Move on behind spaces."""
        while self._here(*_SPACE):
            self.at += 1

    def read(self, closer: str) -> None:
        """Read commands up to the bracket ``closer``, and behind it, or to the end of the text."""
        command, joins = Command(), False
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == closer:
                self.at += 1
                break
            if joins and char == "\n":
                self.at += 1  # a list goes on behind a comma
            elif char in _SPACE or self._here("`\n", "`\r\n"):
                self.at = self.text.index("\n", self.at) + 1 if char == "`" else self.at + 1
            elif self._here("<#"):
                self._skip_to("#>")
            elif char == "#":
                self._skip_to("\n")
                self.at -= 1
            elif char in "\n;|&})":
                self._end(command)
                twice = self._here("||", "&&")
                command = Command(piped=char == "|" and not twice, invoked=char == "&")
                joins = False
                self.at += 1 + twice
            elif char == "{" or self._here("@{"):
                self.at += 1 + (char == "@")
                self.read("}")
            elif char == ">":
                self._redirection(command)
            elif char in ",<":
                joins = char == "," and bool(command.words)
                self.at += 1
            elif not command.words and self._here("$", "[") and self._assignment(command):
                pass
            else:
                self._argument(command, joins)
                joins = False
        self._end(command)

    def _assignment(self, command: Command) -> bool:
        """Move behind ``$name =`` or ``$name +=``, also with a type before it, and note in the
        command which variable is assigned; return whether it was there. After ``+=`` the variable
        is not known."""
        before, equals, _ = self.text[self.at :].partition("=")
        name = before.rpartition("]")[2].strip(_SPACE + "+").lower()
        if (
            not equals
            or name[:1] != "$"
            or not name[1:].strip("{}").replace(":", "_").isidentifier()
        ):
            return False
        self.at += len(before) + 1
        command.assigned = name[1:].strip("{}")
        if before.endswith("+"):
            command.assigned += " and more"  # no variable has this name
            self.variables.pop(name[1:].strip("{}"), None)
        return True

    def _argument(self, command: Command, joins: bool) -> None:
        """Read one word and add it to the command or, if ``joins`` (a comma stands before it), add
        its values to those of the last word. The number of a redirected stream is dropped."""
        word = self._word()
        if self._here(">") and word.plain and (word.text == "*" or word.text.isdigit()):
            return  # the number of the redirected stream
        if joins:
            command.words[-1].values += word.values
            command.words[-1].known &= word.known
        else:
            command.words.append(word)

    def _end(self, command: Command) -> None:
        """Record a command that has words or files to write. If the command is assigned to a
        variable, record the variable's values if the command is a single known word, or else that
        they are not known."""
        if command.assigned:
            self.variables.pop(command.assigned, None)
            if len(command.words) == 1 and command.words[0].known and not command.piped:
                self.variables[command.assigned] = command.words[0].values
        if command.words or command.writes:
            self.found.append(command)

    def _redirection(self, command: Command) -> None:
        """Read ``>`` or ``>>`` and the file behind it, and add that to the command's ``writes``;
        ``>&1`` and ``> $null`` add nothing."""
        self.at += 1 + self._here(">>")
        self._skip_spaces()
        if self._here("&"):
            self.at += 2
        elif self.text[self.at : self.at + 5].lower() == "$null":
            self.at += 5
        else:
            command.writes.append(self._word())

    def _word(self) -> Word:
        """Read one word with its quotes, variables and brackets, at least one character, and return
        it. Record the parts of its values that may be names of files in ``words``."""
        word, start = Word(), self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if self._here("@'", '@"'):
                self.at += 3
                word.add([self._skip_to(f"\n{self.text[self.at - 2]}@")])
                word.plain = False
            elif char == "'":
                self._single(word)
            elif char == '"':
                self._double(word)
            elif char == "(" or self._here("@(", "$("):
                self._bracket(word, is_call=char == "(" and self.at > start)
            elif char == "$":
                self._expand(word)
            elif char == "`":
                self._escape(word)
            elif char in _META and self.at > start:
                break
            else:
                word.add([self._run(_META + "'\"$`@")])
        values = word.values if word.known else [value.lstrip("/\\") for value in word.values]
        self.words += [part for value in values for part in split(value)]
        return word

    def _escape(self, word: Word) -> None:
        """Read a backtick and the character behind it, and add to ``word`` the character that the
        two stand for, such as a line feed for a backtick and ``n``."""
        char = self.text[self.at + 1 : self.at + 2]
        word.add([_ESCAPES.get(char, char)])
        self.at += 2

    def _single(self, word: Word) -> None:
        """Read a text in single quotes, in which two stand for one, and add it to ``word``, which
        is then not plain."""
        word.plain = False
        self.at += 1
        word.add([self._skip_to("'")])
        while self._here("'"):
            self.at += 1
            word.add(["'" + self._skip_to("'")])

    def _double(self, word: Word) -> None:
        """Read a text in double quotes, with its variables and brackets, in which two quotes stand
        for one, and add it to ``word``, which is then not plain."""
        word.plain = False
        self.at += 1
        while self.at < len(self.text):
            if self._here('""'):
                word.add(['"'])
                self.at += 2
            elif self._here('"'):
                self.at += 1
                return
            elif self._here("$("):
                self._bracket(word, is_call=False)
            elif self._here("$"):
                self._expand(word)
            elif self._here("`"):
                self._escape(word)
            else:
                word.add([self._run('"$`')])

    def _bracket(self, word: Word, *, is_call: bool) -> None:
        """Read ``(…)``, ``@(…)`` or ``$(…)`` and record the commands in it. If it asks for the
        current folder, as ``(pwd)`` does, add ``.`` to ``word``; otherwise mark ``word`` as not
        known. With ``is_call`` it is the call of a method, which is recorded as a command too: its
        ``call`` is the text of ``word`` before the bracket."""
        name = word.text
        self.at += 1 + (self.text[self.at] in "@$")
        inner = self.text[self.at :].partition(")")[0].strip().lower()
        self.read(")")
        if is_call:
            self.found.append(Command(call=name))
        if inner in ("get-location", "pwd", "gl"):
            word.add(["."])
        else:
            word.known = False

    def _expand(self, word: Word) -> None:
        """Read ``$name``, ``${name}`` or ``$env:name``, and add the variable's values to the word;
        if they are not known, or for ``$?``, ``$$`` and ``$^``, the word is marked as not known. A
        dollar before any other character stands for itself."""
        start = self.at + 1
        self.at = start
        if self._here("{"):
            name = self._skip_to("}")[1:]
        else:
            while self._here(":") or self.text[self.at : self.at + 1].replace("_", "a").isalnum():
                self.at += 1
            name = self.text[start : self.at]
        if name.lower() in self.variables:
            word.add(self.variables[name.lower()])
        elif name or self._here("?", "$", "^"):
            word.known = False
        else:
            word.add(["$"])
