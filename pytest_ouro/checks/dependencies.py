"""``dependencies``: no package was added to those declared, locked, imported and installed."""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_ouro.checks import Check, Protection
from pytest_ouro.checks._editable import changed_scripts, is_python, linked_scripts, parse
from pytest_ouro.checks._remedy import or_drop, places, undo_command
from pytest_ouro.core.errors import OuroError
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.core.finding import Finding, several
from pytest_ouro.core.schema import FILLED, NAME, option
from pytest_ouro.evidence.content import has_digest
from pytest_ouro.evidence.dependencies import (
    dependency_globs,
    in_script,
    provided,
    statements,
)
from pytest_ouro.evidence.paths import matching
from pytest_ouro.evidence.python.installed import normal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ouro.checks._editable import ChangedScript
    from pytest_ouro.evidence.dependencies import DependencyFile
    from pytest_ouro.evidence.evidence import Evidence, Layout
    from pytest_ouro.evidence.repository import Change

#: The distributions of modules that have another name.
_MODULES = {
    "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "flash_attn_interface": "flash-attn-3", "git": "gitpython", "google": "protobuf",
    "mpl_toolkits": "matplotlib", "PIL": "pillow", "skimage": "scikit-image",
    "sklearn": "scikit-learn", "yaml": "pyyaml",
}  # fmt: skip
#: Words at the end of a name that tell builds of one distribution apart: ``faiss-gpu-cu12``.
_BUILDS = r"(-(gpu|cpu|cu\d+|cuda\d*x?|rocm\d*|headless|binary|nightly))+\Z"


