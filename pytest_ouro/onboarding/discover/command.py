"""Find an experiment that is one command, which runs and prints its metric, in any language."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_ouro.bound.tables import Experiment
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.ledger.metric_names import named_direction
from pytest_ouro.evidence.paths import DataGlob, Glob, RepoPath, matches
from pytest_ouro.experiment.terms.names import is_data, named_files
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding.discover.metric import (
    Label,
    choose,
    is_held_out,
    meant,
    printed_by,
    unseen,
)
from pytest_ouro.onboarding.discover.runnable import (
    PLACEHOLDER,
    PROGRAM,
    built,
    filled,
    lacks_data,
    may_be_silent,
    missing_arguments,
    starts_agent,
    stops_at,
    with_output,
)
from pytest_ouro.onboarding.discover.source import PythonFile
from pytest_ouro.onboarding.discover.words import (
    budget_in,
    editable_in,
    existing,
    find_direction,
    find_ledger,
)
from pytest_ouro.onboarding.sources import code_in, defaults_in, in_scripts, sources_of

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
#: Options of a run that is shorter than the one that counts.
_QUICK = re.compile(r"--(?:quick|fast|smoke|debug|dry-run)\b")
_SHELL = re.compile(r"[|&;<>$`*?~]|^\w+=")
#: Folders of source that an agent edits where nothing names any.
_SOURCES = ("src", "lib", "pkg", "crates", "internal", "kernels", "Sources", "ext")


@dataclass(frozen=True)
class Command:
    """A command that may be the experiment: its words, and the tracked ``files`` that it runs."""

    words: tuple[str, ...]
    files: tuple[str, ...]


def find_command(
    folder: Path, python: Sequence[str], options: InitOptions, prose: Prose, tracked: Sequence[str]
) -> Command | None:
    """Return the command that runs the experiment, None if there is none: that of the option; else
    the first of `_possible` that has the arguments which it demands, and seems to print a metric
    that the instructions name, if they name one; else the first that has its arguments. ``python``
    are the words that start Python.

    OuroError if a command cannot be split into words, or if every command lacks an argument.
    """
    if options.command:
        return _command(options.command, python, folder, tracked)
    lacking: OuroError | None = None
    silent: Command | None = None
    for words in _possible(folder, prose, tracked):
        found = _command(words, python, folder, tracked)
        if fault := missing_arguments(folder, found.words, tracked):
            call = options.call("--command", f"{words} {' … '.join(fault)} …")
            lacking = lacking or messages.lacks_arguments(shlex.join(found.words), fault, call)
        elif (silent or may_be_silent(found.files)) and _lacks_named(found, folder, prose, tracked):
            silent = silent or found
        else:
            return found
    if lacking and not silent:
        raise lacking
    return silent


def _lacks_named(command: Command, folder: Path, prose: Prose, tracked: Sequence[str]) -> bool:
    """Return whether a command's programs, with the modules and the files of scripts that they use,
    print none of the metrics that the instructions name; False if these name none."""
    modules = [module for path in command.files for module in _modules(folder, path)]
    files = (*command.files, *modules, *in_scripts(command.files, folder, tracked))
    printed = [label for path in files for label in printed_by(folder, path)]
    return bool(prose.metrics) and not any(meant(name, printed) for name in prose.metrics)


def _possible(folder: Path, prose: Prose, tracked: Sequence[str]) -> Iterator[str]:
    """Yield the commands that may run the experiment, best first: autoresearch.sh, those that the
    instructions state, tracked programs in ``folder`` with a usual name, and Go's benchmarks."""
    if "autoresearch.sh" in tracked:
        yield "autoresearch.sh"
    own = [built(filled(words), prose, tracked) for words in prose.commands]
    shown = [built(filled(words), prose, tracked) for words in prose.examples]
    named = [*own, *(words for words in shown if _measures(words, folder, prose, tracked))]
    ours = {words.partition(" ")[0] for words in prose.commands}

    def rank(words: str) -> tuple[bool, bool, bool]:
        other = words.rpartition("&& ")[2].partition(" ")[0] not in ours
        return bool(_QUICK.search(words)), lacks_data(words, tracked), other

    for words in sorted(named, key=rank):
        programs = PROGRAM.findall(words)
        here = all(program.removeprefix("./") in tracked for program in programs)
        here = here and not any(starts_agent(folder, path) for path in programs)
        if here and words not in prose.editable and not PLACEHOLDER.search(words):
            yield words
    for name in (*_MEASURES, *_TRAINS):
        for path in (f"{name}{ending}" for ending in (*_STARTS, ".py")):
            if path not in tracked or path in prose.not_run:
                continue
            if name in _MEASURES or any(named_direction(x.name) for x in printed_by(folder, path)):
                start = _STARTS.get(posixpath.splitext(path)[1], ("python",))
                yield shlex.join([*start, path])
    tests = [path for path in tracked if path.endswith("_test.go") and "/" not in path]
    if any(printed_by(folder, path) for path in tests):
        yield "go test -run NONE -bench ."


