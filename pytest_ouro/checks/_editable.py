"""Find the editable Python files that differ from trust, that have become links, or that are
gone."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_ouro.checks._remedy import command_for
from pytest_ouro.core import limits
from pytest_ouro.core.escape import quoted
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding
from pytest_ouro.evidence.content import on_disk
from pytest_ouro.evidence.paths import matching
from pytest_ouro.evidence.python.source_encoding import demand_readable
from pytest_ouro.messages import checks as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_ouro.core.errors import OuroError
    from pytest_ouro.evidence.evidence import Evidence
    from pytest_ouro.evidence.python.source import Source
    from pytest_ouro.evidence.repository import Place


#: The modes of links and submodules.
_LINKS = ("120000", "160000")


@dataclass(frozen=True)
class ChangedScript:
    """One editable script that differs from trust in a checked place. ``path`` is from the
    repository's top. ``trusted`` is its bytes in the trusted commit, None if that lacks it or a
    blessing is not committed yet. ``now`` maps each checked place (commit, index, working tree) to
    its bytes there, None for an absent file."""

    path: str
    trusted: bytes | None
    now: Mapping[Place, bytes | None]

    @property
    def versions(self) -> list[bytes]:
        """The present bytes that differ from the trusted ones, each once, in the order commit,
        index, working tree. Places where the file is absent add nothing."""
        return [d for d in dict.fromkeys(self.now.values()) if d not in (None, self.trusted)]


def changed_scripts(evidence: Evidence) -> Iterator[ChangedScript]:
    """Yield each editable Python script of the index that has other bytes than in the trusted
    commit in a checked place (commit, index or working tree). A script without trusted bytes
    (`ChangedScript.trusted` is None) counts as changed.

    Links, submodules, and scripts whose only change is that they were deleted are left out.
    LimitError if a script is too large.
    """
    paths = scripts(evidence, evidence.repository.index)
    for path, contents in evidence.repository.contents(paths, limit=limits.SCRIPT).items():
        script = ChangedScript(path, evidence.trust.before(path), contents)
        if script.versions and not is_link(evidence, path):
            yield script


def linked_scripts(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding for each editable Python script of the index that is a link or a submodule in
    a checked place, unless it was one in the trusted commit."""
    trust = evidence.trust
    for path in scripts(evidence, evidence.repository.index):
        if is_link(evidence, path):
            entry = trust.git.tree(trust.commit).get(path) if trust.commit else None
            if entry is None or entry.mode not in _LINKS:
                yield report_link(path)


def scripts(evidence: Evidence, paths: Iterable[str]) -> list[str]:
    """Return those of ``paths``, relative to the repository's top, that are editable and Python, in
    their order: their names end in ``.py``, or they are the script of the experiment, whatever its
    name."""
    layout = evidence.layout
    script = layout.path(layout.script) if layout.script else ""
    editable = matching(paths, layout.editable_globs)
    return [path for path in editable if path.endswith(".py") or path == script]


def is_python(evidence: Evidence) -> bool:
    """Return whether there is Python to check: the bound names a script, or one of the editable
    files in the index or in the trusted commit is Python."""
    places = (evidence.repository.index, evidence.trust.committed)
    return bool(evidence.layout.script) or any(scripts(evidence, paths) for paths in places)


def parse(evidence: Evidence, path: str, data: bytes) -> Source:
    """Return ``data``, a version of the script at ``path``, as parsed source. OuroError if it is
    too large or too deeply nested, declares an encoding that pytest-ouro does not read, or if this
    Python cannot parse it."""
    from pytest_ouro.evidence.python.source import decode, source

    demand_readable(data, path)
    try:
        parsed = source(decode(data, strict=True, path=path))
        parsed.tree  # noqa: B018 - parse it here
    except SyntaxError as error:
        raise _unreadable(evidence, path, error) from None
    except RecursionError:
        raise messages.nested_script(path) from None
    return parsed


