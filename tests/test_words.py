"""Forbid words that hide what the code does, each with the word to write instead, and sentences
that are too long to read once.

``python tests/test_words.py`` lists those that are left.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: The files and folders to check.
CHECKED = (
    *("README.md", "SECURITY.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md"),
    *("changelog.d", "conftest.py"),
    *("pytest_ouro", "docs", "tests", "benchmarks", "autoresearch"),
)
#: This list itself, and code that imitates what agents write or that an experiment changes.
EXCLUDED = ("tests/test_words.py", "tests/attacks/harness", "autoresearch/train.py")
#: Attack programs: only their headers (the comments and docstring at the top) are ours.
HEADER_ONLY = ("tests/attacks/programs/", "tests/attacks/honest/")
_COMPARED = r"(?![\W_]+(?:longer|more|less|fewer|worse|better|\w+er\W+than)\b)"
#: A pattern, and what to write instead. A word is also found within an identifier; ``~`` is a
#: space or the end of a line.
BANNED = {
    r"mend(?:s|ed|ing)?": "fix, repair, restore",
    r"anew": "again, from scratch",
    r"(?<!there.)(?:is|are|was|were)~no" + _COMPARED: "is not a …, has no …, there is no …",
    r"(?<!there.)(?:is|are|was|were)~(?-i:none)": "is not one, there are none, or name the thing",
    r"(?<![`.\"'])(?:un)?told(?![`\"':]| = )": "shown, reported, passed, printed, distinguished",
    r"whoever|whosoever|whomever": "the process that, the user who, the code that",
    r"sees?~to~it": "make sure",
    r"deeds?": "action",
    r"hear|hears|heard": "receive, read, handle, on_event",
    r"but~for": "except for",
    r"def _?(?:made|said|asked|became|kept|given|gone|taken|left|lent|held)(?=\()": "a verb",
}
#: Of pages alone: a pattern, and what to write instead.
STYLE = {
    r"in~order~to": "to",
    r"utili[sz]e[sd]?": "use",
    r"heals?": "fix",
    r"whilst|amongst": "while, among",
    r"thereof|thereby|therein|whereby|wherein|hereby|heretofore": "of it, by it, in it",
    r"simply|obviously|of~course|just~(?:run|type|call)": "nothing",
    r"(?:there|it)~is~to~be": "must be, will be",
    r"said~(?:file|rule|run)": "the",
}
#: The most words of a sentence, and of one on a page for those who begin. Code is one word.
LONGEST, LONGEST_FIRST = 52, 40
FIRST = (
    *("README.md", "docs/index.md", "docs/install.md", "docs/demo.md", "docs/first-night.md"),
    *("docs/faq.md", "docs/init.md", "docs/trust.md", "docs/exit-codes.md", "docs/decisions.md"),
)
_GAP = r'(?:[ _]|[\s#"]+)'


def compiled(words):
    """The patterns of a list of words, each with what to write instead."""
    return {
        re.compile(rf"(?<![A-Za-z])(?:{pattern.replace('~', _GAP)})(?![A-Za-z])", re.I | re.S): text
        for pattern, text in words.items()
    }


_PATTERNS, _STYLE = compiled(BANNED), compiled(STYLE)


def is_under(path, names):
    return any(path == name or path.startswith(name.rstrip("/") + "/") for name in names)


def sources(names):
    """The Python and Markdown files at or below these paths, by their path from the root."""
    for name in names:
        top = ROOT / name
        for file in sorted(top.rglob("*.*")) if top.is_dir() else [top]:
            path = file.relative_to(ROOT).as_posix()
            if file.suffix in (".py", ".md") and not is_under(path, EXCLUDED):
                yield path, file.read_text(encoding="utf-8")


def header(text):
    """The comments and the docstring that a program starts with."""
    found = re.match(r'(?:#.*\n|\s*\n)*(?:"""[\s\S]*?""")?', text)
    return found.group() if found else ""


def faults(path, text):
    """Yields ``path:line: 'word': write …`` for each banned word."""
    if path.startswith(HEADER_ONLY):
        text = header(text)
    for pattern, instead in (_PATTERNS | _STYLE if is_page(path) else _PATTERNS).items():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: '{match.group()}': write {instead}"


def is_page(path):
    """Whether a file is a page that people read, and no list of all that ever changed."""
    return path.endswith(".md") and path != "CHANGELOG.md" and not path.startswith("tests/")


def sentences(text):
    """Yield the sentences of a page: of paragraphs and lists, without code, tables and headings."""
    text = re.sub(r"(?ms)^```.*?^```$|<!--.*?-->|<[^>\n]+>", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for part in re.split(r"\n\s*\n|\n(?= *[-*] | *\d+\. |\||#)", text):
        if not part.lstrip().startswith(("|", "#", "!")):
            words = re.sub(r"`[^`]*`", "Code", " ".join(part.split()))
            yield from re.split(r"(?<=[.!?:;])\s+(?=[A-Z(\"*]|pytest)", words)


def too_long(path, text):
    """Yields ``path: N words: …`` for each sentence that is longer than the page may have."""
    limit = LONGEST_FIRST if path in FIRST else LONGEST
    for sentence in sentences(text):
        if (number := len(sentence.split())) > limit:
            yield f"{path}: {number} words, at most {limit}: {sentence[:60]}…"


def test_no_sentence_of_a_page_is_too_long():
    pages = [(path, text) for path, text in sources(CHECKED) if is_page(path)]
    found = [fault for path, text in pages for fault in too_long(path, text)]

    assert len(pages) > 60
    assert not found, "\n".join(found)


def test_the_lint_counts_the_words_of_sentences():
    long, row = f"- {'word ' * 41}`--an option`.", f"| {'x ' * 99}|"
    text = f"# A title\n\n{long} Short; `code`: {'word ' * 9}\n\n{row}\n"

    assert [fault[:34] for fault in too_long("README.md", text)] == [
        "README.md: 43 words, at most 40: -"
    ]
    assert list(too_long("docs/x.md", text)) == []


def test_no_file_uses_a_banned_word():
    found = [fault for path, text in sources(CHECKED) for fault in faults(path, text)]

    assert not found, "\n".join(found)


def test_every_checked_path_exists():
    assert [name for name in CHECKED if not (ROOT / name).exists()] == []


def test_the_lint_finds_each_banned_word():
    samples = [
        "mend the name", "make it anew", "x is no folder", "it is none", "rows_told",
        "whoever it is", "see to it", "a deed", "self.hear()", "all but for one", "def _said(x):",
    ]  # fmt: skip

    assert [len(list(faults("a.py", sample))) for sample in samples] == [1] * len(BANNED)
    assert list(faults("a.py", "# it is\n    # no folder\n")) == [
        "a.py:1: 'is\n    # no': write is not a …, has no …, there is no …"
    ]


def test_plain_english_passes_the_lint():
    text = "There is no file; it is no longer here, and is no smaller than that. Rehearse by heart."

    assert list(faults("a.py", text)) == []


if __name__ == "__main__":
    print(*(fault for path, text in sources(CHECKED) for fault in faults(path, text)), sep="\n")  # noqa: T201