def _measures(words: str, folder: Path, prose: Prose, tracked: Sequence[str]) -> bool:
    """Return whether a command that the instructions only show as an example measures: its programs
    print values, `choose` takes exactly one of these as the metric, and the name of at least one
    value (perhaps another) says whether lower or higher is better."""
    labels = [
        label.name
        for path in sources_of((words,), folder, tracked)
        for label in printed_by(folder, path)
    ]
    return bool(labels) and len(choose(labels, prose)) == 1 and any(map(named_direction, labels))


def _command(text: str, python: Sequence[str], folder: Path, tracked: Sequence[str]) -> Command:
    """Return the command that ``text`` states. A text that needs a shell is given to ``sh``.
    Otherwise the words ``python`` replace a first word such as ``python3``, and start a tracked
    ``.py`` script; ``bash`` starts a tracked ``.sh`` script; ``uv run`` gets ``--frozen`` if git
    tracks uv.lock. OuroError if the text is empty or cannot be split into words."""
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise messages.no_words(text, str(error)) from None
    if not parts:
        raise messages.no_words(text, "it is empty")
    named = tuple(sources_of(parts, folder, tracked))
    if _SHELL.search(text):
        return Command(("sh", "-c", text), named)
    script = parts[0].removeprefix("./")
    if script in tracked and script.endswith(".sh"):  # git may have it without the right to run
        parts = ["bash", script, *parts[1:]]
    elif script in tracked and script.endswith(".py"):
        parts = [*python, script, *parts[1:]]
    elif re.fullmatch(r"(?:[\w.-]+/)*python[\d.]*", parts[0]):  # .venv/bin/python is not in git
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
) -> Experiment:
    """Return the experiment that follows from the command, its files, ``rules`` (words of rules),
    ``prose`` and the options, without folder and interpreter; add assumptions and notes to
    ``remarks``. OuroError if a fact such as the metric is missing or ambiguous."""
    label = _metric(command, folder, prose, options, remarks, tracked)
    metric = label.name
    editable = _editable(command, folder, rules, prose, options, remarks, tracked)
    table = find_ledger(rules, folder, metric, prose, options, remarks)
    kept = (label.file,) if label.file else ()
    found = Experiment(
        command=with_output(command.words, label.file),
        editable=tuple(map(Glob, editable)),
        allowed=tuple(map(Glob, ("run.log", *kept, table))),
        metric=metric,
        metric_from=options.metric_from or label.source,
        direction=find_direction(metric, rules, prose, options, remarks),
        unit=options.unit or prose.unit or label.unit,
        plausible=options.plausible or prose.plausible,
        budget=_budget(command, folder, rules, prose, options, remarks),
        device=options.device or "auto",
        ledger=RepoPath(table),
        data=tuple(map(DataGlob, options.data)),
    )
    if options.evaluate_command:
        evaluation = _command(options.evaluate_command, ("python",), folder, tracked)
        return replace(found, evaluate_command=evaluation.words)
    named = named_files(command.words)
    fixed = [path for path in command.files if not matches(path, editable) and not is_data(path)]
    measured = bool(set(fixed) & {*named})
    if not measured:
        why = "is code that may change, and prints its own metric"
        why = f"does not name {fixed[0]}, which measures" if fixed else why
        remarks.note(
            f"{shlex.join(command.words)} {why}: the level is claimed; to have it measured, name a "
            "fixed program: --evaluate-command"
        )
    level: Literal["claimed", "supervised"] = "supervised" if measured else "claimed"
    return replace(found, metric_which="last", level=level)


def measuring(
    experiment: Experiment, tracked: Sequence[str], folder: Path, prose: Prose
) -> list[str]:
    """Return the files that measure, for a rule that freezes them: the tracked files whose code the
    experiment's commands run; those in their shell scripts that print values; the modules that the
    Python ones import; and the tracked files that the instructions call fixed, a folder as a glob.
    Editable files may be among them. [] if there are none."""
    files = sources_of((*experiment.command, *experiment.evaluate_command), folder, tracked)
    files += [p for p in in_scripts(files, folder, tracked) if printed_by(folder, p)]
    files += [module for path in files for module in _modules(folder, path)]
    files += existing(prose.fixed, tracked)
    return list(dict.fromkeys(files))


