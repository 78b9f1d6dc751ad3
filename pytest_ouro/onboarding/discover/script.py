"""Find an experiment whose script calls the evaluation of a fixed module, its harness."""

from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_ouro.bound.tables import Experiment
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence.ledger.metric_names import named_direction
from pytest_ouro.evidence.paths import DataGlob, Glob, RepoPath
from pytest_ouro.experiment.terms.names import INTERFACE
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding.discover import caches
from pytest_ouro.onboarding.discover.metric import choose
from pytest_ouro.onboarding.discover.printed import summary
from pytest_ouro.onboarding.discover.source import PythonFile
from pytest_ouro.onboarding.discover.warmup import warmup_tokens
from pytest_ouro.onboarding.discover.words import (
    budget_in,
    editable_in,
    find_direction,
    find_ledger,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_ouro.bound.tables import Device
    from pytest_ouro.onboarding.discover.options import InitOptions, Remarks
    from pytest_ouro.onboarding.discover.prose import Prose

#: Constants of the harness that state facts of the experiment, and those of its budget's kin.
BUDGET, TOKENIZER, DATA, VALIDATION = "TIME_BUDGET", "TOKENIZER_DIR", "DATA_DIR", "VAL_FILENAME"
_BUDGETS = (BUDGET, "TIME_BUDGET_SECONDS", "TIME_LIMIT", "MAX_SECONDS", "BUDGET_SECONDS", "BUDGET")
LOADER = "make_dataloader"
#: Seconds before the clock starts at the latest; compilation may take them.
WARMUP_SECONDS = 300.0
#: Seconds of training that are assumed where nothing states them.
ASSUMED_BUDGET = 300.0

#: Names of scripts that show results, and run no experiment.
_ASIDE = re.compile(r"plot|analy|visuali|dashboard|report|summar|(^|_)test|^setup|download|prepare")
_EVALUATE = re.compile(r"eval(uate)?(_|$)")
_LOADERS = re.compile(r"(^|_)(data_?loader|loader|get_batch(es)?|batches)$")
#: Functions that return several loaders, where there is none of the others.
_SEVERAL = re.compile(r"(^|_)(data_?loaders|loaders|(get|load|make|build)_(data|datasets|splits))$")


class Pair(NamedTuple):
    """A script, the harness whose evaluation it calls, and the name of that evaluation; ``path`` is
    the script's."""

    path: Path
    script: PythonFile
    harness: PythonFile
    evaluate: str


def find_pair(folder: Path, options: InitOptions, prose: Prose, tracked: Sequence[str]) -> Pair:
    """Return the script of the experiment with its harness. OuroError if there is none, if there
    are several (AmbiguousError), if a file cannot be read or parsed, or if the script assigns the
    result of the evaluation to several names."""
    path = _script(folder, options, prose, tracked)
    script = PythonFile.read(path, path.name)
    harness = _harness(path.parent, script, options)
    evaluate = _evaluate(script, harness, options)
    if script.unpacks(evaluate) or len(script.results_of(evaluate)) > 1:
        raise messages.several_values(harness.name, evaluate)
    return Pair(path, script, harness, evaluate)


def facts(
    pair: Pair, rules: Sequence[str], prose: Prose, options: InitOptions, remarks: Remarks
) -> Experiment:
    """Return the experiment, without its folder and its interpreter: the values that the options
    give, else those that the script, its harness, the rules and the instructions state, else usual
    ones. Assumptions and notes are added to ``remarks``. OuroError if a value that cannot be
    assumed is missing, or if one is ambiguous."""
    path, script, harness, evaluate = pair
    folder = path.parent
    metric = options.metric or _metric(script, harness, evaluate, prose, options)
    direction = find_direction(metric, rules, prose, options, remarks)
    tokens = warmup_tokens(script, harness, options.warmup_tokens, remarks)
    validation = () if options.data else _validation(harness)
    data = options.data or _data(harness)
    highest: Literal["judged", "sandboxed"] = "sandboxed"
    if validation:
        found, complete = caches.find_caches([script, harness], remarks)
        data, highest = (*data, *found), highest if complete else "judged"
    table = find_ledger(rules, folder, metric, prose, options, remarks)
    editable = options.editable or editable_in(rules) or _editable(script, folder, prose)
    return Experiment(
        script=RepoPath(script.name),
        editable=tuple(map(Glob, editable)),
        allowed=(Glob("run.log"), Glob(table)),
        harness=RepoPath(harness.name),
        evaluate=evaluate,
        loader=options.loader or _loader(script, harness, options),
        metric=metric,
        direction=direction,
        unit=options.unit,
        plausible=options.plausible,
        budget=_budget(pair, rules, prose, options, remarks),
        device=options.device or _device(script),
        level=_level(script, harness, metric, remarks),
        highest=highest,
        ledger=RepoPath(table),
        data=tuple(map(DataGlob, data)),
        validation=tuple(map(DataGlob, validation)),
        warmup_tokens=tokens,
        warmup_seconds=WARMUP_SECONDS if tokens else 0.0,
    )


def times(pair: Pair) -> bool:
    """Return whether a run takes exactly the budget: the script or its harness has a constant for
    the budget (named as in `_BUDGETS`) whose value can be computed, or the script has a setting of
    that name (`PythonFile.settings`)."""
    constants = {**pair.script.constants, **pair.harness.constants}
    return any(name in constants or name.lower() in pair.script.settings for name in _BUDGETS)


def _script(folder: Path, options: InitOptions, prose: Prose, tracked: Sequence[str]) -> Path:
    """Return the path of the script: the one that the option names, else train.py in the folder,
    else the only script there that imports a harness, without those that plot, test and the like
    (of several, the only one that the commands of the instructions name), else the only tracked
    train.py below that imports one. OuroError if there is none, or several."""
    if options.script:
        path = folder / options.script
        if not path.is_file():
            raise messages.no_such_file(options.script, folder, "--script FILE")
        return path
    words = [word for command in prose.commands for word in command.split()]
    named = [word for word in words if word.endswith(".py") and (folder / word).is_file()]
    if (folder / "train.py").is_file():
        return folder / "train.py"
    here = [path for path in sorted(folder.glob("*.py")) if not _ASIDE.search(path.stem)]
    scripts = [path for path in here if _runs_a_harness(path)]
    said = [path for path in scripts if path.name in named]
    if len(said) == 1:
        return said[0]
    if not scripts:
        below = [path for path in tracked if path.endswith("/train.py")]
        scripts = [folder / path for path in below if _runs_a_harness(folder / path)]
    names = [os.path.relpath(path, folder) for path in scripts]
    return folder / pick_only(
        "script that imports a harness", "--script", names, str(folder), options
    )


def _runs_a_harness(path: Path) -> bool:
    """Return whether a script imports a harness; False if it, or a module that it imports, cannot
    be read as Python."""
    try:
        return bool(_harnesses(path.parent, PythonFile.read(path, path.name)))
    except OuroError:
        return False


def _harness(folder: Path, script: PythonFile, options: InitOptions) -> PythonFile:
    """Return the harness: the file that the option names, else the only module that looks like one
    among those that the script imports. If there are several, only those with an evaluation that
    the script uses count, or, without such, those with an evaluation. OuroError if there is none,
    or several are left."""
    if options.harness:
        return PythonFile.read(folder / options.harness, options.harness)
    found = _harnesses(folder, script)
    evaluating = [file for file in found if _evaluating(file)]
    used = [file for file in evaluating if set(_evaluating(file)) & script.names]
    names = [file.name for file in used or evaluating or found]
    name = pick_only("imported harness", "--harness", names, script.name, options)
    return next(file for file in found if file.name == name)


def _harnesses(folder: Path, script: PythonFile) -> list[PythonFile]:
    """Return the modules below ``folder`` that the script imports and that look like a harness:
    they define an evaluation, a function whose result the script prints under a telling label, or a
    function or constant with the name in `LOADER` (``make_dataloader``) or `BUDGET`
    (``TIME_BUDGET``).

    OuroError if any module there that the script imports cannot be parsed as Python.
    """
    printing = set(_printed_functions(script, telling=True))
    files = [PythonFile.read(folder / path, path) for path in script.modules(folder)]
    return [
        file
        for file in files
        if _evaluating(file)
        or printing & set(file.functions)
        or file.source.defines(LOADER)
        or file.source.defines(BUDGET)
    ]


def _printed_functions(script: PythonFile, *, telling: bool = False) -> list[str]:
    """Return the functions whose result the script prints under a label, each once; if ``telling``,
    those alone whose label says which of its values are better."""
    found: list[str] = []
    for label, shown in summary(script).items():
        if not telling or named_direction(label):
            found += [shown.function] if shown.function else script.makers_of(shown.name)
    return list(dict.fromkeys(found))


def _evaluating(file: PythonFile) -> list[str]:
    """Return the functions of a file whose names begin with the word ``eval`` or ``evaluate``."""
    return [name for name in file.functions if _EVALUATE.match(name)]


def _evaluate(script: PythonFile, harness: PythonFile, options: InitOptions) -> str:
    """Return the name of the harness's evaluation function: that of the option; else the only
    function named like an evaluation, or, without such, whose result the script prints. Of several,
    those that the script uses count, and then the only one whose result it prints. OuroError if the
    harness lacks the option's function, or if there is no such function, or several."""
    if options.evaluate:
        if options.evaluate not in harness.functions:
            raise messages.no_such_function(harness.name, options.evaluate)
        return options.evaluate
    printed = [name for name in _printed_functions(script) if name in harness.functions]
    found = _used(_evaluating(harness), script) or printed
    both = [name for name in found if name in printed]
    return pick_only(
        "evaluation function",
        "--evaluate",
        both if len(both) == 1 else found,
        harness.name,
        options,
    )


def _loader(script: PythonFile, harness: PythonFile, options: InitOptions) -> str:
    """Return the name of the harness's function that yields training batches. It is
    ``make_dataloader`` if the harness defines that, or nothing that looks like a loader; else the
    function that does. Of several, those that the script uses count; OuroError if these are
    several."""
    found = [name for name in harness.functions if _LOADERS.search(name)] or [
        name for name in harness.functions if _SEVERAL.search(name) and name in script.names
    ]
    if LOADER in found or not found:
        return LOADER
    return pick_only("batch loader", "--loader", _used(found, script), harness.name, options)


def _used(names: list[str], script: PythonFile) -> list[str]:
    """Return those of the names that the script uses; if it uses none, all of them."""
    return [name for name in names if name in script.names] or names


def _metric(
    script: PythonFile, harness: PythonFile, evaluate: str, prose: Prose, options: InitOptions
) -> str:
    """Return the name of the metric: the label under which the script prints the result of the
    function ``evaluate``; else a key of the dictionary that the function returns; else a printed
    label that ends like the function's name (``val_bpb`` for ``evaluate_bpb``: the name after its
    first ``_``); else the variable of the result; else any printed label. Of several, `choose`
    takes one. OuroError if none is found, or several are left."""
    results = script.results_of(evaluate)
    keys = harness.returned_keys(evaluate)
    keyed = {_keyed(node) for node in script.source.of(ast.Subscript)}  # dictionaries
    printed = [
        label
        for label, shown in summary(script).items()
        if (shown.name and shown.name in results and (shown.key or shown.name not in keyed))
        or shown.function == evaluate
    ]
    suffix = evaluate.partition("_")[2]
    alike = [label for label in summary(script) if suffix and label.endswith(suffix)]
    plain = [name for name in results if name not in keyed]
    found = choose(printed or keys or alike or plain or summary(script), prose)
    return pick_only("printed metric", "--metric", found, script.name, options)


def _keyed(node: ast.Subscript) -> str:
    """Return the variable of an expression that takes a value by a text, as ``results`` of
    ``results["loss"]``; "" for another one."""
    match node:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str())):
            return name
    return ""


