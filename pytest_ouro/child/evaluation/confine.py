"""Start a program of the candidate for its evaluation: in the candidate's sandbox, if it was in
one.

``OURO_CONFINE`` holds the words that start this module: ``$OURO_CONFINE PROGRAM ARGUMENT...``. The
program runs in the folder in which the candidate's command ran. In the sandbox it may read that
folder, and write to a new folder for temporary files alone, so that nothing is left for the next
call.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..kernel import sandbox
from . import output

if TYPE_CHECKING:
    from ..job import Confinement

_EXECUTABLE = (b"\x7fELF", b"#!")


def start(words: list[str]) -> None:
    """Replace this process by the program; ``words`` are the path of the settings file, then the
    program and its arguments.

    The settings are a `Confinement` as a JSON object. Raise SystemExit with a message if there is
    no program, or it cannot be started; OSError if the sandbox cannot be entered.
    """
    settings, *command = words
    given: Confinement = json.loads(Path(settings).read_text("utf-8"))
    if not command:
        sys.exit("OURO_CONFINE: name the program to run")
    os.closerange(3, 1 << 16)
    _leave_output()
    os.setsid()  # a signal to the group reaches this program alone
    temporary = tempfile.mkdtemp(dir=given["scratch"])
    folder = Path(given["folder"])
    os.chdir(folder)
    if command[0] == "python":
        command[0] = given["python"]
    if given["sandbox"]:
        _make_executable(folder, command[0])
        spec = {**given["sandbox"], "write": [temporary]}
        sandbox.enter(spec, network=given["network"])
    os.environ.clear()
    os.environ.update(given["environment"], TMPDIR=temporary)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"OURO_CONFINE: '{command[0]}' cannot be started: {error.strerror}")


def _leave_output() -> None:
    """Let standard output and error of this process go to /dev/null where they are the evaluation's
    own output (OURO_OUTPUT): what the program prints must not be taken for the evaluation's words.
    An output that the evaluation redirected is kept."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for fd in (1, 2):
        if os.environ.get("OURO_OUTPUT") == output(fd):
            os.dup2(nothing, fd)
    os.close(nothing)


def _make_executable(folder: Path, program: str) -> None:
    """Give the owner the right to execute the file ``program`` if it lacks it: in the sandbox,
    where it was built, modes cannot be changed.

    Do nothing unless ``program`` is a path with a ``/`` to a file in ``folder`` that is an ELF file
    or begins with ``#!``.
    """
    path = Path(os.path.realpath(folder / program))
    if "/" not in program or not path.is_relative_to(os.path.realpath(folder)):
        return
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return  # to start it will fail, with the reason
    with os.fdopen(fd, "rb") as file:
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode) and not mode & 0o100 and file.read(4).startswith(_EXECUTABLE):
            os.fchmod(fd, stat.S_IMODE(mode) | 0o100)
