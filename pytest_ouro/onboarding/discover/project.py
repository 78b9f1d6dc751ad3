"""Find the experiment in an existing project: what is run, what measures it, its metric.

Files are parsed and never run. An option overrides what is found. A fact that is missing or
ambiguous is an error that names the command to give instead.
"""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_ouro.core.errors import AmbiguousError, OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.core.schema import demand_relations
from pytest_ouro.evidence.content import read_file
from pytest_ouro.evidence.paths import BoundFolder, Glob, matches
from pytest_ouro.messages import project as messages
from pytest_ouro.onboarding.discover import command, script
from pytest_ouro.onboarding.discover.options import InitOptions as InitOptions
from pytest_ouro.onboarding.discover.options import Remarks
from pytest_ouro.onboarding.discover.prose import FILES, Prose
from pytest_ouro.onboarding.discover.prose import read as read_prose
from pytest_ouro.onboarding.discover.runnable import names_others, not_said
from pytest_ouro.onboarding.discover.words import find_name, opened
from pytest_ouro.onboarding.sources import code_in, tracked_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_ouro.bound.tables import Experiment
    from pytest_ouro.onboarding.discover.source import PythonFile


@dataclass(frozen=True)
class Project:
    """The experiment that was found, and its name.

    ``script`` and ``harness`` are the files of a training script; None for a command. ``fixed`` are
    the files that measure, or globs of such, relative to the experiment's folder. ``timed``: a run
    takes exactly its budget. ``remarks`` say what was assumed and what was not understood.
    ``manifests`` are further files of a command that may not change: they declare dependencies of
    other languages than Python. ``tracked`` are the paths of git's files, relative to the bound's
    folder.
    """

    name: str
    experiment: Experiment
    fixed: tuple[str, ...]
    timed: bool
    remarks: Remarks
    script: PythonFile | None = None
    harness: PythonFile | None = None
    manifests: tuple[str, ...] = ()
    tracked: tuple[str, ...] = ()

    def defines(self, name: str) -> bool:
        """Return whether the harness defines a name; False for a command, which has none."""
        return self.harness is not None and self.harness.source.defines(name)

    @property
    def serves(self) -> bool:
        """Whether the harness has the function that yields batches; False for a command."""
        return self.defines(self.experiment.loader)


def find(
    folder: Path,
    top: Path,
    options: InitOptions,
    rules: Sequence[str] = (),
    prose: Prose | None = None,
) -> Project:
    """Return the experiment in ``folder`` of the repository at ``top``. ``rules`` are the words of
    the rules that people state, ``prose`` is what the instructions for the agent state.

    An experiment is a training script with its harness, or else a command. A command is looked for
    at once if an option gives one, or if git tracks autoresearch.sh and no option names a script, a
    harness or an evaluation. Otherwise it is looked for if no script with a harness is found and no
    such option is given, or if the pair that was found is not what the experiment runs: the
    instructions name only commands of other files; the script is rather a benchmark of the module
    that was taken for its harness (`_measures_other`); the harness may be edited; or the script may
    not although other files may.

    OuroError if a fact is missing or ambiguous, or if bound.toml does not allow the experiment.
    """
    prose = prose or Prose()
    remarks = Remarks()
    tracked = tracked_in(folder)
    stated = {*options.editable, *prose.editable}
    chosen = options.script or options.harness or options.evaluate
    if options.command or ("autoresearch.sh" in tracked and not chosen):
        return _command(folder, top, options, rules, prose, remarks, tracked)
    try:
        pair = script.find_pair(folder, options, prose, tracked)
    except OuroError as error:
        if chosen:
            raise
        return _command(folder, top, options, rules, prose, remarks, tracked, instead=error)
    others = not chosen and names_others(pair.script.name, prose, tracked)
    measures = not chosen and _measures_other(pair.script, pair.harness)
    if (
        others
        or measures
        or pair.harness.name in stated
        or (pair.script.name in prose.fixed and stated)
    ):
        return _command(folder, top, options, rules, prose, remarks, tracked)
    if prose.file and prose.loops and pair.script.name not in prose.whole:
        remarks.note(
            f"{prose.file} does not name {pair.script.name}: is that what its experiments run? "
            "(--command WORDS says otherwise)"
        )
    found = script.facts(pair, rules, prose, options, remarks)
    root = pair.path.parent
    experiment = _placed(found, folder, root, top, options)
    return Project(
        find_name(root, top),
        experiment,
        fixed=(pair.harness.name,),
        timed=script.times(pair),
        remarks=remarks,
        script=pair.script,
        harness=pair.harness,
        tracked=tracked,
    )


