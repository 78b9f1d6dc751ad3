"""Facts that rules, instructions and names state in words: direction, budget, ledger, files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_ouro.bound.tables import YEAR
from pytest_ouro.core.errors import OuroError
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.ledger import ledger
from pytest_ouro.evidence.ledger.metric_names import named_direction
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding import phrases
from pytest_ouro.onboarding.sources import tracked_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from pytest_ouro.core.metric import Direction
    from pytest_ouro.onboarding.discover.options import InitOptions, Remarks
    from pytest_ouro.onboarding.discover.prose import Prose

_LEDGER = re.compile(r"[\w./-]*\w\.(?:tsv|csv|jsonl|ndjson)\b")
#: The file names of tables of results, where no rule names one.
_TABLE = re.compile(r".*(?:result|ledger|experiment|run|log).*\.(?:tsv|csv|jsonl|ndjson)")
#: A table in a sentence, and words of one that has results written into it.
_SAID = re.compile(r"`((?!/|~|\.\.)[\w./-]*\w\.(?:tsv|csv|jsonl|ndjson|md))`")
_WRITES = re.compile(
    r"(?i)\b(?:append|log|record|write|add)s?\b.*\b(?:rows?|lines?|runs?|results?|experiments?|it|each"
    r"|every|entry|entries|to)\b"
)
#: The table of results where none is found, and the one beside a table that cannot take rows.
LEDGER, OWN_LEDGER = "results.tsv", "ouro-results.tsv"
#: Lock files that change with a manifest.
_LOCKS = {
    "package.json": ("package-lock.json", "bun.lock"),
    "Cargo.toml": ("Cargo.lock",),
    "go.mod": ("go.sum",),
    "Gemfile": ("Gemfile.lock",),
}
#: Words of a sentence that tells to change a file, and of one that forbids it.
_TELLS = re.compile(r"(?i)\b(?:add|update|bump|extend|edit|change|register|declare|depend)\w*\b")
_FORBIDS = re.compile(
    r"(?i)\b(?:not|never|no|cannot|without|avoid|forbidden|fixed|frozen|read-only)\b|n't\b"
)


def find_direction(
    metric: str, rules: Iterable[str], prose: Prose, options: InitOptions, remarks: Remarks
) -> Direction:
    """Return ``lower`` or ``higher``, as the option, else the rules, else the instructions say,
    else the words in the metric's name, which is an assumption that is added to ``remarks``. Rules
    that contradict each other do not count. OuroError if nothing decides it."""
    if options.direction:
        return options.direction
    said = set(map(phrases.direction_of, rules)) - {""}
    if len(said) == 1 and (only := said.pop()):
        return only
    named = named_direction(metric)
    if stated := prose.direction(metric):
        return stated
    if not named:
        raise messages.unclear_direction(
            metric, options.call("--direction", "lower"), options.call("--direction", "higher")
        )
    remarks.assume(f"{named} is better, by the name {metric}", "--direction")
    return named


def budget_in(constants: Iterable[Any], rules: Iterable[str]) -> float | None:
    """Return, in seconds, the first of the constants that can be a time of training (above 0, at
    most a year), else what the rules say; None if they say nothing, or several things."""
    for stated in constants:
        is_number = isinstance(stated, int | float) and not isinstance(stated, bool)
        if is_number and 0 < stated <= YEAR:
            return float(stated)
    said = {seconds for rule in rules if (seconds := phrases.budget_of(rule))}
    return said.pop() if len(said) == 1 else None


def editable_in(rules: Iterable[str]) -> tuple[str, ...]:
    """Return the files that the rules allow to change: those of the first rule such as "only
    train.py is modified" (`phrases.only_files`); () if there is no such rule."""
    return next((files for rule in rules if (files := phrases.only_files(rule))), ())


def opened(manifests: Sequence[str], prose: Prose) -> tuple[str, ...]:
    """Return those of ``manifests`` that an agent may change, in the same order; () if there are
    none. ``manifests`` are paths of files that declare dependencies, and of lock files.

    An agent may change a file that a sentence of the instructions names and tells it to change, if
    the sentence has no word such as "not" or "never"; and with that file its lock files in
    `_LOCKS`, as far as they are among ``manifests``.
    """
    stating = [
        sentence
        for sentence in phrases.sentences(prose.text)
        if _TELLS.search(sentence) and not _FORBIDS.search(sentence)
    ]
    named = {path for path in manifests if any(_names(path, sentence) for sentence in stating)}
    follow = {lock for path in named for lock in _LOCKS.get(path, ())}
    return tuple(path for path in manifests if path in named | follow)


