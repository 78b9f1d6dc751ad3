"""Read the settings by which an agent's program runs no hooks at all, and so not the guard's."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ouro.core import limits
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.toml import loads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: A text in JSON, or a comment, which Gemini CLI allows.
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


def _parse(text: str) -> Any:
    """Return the value of a JSON text that may contain comments. ValueError if it is not JSON."""
    return json.loads(_COMMENT.sub(lambda found: found[1] or "", text))


class _Program(NamedTuple):
    """Where an agent's program has its settings, and which of them turn hooks off. ``machine`` is
    the path of the machine's file; ``project`` are paths from the project's top folder; ``user`` is
    a path from the home folder, or, if the environment variable ``variable`` is set, its file name
    in the folder that the variable names. ``parse`` reads a file; ``keys`` maps each key to the
    value that turns hooks off."""

    machine: str
    project: tuple[str, ...]
    user: str
    variable: str
    parse: Callable[[str], Any]
    keys: dict[str, bool]


_PROGRAMS = {
    "claude": _Program(
        "/etc/claude-code/managed-settings.json",
        (".claude/settings.local.json", ".claude/settings.json"),
        ".claude/settings.json",
        "CLAUDE_CONFIG_DIR",
        _parse,
        {"disableAllHooks": True},
    ),
    "codex": _Program(
        "/etc/codex/config.toml",
        (".codex/config.toml",),
        ".codex/config.toml",
        "CODEX_HOME",
        loads,
        {"features.hooks": False, "features.codex_hooks": False},
    ),
    "gemini": _Program(
        "/etc/gemini-cli/settings.json",
        (".gemini/settings.json",),
        ".gemini/settings.json",
        "",
        _parse,
        {"hooksConfig.enabled": False, "tools.enableHooks": False},
    ),
}


def find_off(top: Path, name: str) -> Iterator[str]:
    """Yield in words each setting by which the agent ``name`` runs no hooks in the project at
    ``top``, such as ``~/.claude/settings.json has disableAllHooks = true``, and each settings file
    that cannot be read. Nothing for an agent whose settings are not known.

    The machine's settings come first, then the project's, then the user's. The first file that has
    a key decides; the files after it are not examined for that key.
    """
    program = _PROGRAMS.get(name)
    if program is None:
        return
    decided: set[str] = set()
    for shown, path in _files(top, program):
        try:
            data = read_file(path.resolve(), limit=limits.SMALL)
            settings = {} if data is None else program.parse(data.decode("utf-8-sig"))
        except (OuroError, OSError, ValueError, RecursionError):
            yield f"{shown} cannot be read, and may turn hooks off"
            continue
        for key, off in program.keys.items():
            found = None if key in decided else _value(settings, key)
            if found is off:
                yield f"{shown} has {key} = {str(off).lower()}"
            if found is not None:
                decided.add(key)


def _files(top: Path, program: _Program) -> Iterator[tuple[str, Path]]:
    """Yield the settings files of a program in the order in which they count, each as a tuple: how
    a message shows it, and its path. A file need not exist."""
    yield program.machine, Path(program.machine)
    for name in program.project:
        yield name, top / name
    yield _user_settings(program)


def user_settings(name: str) -> tuple[str, Path]:
    """Return the user's settings of an agent: how the file is shown, and its path. KeyError if it
    is not known where the agent has them."""
    return _user_settings(_PROGRAMS[name])


def read_user_file(name: str, file: str) -> dict[str, object]:
    """Return the JSON object in ``file``, which lies beside the user's settings of an agent; {} if
    it is absent. OuroError or OSError if it cannot be read, ValueError or RecursionError if it is
    not a JSON object."""
    data = read_file(user_settings(name)[1].with_name(file).resolve(), limit=limits.SMALL)
    found = {} if data is None else _parse(data.decode("utf-8-sig"))
    if not isinstance(found, dict):
        raise ValueError(f"{file} is not an object")
    return found


def _user_settings(program: _Program) -> tuple[str, Path]:
    """Return how messages show the file of the user's settings of a program, and its path: in the
    folder that the program's environment variable names, else below the home folder. The file need
    not exist."""
    folder = os.environ.get(program.variable) if program.variable else ""
    path = Path(folder, Path(program.user).name) if folder else Path.home() / program.user
    return (str(path) if folder else f"~/{program.user}"), path


def _value(settings: object, key: str) -> object:
    """Return the value of a dotted key, such as ``features.hooks``, in nested settings; None if it
    is absent."""
    for part in key.split("."):
        settings = settings.get(part) if isinstance(settings, dict) else None
    return settings