def _editable(script: PythonFile, folder: Path, prose: Prose) -> tuple[str, ...]:
    """Return the files, of those that exist, that the instructions let an agent edit, if the script
    is among them; else the script alone."""
    here = tuple(path for path in prose.editable if (folder / path).is_file())
    return here if script.name in here else (script.name,)


def _budget(
    pair: Pair, rules: Iterable[str], prose: Prose, options: InitOptions, remarks: Remarks
) -> float:
    """Return the seconds of training from the option of ``init``, else the harness's or the
    script's constant, else a default setting of the script, else the rules or the instructions;
    ASSUMED_BUDGET, which is added to ``remarks``, if they state none."""
    if options.budget is not None:
        return options.budget
    constants = [file.constants for file in (pair.harness, pair.script)]
    values = [known.get(name) for known in constants for name in _BUDGETS]
    values += [pair.script.settings.get(name.lower()) for name in _BUDGETS]
    found = budget_in(values, rules) or prose.budget
    if found is not None:
        return found
    remarks.assume(
        f"the training takes at most {ASSUMED_BUDGET:g} s: {pair.harness.name} states no {BUDGET} "
        "that can be read without running it",
        "--budget SECONDS",
    )
    return ASSUMED_BUDGET


def _data(harness: PythonFile) -> tuple[str, ...]:
    """Return the globs of the tokenizer and the validation shard; () unless the harness states the
    paths of both."""
    tokenizer, validation = harness.constants.get(TOKENIZER), _validation(harness)
    return (f"{tokenizer}/*", *validation) if isinstance(tokenizer, str) and validation else ()