def _command(
    folder: Path,
    top: Path,
    options: InitOptions,
    rules: Sequence[str],
    prose: Prose,
    remarks: Remarks,
    tracked: Sequence[str],
    instead: OuroError | None = None,
) -> Project:
    """Return the experiment that is one command. Assumptions and notes are added to ``remarks``.
    ``instead`` is the error by which no script with a harness was found, None if none was looked
    for.

    OuroError if there is no command, or if a fact about the command is missing. Without a command,
    ``instead`` itself is raised if it is an AmbiguousError.
    """
    python = _python(folder, top)
    found = command.find_command(folder, python, options, prose, tracked)
    if found is None:
        if isinstance(instead, AmbiguousError):
            raise instead
        if below := _below(folder, tracked):
            raise messages.experiment_below(folder, below, options.call())
        metric = () if options.metric else ("--metric", "NAME")
        call = options.call("--command", "PROGRAM ARGUMENT …", *metric)
        raise messages.no_experiment(folder, str(instead.message if instead else ""), call)
    if not options.command and (why := not_said(found.words, found.files, prose, tracked)):
        remarks.assume(why, "--command WORDS")
    stated = command.facts(found, folder, rules, prose, options, remarks, tracked)
    manifests = [path for path in _MANIFESTS if path in tracked]
    if not options.editable and (free := opened(manifests, prose)):
        both = dict.fromkeys((*stated.editable, *map(Glob, free)))
        stated = replace(stated, editable=tuple(both))
        remarks.assume(
            f"dependencies may change: the instructions name {free[0]}", "--editable GLOB"
        )
    experiment = _placed(stated, folder, folder, top, options)
    measuring = command.measuring(experiment, tracked, folder, prose)
    fixed = [path for path in measuring if not _may_change(path, experiment)]
    return Project(
        find_name(folder, top),
        experiment,
        fixed=tuple(fixed),
        timed=False,
        remarks=remarks,
        manifests=tuple(
            path for path in manifests if path not in fixed and not _may_change(path, experiment)
        ),
        tracked=tuple(tracked),
    )


def _below(folder: Path, tracked: Sequence[str]) -> list[str]:
    """Return the folders below ``folder`` that have both code and a file of instructions about an
    experiment; [] if there are none. The first `_MOST` files of instructions are read."""
    code = {posixpath.dirname(path) for path in code_in(tracked)}
    named = [path for path in tracked if "/" in path and posixpath.basename(path) in FILES]
    found = []
    for path in named[:_MOST]:
        text = (read_file(folder / path) or b"").decode(errors="replace")
        if posixpath.dirname(path) in code and read_prose(text, path).is_loop:
            found.append(posixpath.dirname(path))
    return list(dict.fromkeys(found))


def _measures_other(script: PythonFile, harness: PythonFile) -> bool:
    """Return whether a script measures the module that it imports, and not the module the script:
    the script's file name begins with a word such as ``bench``, the module's does not, and the
    module defines nothing that a harness does."""
    measuring = re.compile(r"(?:bench|score|eval|backtest|measure|judge)", re.IGNORECASE)
    is_harness = any(name.startswith("eval") for name in harness.functions) or any(
        map(harness.source.defines, ("make_dataloader", "TIME_BUDGET"))
    )
    stems = [posixpath.basename(file.name) for file in (script, harness)]
    return not is_harness and [bool(measuring.match(name)) for name in stems] == [True, False]


#: How many files of instructions below a folder are read.
_MOST = 20
#: Files that declare the dependencies of other languages than Python.
_MANIFESTS = (
    *("package.json", "package-lock.json", "Cargo.toml", "Cargo.lock", "go.mod", "go.sum"),
    *("Gemfile", "Gemfile.lock", "pom.xml", "build.gradle", "build.gradle.kts", "Project.toml"),
    *("Package.swift", "mix.exs", "composer.json", "build.zig.zon", "deno.json", "bun.lock"),
)


def _may_change(path: str, experiment: Experiment) -> bool:
    """Return whether a file may change in the course of the experiment, so that it cannot be
    frozen: it is editable, or a run writes it, such as the ledger. ``path`` is relative to the
    experiment's folder; nothing need exist there."""
    return matches(path, (*experiment.editable, *experiment.allowed))


def _placed(
    found: Experiment, folder: Path, root: Path, top: Path, options: InitOptions
) -> Experiment:
    """Return the experiment that was found, with its folder ``root`` and its interpreter;
    bound.toml lies in ``folder``. OuroError if bound.toml does not allow it, or if a glob of the
    option ``--editable`` matches no file."""
    place = os.path.relpath(root, folder)
    root_there = BoundFolder("" if place == "." else place)
    experiment = replace(found, root=root_there, python=_python(root, top))
    try:
        demand_relations(experiment)
    except ValueError as error:
        raise messages.invalid_experiment(str(error)) from None
    for glob in options.editable:
        if not any(root.glob(glob)):
            raise messages.nothing_editable(glob, root)
    return experiment


def _python(root: Path, top: Path) -> tuple[str, ...]:
    """Return the words that start the interpreter: by ``uv run --frozen`` if there is a uv.lock in
    the folder or above, up to ``top``; else ``python``."""
    folders = (folder for folder in (root, *root.parents) if folder.is_relative_to(top))
    if any((folder / "uv.lock").is_file() for folder in folders):
        return ("uv", "run", "--frozen", "python")
    return ("python",)
