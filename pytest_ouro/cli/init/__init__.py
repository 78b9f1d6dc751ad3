"""``pytest-ouro init``: write bound.toml for an existing project, and its rules for agents."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.cli import agents, find_bound
from pytest_ouro.cli.init.files import OwnFile
from pytest_ouro.cli.init.write import write_bound
from pytest_ouro.cli.output import say
from pytest_ouro.core.schema import keys_of
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.git.client import Git, split
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import Statement, hooks, program_md, section

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.bound.read import Bound, Rule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``init`` to its parser."""
    for name, value, words in (
        ("render", "FILE", "print the rules as a BOUND section, or write the section into FILE"),
        ("agents", "NAMES", "write hooks and rules for the agents found, or those named: claude,…"),
        ("program", "FILE", "print the agent's loop and rules as a program, or write FILE"),
    ):
        parser.add_argument(f"--{name}", nargs="?", const="", metavar=value, help=words)
    parser.add_argument(
        "--hook",
        action="store_true",
        help="write git's hooks of this clone: they run the gate by the project's Python",
    )
    parser.add_argument(
        "--preset", choices=("autoresearch",), default="autoresearch", help="the kind of experiment"
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="the file with the rules: a BOUND section (default: CLAUDE.md or AGENTS.md, if it has "
        "one), or instructions such as program.md",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--dry-run", action="store_true", help="print bound.toml and the report, write nothing"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument(
        "--go",
        action="store_true",
        help="also bless and commit the rules, and run the baseline (for a person)",
    )
    _add_facts(parser.add_argument_group("project facts (detected unless given)"))


def _add_facts(found: argparse._ArgumentGroup) -> None:
    """Add to the group the options by which a person states facts of the experiment: those of
    `InitOptions`, except for ``given``."""
    for name, value, words in (
        ("script", "FILE", "the script to run"),
        ("harness", "FILE", "the fixed module"),
        ("evaluate", "NAME", "its metric function"),
        ("loader", "NAME", "its batch loader"),
        ("command", "WORDS", "instead of a script: what is run, and prints the metric"),
        ("evaluate-command", "WORDS", "what measures the result of the command"),
        ("metric", "NAME", "the metric's name in the log"),
        ("metric-from", "PLACE", "where it is printed: line, json:PATH or regex:PATTERN"),
        ("unit", "UNIT", "the unit of the metric, such as ms"),
        ("ledger", "FILE", "the table of results"),
    ):
        found.add_argument(f"--{name}", default="", metavar=value, help=words)
    found.add_argument(
        "--direction",
        default="",
        choices=("lower", "higher"),
        help="whether a lower or a higher metric is better",
    )
    found.add_argument(
        "--plausible", type=float, nargs=2, metavar=("LOW", "HIGH"), help="the possible values"
    )
    found.add_argument("--budget", type=float, metavar="SECONDS", help="seconds of training")
    found.add_argument(
        "--warmup-tokens", type=int, metavar="N", help="tokens of the steps that are not timed"
    )
    found.add_argument(
        "--editable", action="append", metavar="GLOB", help="files to edit; may be repeated"
    )
    found.add_argument(
        "--data", action="append", metavar="GLOB", help="data files; may be repeated"
    )
    found.add_argument("--device", choices=("auto", "cpu", "cuda"), help="the device of a run")


def main(args: argparse.Namespace) -> int:
    """Do what one of ``--program``, ``--render``, ``--agents`` and ``--hook`` asks for: the first
    of them in this order that is given, and no other. Without one of them, write bound.toml. Return
    0, or the status of `write_bound`. OuroError if the bound cannot be read, or a file cannot or
    must not be written."""
    if args.program is not None:
        return _program(args)
    if args.render is not None:
        return _render(args)
    if args.agents is not None:
        return _agents(args)
    if args.hook:
        return _hooks(args)
    return write_bound(args)


def _render(args: argparse.Namespace) -> int:
    """Print the rules of the bound as a BOUND section, or write that section into the file that
    ``--render`` names, which need not exist; all other text in the file stays. Return 0. OuroError
    if the bound or the file cannot be read, or the file cannot be merged or written."""
    path = find_bound(args.bound)
    bound = _bound(path)
    lines = section.render([_statement(rule) for rule in bound.rules])
    if not args.render:
        say(*lines)
        return 0
    target = OwnFile.find(Path.cwd() / args.render, Git.discover(path.parent), args.render)
    before = target.read().decode("utf-8", "surrogateescape")
    after = section.replace(before, lines, args.render)
    if after == before:
        say(f"ouro: {args.render} states the rules of {path.name} already")
        return 0
    target.write(after)
    say(f"ouro: {args.render} states the {len(bound.rules)} rules of {path.name}")
    return 0