def _validation(harness: PythonFile) -> tuple[str, ...]:
    """Return the path of the shard that only the evaluation reads; () unless the harness states its
    folder and its name."""
    known = harness.constants
    if not all(isinstance(known.get(name), str) for name in (DATA, VALIDATION)):
        return ()
    return (f"{known[DATA]}/{known[VALIDATION]}",)


def _level(
    script: PythonFile, harness: PythonFile, metric: str, remarks: Remarks
) -> Literal["supervised", "judged"]:
    """Return ``judged`` if a judge can score the model: the harness imports torch and defines all
    names of `INTERFACE`, which the judge calls; the metric's name ends with ``bpb``; and a model of
    the script can be asked for its logits. Else return ``supervised``; if the harness defines all
    names of `INTERFACE`, note in ``remarks`` why."""
    names = {getattr(node, "name", "") for node in harness.source.tree.body}
    if not names.issuperset(INTERFACE):
        return "supervised"
    why = ""
    if "torch" not in harness.source.imports:
        why = f"{harness.name} does not use torch"
    elif not metric.endswith("bpb"):
        why = f"a judge scores bits per byte, not {metric}"
    elif not _answers(script):
        why = f"the model of {script.name} gives no logits without targets"
    if why:
        remarks.note(f"a run can be supervised, and no judge can score it: {why}")
    return "supervised" if why else "judged"


