"""Find an experiment that is one command, which runs and prints its metric, in any language."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.paths import matches
from pytest_ouro.experiment.terms.names import named_files
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding.discover.source import PythonFile
from pytest_ouro.onboarding.discover.words import (
    budget_in,
    editable_in,
    existing,
    find_direction,
    find_ledger,
    named_direction,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_ouro.onboarding.discover.options import InitOptions, Remarks
    from pytest_ouro.onboarding.discover.prose import Prose

#: Seconds that a command may take where nothing states them: it may build and test.
ASSUMED_BUDGET = 600.0
#: Names of programs that measure, and of scripts that train and report by themselves, best first.
_MEASURES = (
    *("autoresearch", "bench", "benchmark", "run_bench", "run_benchmark", "score", "evaluate"),
    *("eval", "run_eval", "backtest", "measure", "run_experiment", "experiment", "run_exp"),
)
_TRAINS = ("train", "main", "solve", "run", "optimize")
#: How a program of each ending is started.
_STARTS = {
    ".sh": ("bash",),
    ".js": ("node",),
    ".mjs": ("node",),
    ".cjs": ("node",),
    ".ts": ("npx", "tsx"),
    ".rb": ("ruby",),
    ".jl": ("julia", "--project=."),
    ".R": ("Rscript",),
    ".lua": ("lua",),
    ".pl": ("perl",),
    ".php": ("php",),
}
_SHELL = re.compile(r"[|&;<>$`*?~]|^\w+=")
_PLACEHOLDER = re.compile(r"<[\w .-]+>|\{\w+\}|\[\w+\]|\.\.\.|…")
_PRINTED = (
    re.compile(r"METRIC[: ]+\"?([A-Za-z_]\w*)\"?\s*[=:]"),
    re.compile(
        r"""(?m)(?:echo|printf|print\w*!?|puts|log|Println|Printf)\s*[(]?\s*(?:f|\$)?["'`]"""
        r"""([A-Za-z_]\w*)\s*[:=]\s*[%${#]"""
    ),
)
#: Labels of what a run costs, which are printed beside a metric.
_COST = re.compile(
    r"time|second|elapsed|duration|memory|vram|tokens|^(?:error|warning|usage|note|step|epoch)s?$",
    re.IGNORECASE,
)
#: Folders of source that an agent edits where nothing names any.
_SOURCES = ("src", "lib", "pkg", "crates", "internal", "kernels", "Sources", "ext")


@dataclass(frozen=True)
class Command:
    """A command: its words, and the paths of the ``files`` that they name, which git tracks."""

    words: tuple[str, ...]
    files: tuple[str, ...]


def find_command(
    folder: Path, python: Sequence[str], options: InitOptions, prose: Prose, tracked: Sequence[str]
) -> Command | None:
    """Return the command of the option, else autoresearch.sh, else the first one of the
    instructions that has no placeholder and names a tracked file or no script, else a tracked
    program at the top of ``folder``: with a name of `_MEASURES`, or one of `_TRAINS` whose text
    prints a value. None without one.

    ``python`` are the words that start the project's Python, ``tracked`` the paths of git's files
    from ``folder``. OuroError if a command cannot be split into words, or is empty.
    """
    if options.command:
        return _command(options.command, python, tracked)
    if "autoresearch.sh" in tracked:
        return _command("autoresearch.sh", python, tracked)
    for words in prose.commands:
        if not _PLACEHOLDER.search(words):
            found = _command(words, python, tracked)
            if found.files or not re.search(r"[\w/-]+\.(?:py|sh|js|ts|rb|jl)\b", words):
                return found
    for name in (*_MEASURES, *_TRAINS):
        for path in (f"{name}{ending}" for ending in (*_STARTS, ".py")):
            if path in tracked and (name in _MEASURES or _prints_label(folder, path)):
                return _command(_start(path, python), python, tracked)
    return None


def _start(path: str, python: Sequence[str]) -> str:
    """Return the command that starts a program by the ending of its name; with any other ending,
    the project's Python starts it."""
    return shlex.join([*_STARTS.get(posixpath.splitext(path)[1], python), path])


