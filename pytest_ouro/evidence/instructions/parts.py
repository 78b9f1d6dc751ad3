"""The parts of files that instructions let an agent change, where the rest of the file is fixed."""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_ouro.evidence.instructions.sentences import sentences_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAY = re.compile(
    r"(?i)\b(?:may|can|allowed to|free to)\s+(?!not\b|never\b)(?:\w+\s+){0,2}?"
    r"(?:be\s+)?(?:set|chang|edit|modif|tun|adjust|touch|add|extend)\w*"
    r"|\bonly (?:set|change|edit|modify|tune|adjust|touch)\b"
)
#: Where a sentence goes on to what is not allowed.
_BUT = re.compile(r"(?i)\b(?:but|not|never|except|without|while)\b|;")
_SPAN = re.compile(r"`([^`\n]+)`")
_SECTION = re.compile(r"\[+([\w.\"' -]+)\]+")
_NAME = re.compile(r"[\"']?([A-Za-z_][\w-]*)[\"']?")


@lru_cache(maxsize=64)
def allowed_parts(instructions: str, path: str) -> tuple[str, ...]:
    """Return the parts of a file that a sentence of the instructions lets an agent change, with the
    file and the parts in backquotes, as in "in `Cargo.toml` you may set `[profile.release]` and
    nothing else": names of sections in brackets, and of keys or constants; () if there are none."""
    found: list[str] = []
    for sentence in sentences_of(instructions):
        if not (may := _MAY.search(sentence)):
            continue
        said = sentence[: may.end()] + _BUT.split(sentence[may.end() :])[0]
        spans = _SPAN.findall(said)
        if path in spans or (posixpath.basename(path) in spans and "/" not in path):
            found += [span for span in spans if _SECTION.fullmatch(span) or _NAME.fullmatch(span)]
    return tuple(dict.fromkeys(found))


def changes_only(path: str, before: str, after: str, parts: Sequence[str]) -> bool:
    """Return whether two texts of a file differ in nothing but these parts: in lines of the
    sections, or in lines that give the keys or constants a value; of a JSON file, in the values of
    the keys at its top. The order of lines and blank ones do not count. False for a JSON file whose
    text is not an object."""
    names = {found[1] for part in parts if (found := _NAME.fullmatch(part))}
    sections = {found[1].strip() for part in parts if (found := _SECTION.fullmatch(part))}
    if path.endswith(".json"):
        first, second = _keys(before, names), _keys(after, names)
        return first is not None and first == second
    return _fixed_lines(before, names, sections) == _fixed_lines(after, names, sections)


def _keys(text: str, without: set[str]) -> dict[str, object] | None:
    """Return the keys and values of a JSON object except for these; None for another text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {key: value for key, value in found.items() if key not in without}


def _fixed_lines(text: str, names: set[str], sections: set[str]) -> Counter[tuple[str, str]]:
    """Return how often each line occurs in a text, by its section and the line, without those that
    are in one of ``sections`` or give one of ``names`` a value, and blank ones."""
    words = "|".join(map(re.escape, sorted(names))) or "(?!)"
    sets = re.compile(rf"(?:\w+ ){{0,3}}[\"']?(?:{words})[\"']?\s*(?::[^=]*)?(?:=|:|<-)(?!=)")
    found: Counter[tuple[str, str]] = Counter()
    here = ""
    for line in text.splitlines():
        plain = line.strip()
        if head := re.match(r"\[+([\w.\"' -]+)\]+\s*(?:#.*)?$", plain):
            here = head[1].strip()
        inside = any(here == one or here.startswith(f"{one}.") for one in sections)
        if plain and not inside and not sets.match(plain):
            found[here, plain] += 1
    return found
