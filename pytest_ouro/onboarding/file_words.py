"""Find the paths in the words of instructions, and which of them may be edited or are fixed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ouro.onboarding import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT = r"\b(?:cannot|can't|can not|not|never|off[- ]limits|read[- ]only|fixed|frozen|forbidden)\b"
_MAY = (
    r"\bcan (?:do|modify|edit|change)\b|^files? in scope|^in[- ]scope files?|\beditable\b"
    r"|\bmay (?:edit|modify|change)\b|\bcan modify\b|\bmutable\b|files? (?:you|to) (?:edit|modify)"
    r"|\bprefer (?:editing|modifying|changing|to (?:edit|modify|change))\b"
)
_EDITED = (
    r"\bfiles? (?:that )?you (?:may |can )?(?:modify|edit|change)\b|\byou (?:modify|edit) this"
    r"|\bonly\s+(?:ever\s+)?(?:touch|edit|modify|change)\b"
    r"|\bonly (?:file|code) (?:(?:that|which|to|you|may|can|be|is) )*"
    r"(?:touch|edit|modif|chang|alter)"
    r"|\b(?:mutable|editable) (?:files?|code|surface)\b|\b(?:is|are) yours\b"
    r"|(?<!not )(?<!never )(?<!n't )\b(?:edit|modify|change)s?\b.*"
    r"\band (?:nothing else|no other files?)\b"
    r"|^\W*work (?:only )?(?:in|on) [`*]"
)
_KEPT = (
    r"\b(?:do not|don't|never) (?:modify|edit|change|touch|alter)|\bread[- ]only\b"
    r"|\bnever (?:work )?in [`*]"
    r"|\b(?:is|are|stays?|remains?) (?:fixed|frozen|immutable|locked|off[- ]limits|unchanged"
    r"|untouched)\b"
    r"|\bstays? (?:as (?:it is|they are)|the same)\b|\bhands off\b"
    r"|\b(?:not to|must not|may not) (?:be (?:edited|changed|touched|modified)|change)\b"
    r"|\b(?:is|are) the (?:rules|referee|judge|harness)\b"
    r"|\bleave\b.*\b(?:alone|untouched|as (?:it is|they are))\b"
    r"|\bfixed (?:eval|harness)|\b(?:is|are) not\W*$"
)
#: Where a sentence goes on to what is forbidden.
_PARTS = re.compile(r";\s+|(?<=\byours),\s+|,\s+(?=(?:but |and )?(?:never|do not|don't|not)\b)")
#: Words before a colon: ``**Editable**: `a.py` ``.
_LABEL = re.compile(r"\W*([A-Za-z][\w -]{2,30}?)[*`]*\s*:")
#: A file that a sentence asks to edit.
_ASKED = re.compile(
    r"(?i)(?:^\W*|[:,]\s+|\b(?:then|to|by|you(?: may| can| should| must| will)?)\s+)(?:only\s+)?"
    r"(?:edit|modify|change|improve|optimi[sz]e|tune|rewrite|mutate|evolve"
    r"|(?:edit|modify|chang)ing|make(?=\s+\S+\s+(?:faster|quicker|smaller|better)))\s+"
    r"(?:(?:the|only|files?|code|in|of)\s+){0,3}[`*]*([\w*./-]*\w\.[A-Za-z]\w{0,9})\b"
)
#: Names of files without a dot that instructions quote.
_PLAIN_NAMES = r"(?:GNUm|M|m)akefile|[Jj]ustfile|Dockerfile|Rakefile"
BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(.*)$")
SPAN = re.compile(r"`([^`\n]+)`")


def files(lines: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return a tuple: paths that instructions seem to let an agent edit, and paths that they call
    fixed. ``lines`` are pairs of a line and the heading above it.

    The words of a sentence, or of a part of it, decide; else the label before a colon, or for a
    bullet, or a line that ends with a colon, the heading above. A sentence without a path is about
    the paths of the one before; of several paths in one that lets files be edited, the first may be
    the only one taken. A path that is only the object of a request, as in "optimize solve.py",
    counts only if no sentence says what may be edited. A folder is left out of the first list if
    files in it are listed. A path may occur twice, or in both lists.
    """
    editable: list[str] = []
    asked: list[str] = []
    fixed: list[str] = []
    columns: list[str] = []
    for text, heading in lines:
        if text.lstrip().startswith("|"):
            columns = columns or _cells(text)
            may, named = _row(columns, _cells(text))
            editable += named if may else []
            fixed += [] if may or may is None else named
            continue
        columns = []
        bullet = BULLET.match(text)
        words = bullet[1] if bullet else text
        above = heading if bullet or words.rstrip("* ").endswith(":") else ""
        label = _LABEL.match(words)
        if label and (says(_MAY, label[1]) or says(NOT, label[1])):
            above = label[1]
        paths: list[str] = []
        kept: list[str] = []
        rest = True  # whether the heading decides
        parts = (part for sentence in phrases.sentences(words) for part in _PARTS.split(sentence))
        for part in parts:
            paths = paths_in(part) or paths
            if only := phrases.only_files(part):
                editable += only
            elif paths and says(_EDITED, part):
                editable.append(paths[0])
            elif paths and (says(_KEPT, part) or says(NOT, above)):
                fixed += paths
            elif paths and says(r"\b(?:never|not) [`*]", part):
                kept += paths
                continue
            else:
                asked += [_pattern(path) for path in _ASKED.findall(part)]
                continue
            rest = False
        if rest and says(_MAY, above):
            editable += [path for path in _named(words) if path not in kept]
        fixed += kept
    return _narrowed(editable or [path for path in asked if path not in fixed]), fixed


