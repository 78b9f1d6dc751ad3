"""Compute the sizes and digests of the editable code of a commit; compute those of recorded runs
again where they are in an older form."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import replace
from pytest_ouro.evidence.languages.code import Code, describe, version
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.engine import Case
    from pytest_ouro.evidence.git.client import Git
    from pytest_ouro.evidence.git.objects import Entry
    from pytest_ouro.evidence.records.run_record import StartedRun

    Run = TypeVar("Run", bound=StartedRun)


def files_at_head(case: Case) -> dict[str, str]:
    """Return a dict from the path of each editable file of the checked commit, relative to the
    repository's top, to git's id of its content; sorted by path, {} if there is none. Raise
    GitError or LimitError if the tree cannot be read."""
    return _choose(case, case.repository.head_tree)


def files_at(case: Case, commit: str) -> dict[str, str]:
    """Return the same as `files_at_head` for a recorded commit (full id), which another clone may
    have. Raise GitError if neither the repository nor the shared records have it."""
    return _choose(case, case.evidence.place.find_holder(commit).tree(commit))


def _choose(case: Case, tree: Mapping[str, Entry]) -> dict[str, str]:
    """Return git's id of the content of each editable file among the files of a commit."""
    globs = [case.bound.path(glob) for glob in case.experiment.editable]
    return {path: entry.blob for path, entry in sorted(tree.items()) if matches(path, globs)}


def describe_files(case: Case, files: Mapping[str, str], git: Git | None = None) -> Code:
    """Return the sizes and digests of editable code. ``files`` has git's id of the content of each
    file, by path relative to the repository's top; ``git`` is the repository that has the contents,
    None for that of the case. For {} the sizes are empty, and the digests those of no file.

    Raise GitError if git lacks one of the contents, OuroError if one is too large, or is Python in
    an encoding that is not read here.
    """
    experiment = case.experiment
    contents = (git or case.repository.git).blobs(files.values())
    blobs = dict(zip(files, contents, strict=True))
    script = case.bound.path(experiment.script) if experiment.script else ""
    return describe(blobs, script=script, loader=experiment.loader)


def describe_again(case: Case, run: Run) -> Run:
    """Return a recorded run with the sizes and digests of its code as they are computed now, so
    that it can be compared with present runs.

    The run is returned unchanged if its digests have the present form already; they have another
    one if, for example, another version of Python computed them. If git cannot read the files of
    the run, or the record names none, its digests and form become "" (equal to no other), its size
    0 and its sizes by kind {}.
    """
    if run.code_form == version(run.code):
        return run
    try:
        git = case.evidence.place.find_holder(run.commit)
        code = describe_files(case, run.code, git) if run.code else Code({}, "", "", "")
    except OuroError:
        code = Code({}, "", "", "")
    return replace(
        run,
        code_size=code.size,
        code_sizes=code.sizes,
        code_meaning=code.meaning,
        code_seedless=code.seedless,
        code_form=code.version,
    )
