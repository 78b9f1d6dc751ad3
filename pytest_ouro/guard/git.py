"""Find what a git command would change: files, the index, hooks and the trusted commit."""

from __future__ import annotations

import os

from pytest_ouro.guard import programs
from pytest_ouro.guard.effects import Action, Write
from pytest_ouro.guard.options import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Options of ``git commit`` whose value may be the next word.
_WITH_VALUE = (
    *("-m", "-F", "-C", "-c", "-t", "--message", "--file", "--reuse-message", "--reedit-message"),
    *("--template", "--author", "--date", "--cleanup", "--fixup", "--squash", "--trailer"),
    *("--pathspec-from-file", "-U", "--unified", "--inter-hunk-context"),
)
#: Variables that make hooks of a commit do nothing.
_SKIPPING = ("SKIP", "PRE_COMMIT_ALLOW_NO_CONFIG", "HUSKY")


def effects(args: list[str], assigned: dict[str, str], folder: str) -> Iterator[Write | Action]:
    """Yield the effects of ``git ARGS``, run in ``folder``, as far as the command is known here or
    in `programs`; others, such as ``reset`` and ``clean``, yield nothing. Paths are relative to
    that folder; after ``-C DIR`` they begin with DIR.

    ``assigned`` are the environment variables that are set for this command. For ``git commit``,
    those of `_SKIPPING`, such as HUSKY, turn hooks off, which yields an `Action`.
    """
    base = ""
    while args and args[0].startswith("-"):
        option, *args = args
        if option in ("-C", "-c", "--git-dir", "--work-tree") and args:
            value, *args = args
            if option == "-C":
                base = os.path.join(base, value)
            elif option == "-c":
                yield from _setting(value.partition("=")[0], f"git -c {value}")
    name, *args = args or [""]
    if name in ("push", "merge", "am") and "--no-verify" in args:
        yield Action("no-verify", f"git {name} --no-verify", base)
    if name == "commit" and assigned.keys() & _SKIPPING:
        yield Action("no-verify", "a commit without its hooks", base)
    folder = os.path.join(folder, base)
    read = _COMMANDS.get(name)
    for effect in read(args, folder) if read else programs.effects(f"git {name}", args, folder):
        if isinstance(effect, Write):
            effect.path = os.path.join(base, effect.path)
        else:
            effect.folder = base
        yield effect


def _setting(key: str, what: str) -> Iterator[Action]:
    """Yield an action if the git setting ``key`` turns hooks off or says what is trusted; otherwise
    nothing. ``what`` is the command that changes it."""
    if key.lower() == "core.hookspath":
        yield Action("hooks", what)
    elif key.lower().startswith("ouro."):
        yield Action("trust", what)


def _config(args: Sequence[str], folder: str) -> Iterator[Action]:
    """Yield the action of a ``git config`` that changes one of the settings of `_setting`; nothing
    for other settings, or if the command only reads."""
    words, options = split(args, ("-f", "--file", "--type", "--default"))
    verb = words.pop(0) if words and words[0] in ("get", "list", "set", "unset") else ""
    reads = {"--get", "--get-all", "--get-regexp", "--list", "-l"}
    if verb in ("get", "list") or options.keys() & reads or not words:
        return
    if verb or len(words) > 1 or options.keys() & {"--unset", "--unset-all"}:
        yield from _setting(words[0], f"git config {words[0]}")


def _commit(args: Sequence[str], folder: str) -> Iterator[Write | Action]:
    """Yield an `Action` for ``git commit -n`` or ``--no-verify``, which leaves out the hooks, and
    for each path that the command names a `Write` with the ``how`` ``add``."""
    paths, options = split(args, _WITH_VALUE, attached=("-u", "-S"))
    for option in options.keys() & {"-n", "--no-verify"}:
        yield Action("no-verify", f"git commit {option}")
    for path in paths:
        yield Write(path, "add")


def _add(args: Sequence[str], folder: str) -> Iterator[Write]:
    """Yield an ``add`` of each path of ``git add``, or of ``.`` for ``-A`` without a path; with
    ``-f`` its source is "force". Nothing for a dry run, or with ``-u``, which adds no new file."""
    paths, options = split(args)
    if options.keys() & {"-n", "--dry-run", "-u", "--update"}:
        return
    if options.keys() & {"-A", "--all"}:
        paths = paths or ["."]
    for path in paths:
        yield Write(path, "add", "force" if options.keys() & {"-f", "--force"} else "")


def _checkout(args: Sequence[str], folder: str) -> Iterator[Write]:
    """Yield a ``restore`` of each path of ``git checkout``, from the revision that stands before
    the paths, or from the index ("") if none does; nothing if it names no path or makes a branch.
    Without ``--``, the first word is a path if ``folder`` has a file of that name, otherwise a
    revision."""
    words, options = split(args, ("-b", "-B", "--orphan", "--conflict"))
    if options.keys() & {"-b", "-B", "--orphan"}:
        return
    source = ""
    paths = args[args.index("--") + 1 :] if "--" in args else []
    is_revision = words != paths if paths else not os.path.lexists(os.path.join(folder, *words[:1]))
    if words and is_revision:
        source, *words = words
    for path in words:
        yield Write(path, "restore", source)


def _restore(args: Sequence[str], folder: str) -> Iterator[Write]:
    """Yield a ``restore`` of each path of ``git restore``, from the revision of ``--source``, or
    from the index ("") without it; nothing if it only sets the index back to HEAD."""
    paths, options = split(args, ("-s", "--source", "--conflict"))
    source = options.get("-s") or options.get("--source") or ""
    only_index = options.keys() & {"-S", "--staged"} and not options.keys() & {"-W", "--worktree"}
    for path in () if only_index and not source else paths:
        yield Write(path, "restore", source)


_COMMANDS = {
    "add": _add, "stage": _add, "commit": _commit, "config": _config, "checkout": _checkout,
    "restore": _restore,
}  # fmt: skip
