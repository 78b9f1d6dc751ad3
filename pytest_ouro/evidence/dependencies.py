"""Read which dependencies manifests declare and lock files lock, in their trusted versions and in
each checked place (commit, index, working tree)."""

from __future__ import annotations

import contextlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_ouro.core import limits
from pytest_ouro.core.fast_dataclass import dataclass
from pytest_ouro.evidence import toml
from pytest_ouro.evidence.content import canonical
from pytest_ouro.evidence.paths import join, matches
from pytest_ouro.evidence.python.installed import normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from pytest_ouro.evidence.repository import Place, Repository
    from pytest_ouro.evidence.trust import Trust

DECLARED = (
    *("pyproject.toml", "*requirements*.txt", "*requirements*.in", "constraints*.txt"),
    *("requirements/*.txt", "requirements/*.in", "uv.toml", "pixi.toml"),
    *("setup.py", "setup.cfg", "environment*.yml", "environment*.yaml", "Pipfile"),
)
LOCKED = (
    *("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "pylock.*.toml"),
    *("Pipfile.lock", "conda-lock.yml", "requirements*.lock", ".python-version", "pixi.lock"),
)
#: Files that declare or lock the dependencies of other languages; their contents are not read.
FOREIGN = frozenset((
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"),
    *("bun.lock", "bun.lockb", "deno.json", "deno.jsonc", "deno.lock", "jsr.json", "bower.json"),
    *("Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", "go.mod", "go.sum", "go.work"),
    *("Cargo.toml", "Cargo.lock", "pom.xml", "ivy.xml", "libs.versions.toml", "build.sbt"),
    *("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"),
    *("project.clj", "deps.edn", "composer.json", "composer.lock", "mix.exs", "mix.lock"),
    *("rebar.config", "pubspec.yaml", "Package.swift", "Package.resolved", "Podfile", "Cartfile"),
    *("packages.config", "packages.lock.json", "Directory.Packages.props", "stack.yaml"),
    *("cabal.project", "dune-project", "Project.toml", "Manifest.toml", "renv.lock"),
    *("DESCRIPTION", "conanfile.txt", "conanfile.py", "vcpkg.json", "dub.json", "build.zig.zon"),
    *("shard.yml", "cpanfile"),
))  # fmt: skip
_FOREIGN_ENDINGS = (
    *(".gemspec", ".csproj", ".fsproj", ".vbproj", ".cabal", ".opam", ".rockspec", ".nimble"),
)
#: The keys of installers' tables that decide which packages are installed.
_TOOLS = {
    "uv": (
        *("sources", "index", "index-url", "extra-index-url", "find-links", "no-index", "pip"),
        *("dev-dependencies", "override-dependencies", "constraint-dependencies", "workspace"),
        *("build-constraint-dependencies", "extra-build-dependencies", "exclude-dependencies"),
        *("dependency-metadata", "index-strategy", "prerelease", "resolution"),
    ),
    "poetry": ("dependencies", "dev-dependencies", "group", "source", "extras"),
    "pdm": ("dev-dependencies", "source", "resolution"),
    "rye": ("dev-dependencies", "sources"),
    "hatch": ("envs", "metadata"),
    "setuptools": ("dynamic",),
    "pixi": (
        *("dependencies", "pypi-dependencies", "pypi-options", "feature", "environments"),
        *("target", "project", "workspace", "build-dependencies", "host-dependencies"),
    ),
}
_INCLUDE = r"(?m)^[ \t]*(?:-r|-c|--requirement|--constraint)[ =]*([^\s#]+)"


@dataclass(frozen=True)
class DependencyFile:
    """One manifest or lock file, at a repository-relative path.

    ``known`` is whether the file is trusted: bound.lock lists it, or, without bound.lock, the
    trusted commit contains it. ``trusted`` are its trusted bytes; None if the file is not known, or
    if bound.lock has its digest and no file with these bytes is found. ``trusted_digest`` is
    ``sha256:…`` of the trusted bytes; "" if the file is not known. ``now`` are its bytes by checked
    place (commit, index, working tree); None for a place without it.
    """

    path: str
    known: bool
    trusted: bytes | None
    trusted_digest: str
    now: Mapping[Place, bytes | None]

    @property
    def locks(self) -> bool:
        """Whether the file has the name of a lock file, such as uv.lock; False for a manifest."""
        return matches(self.path.rpartition("/")[2], LOCKED)


def is_dependency_file(path: str, root: str) -> bool:
    """Return whether ``path`` is, by its name and folder, a Python manifest or lock file of the
    experiment in the folder ``root`` ("": the top), such as pyproject.toml or uv.lock.

    The file must lie directly in ``root`` or in a folder above ``root``; ``*.txt`` and ``*.in`` may
    also lie in a subfolder ``requirements`` of one of these. Both arguments are
    repository-relative.
    """
    folder, _, name = path.rpartition("/")
    if f"/{folder}".endswith("/requirements"):
        folder, name = folder.removesuffix("requirements").rstrip("/"), f"requirements/{name}"
    above = not folder or root == folder or root.startswith(folder + "/")
    return above and matches(name, (*DECLARED, *LOCKED))


def foreign_files(near: Set[str], trust: Trust, root: str) -> list[str]:
    """Return the sorted repository-relative paths of manifests and lock files of other languages
    than Python that lie directly in the folder ``root`` ("": the top) or in a folder above it. They
    are taken from the trusted commit and from ``near``, the result of `present_near`. Raise
    GitError or LimitError if git's objects cannot be read."""
    above = frozenset(_upwards(root))
    known = _trusted_in(trust.committed, above) | near
    return sorted(path for path in known if _is_foreign(path, above))


def _is_foreign(path: str, folders: Set[str]) -> bool:
    """Return whether a path is that of a manifest or lock file of another language than Python,
    directly in one of the folders."""
    folder, _, name = path.rpartition("/")
    return folder in folders and (name in FOREIGN or name.endswith(_FOREIGN_ENDINGS))


@lru_cache(maxsize=8)
def _trusted_in(paths: frozenset[str], folders: frozenset[str]) -> frozenset[str]:
    """Return those of the paths that lie directly in one of the folders. The result is cached,
    since the trusted paths are the same for every commit of a history."""
    return frozenset(path for path in paths if path.rpartition("/")[0] in folders)


def present_near(repository: Repository, root: str) -> set[str]:
    """Return the repository-relative paths of all files, whatever their names, directly in the
    folders that may have dependency files of the experiment in ``root`` (see `_folders`): the files
    of the checked commit and, unless only a commit is checked, of the index, and untracked files
    unless the index is checked. Raise GitError or LimitError if git's objects cannot be read."""
    store, folders = repository.git.store, _folders(root)
    found = {path for folder in folders for path in store.files_in(repository.head, folder)}
    if repository.subject != "commit":
        present = (*repository.index, *repository.untracked)
        found.update(path for path in present if path.rpartition("/")[0] in folders)
    return found


def dependency_globs(root: str) -> list[str]:
    """Return the globs, relative to the repository's top, that match what `is_dependency_file`
    accepts for ``root``: first those in ``root``, then those in each folder above it."""
    return [join(folder, name) for folder in _upwards(root) for name in (*DECLARED, *LOCKED)]


def _upwards(root: str) -> list[str]:
    """Return the folder ``root``, then each folder above it, up to the top, ""."""
    parts = root.split("/") if root else []
    return ["/".join(parts[:depth]) for depth in range(len(parts), -1, -1)]


def _folders(root: str) -> frozenset[str]:
    """Return the folders that directly hold what `is_dependency_file` accepts for ``root``:
    ``root``, each folder above it, and the subfolder ``requirements`` of each of these."""
    above = _upwards(root)
    return frozenset([*above, *(join(folder, "requirements") for folder in above)])


def observe(
    near: Set[str], repository: Repository, trust: Trust, root: str
) -> tuple[DependencyFile, ...]:
    """Return the dependency files of the experiment in ``root``, sorted by path: the manifests and
    lock files (see `is_dependency_file`) that are trusted or in ``near``, the result of
    `present_near`. A file that the trusted bytes of one of these include by ``-r`` or ``-c``,
    directly or through others, is returned too if it is trusted or in a checked place.

    Raise LimitError if a file has more than `limits.DEPENDENCIES` bytes, OuroError if one cannot be
    read.
    """
    places = (trust.paths, repository.head_tree, repository.index, repository.untracked)
    asked = _trusted_in(trust.paths, _folders(root)) | near
    paths = [path for path in sorted(asked) if is_dependency_file(path, root)]
    known = set(paths)
    for path in paths:
        further = included(path, trust.read(path) or b"")
        found = [name for name in dict.fromkeys(further) if any(name in place for place in places)]
        new = [name for name in found if name not in known]
        known.update(new)
        paths += new
    contents = repository.contents(sorted(paths), limit=limits.DEPENDENCIES)
    return tuple(
        DependencyFile(path, path in trust.paths, trust.read(path), trust.digest(path), now)
        for path, now in contents.items()
    )


def included(path: str, data: bytes) -> list[str]:
    """Return the repository-relative paths that the requirements file ``path``, with the bytes
    ``data``, includes by ``-r`` or ``-c`` (or their long forms), in the order of the file. Paths
    that do not exist are returned too, those outside the repository are not. Return [] if the name
    does not end in ``.txt`` or ``.in``."""
    if not path.endswith((".txt", ".in")):
        return []
    found = []
    for name in re.findall(_INCLUDE, data.decode(errors="replace")):
        with contextlib.suppress(ValueError):  # outside the repository
            found.append(join(path.rpartition("/")[0], name))
    return found


@lru_cache(maxsize=16)  # a lock of thousands of lines is the same in many commits of a loop
def statements(path: str, data: bytes) -> Mapping[str, str]:
    """Return what a dependency file states as a dict, by which two versions of the file are
    compared.

    For pyproject.toml, map a setting such as ``torch (dependencies)`` to its constraint, such as
    ``>=2`` ("": none; see `_pyproject`). For a TOML lock file, map each package's name to its
    version. For a requirements file, map each requirement's name to its constraint. For any other
    file, and for a pyproject.toml or a lock file that is invalid TOML or has another form, map
    ``line TEXT`` to "" for each line, without comments.
    """
    text = canonical(data).decode(errors="replace")
    name = path.rpartition("/")[2]
    try:
        if name == "pyproject.toml":
            return _pyproject(toml.loads(text))
        if name.endswith((".lock", ".toml")) and matches(name, LOCKED):
            return _locked(toml.loads(text))
    except (ValueError, TypeError, LookupError):
        pass
    lines = (line.split(" #")[0].strip() for line in text.splitlines())
    kept = [line for line in lines if line and not line.startswith("#")]
    if matches(path, ("**/*requirements*", "**/constraints*", "**/requirements/*")):
        return _joined(map(_requirement, kept))
    return {f"line {line}": "" for line in kept}


def in_script(data: bytes | None) -> dict[str, str]:
    """Return the dependencies that a script declares in its comments (PEP 723, as ``uv run`` reads
    them), as a dict like that of `statements`, with keys such as ``torch (dependencies)``,
    ``python`` and ``tool.uv.sources``.

    Return {} if the script declares nothing, or if ``data`` is None. If the comments are invalid
    TOML, or have another form, each of their lines is a key ``line TEXT`` with the value "".
    """
    text = _block(canonical(data or b"").decode(errors="replace"))
    if not text:
        return {}
    try:
        table = toml.loads(text)
        return _pyproject({"project": table, "tool": table.get("tool", {})})
    except (ValueError, TypeError):
        return {f"line {line}": "" for line in text.splitlines()}


def _block(text: str) -> str:
    """Return the TOML text of the first PEP 723 block in a script: the lines between ``# ///
    script`` and the last ``# ///`` of the same unbroken run of comment lines, without ``# ``; "" if
    there is none."""
    if "# /// script" not in text:
        return ""
    start = end = 0
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if start and line == "# ///" and number > start + 1:
            end = number
        elif start and line != "#" and not line.startswith("# "):
            if end:
                break
            start = 0
        elif not start and line == "# /// script":
            start = number
    return "\n".join(line[2:] for line in lines[start : end - 1]) if end else ""


def _joined(stated: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a dict of the (name, value) pairs. If a name occurs several times, its values are
    joined by ``, ``."""
    found: dict[str, list[str]] = {}
    for key, value in stated:
        found.setdefault(key, []).append(value)
    return {key: ", ".join(values) for key, values in found.items()}


def provided(path: str, data: bytes) -> frozenset[str]:
    """Return the names, normalised by `normal`, of the distributions that a manifest or lock file
    declares or locks: the packages that code may import without a new dependency. The set may
    contain other words too: every word of setup.py, setup.cfg, environment files, Pipfile and
    conda-lock.yml, and keys such as ``python`` of other files."""
    name = path.rpartition("/")[2]
    if matches(name, ("setup.*", "environment*", "Pipfile", "conda-lock.yml")):
        words = re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", data.decode(errors="replace"))
        return frozenset(map(normal, words))
    names = (name.split(" ")[0].split("[")[0] for name in statements(path, data))
    return frozenset(map(normal, names))


def _requirement(line: str) -> tuple[str, str]:
    """Split a requirement such as ``Torch >= 2`` into its normalised name and the rest without
    blanks: ``("torch", ">=2")``. Return a line that has no name at its start, such as ``-r x``,
    whole, with "" as the rest."""
    match = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)", line)
    if not match or line.startswith("-"):
        return line, ""
    return normal(match[1]), re.sub(r"\s+", "", match[2])


def _pyproject(table: dict[str, object]) -> dict[str, str]:
    """Return the settings of a parsed pyproject.toml that decide what is installed, as a dict from
    names such as ``torch (dependencies)``, ``python`` or ``tool.uv.sources`` to values; from
    ``[tool]`` only the keys of `_TOOLS`. Raise TypeError if a table has another form."""
    project, tool = (toml.table(table.get(name, {})) for name in ("project", "tool"))
    extras = toml.table(project.get("optional-dependencies", {}))
    groups = toml.table(table.get("dependency-groups", {}))
    requirements = {
        "dependencies": project.get("dependencies", []),
        **{f"extra {name}": lines for name, lines in extras.items()},
        **{f"group {name}": lines for name, lines in groups.items()},
        "build-system": toml.table(table.get("build-system", {})).get("requires", []),
    }
    stated = []
    for label, lines in requirements.items():
        for line in toml.array(lines):
            key, value = _requirement(line) if isinstance(line, str) else (repr(line), "")
            stated.append((f"{key} ({label})", value))
    found = _joined(stated)
    if "requires-python" in project:
        found["python"] = str(project["requires-python"])
    for key in ("dependencies", "optional-dependencies"):
        if key in toml.array(project.get("dynamic", [])):
            found[f"{key} (dynamic)"] = "yes"
    for name, keys in _TOOLS.items():
        settings = toml.table(tool.get(name, {}))
        found |= {f"tool.{name}.{key}": repr(settings[key]) for key in keys if key in settings}
    return found


def _locked(table: dict[str, object]) -> dict[str, str]:
    """Return the version of each package ("": not stated) by name, from ``[[package]]`` (uv,
    poetry, pdm) or ``[[packages]]`` (pylock) of a parsed lock file; several versions of one are
    joined by ``, ``. Raise LookupError or TypeError if these have another form."""
    packages = [*toml.array(table.get("package", [])), *toml.array(table.get("packages", []))]
    rows = map(toml.table, packages)
    return _joined((str(one["name"]), str(one.get("version", ""))) for one in rows)
