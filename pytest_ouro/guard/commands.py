"""Find what a shell's command line would do: the files it would change, and other actions."""

from __future__ import annotations

import os

from pytest_ouro.guard import Unreadable, git, programs
from pytest_ouro.guard.effects import Action, Write
from pytest_ouro.guard.options import split
from pytest_ouro.guard.shell import Command, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = (
    *("{", "}", "!", "if", "then", "else", "elif", "while", "until", "do", "done", "fi"),
    *("nohup", "setsid", "command", "builtin", "exec", "time", "nice", "ionice", "stdbuf"),
)
#: Words before the command that runs, each with those of its options that take a value. Numbers,
#: such as the seconds of `timeout`, are skipped too.
_WRAPPERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_PLAIN, ()),
    "sudo": ("-u", "-g"),
    "env": ("-u",),
    "timeout": ("-s",),
    "xargs": ("-I", "-d", "-a"),
    "uvx": ("--from", "--with", "--python", "-p"),
    **dict.fromkeys(
        ("uv run", "poetry run", "pdm run", "hatch run", "pixi run"),
        ("--with", "--python", "-p", "--group", "--extra", "--project"),
    ),
    "python -m": (),
}
_SHELLS = ("sh", "bash", "zsh", "dash", "ksh")
_POWERSHELLS = ("pwsh", "powershell", "powershell.exe")
_PATCHES = ("apply_patch", "applypatch")

#: How deeply the scripts of `eval` and `bash -c` may be nested; each level is parsed again.
_DEPTH = 8


def effects(text: str, folder: str, depth: int = 0) -> Iterator[Write | Action]:
    """Yield a `Write` or an `Action` for everything that a command line would change if it ran in
    ``folder``, as far as its text shows and its programs are known. Paths are joined to ``folder``,
    or to that of an earlier ``cd``; a glob stands for the files that it matches on the disk.

    ``depth`` is the number of scripts around it, as in ``bash -c``. Unreadable if scripts are
    nested more than `_DEPTH` deep, RecursionError if substitutions are nested too deeply.
    """
    if depth > _DEPTH:
        raise Unreadable("its scripts are nested too deeply")
    outer: list[str] = []
    for item in parse(text):
        if item == "(":
            outer.append(folder)
        elif item == ")":
            folder = outer.pop() if outer else folder
        elif isinstance(item, Command):
            words, assigned = _program(item.words)
            if words[:1] in (["cd"], ["pushd"]) and len(words) > 1:
                folder = os.path.join(folder, words[-1])
            for target in item.writes:
                yield from _expanded(Write(target), item, folder)
            if words:
                for effect in _effects(words, assigned, item, folder, depth):
                    yield from _expanded(effect, item, folder)


def _program(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return a tuple for the command ``words``: the words of the program that really runs, without
    what stands before it (`sudo`, `env`, `python -m` and the like, with their options); and a dict
    of the variables that are set for it. The words are [] if no program is left.

    The first word is the program's name without a folder. In the name of a module that `python -m`
    runs, ``-`` is written for ``_``.
    """
    words, assigned, module = list(words), {}, False
    while words:
        name = os.path.basename(words[0])
        pair = f"{'python' if name.startswith('python') else name} {''.join(words[1:2])}"
        variable, equals, value = words[0].partition("=")
        if equals and variable.isidentifier():
            assigned[variable] = value
            del words[0]
            continue
        if name in _WRAPPERS:
            valued = _WRAPPERS[name]
            del words[0]
        elif pair in _WRAPPERS:
            valued, module = _WRAPPERS[pair], pair == "python -m"
            del words[:2]
        else:
            return [name.replace("_", "-") if module else name, *words[1:]], assigned
        while words and (words[0].startswith("-") or words[0][:1].isdigit()):
            del words[: 2 if words[0] in valued else 1]
    return [], assigned


def started(words: list[str], folder: str, depth: int) -> Iterator[Write | Action]:
    """Yield the effects of one program, started by ``words`` in ``folder`` without a shell around
    it; ``depth`` and errors as in `effects`."""
    found, assigned = _program(words)
    for effect in _effects(found, assigned, Command(), folder, depth) if found else ():
        yield from _expanded(effect, Command(), folder)


def _expanded(effect: Write | Action, command: Command, folder: str) -> Iterator[Write | Action]:
    """Yield the effect once for each file that its path means: the path is joined to ``folder``,
    and a glob stands for the files that it matches, or for itself if it matches none. An `Action`
    is yielded itself; its folder is changed to that joined to ``folder``."""
    if isinstance(effect, Action):
        effect.folder = os.path.join(folder, effect.folder)
        yield effect
        return
    paths = [effect.path]
    if effect.path in command.globs:
        from glob import glob

        paths = glob(os.path.join(folder, effect.path)) or paths
    for path in paths:
        yield Write(os.path.join(folder, path), effect.how, effect.source)


def _effects(
    words: list[str], assigned: dict[str, str], command: Command, folder: str, depth: int
) -> Iterator[Write | Action]:
    """Yield the effects of one command with the words ``words``. A shell has the effects of the
    text of ``-c``, or else of its here-documents, and ``eval`` those of its arguments;
    `apply_patch`, PowerShell, git and the programs of `programs` are read by their own functions.
    Nothing for any other program, or for a script that is a file.

    Paths in a text that is run are joined to ``folder``, others are as stated. ``depth`` and errors
    are as in `effects`.
    """
    name, *args = words
    scripts: list[str] = []
    if name in _SHELLS:
        options = split(args, ("-c", "-o"))[1]
        scripts = [options["-c"]] if "-c" in options else command.documents
    elif name == "eval":
        scripts = [" ".join(args)]
    elif name in _PATCHES:
        for text in (*args, *command.documents):
            yield from patched(text)
    elif name in _POWERSHELLS:
        from pytest_ouro.guard import powershell

        yield from powershell.run(args, folder, started, depth)
    elif name == "git":
        yield from git.effects(args, assigned, folder)
    else:
        yield from programs.effects(name, args, folder)
    for script in scripts:
        yield from effects(script, folder, depth + 1)


def patched(text: str, how: str = "write") -> Iterator[Write]:
    """Yield a `Write` for each file that a patch changes, in the form that `apply_patch` takes;
    nothing for another form. A deleted file is a ``remove``, and any other is changed by
    ``how``."""
    for line in text.splitlines():
        action, colon, path = line.partition(": ")
        if colon and action in ("*** Update File", "*** Add File", "*** Move to"):
            yield Write(path.strip(), how)
        elif colon and action == "*** Delete File":
            yield Write(path.strip(), "remove")
