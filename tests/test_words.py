"""Forbid words that hide what the code does, each with the word to write instead.

``python tests/test_words.py`` lists what is left in the rest of the tree.
"""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Files and folders that pass. It is to grow to the whole tree, and then to be removed.
CLEAN = [
    *("README.md", "SECURITY.md", "CONTRIBUTING.md", "docs/generate.py"),
    *("docs/ci.md", "docs/doctor.md", "docs/gate.md", "docs/index.md", "docs/init.md"),
    *("docs/experiment.md", "docs/journal.md", "docs/own-check.md"),
    *("docs/levels.md", "docs/pre-commit.md", "docs/reference-experiment.md", "docs/sandbox.md"),
    *("docs/threat-model.md", "docs/vocabulary.md", "docs/agents.md", "tests/agents"),
    *("pytest_ouro/guard", "pytest_ouro/onboarding"),
    *("tests/test_init.py", "tests/test_program.py", "autoresearch/program.md"),
    *("pytest_ouro/__init__.py", "pytest_ouro/__main__.py", "pytest_ouro/plugin.py"),
    *("docs/bound.md", "docs/rules.md", "pytest_ouro/bound", "pytest_ouro/checks"),
    *("pytest_ouro/engine.py", "pytest_ouro/messages", "tests/checks", "tests/test_bound.py"),
    "tests/test_bound_ranges.py",
    *("pytest_ouro/child", "pytest_ouro/cli/__init__.py", "pytest_ouro/cli/agents.py"),
    *("pytest_ouro/cli/guard.py", "pytest_ouro/cli/init.py", "pytest_ouro/cli/under_pytest.py"),
    *("pytest_ouro/core", "pytest_ouro/evidence", "pytest_ouro/messages"),
    *("tests/test_schema.py", "tests/test_values.py", "tests/test_own_check.py"),
    "pytest_ouro/experiment",
    *("pytest_ouro/items/outcome_audit.py", "pytest_ouro/items/outside_config.py"),
    *("pytest_ouro/items/settings.py", "tests/attacks/programs", "tests/attacks/honest"),
    *("tests/child", "tests/evidence"),
    *("tests/experiment", "tests/attacks/catalogue.py", "tests/attacks/conftest.py"),
    *("tests/attacks/miniature.py", "tests/attacks/test_attacks.py", "benchmarks/metric_walk.py"),
    *("tests/sandbox", "tests/test_disarmed.py", "tests/test_gate.py"),
    *("tests/test_gate_commits.py", "tests/test_gate_pytest.py", "tests/test_gate_reports.py"),
    *("tests/test_outside.py", "tests/test_cli.py"),
    *("pytest_ouro/cli", "pytest_ouro/report", "pytest_ouro/doctor"),
    *("pytest_ouro/hookspecs.py", "pytest_ouro/items/registered.py", "conftest.py", "benchmarks"),
    *("docs/performance.md", "docs/examples", "autoresearch/download.py"),
    *("autoresearch/prepare.py", "tests/conftest.py", "tests/doctor", "tests/doors"),
    *("tests/disarming", "tests/tiers.py", "tests/torch_server.py", "tests/test_bless.py"),
    *("tests/test_bad_input.py", "tests/test_disarmed.py", "tests/test_plugin.py"),
    *("tests/test_import_cost.py", "tests/test_examples.py", "tests/test_docs.py"),
    *("tests/test_messages.py", "tests/test_registered_checks.py", "tests/test_own_check.py"),
]
#: The released history, this list itself, and code that imitates what agents write.
EXCLUDED = ("CHANGELOG.md", "tests/test_words.py", "tests/attacks/harness")
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
    r"(?:un)?told": "shown, reported, passed, printed, distinguished",
    r"whoever|whosoever|whomever": "the process that, the user who, the code that",
    r"sees?~to~it": "make sure",
    r"deeds?": "action",
    r"hear|hears|heard": "receive, read, handle, on_event",
    r"but~for": "except for",
    r"def _?(?:made|said|asked|became|kept|given|gone|taken|left|lent|held)(?=\()": "a verb",
}
_GAP = r'(?:[ _]|[\s#"]+)'
_PATTERNS = {
    re.compile(rf"(?<![A-Za-z])(?:{pattern.replace('~', _GAP)})(?![A-Za-z])", re.I | re.S): instead
    for pattern, instead in BANNED.items()
}


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
    for pattern, instead in _PATTERNS.items():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: '{match.group()}': write {instead}"


def test_clean_files_use_no_banned_word():
    found = [fault for path, text in sources(CLEAN) for fault in faults(path, text)]

    assert not found, "\n".join(found)


def test_every_clean_path_exists():
    assert [name for name in CLEAN if not (ROOT / name).exists()] == []


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
    everything = ["pytest_ouro", "docs", "tests", "benchmarks", "autoresearch", "README.md"]
    everything += ["CONTRIBUTING.md", "SECURITY.md", "conftest.py"]
    rest = [fault for path, text in sources(everything) for fault in faults(path, text)]
    print(*rest, sep="\n")  # noqa: T201
    for file, count in Counter(fault.partition(":")[0] for fault in rest).most_common():
        print(f"{count:5} {file}")  # noqa: T201
