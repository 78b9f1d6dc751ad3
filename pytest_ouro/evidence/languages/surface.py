"""What the text of code shows in any language, without parsing it: constants, texts in quotes,
calls, loops, and the files that are included."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from pytest_ouro.evidence.languages.text import without_comments, zero_seeds

#: A name, perhaps a type, and what begins with a number: `const N: u64 = 20`, `#define N 20`,
#: `N := 20 * time.Second`, `"n": 20`, `export N=20`, `--n 20`, `Duration n = ofSeconds(20)`.
_CONSTANT = re.compile(
    r"(?<![\w.$])(?!(?:const|let|var|static|final|pub|public|private|export|local|readonly|val|auto"
    r"|constexpr|int|long|short|float|double|unsigned|define|set|SET|declare|my|our|global|mut)\b)"
    r"([A-Za-z_][\w-]*)[\"']?[ \t]*(?:(?::[ \t]*)?([A-Za-z_][\w.:<>]*)[ \t]*)?"
    r"(?:[:?!]?=|:|[ \t])[ \t]*(?:[A-Za-z_][\w.:]*\()?"
    r"([-+]?\d[\d_.]*(?:[eE][-+]?\d+)?[^;,#\n]{0,40})"
)
_QUOTED = re.compile(r"""(["'`])((?:\\.|(?!\1)[^\\\n])*)\1""")
#: The path of a file with data.
_PATH = re.compile(
    r"(?i)(?<![\w/.-])(?:\.{1,2}/)?[\w-]+(?:[./][\w-]+)*\."
    r"(?:txt|csv|tsv|json|jsonl|ndjson|npy|npz|pt|pth|bin|pkl"
    r"|parquet|dat|data|db|sqlite3?|h5|hdf5|arrow|feather|xml|html|ya?ml|toml|gz|zst|zip|wav|png|jpe?g|svm"
    r"|libsvm|conll|sql|md)(?![\w/.])"
)
_DEFINED = re.compile(
    r"(?m)^[ \t]*(?:export[ \t]+|default[ \t]+|async[ \t]+|pub[ \t]+|static[ \t]+|public[ \t]+)*"
    r"(?:(?:def|func|fn|function|sub|proc|fun)[ \t]+(?:\([^()\n]*\)[ \t]*)?([A-Za-z_]\w*[!?]?)"
    r"|(?:const|let|var)[ \t]+([A-Za-z_]\w*)[ \t]*=[ \t]*(?:async[ \t]*)?"
    r"(?:\([^()\n]*\)|\w+)[ \t]*=>"
    r"|(?:[A-Za-z_][\w<>*]*[ \t]+\**)+([A-Za-z_]\w*)[ \t]*\([^;()\n]*\)[ \t]*\{?[ \t]*$"
    r"|([A-Za-z_]\w*)[ \t]*\(\)[ \t]*\{)"
)
_INCLUDED = re.compile(
    r"(?:^|[^\w.])(?:include|include_str!|include!|source|require_relative|load|\.)[ \t]*\(?[ \t]*"
    r"[\"'<]?([\w./-]+)[\"'>]?",
    re.MULTILINE,
)
_LOOP = re.compile(
    r"^[ \t]*(?:\}[ \t]*)?(?:\w+:[ \t]*)?(?:for|while|foreach|loop|until|repeat|do)\b"
    r"|\.(?:each|map|times|forEach)\b"
)
_PRINTS = re.compile(
    r"(?i)\b(?:\w*print\w*|echo|puts|write\w*|log|console|say|display|format\w*|cat|warn|out)\b"
)


class Line(NamedTuple):
    """A line of code without its comments: its number (too low after a comment over several lines),
    its text without blanks around it, and whether it is in a loop."""

    number: int
    text: str
    in_loop: bool


@lru_cache(maxsize=256)
def bare(path: str, text: str) -> str:
    """Return the text of code without comments, blank lines and blanks around its lines."""
    lines = (line.strip() for line in without_comments(path, text).splitlines())
    return "\n".join(line for line in lines if line)


def differs_in_seeds(path: str, before: str, after: str) -> bool:
    """Return whether two texts of a file differ in nothing but seeds, comments and layout, and do
    in a seed."""
    old, new = bare(path, before), bare(path, after)
    return old != new and zero_seeds(old) == zero_seeds(new)


def constants(path: str, text: str) -> dict[str, str]:
    """Return the names in a text that are given something which begins with a number, as in ``N =
    20``, each with the last such value. A type beside a name counts as a name too."""
    found = {}
    for name, other, value in _CONSTANT.findall(bare(path, text)):
        for one in filter(None, (name, other)):  # which of them is the type depends on the language
            found[one] = re.sub(r"[\s)\]}\"'`]+$", "", value)
    return found


def is_number(*values: str) -> bool:
    """Return whether all values begin with a number, perhaps with a sign; True if there are
    none."""
    return all(re.match(r"[-+]?\d", value) for value in values)


def words_of(name: str) -> list[str]:
    """Return the words and numbers of a name as they are written: of ``MaxSeconds2`` they are
    ``Max``, ``Seconds`` and ``2``, of ``max_seconds`` and ``max-seconds`` they are ``max`` and
    ``seconds``."""
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name.replace("-", "_"))


def data_in(path: str, text: str) -> set[str]:
    """Return the relative paths in the code of ``text`` that end like files with data, such as
    ``data/t.csv``. Only texts in quotes are searched; all code is searched if ``path`` has no
    ending, or that of a shell script, a makefile, SQL, a batch file or PowerShell. Comments are
    left out. A ``./`` at the start is dropped. Absolute paths, URLs, globs and paths that go up
    twice are not found. No file is looked up."""
    code = bare(path, text)
    plain = PurePosixPath(path).suffix in ("", ".sh", ".bash", ".mk", ".sql", ".bat", ".ps1")
    texts = [code] if plain else quoted(code)
    return {
        found[0].removeprefix("./") for part in texts for found in _PATH.finditer(part) if found[0]
    }


def quoted(line: str) -> list[str]:
    """Return the texts in quotes, without these, of a line, or of the lines of a text."""
    return [text for _, text in _QUOTED.findall(line)]


def defined(path: str, text: str) -> set[str]:
    """Return the names of the functions, except ``main``, that code in any language seems to
    define. Patterns find them, without parsing, so that some may be missing or wrong. ``path`` says
    by its ending how comments look."""
    found = _DEFINED.finditer(bare(path, text))
    names = {next(group for group in one.groups() if group) for one in found}
    return names - {"if", "for", "while", "switch", "return", "main", "else", "catch"}


def included(path: str, text: str) -> set[str]:
    """Return the names, without their folders, of the files that code includes by a word such as
    ``include``, ``source``, ``.``, ``load`` or ``require_relative``, in quotes or not. Some may be
    wrong."""
    return {PurePosixPath(name).name for name in _INCLUDED.findall(bare(path, text))}


def prints(line: str) -> bool:
    """Return whether a line of code has a word that prints, writes or formats, such as ``log``."""
    return bool(_PRINTS.search(line))


def lines_of(path: str, text: str) -> list[Line]:
    """Return the lines of code, without comments and blank ones. Those that are indented further
    than a line that begins a loop, up to the next that is not, are in it, as is that line."""
    found = []
    depths: list[int] = []
    for number, line in enumerate(without_comments(path, text).splitlines(), start=1):
        if not line.strip():
            continue
        depth = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
        depths = [one for one in depths if one < depth]
        starts = bool(_LOOP.search(line))
        found.append(Line(number, line.strip(), bool(depths) or starts))
        if starts:
            depths.append(depth)
    return found