def _agents(args: argparse.Namespace) -> int:
    """Write the guard's hooks and the rules into the files of agents (those that ``--agents``
    names, or those found); if a file changes, print a person's next steps. Return 0, also if
    nothing changes. OuroError if the bound or a file cannot be read, merged or written."""
    path = find_bound(args.bound)
    bound, git = _bound(path), Git.discover(path.parent)
    rules = [_statement(rule) for rule in bound.rules]

    def find(name: str) -> OwnFile:
        """Return the file ``name``, relative to the top folder. OuroError if it leads out of the
        repository."""
        return OwnFile.find(git.top / name, git, name)

    written, then = agents.files(git, args.agents, bound, rules, find)
    for name, text in written.items():
        find(name).write(text)
        say(f"ouro: wrote {name}")
    if not written:
        say("ouro: the agents' files state the loop and the rules already")
        return 0
    if ignored := split(git.call("ls-files", "-oiz", "--exclude-standard", "--", *written)):
        words = " ".join(map(git.word, ignored))
        then.insert(-1, f"git ignores some of them, so: git add -f {words}")
    for line in then:
        say(f"  next: {line}")
    return 0


def _hooks(args: argparse.Namespace) -> int:
    """Write git's hooks (pre-commit, pre-merge-commit and pre-push) and return 0. OuroError if
    core.hooksPath is set, if a hook that ``init`` did not write is there and ``--force`` is not
    given (hooks before it are written then), or if the bound cannot be read or a hook not be
    written."""
    path = find_bound(args.bound)
    bound, git = _bound(path), Git.discover(path.parent)
    folder = git.common_dir / "hooks"
    written = hooks.texts(bound.experiment.python, bound.root)
    if git.line("config", "--get-all", "core.hooksPath").splitlines()[:-1]:
        raise messages.other_hooks_folder(written["pre-commit"].splitlines()[-1])
    for name, text in written.items():
        target = folder / name
        is_ours = (read_file(target) or b"").startswith(hooks.MARK.encode())
        if os.path.lexists(target) and not (is_ours or args.force):
            raise messages.foreign_hook(str(target), text.splitlines()[-1])
        OwnFile(git.common_dir, f"hooks/{name}", str(target)).write(text)
        target.chmod(0o755)
        say(f"ouro: wrote {target}")
    return 0


def _program(args: argparse.Namespace) -> int:
    """Print the program of the bound (the instructions for an agent), or write it to the file that
    ``--program`` names, of which the parts that `program_md.update` keeps stay. Return 0, also if
    that is up to date. OuroError if that file is written by hand and ``--force`` is not given, or
    if the bound cannot be read or the file not be written."""
    path = find_bound(args.bound)
    bound = _bound(path)
    if not args.program:
        say(*program_md.render(bound).splitlines())
        return 0
    target = OwnFile.find(Path.cwd() / args.program, Git.discover(path.parent), args.program)
    before = target.read()
    text = program_md.update(before.decode("utf-8", "surrogateescape"), bound)
    if before == text.encode("utf-8", "surrogateescape"):
        say(f"ouro: {args.program} is up to date with {path.name}")
        return 0
    if before and not before.startswith(program_md.MARK.encode()) and not args.force:
        raise messages.written_by_hand(args.program)
    target.write(text)
    say(f"ouro: wrote {args.program}, the program of {path.name}")
    return 0


def _bound(path: Path) -> Bound:
    """Return the bound in the file at ``path``. OuroError if there is no such file or no
    repository, BoundError if it has faults."""
    text = read_file(path)
    if text is None:
        raise messages.no_bound(path)
    folder = Git.discover(path.parent).relative(path).rpartition("/")[0]
    return bounds.parse(text.decode(errors="replace"), folder=folder, name=path.name)


def _statement(rule: Rule) -> Statement:
    """Return a rule of a bound as a statement, to be rendered for agents, with those options of its
    check that are not defaults."""
    params = {}
    for key, field in keys_of(type(rule.checker)).items():
        given = getattr(rule.checker, field.name)
        if given != field.default:
            params[key] = list(given) if isinstance(given, tuple) else given
    return Statement(
        rule.section, rule.id, rule.sentence, rule.check, params, rule.severity, rule.reason
    )