def _command(text: str, python: Sequence[str], tracked: Sequence[str]) -> Command:
    """Return the command that a text states; one that needs a shell is given to ``sh`` as it is. Of
    another, a first word ``python``, also with a version, is replaced by the words ``python``; a
    tracked script ``.sh`` is given to ``bash``, and ``uv run`` gets ``--frozen`` if git tracks
    uv.lock. OuroError if the text cannot be split into words, or is empty."""
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise messages.no_words(text, str(error)) from None
    if not parts:
        raise messages.no_words(text, "it is empty")
    named = tuple(path for path in named_files(tuple(parts)) if path in tracked)
    if _SHELL.search(text):
        return Command(("sh", "-c", text), named)
    script = parts[0].removeprefix("./")
    if script in tracked and script.endswith(".sh"):  # git may have it without the right to run
        parts = ["bash", script, *parts[1:]]
    elif re.fullmatch(r"python[\d.]*", parts[0]):
        parts = [*python, *parts[1:]]
    elif parts[:2] == ["uv", "run"] and "uv.lock" in tracked and "--frozen" not in parts:
        parts = ["uv", "run", "--frozen", *parts[2:]]
    return Command(tuple(parts), named)


def facts(
    command: Command,
    folder: Path,
    rules: Sequence[str],
    prose: Prose,
    options: InitOptions,
    remarks: Remarks,
    tracked: Sequence[str],
) -> dict[str, Any]:
    """Return the values of [experiment] by the names of its fields: those that the options give,
    else those that the command, its files, the rules (their words) and the instructions state, else
    usual ones. Assumptions and notes are added to ``remarks``. OuroError if the metric, its
    direction or the editable files are not known."""
    metric, source = _metric(command, folder, prose, options)
    editable = _editable(command, folder, rules, prose, options, remarks, tracked)
    table = find_ledger(rules, folder, metric, options, remarks)
    values: dict[str, Any] = {
        "command": command.words,
        "editable": editable,
        "allowed": ("run.log", table),
        "metric": metric,
        "metric_from": options.metric_from or source,
        "direction": find_direction(metric, rules, prose, options, remarks),
        "unit": options.unit or prose.unit,
        "budget": _budget(command, folder, rules, prose, options, remarks),
        "device": options.device or "auto",
        "ledger": table,
        "data": options.data,
    }
    if options.evaluate_command:
        evaluation = _command(options.evaluate_command, ("python",), tracked)
        return {**values, "evaluate_command": evaluation.words}
    fixed = [path for path in command.files if path not in editable]
    if not fixed:
        remarks.note(
            f"{shlex.join(command.words)} is code that may change, and prints its own metric: the "
            "level is claimed; to have it measured, name a fixed program: --evaluate-command"
        )
    return {**values, "metric_which": "last", "level": "supervised" if fixed else "claimed"}


def measuring(experiment: Any, tracked: Sequence[str], folder: Path, prose: Prose) -> list[str]:
    """Return the files that take part in measuring, for a rule that freezes them: the tracked ones
    that the commands name, the modules that Python programs among them import, and the tracked ones
    that the instructions call fixed, a folder as a glob. Editable files may be among them. [] if
    there are none."""
    named = named_files((*experiment.command, *experiment.evaluate_command))
    files = [path for path in named if path in tracked]
    for path in [path for path in files if path.endswith(".py")]:
        try:
            files += PythonFile.read(folder / path, path).modules(folder)
        except OuroError:
            continue
    files += existing(prose.fixed, tracked)
    return list(dict.fromkeys(files))


def _metric(command: Command, folder: Path, prose: Prose, options: InitOptions) -> tuple[str, str]:
    """Return a tuple: the metric's name and where it is printed, ``line`` or ``json:NAME``. The
    name is that of the option, else the first that the instructions name and a file of the command
    prints, else the first that the instructions name, else the only printed one whose name shows a
    direction and no cost (of several, the only one that begins with val, eval or test), else the
    only printed one. OuroError if nothing names one, or if several are printed."""
    labels, keys = [], []
    for path in command.files:
        found, dumped = _labels(folder, path)
        labels += found
        keys += dumped
    printed = list(dict.fromkeys([*labels, *keys]))
    name = options.metric
    if not name:
        said = [metric for metric in prose.metrics if metric in printed] or list(prose.metrics)
        telling = [label for label in printed if named_direction(label) and not _COST.search(label)]
        held_out = [label for label in telling if label.startswith(("val", "eval", "test"))]
        telling = held_out if len(held_out) == 1 else telling
        if not said and len(telling) == 1:
            said = telling
        if not said and len(printed) > 1:
            call = options.call("--metric", printed[-1])
            raise messages.several_found("metric", shlex.join(command.words), printed, call)
        if not said and not printed:
            call = options.call("--metric", "score")
            raise messages.nothing_found("printed metric", shlex.join(command.words), call)
        name = (said or printed)[0]
    return name, f"json:{name}" if name in keys and name not in labels else "line"


