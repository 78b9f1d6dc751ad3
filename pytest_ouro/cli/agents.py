"""``pytest-ouro init --agents``: write the rules and the guard's hooks for agents."""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
from functools import partial
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError, nearest
from pytest_ouro.evidence.content import canonical
from pytest_ouro.evidence.git.special_files import refuse_special_file
from pytest_ouro.messages import agents as messages
from pytest_ouro.onboarding import agents, earlier, program_md, section

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path

    from pytest_ouro.bound.read import Bound
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.onboarding import Statement

#: The file that the original's agents are asked to read.
PROGRAM = "program.md"


def files(
    git: Git,
    asked: str,
    bound: Bound,
    statements: list[Statement],
    demand_own: Callable[[str], object],
) -> tuple[dict[str, str], list[str]]:
    """Return a tuple: the new texts of the files that change, by their paths relative to the top
    folder, and the lines that say what a person does next. Nothing is written here. The files are
    the agents' settings, AGENTS.md, the file that each agent reads in its place, and CLAUDE.md,
    GEMINI.md and program.md if they exist.

    ``asked`` are the names of agents, separated by commas, "" for the agents that the project uses;
    agents without hooks may be named too. ``statements`` are the rules. ``demand_own`` is called
    with the path of each of these files before it is read, and raises OuroError for a path outside
    of the repository. OuroError is also raised for an unknown agent, for a file that cannot be read
    or merged, and for a program that people wrote and that is not in git.
    """
    top = git.top
    program = _find_program(top, bound)
    names = _names(top, asked, optional=bool(program))
    rules = section.render(statements, [*program_md.loop(bound).splitlines(), ""])
    stated = {" ".join(statement.words.split()) for statement in statements}
    new: dict[str, str] = {}
    old: dict[str, str] = {}

    def change(name: str, changed: Callable[[str], str]) -> None:
        """Note in ``old`` the text of the file ``name``, and in ``new`` what ``changed`` returns
        for it. OuroError if the file may not, or cannot, be read or changed."""
        demand_own(name)
        old[name] = _text(top / name, name)
        new[name] = changed(old[name])

    hooked = [name for name in names if name in agents.AGENTS]
    for agent in (agents.AGENTS[name] for name in hooked):
        change(agent.settings, partial(agents.merge, agent))

    def with_rules(before: str) -> str:
        """Return ``before``, the text of AGENTS.md, with the loop and the rules as its BOUND
        section, and a note in each other section that contradicts the loop."""
        text = section.replace(before, rules, "AGENTS.md")
        return earlier.mark(text, bound.experiment, "this file")

    change("AGENTS.md", with_rules)
    read = {agents.AGENTS[name].reads for name in hooked}
    for name in agents.IMPORTING:
        is_link = os.path.realpath(top / name) == os.path.realpath(top / "AGENTS.md")
        if (name in read or (top / name).is_file()) and not is_link:
            change(name, partial(_with_import, name=name, stated=stated, bound=bound))
    if program:
        change(program, partial(program_md.update, bound=bound))
        _demand_in_git(git, program, old[program])
    changed = {name: text for name, text in new.items() if text != old[name]}
    ignored = _text(top / ".gitignore", ".gitignore")
    return changed, list(_next(names, new, changed, ignored))


def _with_import(before: str, *, name: str, stated: set[str], bound: Bound) -> str:
    """Return ``before``, the text of the file ``name``, with a line that imports AGENTS.md, where
    the rules and the loop are. Its own BOUND section is left out, unless it cannot be read or has a
    rule that is not in ``stated``, the rules of the bound. Each section that contradicts the loop
    gets a note that the loop in AGENTS.md counts."""
    imported = agents.add_import(before)
    with contextlib.suppress(OuroError):  # of a section that cannot be read, which then stays
        found = section.read(before, name) if section.has_bound(before) else None
        if found and all(" ".join(bullet.words.split()) in stated for bullet in found.bullets):
            line = [] if imported == before else [agents.IMPORT]
            imported = section.replace(before, line, name)
    return earlier.mark(imported, bound.experiment, "AGENTS.md")


