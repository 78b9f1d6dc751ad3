"""Dependencies as files state them: what is declared and what is locked, before and now."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_ouro.evidence import toml
from pytest_ouro.evidence.installed import normal
from pytest_ouro.evidence.paths import matches
from pytest_ouro.evidence.repository import canonical
from pytest_ouro.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ouro.evidence.repository import Place, Repository
    from pytest_ouro.evidence.trust import Trust

DECLARED = (
    *("pyproject.toml", "requirements*.txt", "requirements*.in", "constraints*.txt"),
    *("setup.py", "setup.cfg", "environment*.yml", "environment*.yaml", "Pipfile"),
)
LOCKED = (
    *("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "pylock.*.toml"),
    *("Pipfile.lock", "conda-lock.yml", "requirements*.lock", ".python-version"),
)


@dataclass(frozen=True)
class DependencyFile:
    """One manifest or lock file. ``trusted`` is None where trust has no text of it."""

    path: str
    known: bool
    trusted: bytes | None
    trusted_digest: str
    now: Mapping[Place, bytes | None]

    @property
    def locks(self) -> bool:
        return matches(self.path.rpartition("/")[2], LOCKED)


def is_dependency_file(path: str, root: str) -> bool:
    """Whether ``path`` is a manifest or lock of the experiment: in its folder or one above."""
    folder, _, name = path.rpartition("/")
    above = not folder or root == folder or root.startswith(folder + "/")
    return above and matches(name, (*DECLARED, *LOCKED))


def observe(repository: Repository, trust: Trust, root: str) -> tuple[DependencyFile, ...]:
    """The dependency files that trust knows or that stand anywhere now."""
    candidates = {*trust.paths, *repository.head_tree, *repository.index, *repository.untracked}
    paths = sorted(path for path in candidates if is_dependency_file(path, root))
    contents = repository.contents(paths)
    return tuple(
        DependencyFile(path, path in trust.paths, trust.read(path), trust.digest(path), now)
        for path, now in contents.items()
    )


def statements(path: str, data: bytes) -> dict[str, str]:
    """What a dependency file states: a name (``declared torch``, ``locked numpy``) to its value.

    A file that cannot be read as its format is taken line by line: any change of it counts.
    """
    text = canonical(data).decode(errors="replace")
    name = path.rpartition("/")[2]
    try:
        if name == "pyproject.toml":
            return _pyproject(toml.loads(text))
        if name.endswith((".lock", ".toml")) and matches(name, LOCKED):
            table = toml.loads(text)
            return _locked(table)
    except (ValueError, TypeError, AttributeError):
        pass
    lines = (line.split(" #")[0].strip() for line in text.splitlines())
    kept = [line for line in lines if line and not line.startswith("#")]
    if matches(name, ("requirements*", "constraints*")):
        found: dict[str, str] = {}
        for line in kept:
            _add(found, *_requirement(line))
        return found
    return {f"line {line}": "" for line in kept}


def _add(found: dict[str, str], key: str, value: str) -> None:
    """Another statement about the same name counts too: ``six @ URL`` beside ``six``."""
    found[key] = f"{found[key]}, {value}" if key in found else value


@lru_cache(maxsize=64)  # what is trusted is asked for with every commit
def provided(path: str, data: bytes) -> frozenset[str]:
    """Normalised names of the distributions that a manifest or lock brings.

    A format that is taken line by line may mean any word in it.
    """
    name = path.rpartition("/")[2]
    if matches(name, ("setup.*", "environment*", "Pipfile", "conda-lock.yml")):
        words = re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", data.decode(errors="replace"))
        return frozenset(map(normal, words))
    names = (name.split(" ")[0].split("[")[0] for name in statements(path, data))
    return frozenset(map(normal, names))


def _requirement(line: str) -> tuple[str, str]:
    """``Torch >= 2`` as ``("torch", ">=2")``; options such as ``-r x`` stand for themselves."""
    match = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)", line)
    if not match or line.startswith("-"):
        return line, ""
    return re.sub(r"[-_.]+", "-", match[1]).lower(), re.sub(r"\s+", "", match[2])


def _pyproject(table: dict[str, Any]) -> dict[str, str]:
    """The parts of pyproject.toml that decide what gets installed; the rest may change freely."""
    found: dict[str, str] = {}
    project, tool = table.get("project", {}), table.get("tool", {})

    def requirements(label: str, lines: list[Any]) -> None:
        for line in lines:
            if isinstance(line, str):
                key, value = _requirement(line)
                _add(found, f"{key} ({label})", value)
            else:
                found[f"{line!r} ({label})"] = ""

    requirements("dependencies", project.get("dependencies", []))
    for extra, lines in project.get("optional-dependencies", {}).items():
        requirements(f"extra {extra}", lines)
    for group, lines in table.get("dependency-groups", {}).items():
        requirements(f"group {group}", lines)
    requirements("build-system", table.get("build-system", {}).get("requires", []))
    if "requires-python" in project:
        found["python"] = str(project["requires-python"])
    if "dependencies" in project.get("dynamic", []):
        found["dependencies (dynamic)"] = "yes"
    uv = tool.get("uv", {})
    for key in sorted(
        uv.keys() & {"sources", "index", "index-url", "extra-index-url", "dev-dependencies",
                     "override-dependencies", "constraint-dependencies", "find-links"}
    ):  # fmt: skip
        found[f"tool.uv.{key}"] = repr(uv[key])
    for key in sorted(tool.get("poetry", {}).keys() & {"dependencies", "group", "source"}):
        found[f"tool.poetry.{key}"] = repr(tool["poetry"][key])
    if "dev-dependencies" in tool.get("pdm", {}):
        found["tool.pdm.dev-dependencies"] = repr(tool["pdm"]["dev-dependencies"])
    return found


def _locked(table: dict[str, Any]) -> dict[str, str]:
    """``[[package]]`` (uv, poetry, pdm) or ``[[packages]]`` (pylock) by name."""
    found: dict[str, str] = {}
    for package in [*table.get("package", []), *table.get("packages", [])]:
        _add(found, str(package["name"]), str(package.get("version", "")))
    return found
