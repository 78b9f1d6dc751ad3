"""Write git's hooks that run the gate by the project's Python: it parses what the project runs."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The first lines of a hook of ours.
MARK = "#!/bin/sh\n# pytest-ouro:"
#: The options of the gate in each hook.
_HOOKS = {
    "pre-commit": "--staged",
    "pre-merge-commit": "--staged",
    "pre-push": '--pre-push "$@"',
}
#: The hooks that are written.
NAMES = tuple(_HOOKS)


def command(python: Sequence[str], root: str) -> str:
    """Return the shell command that runs the gate, without options; it must be run in the
    repository's top folder.

    ``python`` are the words that start the project's interpreter; ``python`` alone stands for the
    interpreter of this process. ``root`` is the experiment's folder, from the repository's top; ""
    for the top itself.
    """
    words = [sys.executable] if tuple(python) == ("python",) else python
    folder = f"cd {shlex.quote(root)} && " if root else ""
    return f"{folder}exec {shlex.join(words)} -I -m pytest_ouro gate"


def texts(python: Sequence[str], root: str) -> dict[str, str]:
    """Return the text of each hook, by the hook's name; see `command` for the parameters."""
    start = f"{MARK} the rules of bound.toml; pytest-ouro init --hook wrote it\n"
    run = command(python, root)
    return {name: f"{start}{run} {options}\n" for name, options in _HOOKS.items()}
