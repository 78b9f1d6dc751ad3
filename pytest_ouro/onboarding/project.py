"""Find the experiment in an existing project: its script, its harness, its metric, its budget.

Files are parsed and never run. An option overrides what is found; a fact that is missing or
ambiguous is an error that names the option to give.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_ouro.bound.tables import YEAR, Experiment
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.schema import demand_relations
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.git.client import Git
from pytest_ouro.evidence.records import ledger
from pytest_ouro.experiment.terms.names import INTERFACE
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import phrases
from pytest_ouro.onboarding.source import PythonFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_ouro.bound.tables import Device

#: Constants of the harness (the batch: of the script) that state facts of the experiment.
BUDGET, BATCH, TOKENIZER, DATA, VALIDATION = (
    *("TIME_BUDGET", "TOTAL_BATCH_SIZE"),
    *("TOKENIZER_DIR", "DATA_DIR", "VAL_FILENAME"),
)
LOADER = "make_dataloader"
#: Seconds before the clock starts at the latest; compilation may take them.
WARMUP_SECONDS = 300.0

_EVALUATE = re.compile(r"eval(uate)?(_|$)")
_LOADERS = re.compile(r"(^|_)(data_?loader|loader|get_batch(es)?|batches)$")
#: Functions that return several loaders, where there is none of the others.
_SEVERAL = re.compile(r"(^|_)(data_?loaders|loaders|(get|load|make|build)_(data|datasets|splits))$")
_LEDGER = re.compile(r"[\w./-]*\w\.(?:tsv|csv|jsonl|ndjson)\b")
#: The file names of tables of results, where no rule names one.
_TABLE = re.compile(r".*(?:result|ledger|experiment|run|log).*\.(?:tsv|csv|jsonl|ndjson)")
_LOWER = {
    *("bpb", "bpc", "loss", "nll", "ppl", "perplexity", "error", "err", "rmse", "mae", "mse"),
    *("wer", "cer", "fid", "latency", "seconds", "time", "regret"),
}
_HIGHER = {
    *("accuracy", "acc", "f1", "auc", "score", "bleu", "rouge", "reward", "return", "recall"),
    *("precision", "iou", "map", "r2", "throughput", "winrate", "elo"),
}


@dataclass(frozen=True, kw_only=True)
class InitOptions:
    """The facts of the experiment that options give. An empty value ("", () or None) means that the
    fact is searched for in the project."""

    script: str = ""
    harness: str = ""
    evaluate: str = ""
    loader: str = ""
    metric: str = ""
    direction: Literal["", "lower", "higher"] = ""
    budget: float | None = None
    ledger: str = ""
    editable: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    device: Device | None = None


@dataclass(frozen=True)
class Project:
    """The experiment that was found, its name, and the files of its script and its harness."""

    name: str
    experiment: Experiment
    script: PythonFile
    harness: PythonFile


def find(folder: Path, top: Path, options: InitOptions, rules: Sequence[str] = ()) -> Project:
    """Return the experiment in ``folder`` of the repository at ``top``: each fact as ``options``
    give it, else as it is found in the project.

    ``rules`` are the words of the rules that people state. OuroError if a fact is missing or
    ambiguous, or if the facts make an experiment that bound.toml does not allow.
    """
    path = _script(folder, options)
    script = PythonFile.read(path, path.name)
    harness = _harness(path.parent, script, options)
    evaluate = _evaluate(script, harness, options)
    metric = options.metric or _metric(script, evaluate)
    table = options.ledger or _ledger(rules, path.parent, metric)
    tokens = _warmup_tokens(script)
    root = os.path.relpath(path.parent, folder)
    values: dict[str, Any] = {
        "root": "" if root == "." else root,
        "script": script.name,
        "python": _python(path.parent, top),
        "editable": options.editable or _editable(rules) or (script.name,),
        "allowed": ("run.log", table),
        "harness": harness.name,
        "evaluate": evaluate,
        "loader": options.loader or _loader(script, harness),
        "metric": metric,
        "direction": options.direction or _direction(metric, rules),
        "budget": _budget(harness, options, rules),
        "device": options.device or _device(script),
        "level": _level(harness),
        "ledger": table,
        "data": options.data or _data(harness),
        "validation": () if options.data else _validation(harness),
        "warmup_tokens": tokens,
        "warmup_seconds": WARMUP_SECONDS if tokens else 0.0,
    }
    try:
        experiment = Experiment(**values)
        demand_relations(experiment)
    except ValueError as error:
        raise messages.invalid_experiment(str(error)) from None
    for glob in options.editable:
        if not any(path.parent.glob(glob)):
            raise messages.nothing_editable(glob, path.parent)
    return Project(_name(path.parent, top), experiment, script, harness)


def _script(folder: Path, options: InitOptions) -> Path:
    """Return the path of the script: the one that the option names, else train.py, else the only
    script in ``folder`` that imports a harness. OuroError if the named file does not exist, or if
    no script does that, or several do."""
    if options.script:
        path = folder / options.script
        if not path.is_file():
            raise messages.no_such_file(options.script, folder, "--script FILE")
        return path
    if (folder / "train.py").is_file():
        return folder / "train.py"
    scripts = [path for path in sorted(folder.glob("*.py")) if _runs_a_harness(path)]
    names = [path.name for path in scripts]
    return folder / _one("script that imports a harness", "--script", names, str(folder))


def _runs_a_harness(path: Path) -> bool:
    """Return whether a script imports a harness; False if it is not Python."""
    try:
        return bool(_harnesses(path.parent, PythonFile.read(path, path.name)))
    except OuroError:
        return False


def _harness(folder: Path, script: PythonFile, options: InitOptions) -> PythonFile:
    """Return the harness: the file that the option names, else the only one that the script
    imports. Modules that define an evaluation are preferred. OuroError if there is none, or
    several."""
    if options.harness:
        return PythonFile.read(folder / options.harness, options.harness)
    found = _harnesses(folder, script)
    evaluating = [file for file in found if _evaluating(file)]
    names = [file.name for file in evaluating or found]
    name = _one("imported harness", "--harness", names, script.name)
    return next(file for file in found if file.name == name)


def _harnesses(folder: Path, script: PythonFile) -> list[PythonFile]:
    """Return the modules in ``folder`` that the script imports and that look like a harness.

    They define an evaluation, the usual loader or the usual budget. OuroError if any module there
    that the script imports cannot be parsed as Python.
    """
    found = []
    for module in sorted(script.source.imports):
        if (folder / f"{module}.py").is_file() and f"{module}.py" != script.name:
            file = PythonFile.read(folder / f"{module}.py", f"{module}.py")
            if _evaluating(file) or file.source.defines(LOADER) or file.source.defines(BUDGET):
                found.append(file)
    return found


def _evaluating(file: PythonFile) -> list[str]:
    """Return the functions of a file whose names are those of an evaluation."""
    return [name for name in file.functions if _EVALUATE.match(name)]


def _evaluate(script: PythonFile, harness: PythonFile, options: InitOptions) -> str:
    """Return the name of the harness's evaluation function: the one that the option names, else the
    only one by its name; of several, the only one that the script uses. OuroError if it cannot be
    found so."""
    if options.evaluate:
        if options.evaluate not in harness.functions:
            raise messages.no_such_function(harness.name, options.evaluate)
        return options.evaluate
    found = _evaluating(harness)
    return _one("evaluation function", "--evaluate", _used(found, script), harness.name)


def _loader(script: PythonFile, harness: PythonFile) -> str:
    """Return the name of the harness's function that yields training batches: ``make_dataloader``
    if it defines that, or nothing that looks like a loader; else the one that does, of several the
    only one that the script uses. OuroError if several are left."""
    found = [name for name in harness.functions if _LOADERS.search(name)] or [
        name for name in harness.functions if _SEVERAL.search(name) and name in script.names
    ]
    if LOADER in found or not found:
        return LOADER
    return _one("batch loader", "--loader", _used(found, script), harness.name)


def _used(names: list[str], script: PythonFile) -> list[str]:
    """Return those of the names that the script uses; all of them if it uses none."""
    return [name for name in names if name in script.names] or names


def _metric(script: PythonFile, evaluate: str) -> str:
    """Return the name of the metric: the label under which the script prints the result of the
    function ``evaluate``; else a printed label that ends with the function's name after its first
    ``_``; else the variable of the result. OuroError if nothing is found, or several."""
    results = script.results_of(evaluate)
    printed = [label for label, name in script.summary.items() if name in results]
    suffix = evaluate.partition("_")[2]
    alike = [label for label in script.summary if suffix and label.endswith(suffix)]
    return _one("printed metric", "--metric", printed or alike or results, script.name)


def _direction(metric: str, rules: Iterable[str]) -> str:
    """Return ``lower`` or ``higher``: as the rules say, or, if they say neither or both, by the
    words in the metric's name. OuroError if these do not decide it."""
    said = {words for rule in rules if (words := phrases.direction_of(rule))}
    if len(said) == 1:
        return said.pop()
    parts = set(re.split(r"[_\W]+", metric.lower()))
    if bool(parts & _LOWER) == bool(parts & _HIGHER):
        raise messages.unclear_direction(metric)
    return "lower" if parts & _LOWER else "higher"