def _metric(
    command: Command,
    folder: Path,
    prose: Prose,
    options: InitOptions,
    remarks: Remarks,
    tracked: Sequence[str],
) -> Label:
    """Return the metric's name and where it is printed. The values considered are those that the
    command's files print or, if they print none, the modules that they import, the files in their
    shell scripts, or the fixed files.

    The name is that of the option; else the one that `choose` takes among these values. If none of
    the metrics that the instructions name is among them, it is the first that the instructions
    name, which may be noted in ``remarks``. A metric that is not among the values is looked for
    where the instructions say, else on a line of its own. OuroError if no metric is found, or
    several are possible.
    """
    printed = [label for path in command.files for label in printed_by(folder, path)]
    modules = [module for path in command.files for module in _modules(folder, path)]
    scripted = in_scripts(command.files, folder, tracked)
    for others in (modules, scripted, existing(prose.fixed, tracked)):
        printed = printed or [label for path in others for label in printed_by(folder, path)]
    printed = [x for x in printed if x.file not in tracked and not (x.counts and not options.unit)]
    named = [name for name in prose.metrics if meant(name, printed)]
    names = [*named, *(label.name for label in printed)]
    if options.metric:
        found = [options.metric]
    elif prose.metrics and not named:
        found = [*prose.metrics[:1]]
        if printed and not prose.metric_from:
            remarks.note(unseen(found[0], shlex.join(command.words), prose))
    else:
        leading = [label.name for label in printed if label.leads]
        found = (not named and choose(leading, prose, sure=True)) or choose(names, prose)
    words = shlex.join(command.words)
    if not found:
        call = options.call("--metric", "NAME")
        raise messages.no_printed_metric(words, call)
    if len(found) > 1:
        found.sort(key=lambda name: (not named_direction(name), not is_held_out(name)))
        first = found[0] if named_direction(found[0]) else "NAME"
        raise messages.several_found("metric", words, found, options.call("--metric", first))
    return meant(found[0], printed) or Label(found[0], prose.metric_from or "line")


def _modules(folder: Path, path: str) -> list[str]:
    """Return the paths of modules in ``folder`` that a Python program imports; [] for any other."""
    try:
        return PythonFile.read(folder / path, path).modules(folder) if path.endswith(".py") else []
    except OuroError:
        return []


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
    Otherwise assume them, which is added to ``remarks``: the command's files that are neither fixed
    nor named like a program that measures; else those that its shell scripts run by default; else
    the modules that its Python files import; else the first folder of `_SOURCES` with a file that
    is not fixed, as a glob; else the only other file of code. OuroError if there are none."""
    stated = options.editable or editable_in(rules)
    if stated:
        return stated
    if said := existing(prose.editable, tracked):
        if prose.more:
            remarks.note(
                f"{prose.file} also speaks of new files, and no rule lets an experiment add any: "
                "repeat --editable for each file and for a glob of the new ones"
            )
        return said
    fixed = existing(prose.fixed, tracked)
    named = [path for path in command.files if not matches(path, fixed)]
    guess = [path for path in named if not _is_measure(path)]
    guess = guess or [path for path in defaults_in(folder, command.files) if path in tracked]
    guess = guess or [
        module
        for path in command.files
        for module in _modules(folder, path)
        if not matches(module, fixed)
    ]
    prepares = [path for path in guess if posixpath.basename(path).startswith("prepare")]
    guess = [path for path in guess if path not in prepares] or guess
    free = [path for path in tracked if not matches(path, fixed)]
    sources = [f"{name}/**" for name in _SOURCES if any(p.startswith(f"{name}/") for p in free)]
    found = tuple(dict.fromkeys(guess)) or tuple(sources[:1])
    near = [path for path in code_in(free) if path not in command.files]
    if not found and len(near) == 1:
        found = (near[0],)
    if not found:
        raise messages.no_editable(near[:8], options.call("--editable", (near or ["FILE"])[0]))
    remarks.assume(f"an experiment changes {', '.join(found)}", "--editable GLOB")
    return found


def _is_measure(path: str) -> bool:
    """Return whether a program measures, by its file name (it begins with a word of `_MEASURES`,
    such as ``bench``, or is a test of Go), or is a file of build commands, such as a Makefile."""
    name = posixpath.basename(path)
    starts = name.endswith("_test.go") or name.lower() in ("makefile", "justfile", "package.json")
    return starts or posixpath.splitext(name)[0].lower().startswith(_MEASURES)


def _budget(
    command: Command,
    folder: Path,
    rules: Iterable[str],
    prose: Prose,
    options: InitOptions,
    remarks: Remarks,
) -> float:
    """Return the seconds that the command may take: of the option, else of the rules or
    instructions, else ASSUMED_BUDGET.

    Code that stops itself, such as training, at the time that the rules or instructions state needs
    more time for a whole run. So the time is doubled then, unless the instructions state a limit of
    a whole run. A doubled time and ASSUMED_BUDGET are added to ``remarks`` as assumptions.
    """
    if options.budget is not None:
        return options.budget
    found = budget_in([], rules) or prose.limit or prose.budget
    modules = [module for path in command.files for module in _modules(folder, path)]
    if found and not prose.limit and stops_at(found, folder, [*command.files, *modules]):
        remarks.assume(
            f"the command takes at most {2 * found:g} s, since its code stops at {found:g} s and "
            "then has to end",
            "--budget SECONDS",
        )
        return 2 * found
    if found is not None:
        return found
    remarks.assume(f"the command takes at most {ASSUMED_BUDGET:g} s", "--budget SECONDS")
    return ASSUMED_BUDGET
