"""Find what a PowerShell command line would do: the files it would change, and other actions.

What it writes by a name that only a run would show is not known; then each name in its text is
judged (a `Write` that is ``named``), and refused if it is protected.
"""

from __future__ import annotations

import os

from pytest_ouro.guard import Unreadable, programs
from pytest_ouro.guard.effects import Action, Write
from pytest_ouro.guard.powershell_text import Command, Word, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[[list[str], str, int], Iterator[Write | Action]]

#: How each cmdlet changes its targets, and its parameters without names in their order.
_CMDLETS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("set-content", "sc", "add-content", "ac"), ("write", ("path", "value"))),
    **dict.fromkeys(("clear-content", "clc", "clear-item", "cli"), ("write", ("path",))),
    **dict.fromkeys(("set-item", "si", "set-itemproperty", "sp"), ("write", ("path", "value"))),
    **dict.fromkeys(("out-file", "tee-object", "tee"), ("write", ("filepath",))),
    **dict.fromkeys(("new-item", "ni"), ("new", ("path",))),
    **dict.fromkeys(("remove-item", "ri", "rm", "del"), ("remove", ("path",))),
    **dict.fromkeys(("erase", "rd", "rmdir"), ("remove", ("path",))),
    **dict.fromkeys(("move-item", "mi", "mv", "move"), ("move", ("path", "destination"))),
    **dict.fromkeys(("copy-item", "cpi", "cp", "copy"), ("copy", ("path", "destination"))),
    **dict.fromkeys(("rename-item", "rni", "ren"), ("rename", ("path", "newname"))),
    **dict.fromkeys(("export-csv", "epcsv", "export-clixml"), ("write", ("path",))),
    "start-transcript": ("write", ("path",)),
    **dict.fromkeys(("invoke-webrequest", "iwr", "wget", "curl"), ("save", ("uri",))),
    **dict.fromkeys(("invoke-restmethod", "irm"), ("save", ("uri",))),
}
_TARGETS = ("path", "literalpath", "pspath", "filepath", "outfile")
_ENDS = ("destination", "newname")
#: Parameters that take a value; a name may be cut after any letter.
_VALUED = (
    *(*_TARGETS, *_ENDS, "name", "value", "encoding", "erroraction", "ea", "filter", "include"),
    *("exclude", "itemtype", "type", "delimiter", "stream", "inputobject", "width", "target"),
    *("uri", "method", "headers", "body", "credential"),
)
_FOLDERS = ("set-location", "sl", "cd", "chdir", "push-location", "pushd")
#: Programs that run a text.
_SHELLS = ("pwsh", "powershell", "cmd")
#: Commands that run what they are given, in forms that are not read here.
_RUNNERS = ("start-process", "saps", "start", "start-job", "sajb", "invoke-item", "ii")
#: Methods of objects that change files or run a text.
_METHODS = (
    *("delete", "moveto", "copyto", "create", "createtext", "appendtext", "openwrite", "setlength"),
    *("invoke", "invokescript"),
)
#: Words in the names of types whose static methods do, except for those that begin as in `_READS`.
_TYPES = ("file", "directory", "writer", "filestream", "scriptblock", "process")
_READS = ("read", "get", "exists", "openread", "opentext", "enumerate")
#: How deeply texts that are run may be nested.
_DEPTH = 8


def effects(text: str, folder: str, start: Start, depth: int = 0) -> Iterator[Write | Action]:
    """Yield a `Write` or an `Action` for everything that a PowerShell command line would change if
    it ran in ``folder``, as far as its text shows. ``start`` yields the effects of other programs,
    given their words, the folder and ``depth``, the number of texts around the line.

    Unreadable if texts are nested more than `_DEPTH` deep, or one is encoded; RecursionError if
    brackets are nested too deeply.
    """
    if depth > _DEPTH:
        raise Unreadable("its scripts are nested too deeply")
    commands, names = parse(text)
    for command in commands:
        words = command.words
        name = _name(words[0]) if words else ""
        if name in _FOLDERS and len(words) > 1:
            folder = os.path.join(folder, _path(words[-1].text))
        found: list[Write | Action] = list(_redirected(command))
        found += (
            _called(command.call) if command.call else _effects(command, name, folder, start, depth)
        )
        for effect in found:
            if isinstance(effect, Action):
                yield effect
            elif effect.how == "named":
                for each in names:
                    yield from _expanded(Write(_path(each), "named"), folder)
            else:
                yield from _expanded(effect, folder)


def run(args: list[str], folder: str, start: Start, depth: int) -> Iterator[Write | Action]:
    """Yield the effects of a program of `_SHELLS` (PowerShell or cmd): those of the text that its
    arguments ``args`` tell it to run, nothing for a script that is a file. Errors as in
    `effects`."""
    for number, arg in enumerate(args):
        option = arg.lower().replace("/", "-")
        if option.startswith("-e") and "-encodedcommand".startswith(option.replace("-ec", "-e")):
            raise Unreadable("its text is encoded")
        if option in ("-c", "-command", "-k"):
            yield from effects(" ".join(args[number + 1 :]), folder, start, depth + 1)
            return
        if option.startswith("-f"):
            return
    plain = [arg for arg in args if not arg.startswith("-")]
    if plain and not plain[0].lower().endswith(".ps1"):
        yield from effects(" ".join(plain), folder, start, depth + 1)


def _unknown() -> Write:
    """Return the effect that stands for changes whose paths are not known."""
    return Write("", "named")