def _budget(harness: PythonFile, options: InitOptions, rules: Iterable[str]) -> float:
    """Return the seconds of training: from the option, else from the harness's constant, else from
    the rules. OuroError if none of them states a budget, or if rules state different ones."""
    if options.budget is not None:
        return options.budget
    stated = harness.constants.get(BUDGET)
    if isinstance(stated, int | float) and not isinstance(stated, bool) and abs(stated) <= YEAR:
        return float(stated)
    said = {seconds for rule in rules if (seconds := phrases.budget_of(rule))}
    if len(said) != 1:
        raise messages.no_budget(harness.name, BUDGET)
    return said.pop()


def _editable(rules: Iterable[str]) -> tuple[str, ...]:
    """Return the only files that may change, by the first of the rules that names them; () if no
    rule does."""
    return next((files for rule in rules if (files := phrases.only_files(rule))), ())


def _ledger(rules: Iterable[str], folder: Path, metric: str) -> str:
    """Return the name of the table of results: the only one that the rules name, a file that ends
    in .tsv or can be read as a ledger; if they name none, the only ledger in the folder that git
    does not track; in every other case results.tsv."""
    named: set[str] = {name for rule in rules for name in _LEDGER.findall(rule)}
    sure = {name for name in named if name.endswith(".tsv") or _is_ledger(folder / name, metric)}
    if len(sure) == 1:
        return sure.pop()
    there = [path for path in folder.iterdir() if _TABLE.fullmatch(path.name.lower())]
    found = [path for path in there if _is_ledger(path, metric)]
    if found and not sure:
        git = Git.discover(folder)
        tracked = git.files(untracked=False)[0]
        found = [path for path in found if git.relative(path) not in tracked]
    return found[0].name if len(found) == 1 and not sure else "results.tsv"


