"""Write bound.toml for an existing project, judge it once, and say what a person does next."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ouro.bound import read as bounds
from pytest_ouro.cli.bless import lock_of, warn_of_ledger
from pytest_ouro.cli.first_gate import lacks
from pytest_ouro.cli.init import report
from pytest_ouro.cli.init.files import OwnFile
from pytest_ouro.cli.init.go import go
from pytest_ouro.cli.output import say, say_document
from pytest_ouro.core import limits
from pytest_ouro.core.errors import BoundError, OuroError
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.git.special_files import refuse_special_file
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import Statement, autoresearch, document, program_md, section
from pytest_ouro.onboarding.discover import project, settings
from pytest_ouro.onboarding.discover import prose as instructions
from pytest_ouro.onboarding.discover.prose import Prose
from pytest_ouro.onboarding.recognise import Context, recognise, unique

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.onboarding.discover.options import InitOptions
    from pytest_ouro.onboarding.discover.project import Project
    from pytest_ouro.onboarding.section import Section

#: Files in which people state their rules for agents.
_AGENT_FILES = ("CLAUDE.md", "AGENTS.md")
_README = "README.md"
#: What a person does where the bound that would be written is refused.
_NOT_WRITTEN = (
    "bound.toml was not written; give another value by an option (pytest-ouro init --help), or "
    "correct the rules that the project states"
)


def write_bound(args: argparse.Namespace) -> int:
    """Write bound.toml, unless ``--dry-run``; judge it once, and print what was found, what was
    assumed, what does not hold yet and the next commands. With ``--go``, without ``--dry-run``,
    also bless and run; without ``--force``, a bound.toml that is there is then taken as it is.
    Return 0; after ``--go``, 1 if something does not hold yet, else the status of the run.

    OuroError if a bound.toml is there and no option allows for it, a fact is missing, or nothing
    can be written; with ``--json`` it is printed as an object instead, and 2 is returned.
    """
    if not args.json:
        return _write_bound(args)
    try:
        return _write_bound(args)
    except OuroError as error:
        problems = list(error.problems) if isinstance(error, BoundError) else [error.message]
        say_document(report.as_json({"error": problems, "help": error.help or ""}))
        return 2


def _write_bound(args: argparse.Namespace) -> int:
    """Do what `write_bound` does; with ``--json`` too, an error is raised and not printed."""
    target = Path.cwd() / (args.bound or bounds.NAME)
    options = _init_options(args)
    if os.path.lexists(target) and not args.force and not args.dry_run:
        if args.go:
            return go(target, quiet=args.json)
        raise messages.file_exists(target.name, options.call("--force"))
    git = Git.discover(target.parent)
    rules = _find_section(target.parent, git.top, args.source)
    prose = _find_prose(target.parent, git.top, args.source)
    words = [bullet.words for bullet in rules.bullets] if rules else []
    found = project.find(target.parent, git.top, options, words, prose)
    context = _context(found, git, target.parent)
    statements = _read_statements(rules, context) if rules else []
    if not statements:
        statements = _preset(found, context, prose)
    statements = _confine_scope(unique(statements), git, target.parent, found)
    text = document.text(found.name, found.experiment, statements)
    path = git.relative(target)
    folder = path.rpartition("/")[0]
    bound = bounds.parse(text, folder=folder, name=target.name, remedy=_NOT_WRITTEN)
    if not args.dry_run:
        OwnFile(git.top, path, target.name).write(text)
    lacking = lacks(git, bound, path, lambda: lock_of(git, bound, path, text.encode()))
    said = report.Report(
        target=target,
        text=text,
        is_written=not args.dry_run,
        found=found,
        statements=statements,
        rules=rules,
        source=_source(rules, prose, args.preset),
        lacks=lacking,
        options=options,
        instructions=prose.text,
    )
    if args.json:
        say_document(report.as_json(said.facts()))
    else:
        say(*said.lines())
        experiment = found.experiment
        warn_of_ledger(target.parent / experiment.root / experiment.ledger, experiment.metric)
    if not args.go or args.dry_run:
        return 0
    return 1 if lacking else go(target, quiet=args.json)


def _init_options(args: argparse.Namespace) -> InitOptions:
    """Return the project facts among the options; those not given keep their empty defaults.
    ``given`` is read from ``sys.argv``."""
    given = {field.name: getattr(args, field.name, None) for field in fields(project.InitOptions)}
    named = {key: value for key, value in given.items() if value is not None}
    lists = {key: tuple(value) for key, value in named.items() if isinstance(value, list)}
    return project.InitOptions(**named | lists | {"given": _read_given(sys.argv)})


def _read_given(argv: list[str]) -> tuple[str, ...]:
    """Return the words of this call after ``init``, without those that change what is written or
    printed; () if ``argv`` has no word ``init``."""
    aside = ("--json", "--dry-run", "--force", "--go")
    words = argv[argv.index("init") + 1 :] if "init" in argv else []
    return tuple(word for word in words if word not in aside)


def _source(rules: Section | None, prose: Prose, preset: str) -> str:
    """Return in words where the rules come from: the BOUND section, or else the preset of this
    name, and the file of instructions if there is one."""
    if rules:
        return f"the BOUND section of {rules.file}"
    return f"the preset {preset}" + (f" and {prose.file}" if prose.file else "")


def _preset(found: Project, context: Context, prose: Prose) -> list[Statement]:
    """Return the rules of the preset that apply to the project, and those of the instructions that
    they do not have: in the person's words, with the check that fits or for people. Words that no
    check reads are left out unless `_is_rule`, and a rule that contradicts the experiment is left
    out and noted."""
    python = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "uv.lock")
    statements = autoresearch.statements(
        found.experiment,
        fixed=found.fixed,
        serves=found.serves,
        timed=found.timed,
        python=any(context.glob(name) for name in python),
        manifests=found.manifests,
    )
    checks = {statement.check for statement in statements} - {"frozen", "frozen-symbol"}
    frozen = {path for s in statements for path in _paths(s)}
    for line, words in prose.forbidden:
        try:
            one = recognise("never-do", words, context, place=f"{prose.file}:{line}")
        except OuroError as error:
            found.remarks.note(f"{error.message}: that is not enforced")
            continue
        if one.check == "dependencies" and found.manifests:
            continue
        if one.check in checks or (one.check == "human" and not _is_rule(words, context)):
            continue
        if one.check.startswith("frozen") and frozen.issuperset(_paths(one)):
            continue
        if one.check == "human" and _only_names(words, frozen):
            continue
        frozen.update(_paths(one))
        statements.append(one)
    return statements


def _paths(statement: Statement) -> list[str]:
    """Return the list ``paths`` among a statement's parameters; [] if it has none."""
    paths = statement.params.get("paths", [])
    return list(paths) if isinstance(paths, list) else []