def _names(path: str, sentence: str) -> bool:
    """Return whether a sentence contains a path as a word of its own, not as the end of a longer
    path."""
    return bool(re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", sentence))


def existing(paths: Iterable[str], tracked: Sequence[str]) -> tuple[str, ...]:
    """Return those of the paths, relative to the experiment's folder, that git tracks there, each
    once; () if there are none. A folder, also as ``data/*``, becomes ``data/**``; another glob
    stays if it matches a file."""
    found = []
    for path in paths:
        folder = f"{path.rstrip('/*')}/"
        if path in tracked:
            found.append(path)
        elif any(file.startswith(folder) for file in tracked):
            found.append(f"{folder}**")
        elif "*" in path and any(re.fullmatch(_glob(path), file) for file in tracked):
            found.append(path)
    return tuple(dict.fromkeys(found))


def _glob(path: str) -> str:
    """Return a regular expression of a glob, in which ``*`` stays within a folder and ``**`` does
    not."""
    return re.escape(path).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")


def find_ledger(
    rules: Iterable[str],
    folder: Path,
    metric: str,
    prose: Prose,
    options: InitOptions,
    remarks: Remarks,
) -> str:
    """Return the name of the table of results: the option's, as it is given; else the only table
    that the rules name and that ends with ``.tsv`` or can be read as a ledger. If the rules name no
    such table, it is the first that a sentence of the instructions has results written into, else
    the only untracked file in the folder with a usual name that can be read. Otherwise it is
    results.tsv.

    If git tracks the table, and no option gave it, return `OWN_LEDGER` instead and note that in
    ``remarks``. GitError if no option gives a name and there is no repository.
    """
    if options.ledger:
        return options.ledger
    tracked = tracked_in(folder)
    named: set[str] = {name for rule in rules for name in _LEDGER.findall(rule)}
    sure = {name for name in named if name.endswith(".tsv") or _is_ledger(folder / name, metric)}
    if len(sure) == 1:
        return _own_if_unfit(sure.pop(), folder, metric, tracked, options, remarks)
    if not sure and (said := _said_ledger(folder, metric, prose)):
        return _own_if_unfit(said, folder, metric, tracked, options, remarks)
    there = [path for path in folder.iterdir() if _TABLE.fullmatch(path.name.lower())]
    found = [path.name for path in there if _is_ledger(path, metric) and path.name not in tracked]
    if len(found) == 1 and not sure:
        return found[0]
    return _own_if_unfit(LEDGER, folder, metric, tracked, options, remarks)


def _said_ledger(folder: Path, metric: str, prose: Prose) -> str:
    """Return the first table of results in which a sentence of the instructions has rows written:
    its folder exists, it is absent or can be read as a ledger, and it is neither editable nor the
    file of instructions. "" if there is none."""
    for sentence in phrases.sentences(prose.text):
        names: list[str] = _SAID.findall(sentence) if _WRITES.search(sentence) else []
        for name in names:
            path = folder / name
            free = not path.exists() and path.parent.is_dir()
            if name not in (prose.file, *prose.editable) and (free or _is_ledger(path, metric)):
                return name
    return ""


def _own_if_unfit(
    name: str,
    folder: Path,
    metric: str,
    tracked: Collection[str],
    options: InitOptions,
    remarks: Remarks,
) -> str:
    """Return ``name``, the name of a table, if git does not track it. If it does, a reset of the
    branch would remove rows: return `OWN_LEDGER`, and note that in ``remarks``."""
    if name not in tracked:
        return name
    remarks.note(
        f"{name} is in git, where a reset takes rows back, so it stays as it is, and the rows of "
        f"runs go to {OWN_LEDGER}; to go on in {name}: git rm --cached {name} && git commit -m "
        f"'Untrack {name}' && {options.call('--force', '--ledger', name)}"
    )
    return OWN_LEDGER


def _is_ledger(path: Path, metric: str) -> bool:
    """Return whether the file exists and can be read as a ledger with columns for the commit, the
    metric and the status."""
    try:
        table = ledger.read(path, metric).table
    except OuroError:
        return False
    return table is not None and table.is_complete and table.columns.status is not None


def find_name(root: Path, top: Path) -> str:
    """Return the project's name in pyproject.toml of the folder ``root``; else the name of the
    repository's folder ``top``, or ``experiment`` if that is the root of the file system."""
    try:
        table = toml.loads((read_file(root / "pyproject.toml") or b"").decode())
        name = toml.table(table["project"])["name"]
    except (ValueError, LookupError, TypeError):
        name = ""
    return name if isinstance(name, str) and name else top.name or "experiment"