@dataclass(frozen=True, kw_only=True)
class Dependencies(Check):
    """No dependency was added, removed or changed since trust. Manifests and locks state the same
    packages. A script imports a further package only from the standard library, a trusted manifest
    or lock, the experiment's folder, or ``modules``, and loads a further kernel by name only from
    ``kernels``. A package that is installed in the project's ``.venv`` and that no trusted lock
    names only warns."""

    modules: tuple[str, ...] = option(
        "may be imported although no trusted file provides them",
        default=(),
        pattern=NAME,
    )
    kernels: tuple[str, ...] = option(
        "repositories of the hub whose kernels may be loaded by name",
        default=(),
        pattern=FILLED,
    )

    def skipped(self, evidence: Evidence) -> str:
        """Return why nothing is judged; "" if the rule is applied. It is applied if there is a
        script or an editable Python file. Without these it is applied only if all dependency files
        of the project are Python's, and there is one: this check cannot judge a project in another
        language."""
        foreign = evidence.foreign_dependency_files
        if is_python(evidence) or (evidence.dependency_files and not foreign):
            return ""
        which = several(foreign) if foreign else "no file of dependencies"
        return f"not judged: this check knows Python's dependencies alone, and here is {which}"

    def findings(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about dependency files of other languages, about those of Python,
        about imports and kernels, and about the packages installed, in this order. OuroError if a
        file cannot be read or parsed."""
        yield from _foreign_changes(evidence)
        for file in evidence.dependency_files:
            yield from _declared(evidence, file)
        yield from self._imported(evidence)
        yield from _installed(evidence)

    def trusted_paths(self, evidence: Evidence) -> list[str]:
        """Return the dependency files of Python that are in the index; [] if there are none."""
        index = evidence.repository.index
        return [file.path for file in evidence.dependency_files if file.path in index]

    def protects(self, layout: Layout) -> Protection:
        """Return that dependency files are frozen, and that no package may be installed."""
        return Protection(frozen=dependency_globs(layout.root), installs=True)

    def _imported(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings about editable scripts: one for each script that has become a link,
        one for each change of the dependencies that a script declares in its comments, and one for
        each package or kernel that a changed script newly loads and may not load, as `_foreign`
        says. OuroError if a changed script cannot be parsed."""
        yield from linked_scripts(evidence)
        changed = list(changed_scripts(evidence))
        own = _own_modules(evidence) | set(self.modules) if changed else set()
        for script in changed:
            yield from _settings(evidence, script)
            found: dict[str, int] = {}
            for data in script.versions:
                found |= parse(evidence, script.path, data).imports
            first: dict[str, int] = {}  # of each package, or kernel, its first line
            for module, line in found.items():
                top = _top(module)
                first[top] = min(line, first.get(top, line))
            foreign = {top: words for top in first if (words := self._foreign(evidence, top, own))}
            # The trusted bytes are parsed only if there is something to report.
            before = _trusted_imports(script) if foreign else set()
            for top, words in foreign.items():
                if top not in before:
                    yield _import_finding(evidence, script, top, first[top], words)

    def _foreign(self, evidence: Evidence, top: str, own: set[str]) -> str:
        """Return in words why a script may not load ``top``, the name of a package or, as
        ``kernels:NAME``, of a kernel; "" if it may. A kernel must be in the rule's ``kernels``. A
        package must be in the standard library or provided by a trusted dependency file, or its
        name or that of its distribution must be in ``own``."""
        if top.startswith("kernels:"):
            name = top.partition(":")[2]
            return "" if name in self.kernels else f"loads the kernel {name} from the hub"
        if top in sys.stdlib_module_names:
            return ""
        names = {top, normal(top), normal(_MODULES.get(top, top))}
        if names & own or _is_provided(evidence, names):
            return ""
        return f"imports {top}, which no trusted dependency provides"


def _settings(evidence: Evidence, script: ChangedScript) -> Iterator[Finding]:
    """Yield a finding for each way in which the requirements in a script's own comments, below ``#
    /// script``, differ from those of its trusted version, with the places that introduced it;
    nothing if they do not."""
    before = in_script(script.trusted)

    def difference(data: bytes | None) -> str:
        """Return in words how the requirements in a version of the script differ from the trusted
        ones; "" if they do not, or the script is absent (None)."""
        return "" if data is None else _change(before, in_script(data))

    found = {place: difference(data) for place, data in script.now.items()}
    for words in sorted(set(filter(None, found.values()))):
        now = {place: script.now[place] for place, change in found.items() if change == words}
        where, commit = places(evidence, script.path, now, difference)
        yield Finding(
            f"{script.path}: {words}",
            where=f"its block of settings (# /// script), changed in: {several(where)}",
            help="undo it there; a person adds a dependency and blesses it: pytest-ouro bless"
            + (or_drop(evidence, script.path, commit) if commit else ""),
            facts={"path": script.path},
        )


def _trusted_imports(script: ChangedScript) -> set[str]:
    """Return the top-level names of the packages that the trusted version of a script imports, and
    its kernels (``kernels:NAME``); the empty set if there is no such version or it cannot be
    parsed."""
    from pytest_ouro.evidence.python.source import decode, source

    try:
        return {_top(module) for module in source(decode(script.trusted or b"")).imports}
    except (SyntaxError, RecursionError):
        return set()


def _import_finding(
    evidence: Evidence, script: ChangedScript, top: str, line: int, words: str
) -> Finding:
    """Return the finding that ``script`` imports the package ``top``, or loads that kernel
    (``kernels:NAME``), first in ``line``, with the places that introduced it. ``words`` say what is
    wrong."""

    def imports(data: bytes | None) -> bool:
        """Return whether a version of the script imports ``top``; False if it is absent (None) or
        cannot be read."""
        if data is None:
            return False
        try:
            return top in map(_top, parse(evidence, script.path, data).imports)
        except OuroError:  # a commit in between that cannot be read has a message of its own
            return False

    where, commit = places(evidence, script.path, script.now, imports)
    return Finding(
        f"{script.path}:{line} {words}",
        where=f"imported in: {several(where)}",
        help="use what is there; a person adds a dependency and blesses it: pytest-ouro bless"
        + (or_drop(evidence, script.path, commit) if commit else ""),
        facts={"path": script.path, "line": line, "module": top},
    )


def _top(module: str) -> str:
    """Return the first part of a module's dotted name: ``a`` for ``a.b``. The name of a kernel,
    ``kernels:…``, is returned unchanged."""
    return module if module.startswith("kernels:") else module.split(".")[0]


def _is_provided(evidence: Evidence, names: set[str]) -> bool:
    """Return whether a trusted dependency file provides a distribution with one of these names. A
    lock may have thousands of lines: a file is read only if those before it have none of the
    names."""
    return any(
        not names.isdisjoint(_distributions(file.path, file.trusted))
        for file in evidence.dependency_files
        if file.trusted is not None
    )


@lru_cache(maxsize=64)  # asked for with every import of every commit
def _distributions(path: str, data: bytes) -> frozenset[str]:
    """Return the names of the distributions that a dependency file provides. For a name with an
    ending that tells builds apart, such as ``-gpu``, the name without the ending is returned
    too."""
    names = provided(path, data)
    return names | {re.sub(_BUILDS, "", name) for name in names}


def _own_modules(evidence: Evidence) -> set[str]:
    """Return the names of the experiment's own modules: the harness, and each editable or trusted
    file or folder at the top of the experiment's folder, without ``.py``."""
    layout = evidence.layout
    folder = f"{layout.root}/" if layout.root else ""
    editable = matching(evidence.repository.index, layout.editable_globs)
    names = {path[len(folder) :].split("/")[0] for path in editable if path.startswith(folder)}
    names |= evidence.trust.names_in(layout.root)
    return {name.removesuffix(".py") for name in (layout.harness, *names)}


def _declared(evidence: Evidence, file: DependencyFile) -> Iterator[Finding]:
    """Yield a finding for each way in which a manifest or lock file of Python differs from trust,
    in the commit, the index or the working tree; nothing if it does not."""
    found = {place: _difference(file, data) for place, data in file.now.items()}
    for difference in dict.fromkeys(filter(None, found.values())):
        now = {place: file.now[place] for place, words in found.items() if words == difference}
        where, _ = places(evidence, file.path, now, lambda data: _difference(file, data))
        yield Finding(
            f"{file.path}: {difference}",
            where=f"changed in: {several(where)}",
            help=undo_command(evidence, file.path, known=file.known),
            facts={"path": file.path},
            paths=(file.path,),
            parts=tuple(
                dict.fromkeys(
                    f"{file.path} {part}" for data in now.values() for part in _parts(file, data)
                )
            ),
        )


def _parts(file: DependencyFile, data: bytes | None) -> Iterator[str]:
    """Yield each change of ``data``, a dependency file in one place that differs from trust, by
    itself, as ``added a ==1`` or ``removed c``; all of them, also those that `_difference` only
    counts. A file that trust lacks yields ``a new dependency file`` before its packages. Yield what
    `_difference` returns if no single change is known."""
    found: list[str] = []
    if data is not None and (file.trusted is not None or not file.known):
        before = {} if file.trusted is None else statements(file.path, file.trusted)
        changes = _changes(before, statements(file.path, data))
        found = [f"{verb} {name}" for verb, names in changes.items() for name in names]
    if not file.known:
        yield "a new dependency file"
    yield from found or [_difference(file, data)]


def _foreign_changes(evidence: Evidence) -> Iterator[Finding]:
    """Yield a finding for each dependency file of another language that changed since trust;
    nothing while a blessing is not committed."""
    if evidence.trust.blessing_pending:
        return
    changed: dict[str, list[Change]] = {}
    for change in evidence.repository.changes_of(evidence.foreign_dependency_files):
        changed.setdefault(change.path, []).append(change)
    for path, changes in changed.items():
        yield Finding(
            f"{path} was {changes[0].kind}: it declares dependencies that this check cannot read",
            where=f"{changes[0].kind} in: {several([change.where for change in changes])}",
            help=undo_command(evidence, path, known=evidence.trust.before(path) is not None),
            facts={"path": path},
            paths=(path,),
        )


def _difference(file: DependencyFile, data: bytes | None) -> str:
    """Return in words how ``data``, a dependency file in one place, differs from trust; "" if it
    does not. A lock differs by any change except line endings, a manifest only by what it states
    about packages, or by any change if its trusted bytes are not found. ``data`` is None if the
    file is absent; a file that trust lacks differs if it is there."""
    if data is None:
        return "deleted" if file.known else ""
    if not file.known:
        named = [_short(name) for name in statements(file.path, data)]
        return f"a new dependency file ({several(named)})" if named else "a new dependency file"
    if has_digest(data, file.trusted_digest):
        return ""
    if file.trusted is None:
        return "changed since it was blessed"
    words = _change(statements(file.path, file.trusted), statements(file.path, data))
    if not words and file.locks:
        return "the lock changed (same packages and versions)"
    return words


def _change(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return in words which statements were added, removed or changed, of each kind three at most
    and the number of the others; "" if they are equal. The arguments are those of `_changes`."""
    changes = _changes(before, after)
    return "; ".join(f"{verb} {several(names)}" for verb, names in changes.items() if names)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """Return a dict from ``added``, ``removed`` and ``changed`` to the statements of that kind in
    words, sorted, [] for none; long ones are cut (`_short`). Both arguments map the name of a
    package to what is stated about it, such as its versions."""
    old, new = before.keys(), after.keys()
    changed = sorted(name for name in old & new if before[name] != after[name])
    return {
        "added": [_short(f"{name} {after[name]}".strip()) for name in sorted(new - old)],
        "removed": [_short(name) for name in sorted(old - new)],
        "changed": [f"{n} {_short(before[n])} → {_short(after[n])}" for n in changed],
    }


def _short(text: str) -> str:
    """Return a text, cut to 77 characters and ``…`` if it has more than 80."""
    return text if len(text) <= 80 else text[:77] + "…"


def _installed(evidence: Evidence) -> Iterator[Finding]:
    """Yield one finding, a warning, if the project's ``.venv`` has distributions that no trusted
    lock names; nothing if it has none, if there is no ``.venv``, or if trust has no lock."""
    if not evidence.installed:
        return
    locked: dict[str, str] = {}
    for file in evidence.dependency_files:
        if file.locks and file.trusted is not None:
            locked |= {normal(k): v for k, v in statements(file.path, file.trusted).items()}
    spare = sorted(evidence.installed.keys() - locked) if locked else []
    if spare:
        yield Finding(
            f"{len(spare)} installed and not locked: {several(spare)}",
            where="in .venv",
            help="build the environment again from the lock, unless a person wanted these",
            facts={"packages": len(spare)},
            warns=True,
        )