def _unreadable(evidence: Evidence, path: str, error: SyntaxError) -> OuroError:
    """Return the error that this Python cannot parse the script at ``path``. It names the checked
    commit only if that is an earlier one of a history."""
    repository = evidence.repository
    earlier = repository.head if repository.tip else ""
    return messages.unreadable_script(
        f"{path}:{error.lineno or 1}" + (f" of commit {earlier:.7}" if earlier else ""),
        f"{sys.version_info[0]}.{sys.version_info[1]}",
        error.msg,
        gate_command(evidence),
        earlier,
    )


def gate_command(evidence: Evidence) -> str:
    """Return the shell command that runs the gate again on what is checked (working tree, index or
    commit) by the project's Python. It is to be run where pytest-ouro was called."""
    repository, layout = evidence.repository, evidence.layout
    head, trust = repository.tip or repository.head, evidence.trust.commit
    options = {
        "working tree": "",
        "index": " --staged",
        "commit": f" --head {head:.12} --trust {trust:.12}",
    }[repository.subject]
    root = repository.git.word(layout.root or ".")
    folder = f"cd {root} && " if root != "." else ""
    return f"{folder}{' '.join(map(quoted, layout.python))} -I -m pytest_ouro gate{options}"


def missing(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding for each wanted file that is gone: from the commit if one is checked, else
    from the index or, if the working tree is checked, from the working tree. Wanted are the script,
    and the editable files that are named without a wildcard and are in the trusted commit.

    Nothing is yielded for an earlier commit of a history that is checked commit by commit. A
    submodule, and a file with skip-worktree, are not looked for in the working tree.
    """
    layout, repository = evidence.layout, evidence.repository
    if repository.tip:
        return  # an earlier commit: a later one may have put it back
    named = [name for name in (layout.script, *layout.editable) if not set("*?") & set(name)]
    wanted = {layout.path(name) for name in named if name and not name.endswith("/")}
    wanted &= {*evidence.trust.committed, layout.path(layout.script)}
    for path in sorted(wanted):
        entry = repository.index.get(path)
        if entry is None:
            place = repository.subject if repository.subject == "commit" else "index"
            yield _report_gone(evidence, path, place)
        elif repository.subject == "working tree" and not (
            entry.skip
            or entry.is_submodule
            or os.path.isfile(f"{repository.git.top}/{path}")  # noqa: PTH113 - cheaper
            or on_disk(f"{repository.git.top}/{path}")
        ):
            yield _report_gone(evidence, path, "working tree")


def _report_gone(evidence: Evidence, path: str, place: str) -> Finding:
    """Return the finding that a wanted file is gone from ``place``. Its help is the command that
    restores the file from HEAD. If HEAD lacks the file because a commit since trust deleted it, the
    command takes the file from the parent of the last such commit."""
    repository = evidence.repository
    deleted = [c for c in repository.committed if c.path == path and c.kind == "deleted"]
    commit = deleted[-1].commit if deleted and path not in repository.head_tree else None
    source = f"{commit.id[:7]}~1" if commit else "HEAD"
    then = ", then git commit" if commit else ""
    return Finding(
        f"{path} is gone: there is nothing to run",
        where=f"deleted in: {commit or f'the {place}'}",
        help=command_for(repository, f"git checkout {source} --", [path]) + then,
        facts={"path": path},
        paths=(path,),
    )


def is_link(evidence: Evidence, path: str) -> bool:
    """Return whether the file at ``path``, relative to the repository's top, is a link or a
    submodule in the commit or the index, or a link in the working tree if that is checked. False if
    it is absent."""
    repository = evidence.repository
    modes = [tree[path].mode for tree in (repository.head_tree, repository.index) if path in tree]
    if any(mode in _LINKS for mode in modes):
        return True
    return repository.subject == "working tree" and (repository.git.top / path).is_symlink()


def report_link(path: str) -> Finding:
    """Return the finding that the editable file at ``path`` is a link or a submodule, so that what
    would run is not what is committed."""
    return Finding(
        f"{path} is a link: what would run is not what is committed",
        where="its mode is that of a link or of a submodule",
        help=f"put the code itself into {path}",
        facts={"path": path},
        paths=(path,),
    )
