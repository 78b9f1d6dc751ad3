"""``pytest-ouro init``: write bound.toml for an existing project, and its rules for agents."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.child import splits
from pytest_ouro.cli import agents, find_bound
from pytest_ouro.cli.bless import warn_of_ledger
from pytest_ouro.cli.output import say
from pytest_ouro.core import limits
from pytest_ouro.core.escape import quoted
from pytest_ouro.core.plain_file import write_whole
from pytest_ouro.core.schema import keys_of
from pytest_ouro.evidence import data
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.git.client import Git, split
from pytest_ouro.evidence.git.special_files import refuse_special_file
from pytest_ouro.experiment.terms.names import why_missing
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import (
    Statement,
    autoresearch,
    document,
    hooks,
    program_md,
    project,
    section,
)
from pytest_ouro.onboarding.recognise import Context, recognise, unique

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_ouro.bound.read import Bound, Rule
    from pytest_ouro.onboarding.project import InitOptions, Project
    from pytest_ouro.onboarding.section import Section

_PRESETS = {"autoresearch": autoresearch.statements}
#: Files in which people state their rules for agents.
_AGENT_FILES = ("CLAUDE.md", "AGENTS.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
        "--preset", choices=_PRESETS, default="autoresearch", help="the kind of experiment"
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="the file with the BOUND section (default: CLAUDE.md or AGENTS.md, if it has one)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    found = parser.add_argument_group("project facts (detected unless given)")
    found.add_argument("--script", default="", metavar="FILE", help="the script to run")
    found.add_argument("--harness", default="", metavar="FILE", help="the fixed module")
    found.add_argument("--evaluate", default="", metavar="NAME", help="its metric function")
    found.add_argument("--loader", default="", metavar="NAME", help="its batch loader")
    found.add_argument("--metric", default="", metavar="NAME", help="the metric's name in the log")
    found.add_argument(
        "--direction",
        default="",
        choices=("lower", "higher"),
        help="whether a lower or a higher metric is better",
    )
    found.add_argument("--budget", type=float, metavar="SECONDS", help="seconds of training")
    found.add_argument("--ledger", default="", metavar="FILE", help="the table of results")
    found.add_argument(
        "--editable", action="append", metavar="GLOB", help="files to edit; may be repeated"
    )
    found.add_argument(
        "--data", action="append", metavar="GLOB", help="data files; may be repeated"
    )
    found.add_argument("--device", choices=("auto", "cpu", "cuda"), help="the device of a run")


#: What a person does where the bound that would be written is refused.
_NOT_WRITTEN = (
    "bound.toml was not written; give another value by an option (pytest-ouro init --help), or "
    "correct the rules that the project states"
)


def main(args: argparse.Namespace) -> int:
    """Do what the first of ``--program``, ``--render``, ``--agents`` and ``--hook`` asks for;
    without one of them, write bound.toml. Return 0; OuroError if a file cannot or must not be
    written."""
    if args.program is not None:
        return _program(args)
    if args.render is not None:
        return _render(args)
    if args.agents is not None:
        return _agents(args)
    if args.hook:
        return _hooks(args)
    target = Path.cwd() / (args.bound or bounds.NAME)
    if os.path.lexists(target) and not args.force:
        raise messages.file_exists(target.name)
    git = Git.discover(target.parent)
    rules = _find_section(target.parent, git.top, args.source)
    words = [bullet.words for bullet in rules.bullets] if rules else []
    found = project.find(target.parent, git.top, _init_options(args), words)
    context = _context(found, git, target.parent)
    statements = _read_statements(rules, found, context) if rules else []
    statements = unique(statements or _PRESETS[args.preset](found.experiment))
    statements = _confine_scope(statements, git, target.parent)
    text = document.text(found.name, found.experiment, statements)
    folder = git.relative(target).rpartition("/")[0]
    bounds.parse(text, folder=folder, name=target.name, remedy=_NOT_WRITTEN)
    _File(git.top, git.relative(target), target.name).write(text)
    say(*_report_lines(target, found, statements, rules, args.preset))
    experiment = found.experiment
    warn_of_ledger(target.parent / experiment.root / experiment.ledger, experiment.metric)
    return 0


def _init_options(args: argparse.Namespace) -> InitOptions:
    """Return the project facts among the options of the command line; facts that are not given keep
    their empty defaults."""
    given = {field.name: getattr(args, field.name) for field in fields(project.InitOptions)}
    named = {key: value for key, value in given.items() if value is not None}
    lists = {key: tuple(value) for key, value in named.items() if isinstance(value, list)}
    return project.InitOptions(**named | lists)


def _confine_scope(statements: list[Statement], git: Git, folder: Path) -> list[Statement]:
    """Return the statements unchanged if git tracks no file outside of ``folder``. Else return them
    with ``within = "."`` in each scope that has no ``within``, so that the scope watches the
    bound's folder alone."""
    prefix = git.relative(folder / "x").removesuffix("x")
    if all(path.startswith(prefix) for path in git.files(untracked=False)[0]):
        return statements
    return [
        replace(s, params={"within": ".", **s.params}) if s.check == "scope" else s
        for s in statements
    ]


