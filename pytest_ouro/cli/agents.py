"""``pytest-ouro init --agents``: write the rules and the guard's hooks for agents."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.schema import nearest
from pytest_ouro.evidence.git.special_files import refuse_special_file
from pytest_ouro.messages import agents as messages
from pytest_ouro.onboarding import agents, section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def files(
    top: Path, asked: str, rules: list[str], demand_own: Callable[[str], object]
) -> tuple[dict[str, str], list[str]]:
    """Return a tuple: the new texts of the files that change, by their paths from the top folder
    ({} if none changes), and the lines that say what a person does next. Nothing is written here.

    ``asked`` are the agents' names joined by commas, "" for those that the project uses; ``rules``
    are the lines of the rendered section. ``demand_own`` is called with each path before its file
    is read, and raises OuroError for a file outside of the repository. OuroError too for an unknown
    agent, or for a file that cannot be read or merged.
    """
    names = _names(top, asked)
    new: dict[str, str] = {}
    old: dict[str, str] = {}

    def change(name: str, changed: Callable[[str], str]) -> None:
        """Note the old text of a file and the text that ``changed`` returns for it."""
        demand_own(name)
        old[name] = _text(top / name, name)
        new[name] = changed(old[name])

    for agent in (agents.AGENTS[name] for name in names):
        change(agent.settings, partial(agents.merge, agent))
    change("AGENTS.md", lambda before: section.replace(before, rules, "AGENTS.md"))
    for name in agents.IMPORTING:
        is_link = (top / name).resolve() == (top / "AGENTS.md").resolve()
        if (top / name).is_file() and not is_link:
            change(name, agents.add_import)
    return {name: text for name, text in new.items() if text != old[name]}, list(_next(names, new))


def _names(top: Path, asked: str) -> list[str]:
    """Return the names of the agents in ``asked``, or of those that the project uses if it is "".
    OuroError for an unknown name, or if the project uses no known agent."""
    if not asked:
        found = agents.found(top)
        if not found:
            signs = [sign for agent in agents.AGENTS.values() for sign in agent.signs]
            raise messages.none_found(top, signs, [*agents.AGENTS])
        return found
    names = list(dict.fromkeys(name.strip().lower() for name in asked.split(",")))
    for name in names:
        if name not in agents.AGENTS:
            hint = nearest(name, agents.AGENTS)
            raise messages.unknown_agent(name, hint, [*agents.AGENTS])
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


def _next(names: list[str], new: dict[str, str]) -> Iterator[str]:
    """Yield the lines that say what a person does after the files are written. ``names`` are the
    agents, and ``new`` has the texts of their settings by path."""
    if not shutil.which("pytest-ouro"):
        yield "put pytest-ouro on the PATH of the agents, or their hooks cannot start it"
    for name in names:
        agent = agents.AGENTS[name]
        if agents.disables(new[agent.settings]):
            yield f"{agent.settings} has disableAllHooks: no hook runs until a person removes it"
        if agent.next:
            yield agent.next
    yield "a person reads and commits these files, then: pytest-ouro bless, and commits bound.lock"
