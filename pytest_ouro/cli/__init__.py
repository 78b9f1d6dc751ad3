"""The command line: one module for each command."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ouro.cli.output import OutputLost, say, say_document, say_error
from pytest_ouro.core.errors import OuroError
from pytest_ouro.messages import command_line as messages

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import ModuleType

COMMANDS = {
    "demo": "play a scripted night in less than a minute, and judge each try of it",
    "init": "write bound.toml for an existing project, or its rules into a file for agents",
    "gate": "check every rule without pytest: exit 0 lawful, 1 broken, 2 could not judge",
    "ci": "judge the commit of a job of GitHub or GitLab by the rules of the base branch",
    "bless": "declare the present files the truth (for a person): write bound.lock",
    "audit": "judge a past run, of anyone, from its history and its table of results",
    "guard": "refuse an agent's tool call on standard input if a rule forbids it",
    "doctor": "show what is enforced here and what is not, with the next step to fix it",
    "log": "show the recorded runs as a table",
    "show": "explain one run: what was tried, why it has its verdict, what to do next",
    "report": "write the page about a night: what may be believed, and what to read first",
    "watch": "show a night in progress: the current run, the last ones, the best, the rate",
    "calibrate": "before a night: measure how much runs of the same code differ",
    "vault": "show whether the gain is smaller on the rows that the loop is not shown",
    "brief": "tell an agent where the experiment stands: what was tried, and the next step",
    "simulate": "show what a night would claim if nothing helped, and if a little did",
    "finalize": "make a branch of what a night kept, for people to review",
    "uninit": "remove hooks, agents' entries and bound.lock, and say what stays",
}
#: What the exit status of every command means, except for ``guard``, whose statuses the agents set.
EXIT_STATUS = {
    0: "lawful, or done",
    1: "a rule is broken, or a demand of the command is not met",
    2: "an error: it could not judge, or could not do what was asked, or not print the answer",
    130: "Ctrl-C",
}


def run(argv: Sequence[str]) -> int:
    """Run the command that ``argv``, the words after the program's name, begins with. Return its
    exit status, as in `EXIT_STATUS`.

    Without words, or for ``--help``, print the help; for ``--version``, the version. An error is
    printed, not raised, except for BrokenPipeError, OutputLost, KeyboardInterrupt and argparse's
    SystemExit.
    """
    name, *rest = argv or ["--help"]
    if name in ("-h", "--help"):
        say(*_usage().split("\n"))
        return 0
    if name in ("-V", "--version"):
        from importlib.metadata import version

        say(f"pytest-ouro {version('pytest-ouro')}")
        return 0
    if name not in COMMANDS:
        return _report(messages.unknown_command(name, COMMANDS))
    try:
        command = import_module(f"{__name__}.{name}")
        # argparse takes half as long as Python's own start; the calls that hooks make skip it.
        plain = getattr(command, "PLAIN", {}).get(tuple(rest))
        options = plain or parse_options(command, name, rest)
        status: int = command.main(options)
    except OuroError as error:
        return _report(error)
    except (BrokenPipeError, OutputLost):
        raise
    except Exception as error:
        from pytest_ouro.report.unforeseen import to_error

        return _report(to_error(error))
    return status


def _report(error: OuroError) -> int:
    """Print an error to standard error; return 2, the exit status of an error."""
    say_error(error)
    return 2


def parse_options(command: ModuleType, name: str, words: Sequence[str]) -> Any:
    """Return the options in ``words`` as an argparse namespace, for the command ``name`` and its
    module ``command``; ``bound`` in it, except for ``audit`` and ``demo``, is the path after
    ``--bound``, or None. SystemExit after the error is printed if the words are wrong, or after the
    help is printed for ``--help``."""
    return build_parser(command, name).parse_args(words)


def build_parser(command: ModuleType, name: str) -> argparse.ArgumentParser:
    """Return the parser of the command ``name``, whose module is ``command``."""
    import argparse
    from functools import partial

    class Parser(argparse.ArgumentParser):
        """A parser whose help raises the errors of `say_document` if standard output cannot be
        written; argparse would ignore that."""

        def print_help(self, file: Any = None) -> None:
            """Print the help to standard output, whatever ``file`` is. Errors as in
            `say_document`."""
            say_document(self.format_help().rstrip("\n"))  # argparse would ignore a closed output

    parser = Parser(
        prog=f"pytest-ouro {name}",
        description=COMMANDS[name],
        # With a fixed width argparse does not import shutil to ask the terminal.
        formatter_class=partial(argparse.HelpFormatter, width=96),
    )
    if name not in ("audit", "demo"):  # they read the bound of the commit, or make one
        parser.add_argument(
            "--bound", type=Path, metavar="PATH", help="the file of rules (default: the nearest)"
        )
    command.add_arguments(parser)
    return parser


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--trust`` to a command's parser."""
    parser.add_argument(
        "--trust", metavar="REF", help="the trusted commit, whose rules and frozen files count"
    )


def _usage() -> str:
    """Return the text that ``pytest-ouro --help`` prints."""
    commands = "\n".join(f"  {name:9} {text}" for name, text in COMMANDS.items())
    statuses = "\n".join(f"  {status:<9} {text}" for status, text in EXIT_STATUS.items())
    return f"""\
usage: pytest-ouro COMMAND [OPTION ...]

The referee of autonomous experiment loops.

{commands}

exit status:
{statuses}

pytest-ouro COMMAND --help shows the options, pytest-ouro --version the version."""


def find_bound(given: Path | None) -> Path:
    """Return the absolute path of the bound.toml that was ``given``, whether or not it exists. For
    None, return that of the nearest one in the current folder or above, up to the repository's top;
    then OuroError if there is none, if it is not a regular file, or if there is no repository."""
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.trust import refuse_other_in_tree

    start = Path.cwd()
    if given is not None:
        return start / given
    for folder in (start, *start.parents):
        path = folder / "bound.toml"
        if path.is_file():
            return path
        if os.path.lexists(path):
            git = Git.discover(folder)
            refuse_other_in_tree(git, git.relative(path))
        if (folder / ".git").exists():
            break
    Git.discover(start)  # raises if there is no repository, or a bare one
    raise messages.no_bound(start)
