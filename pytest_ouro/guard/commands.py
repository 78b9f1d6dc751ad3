"""What a shell's command line would do: the files it would change, and other actions."""

from __future__ import annotations

import os

from pytest_ouro.guard import git, packages
from pytest_ouro.guard.effects import Action, Write
from pytest_ouro.guard.options import patched, split
from pytest_ouro.guard.shell import Command, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What runs the command that follows, with the options of it that take a value.
_WRAPPERS = {
    "sudo": ("-u", "-g"), "doas": ("-u",), "env": ("-u", "-S"), "nice": ("-n",), "nohup": (),
    "setsid": (), "command": (), "builtin": (), "exec": (), "time": (), "ionice": ("-c", "-n"),
    "stdbuf": ("-i", "-o", "-e"), "timeout": ("-s", "-k"),
    "xargs": ("-I", "-n", "-P", "-d", "-L", "-a"),
}  # fmt: skip
_KEYWORDS = ("{", "}", "!", "if", "then", "else", "elif", "while", "until", "do", "done", "fi")
_SHELLS = ("sh", "bash", "zsh", "dash", "ksh")
_DEPTH = 8


def effects(text: str, folder: str, depth: int = 0) -> Iterator[Write | Action]:
    """Everything that a command line would change, as far as its text tells; run in ``folder``."""
    outer: list[str] = []
    for item in parse(text) if depth < _DEPTH else ():
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
    """The command below `sudo`, `env` and the like, and the variables that are set for it."""
    words, assigned = list(words), {}
    while words:
        name = os.path.basename(words[0])
        variable, equals, value = words[0].partition("=")
        if equals and variable.isidentifier():
            assigned[variable] = value
            del words[0]
        elif words[0] in _KEYWORDS:
            del words[0]
        elif name in _WRAPPERS:
            del words[0]
            while words and words[0].startswith("-"):
                del words[: 2 if words[0] in _WRAPPERS[name] else 1]
            if name == "timeout":
                del words[:1]
        elif name in ("uv", "poetry", "pdm", "hatch", "pixi") and words[1:2] == ["run"]:
            del words[:2]
            while words and words[0].startswith("-"):
                valued = words[0] in ("--with", "--python", "-p", "--group", "--extra", "--project")
                del words[: 2 if valued else 1]
        else:
            return [name, *words[1:]], assigned
    return [], assigned


def _expanded(effect: Write | Action, command: Command, folder: str) -> Iterator[Write | Action]:
    """The effect on every file that its path means, from the folder where it is run."""
    if isinstance(effect, Action):
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
    name, *args = words
    if name in _SHELLS and "-c" in (options := split(args, ("-c", "-o"))[1]):
        yield from effects(options["-c"], folder, depth + 1)
    elif name in _SHELLS:
        for document in command.documents:
            yield from effects(document, folder, depth + 1)
    elif name == "eval":
        yield from effects(" ".join(args), folder, depth + 1)
    elif name == "git":
        yield from git.effects(args, assigned, command, folder)
    elif name in _WRITERS:
        yield from _WRITERS[name](args, command, folder)
    else:
        yield from packages.effects(name, args)