def _find_section(folder: Path, top: Path, source: str | None) -> Section | None:
    """Return the BOUND section, the rules that people stated for agents; None if there is none.

    It is that of the file ``source``, or for None that of CLAUDE.md or AGENTS.md in ``folder`` or
    ``top``. OuroError if ``source`` does not exist or has no such section, or if two of the files
    state different rules.
    """
    if source is not None:
        if not (folder / source).is_file():
            raise messages.no_such_file(source, folder, "--from FILE")
        given = _read_section(folder / source, source)
        if given is None:
            raise messages.no_section(source)
        return given
    paths = [path for name in _AGENT_FILES for path in dict.fromkeys((folder / name, top / name))]
    found = [section for path in paths if (section := _read_section(path, path.name))]
    if len({tuple(bullet.words for bullet in each.bullets) for each in found}) > 1:
        raise messages.different_rules([each.file for each in found])
    return found[0] if found else None


def _read_section(path: Path, name: str) -> Section | None:
    """Return the BOUND section of a file; None if there is no such file or section in it."""
    if not path.is_file():
        return None
    refuse_special_file(str(path), limits.SMALL)
    return section.read(path.read_bytes().decode(errors="replace"), name)


def _context(found: Project, git: Git, folder: Path) -> Context:
    """Return the facts, as a `Context`, that a person's words are compared with; its paths are
    relative to the experiment's folder."""
    root = git.relative(folder / found.experiment.root / found.script.name).rpartition("/")[0]
    tracked = [posixpath.relpath(path, root or ".") for path in git.files(untracked=False)[0]]
    return Context(found.experiment, tracked, found.harness.source.defines)


def _read_statements(rules: Section, found: Project, context: Context) -> list[Statement]:
    """Return one statement for each bullet: the one that the bullet states if it names its check,
    else the one that `recognise` finds for its words."""
    return [
        bullet.statement
        or recognise(bullet.section, bullet.words, context, place=f"{rules.file}:{bullet.line}")
        for bullet in rules.bullets
    ]