def _is_ledger(path: Path, metric: str) -> bool:
    """Return whether a file can be read as a ledger with columns for commit, metric and status."""
    try:
        table = ledger.read(path, metric).table
    except OuroError:
        return False
    return table is not None and table.is_complete and table.columns.status is not None


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


def _level(harness: PythonFile) -> Literal["supervised", "judged"]:
    """Return ``judged`` if the harness defines every name that the judge needs, else
    ``supervised``."""
    names = {getattr(node, "name", "") for node in harness.source.tree.body}
    return "judged" if names.issuperset(INTERFACE) else "supervised"


def _warmup_tokens(script: PythonFile) -> int:
    """Return the number of tokens served before the clock starts: those of the steps that the
    script does not time, and of one batch fetched ahead; 0 if it times all steps or states no batch
    size."""
    batch = script.constants.get(BATCH)
    if not script.untimed_steps or not isinstance(batch, int):
        return 0
    return (script.untimed_steps + 1) * batch


def _device(script: PythonFile) -> Device:
    """Return "cuda" for a script that requires it and never checks whether it is available; else
    "auto"."""
    return "cuda" if script.demands("cuda") and "is_available" not in script.names else "auto"


def _python(root: Path, top: Path) -> tuple[str, ...]:
    """Return the words that start the interpreter: ``uv run --frozen python`` if there is a uv.lock
    in ``root`` or above, up to ``top``; else ``python``."""
    folders = (folder for folder in (root, *root.parents) if folder.is_relative_to(top))
    if any((folder / "uv.lock").is_file() for folder in folders):
        return ("uv", "run", "--frozen", "python")
    return ("python",)


def _name(root: Path, top: Path) -> str:
    """Return the project's name in pyproject.toml of ``root``; else the name of the repository's
    folder, or "experiment" if that has no name."""
    try:
        project = toml.loads((read_file(root / "pyproject.toml") or b"").decode())["project"]
        name = project["name"]
    except (ValueError, LookupError, TypeError):
        name = ""
    return name if isinstance(name, str) and name else top.name or "experiment"


def _one(what: str, option: str, found: Iterable[str], where: str) -> str:
    """Return the only candidate in ``found``. OuroError, with the option to give, if there is none
    or more than one."""
    found = list(dict.fromkeys(found))
    option = f"{option} {option.removeprefix('--').upper()}"
    if not found:
        raise messages.nothing_found(what, where, option)
    if len(found) > 1:
        raise messages.several_found(what, where, found, option)
    return found[0]