def _all(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    for path in split(args)[0]:
        yield Write(path)


def _removed(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    for path in split(args)[0]:
        yield Write(path, "remove")


def _sed(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    paths, options = split(args, ("-e", "-f", "-l", "--expression", "--file"))
    if "-i" in options or "--in-place" in options:
        scripted = options.keys() & {"-e", "-f", "--expression", "--file"}
        for path in paths if scripted else paths[1:]:
            yield Write(path)


def _perl(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    paths, options = split(args, ("-e", "-E", "-M", "-m", "-I", "-r"))
    if "-i" in options:
        for path in paths:
            yield Write(path)


def _awk(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    paths, options = split(args, ("-i", "-f", "-v", "-F", "--include"))
    if "inplace" in (options.get("-i"), options.get("--include")):
        for path in paths if "-f" in options else paths[1:]:
            yield Write(path)


def _copied(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    """The last argument, or the new file in it where it is a folder."""
    valued = ("-t", "-S", "-m", "-o", "-g", "-e", "--target-directory", "--suffix", "--exclude")
    paths, options = split(args, valued)
    target = options.get("-t") or options.get("--target-directory") or ""
    if not target and len(paths) > 1:
        target = paths.pop()
    elif not target:
        target = "."
    into = os.path.isdir(os.path.join(folder, target)) and "-T" not in options
    for source in paths:
        name = os.path.basename(source.rstrip("/"))
        made = os.path.join(target, name) if into and name not in ("", ".", "..") else target
        full = os.path.join(folder, source)
        yield Write(made, "fill", full) if os.path.isdir(full) else Write(made)


def _moved(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    paths, options = split(args, ("-t", "-S", "--target-directory", "--suffix"))
    for path in paths if options.keys() & {"-t", "--target-directory"} else paths[:-1]:
        yield Write(path, "remove")
    yield from _copied(args, command, folder)


def _linked(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    if len(split(args, ("-t", "-S"))[0]) > 1 or "-t" in args:
        yield from _copied([arg for arg in args if arg != "-T"], command, folder)


def _formatted(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    """The files that a formatter is given by name. Of a folder it may change none."""
    paths, options = split(args)
    if not options.keys() & {"--check", "--check-only", "--diff", "-c", "-d"}:
        for path in paths:
            yield Write(path)


def _in_place(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    if split(args)[1].keys() & {"-i", "--in-place"}:
        yield from _formatted(args, command, folder)


def _ruff(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    if args[:1] == ["format"] or (args[:1] == ["check"] and "--fix" in args):
        yield from _formatted(args[1:], command, folder)


def _sorted(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    options = split(args, ("-o", "--output"))[1]
    if made := options.get("-o") or options.get("--output"):
        yield Write(made)


def _truncated(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    for path in split(args, ("-s", "-r", "--size", "--reference"))[0]:
        yield Write(path)


def _dd(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    for arg in args:
        if arg.startswith("of="):
            yield Write(arg[3:])


def _touched(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    for path in split(args, ("-d", "-r", "-t"))[0]:
        if not os.path.lexists(os.path.join(folder, path)):
            yield Write(path)


def _fetched(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    _, options = split(args, ("-o", "-O", "--output", "--output-document"))
    for name in ("-o", "-O", "--output", "--output-document"):
        if options.get(name):
            yield Write(options[name])


def _patch(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    named, options = split(args, ("-p", "-i", "-d", "-o", "--input", "--strip", "--directory"))
    if "--dry-run" in options:
        return
    folder = os.path.join(folder, options.get("-d") or options.get("--directory") or "")
    if named:
        yield Write(os.path.join(folder, named[0]))
        return
    files = [name for key in ("-i", "--input") if (name := options.get(key))]
    strip = options.get("-p", options.get("--strip", ""))
    for path in patched(command, files, folder, int(strip) if strip.isdigit() else 0):
        yield Write(os.path.join(folder, path))


def _apply_patch(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    for text in (*args, *command.documents):
        for path, how in envelope(text):
            yield Write(path, how)


def _found(args: list[str], command: Command, folder: str) -> Iterator[Write | Action]:
    """``find``: what it deletes, or has another program change."""
    roots = []
    for arg in args:
        if arg.startswith(("-", "(", "!")):
            break
        roots.append(arg)
    names = [args[n + 1] for n, arg in enumerate(args[:-1]) if arg in ("-name", "-path")]
    writes = "-delete" in args
    for n, arg in enumerate(args):
        if arg in ("-exec", "-execdir", "-ok"):
            words, _ = _program(args[n + 1 :])
            inner = Command()
            changed = _effects(words, {}, inner, folder, _DEPTH) if words else iter(())
            writes = writes or any(isinstance(e, Write) and e.path == "{}" for e in changed)
    if writes:
        for root in roots or ["."]:
            yield Write(root, "find", names[-1] if names else "*")


def envelope(text: str) -> Iterator[tuple[str, str]]:
    """The files of a patch in the form that `apply_patch` takes, and how each is changed."""
    for line in text.splitlines():
        for start, how in (
            ("*** Update File: ", "write"),
            ("*** Add File: ", "write"),
            ("*** Delete File: ", "remove"),
            ("*** Move to: ", "write"),
        ):
            if line.startswith(start):
                yield line[len(start) :].strip(), how


_WRITERS: dict[str, Callable[[list[str], Command, str], Iterator[Write | Action]]] = {
    "sed": _sed, "gsed": _sed, "perl": _perl, "ruby": _perl, "awk": _awk, "gawk": _awk,
    "tee": _all, "ed": _all, "ex": _all, "sponge": _all,
    "cp": _copied, "gcp": _copied, "install": _copied, "rsync": _copied, "scp": _copied,
    "mv": _moved, "ln": _linked, "rm": _removed, "unlink": _removed, "shred": _removed,
    "truncate": _truncated, "dd": _dd, "touch": _touched, "curl": _fetched, "wget": _fetched,
    "black": _formatted, "isort": _formatted, "pyupgrade": _formatted, "dos2unix": _all,
    "autopep8": _in_place, "yapf": _in_place, "ruff": _ruff, "sort": _sorted,
    "patch": _patch, "apply_patch": _apply_patch, "applypatch": _apply_patch, "find": _found,
}  # fmt: skip
