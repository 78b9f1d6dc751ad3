"""What a git command would change: files, the index, hooks and the trusted commit."""

from __future__ import annotations

import os

from pytest_ouro.guard.effects import Action, Write
from pytest_ouro.guard.options import patched, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.guard.shell import Command

_COMMIT = (
    *("-m", "-F", "-C", "-c", "-t", "--message", "--file", "--author", "--date", "--trailer"),
    *("--reuse-message", "--reedit-message", "--template", "--fixup", "--squash", "--cleanup"),
)


def effects(
    args: list[str], assigned: dict[str, str], command: Command, folder: str
) -> Iterator[Write | Action]:
    """The effects of ``git ARGS``, run in ``folder``; paths stay relative to that folder."""
    base = ""
    while args and args[0].startswith("-"):
        option, *args = args
        if option in ("-C", "-c", "--git-dir", "--work-tree") and args:
            value, *args = args
            if option == "-C":
                base = os.path.join(base, value)
            elif option == "-c" and _protected(value.partition("=")[0]):
                yield Action("hooks", f"git -c {value}")
    name, *args = args or [""]
    if name in ("commit", "push", "merge", "am") and "--no-verify" in args:
        yield Action("no-verify", f"git {name} --no-verify")
    if name == "commit" and assigned.keys() & {"SKIP", "PRE_COMMIT_ALLOW_NO_CONFIG", "HUSKY"}:
        yield Action("no-verify", "a commit without its hooks")
    found = _COMMANDS.get(name)
    for effect in found(args, command, os.path.join(folder, base)) if found else ():
        if isinstance(effect, Write):
            effect.path = os.path.join(base, effect.path)
        yield effect


def _protected(key: str) -> bool:
    key = key.lower()
    return key == "core.hookspath" or key.startswith("ouro.")


def _config(args: list[str], command: Command, folder: str) -> Iterator[Action]:
    words, options = split(args, ("-f", "--file", "--type", "--default"))
    writes = options.keys() & {"--unset", "--unset-all", "--add", "--replace-all"}
    if words[:1] in (["set"], ["unset"]):
        writes, words = {words[0]}, words[1:]
    elif words[:1] in (["get"], ["list"], ["get-all"]):
        return
    reads = options.keys() & {"--get", "--get-all", "--get-regexp", "--list", "-l"}
    if words and _protected(words[0]) and not reads and (writes or len(words) > 1):
        kind = "hooks" if words[0].lower() == "core.hookspath" else "trust"
        yield Action(kind, f"git config {words[0]}")


def _commit(args: list[str], command: Command, folder: str) -> Iterator[Write | Action]:
    paths, options = split(args, _COMMIT)
    if "-n" in options:
        yield Action("no-verify", "git commit -n")
    for path in paths:
        yield Write(path, "add")


def _add(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    paths, options = split(args, ("--pathspec-from-file", "--chmod"))
    if options.keys() & {"-n", "--dry-run", "-u", "--update"}:
        return
    if not paths and options.keys() & {"-A", "--all"}:
        paths = ["."]
    force = "force" if options.keys() & {"-f", "--force"} else ""
    for path in paths:
        yield Write(path, "add", force)


def _checkout(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    if "--" in args:
        cut = args.index("--")
        before, paths = split(args[:cut])[0], args[cut + 1 :]
        source = before[0] if before else ""
    else:
        paths, options = split(args, ("-b", "-B", "--orphan", "--conflict"))
        if options.keys() & {"-b", "-B", "--orphan"}:
            return
        source = ""
        if paths and not os.path.lexists(os.path.join(folder, paths[0])):
            source, *paths = paths
    for path in paths:
        yield Write(path, "restore", source)


def _restore(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    paths, options = split(args, ("-s", "--source", "--conflict"))
    source = options.get("-s") or options.get("--source") or ""
    staged = options.keys() & {"-S", "--staged"}
    if staged and not source and not options.keys() & {"-W", "--worktree"}:
        return
    for path in paths:
        yield Write(path, "restore", source)


def _removed(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    paths, options = split(args)
    for path in () if options.keys() & {"-n", "--dry-run"} else paths:
        yield Write(path, "remove")


def _moved(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    paths, _ = split(args)
    for path in paths[:-1]:
        yield Write(path, "remove")
        into = os.path.isdir(os.path.join(folder, paths[-1]))
        yield Write(os.path.join(paths[-1], os.path.basename(path)) if into else paths[-1])


def _applied(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    files, options = split(args, ("-p", "-C", "--directory", "--exclude", "--include"))
    if options.keys() & {"--check", "--stat", "--numstat", "--summary", "--abort", "--skip"}:
        return
    strip = options.get("-p", "1")
    for path in patched(command, files, folder, int(strip) if strip.isdigit() else 1):
        yield Write(os.path.join(options.get("--directory", ""), path))


def _index(args: list[str], command: Command, folder: str) -> Iterator[Write]:
    """Flags that hide a change from git."""
    paths, options = split(args, ("--cacheinfo", "--chmod"))
    for path in paths if options.keys() & {"--assume-unchanged", "--skip-worktree"} else ():
        yield Write(path)


_COMMANDS = {
    "add": _add, "stage": _add, "commit": _commit, "config": _config, "checkout": _checkout,
    "restore": _restore, "rm": _removed, "mv": _moved, "apply": _applied, "am": _applied,
    "update-index": _index,
}  # fmt: skip
