"""Infer the layout of an audited loop, as ``init`` would write it, and the rules that follow."""

from __future__ import annotations

import contextlib
import posixpath
import re
from typing import TYPE_CHECKING

from pytest_ouro.audit.inference.layout import Layout, assume_layout, why_frozen
from pytest_ouro.audit.inference.snapshot import snapshot
from pytest_ouro.audit.inference.usual import usual_files
from pytest_ouro.audit.result import Inference
from pytest_ouro.bound import read as bounds
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.languages import surface
from pytest_ouro.evidence.languages.kinds import is_code
from pytest_ouro.evidence.paths import Glob, join, matches
from pytest_ouro.onboarding import autoresearch, document
from pytest_ouro.onboarding.discover import project as discover
from pytest_ouro.onboarding.discover.options import InitOptions
from pytest_ouro.onboarding.discover.prose import Prose
from pytest_ouro.onboarding.recognise import unique
from pytest_ouro.onboarding.stated import context_of, find_prose, find_section, preset_rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_ouro.audit.options import Options
    from pytest_ouro.bound.read import Bound
    from pytest_ouro.evidence.git.client import Git

#: How many other texts of a folder are read, if none has a usual name.
_NOTES = 20
#: Files for agents in general, which may be about the loop as well.
_AGENT_FILES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")


def infer_layout(
    git: Git,
    start: str,
    work: Sequence[tuple[str, ...]],
    ledger: str,
    options: Options,
    metric: str,
    folder: str = "",
) -> Layout:
    """Return the layout of the loop that starts from the commit ``start`` (full id). ``work`` are
    the files that each commit of an experiment changes, ``ledger`` the path of the table,
    ``metric`` the name of its metric ("": not known yet), ``folder`` that which is audited, from
    the repository's top. If the commit cannot be read, the layout is assumed (`assume_layout`)."""
    usual = usual_files(work, ledger)
    try:
        with snapshot(git, start) as top:
            return _read(top, folder, usual, ledger, options, metric)
    except OuroError as error:
        return assume_layout(
            usual,
            options,
            Prose(),
            f"the files of {start[:7]} cannot be read: {error.message}",
            metric,
            ledger,
        )


def _read(
    top: Path,
    within: str,
    usual: tuple[str, ...],
    ledger: str,
    options: Options,
    metric: str,
) -> Layout:
    """Return the layout of the project whose files at the start of the loop lie at ``top``, and of
    which the folder ``within`` is audited: as its bound.toml states it, unless that has faults,
    else as ``init`` discovers it in one of its folders (`_folders`), else assumed from the options,
    the instructions and the ``usual`` files."""
    with contextlib.suppress(OuroError):
        if stated := _stated(top, within):
            return stated
    folders = [top / one for one in _folders(within, ledger, usual)]
    faults: list[str] = []
    prose = Prose()
    for folder in folders:
        if not folder.is_dir():
            continue
        found_prose = _prose(folder, top)
        prose = prose if prose.file else _place(found_prose, folder, top)
        for attempt in _attempts(found_prose, usual, ledger, options, metric, folder, top):
            try:
                return _discovered(folder, top, attempt, found_prose, usual, options)
            except (OuroError, ValueError, RecursionError) as error:
                faults.append(str(getattr(error, "message", error)).replace(str(top), "it"))
    why = faults[0] if faults else "the project states nothing"
    return assume_layout(usual, options, prose, why, metric, ledger, _printing(top, metric, usual))


def _printing(top: Path, metric: str, usual: Sequence[str]) -> tuple[str, ...]:
    """Return the files of code, from the top, that print the metric under its name, without those
    that experiments usually change; () if there are more than two, or no metric is known."""
    found = []
    for path in sorted(top.rglob("*")) if metric else ():
        name = path.relative_to(top).as_posix()
        if name.startswith(".git/") or name in usual or not is_code(name) or not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        label = re.compile(rf"(?<!\w){re.escape(metric)}[\"'`]?[ \t]*[:=]")
        if any(label.search(line) and surface.prints(line) for line in lines):
            found.append(name)
    return tuple(found) if len(found) <= 2 else ()


def _folders(within: str, ledger: str, usual: Sequence[str]) -> list[str]:
    """Return the folders, from the top, in which the project may be: the one that is audited, the
    top, then those around the ledger, and those around all that experiments usually change, each
    from the innermost out."""
    places = [posixpath.dirname(ledger), posixpath.commonpath(usual or ("",))]
    above = []
    for place in places:
        while place:
            above.append(place)
            place = posixpath.dirname(place)
    return list(dict.fromkeys([within, "", *above]))


