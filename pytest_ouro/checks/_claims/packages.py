"""What `dependencies` owns in languages other than Python: packages that a commit newly declares,
loads or installs."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_ouro.checks._claims import Claimed
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.finding import Finding, several
from pytest_ouro.evidence.dependencies import FOREIGN
from pytest_ouro.evidence.languages import packages
from pytest_ouro.evidence.languages.kinds import is_code
from pytest_ouro.evidence.paths import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ouro.evidence.claims.claims import Claims
    from pytest_ouro.evidence.claims.commits import Step


#: What a new line of code has if it loads or installs a package.
_TELLING = re.compile(
    r"\b(?:import|require\w*|using|library|from|install\w*|add|get|EXTENSION|cpanm?)\b|::|[\"']"
)


def judge(claims: Claims) -> Iterator[Claimed]:
    """Yield a finding for each commit of the loop that declares a package in a manifest which had
    none of that name before, loads one in editable code that no manifest of the start declares, or
    has a command that installs packages: an error if the commit was kept (`Claims.is_kept`)."""
    project = _Project(claims)
    for step in claims.loop.steps:
        if len(step.parents) != 1:
            continue
        found: dict[str, str] = {}
        for path in claims.loop.history.changes(step):
            for package in project.new_in(step, path):
                found.setdefault(package, path)
        if found:
            kept = claims.is_kept(step.id)
            yield Claimed(
                "dependencies",
                Finding(
                    f"{several(sorted(set(found.values())))}: adds {several(sorted(found))}",
                    where=str(step) + (", which was kept" if kept else ""),
                    help="measure again with the packages that were declared at the start",
                    facts={"path": next(iter(found.values())), "packages": len(found)},
                    warns=not kept,
                    paths=tuple(sorted(set(found.values()))),
                ),
                (step.id,),
            )


class _Project:
    """The packages of a project as its loop starts."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def new_in(self, step: Step, path: str) -> set[str]:
        """Return the packages, or the commands that install some, that a file has after a commit,
        and had neither before it nor as the loop starts; the empty set if the file is neither a
        manifest nor editable code. Packages that code loads and a manifest of the start declares
        are not among them."""
        claims = self._claims
        manifest = posixpath.basename(path) in FOREIGN
        code = is_code(path) and matches(path, claims.editable)
        if not (manifest or code):
            return set()
        new = claims.edit(step.parent, step.id, path).added
        if not manifest and not _TELLING.search(new):
            return set()
        texts = [claims.text(commit, path) for commit in (claims.loop.start, step.parent, step.id)]
        if manifest:
            known = [packages.declared(path, text) or set() for text in texts[:2] if text]
            return (packages.declared(path, texts[2]) or set()) - set().union(*known)
        installs = [packages.installs(path, text) for text in texts]
        loads = [packages.loaded(path, text) for text in texts]
        loaded = loads[2] - loads[1] - loads[0]
        return (installs[2] - installs[1] - installs[0]) | {
            name for name in loaded if not self._is_known(name)
        }

    def _is_known(self, package: str) -> bool:
        """Return whether a manifest of the start declares a package, or it is of the project
        itself."""
        first = package.split("/")[0]
        return packages.is_declared(package, self._declared) or first in self._own

    @cached_property
    def _paths(self) -> list[str]:
        """The files of the start; [] if they cannot be read."""
        loop = self._claims.loop
        try:
            return list(loop.history.git.tree(loop.start)) if loop.start else []
        except OuroError:
            return []

    @cached_property
    def _declared(self) -> set[str]:
        """The names of the packages that the manifests of the start, 50 at most, declare, and of
        the project's own modules of Go."""
        found: set[str] = set()
        for path in [p for p in self._paths if posixpath.basename(p) in FOREIGN][:50]:
            text = self._claims.text(self._claims.loop.start, path)
            found |= packages.declared(path, text) or set()
            if path.endswith("go.mod"):
                found |= {packages.own_module(text)} - {""}
        return found

    @cached_property
    def _own(self) -> set[str]:
        """The names of the files of code and of the folders that they are in, with and without
        their endings, and the prefixes ``@``, ``~`` and ``#`` of own modules."""
        names = {part for path in self._paths if is_code(path) for part in path.split("/")}
        return names | {posixpath.splitext(name)[0] for name in names} | {"@", "~", "#"}