def _answers(script: PythonFile) -> bool:
    """Return whether a model of the script seems to give logits without targets: of the methods
    ``forward`` and ``__call__`` of its classes, one has a default for its targets, or none takes
    targets. A model that is imported is not looked at."""
    classes = [node for node in script.source.tree.body if isinstance(node, ast.ClassDef)]
    methods = [node for one_class in classes for node in one_class.body]
    optional = [
        place >= len(node.args.args) - len(node.args.defaults)
        for node in methods
        if isinstance(node, ast.FunctionDef) and node.name in ("forward", "__call__")
        for place, parameter in enumerate(node.args.args)
        if parameter.arg in ("targets", "target", "y", "labels", "label")
    ]
    return not optional or any(optional)


def _device(script: PythonFile) -> Device:
    """Return "cuda" if the script passes the text "cuda" to a call, compares nothing with that text
    and never names ``is_available``, so that it needs a card; else "auto"."""
    return "cuda" if script.demands("cuda") and "is_available" not in script.names else "auto"


def pick_only(
    what: str,
    option: str,
    found: Iterable[str],
    where: str,
    options: InitOptions,
    *,
    hint: str = "",
) -> str:
    """Return the only candidate in ``found``, without repetitions, for the fact ``what`` of the
    experiment. If there is none or there are several, raise OuroError (AmbiguousError for several).

    The error gives the command of ``init`` that states the fact by ``option``: with the first of
    several candidates as its value; without a candidate with ``hint``, or the option's name in
    capitals if ``hint`` is "". ``where`` is the place that was searched.
    """
    found = list(dict.fromkeys(found))
    if not found:
        name = hint or option.removeprefix("--").upper()
        raise messages.nothing_found(what, where, options.call(option, name))
    if len(found) > 1:
        raise messages.several_found(what, where, found, options.call(option, found[0]))
    return found[0]