def _prose(folder: Path, top: Path) -> Prose:
    """Return what the instructions of a project state about its loop; an empty one if there are
    none that can be read.

    They are those that ``init`` reads or, if these say too little, a file for agents in general,
    README.md or another Markdown file that says more.
    """
    found = Prose()
    for name in (None, *_AGENT_FILES):
        with contextlib.suppress(OuroError, OSError):
            said = find_prose(folder, top, name)
            if said.editable and (name is None or said.metrics or said.fixed):
                return said
            found = found if found.file or name else said
    with contextlib.suppress(OuroError, OSError):
        readme = find_prose(folder, top, "README.md")
        if not found.file and readme.fixed and (readme.metrics or readme.direction("")):
            return readme
    for path in sorted(folder.glob("*.md"))[:_NOTES] if not found.fixed else ():
        with contextlib.suppress(OuroError, OSError):
            said = find_prose(folder, top, path.name)
            if said.editable and said.fixed and (said.metrics or said.direction("")):
                return said
    return found


def _place(prose: Prose, folder: Path, top: Path) -> Prose:
    """Return what the instructions state, with the paths of files from ``top`` in place of those
    from ``folder``; unchanged if the instructions do not lie in ``folder``."""
    import dataclasses

    if folder == top or not (folder / prose.file).is_file():
        return prose
    prefix = folder.relative_to(top).as_posix()
    return dataclasses.replace(
        prose,
        file=posixpath.join(prefix, prose.file),
        editable=tuple(posixpath.join(prefix, path) for path in prose.editable),
        fixed=tuple(posixpath.join(prefix, path) for path in prose.fixed),
    )


def _stated(top: Path, within: str) -> Layout | None:
    """Return the layout of the bound.toml in the folder that is audited, of the one at the top, or
    of the only one below the folder; None if there is none. Raise OuroError if it has faults."""
    places = [top / within / bounds.NAME, top / bounds.NAME]
    below = sorted((top / within).rglob(bounds.NAME))
    places += below if len(below) == 1 else []
    place = next((one for one in places if one.is_file()), None)
    if place is None:
        return None
    name = place.relative_to(top).as_posix()
    bound = bounds.read(place.read_bytes(), name)
    experiment = bound.experiment
    frozen = [g for rule in bound.rules for g in rule.checker.protects(bound.layout).frozen]
    why = f"{name} states it"
    return Layout(
        tuple(bound.layout.editable_globs),
        tuple(dict.fromkeys(frozen)),
        True,
        bound,
        experiment.metric,
        experiment.direction,
        (experiment.metric,),
        (
            Inference("editable", ", ".join(bound.layout.editable_globs), why),
            Inference(
                "harness", experiment.harness and join(bound.layout.root, experiment.harness), why
            ),
            Inference("budget", f"{experiment.budget:g} s", why),
        ),
        Prose(),
        experiment.budget,
    )


def _attempts(
    prose: Prose,
    usual: tuple[str, ...],
    ledger: str,
    options: Options,
    metric: str,
    folder: Path,
    top: Path,
) -> list[InitOptions]:
    """Return the sets of options with which ``init`` is tried, in order, until it finds an
    experiment. The first has only what the audit's options give, and the ledger's name; each
    further one prescribes more: the inferred metric, then a direction, then the files that
    experiments usually change."""
    here = posixpath.relpath(folder.relative_to(top).as_posix(), ".")
    prefix = "" if here == "." else f"{here}/"

    def local(paths: Sequence[str]) -> tuple[str, ...]:
        """Take paths or globs from the repository's top. Return those below ``folder``, in which
        ``init`` is tried, as paths from ``folder``; leave out the others."""
        return tuple(path.removeprefix(prefix) for path in paths if path.startswith(prefix))

    given = InitOptions(
        ledger=posixpath.basename(ledger) or "results.tsv",
        metric=options.metric,
        direction=options.direction,
        editable=local(options.editable),
        harness=options.harness[0] if options.harness else "",
    )
    with_metric = replace_options(given, metric=given.metric or metric)
    both = replace_options(with_metric, direction=given.direction or "lower")
    free = replace_options(both, editable=given.editable or local(usual)) if usual else both
    return list(dict.fromkeys((given, with_metric, both, free)))


def replace_options(options: InitOptions, **changes: object) -> InitOptions:
    """Return a copy of the options with the fields in ``changes`` set to the values there."""
    import dataclasses

    return dataclasses.replace(options, **changes)  # type: ignore[arg-type]