def _find_program(top: Path, bound: Bound) -> str:
    """Return the path of program.md relative to the top folder, in the experiment's folder or in
    the top folder; "" if there is none."""
    names = (posixpath.join(bound.root, PROGRAM), PROGRAM)
    return next((name for name in names if (top / name).is_file()), "")


def _demand_in_git(git: Git, name: str, text: str) -> None:
    """Raise OuroError if ``text``, the present text of the program at the path ``name`` relative to
    the top folder, was written by people and differs from the file in HEAD, since it would be lost.
    Do nothing if ``text`` is empty, or if ``init`` rendered it."""
    if text.startswith(program_md.MARK) or not text.strip():
        return
    head = git.commit("HEAD")
    entry = git.tree(head).get(name) if head else None
    data = text.encode("utf-8", "surrogateescape")
    if entry is None or canonical(git.store.read(entry.blob)) != canonical(data):
        raise messages.program_not_in_git(name)


def _names(top: Path, asked: str, *, optional: bool) -> list[str]:
    """Return the names of the agents in ``asked`` (in any case, with commas), or of those that the
    project uses if it is "". OuroError for an unknown name, or if ``asked`` is "", the project uses
    no known agent and they are not ``optional``."""
    if not asked:
        found = agents.found(top)
        if not (found or optional):
            signs = [sign for agent in agents.AGENTS.values() for sign in agent.signs]
            raise messages.none_found(top, signs, [*agents.AGENTS])
        return found
    names = list(dict.fromkeys(name.strip().lower() for name in asked.split(",")))
    known = [*agents.AGENTS, *agents.WITHOUT_HOOKS]
    for name in names:
        if name not in known:
            raise messages.unknown_agent(name, nearest(name, known), known)
    return names


def _text(path: Path, name: str) -> str:
    """Return the text of the file at ``path``, which messages call ``name``; "" if it does not
    exist. A byte that is not UTF-8 becomes a surrogate, which is written back as the same byte.
    OuroError if it is not a regular file, is too large or cannot be read."""
    if not path.is_file():
        if path.exists() or path.is_symlink():
            raise messages.not_a_file(name)
        return ""
    try:
        refuse_special_file(str(path), limits.SMALL)
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise messages.unreadable(name, str(error.strerror)) from None


def _next(
    names: list[str], new: dict[str, str], changed: Container[str], ignored: str
) -> Iterator[str]:
    """Yield the lines that say what a person does after the files are written; the last is to
    commit and bless them. ``names`` are the agents whose files are written; if it is empty, a line
    says to name them. ``new`` maps the paths of their settings to the texts, ``changed`` has the
    paths that are written, and ``ignored`` is the text of .gitignore."""
    if not names:
        yield f"name the agents, and they call the guard too: --agents={','.join(agents.AGENTS)}"
    if not shutil.which("pytest-ouro"):
        yield "put pytest-ouro on the PATH of the agents, or their hooks cannot start it"
    for name in names:
        if name in agents.WITHOUT_HOOKS:
            shown = agents.WITHOUT_HOOKS[name]
            yield f"{shown} calls no guard: run pytest-ouro init --hook, and the gate in CI"
            continue
        agent = agents.AGENTS[name]
        if agents.disables(new[agent.settings]):
            yield f"{agent.settings} has disableAllHooks: no hook runs until a person removes it"
        if agent.settings in changed:
            yield agent.next
    if "claude" in names and ".claude/worktrees" not in ignored:
        yield (
            "put .claude/worktrees/ into .gitignore: a working tree that Claude Code makes there "
            "may break the scope rule"
        )
    yield "a person reads and commits these files, then: pytest-ouro bless, and commits bound.lock"
