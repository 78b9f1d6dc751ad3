"""The programs that change files or packages, one row each: which arguments say what is changed.

The table lists what agents use often. The gate finds what other programs change.
"""

from __future__ import annotations

import os

from pytest_ouro.guard.effects import Action, Write
from pytest_ouro.guard.options import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Program:
    """How a program changes its plain arguments.

    ``how`` is ``write`` or ``remove`` (each plain argument), ``copy`` or ``move`` (to the last one,
    or that of ``-t``), or a kind of `Action`: ``install`` (only with a plain argument, or if
    ``needs`` has options), ``hooks`` or ``bless``. Any other word has no effect. Options in
    ``valued`` and ``script`` take a value. The program changes something only with one of the
    options in ``needs``, if there are any, and with none of those in ``unless``. If ``script``
    names options and a call has none of them, its first plain argument is a script, which is not
    changed.
    """

    __slots__ = ("how", "needs", "script", "unless", "valued")

    def __init__(
        self,
        how: str = "write",
        *,
        valued: Sequence[str] = (),
        needs: Sequence[str] = (),
        unless: Sequence[str] = (),
        script: Sequence[str] = (),
    ) -> None:
        self.how = how
        self.valued = (*valued, *script)
        self.needs = needs
        self.unless = unless
        self.script = script


_COPY = ("-t", "--target-directory", "-S", "-m", "-o", "-g")
_FORMATTER = Program(unless=("--check", "--check-only", "--diff", "-c", "-d"))
_INSTALL = Program("install")
_PIP = Program(
    "install",
    valued=(
        *("-r", "-c", "-e", "-i", "-f", "-t", "-p", "--requirement", "--constraint", "--editable"),
        *("--index-url", "--extra-index-url", "--find-links", "--target", "--prefix", "--root"),
        *("--group", "--python", "--upgrade-strategy", "--cache-dir", "--timeout", "--retries"),
    ),
    unless=("--dry-run",),
)
_MANAGERS = ("uv", "poetry", "pdm", "pixi")
#: By name, or by name and subcommand.
_PROGRAMS = {
    "tee": Program(),
    "truncate": Program(valued=("-s", "-r", "--size", "--reference")),
    "sed": Program(needs=("-i", "--in-place"), script=("-e", "-f", "--expression", "--file")),
    "perl": Program(needs=("-i",), script=("-e", "-E"), valued=("-M", "-I")),
    **dict.fromkeys(("black", "isort", "ruff format"), _FORMATTER),
    "ruff check": Program(needs=("--fix",)),
    **dict.fromkeys(("rm", "unlink"), Program("remove")),
    **dict.fromkeys(("cp", "install", "ln"), Program("copy", valued=_COPY)),
    "mv": Program("move", valued=_COPY),
    "git rm": Program("remove", unless=("-n", "--dry-run")),
    "git mv": Program("move"),
    "git update-index": Program(needs=("--assume-unchanged", "--skip-worktree")),
    **dict.fromkeys(("pip install", "pip3 install"), _PIP),
    "uv lock": Program("install", needs=("-U", "--upgrade", "--upgrade-package", "-P")),
    **dict.fromkeys([f"{name} add" for name in _MANAGERS], _INSTALL),
    **dict.fromkeys([f"{name} remove" for name in _MANAGERS], _INSTALL),
    **dict.fromkeys(("pipenv install", "pipenv uninstall", "conda install"), _INSTALL),
    "pre-commit uninstall": Program("hooks"),
    "pytest-ouro uninit": Program("hooks", unless=("-h", "--help", "--dry-run")),
    "pytest-ouro bless": Program("bless", unless=("-h", "--help")),
    "pytest-ouro init": Program(
        "bless", needs=("--force", "--go"), unless=("--program", "--render", "--agents")
    ),
}


def effects(name: str, args: Sequence[str], folder: str) -> Iterator[Write | Action]:
    """Yield what the program ``name`` with these arguments would change if it ran in ``folder``: a
    `Write` of each file, its path absolute or from there, or one `Action`. Nothing for a program
    that is not in the table, for options with which it changes nothing, or for an installation of
    only what a requirements file or a path declares, as by ``pip install -r FILE`` and ``pip
    install .``."""
    if name == "uv" and args[:1] == ["pip"]:
        name, args = "pip", args[1:]
    program = _PROGRAMS.get(name)
    if program is None and args:
        name, args = f"{name} {args[0]}", args[1:]
        program = _PROGRAMS.get(name)
    if program is None:
        return
    paths, options = split(args, program.valued)
    if (program.needs and not options.keys() & program.needs) or options.keys() & program.unless:
        return
    if program.script and not options.keys() & program.script:
        paths = paths[1:]
    if program is _PIP:  # what a requirements file or a path names is declared
        paths = [path for path in paths if not path.startswith((".", "/", "~", "file:"))]
    if program.how in ("hooks", "bless") or (program.how == "install" and (paths or program.needs)):
        yield Action(program.how, " ".join([name, *paths[:1]]))
    elif program.how in ("copy", "move"):
        yield from copied(paths, options, folder, move=program.how == "move")
    elif program.how in ("write", "remove"):
        for path in paths:
            yield Write(path, program.how)


def copied(
    paths: list[str], options: dict[str, str], folder: str, *, move: bool
) -> Iterator[Write]:
    """Yield a write of the target (the last path, or that of ``-t``) or, if that is a folder on the
    disk and ``-T`` is not given, of each path's name in it. With ``move``, also yield a removal of
    each path but the target. Nothing if there is no target."""
    target = options.get("-t") or options.get("--target-directory") or ""
    if not target and len(paths) > 1:
        *paths, target = paths
    is_folder = os.path.isdir(os.path.join(folder, target)) and "-T" not in options
    for path in paths if target else ():
        if move:
            yield Write(path, "remove")
        name = os.path.basename(path.rstrip("/"))
        yield Write(os.path.join(target, name) if is_folder and name != ".." else target)