def _labels(folder: Path, path: str) -> tuple[list[str], list[str]]:
    """Return a tuple: the labels of the lines that a program prints, and the keys of its JSON (of a
    Python program only), as far as its text shows them; two empty lists if there are none, or a
    file ``.py`` cannot be read as Python."""
    if path.endswith(".py"):
        try:
            file = PythonFile.read(folder / path, path)
        except OuroError:
            return [], []
        numbers = [label for label, shown in file.summary.items() if shown]
        return numbers, [*file.json_keys]
    text = (read_file(folder / path) or b"").decode(errors="replace")
    names = [name for pattern in _PRINTED for name in pattern.findall(text)]
    return list(dict.fromkeys(names)), []


def _prints_label(folder: Path, path: str) -> bool:
    """Return whether a program seems to print a line with a label and a value, or, if it is Python,
    a JSON object."""
    return any(_labels(folder, path))


def _editable(
    command: Command,
    folder: Path,
    rules: Iterable[str],
    prose: Prose,
    options: InitOptions,
    remarks: Remarks,
    tracked: Sequence[str],
) -> tuple[str, ...]:
    """Return the files that may change, as the option, else the rules, else the instructions state.

    Otherwise assume, as is added to ``remarks``: the command's files that are neither fixed nor
    named like a program that measures, and the modules that its other Python files import; else the
    first folder of `_SOURCES` with a file that is not fixed, as a glob; else the only other file of
    code. OuroError if there is none of these.
    """
    stated = options.editable or editable_in(rules)
    if stated:
        return stated
    if said := existing(prose.editable, tracked):
        return said
    fixed = existing(prose.fixed, tracked)
    guess: list[str] = []
    for path in command.files:
        measures = posixpath.splitext(posixpath.basename(path))[0].lower().startswith(_MEASURES)
        if not measures and not matches(path, fixed):
            guess.append(path)
        elif path.endswith(".py"):
            guess += _imported(folder, path, fixed)
    free = [path for path in tracked if not matches(path, fixed)]
    sources = [f"{name}/**" for name in _SOURCES if any(p.startswith(f"{name}/") for p in free)]
    found = tuple(dict.fromkeys(guess)) or tuple(sources[:1])
    near = [path for path in _code(free) if path not in command.files]
    if not found and len(near) == 1:
        found = (near[0],)
    if not found:
        raise messages.no_editable(near[:8], options.call("--editable", (near or ["FILE"])[0]))
    remarks.assume(f"an experiment changes {', '.join(found)}", "--editable GLOB")
    return found


def _imported(folder: Path, path: str, fixed: Sequence[str]) -> list[str]:
    """Return the modules in ``folder`` that the Python program at ``path`` in it imports, and that
    no glob in ``fixed`` matches; [] if it cannot be parsed."""
    try:
        modules = PythonFile.read(folder / path, path).modules(folder)
    except OuroError:
        return []
    return [module for module in modules if not matches(module, fixed)]


def _code(tracked: Sequence[str]) -> Iterator[str]:
    """Yield the tracked files whose endings are of code, those of the top folder first. Left out
    are paths with a name that begins with ``test``, ``doc``, ``example`` or a dot."""
    endings = (".py", ".rs", ".go", ".c", ".cpp", ".cu", ".ts", ".js", ".rb", ".jl", ".swift")
    aside = re.compile(r"(^|/)(tests?|docs?|examples?|\.)")
    code = [path for path in tracked if path.endswith(endings) and not aside.search(path)]
    yield from sorted(code, key=lambda path: (path.count("/"), path))


def _budget(
    command: Command,
    folder: Path,
    rules: Iterable[str],
    prose: Prose,
    options: InitOptions,
    remarks: Remarks,
) -> float:
    """Return the seconds that the command may take: of the option, the rules or the instructions;
    ASSUMED_BUDGET, which is added to ``remarks``, if they state none."""
    if options.budget is not None:
        return options.budget
    found = budget_in([], rules) or prose.limit or prose.budget
    if found is not None:
        return found
    remarks.assume(f"the command takes at most {ASSUMED_BUDGET:g} s", "--budget SECONDS")
    return ASSUMED_BUDGET
