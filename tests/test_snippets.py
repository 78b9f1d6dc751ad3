"""The snippets of all pages: commands with options that exist, files that can be read."""

import argparse
import json
import re
import shlex
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from pytest_ouro import plugin
from pytest_ouro.cli import COMMANDS, build_parser
from pytest_ouro.evidence import toml

ROOT = Path(__file__).parents[1]
TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PAGES = [*(ROOT / name for name in TOP), *sorted(ROOT.glob("docs/**/*.md"))]
FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
#: The pages whose commands and files a test runs as a reader would, and that test.
RUN = {
    "README.md": ".ci/run",
    "docs/agents.md": "tests/agents/test_docs.py",
    "docs/ci.md": "tests/ci/test_newcomer.py",
    "docs/audit-ci.md": "tests/doors/test_ci.py",
    "docs/commands.md": "tests/test_own_domain.py",
    "docs/examples/README.md": "tests/test_examples.py",
    "docs/faq.md": "tests/test_faq.py",
    "docs/own-check.md": "tests/test_own_check.py",
    "docs/own-domain.md": "tests/test_own_domain.py",
    "docs/own-gpu.md": "tests/doors/test_ci.py",
    "docs/pre-commit.md": "tests/doors/test_pre_commit.py",
}
#: Other programs than ours in commands, and why the command itself is not run here.
OTHERS = {
    "git": "it needs the repository and the edit that the text is about",
    "python3": "it makes an environment and installs from the package index",
    "python": "benchmarks and generators, which take minutes",
    "pip": "it installs from the package index",
    "uv": "it installs from the package index",
    "ray": "it starts a cluster",
    "valgrind": "it takes minutes",
    **dict.fromkeys(("./program", "wheel/bin/python", "wheel/bin/pytest-ouro"), "it was just made"),
    "time": "it measures",
    "towncrier": "it changes CHANGELOG.md",
    **dict.fromkeys(("cd", "cc", "echo", "grep", "mkdir", "rm"), "the text is about it"),
}
#: What is in the place of a value that the reader fills in, or of what was left out.
_PLACEHOLDER = re.compile(r"…|\[[A-Z-]")


def blocks(*languages):
    """Yield a case for each fenced block in one of these languages: its page and text."""
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if language in languages:
                yield name, text


def commands():
    """Yield the page and the words of each command in a block for a terminal or a shell."""
    for page, text in blocks("console"):
        text = text.replace("\\\n", " ")
        lines = text.splitlines()
        if any(line.startswith("$ ") for line in lines):  # the others are what is printed
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            words = shlex.split(line, comments=True)
            while words:
                end = next((n for n, w in enumerate(words) if w in ("&&", "|", ";")), len(words))
                yield page, words[:end]
                words = words[end + 1 :]


class _Options(list):
    """Stands in for pytest's parser, and collects the names of the plugin's options."""

    def getgroup(self, *_):
        return self

    def addoption(self, name, **_):
        self.append(name)

    def addini(self, *_, **__):
        pass


OURS = _Options()
plugin.pytest_addoption(OURS)


def fault(words):
    """What is wrong with a command, "" for nothing."""
    while words and re.fullmatch(r"\w+=\S*", words[0]):
        words = words[1:]
    if not words:
        return ""
    program = Path(words[0]).name if words[0].startswith(".venv/bin/") else words[0]
    if words[:3] == ["python", "-m", "pytest_ouro"]:
        program, words = "pytest-ouro", words[2:]
    if program == "pytest-ouro":
        return fault_of_ours(words[1:])
    if program == "pytest":
        given = (word.split("=")[0] for word in words if word.startswith("--ouro"))
        return "".join(f"pytest has no {name}" for name in given if name not in OURS)
    if program == "python" and len(words) > 1 and words[1].endswith(".py"):
        is_ours = words[1].split("/")[0] in ("benchmarks", "docs", "tests")
        return "" if not is_ours or (ROOT / words[1]).exists() else f"there is no {words[1]}"
    return "" if program in OTHERS else f"{program} is not in OTHERS"


def fault_of_ours(words):
    """What is wrong with the words of a call of pytest-ouro, "" for nothing."""
    if words[:1] in (["--version"], ["--help"]):
        return ""
    if not words or words[0] not in COMMANDS:
        return f"there is no command {words[:1]}"
    try:
        parser_of(words[0]).parse_args(words[1:])
    except argparse.ArgumentError as error:
        return f"{' '.join(words)}: {error}"
    return ""


@cache
def parser_of(name):
    """The parser of a command of pytest-ouro, which raises an error and prints none."""
    parser = build_parser(import_module(f"pytest_ouro.cli.{name}"), name)

    def error(message):
        raise argparse.ArgumentError(None, message)

    parser.error = error
    return parser


def test_every_command_of_a_page_has_a_program_and_options_that_exist():
    found = [(page, fault(words)) for page, words in commands() if not _is_open(words)]

    assert len(found) > 100
    assert [one for one in found if one[1]] == []


def _is_open(words):
    """Whether a command has a place for the reader to fill."""
    return any(_PLACEHOLDER.search(word) for word in words)


def test_a_wrong_command_is_found():
    assert "no-such" in fault(["pytest-ouro", "gate", "--no-such"])
    assert fault(["pytest", "bound.toml", "--ouro-certifi"]) == "pytest has no --ouro-certifi"
    assert fault(["pytest-ouro", "gat"]) == "there is no command ['gat']"
    assert fault(["python", "benchmarks/none.py"]) == "there is no benchmarks/none.py"
    assert fault(["frobnicate"]) == "frobnicate is not in OTHERS"


def test_no_command_stands_in_a_block_of_output():
    found = [
        (page, text.split("\n")[0])
        for page, text in blocks("", "text")
        if re.match(r"(pytest-ouro|pytest|python3?|pip|uvx?) (-|[a-z]+( -|\n))", text)
        and page not in ("docs/command-line.md", "docs/messages.md", "docs/audit.md")  # usages
    ]

    assert found == []


@pytest.mark.parametrize(
    ("language", "read"),
    [
        ("toml", toml.loads),
        ("json", json.loads),
        ("yaml", yaml.safe_load),
        ("python", lambda text: compile(text, "snippet", "exec")),
    ],
)
def test_every_file_of_a_page_can_be_read(language, read):
    found = list(blocks(language))

    assert found
    for _, text in found:
        read(text)


def test_every_script_of_a_shell_can_be_parsed():
    scripts = "".join(f"({text})\n" for _, text in blocks("sh"))

    subprocess.run(["sh", "-n"], input=scripts, text=True, check=True)
    assert subprocess.run(["sh", "-n"], input=f"{scripts}if", text=True, check=False).returncode


def test_every_page_that_is_run_names_its_test():
    for page, test in RUN.items():
        text = (ROOT / test).read_text(encoding="utf-8")
        assert (ROOT / page).is_file()
        assert Path(page).name in text or Path(page).parent.name in text, page
