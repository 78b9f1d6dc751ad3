"""Names that parts of an experiment share, and functions about the programs and files that a bound
names: the parts of a command, and whether its program exists here."""

from __future__ import annotations

import os
import re
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_ouro.messages import experiment as messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ouro.bound.guards import Guard
    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.engine import Case

#: The log of a run, in the experiment's root.
LOG = "run.log"
#: The prefix of the name of an installed package among the validation files.
PACKAGE = "package:"
#: The names that a harness must define for the judge, beside its metric function.
INTERFACE = ("Tokenizer", "get_token_bytes")
#: What the file of a module has after the module's name.
_MODULE = (".py", "/__main__.py")
#: How the names of files end that measure nothing.
_DATA = (
    *(".json", ".jsonl", ".yaml", ".yml", ".toml", ".txt", ".csv", ".tsv", ".cfg", ".ini", ".xml"),
    *(".conf", ".env", ".md", ".rst", ".sql", ".db", ".sqlite", ".parquet", ".arrow"),
    *(".npy", ".npz", ".pt", ".safetensors", ".onnx", ".pkl", ".h5", ".bin", ".dat", ".gz"),
    *(".xz", ".zst", ".zip", ".tar", ".png", ".jpg", ".wav", "makefile", "justfile"),
)
#: Options of Python that take no value.
_FLAGS = ("-B", "-E", "-I", "-O", "-OO", "-P", "-s", "-u")


def trusted_source(case: Case, path: str) -> str:
    """Return the trusted bytes of a file as Latin-1 text for JSON, which changes no byte.

    ``path`` is from the experiment's folder. Raise ExperimentError if the file is not trusted, or
    its trusted bytes cannot be found; another OuroError if they cannot be read.
    """
    source = case.trust.read(case.bound.path(path))
    if source is None:
        raise messages.not_trusted(case.bound.path(path))
    return source.decode("latin-1")


def python_words(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Split a command of at least one word into two parts: ``python`` with its options, and what it
    executes with the arguments of that, where what it executes is a script or ``-m`` and a module.

    Return None unless the first word is ``python``, then come only options of ``_FLAGS``, and then
    a script or module.
    """
    if words[0] != "python":
        return None
    count = 1
    while count < len(words) and words[count] in _FLAGS:
        count += 1
    script = words[count:]
    whole = len(script) > 1 if script[:1] == ("-m",) else script and not script[0].startswith("-")
    return (words[:count], script) if whole else None


def demand_programs(experiment: Experiment, guards: Iterable[Guard]) -> None:
    """Raise ExperimentError, which names the program, if this machine lacks one that the bound
    names: the first word of its ``python``, of its command and evaluate-command, or of a guard's
    command.

    Not looked up are "python" alone, which stands for the interpreter that runs this process, and a
    relative path with a slash, which names a file of the experiment's folder.
    """
    named = [
        ("python", experiment.python),
        ("command", experiment.command),
        ("evaluate-command", experiment.evaluate_command),
        *(("command", guard.command) for guard in guards),
    ]
    for key, words in named:
        if words and (why := why_missing(words[0])):
            raise messages.not_started(words[0], why, key)


def is_relative(program: str) -> bool:
    """Return whether a program is named by a path that is relative to the experiment's folder: it
    has a slash, but none at its start."""
    return "/" in program and not program.startswith("/")


def why_missing(program: str) -> str:
    """Return why a program that the bound names cannot be started here, as a clause; "" if it can
    be, or if its path is relative. "python" stands for the interpreter that runs this process."""
    if program == "python" or is_relative(program) or shutil.which(program):
        return ""
    if "/" not in program:
        return "it is not on PATH"
    return "it may not be executed" if os.path.lexists(program) else "there is no such file"


def is_data(path: str) -> bool:
    """Return whether a path names settings, data, prose or recipes, which measure nothing."""
    return path.lower().endswith(_DATA)


def named_files(words: tuple[str, ...]) -> list[str]:
    """Return the words of a command that may be paths of files, each once, in their order and
    without ``./`` at the start.

    A word is split at spaces, quotes, brackets and ``;``, ``&`` and ``|``, as in a text for ``sh
    -c``. Options, which begin with ``-``, are left out. For a module behind ``-m``, the files that
    it may be follow at the end (``a/b.py``, ``a/b/__main__.py``).
    """
    parts = [part for word in words for part in re.split(r"[\s;&|()'\"]+", word)]
    found = [part.removeprefix("./") for part in parts if part and not part.startswith("-")]
    modules = [after for before, after in pairwise(parts) if before == "-m"]
    found += [f"{module.replace('.', '/')}{end}" for module in modules for end in _MODULE]
    return list(dict.fromkeys(found))