def _only_names(words: str, paths: set[str]) -> bool:
    """Return whether words name some of the paths before a dash, and explain them after it."""
    before, dash, _ = words.partition(" — ")
    named = re.findall(r"`([^`]+)`", before)
    return bool(dash and named) and paths.issuperset(named)


def _is_rule(words: str, context: Context) -> bool:
    """Return whether a person's words that no check reads are kept as a rule for people: they are
    more than two words, and name no file that the experiment may change."""
    return len(words.split()) > 2 and not any(name in words for name in context.experiment.editable)


def _confine_scope(
    statements: list[Statement], git: Git, folder: Path, found: Project
) -> list[Statement]:
    """Return the statements unchanged if git tracks no file outside of ``folder``. Else return them
    with ``within = "."`` in each scope that has no ``within``, so that the scope watches the
    bound's folder alone, which is noted."""
    prefix = git.relative(folder / "x").removesuffix("x")
    if all(path.startswith(prefix) for path in git.files(untracked=False)[0]):
        return statements
    found.remarks.note(
        f'within = "." lets the scope watch {prefix.rstrip("/")} alone, since the repository holds '
        "other work; without it the whole repository is watched"
    )
    return [
        replace(s, params={"within": ".", **s.params}) if s.check == "scope" else s
        for s in statements
    ]