@dataclass(frozen=True)
class _File:
    """A file to read and write: ``name`` is its path below the folder ``root``, and ``called`` is
    what messages call it."""

    root: Path
    name: str
    called: str

    @classmethod
    def find(cls, path: Path, git: Git, called: str) -> _File:
        """Return the file that ``path`` names, with every link followed. A path in the repository
        must lead to a file of the repository, not of git's folder; else OuroError. A path outside
        of the repository may lead anywhere."""
        path = Path(os.path.normpath(path))  # not through a link and up again
        top, real = git.top.resolve(), path.resolve()
        owned = any(top in (p.resolve(), *p.resolve().parents) for p in path.parents)
        if not owned:
            return cls(real.parent, real.name, called)
        kept = (git.common_dir.resolve(), git.folder.resolve())
        if top not in real.parents or not set(kept).isdisjoint(real.parents):
            raise messages.leads_outside(called, real)
        return cls(top, real.relative_to(top).as_posix(), called)

    def read(self) -> bytes:
        """Return the bytes of the file; b"" if it does not exist. OuroError if it is a pipe, a
        device or too large."""
        path = self.root / self.name
        refuse_special_file(str(path), limits.SMALL)
        return read_file(path) or b""

    def write(self, text: str) -> None:
        """Replace the file as a whole. OuroError if it is a pipe or a device, or cannot be written;
        it is then unchanged."""
        refuse_special_file(str(self.root / self.name))
        try:
            write_whole(self.root, self.name, text.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise messages.not_writable(self.called, str(error.strerror)) from None


def _report_lines(
    target: Path, found: Project, statements: list[Statement], rules: Section | None, preset: str
) -> Iterator[str]:
    """Yield the lines that say what was found, what could not be decided, and what a person does
    next."""
    experiment = found.experiment
    source = f"the BOUND section of {rules.file}" if rules else f"the preset {preset}"
    yield f"ouro: wrote {target.name}: {len(statements)} rules, from {source}"
    yield f"  script   {posixpath.join(experiment.root, experiment.script)}" + (
        f", run by {' '.join(experiment.python)}"
    )
    yield f"  changes  {', '.join(experiment.editable)}"
    yield f"  harness  {experiment.harness}: {experiment.evaluate}, {experiment.loader}"
    yield f"  metric   {experiment.metric}, {experiment.direction} is better"
    yield f"  budget   {experiment.budget:g} s, on {experiment.device}"
    yield f"  ledger   {experiment.ledger}"
    yield f"  data     {', '.join(experiment.data) or 'none known: --data GLOB names it'}"
    for statement in statements:
        if statement.reason:
            judged = "for people" if statement.check == "human" else f"judged by {statement.check}"
            rule = f"{statement.section}::{statement.id}"
            yield f"  note: {rule} is {judged}: {statement.reason}"
    if rules:
        for line in rules.orphan_lines:
            yield f"  note: {rules.file}:{line} is under none of the three headings"
    if not found.harness.source.defines(experiment.loader):
        yield (
            f"  note: {experiment.harness} defines no {experiment.loader}: no clock starts before "
            "its first batch (--loader NAME)"
        )
    source = found.harness.source.text.encode().decode("latin-1")
    for words in splits.handed_out(source, experiment.evaluate):
        yield (
            f"  note: {experiment.harness} hands out the validation data: {words}; a run gives the "
            "script the training split alone, and only a sandbox hides the files of the other"
        )
    if why := why_missing(experiment.python[0]):
        yield f"  note: {experiment.python[0]} cannot be started here, and a run needs it: {why}"
    yield "next:"
    name = target.name
    yield f"  read {name}, then: git add {quoted(name)} && git commit -m 'State the rules'"
    if data.missing(experiment.data, target.parent / experiment.root):
        yield f"  make the data: {' '.join(experiment.python)} {experiment.harness}"
    yield "  a person, not an agent: pytest-ouro bless, then commit bound.lock"
    yield "  let git run the gate, by the project's Python: pytest-ouro init --hook"
    yield "  (or names that commit as the truth: git config ouro.trust COMMIT)"
    yield "  tell agents the loop (pytest --ouro-experiment): pytest-ouro init --agents"


def _render(args: argparse.Namespace) -> int:
    """Print the rules of the bound as a BOUND section, or write that section into the file that
    ``--render`` names; all other text in the file stays. Return 0."""
    path = find_bound(args.bound)
    bound = _bound(path)
    lines = section.render([_statement(rule) for rule in bound.rules])
    if not args.render:
        say(*lines)
        return 0
    target = _File.find(Path.cwd() / args.render, Git.discover(path.parent), args.render)
    before = target.read().decode("utf-8", "surrogateescape")
    after = section.replace(before, lines, args.render)
    if after == before:
        say(f"ouro: {args.render} states the rules of {path.name} already")
        return 0
    target.write(after)
    say(f"ouro: {args.render} states the {len(bound.rules)} rules of {path.name}")
    return 0


def _agents(args: argparse.Namespace) -> int:
    """Write the guard's hooks and the rules into the files of agents; print a person's next
    steps. Return 0, also if nothing changes."""
    path = find_bound(args.bound)
    bound, git = _bound(path), Git.discover(path.parent)
    rules = [_statement(rule) for rule in bound.rules]

    def find(name: str) -> _File:
        return _File.find(git.top / name, git, name)

    written, then = agents.files(git, args.agents, bound, rules, find)
    for name, text in written.items():
        find(name).write(text)
        say(f"ouro: wrote {name}")
    if not written:
        say("ouro: the agents' files state the loop and the rules already")
        return 0
    if ignored := split(git.call("ls-files", "-oiz", "--exclude-standard", "--", *written)):
        then.insert(-1, f"git ignores some of them, so: git add -f {' '.join(ignored)}")
    for line in then:
        say(f"  next: {line}")
    return 0


def _hooks(args: argparse.Namespace) -> int:
    """Write git's hooks and return 0. OuroError if core.hooksPath is set, or if a hook of another
    author is there and ``--force`` is not given."""
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
        _File(git.common_dir, f"hooks/{name}", str(target)).write(text)
        target.chmod(0o755)
        say(f"ouro: wrote {target}")
    return 0


def _program(args: argparse.Namespace) -> int:
    """Print the program of the bound, or write it to the file that ``--program`` names. Return 0.
    OuroError if that file is written by hand and ``--force`` is not given."""
    path = find_bound(args.bound)
    bound = _bound(path)
    if not args.program:
        say(*program_md.render(bound).splitlines())
        return 0
    target = _File.find(Path.cwd() / args.program, Git.discover(path.parent), args.program)
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
    """Return the bound in the file at ``path``. OuroError if there is no such file, BoundError if
    it has faults."""
    text = read_file(path)
    if text is None:
        raise messages.no_bound(path)
    folder = Git.discover(path.parent).relative(path).rpartition("/")[0]
    return bounds.parse(text.decode(errors="replace"), folder=folder, name=path.name)


def _statement(rule: Rule) -> Statement:
    """Return a rule of a bound as a statement, with those options of its check that are not
    defaults."""
    params = {}
    for key, field in keys_of(type(rule.checker)).items():
        given = getattr(rule.checker, field.name)
        if given != field.default:
            params[key] = list(given) if isinstance(given, tuple) else given
    return Statement(
        rule.section, rule.id, rule.sentence, rule.check, params, rule.severity, rule.reason
    )
