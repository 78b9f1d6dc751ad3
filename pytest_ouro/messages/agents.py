"""Errors of the agents' settings that `pytest-ouro init --agents` writes, and of the guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ouro.core.errors import OuroError

if TYPE_CHECKING:
    from pathlib import Path


def none_found(folder: Path, signs: list[str], names: list[str]) -> OuroError:
    """``--agents`` names no agent, and the folder has none of the files ``signs`` that show which
    agent works in it. ``names`` are all supported agents."""
    return OuroError(
        f"no agent is known to work in {folder}: it contains none of {', '.join(signs)}",
        help=f"name the agents: --agents={','.join(names)}",
    )


def unknown_agent(name: str, hint: str, names: list[str]) -> OuroError:
    """``--agents`` names an agent that is not supported. ``names`` are those that are; ``hint`` is
    the part of the headline that proposes the nearest of them, "" if none is near."""
    return OuroError(
        f"--agents: '{name}' is not a known agent{hint}",
        help=f"name one or more of {', '.join(names)}",
    )


def unmergeable(place: str, fault: str) -> OuroError:
    """The hooks cannot be added to an agent's settings file, or removed from it, without loss: the
    file is not plain JSON, has a key twice, or has another structure. ``place`` is the file, with
    the line if that is known."""
    return OuroError(
        f"{place}: {fault}; nothing was written",
        help="fix it (comments would be lost, so they are not read), or add the hook by hand: "
        "docs/agents.md",
    )


def not_a_file(name: str) -> OuroError:
    """A directory, a link to nothing or a special file stands where a file that ``init --agents``
    reads or writes belongs."""
    return OuroError(
        f"{name} is not a regular file; nothing was written", help="move it away, then run again"
    )


def unreadable(name: str, words: str) -> OuroError:
    """A file that ``init --agents`` needs cannot be read."""
    return OuroError(
        f"{name} cannot be read: {words}; nothing was written", help="check its permissions"
    )


def program_not_in_git(name: str) -> OuroError:
    """``init --agents`` would replace a program that people wrote, and the last commit does not
    have its text."""
    return OuroError(
        f"{name} is not committed as it is, and its text would be lost; nothing was written",
        help=f"git add -f {name} && git commit -m 'The program' -- {name}, then run again",
    )


def guard_takes_no_bound() -> OuroError:
    """``--bound`` was given to the guard."""
    return OuroError(
        "guard reads the rules of the project that a call is about, not --bound",
        help="leave out --bound",
    )
