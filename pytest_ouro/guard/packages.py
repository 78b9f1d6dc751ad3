"""Commands that install packages, and commands that only a person may run."""

from __future__ import annotations

from pytest_ouro.guard.effects import Action, Write
from pytest_ouro.guard.options import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PIP = (
    *("-r", "-c", "-e", "-i", "-f", "-t", "-p", "--requirement", "--constraint", "--editable"),
    *("--index-url", "--extra-index-url", "--find-links", "--target", "--prefix", "--root"),
    *("--group", "--python", "--upgrade-strategy", "--cache-dir", "--timeout", "--retries"),
)
#: What changes a project's dependencies, by the programs that do it.
_CHANGES = {
    "uv": ("add", "remove"), "poetry": ("add", "remove"), "pdm": ("add", "remove"),
    "pixi": ("add", "remove"), "hatch": (), "pipenv": ("install", "uninstall"),
    "conda": ("install",), "mamba": ("install",), "micromamba": ("install",),
}  # fmt: skip


def effects(name: str, args: list[str]) -> Iterator[Write | Action]:
    """What a package manager, or one of our own commands, would change."""
    if name.startswith("python") and args[:1] == ["-m"] and len(args) > 1:
        name, args = args[1].replace("_", "-"), args[2:]
    elif name == "uvx" and args:
        name, args = args[0], args[1:]
    if name == "uv" and args[:1] == ["pip"]:
        name, args = "pip", args[1:]
    if (name == "pip" or name.startswith("pip3")) and args[:1] == ["install"]:
        yield from _installed(args[1:])
    elif args[:1] and args[0] in _CHANGES.get(name, ()):
        if name != "pipenv" or len(split(args)[0]) > 1:
            yield Action("install", f"{name} {args[0]}")
    elif name == "uv" and args[:1] == ["lock"]:
        if split(args)[1].keys() & {"-U", "--upgrade", "--upgrade-package", "-P"}:
            yield Action("install", "uv lock --upgrade")
    elif name == "pre-commit" and args[:1] == ["uninstall"]:
        yield Action("hooks", "pre-commit uninstall")
    elif name == "pytest-ouro":
        yield from _ours(args)


def _installed(args: list[str]) -> Iterator[Action]:
    """Report a package that is named; one from a requirements file or a path is declared."""
    named, options = split(args, _PIP)
    new = [word for word in named if not word.startswith((".", "/", "~", "file:"))]
    if new and "--dry-run" not in options:
        yield Action("install", f"pip install {new[0]}")


def _ours(args: list[str]) -> Iterator[Write | Action]:
    if args[:1] == ["bless"] and not {"-h", "--help"} & {*args}:
        yield Action("bless", "pytest-ouro bless")
    elif args[:1] == ["init"] and "--force" in args:
        yield Write("bound.toml")