def _find_section(folder: Path, top: Path, source: str | None) -> Section | None:
    """Return the BOUND section, the rules that people stated for agents; None if there is none.

    It is read from the file ``source``, or for None from CLAUDE.md or AGENTS.md in ``folder`` or
    ``top``. OuroError if ``source`` does not exist, or has neither a BOUND section nor
    instructions, or if two of the files state different rules.
    """
    if source is not None:
        if not (folder / source).is_file():
            raise messages.no_such_file(source, folder, "--from FILE")
        given = _read_section(folder / source, source)
        if given is None and not _read_prose(folder / source, source).is_loop:
            raise messages.no_section(source)
        return given
    paths = [path for name in _AGENT_FILES for path in dict.fromkeys((folder / name, top / name))]
    found = [section for path in paths if (section := _read_section(path, path.name))]
    if len({tuple(bullet.words for bullet in each.bullets) for each in found}) > 1:
        raise messages.different_rules([each.file for each in found])
    return found[0] if found else None


def _find_prose(folder: Path, top: Path, source: str | None) -> Prose:
    """Return what the instructions for the agent state: of the file ``source``, or for None of the
    settings of a session or the first usual file in ``folder`` or ``top`` that is about an
    experiment, with the commands of README.md there as examples; without such a file these alone.
    Errors as in `_read_text`."""
    if source is not None:
        return _read_prose(folder / source, source)
    for place in dict.fromkeys((folder, top)):
        readme = _read_prose(place / _README, _README)
        with contextlib.suppress(ValueError):
            found = settings.read(toml.loads(_read_text(place / settings.NAME) or ""))
            if found.is_loop:
                return found
        others = sorted(path.name for path in place.glob("*.md") if path.name not in _AGENT_FILES)
        for name in dict.fromkeys((*instructions.FILES, *others, *_AGENT_FILES, _README)):
            found = _read_prose(place / name, name)
            if found.is_loop and (name in instructions.FILES or found.loops):
                examples = (*found.examples, *readme.commands)
                return replace(found, examples=examples, builds=found.builds + readme.builds)
        if readme.commands:
            return Prose(examples=readme.commands, builds=readme.builds, text=readme.text)
    return Prose()


def _read_text(path: Path) -> str | None:
    """Return the text of a file, with bytes that are not UTF-8 replaced; None if there is no
    regular file. OuroError if it is too large, OSError if it cannot be read."""
    if not path.is_file():
        return None
    refuse_special_file(str(path), limits.SMALL)
    return path.read_bytes().decode(errors="replace")


def _read_section(path: Path, name: str) -> Section | None:
    """Return the BOUND section of a file, which messages call ``name``; None if there is no such
    file or section in it. OuroError if the section has no rule or a faulty one, or the file is too
    large; OSError if it cannot be read."""
    text = _read_text(path)
    return None if text is None else section.read(text, name)


def _read_prose(path: Path, name: str) -> Prose:
    """Return what a file of instructions, called ``name``, states; an empty one if there is no such
    file. Errors as in `_read_text`."""
    text = _read_text(path)
    return Prose() if text is None else instructions.read(program_md.read_kept(text), name)


def _context(found: Project, git: Git, folder: Path) -> Context:
    """Return the facts that a person's words are compared with: the experiment, all files of git by
    their paths from the experiment's folder (also with ``..``), and the harness's names."""
    root = git.relative(folder / found.experiment.root / "x").rpartition("/")[0]
    tracked = [posixpath.relpath(path, root or ".") for path in git.files(untracked=False)[0]]
    return Context(found.experiment, tracked, found.defines)


def _read_statements(rules: Section, context: Context) -> list[Statement]:
    """Return one statement for each bullet of the section ``rules``: the one that it states if it
    says how it is judged, else the one that its words stand for. OuroError if the words contradict
    the experiment."""
    return [
        bullet.statement
        or recognise(bullet.section, bullet.words, context, place=f"{rules.file}:{bullet.line}")
        for bullet in rules.bullets
    ]
