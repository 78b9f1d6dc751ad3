"""Write bound.toml for an existing project, judge it once, and say what a person does next."""

from __future__ import annotations

import os
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
from pytest_ouro.core.errors import BoundError, OuroError
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import Statement, document
from pytest_ouro.onboarding.discover import project
from pytest_ouro.onboarding.recognise import unique
from pytest_ouro.onboarding.stated import (
    context_of,
    find_prose,
    find_section,
    preset_rules,
    read_statements,
)

if TYPE_CHECKING:
    import argparse

    from pytest_ouro.onboarding.discover.options import InitOptions
    from pytest_ouro.onboarding.discover.project import Project
    from pytest_ouro.onboarding.discover.prose import Prose
    from pytest_ouro.onboarding.section import Section

#: What a person does where the bound that would be written is refused.
_NOT_WRITTEN = (
    "bound.toml was not written; give another value by an option (pytest-ouro init --help), or "
    "correct the rules that the project states"
)


def write_bound(args: argparse.Namespace) -> int:
    """Write bound.toml, unless ``--dry-run``; judge it once, and print what was found and assumed,
    what does not hold yet, and the next commands. With ``--go`` and without ``--dry-run``, also
    bless and run, if all holds; a bound.toml that exists is then used as it is, unless ``--force``.
    Return 0; after ``--go``, 1 if something does not hold yet, else the status of the run.

    OuroError if bound.toml exists and none of ``--force``, ``--dry-run`` and ``--go`` is given, if
    a fact is missing, or if nothing can be written; with ``--json`` the error is printed as an
    object instead, and 2 is returned.
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
    rules = find_section(target.parent, git.top, args.source)
    prose = find_prose(target.parent, git.top, args.source)
    words = [bullet.words for bullet in rules.bullets] if rules else []
    found = project.find(target.parent, git.top, options, words, prose)
    context = context_of(found, git, target.parent)
    statements = read_statements(rules, context) if rules else []
    if not statements:
        statements = preset_rules(found, context, prose)
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
        call=options.call(*["--force"] * args.force),
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
    """Return the words after ``init`` in ``argv``, for commands that are printed to repeat them:
    all but ``--json``, ``--dry-run``, ``--force`` and ``--go``. () if there is no word ``init``."""
    aside = ("--json", "--dry-run", "--force", "--go")
    words = argv[argv.index("init") + 1 :] if "init" in argv else []
    return tuple(word for word in words if word not in aside)


def _source(rules: Section | None, prose: Prose, preset: str) -> str:
    """Return in words where the rules come from: the BOUND section, or else the preset of this
    name, and the file of instructions if there is one."""
    if rules:
        return f"the BOUND section of {rules.file}"
    return f"the preset {preset}" + (f" and {prose.file}" if prose.file else "")


def _confine_scope(
    statements: list[Statement], git: Git, folder: Path, found: Project
) -> list[Statement]:
    """Return the statements unchanged if git tracks no file outside of ``folder``. Else return them
    with ``within = "."`` in each ``scope`` rule that has no ``within``, so that it watches the
    bound's folder alone, and add a note about that to the remarks of ``found``."""
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