def _cells(line: str) -> list[str]:
    """Return the cells of a row of a Markdown table, without white space around them."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(columns: list[str], cells: list[str]) -> tuple[bool | None, list[str]]:
    """Return a tuple for a row of a Markdown table: whether its file may be edited, and the first
    path in the row, in a list. A yes or no in a column about editing decides, else the words of the
    first cell; (None, []) if neither says it. ``columns`` are the cells of the table's head."""
    said = [cell for name, cell in zip(columns, cells, strict=False) if says(_MAY, name)]
    paths = [path for cell in cells for path in paths_in(cell)][:1]
    if said and re.match(r"(?i)\W*(?:yes|no)\b|[✓✅✔❌✗✘]", said[0]):
        return bool(re.match(r"(?i)\W*yes\b|[✓✅✔]", said[0])), paths
    if says(_MAY, cells[0]) or says(NOT, cells[0]):
        return says(_MAY, cells[0]), paths
    return None, []


def _named(words: str) -> list[str]:
    """Return the paths that a bullet is about: the quoted words before its dash, which need no file
    ending, else the plain paths there; without any, the first path after the dash. [] if there is
    none."""
    before, _, after = words.partition(" — ")
    found = [span for span in SPAN.findall(before) if re.fullmatch(r"[\w*.<>/-]+", span)]
    return [_pattern(path) for path in found] or paths_in(before) or paths_in(after)[:1]


def holds(path: str, editable: list[str]) -> bool:
    """Return whether a path is one of those that may be edited, or a folder with one of them."""
    folder = f"{path.rstrip('/*')}/"
    return any(other == path or other.startswith(folder) for other in editable)


def _narrowed(paths: list[str]) -> list[str]:
    """Return the paths without the folders (paths that end with ``/``) in which another of the
    paths lies."""
    folders = {path for path in paths if path.endswith("/")}
    return [
        path
        for path in paths
        if path not in folders or not any(p != path and p.startswith(path) for p in paths)
    ]


def says(pattern: str, text: str) -> bool:
    """Return whether a regular expression is found anywhere in a text, in any case."""
    return bool(re.search(pattern, text, re.IGNORECASE))


def paths_in(words: str) -> list[str]:
    """Return the paths in some words: the backquoted words with a dot or a slash, or names such as
    Makefile; if there are none, the plain file names before the first `` — ``. Paths that are
    absolute or begin with ``~`` or ``..`` are left out."""
    quoted = [
        span
        for span in SPAN.findall(words)
        if re.fullmatch(rf"[\w*.<>/-]*[./][\w*.<>/-]*|{_PLAIN_NAMES}", span)
    ]
    found = quoted or re.findall(phrases.FILE, re.sub(r"`[^`]*`", " ", words.partition(" — ")[0]))
    return [_pattern(path) for path in found if not path.startswith(("/", "~", ".."))]


def _pattern(path: str) -> str:
    """Return a path as a glob: ``<name>`` in it becomes ``*``, and ``./`` at its start is
    removed."""
    return re.sub(r"<[^<>]*>", "*", path.removeprefix("./"))
