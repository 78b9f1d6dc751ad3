"""Files that are compared as text, in languages that are not parsed: only line ends and trailing
blanks have no meaning."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from pytest_ouro.core import limits
from pytest_ouro.evidence.languages.form import Form
from pytest_ouro.evidence.python.seeds import is_seed_name

#: Blanks at the end of a line, without one that a backslash keeps.
_TRAILING = re.compile(r"(?<![\\ \t])[ \t]+$|(?<=\\[ \t])[ \t]+$", re.MULTILINE)
#: A type between the name of a seed and its value, as in `seed: u64 = 1` and `seed int64 = 1`.
_TYPE = r"(?:[ \t]*:[ \t]*|[ \t]+)(?:(?:u?int|[ui]|u?long|usize|number)\d*(?:_t)?)(?=[ \t]*=)"
#: A whole number in any base, with separators, the suffix of a type, or a fraction of zeros.
_WHOLE = r"-?(?:0[xX][\da-fA-F_']+|0[bBoO][\d_]+|\d[\d_']*)(?:\.0*)?(?:[uUlLzZn]+|_?[ui]\d+)?"
#: A name and the whole number that it is set to: `seed = 1`, `--seed 1`, `-DSEED=1`, `srand(1)`,
#: `seed!(1)`, `#define SEED (1u)`, `mt19937 rng{1}`.
_NUMBER = re.compile(
    rf"(?<![\w-])(-D|-*)([A-Za-z_][\w-]*)((?:{_TYPE})?\"?(?:[ \t]*[=:({{!]+[ \t]*)+|[ \t]+)"
    rf"({_WHOLE})(?![\w.])"
)
#: Functions that set a seed.
_SETS_SEED = re.compile(
    r"srand(48|om)?|set_seed|manual_seed(_all)?|seed_from_u64|from_seed|with_seed"
)
#: A generator that is made, and its seed: `NewSource(1)`, `mt19937 rng{1}`.
_MADE = re.compile(
    r"(?<![\w-])((?:(?:mt19937|minstd_rand|ranlux\d+|knuth_b|default_random_engine|pcg32|philox)\w*"
    r"|NewSource|(?:Splittable)?Random|MersenneTwister|Xoshiro\w*|StableRNG|default_rng"
    rf"|RandomState|PRNGKey)(?:[ \t]+\w+)?[ \t]*[({{][ \t]*)({_WHOLE})(?=[ \t]*[)}}])"
)
#: A word, or a single other character that is not blank.
_TOKEN = re.compile(r"\w+|[^\w\s]")
#: Comments, by the words that start one. They count for the meaning, but not for the size.
_COMMENTS = {
    "#": re.compile(r"(?:^|[ \t])#.*$", re.MULTILINE),
    "//": re.compile(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", re.DOTALL),
    "--": re.compile(r"(?:^|[ \t])--.*$", re.MULTILINE),
}
_SUFFIXES = {
    "#": "py pyw sh bash zsh fish mk cmake r rb pl jl yaml yml toml ini cfg conf tf nix",
    "//": "c h cc hh cpp hpp cxx cu cuh m mm js mjs jsx ts tsx jsonc json5 java kt go rs swift cs "
    "scala dart proto zig metal glsl wgsl v sv css",
    "--": "sql lua hs elm adb vhd",
}
_START = {suffix: start for start, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_NAMES = ("makefile", "gnumakefile", "dockerfile", "cmakelists.txt")


def read_text(path: str, blob: bytes) -> Form:
    """Return the form of a file as text. CRLF counts as LF, and blanks at line ends are ignored;
    comments count for the meaning, but not for the size. A binary file (with a NUL) has its bytes
    as its meaning."""
    text = blob.decode("latin-1")
    if "\0" in text:
        return Form("text", 2 * count_tokens(text), text, text)
    code = _TRAILING.sub("", text.replace("\r\n", "\n"))
    size = 2 * count_tokens(without_comments(path, code))
    return Form("text", size, code, zero_seeds(code))


def zero_seeds(text: str) -> str:
    """Return ``text`` with 0 in place of each whole number that is a seed. A number is a seed if it
    is set under the name of a seed, as in ``seed = 1``; if it is passed to a function that sets a
    seed, as in ``srand(1)``; or if it is passed to one that makes a random generator, as in
    ``Random(1)``."""
    return _NUMBER.sub(_zero_seed, _MADE.sub(r"\g<1>0", text))


def _zero_seed(found: re.Match[str]) -> str:
    """Return the replacement for a match of `_NUMBER`, a name followed by a whole number: with 0 as
    the number if the name is a seed's or a function's that sets one, otherwise unchanged."""
    is_seed = is_seed_name(found[2]) or _SETS_SEED.fullmatch(found[2])
    return f"{found[1]}{found[2]}{found[3]}0" if is_seed else found[0]


def count_tokens(text: str) -> int:
    """Return how many words a text has, plus how many single characters that are neither in a word
    nor blank."""
    return sum(1 for _ in _TOKEN.finditer(text))


def is_whole(text: str) -> bool:
    """Return whether a text is a whole number, in any base, such as ``12``, ``0x7`` or ``7.0``."""
    return bool(re.fullmatch(_WHOLE, text))


def without_comments(path: str, text: str) -> str:
    """Return a text without its comments, or with a blank in their place, in the language that the
    file name in ``path`` or a ``#!`` line shows. A text in an unknown language, or longer than
    `limits.SCRIPT`, is returned unchanged. A comment mark in a string may be taken for a
    comment."""
    name = PurePosixPath(path.lower())
    start = "#" if text.startswith("#!") or name.name in _NAMES else _START.get(name.suffix[1:])
    if start is None or len(text) > limits.SCRIPT:
        return text
    closed = text.rfind("*/") + 2 if start == "//" else len(text)  # what is never closed is code
    lines = text[closed:]
    return _COMMENTS[start].sub(" ", text[:closed]) + re.sub(r"(?<![:\"'])//.*", "", lines)