def _name(word: Word) -> str:
    """Return the name of a command, in small letters, without a folder, a module and ``.exe``; ""
    if it is not known."""
    name = word.text.replace("\\", "/").rpartition("/")[2].lower()
    return name.removesuffix(".exe") if word.known else ""


def _path(text: str) -> str:
    """Return a path without the name of its provider, with ``/`` between folders and ``~`` at its
    start replaced by the home folder."""
    path = text.rpartition("::")[2].replace("\\", "/")
    return os.path.expanduser(path) if path.startswith("~") else path


def _expanded(write: Write, folder: str) -> Iterator[Write]:
    """Yield the write once for each file that its path means in ``folder``: a glob means the files
    that it matches on the disk, or itself if it matches none."""
    path = os.path.join(folder, write.path)
    paths = [path]
    if any(c in write.path for c in "*?["):
        from glob import glob

        paths = glob(path) or paths
    for each in paths:
        yield Write(each, write.how, write.source)


def _redirected(command: Command) -> Iterator[Write]:
    """Yield a `Write` for each file that the command redirects to, and the effect of `_unknown` for
    each whose name is not known."""
    for word in command.writes:
        yield from (Write(_path(value)) for value in word.values if word.known)
        if not word.known:
            yield _unknown()


def _called(call: str) -> Iterator[Write]:
    """Yield the effect of `_unknown` if a method changes files, or may; otherwise nothing. ``call``
    is the text before the bracket of the call, such as ``[IO.File]::WriteAllText``, or ``.Delete``
    for a method of an object."""
    kind, static, method = call.lower().rpartition("::")
    if static:
        is_ours = any(word in kind for word in _TYPES) and not method.startswith(_READS)
    else:
        is_ours = method.rpartition(".")[2] in _METHODS
    if is_ours:
        yield _unknown()


def _effects(
    command: Command, name: str, folder: str, start: Start, depth: int
) -> Iterator[Write | Action]:
    """Yield the effects of one command, called ``name`` ("" if that is not known), without those of
    its redirections: the effect of `_unknown` if the text does not show what the command runs.
    ``start``, ``depth`` and errors are as in `effects`."""
    args = command.words[1:]
    texts = [value for word in args for value in word.values]
    known = all(word.known for word in args)
    if (command.invoked and command.words and not name) or (name == "." and not known):
        yield _unknown()
    elif name in ("iex", "invoke-expression"):
        if known and texts and not command.piped:
            yield from effects(" ".join(texts), folder, start, depth + 1)
        else:
            yield _unknown()
    elif name in _SHELLS:
        yield from run(texts, folder, start, depth) if known else (_unknown(),)
    elif name in _RUNNERS or (name == "new-object" and any("writer" in t.lower() for t in texts)):
        yield _unknown()
    elif name:
        if name in _CMDLETS:
            yield from _changed(command, *_CMDLETS[name], folder)
        yield from start([command.words[0].text.replace("\\", "/"), *texts], folder, depth)


def _bind(args: list[Word], positions: tuple[str, ...]) -> dict[str, list[Word]]:
    """Return a dict from the names of a cmdlet's parameters, in small letters, to their arguments,
    [] for a parameter without one. Arguments that are given without a name belong to the parameters
    ``positions``, in their order; further ones are left out. The word ``-name:value`` is changed to
    ``value``."""
    bound: dict[str, list[Word]] = {}
    free, rest = list(positions), iter(args)
    for word in rest:
        option, colon, value = word.text.lower().partition(":")
        if word.plain and len(option) > 1 and option[0] == "-":
            name = next((each for each in _VALUED if each.startswith(option[1:])), option[1:])
            if colon and value:
                word.values = [word.text.partition(":")[2]]
                bound.setdefault(name, []).append(word)
            else:
                bound.setdefault(name, [])
                bound[name] += [w for w in (next(rest, None),) if w] if name in _VALUED else []
        elif name := next((each for each in free if each not in bound), ""):
            bound[name] = [word]
    return bound


def _changed(
    command: Command, how: str, positions: tuple[str, ...], folder: str
) -> Iterator[Write]:
    """Yield a `Write` for each file that a cmdlet of `_CMDLETS` changes. Yield the effect of
    `_unknown` too if the text does not show one of these files, as where a pipe passes it to the
    cmdlet. Nothing for a cmdlet that changes none. ``how`` and ``positions`` are the cmdlet's row
    of `_CMDLETS`."""
    bound = _bind(command.words[1:], positions)
    if "whatif" in bound or (how == "save" and "outfile" not in bound):
        return
    paths = [word for name in _TARGETS for word in bound.get(name, [])]
    ends = [word for name in _ENDS for word in bound.get(name, [])]
    judged = ends if how == "copy" else [*paths, *ends]
    is_missing = not (ends if how == "copy" else paths) and "name" not in bound
    if is_missing or not all(word.known for word in judged):
        yield _unknown()
    names = [_path(value) for word in paths if word.known for value in word.values]
    targets = [_path(value) for word in ends if word.known for value in word.values]
    if how in ("copy", "move"):
        for target in targets:
            yield from programs.copied([*names, target], {}, folder, move=how == "move")
    elif how == "rename":
        yield from (Write(path, "remove") for path in names)
        yield from (Write(os.path.join(os.path.dirname(n), t)) for n in names for t in targets)
    elif how == "new" and "name" in bound:
        new = [_path(value) for word in bound["name"] for value in word.values]
        yield from (Write(os.path.join(path, name)) for path in names or [""] for name in new)
    else:
        yield from (Write(path, "remove" if how == "remove" else "write") for path in names)
