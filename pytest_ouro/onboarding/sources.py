"""Find the files of which a command runs the code, through the tools that build and start it."""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING

from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.experiment.terms.names import named_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

#: A module of the project among the words of a command: ``experiments.first``.
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
#: A call of a tool, and what follows it in the same command.
_GO = re.compile(r"\bgo (test|run|build)\b([^|&;]*)")
_CARGO = re.compile(r"\bcargo (run|bench|build)\b([^|&;]*)")
_MAKE = re.compile(r"\b(?:make|gmake)((?:\s+-\S+)*)\s*([\w.-]*)")
_JUST = re.compile(r"\bjust\s+([\w-]+)")
_PACKAGE = re.compile(r"\b(?:npm|pnpm|yarn|bun)(?:\s+run)?(?:\s+-\S+)*\s+([\w:.-]+)")
_CHANGED = re.compile(r"\bcd\s+([\w./-]+)\s*&&")
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_JUSTFILES = ("justfile", "Justfile", ".justfile")


def tracked_in(folder: Path) -> tuple[str, ...]:
    """Return the paths, from ``folder``, of the files in it that git tracks. GitError if there is
    no repository."""
    git = Git.discover(folder)
    prefix = git.relative(folder / "x").removesuffix("x")
    paths = git.files(untracked=False)[0]
    return tuple(path[len(prefix) :] for path in paths if path.startswith(prefix))


def sources_of(words: Sequence[str], folder: Path, tracked: Sequence[str]) -> list[str]:
    """Return the tracked files whose code a command runs, each once; [] if there are none.
    ``words`` are those of the command, ``tracked`` paths from ``folder``.

    They are the files that the command names, also after ``cd`` or below ``src``; the modules that
    it names; the sources of Go packages (only tests for ``go test``) and of Cargo's programs and
    benchmarks that it builds; and, if it calls a recipe of a Makefile, a justfile or package.json,
    that file and the files in the recipe.
    """
    text = " ".join(words)
    found = _named(words, tracked)
    for file, recipe in _recipes(text, folder, tracked):
        found += [file, *_named((recipe,), tracked), *_built(recipe, tracked)]
    return list(dict.fromkeys([*found, *_built(text, tracked)]))


def _named(words: Sequence[str], tracked: Sequence[str]) -> list[str]:
    """Return the tracked files that the words name, as paths or as Python modules, in the top
    folder, a folder entered by ``cd``, or ``src``; a file may occur twice."""
    text = " ".join(words)
    modules = [f"{part.replace('.', '/')}.py" for part in text.split() if _MODULE.fullmatch(part)]
    named = [*named_files(tuple(words)), *modules]
    places = ["", *(f"{place.strip('./')}/" for place in _CHANGED.findall(text)), "src/"]
    paths = [f"{place}{path}" for path in named for place in places]
    return [path for path in paths if path in tracked]


def _built(text: str, tracked: Sequence[str]) -> list[str]:
    """Return the tracked source files of the Go packages and Cargo targets that commands in a text
    build and run; [] if there are none."""
    found: list[str] = []
    for verb, rest in _GO.findall(text):
        for place in re.findall(r"(?<!\S)\.(?:/[\w./-]*)?(?!\S)", rest) or ["."]:
            folder = place.removesuffix("...").strip("./")
            for path in tracked:
                is_in = posixpath.dirname(path) == folder or (
                    place.endswith("...") and f"/{path}".startswith(f"/{folder}")
                )
                is_test = path.endswith("_test.go")
                if is_in and path.endswith(".go") and is_test == (verb == "test"):
                    found.append(path)
    for verb, rest in _CARGO.findall(text):
        named = re.search(r"--(bin|bench|example)[= ]([\w-]+)", rest)
        kinds = {"bin": "src/bin", "bench": "benches", "example": "examples"}
        ends = ["src/main.rs"] if verb == "run" else []
        if named:
            place = f"{kinds[named[1]]}/{named[2]}"
            ends = [f"{place}.rs", f"{place}/main.rs"]
        any_bench = verb == "bench" and not named
        for path in tracked:
            is_bench = any_bench and "benches/" in path and path.endswith(".rs")
            if is_bench or any(f"/{path}".endswith(f"/{end}") for end in ends):
                found.append(path)
    return found


def in_scripts(files: Iterable[str], folder: Path, tracked: Sequence[str]) -> list[str]:
    """Return the tracked files whose code the shell scripts (``.sh``) among ``files`` run, as
    `sources_of` finds them in a script's text. A path may occur twice."""
    texts = [_text(folder / path) for path in files if path.endswith(".sh")]
    return [path for text in texts for path in sources_of((text,), folder, tracked)]


def _recipes(text: str, folder: Path, tracked: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield a tuple for each recipe that the commands in a text call, by make, just or a script of
    package.json: the file that defines it, and the text of the recipe ("" if it is not found in a
    Makefile or justfile)."""
    for _, target in _MAKE.findall(text):
        for file in (name for name in _MAKEFILES if name in tracked):
            yield file, _rule(_text(folder / file), target)
    for target in _JUST.findall(text):
        for file in (name for name in _JUSTFILES if name in tracked):
            yield file, _rule(_text(folder / file), target)
    if "package.json" in tracked and (names := _PACKAGE.findall(text)):
        try:
            scripts = json.loads(_text(folder / "package.json")).get("scripts", {})
            for name in names:
                if isinstance(scripts.get(name), str):
                    yield "package.json", scripts[name]
        except (ValueError, AttributeError, RecursionError):
            return


def _text(path: Path) -> str:
    """Return the text of a file; "" if it does not exist."""
    return (read_file(path) or b"").decode(errors="replace")


def _rule(text: str, target: str) -> str:
    """Return the prerequisites and the recipe of a target in the text of a Makefile or justfile;
    those of the first target if ``target`` is "". Return "" if there is no such target."""
    name = re.escape(target) if target else r"[\w-]+"
    rule = re.search(rf"(?m)^@?{name}\b[^:=\n]*:(?!=)(.*(?:\n(?:[ \t].*|(?=\n)))*)", text)
    return rule[1] if rule else ""


def defaults_in(folder: Path, files: Iterable[str]) -> list[str]:
    """Return the program files that shell scripts among ``files`` use by default, written as the
    default of a variable: ``solve.py`` for ``${CANDIDATE:-solve.py}``. A path may occur twice."""
    scripts = [path for path in files if path.endswith(".sh")]
    texts = [(read_file(folder / path) or b"").decode(errors="replace") for path in scripts]
    return [
        path
        for text in texts
        for path in re.findall(r"\$\{\w+:-([\w./-]+\.(?:py|rs|c|js))\}", text)
    ]


def code_in(tracked: Sequence[str]) -> Iterator[str]:
    """Yield the tracked files whose endings are of code, those of the top folder first. Left out
    are paths with a name that begins with ``test``, ``doc``, ``example`` or a dot."""
    endings = (
        *(".py", ".rs", ".go", ".c", ".cc", ".cpp", ".cu", ".ts", ".js", ".mjs", ".rb", ".jl"),
        *(".swift", ".R", ".java", ".kt", ".zig", ".php", ".lua", ".hs"),
    )
    aside = re.compile(r"(^|/)(tests?|docs?|examples?|\.)")
    code = [path for path in tracked if path.endswith(endings) and not aside.search(path)]
    yield from sorted(code, key=lambda path: (path.count("/"), path))
