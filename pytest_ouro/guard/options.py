"""The arguments of programs, and the files that a patch names."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ouro.guard.shell import Command

#: Characters of a patch that are read.
_MAX_PATCH = 1 << 20


def split(args: Sequence[str], valued: Sequence[str] = ()) -> tuple[list[str], dict[str, str]]:
    """The plain arguments, and the options with their values; those in ``valued`` take one."""
    plain: list[str] = []
    options: dict[str, str] = {}
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            plain.extend(rest)
        elif arg.startswith("--"):
            name, equals, value = arg.partition("=")
            options[name] = value if equals or name not in valued else next(rest, "")
        elif arg.startswith("-") and len(arg) > 1:
            for number, letter in enumerate(arg[1:], start=2):
                if f"-{letter}" in valued:
                    options[f"-{letter}"] = arg[number:] or next(rest, "")
                    break
                options[f"-{letter}"] = ""
        else:
            plain.append(arg)
    return plain, options


def patched(command: Command, files: Sequence[str], folder: str, strip: int) -> Iterator[str]:
    """The files that a unified diff changes: one in ``files``, or on the command's input."""
    texts = list(command.documents)
    for name in (*files, *command.reads):
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as handle:
                texts.append(handle.read(_MAX_PATCH))
        except (OSError, ValueError):
            continue
    for text in texts:
        lines = text.splitlines()
        for line, after in zip(lines, [*lines[1:], ""]):  # noqa: B905 - as long by construction
            named = ""
            if line.startswith("--- ") and after.startswith("+++ "):
                named = line[4:] if after[4:].startswith("/dev/null") else after[4:]
            elif line.startswith(("rename from ", "rename to ")):
                named = "/" * strip + line.split(" ", 2)[2]
            if named:
                yield named.split("\t")[0].strip().split("/", strip)[-1]
