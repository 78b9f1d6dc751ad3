"""Read what a project states about its experiment, and choose the rules that apply to it."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.git.special_files import refuse_special_file
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import Statement, autoresearch, program_md, section
from pytest_ouro.onboarding.discover import prose as instructions
from pytest_ouro.onboarding.discover import settings
from pytest_ouro.onboarding.discover.prose import Prose
from pytest_ouro.onboarding.recognise import Context, recognise

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.onboarding.discover.project import Project
    from pytest_ouro.onboarding.section import Section

#: Files in which people state their rules for agents.
_AGENT_FILES = ("CLAUDE.md", "AGENTS.md")
_README = "README.md"


def find_section(folder: Path, top: Path, source: str | None) -> Section | None:
    """Return the BOUND section, the rules that people stated for agents; None if there is none.

    It is read from the file ``source``, or for None from CLAUDE.md or AGENTS.md in ``folder`` or
    ``top``. OuroError if ``source`` does not exist, or has neither a BOUND section nor
    instructions, or if two of the files state different rules. Other errors are as in
    `_read_section`.
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


def find_prose(folder: Path, top: Path, source: str | None) -> Prose:
    """Return what the instructions for the agent state: those in the file ``source``, or, if that
    is None, the first of the following in ``folder``, else in ``top``, that describe an experiment.

    These are autoresearch.toml, in which some tools keep the settings of a session
    (`discover.settings`); a file with a usual name, such as program.md; such a file one folder
    below, if it lets files outside of its folder be edited (`_names_below`); another Markdown file
    that speaks of a loop. To a Markdown file, the commands in README.md there are added as
    examples; they are returned alone if nothing else is found there. Errors as in `_read_text`.
    """
    if source is not None:
        return _read_prose(folder / source, source)
    for place in dict.fromkeys((folder, top)):
        readme = _read_prose(place / _README, _README)
        with contextlib.suppress(ValueError):
            found = settings.read(toml.loads(_read_text(place / settings.NAME) or ""))
            if found.is_loop:
                return found
        others = sorted(path.name for path in place.glob("*.md") if path.name not in _AGENT_FILES)
        below = _names_below(place)
        for name in dict.fromkeys((*instructions.FILES, *below, *others, *_AGENT_FILES, _README)):
            found = _read_prose(place / name, name)
            if found.is_loop and (name in (*instructions.FILES, *below) or found.loops):
                examples = (*found.examples, *readme.commands)
                return replace(found, examples=examples, builds=found.builds + readme.builds)
        if readme.commands:
            return Prose(examples=readme.commands, builds=readme.builds, text=readme.text)
    return Prose()


def _names_below(place: Path) -> list[str]:
    """Return the paths, relative to ``place``, of files with usual names of instructions in its
    direct folders, such as autoresearch/program.md, whose first editable file exists in ``place``
    but not beside the instructions. [] if there are none. Errors as in `_read_text`."""
    return [
        path.relative_to(place).as_posix()
        for path in sorted(place.glob("*/*.md"))
        if path.name in instructions.FILES
        for name in _read_prose(path, path.name).editable[:1]
        if os.path.lexists(place / name) and not os.path.lexists(path.parent / name)
    ]


def context_of(found: Project, git: Git, folder: Path) -> Context:
    """Return the facts that a person's words are compared with: the experiment, all files of git by
    their paths relative to the experiment's folder (also with ``..``), and the harness's names."""
    root = git.relative(folder / found.experiment.root / "x").rpartition("/")[0]
    tracked = [posixpath.relpath(path, root or ".") for path in git.files(untracked=False)[0]]
    return Context(found.experiment, tracked, found.defines)


def preset_rules(found: Project, context: Context, prose: Prose) -> list[Statement]:
    """Return the rules of the preset that apply to the project, and those of the instructions that
    they do not have: in the person's words, with the check that fits or for people. Words that no
    check reads are left out unless `_is_rule`. A rule of the instructions that contradicts the
    experiment is left out too, and a note in ``found.remarks`` says so."""
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


def read_statements(rules: Section, context: Context) -> list[Statement]:
    """Return one statement for each bullet of the section ``rules``. If the bullet says how the
    rule is judged, that is the statement; otherwise `recognise` chooses a check for the bullet's
    words. OuroError if the words contradict the experiment."""
    return [
        bullet.statement
        or recognise(bullet.section, bullet.words, context, place=f"{rules.file}:{bullet.line}")
        for bullet in rules.bullets
    ]


def _paths(statement: Statement) -> list[str]:
    """Return the paths that ``statement``, a rule as a person states it, gives its check as the
    parameter ``paths``; [] if it gives none."""
    paths = statement.params.get("paths", [])
    return list(paths) if isinstance(paths, list) else []


def _only_names(words: str, paths: set[str]) -> bool:
    """Return whether words merely explain files of ``paths``: a dash follows at least one
    backquoted word, and each backquoted word before the dash is in ``paths``."""
    before, dash, _ = words.partition(" — ")
    named = re.findall(r"`([^`]+)`", before)
    return bool(dash and named) and paths.issuperset(named)


def _is_rule(words: str, context: Context) -> bool:
    """Return whether a person's words that no check reads are kept as a rule for people: they are
    more than two words, and name no file that the experiment may change."""
    return len(words.split()) > 2 and not any(name in words for name in context.experiment.editable)


def _read_text(path: Path) -> str | None:
    """Return the text of a file, with bytes that are not UTF-8 replaced; None if there is no
    regular file. OuroError if it is too large, OSError if it cannot be read."""
    if not path.is_file():
        return None
    refuse_special_file(str(path), limits.SMALL)
    return path.read_bytes().decode(errors="replace")


def _read_section(path: Path, name: str) -> Section | None:
    """Return the rules of a file's BOUND section or, without one, those under its headings DANGER
    ZONES, NEVER DO and IRON LAWS; None if there is no file or no such heading. Messages call the
    file ``name``. OuroError if there is such a heading without a rule, or a faulty rule, or if the
    file is too large; OSError if it cannot be read."""
    text = _read_text(path)
    return None if text is None else section.read(text, name)


def _read_prose(path: Path, name: str) -> Prose:
    """Return what a file of instructions, called ``name``, states; an empty one if there is no such
    file. Errors as in `_read_text`."""
    text = _read_text(path)
    return Prose() if text is None else instructions.read(program_md.read_kept(text), name)