def _discovered(
    folder: Path,
    top: Path,
    asked: InitOptions,
    prose: Prose,
    usual: tuple[str, ...],
    options: Options,
) -> Layout:
    """Return the layout of the experiment that ``init``, called with the options ``asked``, finds.
    If nothing states the editable files, the ``usual`` ones are editable too, without those that
    measure. Raise OuroError if it finds none."""
    section = None
    with contextlib.suppress(OuroError, OSError):
        section = find_section(folder, top, None)
    words = [bullet.words for bullet in section.bullets] if section else []
    found = discover.find(folder, top, asked, words, prose)
    prefix = "" if folder == top else folder.relative_to(top).as_posix()
    experiment = found.experiment
    root = join(prefix, experiment.root) if experiment.root else prefix
    said = bool(asked.editable and options.editable) or bool(prose.editable) or _only_rule(words)
    own = tuple(join(root, glob) for glob in experiment.editable)
    extra = (
        ()
        if said
        else tuple(
            p for p in usual if not matches(p, own) and p not in _frozen(found, root, options)
        )
    )
    editable = (*own, *extra)
    frozen = tuple(p for p in _frozen(found, root, options) if not matches(p, editable))
    bound = _bound(found, folder, top, prose, editable, root, prefix)
    place = prose.file or (section.file if section else "")
    why = f"named by {place}" if said and not options.editable else "changed by most experiments"
    if options.editable:
        why = "given by --editable"
    elif not said and not usual:
        why = "it is the script that runs"
    guessed = any("takes at most" in words for words in found.remarks.assumed)
    budget = None if guessed else experiment.budget
    return Layout(
        editable,
        frozen,
        said,
        bound,
        experiment.metric,
        prose.direction(experiment.metric) if prose.file else "",
        prose.metrics,
        (
            Inference("editable", ", ".join(editable), why),
            Inference("harness", ", ".join(frozen), why_frozen(options, frozen)),
            Inference(
                "budget",
                f"{budget:g} s" if budget else "",
                "a constant or the instructions state it" if budget else "nothing states it",
            ),
        ),
        _place(prose, folder, top),
        budget,
        _named(found, root, prose, options),
    )


def _only_rule(words: Sequence[str]) -> bool:
    """Return whether one of the rules, given by their words, names the only files that may
    change."""
    from pytest_ouro.onboarding.discover.words import editable_in

    return bool(editable_in(words))


def _named(found: discover.Project, root: str, prose: Prose, options: Options) -> tuple[str, ...]:
    """Return the files that an option, the instructions or the script's import names as what
    measures, from the repository's top; folders that the instructions name are left out."""
    own = [path for path in prose.fixed if path in found.tracked]  # a folder is less sure
    own += [found.harness.name] if found.harness else []
    return (*options.harness, *(join(root, path) for path in own))


def _frozen(found: discover.Project, root: str, options: Options) -> tuple[str, ...]:
    """Return the files that measure, from the repository's top."""
    named = tuple(options.harness)
    return tuple(dict.fromkeys((*named, *(join(root, path) for path in found.fixed))))


def _bound(
    found: discover.Project,
    folder: Path,
    top: Path,
    prose: Prose,
    editable: tuple[str, ...],
    root: str,
    prefix: str,
) -> Bound | None:
    """Return the rules of the project as a bound in which the paths ``editable``, from the
    repository's top, are the editable files; None if they cannot be made into a bound."""
    from pytest_ouro.evidence.git.client import Git

    own = tuple(posixpath.relpath(path, root or ".") for path in editable)
    found = _with_editable(found, own)
    git = Git.discover(top)
    for attempt in (True, False):
        try:
            statements = (
                preset_rules(found, context_of(found, git, folder), prose)
                if attempt
                else autoresearch.statements(
                    found.experiment,
                    fixed=found.fixed,
                    serves=found.serves,
                    timed=found.timed,
                    manifests=found.manifests,
                )
            )
            text = document.text(found.name, found.experiment, unique(statements))
            return bounds.parse(text, folder=prefix)
        except (OuroError, ValueError, OSError):
            continue
    return None


def _with_editable(found: discover.Project, editable: tuple[str, ...]) -> discover.Project:
    """Return the project with these editable files in place of its own."""
    import dataclasses

    experiment = replace(found.experiment, editable=tuple(map(Glob, editable)))
    return dataclasses.replace(found, experiment=experiment)
